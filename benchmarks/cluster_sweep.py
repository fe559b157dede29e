"""What a sweep costs beyond its trainings, on a Ray cluster of this machine.

A short sweep and a long one of the same small trainings: what the long one takes longer is of its
further trainings alone, for starting workers is in both. Before and after each pair a bare process
does some of these trainings, one after the other on one core, when it is warm. What a training and
core of the sweep take longer than there is the overhead; that all cores share the memory is in it.
The part of the driver does not become less with more cores.

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
SHORT, LONG = 8, 200
WARM, BARE = 5, 30


def make_trials(count: int) -> list[Trial]:
    """Plan so many trainings of one epoch, by as many learning rates."""
    from mnistry.cluster import sweep

    recipe = dataclasses.replace(recipes.find("classic"), epochs=1, validation=0.1)
    settings = [{"learning_rate": 1e-3 + n * 1e-6} for n in range(count)]
    return sweep.make_trials(Experiment(recipe, Origin("sample")), settings, 1)


def run(trainings: int) -> tuple[float, float]:
    """Sweep; give the seconds that it took, and how long the driver computed in them."""
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
    """Do the same trainings in this process, on one core; print the seconds of each."""
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
    """Measure bare trainings in a process of their own."""
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
        f"({min(overheads):.2f} to {max(overheads):.2f}); of the driver "
        f"{1000 * statistics.median(drivers):.0f} ms"
    )


if __name__ == "__main__":
    main()
