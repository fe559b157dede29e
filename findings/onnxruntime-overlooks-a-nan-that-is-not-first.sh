#!/usr/bin/env bash
# ONNX Runtime: whether a NaN is seen by ArgMax and ReduceMax depends on whether it comes first.
#
# A network that has come apart answers NaN. One would guess that the largest of some numbers and a NaN is NaN, as in
# NumPy and in ONNX's own reference evaluator, and that ArgMax points to it. ONNX Runtime compares one after another:
# a NaN in the first place stays, and a NaN in any other place is passed over, so that the answer is a plausible class
# with a plausible score. TopK, of the same runtime, finds the NaN wherever it is.
# What to do: look for NaN (IsNaN, or numpy.isfinite on the outputs) before a class is believed.
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
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

print("onnxruntime", onnxruntime.__version__, "onnx", onnx.__version__)
nodes = [
    helper.make_node("ArgMax", ["x"], ["argmax"], axis=1, keepdims=0),
    helper.make_node("ReduceMax", ["x"], ["max"], axes=[1], keepdims=0),
    helper.make_node("TopK", ["x", "one"], ["values", "topk"]),
]
graph = helper.make_graph(
    nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
    [helper.make_tensor_value_info(name, kind, None) for name, kind in
     (("argmax", TensorProto.INT64), ("max", TensorProto.FLOAT), ("topk", TensorProto.INT64))],
    [numpy_helper.from_array(np.array([1]), "one")],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
for place in range(4):
    row = np.array([[1, 2, 4, 3]], np.float32)
    row[0, place] = np.nan
    argmax, largest, topk = (output.item() for output in session.run(None, {"x": row}))
    told = [np.ravel(output).item() for output in ReferenceEvaluator(model).run(None, {"x": row})]
    print(f"{row[0].tolist()}: ArgMax {argmax}, ReduceMax {largest}, TopK {topk}; reference {told}; "
          f"numpy {row.argmax()}, {row.max()}")
    assert told[0] == topk == row.argmax() == place and np.isnan(told[1]) and np.isnan(row.max())
    assert (argmax == 0 and np.isnan(largest)) if place == 0 else (argmax != place and largest in (3, 4))
print("as described: a NaN that is not first is passed over")
PYTHON
