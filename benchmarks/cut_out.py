"""Read digits and lines that were cut out along their ink, with margins of several widths.

Digits are MNIST's training images from 50,000 on, enlarged one to five times; lines are one to
seven of them side by side. A ``?`` counts as not right.

    python benchmarks/cut_out.py
    PYTHONPATH=OTHER/src python benchmarks/cut_out.py    # another build, for comparison
"""

import argparse

import cv2
import numpy as np
from numpy.typing import NDArray

import mnistry
from mnistry.reading import Reader

MARGINS = (0, 1, 2, 4, 16)  # pixels

Ink = NDArray[np.uint8]


def cut_out(ink: Ink) -> Ink:
    """Return the part of an image that has ink."""
    x, y, width, height = cv2.boundingRect(ink)
    return ink[y : y + height, x : x + width]


def line(images: Ink, random: np.random.Generator) -> Ink:
    """Put images side by side, 2 to 6 pixels apart."""
    parts: list[Ink] = []
    for image in images:
        x, _, width, _ = cv2.boundingRect(image)
        parts += [image[:, x : x + width], np.zeros((28, random.integers(2, 7)), np.uint8)]
    return cut_out(np.hstack(parts))


def score(reader: Reader, pictures: list[tuple[Ink, str]], margin: int) -> str:
    """Read pictures, black on white, with a margin; count what is right, and sure and wrong."""
    said = [reader.read(255 - np.pad(ink, margin)).text for ink, _ in pictures]
    said = [text.replace(" ", "") for text in said]
    pairs = [(text, true) for text, (_, true) in zip(said, pictures, strict=True)]
    wrong = sum(text != true and "?" not in text and text != "" for text, true in pairs)
    return f"{sum(text == true for text, true in pairs)} right, {wrong} sure and wrong"


def main() -> None:
    """Score both kinds of pictures with each margin."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--digits", type=int, default=250)
    parser.add_argument("--lines", type=int, default=150)
    given = parser.parse_args()
    images, labels = (np.asarray(part[50_000:]) for part in mnistry.load("mnist").train)
    random, reader = np.random.default_rng(6), Reader(threads=1)
    digits = []
    for number in range(given.digits):
        times = 1 + number % 5
        ink = cv2.resize(cut_out(images[number]), None, fx=times, fy=times)
        digits.append((np.asarray(ink, np.uint8), str(labels[number])))
    lines = []
    for _ in range(given.lines):
        chosen = random.integers(0, len(images), random.integers(1, 8))
        times = random.uniform(1, 3)
        ink = cv2.resize(line(images[chosen], random), None, fx=times, fy=times)
        lines.append((np.asarray(ink, np.uint8), "".join(map(str, labels[chosen]))))
    for margin in MARGINS:
        print(f"margin {margin:2}: {len(digits)} digits: {score(reader, digits, margin)}; "
              f"{len(lines)} lines: {score(reader, lines, margin)}")  # fmt: skip


if __name__ == "__main__":
    main()
