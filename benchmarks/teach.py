"""Measure `mnistry teach` on hands that no network was trained on.

The start is the network that is taught: the built-in one, or a run. Six hands are made by bending
MNIST's test digits in one consistent way each, so far that the start misreads about 11 % of them;
six more are the writers 25 to 30 of the pen strokes. Of each hand some digits teach the network,
and it reads the others; this is repeated with other digits. Errors are added up over the hands.
MNIST's test images tell what is forgotten.

    python benchmarks/teach.py HANDS [--draws 20] [--from RUN] [--develop]

HANDS is the folder that `benchmarks/hands_data.py` writes. With --develop the hands are bent from
MNIST's training digits, the writers are 21 to 24, and training images that the built-in network was
not trained on tell what is forgotten.
"""

import argparse
import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import mnistry
from mnistry.augmentation import hands
from mnistry.concepts import softmax
from mnistry.datasets import Split
from mnistry.datasets.fit import fit_image
from mnistry.datasets.splits import hold_out
from mnistry.images.mnist_form import normalise
from mnistry.inference.run_directory import find_network
from mnistry.networks.two_views import TeachableOnnx
from mnistry.reading.built_in import SHIPPED
from mnistry.runs import teaching
from mnistry.training import teach

SIZES = (20, 100)  # digits that teach
_BENT = 1500  # digits of a bent hand
_JUDGED = 500  # digits of a hand that are read after each teaching, at most
_WRONG = 0.11  # the share of a bent hand that the start misreads
_FORGETFUL = 2  # teachings of each hand and size that also read MNIST's images

Floats = NDArray[np.float32]


@dataclasses.dataclass
class Sum:
    """What was read wrongly, and the summed cross-entropy, before and after."""

    count: int = 0
    wrong: tuple[int, int] = (0, 0)
    loss: tuple[float, float] = (0.0, 0.0)

    def add(self, labels: NDArray[Any], before: Floats, after: Floats) -> None:
        """Add the reading of some digits."""
        self.count += len(labels)
        both = (before, after)
        wrong = [int((one.argmax(axis=1) != labels).sum()) for one in both]
        chosen = [one[np.arange(len(labels)), labels].astype(float) for one in both]
        loss = [float(-np.log(np.clip(one, 1e-7, 1)).sum()) for one in chosen]
        self.wrong = (self.wrong[0] + wrong[0], self.wrong[1] + wrong[1])
        self.loss = (self.loss[0] + loss[0], self.loss[1] + loss[1])

    def to_json(self) -> dict[str, Any]:
        """Return the figures with their ratios."""
        return {
            "digits": self.count,
            "wrong_before": self.wrong[0] / self.count,
            "errors": self.wrong[1] / max(self.wrong[0], 1),
            "loss": self.loss[1] / self.loss[0],
        }


def bent(images: NDArray[np.uint8], seed: int, strength: float) -> NDArray[np.uint8]:
    """Bend digits in the way that a seed decides: a linear map and two slow waves."""
    random = np.random.default_rng([seed, 8])
    linear = random.normal(0, random.uniform(0.2, 1), (2, 2))
    down, across = (axis.astype(np.float32) for axis in np.mgrid[-28:28, -28:28] + 0.5)
    columns = across + strength * (linear[0, 0] * across + linear[0, 1] * down)
    rows = down + strength * (linear[1, 0] * across + linear[1, 1] * down)
    for _ in range(2):
        waves, phase, pull = (
            random.uniform(-1, 1, 2),
            random.uniform(0, 6.3),
            random.normal(0, 4, 2),
        )
        wave = np.sin(2 * np.pi * (waves[0] * across + waves[1] * down) / 28 + phase)
        columns, rows = columns + strength * pull[0] * wave, rows + strength * pull[1] * wave
    places = [(axis + 13.5).astype(np.float32) for axis in (columns, rows)]
    moved = (cv2.remap(image, *places, cv2.INTER_LINEAR) for image in images)
    return np.stack([normalise(one.astype(np.float32) / 255) for one in moved])


def bent_hand(start: TeachableOnnx, digits: Split, seed: int) -> Split:
    """Bend digits so far that the start misreads about `_WRONG` of them."""
    random = np.random.default_rng([seed, 9])
    chosen = random.permutation(len(digits.images))[:_BENT]
    images, labels = digits.images[chosen], np.asarray(digits.labels)[chosen]
    low, high = 0.0, 2.0
    for _ in range(8):
        middle = (low + high) / 2
        answers = read(start, start.features(bent(images[:600], seed, middle).astype(np.float32)))
        if (answers.argmax(axis=1) != labels[:600]).mean() > _WRONG:
            high = middle
        else:
            low = middle
    return Split(bent(images, seed, low), labels)


def written_hand(folder: Path, writer: int) -> Split:
    """Draw a writer's strokes with several pens."""
    digits = hands.load_pen_digits(folder, [writer])
    images = hands.as_images(digits, np.random.default_rng([writer, 10]))
    formed = [fit_image(255 - image, f"writer {writer}") for image in images]
    return Split(np.stack(formed), np.array([digit.digit for digit in digits], np.uint8))


def read(start: TeachableOnnx, features: Floats) -> Floats:
    """Return the start's probabilities."""
    return softmax(features @ start.kernel + start.bias).astype(np.float32)


@dataclasses.dataclass(frozen=True, eq=False)
class Known:
    """Labelled digits with the start's features of them."""

    images: NDArray[np.uint8]
    labels: NDArray[Any]
    features: Floats

    @classmethod
    def of(cls, start: TeachableOnnx, digits: Split) -> "Known":
        """Compute the features."""
        features = start.features(digits.images.astype(np.float32))
        return cls(digits.images, np.asarray(digits.labels), features)

    def part(self, chosen: NDArray[np.int64]) -> "Known":
        """Return some of the digits."""
        return Known(self.images[chosen], self.labels[chosen], self.features[chosen])


def measure(
    start: TeachableOnnx, hand: Known, size: int, draw: int, rehearsal: teach.Rehearsal,
    remembered: Known, sums: tuple[Sum, Sum],
) -> None:  # fmt: skip
    """Teach with some digits of a hand; add up how its others are read, and how `remembered` is.

    `sums` has the sum for the hand, then the one for `remembered`: MNIST's images.
    """
    mixed = np.random.default_rng([size, draw]).permutation(len(hand.labels))
    examples = hand.part(mixed[:size])
    taught = teach.teach(start, Split(examples.images, examples.labels), rehearsal, seed=draw)
    judged = [hand.part(mixed[size : size + _JUDGED])]
    if draw < _FORGETFUL:
        judged.append(remembered)
    for one, found in zip(judged, sums, strict=False):
        views = taught.views(start, one.images.astype(np.float32), one.features)
        found.add(one.labels, read(start, one.features), taught.probabilities(views))


def main() -> None:
    """Make the hands, teach, and print a line for each kind and size after every draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("hands", type=Path)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--from", dest="start", help="a run instead of the built-in network")
    parser.add_argument("--develop", action="store_true")
    arguments = parser.parse_args()
    path = SHIPPED if arguments.start is None else find_network(arguments.start).file
    start = TeachableOnnx(path.read_bytes(), str(path))
    dataset = mnistry.load("mnist")
    rehearsed, nothing, _ = teaching.choose_rehearsal(dataset.train, 0)
    rehearsal = teach.Rehearsal.of(start, rehearsed, nothing)
    aside = hold_out(dataset.train, 0.1, 0)[1]  # as in benchmarks/pretrained.py
    digits, remembered = (dataset.train, aside) if arguments.develop else [dataset.test] * 2
    seeds, writers = (range(6), hands.CHOOSE) if arguments.develop else (range(50, 56), hands.JUDGE)
    began = time.perf_counter()
    made = {"bent": [bent_hand(start, digits, seed) for seed in seeds]}
    made["written"] = [written_hand(arguments.hands, writer) for writer in writers]
    known = {kind: [Known.of(start, hand) for hand in some] for kind, some in made.items()}
    before = Known.of(start, remembered)
    sums = {(kind, size): (Sum(), Sum()) for kind in known for size in SIZES}
    for draw in range(arguments.draws):
        for (kind, size), found in sums.items():
            for hand in known[kind]:
                measure(start, hand, size, draw, rehearsal, before, found)
            lost = (found[1].wrong[1] - found[1].wrong[0]) / found[1].count
            line = {"draws": draw + 1, "hands": kind, "examples": size, **found[0].to_json()}
            line |= {"mnist_points_lost": 100 * lost}
            print(json.dumps(line | {"seconds": round(time.perf_counter() - began)}), flush=True)


if __name__ == "__main__":
    main()
