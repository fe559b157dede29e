"""Time whole commands of this build and another.

Prints wall-clock seconds, processor seconds, and the ratio of this build's time to the other's:
medians over rounds in which both take turns, so a change of the machine's speed hardly matters.
Compile the modules of both builds first (`python -m compileall`). Without --other only this build
is timed.

    python benchmarks/start.py --other old/.venv/bin/mnistry
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from PIL import Image

import mnistry

SOURCE = Path(mnistry.__file__).parents[1]


class Seconds(NamedTuple):
    """The seconds that a process took."""

    wall: float
    processor: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--other", metavar="EXECUTABLE", help="the mnistry of another build")
    parser.add_argument("--rounds", type=int, default=15, metavar="N", help="default: 15")
    arguments = parser.parse_args()
    builds = {"this": [sys.executable, "-m", "mnistry"]}
    if arguments.other is not None:
        builds["other"] = [arguments.other]
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "digit.png"
        (images, _), _ = mnistry.load("sample")
        Image.fromarray(images[0]).save(picture)
        for name, command in {
            "--help": ["--help"],
            "read digit.png": ["read", str(picture)],
        }.items():
            report(name, measure(builds, command, arguments.rounds))


def measure(
    builds: dict[str, list[str]], command: list[str], rounds: int
) -> dict[str, list[Seconds]]:
    """Run a command with each build in turn, after one round that does not count."""
    found: dict[str, list[Seconds]] = {build: [] for build in builds}
    for number in range(rounds + 1):
        for build, executable in builds.items():
            seconds = run([*executable, *command], build == "this")
            if number:
                found[build].append(seconds)
    return found


def run(command: list[str], ours: bool) -> Seconds:
    """Run a command to its end; the other build must find its own modules."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if ours:
        environment["PYTHONPATH"] = str(SOURCE)
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}")
    return Seconds(time.perf_counter() - began, used.ru_utime + used.ru_stime)


def report(name: str, found: dict[str, list[Seconds]]) -> None:
    """Print a line for each build, and the median of the rounds' ratios."""
    print(name)
    for build, seconds in found.items():
        print(f"  {build:6} {median(s.wall for s in seconds):.3f} s, "
              f"processor {median(s.processor for s in seconds):.3f} s")  # fmt: skip
    if "other" in found:
        pairs = list(zip(found["this"], found["other"], strict=True))
        wall = median(a.wall / b.wall for a, b in pairs)
        processor = median(a.processor / b.processor for a, b in pairs)
        print(f"  this / other {wall:.2f}, processor {processor:.2f}")


def median(values: Iterable[float]) -> float:
    """Return the median of the values."""
    return statistics.median(values)


if __name__ == "__main__":
    main()
