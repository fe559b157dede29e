"""Time the classic experiment as a whole process: the first time on a machine, and again.

The first time no program is compiled yet. Each build has a cache folder of its own in each round.
Without --other only this build is timed; --peer adds Keras on JAX, whose processes compile every
time. Prints medians of wall-clock and processor seconds, and the medians of the rounds' ratios.

    python benchmarks/first.py --other OLD/src --peer
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import peers

import mnistry
from mnistry.system import files

SOURCE = Path(mnistry.__file__).parents[1]


class Seconds(NamedTuple):
    """The seconds that a process took."""

    wall: float
    processor: float


def run(command: list[str | Path], **environment: str) -> Seconds:
    """Run a command to its end."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | environment
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command}: exit code {process.returncode}")
    return Seconds(time.perf_counter() - began, used.ru_utime + used.ru_stime)


def train(source: Path, home: Path, run_path: Path) -> Seconds:
    """Train the classic network with the build in `source`."""
    command = [sys.executable, "-m", "mnistry", "train", "--data", "mnist", "-o", str(run_path)]
    return run(command, PYTHONPATH=str(source), MNISTRY_HOME=str(home))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--other", metavar="SRC", type=Path, help="the sources of another build")
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="default: 5")
    arguments = parser.parse_args()
    builds = {"this": SOURCE} | ({"other": arguments.other} if arguments.other else {})
    found: dict[str, list[Seconds]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "mnist.npz"
        np.savez_compressed(data, **mnistry.load("mnist").arrays())
        for number in range(arguments.rounds):
            for build, source in builds.items():
                home = folder / f"{build}-{number}"
                home.mkdir()
                (home / "datasets").symlink_to(files.cache_dir() / "datasets")
                for when in ("first", "again"):
                    path = folder / f"{build}-{number}-{when}"
                    found.setdefault(f"{build}, {when}", []).append(train(source, home, path))
            if arguments.peer:
                peer = next(one for one in peers.PEERS if one.name == "Keras on JAX")
                command = [peers.python(peer.environment), peers.HERE / "programs" / peer.program]
                found.setdefault(peer.name, []).append(
                    run([*command, data], KERAS_BACKEND=peer.backend)
                )
            print(number, {name: all_[-1] for name, all_ in found.items()}, file=sys.stderr)
    ours = {"first": found["this, first"], "again": found["this, again"]}
    for name, seconds in found.items():
        line = f"{name:13} {statistics.median(one.wall for one in seconds):.2f} s, processor "
        line += f"{statistics.median(one.processor for one in seconds):.2f}"
        for when, mine in ours.items():
            ratio = statistics.median(a.wall / b.wall for a, b in zip(mine, seconds, strict=True))
            line += f"; this, {when} / it {ratio:.2f}"
        print(line)


if __name__ == "__main__":
    main()
