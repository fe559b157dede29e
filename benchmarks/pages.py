"""Read generated pages that no network was trained on, upright and turned, and count what is right.

Pages are those of `mnistry.augmentation.pages` with eight digits or more, written with digits of
the judging part of `benchmarks/line_reader.py`, or the choosing part.

    python benchmarks/hands_data.py HANDS
    python benchmarks/pages.py --hands HANDS --pages 2000 [--turned quarters|slopes] [--part choose]
"""

import argparse
import collections
import difflib
import warnings
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

import mnistry
from mnistry.augmentation import hands, lines, pages
from mnistry.augmentation.lines import Digits
from mnistry.augmentation.pages import Page
from mnistry.errors import Notice
from mnistry.evaluation.statistics import wilson
from mnistry.reading import Reader

# For each part: which of MNIST's training images, which pen writers, and the seed of the pages.
PARTS = {"choose": (slice(50_000, 55_000), hands.CHOOSE, 4),
         "judge": (slice(55_000, 60_000), hands.JUDGE, 5)}  # fmt: skip
LEAST_DIGITS = 8


def generated(digits: Digits, seed: int, turned: str | None) -> Iterator[tuple[Page, float]]:
    """Generate pages without end; with each, how far it is turned clockwise."""
    for number in range(1_000_000_000):
        random = np.random.default_rng([seed, number])
        quarters = 90.0 * (number % 4)
        slope = float(random.uniform(-30, 30))
        degrees = {"quarters": quarters, "slopes": slope, None: 0.0}[turned]
        page = pages.page(digits, random, degrees=degrees)
        if sum(one.isdigit() for line in page.lines for one in line) >= LEAST_DIGITS:
            yield page, degrees


def main() -> None:
    """Generate, read, count and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--hands", type=Path, required=True)
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--part", choices=PARTS, default="judge")
    parser.add_argument("--turned", choices=("quarters", "slopes"))
    options = parser.parse_args()
    cv2.setNumThreads(1)
    warnings.simplefilter("ignore", Notice)
    part, writers, seed = PARTS[options.part]
    train = mnistry.load("mnist").train
    digits = lines.load_digits(
        options.hands, train.images[part], np.asarray(train.labels)[part], writers,
        judge=options.part == "judge",
    )  # fmt: skip
    reader = Reader(threads=1)
    counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for (page, degrees), _ in zip(
        generated(digits, seed, options.turned), range(options.pages), strict=False
    ):
        reading = reader.read(page.grey)
        written, read = " ".join(page.lines).split(), " ".join(reading.lines).split()
        blocks = difflib.SequenceMatcher(None, written, read, autojunk=False).get_matching_blocks()
        right = sum(block.size for block in blocks)
        upright = round(-degrees / 90) * 90 % 360
        for kind in (page.kind, "all"):
            count = counts[kind]
            count["pages"] += 1
            count["numbers"] += len(written)
            count["right"] += right
            count["wrong"] += sum("?" not in number for number in read) - right
            count["upright"] += reading.turned == upright
            count["turned wrongly"] += reading.turned not in (0, upright)
    for kind, count in counts.items():
        low, high = (100 * bound for bound in wilson(count["right"], count["numbers"]))
        print(
            f"{kind:7} {count['pages']} pages, {count['numbers']} numbers: "
            f"right {100 * count['right'] / count['numbers']:.1f} % ({low:.1f} to {high:.1f}), "
            f"sure and wrong {100 * count['wrong'] / count['numbers']:.1f} %; "
            f"upright {count['upright']}, turned wrongly {count['turned wrongly']}"
        )


if __name__ == "__main__":
    main()
