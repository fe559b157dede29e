#!/usr/bin/env bash
# Hugging Face datasets: a label that is not among the classes is taken for a class's place, if it is written in digits.
#
# ClassLabel(names=["0", "2", "4", "6", "8"]) turns names into numbers. One would guess that the text "1", which is not
# one of the names, is refused, as "one" is. It is taken for the number 1, and that is the class "2": a mistyped or
# unexpected digit becomes another digit. "3" becomes "6"; only "5" and more, where there is no such place, are refused.
# The same text means its name where it is one, and its place where it is not: "2" is the class "2", "1" too.
# What to do: check that all labels are in `names` before they are encoded.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check datasets==5.2.0
cd "$folder"
HF_HOME="$folder/home" HF_HUB_OFFLINE=1 "$folder/venv/bin/python" -W error - <<'PYTHON'
import datasets
from datasets import ClassLabel, Dataset, Features

print("datasets", datasets.__version__)
classes = ClassLabel(names=["0", "2", "4", "6", "8"])
seen = {}
for text in ("0", "1", "2", "3", "4", "5", "9", "one"):
    try:
        label = Dataset.from_dict({"digit": [text]}, features=Features({"digit": classes}))[0]["digit"]
        seen[text] = classes.int2str(label)
    except Exception as error:
        seen[text] = f"{type(error).__name__}: {error}"[:70]
    print(f"{text!r} becomes {seen[text]!r}")
assert seen["0"] == "0" and seen["2"] == "2" and seen["4"] == "4"
assert seen["1"] == "2" and seen["3"] == "6"
assert all("Error" in seen[text] for text in ("5", "9", "one"))
print("as described: digits that are no class become others")
PYTHON
