#!/usr/bin/env bash
# torch.onnx.export puts a network of eight thousand weights into two files, of which only one was named.
#
# One would guess that `torch.onnx.export(model, ..., "digits.onnx")` writes digits.onnx, and that weights go into a
# file of their own only where they exceed what one file may hold, 2 GB. PyTorch 2.13 writes the weights of a small
# dense network beside it, into digits.onnx.data. Copied, mailed or uploaded alone, digits.onnx does not load, and
# says so only where it is loaded.
# What to do: export with external_data=False, or send both files.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    torch==2.13.0 onnx==1.22.0 onnxscript==0.7.2 onnxruntime==1.32.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON' 2>errors.txt
import contextlib
import io
import shutil
import warnings
from pathlib import Path

import onnxruntime
import torch

warnings.simplefilter("ignore")
print("torch", torch.__version__)
model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10), torch.nn.Softmax(1)).eval()
image = torch.zeros(1, 28, 28)


def exported(folder, **settings):
    Path(folder).mkdir()
    with contextlib.redirect_stdout(io.StringIO()):
        torch.onnx.export(model, (image,), f"{folder}/digits.onnx", **settings)
    return {file.name: file.stat().st_size for file in sorted(Path(folder).iterdir())}


both, one = exported("plain"), exported("told", external_data=False)
print("as it comes:", both)
print("with external_data=False:", one)
shutil.copy("plain/digits.onnx", "alone.onnx")
try:
    onnxruntime.InferenceSession("alone.onnx")
    alone = "loads"
except Exception as error:
    alone = type(error).__name__
print("digits.onnx, copied alone:", alone)
assert set(both) == {"digits.onnx", "digits.onnx.data"}
assert set(one) == {"digits.onnx"}
assert alone != "loads"
print("as described: two files for 31 kB of weights")
PYTHON
