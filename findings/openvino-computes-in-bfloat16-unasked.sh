#!/usr/bin/env bash
# OpenVINO computes a float32 model in bfloat16 where the processor can, unless it is told not to.
#
# One would guess that a model whose weights and inputs are float32 is computed in float32 on a CPU, as ONNX Runtime
# does. On processors with AVX-512 BF16 or AMX, OpenVINO's CPU device takes bfloat16, which keeps 8 bits of 24: the
# answers depend on the machine, and are off by a few thousandths there. The same program gives float32
# answers on the laptop beside it.
# What to do: compile with {"INFERENCE_PRECISION_HINT": "f32"} where answers have to agree.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if ! grep -q -w -E 'avx512_bf16|amx_bf16' /proc/cpuinfo; then
    echo "this processor has no bfloat16: nothing to see"
    exit 0
fi
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    openvino==2026.4.1 onnx==1.22.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import onnx
import openvino
from onnx import TensorProto, helper, numpy_helper

print("openvino", openvino.__version__)
random = np.random.default_rng(0)
first = random.normal(size=(784, 512)).astype(np.float32) / 28
second = random.normal(size=(512, 10)).astype(np.float32) / 23
graph = helper.make_graph(
    [
        helper.make_node("MatMul", ["image", "first"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("MatMul", ["active", "second"], ["logits"]),
    ],
    "dense",
    [helper.make_tensor_value_info("image", TensorProto.FLOAT, [64, 784])],
    [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [64, 10])],
    [numpy_helper.from_array(first, "first"), numpy_helper.from_array(second, "second")],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
onnx.save(model, "dense.onnx")
images = random.random((64, 784)).astype(np.float32)
right = np.maximum(images.astype(float) @ first, 0) @ second

core = openvino.Core()


def off(settings):
    compiled = core.compile_model("dense.onnx", "CPU", settings)
    kind = compiled.get_property("INFERENCE_PRECISION_HINT")
    return kind, float(np.abs(compiled(images)[0] - right).max())


plain, told = off({}), off({"INFERENCE_PRECISION_HINT": "f32"})
print(f"as it comes: {plain[0]}, at most {plain[1]:.5f} off; told to take f32: {told[1]:.7f} off")
assert "bf16" in str(plain[0]) or "bfloat16" in str(plain[0])
assert plain[1] > 100 * told[1]
print("as described: bfloat16 without being asked")
PYTHON
