"""What a sweep costs beyond its trainings, on a Ray cluster of this machine.

A short sweep and a long one of the same small trainings: what the long one takes longer is of its
further trainings alone, for starting workers is in both. From that go the seconds that the
trainings themselves say they took. The rest, by training and core, is the overhead. What the driver
computes in it does not become less with more cores.

    python benchmarks/cluster_sweep.py
    python benchmarks/cluster_sweep.py --rounds 1
"""

import argparse
import dataclasses
import statistics
import tempfile
import time
from pathlib import Path

import mnistry
from mnistry import parallel, recipes
from mnistry.cluster import connection, sweep
from mnistry.runs import Run

CORES = min(4, parallel.cores())
SHORT, LONG = 8, 200


def run(trainings: int) -> tuple[float, float, float]:
    """Sweep; give the seconds that it took, of all trainings together, and of the driver."""
    recipe = dataclasses.replace(recipes.find("classic"), epochs=1, validation=0.1)
    trials = sweep.make_trials(recipe, [{"units": 64 + n} for n in range(trainings)], 1)
    with tempfile.TemporaryDirectory() as folder, connection.connected("local", cores=CORES):
        began, computed = time.perf_counter(), time.process_time()
        data = mnistry.load("sample")
        results = sweep.run(trials, data, Path(folder, "sweep"), given="sample").results
        seconds, driver = time.perf_counter() - began, time.process_time() - computed
        runs = [Run.open(Path(folder, "sweep", "runs", one.trial.name)) for one in results]
    if len(runs) < trainings:
        raise SystemExit("a training failed")
    return seconds, sum(sum(one.seconds.values()) for one in runs), driver


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    overheads, own, drivers = [], [], []
    for _ in range(parser.parse_args().rounds):
        (short, short_own, short_driver), (long, long_own, long_driver) = run(SHORT), run(LONG)
        further = LONG - SHORT
        own.append((long_own - short_own) / further)
        overheads.append((long - short) * CORES / further - own[-1])
        drivers.append((long_driver - short_driver) / further)
        print(f"{SHORT} trainings {short:.1f} s, {LONG} {long:.1f} s", flush=True)
    print(
        f"a training: {statistics.median(own):.2f} s of its own; overhead "
        f"{statistics.median(overheads):.2f} s ({min(overheads):.2f} to {max(overheads):.2f}); "
        f"{1000 * statistics.median(drivers):.0f} ms of them the driver's"
    )


if __name__ == "__main__":
    main()
