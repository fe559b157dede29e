"""Measure the overhead of a sweep on a Ray cluster on this machine.

A short and a long sweep run the same small trainings. Both include the start of the workers, so
their difference is the time of the additional trainings. Before and after each pair, a warm single
process runs some of these trainings in sequence on one core. The overhead is how much
longer a training occupies a core in the sweep; it includes the cores' competition for memory. The
processor time of the driver is printed too: it does not fall with more cores.

    python benchmarks/cluster_sweep.py
    python benchmarks/cluster_sweep.py --rounds 1
"""

import argparse
import dataclasses
import json
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import mnistry
from mnistry import recipes
from mnistry.cluster.trial import Trial
from mnistry.datasets import Origin
from mnistry.recipes.experiment import Experiment
from mnistry.system import cores

CORES = min(4, cores.cores())
SHORT, LONG = 8, 200  # trainings of the short and of the long sweep
WARM, BARE = 5, 30  # trainings in the single process: first WARM that do not count, then BARE


def make_trials(count: int) -> list[Trial]:
    """Plan trainings of one epoch, each with another learning rate."""
    from mnistry.cluster import sweep

    recipe = dataclasses.replace(recipes.find("classic"), epochs=1, validation=0.1)
    settings = [{"learning_rate": 1e-3 + n * 1e-6} for n in range(count)]
    return sweep.make_trials(Experiment(recipe, Origin("sample")), settings, 1)


def run(trainings: int) -> tuple[float, float]:
    """Run a sweep; return its seconds, and the processor seconds of its driver."""
    from mnistry.cluster import connection, sweep

    with tempfile.TemporaryDirectory() as folder, connection.connected("local", cores=CORES):
        began, computed = time.perf_counter(), time.process_time()
        trials, data = make_trials(trainings), mnistry.load("sample")
        results = sweep.run(trials, data, Path(folder, "sweep")).results
        seconds, driver = time.perf_counter() - began, time.process_time() - computed
    if len([one for one in results if one.end == "done"]) < trainings:
        raise SystemExit("a training failed")
    return seconds, driver


def bare() -> None:
    """Run the same trainings in this process on one core; print the seconds of each."""
    cores.use_cores(1)
    from mnistry.training import startup

    warnings.simplefilter("ignore")
    seconds = []
    with startup.compiled_programs(), tempfile.TemporaryDirectory() as folder:
        startup.import_keras()
        from mnistry.runs.experiment import run_experiment

        data = dataclasses.replace(mnistry.load("sample"), test=None)
        for trial in make_trials(WARM + BARE):
            began = time.perf_counter()
            run_experiment(trial.experiment, data, path=Path(folder, trial.name))
            seconds.append(time.perf_counter() - began)
    print(json.dumps(statistics.mean(seconds[WARM:])))


def ask() -> float:
    """Measure the trainings in a single process."""
    result = subprocess.run(
        [sys.executable, __file__, "--bare"], stdout=subprocess.PIPE, text=True, check=True
    )
    return float(result.stdout.splitlines()[-1])


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.bare:
        bare()
        return
    overheads, drivers = [], []
    alone = [ask()]
    for _ in range(given.rounds):
        (short, short_driver), (long, long_driver) = run(SHORT), run(LONG)
        alone.append(ask())
        further = LONG - SHORT
        overheads.append((long - short) * CORES / further - statistics.mean(alone[-2:]))
        drivers.append((long_driver - short_driver) / further)
        print(
            f"{SHORT} trainings {short:.1f} s, {LONG} {long:.1f} s, bare {alone[-1]:.2f} s each",
            flush=True,
        )
    print(
        f"{CORES} cores; a bare training {statistics.median(alone):.2f} s ({min(alone):.2f} to "
        f"{max(alone):.2f}); overhead of one in a sweep {statistics.median(overheads):.2f} s "
        f"({min(overheads):.2f} to {max(overheads):.2f}); the driver computes "
        f"{1000 * statistics.median(drivers):.0f} ms for each"
    )


if __name__ == "__main__":
    main()
