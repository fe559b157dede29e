#!/usr/bin/env bash
# ONNX Runtime, dynamic quantization: the answer for one image depends on which other images are in the batch.
#
# One would guess that a network without batch normalisation answers each row of a batch by itself, so that the
# rows may be sent together or one by one. A model made by quantize_dynamic does not: one scale for the
# activations is computed from the largest and smallest value of the whole batch. A neighbour with large values
# makes the steps coarse for all, and the answer for an unchanged row changes, here even its largest class.
# What to do: quantize statically (QDQ), or send rows one by one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import importlib.metadata
import logging

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import QuantType, quantize_dynamic

logging.disable(logging.WARNING)
print("onnxruntime", importlib.metadata.version("onnxruntime"))

# A layer of 64 inputs and 10 outputs.
random = np.random.default_rng(0)
weights = random.normal(size=(64, 10)).astype(np.float32)
helper = onnx.helper
graph = helper.make_graph(
    [helper.make_node("MatMul", ["x", "w"], ["y"])], "layer",
    [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 64])],
    [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["N", 10])],
    [onnx.numpy_helper.from_array(weights, "w")],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
onnx.save(model, "plain.onnx")
quantize_dynamic("plain.onnx", "dynamic.onnx", weight_type=QuantType.QInt8)

rows = random.uniform(0, 1, (1000, 64)).astype(np.float32)
loud = np.full((1, 64), 20, np.float32)
answers = {}
for name in ("plain", "dynamic"):
    session = onnxruntime.InferenceSession(f"{name}.onnx", providers=["CPUExecutionProvider"])
    alone = np.concatenate([session.run(None, {"x": row[None]})[0] for row in rows])
    beside = np.concatenate(
        [session.run(None, {"x": np.stack([row, loud[0]])})[0][:1] for row in rows]
    )
    changed = int((alone.argmax(1) != beside.argmax(1)).sum())
    answers[name] = changed
    print(f"{name}: largest output of {changed} of 1000 rows changes when a loud row is beside it;"
          f" largest difference {np.abs(alone - beside).max():.3f}")
assert answers["plain"] == 0, answers
assert answers["dynamic"] >= 10, answers
print("as described: the neighbours change the answers")
PYTHON
