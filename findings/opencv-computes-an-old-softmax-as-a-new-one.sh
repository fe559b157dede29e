#!/usr/bin/env bash
# OpenCV: cv2.dnn computes an ONNX model of opset 11 by the rules of opset 13, and a slope per column per channel.
#
# One would guess that a reader which takes a model of an older opset computes what that opset says. Up to opset 12
# Softmax sums over all axes from `axis` on, so that a map of scores of (1, 3, 6, 8) with axis=1 adds up to 1 over 144
# values; from 13 on over the one axis. OpenCV, 4.12 and 5.0, sums over the one axis whatever the opset, and its results
# add up to 48. It also takes a PRelu's slopes of shape (3,), which belong to the last axis as everywhere in ONNX's
# broadcasting, for slopes of the channels, when both have the length 3. Shapes are right, and nothing is said.
# What to do: convert models to opset 13 or newer before, give slopes all their axes, and compare with ONNX Runtime.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/look.py" <<'PYTHON'
import cv2
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

random = np.random.default_rng(0)
slopes = np.array([0.1, 0.2, 0.3], np.float32)


def answers(operator, inputs, opset, x, weights=(), **attributes):
    graph = helper.make_graph(
        [helper.make_node(operator, inputs, ["y"], **attributes)], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, x.shape)],
        [numpy_helper.from_array(array, "w") for array in weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, "model.onnx")
    session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
    network = cv2.dnn.readNetFromONNX("model.onnx")
    network.setInput(x)
    return session.run(None, {"x": x})[0], network.forward()


x = random.normal(size=(1, 3, 6, 8)).astype(np.float32)
for opset in (11, 13):
    right, got = answers("Softmax", ["x"], opset, x, axis=1)
    print(f"opencv {cv2.__version__}: Softmax of opset {opset}: sum {got.sum():.2f}, ONNX Runtime {right.sum():.2f}")
    assert got.shape == right.shape and np.allclose(got, right, atol=1e-5) == (opset == 13)
x = random.normal(size=(1, 3, 6, 3)).astype(np.float32)
for shape in ((3,), (3, 1, 1)):
    right, got = answers("PRelu", ["x", "w"], 13, x, [slopes.reshape(shape)])
    by_channel = np.where(x > 0, x, x * slopes.reshape(3, 1, 1))
    print(f"opencv {cv2.__version__}: PRelu, slopes of shape {shape}: same as ONNX Runtime:", np.allclose(got, right))
    assert np.allclose(got, by_channel) and np.allclose(got, right) == (shape != (3,))
PYTHON
cd "$folder"
for version in 4.12.0.88 5.0.0.93; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/python" -m pip install --quiet --disable-pip-version-check \
        "opencv-python-headless==$version" onnx==1.23.2 onnxruntime==1.32.0 'numpy<2.3'
    "$folder/$version/bin/python" look.py
done
echo "as described: the opset and the axis of the slopes are not heeded"
