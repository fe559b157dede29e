#!/usr/bin/env bash
# safetensors: a NumPy array that is transposed or sliced is saved in the wrong order, without a word.
#
# Weights are often transposed on their way from one framework to another: PyTorch keeps a dense layer as (out, in),
# Keras as (in, out). One would guess that safetensors.numpy saves what the array holds, as numpy.save does, or refuses
# what does not lie in memory in order. It writes the bytes as they lie: the shape is right, values are in other places
# than they were, and nothing is raised.
# What to do: numpy.ascontiguousarray() around every array that is saved.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W error - <<'PYTHON'
import numpy as np
import safetensors
from safetensors.numpy import load_file, save_file

print("safetensors", safetensors.__version__)
weights = np.arange(6, dtype=np.float32).reshape(2, 3)
right = {}
for name, array in {
    "as it is": weights, "transposed": weights.T, "Fortran order": np.asfortranarray(weights),
    "every second column": weights[:, ::2], "transposed, copied": np.ascontiguousarray(weights.T),
}.items():
    save_file({"kernel": array}, "weights.safetensors")
    read = load_file("weights.safetensors")["kernel"]
    assert read.shape == array.shape
    right[name] = np.array_equal(read, array)
    print(f"{name}: saved {array.tolist()}, read {read.tolist()}")
assert right == {"as it is": True, "transposed": False, "Fortran order": False, "every second column": False,
                 "transposed, copied": True}, right
print("as described: arrays that do not lie in order are scrambled")
PYTHON
