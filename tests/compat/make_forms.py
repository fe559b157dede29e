"""Make what a build leaves behind of forms and of teaching, for later builds to open.

``python -m tests.compat.make_forms`` writes ``made_forms/`` beside this file: a form, two scans of
its sheets, a batch in which one field was corrected, and a taught run. The folder that is there was
made by version 0.1 on 2026-11-30; make another only under another name.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

import mnistry
from mnistry.forms.loading import load
from mnistry.forms.records import Decision
from mnistry.forms.rules import key
from mnistry.forms.store import Store
from tests.compat.make import MADE as RUNS
from tests.compat.make import mnistry as command
from tests.forms import filled

MADE = Path(__file__).parent / "made_forms"
FORM = """\
title = "Water samples"
[[field]]
name = "station"
type = "digits"
length = 3
[[field]]
name = "depth"
type = "decimal"
length = 4
decimals = 1
[[field]]
name = "day"
type = "date"
format = "DD.MM.YYYY"
[[field]]
name = "weather"
type = "choice"
options = ["sun", "rain"]
[[field]]
name = "done"
type = "tick"
[[table]]
name = "catch"
rows = 2
columns = [{name = "count", type = "integer", length = 3}]
[[rule]]
unique = ["serial"]
"""
SHEETS = {
    7: {"station": "049", "depth": " 317", "day": "29022024", "weather": " x", "done": "x"},
    8: {"station": "173", "depth": "1205", "day": "01122025", "weather": "x ", "done": ""},
}


def main() -> None:
    """Make all of it."""
    if MADE.exists():
        sys.exit(f"{MADE} is there already")
    MADE.mkdir()
    os.chdir(MADE)  # no path of this machine gets into the files
    path = Path("FORM.toml")
    path.write_text(FORM, "utf-8")
    for serial, values in SHEETS.items():
        written = {key(name): value for name, value in values.items()}
        written["catch", 0, "count"] = "12 "
        (sheet,) = filled.printed(load(path), written, serial=serial)
        scan = filled.scan(sheet, scale=0.5, seed=serial)
        cv2.imwrite(f"{serial}.jpg", scan, [cv2.IMWRITE_JPEG_QUALITY, 70])
    batch = Path("batch")
    command("form", "read", path, "7.jpg", "--batch", batch)
    with Store(batch) as store:
        store.decide(store.sheets()[0].id, key("depth"), Decision("31.8", 31.8, who="someone"))
    command("form", "export", batch, "-o", "exported.csv")
    images, labels = mnistry.load("sample").test
    digits = Path("digits")
    for number in range(40):
        folder = digits / str(labels[number])
        folder.mkdir(parents=True, exist_ok=True)
        large = cv2.resize(images[number], (112, 112), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{number}.png"), np.pad(255 - large, 20, constant_values=255))
    taught = Path("taught")
    subprocess.run(
        [sys.executable, "-m", "mnistry", "teach", digits, "--from", RUNS / "done", "--keep",
         "-o", taught],
        check=True,
    )  # fmt: skip
    shutil.rmtree(digits)
    record = taught / "run.json"
    source = json.loads(record.read_text())["data"]["source"]
    record.write_text(record.read_text().replace(source, Path(source).name))
    for lock in Path().rglob(".lock"):
        lock.unlink()
    card = json.loads(command("evaluate", taught, "--data", "sample", "--json"))
    said = {name: card[name] for name in ("count", "correct", "confusion")}
    Path("said.json").write_text(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
