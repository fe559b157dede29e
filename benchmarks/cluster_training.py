"""Measure the cost of exchanging gradients: one training by 1, 2 and 4 workers of a Ray cluster.

Each worker has one core of this machine. Every training is on MNIST with the same seed; its last
epoch is timed, when everything is compiled. One worker exchanges nothing. N workers
would ideally need an Nth of its time; what they need beyond that is the cost of the exchange: every
step's gradients, one number for each weight, go through the machine's loopback.

    python benchmarks/cluster_training.py
    python benchmarks/cluster_training.py --rounds 1
"""

import argparse
import dataclasses
import statistics
import tempfile
from pathlib import Path

import mnistry
from mnistry import recipes
from mnistry.cluster import connection
from mnistry.cluster.data_parallel import train
from mnistry.concepts import steps_per_epoch
from mnistry.datasets import Origin
from mnistry.recipes.experiment import Experiment
from mnistry.system import cores

WORKERS = tuple(workers for workers in (1, 2, 4) if workers <= cores.cores())
TRAININGS = (  # network, batch size, epochs
    ("dense", 128, 3),
    ("dense", 1024, 3),
    ("convnet", 128, 2),
)


def last_epoch(network: str, batch_size: int, epochs: int, workers: int) -> tuple[float, int]:
    """Train; return the seconds of the last epoch, and the number of weights."""
    recipe = dataclasses.replace(
        recipes.find("classic"), name="custom", network=network, batch_size=batch_size,
        epochs=epochs,
    )  # fmt: skip
    with (
        tempfile.TemporaryDirectory() as folder,
        connection.connected("local", cores=workers),  # one for each worker
    ):
        run = train(Experiment(recipe, Origin("mnist")), Path(folder, "run"), workers)
        return run.epochs()[-1].seconds, run.model().count_params()


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    (images, _), _ = mnistry.load("mnist")
    for network, batch_size, epochs in TRAININGS:
        seconds: dict[int, list[float]] = {workers: [] for workers in WORKERS}
        weights = 0
        for _ in range(rounds):
            for workers in WORKERS:
                taken, weights = last_epoch(network, batch_size, epochs, workers)
                seconds[workers].append(taken)
        steps = steps_per_epoch(len(images), batch_size)
        print(f"{network}, {weights:,} weights, {steps} steps of {batch_size} images per epoch")
        alone = statistics.median(seconds[1])
        for workers, times in seconds.items():
            median = statistics.median(times)
            exchange = 1000 * (median - alone / workers) / steps
            print(
                f"  {workers} workers: {median:.2f} s per epoch ({min(times):.2f} to "
                f"{max(times):.2f}), {alone / median:.2f} times as quick as one; "
                f"{exchange:.1f} ms per step beyond its share",
                flush=True,
            )


if __name__ == "__main__":
    main()
