"""Measure the cost of more data, more units and fewer cores: seconds per epoch, and memory.

Every measurement is a process of its own; all take turns in each round. See RESULTS.md.

    python benchmarks/size.py --rounds 3
"""

import argparse
import json
import os
import statistics
import sys
from typing import Any

import processes
import results

FACTORS = (1, 2, 4, 8)
UNITS = 512
EPOCHS = 3


def measure(data: int, units: int, cores: int) -> dict[str, float]:
    """Train the classic network on a multiple of the data, in a process of its own."""
    done = processes.run([sys.executable, __file__, "--child", data, units, cores])
    return {"epoch": done.value["epoch"], "megabytes": done.megabytes}


def child(data: int, units: int, cores: int) -> None:
    """Train, and print the median seconds of the epochs after the first."""
    available = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, available[:cores])  # before JAX counts them
    import numpy as np

    import mnistry
    from mnistry.training import startup

    startup.import_keras()
    (images, labels), _ = mnistry.load("mnist")
    images, labels = np.tile(images, (data, 1, 1)), np.tile(labels, data)
    model = mnistry.build("dense", units=units)
    history = mnistry.train(model, images, labels, epochs=EPOCHS)
    seconds = statistics.median(epoch.seconds for epoch in history.epochs[1:])
    print(json.dumps({"epoch": seconds}))


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", type=int, nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(*arguments.child)
        return
    all_cores = len(os.sched_getaffinity(0))
    cores = [count for count in (1, 2, 4) if count <= all_cores]
    settings = {
        "data": {factor: (factor, UNITS, all_cores) for factor in FACTORS},
        "units": {factor: (1, factor * UNITS, all_cores) for factor in FACTORS},
        "cores": {count: (1, UNITS, count) for count in cores},
    }
    measured: dict[str, dict[int, list[Any]]] = {
        what: {factor: [] for factor in by_factor} for what, by_factor in settings.items()
    }
    for number in range(arguments.rounds):
        for what, by_factor in settings.items():
            for factor, setting in by_factor.items():
                found = measure(*setting)
                print(f"round {number} {what} {factor}: {found}", file=sys.stderr)
                measured[what][factor].append(found)
    results.save("size", {"rounds": arguments.rounds, "measured": measured})


if __name__ == "__main__":
    main()
