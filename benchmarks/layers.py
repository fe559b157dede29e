"""Time two convolutional networks in a compiled loop, with Keras's own layers and with ours.

Each round times every variant once, in turn, so that other load slows all alike; the table gives
medians.

    python benchmarks/layers.py --rounds 5
"""

import argparse
import contextlib
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import keras
import numpy as np

from mnistry.networks.fast_layers import accelerated

IMAGES = 60_000
L = keras.layers


def pooled() -> keras.Model:
    """Keras's "Simple MNIST convnet" example."""
    return keras.Sequential([
        keras.Input((28, 28, 1), dtype="uint8"), L.Rescaling(1 / 255),
        L.Conv2D(32, 3, activation="relu"), L.MaxPooling2D(2),
        L.Conv2D(64, 3, activation="relu"), L.MaxPooling2D(2),
        L.Flatten(), L.Dropout(0.5), L.Dense(10, activation="softmax"),
    ])  # fmt: skip


def strided() -> keras.Model:
    """Convolutions with strides instead of pooling."""
    return keras.Sequential([
        keras.Input((28, 28, 1), dtype="uint8"), L.Rescaling(1 / 255),
        L.Conv2D(24, 5, strides=2, activation="relu"),
        L.Conv2D(48, 3, strides=2, activation="relu"),
        L.Conv2D(96, 3, activation="relu"),
        L.Flatten(), L.Dense(10, activation="softmax"),
    ])  # fmt: skip


def loop(
    network: Callable[[], keras.Model], batch_size: int, steps: int, quick: bool
) -> tuple[Callable[[], None], float]:
    """Compile `steps` training steps; return a function that runs them, and the compile time."""
    model = network()
    model.compile("rmsprop", "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    random = np.random.default_rng(0)
    images = jax.device_put(random.integers(0, 256, (IMAGES, 28, 28, 1), np.uint8))
    labels = jax.device_put(random.integers(0, 10, IMAGES))
    rows = random.permutation(IMAGES)[: steps * batch_size].reshape(steps, batch_size)
    lists = (
        model.trainable_variables, model.non_trainable_variables,
        model.optimizer.variables, model.metrics_variables,
    )  # fmt: skip
    state = tuple([variable.value for variable in variables] for variables in lists)

    def step(state: tuple, rows: np.ndarray) -> tuple:
        data = (images[rows], labels[rows])
        with accelerated(model) if quick else contextlib.nullcontext():
            logs, after = model.train_step(state, data)
        return jax.tree.unflatten(jax.tree.structure(state), jax.tree.leaves(after)), logs

    started = time.perf_counter()
    program = jax.jit(lambda state, rows: jax.lax.scan(step, state, rows))
    compiled = program.lower(state, rows).compile()
    seconds = time.perf_counter() - started
    return lambda: jax.block_until_ready(compiled(state, rows)), seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=50)
    arguments = parser.parse_args()
    print(f"{os.process_cpu_count() if hasattr(os, 'process_cpu_count') else os.cpu_count()} cores,"
          f" Keras {keras.__version__}, JAX {jax.__version__}, {arguments.rounds} rounds of"
          f" {arguments.steps} steps, medians")  # fmt: skip
    print(
        f"{'network':9}{'batch':>6}  {'layers':8}{'s per epoch':>12}{'ratio':>7}{'compile, s':>14}"
    )
    for network, batch_size in ((pooled, 128), (strided, 256)):
        loops = {
            name: loop(network, batch_size, arguments.steps, quick=name == "quick")
            for name in ("Keras's", "quick")
        }
        seconds: dict[str, list[float]] = {name: [] for name in loops}
        for _ in range(arguments.rounds):
            for name, (run, _) in loops.items():
                started = time.perf_counter()
                run()
                seconds[name].append(time.perf_counter() - started)
        epoch = IMAGES / batch_size / arguments.steps
        for name, (_, compile_seconds) in loops.items():
            ratios = [a / b for a, b in zip(seconds[name], seconds["Keras's"], strict=True)]
            print(f"{network.__name__:9}{batch_size:6}  {name:8}"
                  f"{statistics.median(seconds[name]) * epoch:12.2f}"
                  f"{statistics.median(ratios):7.3f}{compile_seconds:14.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
