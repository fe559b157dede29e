#!/usr/bin/env bash
# Keras: compile() refuses an unknown optimizer, but takes any name of a loss.
#
# One would guess that compile() looks all names up. It does so for the optimizer: a misspelt name is a ValueError
# at once. The names of losses and metrics are looked up when the first batch has been computed: compile() with a
# misspelt loss succeeds, model.loss keeps the wrong name, and fit() fails after the data were loaded, prepared and
# the first batch was traced. A saved model with such a name loads and compiles again without a word.
# What to do: call keras.losses.get(name) yourself before anything that takes long.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    keras==3.15.1 jax==0.10.2 numpy==2.4.6
cd "$folder"
KERAS_BACKEND=jax "$folder/venv/bin/python" - <<'PYTHON'
import keras
import numpy as np

print("keras", keras.__version__)
WRONG = "categorical_crossentropie"
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
try:
    model.compile(optimizer="rmsprob", loss="mse")
    raise SystemExit("a misspelt optimizer is accepted now")
except ValueError as error:
    print("compile, optimizer misspelt: ValueError:", str(error).split("\n")[0][:60])
model.compile(optimizer="rmsprop", loss=WRONG)
print("compile, loss misspelt: accepted; model.loss is", repr(model.loss))
model.save("model.keras")
loaded = keras.models.load_model("model.keras")
print("saved and loaded again: accepted; loss is", repr(loaded.loss))
try:
    model.fit(np.zeros((8, 4)), np.eye(3)[np.zeros(8, int)], verbose=0)
    raise SystemExit("fit accepts it now")
except ValueError as error:
    print("fit: ValueError:", str(error).split("\n")[0][:80])
try:
    keras.losses.get(WRONG)
    raise SystemExit("keras.losses.get accepts it now")
except ValueError as error:
    print("keras.losses.get: ValueError:", str(error).split("\n")[0][:60])
print("as described: the loss is looked up in the first batch")
PYTHON
