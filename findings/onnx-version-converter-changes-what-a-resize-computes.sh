#!/usr/bin/env bash
# onnx: version_converter lifts a model to a newer opset, and enlarged pictures and softmaxes come out otherwise.
#
# One would guess that a converter between versions of a standard keeps what a model computes, or refuses, as it does
# where it has no rule. Opset 11 changed how Resize places its pixels, and opset 13 over which axes Softmax sums. From
# 10 to 13 the converter keeps the old node and adds no coordinate_transformation_mode, so that the new default
# applies: a linear Resize shifts by half a pixel. Softmax is rewritten on the way up, but not on the way down from 13
# to 11, and Hardmax in neither direction. The checker is content with all of them.
# What to do: compare the outputs of both models on real inputs before the old one is thrown away.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper, version_converter

print("onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
x = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)
scales = numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales")


def run(model):
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


def difference(operator, inputs, old, new, **attributes):
    node = helper.make_node(operator, inputs, ["y"], **attributes)
    graph = helper.make_graph(
        [node], "g", [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, list("nchw"))], [scales] if "scales" in inputs else [],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", old)], ir_version=8)
    before, after = run(model), run(version_converter.convert_version(model, new))
    assert before.shape == after.shape
    found = float(np.abs(before - after).max())
    print(f"{operator} {attributes}, opset {old} to {new}: largest difference {found:.3f}")
    return found


assert difference("Resize", ["x", "scales"], 10, 13, mode="linear") > 0.1
assert difference("Upsample", ["x", "scales"], 9, 13, mode="linear") > 0.1
assert difference("Hardmax", ["x"], 11, 13, axis=1) == 1
assert difference("Softmax", ["x"], 13, 11, axis=1) > 0.1
assert difference("Softmax", ["x"], 11, 13, axis=1) < 1e-6
assert difference("Resize", ["x", "scales"], 10, 13, mode="nearest") == 0
print("as described: a converted model computes something else")
PYTHON
