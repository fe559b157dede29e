"""Train the network that tells a digit from one that is struck out or written over.

Its images are made here: digits of MNIST's training images and of 20 pen writers, as they are or
altered. Digits that people do write so count as plain: a 7 with a bar, a 0 with a slash.

    python benchmarks/altered.py make 56000 altered.npz --hands FOLDER
    mnistry train --data altered.npz --recipe classic-plus --network strided --epochs 16 --seed 1
    python benchmarks/altered.py ship altered.npz RUN

The network that ships learned from 20,000 images with seed 0 and 36,000 with seed 2, together. How
sure it must be was chosen on generated sheets: see `mnistry.forms.characters`.
"""

import argparse
import hashlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

import mnistry
from mnistry.augmentation import hands
from mnistry.forms.altered import NETWORK
from mnistry.images.mnist_form import normalise
from mnistry.inference import onnx_session
from mnistry.system import files

SIDE, HEIGHT = 128, 56  # pixels of the drawing, and of a digit in it
LEARNED = slice(0, 50_000)  # of the training images
KINDS = ("written over", "struck", "struck twice", "crossed", "scribbled")
SHARES = (0.34, 0.36, 0.1, 0.1, 0.1)  # of the altered images, one for each of KINDS
# Where one digit is written over another, both together must have so many times the inked pixels
# of the larger one: otherwise one hides the other.
LEAST_INK = 1.18

Ink = NDArray[np.float32]
Random = np.random.Generator


class Digits:
    """Digits to draw: half of them MNIST's, half by pen writers, if there are any."""

    def __init__(self, folder: Path | None, random: Random) -> None:
        (images, labels), _ = mnistry.load("mnist")
        self._images, self._labels = images[LEARNED], np.asarray(labels[LEARNED])
        self._drawn = [] if folder is None else hands.load_pen_digits(folder, hands.TRAIN)
        self._random = random

    def draw(self) -> tuple[Ink, int]:
        """Return a digit in the middle of a drawing, 0 to 1, and which one it is."""
        random = self._random
        if self._drawn and random.random() < 0.5:
            one = self._drawn[random.integers(len(self._drawn))]
            (image,) = hands.as_images([one], random, high=HEIGHT)
            digit = one.digit
        else:
            number = int(random.integers(len(self._images)))
            image, digit = self._images[number], int(self._labels[number])
        x, y, wide, high = cv2.boundingRect((image > 30).astype(np.uint8))
        factor = HEIGHT * random.uniform(0.9, 1.1) / max(wide, high)
        size = max(3, round(wide * factor)), max(3, round(high * factor))
        part = cv2.resize(image[y : y + high, x : x + wide], size, interpolation=cv2.INTER_CUBIC)
        ink = np.zeros((SIDE, SIDE), np.float32)
        left, top = ((SIDE - side) // 2 + int(random.normal(0, 1)) for side in size)
        area = ink[max(top, 0) : top + size[1], max(left, 0) : left + size[0]]
        area[:] = part[: area.shape[0], : area.shape[1]].astype(np.float32) / 255
        return ink, digit


def line(ink: Ink, start: NDArray[np.float64], stop: NDArray[np.float64], width: float) -> None:
    """Draw a stroke that bends a little."""
    middle = (start + stop) / 2 + np.array([stop[1] - start[1], start[0] - stop[0]]) * 0.03
    at = np.linspace(0, 1, 9)[:, None]
    points = (1 - at) ** 2 * start + 2 * at * (1 - at) * middle + at**2 * stop
    fine = [np.rint(points * 16).astype(np.int32)]
    cv2.polylines(ink, fine, False, 1.0, hands.thickness_for(width), cv2.LINE_AA, 4)


def strike(ink: Ink, box: NDArray[np.float64], angle: float, width: float, random: Random) -> None:
    """Draw a stroke through the middle of a digit's box, and over its edges."""
    way = np.array([np.cos(angle), np.sin(angle)])
    half = box[2:] / 2
    reach = min(half / np.maximum(np.abs(way), 1e-6)) + HEIGHT * 0.1 * random.uniform(0.3, 2.5)
    middle = box[:2] + half + random.normal(0, HEIGHT * 0.05, 2)
    line(ink, middle - reach * way, middle + reach * way, width)


def altered(digits: Digits, kind: str, random: Random) -> Ink | None:
    """Return a digit that was altered; None if it can hardly be seen."""
    ink, digit = digits.draw()
    width = HEIGHT * random.uniform(0.05, 0.14)
    box = np.array(cv2.boundingRect((ink > 0.4).astype(np.uint8)), np.float64)
    if kind == "written over":
        other, _ = digits.draw()
        other = np.roll(other, tuple(random.normal(0, 3, 2).astype(int)), (0, 1))
        both = np.maximum(ink, other)
        most = max((ink > 0.4).sum(), (other > 0.4).sum())
        return both if (both > 0.4).sum() > LEAST_INK * most else None
    if kind == "struck":
        angle = float(random.choice([0, 0, 0.5, -0.5, 0.8, -0.8])) + random.normal(0, 0.12)
        if (digit == 0 and angle < -0.3) or (digit in (4, 7) and abs(angle) < 0.3):
            return None  # a 0 with a slash, a 7 with a bar
        strike(ink, box, angle, width, random)
    elif kind == "struck twice":
        for shift in (-0.1, 0.1):
            moved = box + np.array([0, shift * HEIGHT * random.uniform(0.7, 1.5), 0, 0])
            strike(ink, moved, random.normal(0, 0.15), width, random)
    elif kind == "crossed":
        for angle in (0.8, -0.8):
            strike(ink, box, angle + random.normal(0, 0.15), width, random)
    else:
        count = int(random.integers(4, 10))
        rows = box[1] + box[3] * np.linspace(-0.05, 1.05, count)
        ends = box[0] + box[2] * (np.arange(count) % 2) + random.normal(0, 4, count)
        for first in range(count - 1):
            points = [np.array([ends[n], rows[n]]) for n in (first, first + 1)]
            line(ink, *points, width)
    return ink


def plain(digits: Digits, random: Random) -> Ink:
    """Return a digit as people write it."""
    ink, digit = digits.draw()
    x, y, wide, high = cv2.boundingRect((ink > 0.4).astype(np.uint8))
    width = HEIGHT * random.uniform(0.04, 0.1)
    middle = np.array([x + wide / 2, y + high * random.uniform(0.4, 0.6)])
    if digit == 7 and random.random() < 0.4:
        reach = np.array([wide * random.uniform(0.25, 0.5), HEIGHT * random.normal(0, 0.05)])
        line(ink, middle - reach, middle + reach, width)
    elif digit == 0 and random.random() < 0.25:
        reach = np.array([wide, -high]) / 2 * random.uniform(0.6, 1.2)
        line(ink, middle - reach, middle + reach, width)
    return ink


def seen(ink: Ink, random: Random) -> NDArray[np.uint8]:
    """Return ink in MNIST's form, as a scan of a form shows it."""
    soft = cv2.GaussianBlur(ink, (0, 0), random.uniform(0.6, 2.2))
    soft = soft + random.normal(0, random.uniform(0, 0.015), soft.shape).astype(np.float32)
    marks = soft[soft > 0.1]
    level = np.percentile(marks, 60)
    return normalise(np.clip(soft * (soft > 0.1) / level, 0, 1).astype(np.float32))


def make(count: int, folder: Path | None, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Make images, half of them altered: label 1."""
    random = np.random.default_rng([seed, 9])
    digits = Digits(folder, random)
    images, labels = [], []
    while len(images) < count:
        is_altered = len(images) % 2 == 1
        kind = str(random.choice(KINDS, p=SHARES))
        ink = altered(digits, kind, random) if is_altered else plain(digits, random)
        if ink is not None:
            images.append(seen(ink, random))
            labels.append(int(is_altered))
    return np.stack(images), np.array(labels, np.uint8)


def ship(data: Path, run: Path) -> None:
    """Copy a run's network into the package, with a card that says what it does."""
    content = (run / "model.onnx").read_bytes()
    with np.load(data) as file:
        images, labels = file["x_test"], file["y_test"]
    found = onnx_session.probabilities(onnx_session.open_session(content), images)[:, 1]
    scores = []
    for share in (0.02, 0.01, 0.005):
        least = float(np.quantile(found[labels == 0], 1 - share))
        noticed = float((found[labels == 1] > least).mean())
        scores.append({"of plain digits": share, "of altered digits": round(noticed, 4)})
    card = {
        "name": NETWORK.name,
        "file": {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()},
        "data": {
            "MNIST": "training images, by Yann LeCun, Corinna Cortes and Christopher J. C. Burges, "
            "CC BY-SA 3.0",
            "pendigits": "writers 1 to 20, by E. Alpaydin and F. Alimoglu, UCI 81, CC BY 4.0",
        },
        "licence": "CC BY-SA 3.0",
        "made by": "benchmarks/altered.py",
        "called altered": {"images": len(labels), "shares": scores},
    }
    files.write_bytes(NETWORK, content)
    files.write_json(NETWORK.with_suffix(".json"), card)
    print(card["called altered"])


def main() -> None:
    """Make the images, or ship a network that learned from them."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make")
    making.add_argument("count", type=int)
    making.add_argument("file", type=Path)
    making.add_argument("--hands", type=Path, help="a folder with pendigits.npz")
    making.add_argument("--seed", type=int, default=0)
    shipping = commands.add_parser("ship")
    shipping.add_argument("file", type=Path)
    shipping.add_argument("run", type=Path)
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    if chosen.command == "ship":
        ship(chosen.file, chosen.run)
        return
    images, labels = make(chosen.count, chosen.hands, chosen.seed)
    test = len(images) // 10
    np.savez_compressed(
        chosen.file, x_train=images[test:], y_train=labels[test:], x_test=images[:test],
        y_test=labels[:test],
    )  # fmt: skip


if __name__ == "__main__":
    main()
