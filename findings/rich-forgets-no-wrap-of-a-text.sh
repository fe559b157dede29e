#!/usr/bin/env bash
# Rich: a Text with no_wrap=True still wraps when it is printed by itself.
#
# One would guess that Text(..., no_wrap=True, overflow="ellipsis") keeps to one line wherever it is printed: the
# setting belongs to the text. Console.print joins neighbouring texts into a new Text first, even when there is
# only one, and the new one has neither setting. The same object inside a Group keeps to its line.
# What to do: give no_wrap and overflow to Console.print, or put the text into a Group.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check rich==15.0.0
cd "$folder"
cat > wrap.py <<'PYTHON'
import io
from importlib.metadata import version

from rich.console import Console, Group
from rich.text import Text

row = Text("layer one, layer two, layer three", no_wrap=True, overflow="ellipsis")


def printed(renderable):
    console = Console(file=io.StringIO(), width=20)
    console.print(renderable)
    return console.file.getvalue().splitlines()


alone, grouped = printed(row), printed(Group(row))
print("rich", version("rich"))
print("by itself: ", alone)
print("in a Group:", grouped)
assert len(alone) == 2, "it keeps to one line now"
assert len(grouped) == 1 and grouped[0].rstrip().endswith("…")
PYTHON
venv/bin/python wrap.py
echo "as described: the text by itself wraps"
