"""Make what a build leaves behind, for later builds to open: a run, exports, a cut run, a sweep.

``MNISTRY=/old/.venv/bin/mnistry python tests/compat/make.py`` writes ``made/`` beside this file,
by commands alone, so that any installed mnistry can make it. The ``made/`` that is there is by
version 0.1, before its modules moved into packages; make another only under another name.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

MNISTRY = os.environ.get("MNISTRY", "mnistry")
MADE = Path(__file__).parent / "made"
SMALL = ("--data", "sample", "--units", "12", "--seed", "3", "--validation", "0.1")
# 3,600 steps per epoch, so that an interrupt falls in the middle of one.
CUT = (*SMALL, "--epochs", "4", "--batch-size", "1", "--early-stopping", "3")


def mnistry(*arguments: object) -> str:
    """Run a command; give what it printed."""
    command = [MNISTRY, *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def cut_off(path: Path) -> None:
    """Interrupt a training after its second epoch, and keep the newest state alone."""
    with subprocess.Popen(
        [MNISTRY, "train", *CUT, "-o", str(path)], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("epoch 2/4"):
                time.sleep(0.05)
                process.send_signal(signal.SIGINT)
    *older, newest = sorted(path.glob("checkpoints/*.npz"))
    if process.returncode != 130 or not re.fullmatch(r"0{7}2-.*[1-9].*", newest.stem):
        shutil.rmtree(path)  # the signal came too late, or between two epochs
        cut_off(path)
    for state in older:
        state.unlink(missing_ok=True)


def main() -> None:
    """Make all of it."""
    if MADE.exists():
        sys.exit(f"{MADE} is there already")
    MADE.mkdir()
    done = MADE / "done"
    mnistry("train", *SMALL, "--epochs", 12, "-o", done)
    shutil.rmtree(done / "checkpoints")
    mnistry("export", done, "-o", MADE / "exported.onnx")
    mnistry("export", done, "-o", MADE / "exported.keras")
    cut_off(MADE / "cut")
    whole = json.loads(mnistry("train", *CUT, "-o", MADE / "whole", "--json"))
    shutil.rmtree(MADE / "whole")
    sweep = ("--data", "sample", "--units", "2,4", "--epochs", 1, "--batch-size", 400)
    mnistry("sweep", *sweep, "-o", MADE / "sweep")
    shutil.rmtree(MADE / "sweep" / "runs")
    (MADE / "sweep" / "sweep.png").unlink()
    for lock in MADE.rglob(".lock"):
        lock.unlink()
    card = json.loads(mnistry("evaluate", done, "--json"))
    said = {
        "evaluate": {name: card[name] for name in ("count", "correct", "loss", "confusion")},
        "whole": [
            {name: epoch[name] for name in ("loss", "val_loss")} for epoch in whole["epochs"]
        ],
    }
    (MADE / "said.json").write_text(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
