#!/usr/bin/env bash
# Keras on JAX: one call with a wrong shape leaves the model without weights.
#
# One would guess that a refused input changes nothing: Keras raises a clear ValueError about the shape, and the
# model can be used again with a right one. On the JAX backend predict() takes the variables' values away while
# it runs and gives them back afterwards; when the call raises, they are not given back, and every variable
# holds None. The next call, with a right input, fails with a TypeError that names neither shapes nor weights.
# What to do: check shapes before the call, or build or load the model again after such an error.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    keras==3.15.1 jax==0.10.2 numpy==2.4.6
cd "$folder"
KERAS_BACKEND=jax "$folder/venv/bin/python" - <<'PYTHON'
import importlib.metadata

import keras
import numpy as np

print("keras", keras.__version__, "jax", importlib.metadata.version("jax"))
model = keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(10)])
right, wrong = np.zeros((1, 28, 28), "float32"), np.zeros((28, 28), "float32")
print("right shape:", model.predict(right, verbose=0).shape)
try:
    model.predict(wrong, verbose=0)
    raise SystemExit("the wrong shape is accepted now")
except ValueError as error:
    print("wrong shape: ValueError:", str(error).split("\n")[0][:90])
print("values of the variables now:", [variable._value for variable in model.variables])
try:
    model.predict(right, verbose=0)
    raise SystemExit("the model works again now")
except TypeError as error:
    print("right shape again: TypeError:", error)
print("as described: the model has lost its weights")
PYTHON
