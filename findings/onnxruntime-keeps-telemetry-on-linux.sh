#!/usr/bin/env bash
# ONNX Runtime: its wheels for Linux keep telemetry in the user's home, unless a variable is set before the import.
#
# One would guess that a library which runs networks on this machine writes nothing, or that its telemetry, known from
# Windows, is turned off by the function that is there for it. But importing it makes a number for the device and a
# database of events below ~/.cache, to be sent to Microsoft later: the program's path, the system, the processor; and
# for one in about a hundred models that are opened, drawn by chance, its file name, its graph's name and its producer.
# disable_telemetry_events() keeps the models out, but comes too late for the rest, as it can only be called once the
# module has been imported. In a home that cannot be written it warns and goes on in memory.
# What to do: set ORT_DISABLE_TELEMETRY=1 before the import, above all where programs or file names are private.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    onnxruntime==1.32.0 onnx==1.22.0 numpy==2.4.4
cd "$folder"
cat >opened.py <<'PYTHON'
import pathlib
import sys
import time

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

if sys.argv[1] == "asked":
    onnxruntime.disable_telemetry_events()
graph = helper.make_graph(
    [helper.make_node("Identity", ["x"], ["y"])], "graph-name",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
)
path = pathlib.Path("secret-project.onnx")
path.write_bytes(
    helper.make_model(
        graph, producer_name="our-lab", opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    ).SerializeToString()
)
for _ in range(1000):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
assert session.run(None, {"x": np.ones(1, np.float32)})[0] == 1
time.sleep(1)  # events reach the file after a while
PYTHON
cat >looked.py <<'PYTHON'
import pathlib
import sys

home = pathlib.Path(sys.argv[1])
files = sorted(path for path in home.rglob("*") if path.is_file())
names = [path.name for path in files if path.name in ("deviceid", "onnxruntime.db")]
content = b"".join(path.read_bytes() for path in files)
words = ("ProcessInfo", "python", "secret-project.onnx", "our-lab")
print(names, [word for word in words if word.encode() in content])
PYTHON
look() {  # $1: what was done, $2: an argument, the rest: variables
    mkdir "$1"
    env -u ORT_DISABLE_TELEMETRY -u XDG_CACHE_HOME -u GITHUB_ACTIONS -u TF_BUILD -u CIRCLECI HOME="$folder/$1" \
        "${@:3}" venv/bin/python opened.py "$2"
    echo "$1: $(venv/bin/python looked.py "$1")"
}
{
    look untouched plain
    look function asked
    look variable plain ORT_DISABLE_TELEMETRY=1
} | tee seen
grep -q "^untouched: \['deviceid', 'onnxruntime.db'\] \['ProcessInfo', 'python', 'secret-project.onnx', 'our-lab'\]" seen
grep -q "^function: \['deviceid', 'onnxruntime.db'\] \['ProcessInfo', 'python'\]" seen
grep -q "^variable: \[\] \[\]" seen
echo "onnxruntime 1.32.0: telemetry is kept unless ORT_DISABLE_TELEMETRY is set before the import"
