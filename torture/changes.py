"""Make each change that a training makes to the disk fail in turn, in every way.

First a training runs undisturbed, and its changes to the disk are logged. Then the same training
runs again for each change and each way of failing in `child.HOWS`. Other programs than mnistry's
own check the files that it leaves. The training is resumed, and must end with the same weights, bit
for bit.

    python -m torture.changes
    python -m torture.changes --how kill torn --every 10
"""

import argparse
import collections
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torture.child import HOWS
from torture.inspection import outcome, unsound

CHILD = "torture.child"
ROOT = Path(__file__).parents[1]
TRAINING = [
    "train", "--data", "sample", "--units", "16", "--epochs", "2", "--batch-size", "400",
    "--validation", "0.1", "--early-stopping", "2",
]  # fmt: skip
# How a training may end: with the exit code of a full or failing disk, or killed by signal 9.
_RESOURCES, _KILLED = 7, -9


@dataclass(frozen=True)
class Trial:
    """One change that fails."""

    at: int
    change: str
    how: str


def train(
    folder: Path, log: Path, *command: str, at: int = 0, how: str = "kill"
) -> subprocess.CompletedProcess[str]:
    """Run a training that saves after every piece of an epoch; change `at` fails, 0 for none."""
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    return subprocess.run(
        [
            sys.executable, "-m", CHILD, "--often", "--folder", folder, "--log", log,
            "--at", str(at), "--how", how, "--", *command,
        ],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder / "tmp")},
        capture_output=True,
        text=True,
        timeout=300,
    )  # fmt: skip


def changes(log: Path) -> list[str]:
    """Read the names of the changes in a log."""
    entries = map(json.loads, log.read_text().splitlines())
    return [entry["change"] for entry in entries if "change" in entry]


def try_one(trial: Trial, work: Path, expected: Any) -> list[str]:
    """Make one change fail, and resume; return what is wrong."""
    folder, log = work / f"{trial.how}-{trial.at}", work / f"{trial.how}-{trial.at}.jsonl"
    run = folder / "run"
    first = train(folder, log, *TRAINING, "-o", str(run), at=trial.at, how=trial.how)
    wrong = [f"left {problem}" for problem in unsound(run)] + _wrong_end(trial, first)
    if not (run / "model.onnx").exists() or _status(run) != "done":
        # The last checkpoint saved before the fault must be there, or a later one.
        saved = [
            name
            for name in changes(log)[: trial.at - 1]
            if name.startswith("replace run/checkpoints/")
        ]
        there = sorted(path.name for path in (run / "checkpoints").glob("[0-9]*.npz"))
        if saved and (not there or there[-1] < saved[-1].rpartition("/")[2]):
            wrong.append(f"{saved[-1]} was saved, but is lost")
        command = (
            ["--resume", str(run)]
            if (run / "run.json").exists()
            else [*TRAINING[1:], "-o", str(run)]
        )
        second = train(folder, log, "train", *command)
        if second.returncode:
            wrong.append(f"cannot be resumed: {second.stderr.splitlines()[-1:]}")
    if outcome(run) != expected:
        wrong.append("the result differs from that of an undisturbed training")
    wrong += [f"temporary file left: {path.name}" for path in run.rglob("*.tmp")]
    if not wrong:
        shutil.rmtree(folder)
    return wrong


def _status(run: Path) -> str | None:
    path = run / "run.json"
    return json.loads(path.read_text())["status"] if path.exists() else None


def _wrong_end(trial: Trial, process: subprocess.CompletedProcess[str]) -> list[str]:
    """Return what is wrong with the messages or the exit code of a process that met the fault."""
    if "Traceback" in process.stderr:
        return ["traceback: " + process.stderr[-600:]]
    ends = {"kill": {_KILLED}, "torn": {_KILLED}, "short": {0}}.get(trial.how, {0, _RESOURCES})
    return (
        []
        if process.returncode in ends
        else [f"exit {process.returncode}: {process.stderr[-300:]}"]
    )


def campaign(
    hows: Iterable[str] = HOWS, every: int = 1, seed: int = 0, workers: int = 1
) -> dict[str, Any]:
    """Try each change in each way, or at random one in `every`; list what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        whole = train(
            work / "whole", work / "whole.jsonl", *TRAINING, "-o", str(work / "whole/run")
        )
        if whole.returncode:
            raise SystemExit(whole.stderr)
        expected, names = outcome(work / "whole/run"), changes(work / "whole.jsonl")
        chosen, choose = [], random.Random(seed)
        for how in hows:
            trials = [
                Trial(at, name, how)
                for at, name in enumerate(names, 1)
                if how not in ("torn", "short") or name.startswith("write ")
            ]
            chosen += choose.sample(trials, -(-len(trials) // every))
        with ThreadPoolExecutor(workers) as pool:
            found = list(pool.map(lambda trial: try_one(trial, work, expected), chosen))
    wrong = {
        f"{trial.how} at {trial.at} {trial.change}": problems
        for trial, problems in zip(chosen, found, strict=True)
        if problems
    }
    return {
        "changes": len(names),
        "tried": dict(collections.Counter(trial.how for trial in chosen)),
        "wrong": wrong,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the campaign, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--how", nargs="*", choices=HOWS, default=HOWS)
    parser.add_argument("--every", type=int, default=1, help="try one change in this many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    given = parser.parse_args(arguments)
    print(json.dumps(campaign(given.how, given.every, given.seed, given.workers), indent=2))


if __name__ == "__main__":
    main()
