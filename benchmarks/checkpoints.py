"""Measure the cost of checkpoints: the classic training with its state saved, and without.

Both take turns in one process, on MNIST (or on the sample, if MNIST cannot be downloaded). Prints
the seconds of each training, the median of the rounds' ratios, and the median without saving.

    python benchmarks/checkpoints.py
    python benchmarks/checkpoints.py --rounds 5 --epochs 10
"""

import argparse
import statistics
import tempfile
from pathlib import Path

from mnistry.training import startup

startup.import_keras()

import mnistry  # noqa: E402  (Keras comes first)
from mnistry.training import checkpoints  # noqa: E402


def seconds(images: object, labels: object, epochs: int, folder: Path | None) -> float:
    """Train; return the seconds of fitting, without compiling."""
    model = mnistry.build("dense", seed=0)
    return mnistry.train(model, images, labels, epochs=epochs, checkpoint_folder=folder).fit_seconds


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--epochs", type=int, default=5)
    arguments = parser.parse_args()
    (images, labels), _ = mnistry.load()
    seconds(images, labels, 1, None)  # compile, and warm up the processor
    ratios, without, saved = [], [], 0
    for number in range(arguments.rounds):
        with tempfile.TemporaryDirectory() as folder:
            pair: dict[bool, float] = {}
            # In each round the other of the two comes first.
            for saving in (number % 2 == 0, number % 2 == 1):
                given = Path(folder) if saving else None
                pair[saving] = seconds(images, labels, arguments.epochs, given)
            saved = sum(path.stat().st_size for path in Path(folder).iterdir())
        ratios.append(pair[True] / pair[False])
        without.append(pair[False])
        print(f"with {pair[True]:.3f} s, without {pair[False]:.3f} s: {ratios[-1]:.3f}")
    print(
        f"median of {arguments.rounds} ratios {statistics.median(ratios):.3f} "
        f"({min(ratios):.3f} to {max(ratios):.3f}); without {statistics.median(without):.2f} s; "
        f"{saved / 1e6:.1f} MB kept in {checkpoints.KEPT} states"
    )


if __name__ == "__main__":
    main()
