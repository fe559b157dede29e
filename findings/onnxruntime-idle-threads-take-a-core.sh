#!/usr/bin/env bash
# ONNX Runtime: after a run its threads wait in a busy loop, so a program that also does work of its own pays twice.
#
# One would guess that a session which nobody is running takes no processor time. But each thread of its pool looks
# for the next run in a loop for a while before it sleeps. A program that runs a small network, works in Python for a
# few milliseconds, and runs it again, as readers of pictures do, keeps the other cores busy with waiting: here it takes
# at least a fifth more processor time, and the results are the same. On a machine that is shared, others wait.
# What to do: set the session's entry "session.intra_op.allow_spinning" to "0" where runs are short and far apart.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    onnxruntime==1.30.0 onnx==1.22.0 numpy==2.4.4
cd "$folder"
cat >spin.py <<'PYTHON'
import statistics
import time

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

weights = np.random.default_rng(0).normal(size=(512, 512)).astype(np.float32)
graph = helper.make_graph(
    [helper.make_node("MatMul", ["x", "w"], ["y"])], "product",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [64, 512])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, [64, 512])],
    [numpy_helper.from_array(weights, "w")],
)
content = helper.make_model(
    graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
).SerializeToString()
given = np.ones((64, 512), np.float32)


def session(spinning: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.add_session_config_entry("session.intra_op.allow_spinning", spinning)
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def processor_seconds(one: onnxruntime.InferenceSession) -> float:
    began = time.process_time()
    for _ in range(100):
        one.run(None, {"x": given})
        until = time.perf_counter() + 0.003
        while time.perf_counter() < until:
            pass  # the program's own work
    return time.process_time() - began


sessions = {name: session(name) for name in ("1", "0")}
answers = [one.run(None, {"x": given})[0] for one in sessions.values()]
taken = {"1": [], "0": []}
for _ in range(5):
    for name, one in sessions.items():
        taken[name].append(processor_seconds(one))
busy, asleep = (statistics.median(taken[name]) for name in ("1", "0"))
print(f"onnxruntime {onnxruntime.__version__}: 100 runs, 3 ms of other work after each")
print(f"the same results: {np.array_equal(*answers)}")
print(f"processor time {busy:.2f} s as it comes, {asleep:.2f} s without busy waiting")
raise SystemExit(not (np.array_equal(*answers) and busy > 1.2 * asleep))
PYTHON
"$folder/venv/bin/python" spin.py
