#!/usr/bin/env bash
# OpenCV: cv2.dnn pads SAME_UPPER and SAME_LOWER on the same side; up to 4 it is the one, in 5 the other.
#
# One would guess that cv2.dnn computes an ONNX model as ONNX Runtime does, or refuses it, and that an update keeps what
# was right. auto_pad="SAME_UPPER", what TensorFlow means by padding="same", puts an odd pixel of padding at the right
# and at the bottom, SAME_LOWER at the left and at the top. With a stride of 2 and an even size, as 28, there is such a
# pixel. OpenCV 4.12 puts it at the right for both names, and the new engine of 5.0 at the left for both: a network that
# 4 computed rightly sees every window one pixel off in 5. The shapes are right, and nothing is said.
# What to do: write `pads` into the model in place of auto_pad, and compare with ONNX Runtime.
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
x = random.normal(size=(1, 3, 28, 28)).astype(np.float32)
kernel = numpy_helper.from_array(random.normal(size=(4, 3, 3, 3)).astype(np.float32), "kernel")


def answers(operator, inputs, pad, **attributes):
    node = helper.make_node(operator, inputs, ["y"], strides=[2, 2], kernel_shape=[3, 3], auto_pad=pad, **attributes)
    channels = 4 if operator == "Conv" else 3
    graph = helper.make_graph(
        [node], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, channels, 14, 14])],
        [kernel] if "kernel" in inputs else [],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, "model.onnx")
    session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
    network = cv2.dnn.readNetFromONNX("model.onnx")
    network.setInput(x)
    return session.run(None, {"x": x})[0], network.forward()


for operator, inputs in (("Conv", ["x", "kernel"]), ("AveragePool", ["x"])):
    found = {pad: answers(operator, inputs, pad) for pad in ("SAME_UPPER", "SAME_LOWER")}
    for pad in found:
        like = [other for other in found if np.allclose(found[pad][1], found[other][0], atol=1e-4)]
        print(f"opencv {cv2.__version__}: {operator} {pad} computes what ONNX Runtime does for", *like)
PYTHON
cd "$folder"
for version in 4.12.0.88 5.0.0.93; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/python" -m pip install --quiet --disable-pip-version-check \
        "opencv-python-headless==$version" onnx==1.23.2 onnxruntime==1.32.0 'numpy<2.3'
    "$folder/$version/bin/python" look.py | tee -a seen.txt
done
for operator in Conv AveragePool; do
    for pad in SAME_UPPER SAME_LOWER; do
        grep -q "^opencv 4.*: $operator $pad computes .* for SAME_UPPER$" seen.txt
        grep -q "^opencv 5.*: $operator $pad computes .* for SAME_LOWER$" seen.txt
    done
done
echo "as described: each version knows one side"
