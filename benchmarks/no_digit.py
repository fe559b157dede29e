"""Measure how often pictures without a digit are rejected: noise, textures, empty paper, letters.

Each kind is drawn several times: letters in several sizes, all else 28 to 1,200 pixels wide and 28
to 1,680 high. A picture counts as rejected if nothing is found, or everything found is ``?``.

    python benchmarks/no_digit.py --pictures 40
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mnistry.augmentation.non_digits import LETTERS
from mnistry.evaluation.statistics import wilson
from mnistry.reading import Reader

Picture = NDArray[np.uint8]
Random = np.random.Generator

SEED = 5
# Fonts that are not in the training data of mnistry's networks.
FONTS = sorted(Path(matplotlib.get_data_path(), "fonts", "ttf").glob("DejaVuS*.ttf"))


def size(random: Random) -> tuple[int, int]:
    """Choose height and width; the width is uniform on a logarithmic scale."""
    side = float(np.exp(random.uniform(np.log(28), np.log(1200))))
    return max(28, int(side * random.uniform(0.6, 1.4))), int(side)


def grey(values: NDArray[np.floating]) -> Picture:
    """Clip to 0 to 255 and round down to integers."""
    return np.clip(values, 0, 255).astype(np.uint8)


def places(random: Random) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the row and the column of each pixel."""
    y, x = np.indices(size(random)).astype(float)
    return y, x


def paper(random: Random, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Draw light that falls off to one side."""
    y, x = (np.indices(shape) / np.reshape(shape, (2, 1, 1))).astype(float)
    angle = random.uniform(0, 2 * np.pi)
    lit = 1 - random.uniform(0.05, 0.5) * (np.cos(angle) * x + np.sin(angle) * y + 1) / 2
    return np.asarray(random.uniform(150, 250) * lit)


def clouds(random: Random, shape: tuple[int, int], width: float) -> NDArray[np.float64]:
    """Draw smooth noise with mean 0 and standard deviation 1."""
    smooth = cv2.GaussianBlur(random.normal(0, 1, shape), (0, 0), width)
    return np.asarray(smooth / smooth.std())


def grain(random: Random) -> Picture:
    """Draw each pixel with a random brightness."""
    return grey(random.normal(random.uniform(60, 200), random.uniform(5, 60), size(random)))


def salt_and_pepper(random: Random) -> Picture:
    """Scatter black pixels on white."""
    share = random.uniform(0.01, 0.3)
    return np.where(random.random(size(random)) < share, 0, 255).astype(np.uint8)


def blurred_noise(random: Random) -> Picture:
    """Draw an image out of focus."""
    shape = size(random)
    width = float(np.exp(random.uniform(0, np.log(max(2, min(shape) / 4)))))
    return grey(random.uniform(80, 180) + random.uniform(10, 50) * clouds(random, shape, width))


def empty_paper(random: Random) -> Picture:
    """Draw light, grainy paper without a mark."""
    shape = size(random)
    return grey(paper(random, shape) + random.normal(0, random.uniform(1, 7), shape))


def stained_paper(random: Random) -> Picture:
    """Draw paper of uneven colour."""
    shape = size(random)
    stains = 1 + random.uniform(0.005, 0.03) * clouds(random, shape, min(shape) / 12)
    return grey(paper(random, shape) * stains + random.normal(0, 3, shape))


def ruled_paper(random: Random) -> Picture:
    """Draw lines across, or squares."""
    y, x = places(random)
    step, tilt = max(8, min(y.shape) / random.uniform(3, 15)), random.uniform(-0.01, 0.01)
    lines = (y + tilt * x) % step < max(1, step / 20)
    if random.random() < 0.5:
        lines |= (x - tilt * y) % step < max(1, step / 20)
    light = paper(random, (y.shape[0], y.shape[1]))
    return grey(light * (1 - random.uniform(0.1, 0.6) * lines) + random.normal(0, 3, y.shape))


def stripes(random: Random) -> Picture:
    """Draw parallel stripes, black and white."""
    y, x = places(random)
    angle, period = random.uniform(0, np.pi), min(y.shape) / random.uniform(2, 20)
    wave = np.sin((np.cos(angle) * x + np.sin(angle) * y) * 2 * np.pi / period)
    return grey(128 + 100 * np.sign(wave) + random.normal(0, 5, y.shape))


def checks(random: Random) -> Picture:
    """Draw a chequerboard."""
    y, x = places(random)
    side = max(2, min(y.shape) // int(random.uniform(2, 12)))
    return grey((y // side + x // side) % 2 * random.uniform(80, 230) + 10)


def bars(random: Random) -> Picture:
    """Draw a bar code."""
    height, width = size(random)
    widths = random.integers(1, max(2, width // 20) + 1, width)
    edges = np.cumsum(widths)
    row = np.searchsorted(edges, np.arange(width), "right") % 2 * 255
    return np.tile(row.astype(np.uint8), (height, 1))


def letters(count: int) -> Callable[[Random], Picture]:
    """Return a function that writes letters that do not look like digits."""

    def draw(random: Random) -> Picture:
        high = int(random.integers(30, 200))
        font = ImageFont.truetype(random.choice(FONTS), high)
        text = "".join(random.choice(list(LETTERS), count))
        image = Image.new("L", (int(high * (count + 0.5)), 2 * high), 245)
        draw = ImageDraw.Draw(image)
        draw.text((high / 3, high), text, font=font, fill=int(random.integers(90)), anchor="lm")
        return np.array(image)

    return draw


KINDS: dict[str, Callable[[Random], Picture]] = {
    "grain": grain, "salt and pepper": salt_and_pepper, "blurred noise": blurred_noise,
    "empty paper": empty_paper, "stained paper": stained_paper, "ruled paper": ruled_paper,
    "stripes": stripes, "checks": checks, "bars": bars,
    "a letter": letters(1), "a word": letters(5),
}  # fmt: skip


def main() -> None:
    """Draw, read, and print a line for each kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=40, help="of each kind")
    count = parser.parse_args().pictures
    reader, right = Reader(), 0
    for number, (name, draw) in enumerate(KINDS.items()):
        random = np.random.default_rng([SEED, number])
        readings = [reader.read(draw(random)) for _ in range(count)]
        rejected = sum(all(d.digit is None for d in reading.digits) for reading in readings)
        right += rejected
        print(f"{name}: {rejected} of {count}", flush=True)
    low, high = wilson(right, count * len(KINDS))
    print(f"all: {right / count / len(KINDS):.1%} ({low:.1%} to {high:.1%})")


if __name__ == "__main__":
    main()
