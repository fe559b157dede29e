"""Kill trainings at random moments, resume them, and compare their results.

A chain is one training that is killed again and again, after a random time each, until it ends.
Other programs than mnistry's own check the files that a kill leaves. Each chain must end with the
weights of an undisturbed training, bit for bit. The time lost is that between the last step saved
and the last step reported.

    python -m torture.moments
    python -m torture.moments --kills 20 --seed 1
"""

import argparse
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torture.inspection import outcome, unsound

CHILD = "torture.child"
ROOT = Path(__file__).parents[1]
# Saved as often as by default. "large" takes so long to save that it is saved every ten seconds.
TRAININGS = {
    "dense": ["--data", "sample", "--units", "64", "--epochs", "200"],
    "stopping": [
        "--data", "sample", "--units", "128", "--optimizer", "adam", "--epochs", "150",
        "--validation", "0.2", "--early-stopping", "150",
    ],
    "distorted": ["--data", "sample", "--recipe", "fast", "--epochs", "12"],
    "large": [
        "--data", "sample", "--units", "4096", "--optimizer", "adam", "--epochs", "100",
    ],
}  # fmt: skip
# Seconds until a kill, at most; the start takes one or two of them.
_LONGEST = dict.fromkeys(TRAININGS, 6.0) | {"large": 30.0}
_MOST_LOST = 11.0  # seconds of training: ten between two saves, a piece of an epoch, and the save
_KILLED = -9


@dataclass
class Chain:
    """One training and its kills.

    Attributes
    ----------
    kills
        How often it was killed.
    lost
        Seconds of training lost, for each kill after the first step.
    wrong
        What was wrong.
    """

    kills: int = 0
    lost: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def command(training: str, run: Path) -> list[str]:
    """Return the command that starts or resumes a training."""
    if (run / "run.json").exists():
        return ["train", "--resume", str(run)]
    return ["train", *TRAININGS[training], "-o", str(run)]


def start(folder: Path, log: Path, arguments: Sequence[str]) -> subprocess.Popen[str]:
    """Start a training that logs its steps."""
    return subprocess.Popen(
        [sys.executable, "-m", CHILD, "--folder", folder, "--log", log, "--", *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def lost_seconds(log: Path, run: Path) -> float | None:
    """Return the seconds from the last saved to the last reported step; None without either."""
    steps = [entry for entry in map(json.loads, log.read_text().splitlines()) if "epoch" in entry]
    saved = [path.stem for path in (run / "checkpoints").glob("[0-9]*.npz")]
    if not steps or not saved:
        return None
    epoch, step = map(int, max(saved).split("-"))
    after = [e["time"] for e in steps if (e["epoch"], e["step"]) > (epoch, step)]
    before = [e["time"] for e in steps if (e["epoch"], e["step"]) <= (epoch, step)]
    return max(after) - max(before, default=min(after)) if after else 0.0


def run_chain(training: str, folder: Path, seed: int, most: int, longest: float) -> Chain:
    """Kill a training until it ends, at most `most` times, each after at most `longest` seconds."""
    chain, moments, run = Chain(), random.Random(seed), folder / "run"
    folder.mkdir()
    for number in itertools.count():
        log = folder / f"{number}.jsonl"
        process = start(folder, log, command(training, run))
        try:
            _, said = process.communicate(
                timeout=moments.uniform(0, longest) if chain.kills < most else None
            )
        except subprocess.TimeoutExpired:
            process.kill()
            _, said = process.communicate()
        chain.wrong += [f"left {problem}" for problem in unsound(run)]
        if process.returncode == 0:
            return chain
        if process.returncode != _KILLED:
            chain.wrong.append(f"exit {process.returncode}: {said[-300:]}")
            return chain
        chain.kills += 1
        seconds = lost_seconds(log, run) if log.exists() else None
        if seconds is not None:
            chain.lost.append(seconds)
            if seconds > _MOST_LOST:
                chain.wrong.append(f"{seconds:.1f} s of training were lost")
        # If the kill came after the training had ended, the chain ends too.
        if (run / "run.json").exists() and json.loads((run / "run.json").read_text())[
            "status"
        ] == "done":
            return chain
    raise AssertionError


def campaign(
    kills: int = 300, seed: int = 0, workers: int = 1, names: Sequence[str] = tuple(TRAININGS)
) -> dict[str, Any]:
    """Kill trainings at least `kills` times; count, and list what is wrong."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        expected, seconds = {}, {}
        for training in names:
            started = time.perf_counter()
            (work / training).mkdir()
            log = work / f"{training}.jsonl"
            process = start(work / training, log, command(training, work / training / "run"))
            _, said = process.communicate()
            if process.returncode:
                raise SystemExit(said)
            expected[training] = outcome(work / training / "run")
            # On a slow or busy machine a training must not be killed before it has begun.
            seconds[training] = max(_LONGEST[training], time.perf_counter() - started)
        chains: list[Chain] = []

        def next_chain(number: int) -> None:
            done = sum(chain.kills for chain in chains)
            if done >= kills:
                return
            training = names[number % len(names)]
            folder = work / str(number)
            chain = run_chain(training, folder, seed + number, kills - done, seconds[training])
            if not chain.wrong and outcome(folder / "run") != expected[training]:
                chain.wrong.append("ends with other weights than an undisturbed training")
            chains.append(chain)
            shutil.rmtree(folder)

        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(next_chain, range(kills)))
    lost = [seconds for chain in chains for seconds in chain.lost]
    return {
        "kills": sum(chain.kills for chain in chains),
        "trainings": len(chains),
        "kills in training": len(lost),
        "most seconds lost": round(max(lost, default=0.0), 2),
        "wrong": [problem for chain in chains for problem in chain.wrong],
        "seconds": round(time.perf_counter() - began),
    }


def main() -> None:
    """Run the campaign, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    given = parser.parse_args()
    print(json.dumps(campaign(given.kills, given.seed, given.workers), indent=2))


if __name__ == "__main__":
    main()
