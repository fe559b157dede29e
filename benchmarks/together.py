"""Time trainings at once against the same trainings one after the other.

``seeds``: ``mnistry train --seeds 10`` against ten processes of another build, one for each seed.
``sweep``: 40 learning rates of a network with 32 units, against the other build's sweep. Both
builds take turns; programs that an earlier process compiled are used again. Prints medians of
wall-clock seconds, and the medians of the rounds' ratios.

    python benchmarks/together.py seeds sweep --other OLD/src
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from first import SOURCE, Seconds, run

SEEDS, TRIALS = 10, 40
SWEEP = ["--units", "32", "--learning-rate", "1e-4..1e-2:log", "--trials", str(TRIALS)]


def seeds(source: Path, out: Path, options: list[str]) -> Seconds:
    """Train with ten seeds: in one process with this build, in ten with the other."""
    if source == SOURCE:
        return mnistry(source, "train", *options, "--seeds", str(SEEDS), "-o", str(out))
    ones = [
        mnistry(source, "train", *options, "--seed", str(n), "-o", f"{out}-{n}")
        for n in range(SEEDS)
    ]
    return Seconds(sum(one.wall for one in ones), sum(one.processor for one in ones))


def sweep(source: Path, out: Path, options: list[str]) -> Seconds:
    """Sweep over the learning rate."""
    return mnistry(source, "sweep", *SWEEP, *options, "-o", str(out))


def mnistry(source: Path, *arguments: str) -> Seconds:
    """Run a command of the build in `source`."""
    return run([sys.executable, "-m", "mnistry", *arguments], PYTHONPATH=str(source))


def main() -> None:
    """Measure and print."""
    kinds: dict[str, Callable[[Path, Path, list[str]], Seconds]] = {"seeds": seeds, "sweep": sweep}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", choices=tuple(kinds), default=list(kinds))
    parser.add_argument("--other", metavar="SRC", type=Path, required=True)
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--units", help="of the networks that are trained with ten seeds")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="default: 3")
    given = parser.parse_args()
    for what in given.what:
        options = ["--data", given.data]
        if what == "seeds" and given.units:
            options += ["--units", given.units]
        pairs = []
        with tempfile.TemporaryDirectory() as name:
            for number in range(given.rounds):
                now = [
                    kinds[what](source, Path(name, f"{build}-{number}"), options)
                    for build, source in (("this", SOURCE), ("other", given.other))
                ]
                print(what, now, file=sys.stderr)
                pairs.append(now)
        wall = statistics.median(this.wall / other.wall for this, other in pairs)
        processor = statistics.median(this.processor / other.processor for this, other in pairs)
        seconds = [statistics.median(pair[k].wall for pair in pairs) for k in (0, 1)]
        print(f"{what}: {seconds[0]:.1f} s instead of {seconds[1]:.1f}")
        print(f"  this / other {wall:.2f}, processor {processor:.2f}")


if __name__ == "__main__":
    main()
