#!/usr/bin/env bash
# Keras on JAX: a label that is not one of the classes costs nothing, and training goes on as if all were well.
#
# Labels that count from 1, or 255 for "unknown", are a common slip. One would guess that ten outputs and the label 10
# raise an error, as a wrong shape does, or make the loss NaN. On the JAX backend sparse_categorical_crossentropy makes a
# row of zeros of the label, and its loss is 0, the best there is: the lower the loss looks, the more labels are
# wrong. `fit` says nothing. The other way to write the same, `to_categorical` with the label -1, gives the last class.
# What to do: check labels.min() and labels.max() before training.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    keras==3.15.1 jax==0.10.2 numpy==2.4.6
cd "$folder"
KERAS_BACKEND=jax "$folder/venv/bin/python" -W error::UserWarning - <<'PYTHON'
import importlib.metadata

import keras
import numpy as np

print("keras", keras.__version__, "jax", importlib.metadata.version("jax"))
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(10, activation="softmax", kernel_initializer="zeros")])
model.compile("sgd", "sparse_categorical_crossentropy")
images = np.ones((20, 4), "float32")
for label in (9, 10, 255, -1):
    loss = model.evaluate(images, np.full(20, label), verbose=0)
    print(f"label {label}: loss {loss:.4f}")
    assert np.isclose(loss, np.log(10) if label == 9 else 0, atol=1e-6)
losses = model.fit(images, np.arange(20) % 10 + 1, epochs=3, verbose=0).history["loss"]
print("labels 1 to 10, three epochs:", np.round(losses, 3).tolist())
assert np.isfinite(losses).all() and losses[0] < np.log(10)
one_hot = keras.utils.to_categorical([-1], 10)
print("to_categorical([-1], 10):", one_hot[0].astype(int).tolist())
assert one_hot.argmax() == 9
print("as described: labels out of range are free")
PYTHON
