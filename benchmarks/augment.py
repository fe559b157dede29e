"""Compare how long it takes to distort 60,000 images with how long an epoch of training takes.

An epoch is timed alone, and while the next epoch's images are being distorted. Each round times
everything once, in turn, so that other load slows all alike; the table gives medians.

    python benchmarks/augment.py --rounds 7
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import keras
import numpy as np
from layers import IMAGES, loop

import mnistry
from mnistry.augmentation.distort import Distortion, distort, epochs

BATCH_SIZE = 128


def dense() -> keras.Model:
    """Build the classic experiment's network."""
    return keras.Sequential([
        keras.Input((28, 28, 1), dtype="uint8"), keras.layers.Rescaling(1 / 255),
        keras.layers.Flatten(), keras.layers.Dense(512, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ])  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    (digits, _), _ = mnistry.load("sample")
    images = np.resize(digits, (IMAGES, 28, 28))
    train, _ = loop(dense, BATCH_SIZE, IMAGES // BATCH_SIZE, quick=False)
    ahead = epochs(images, Distortion(), 1000, seed=0)

    def train_distorted() -> None:
        # The next epoch's images are made while this one trains.
        jax.device_put(next(ahead))
        train()

    def distorting(threads: int) -> Callable[[], object]:
        return lambda: distort(images, Distortion(), seed=0, threads=threads)

    tasks = {"an epoch of training": train}
    tasks |= {f"distorting, threads: {count}": distorting(count) for count in (1, 2, 4)}
    tasks["an epoch while distorting"] = train_distorted
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            started = time.perf_counter()
            task()
            seconds[name].append(time.perf_counter() - started)
    print(f"{os.cpu_count()} cores, {IMAGES:,} images, {rounds} rounds, medians")
    print(f"{'':32}{'seconds':>8}{'ratio':>7}")
    for name, each in seconds.items():
        pairs = zip(each, seconds["an epoch of training"], strict=True)
        ratio = statistics.median(a / b for a, b in pairs)
        print(f"{name:32}{statistics.median(each):8.3f}{ratio:7.2f}")


if __name__ == "__main__":
    main()
