#!/usr/bin/env bash
# Hypothesis: with derandomize=True a test draws other examples when another module of the project is imported.
#
# One would guess that `derandomize=True` and `database=None` fix the examples: they are drawn from a seed that is
# computed from the test function. But Hypothesis also collects numbers and strings from the source of every module
# that is not installed, as far as it is imported by then, and mixes them into what it draws. So a test that passes by
# itself, in the same version and on the same machine, may fail when another test file is in the run, and which one is
# at fault is not to be seen from the failure.
# What to do: keep the failing example with @example(...), and do not look for it with the test alone.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check hypothesis==6.170.17
cd "$folder"
cat > drawing.py <<'PYTHON'
from hypothesis import given, settings
from hypothesis import strategies as st

drawn = []


@settings(max_examples=500, derandomize=True, database=None)
@given(st.text("abcdefghijklmnopqrstuvwxyz", max_size=12))
def draw(text):
    drawn.append(text)
PYTHON
echo 'WORDS = ("marigold", "snowdrop", "foxglove", "bluebell", "hawthorn")' > flowers.py
cat > compare.py <<'PYTHON'
import hashlib
import subprocess
import sys

import hypothesis

print("hypothesis", hypothesis.__version__)


def run(first):
    code = f"{first}; import drawing; drawing.draw(); print(*drawing.drawn, sep='\\n')"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


alone, again, beside = run("pass"), run("pass"), run("import flowers")
for name, text in (("alone", alone), ("alone, again", again), ("beside flowers.py", beside)):
    found = [word for word in ("marigold", "snowdrop", "foxglove", "bluebell", "hawthorn") if word in text.split("\n")]
    print(f"{name}: {hashlib.sha256(text.encode()).hexdigest()[:12]}, words of flowers.py drawn: {len(found)}")
assert alone == again
assert alone != beside
print("as described: the examples depend on which modules are imported")
PYTHON
PYTHONPATH="$folder" "$folder/venv/bin/python" compare.py
