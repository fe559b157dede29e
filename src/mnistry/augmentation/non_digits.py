"""Images that are not digits, so that a network can learn to be uncertain about them.

Letters and signs, digits turned or crowded into one image, scribbles, shapes, textures, and almost
blank paper, all in MNIST's form. The letters are from Computer Modern and STIX, which come with
matplotlib; other fonts are kept for tests. Knows nothing of training.
"""

import functools
import string
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mnistry.augmentation import drawing
from mnistry.augmentation.drawing import Ink, Points, around, smooth, strokes
from mnistry.datasets.dataset import Images, Labels
from mnistry.images.mnist_form import SIDE, normalise

# These letters look like digits: an O like a 0.
LOOK_LIKE_DIGITS = "OoIilSsZzBbgqDQGJ"
LETTERS = "".join(c for c in string.ascii_letters if c not in LOOK_LIKE_DIGITS)
SIGNS = "#$%&*+<=>?@^_{}~-"
FONTS = (
    *("cmr10", "cmti10", "cmtt10", "cmss10", "cmb10"),
    *("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"),
)

Random = np.random.Generator


class Digits:
    """Digits to draw from, by class."""

    def __init__(self, images: Images, labels: Labels) -> None:
        self._images = images
        self._rows = [np.flatnonzero(labels == digit) for digit in range(10)]

    def draw(self, random: Random, classes: Sequence[int] = range(10)) -> Ink:
        """Return a digit of one of these classes: ``float32``, shape ``(28, 28)``, 0 to 1."""
        rows = np.concatenate([self._rows[digit] for digit in classes])
        digit: Ink = np.divide(self._images[random.choice(rows)], 255, dtype=np.float32)
        return digit


def letter(_digits: Digits, random: Random) -> Images:
    """Draw a letter or a sign of a font."""
    characters = LETTERS if random.random() < 0.8 else SIGNS
    return glyph(str(random.choice(FONTS)), characters[random.integers(len(characters))])


@functools.cache
def glyph(font: str, character: str) -> Images:
    """Draw a character of a font that comes with matplotlib: ``uint8``, shape ``(28, 28)``."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    file = Path(matplotlib.get_data_path(), "fonts", "ttf", font + ".ttf")
    page = Image.new("L", (120, 120))
    ImageDraw.Draw(page).text((30, 20), character, 255, ImageFont.truetype(file, 64))
    return normalise(np.asarray(page, np.float32) / np.float32(255))


def turned(digits: Digits, random: Random) -> Images:
    """Turn or mirror a digit so that it is no longer one."""
    turn = random.integers(4)
    if turn == 0:
        return normalise(digits.draw(random, (3, 4, 7, 9))[:, ::-1])
    return normalise(np.rot90(digits.draw(random, (3, 4, 7)), int(turn)))


def crowd(digits: Digits, random: Random) -> Images:
    """Put two or three digits side by side into one image."""
    row = np.zeros((SIDE, 3 * SIDE), np.float32)
    right = 0
    for _ in range(random.integers(2, 4)):
        digit = drawing.cropped(digits.draw(random))
        down = random.integers(0, SIDE - digit.shape[0] + 1)
        left = max(right + random.integers(-2, 4), 0)
        right = left + digit.shape[1]
        place = row[down : down + digit.shape[0], left:right]
        np.maximum(place, digit, out=place)
    return normalise(row)


def scribble(digits: Digits, random: Random) -> Images:
    """Draw one long stroke, several short ones, or digits over one another."""
    way = random.integers(3)
    if way == 0:
        pile = [np.rot90(digits.draw(random), int(random.integers(4))) for _ in range(4)]
        return normalise(np.max(pile, axis=0))
    count, points = (1, random.integers(8, 16)) if way == 1 else (random.integers(4, 7), 3)
    curves = [smooth(random.uniform(4, 24, (points, 2))) for _ in range(count)]
    return normalise(strokes(curves, _width(random)))


def shape(_digits: Digits, random: Random) -> Images:
    """Draw one of `SHAPES`."""
    curves = SHAPES[random.integers(len(SHAPES))](random)
    return normalise(strokes([14 + 11 * curve for curve in curves], _width(random)))


def texture(digits: Digits, random: Random) -> Images:
    """Fill the image with one of `TEXTURES`, or with a digit in pieces or much too large."""
    way = random.integers(len(TEXTURES) + 2)
    if way < len(TEXTURES):
        return drawing.to_uint8(TEXTURES[way](random))
    digit = digits.draw(random)
    if way == len(TEXTURES):
        pieces = digit.reshape(4, 7, 4, 7).swapaxes(1, 2).reshape(16, 7, 7)
        mixed = pieces[random.permutation(16)].reshape(4, 4, 7, 7).swapaxes(1, 2)
        return drawing.to_uint8(mixed.reshape(SIDE, SIDE))
    import cv2

    side = random.integers(6, 11)
    row, column = random.integers(4, 24 - side, 2)
    part = np.ascontiguousarray(digit[row : row + side, column : column + side])
    near = cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return drawing.to_uint8(np.asarray(near, np.float32))


def nothing(_digits: Digits, random: Random) -> Images:
    """Make blank paper: white, grey, with grain or with a few specks."""
    page: Ink = np.full((SIDE, SIDE), random.choice([0, 0, random.random()]))
    if random.random() < 0.5:
        page += random.uniform(0, 0.3) * _noise(random, random.choice([0, 1]))
    if random.random() < 0.5:
        grid = np.arange(SIDE)
        for row, column in random.uniform(0, SIDE, (random.integers(1, 6), 2)):
            distance = np.hypot(grid[:, np.newaxis] - row, grid - column)
            page = np.asarray(np.maximum(page, np.clip(random.uniform(0.5, 2) - distance, 0, 1)))
    return drawing.to_uint8(page)


class Kind(NamedTuple):
    """A kind of non-digit: its share of all, and the function that draws one."""

    name: str
    share: float
    draw: Callable[[Digits, Random], Images]


KINDS = (
    Kind("letters", 0.45, letter),
    Kind("turned", 0.1, turned),
    Kind("crowds", 0.15, crowd),
    Kind("scribbles", 0.08, scribble),
    Kind("shapes", 0.1, shape),
    Kind("textures", 0.08, texture),
    Kind("nothing", 0.04, nothing),
)


def make(digits: Digits, count: int, random: Random) -> dict[str, Images]:
    """Make images that are not digits.

    Parameters
    ----------
    digits
        Digits to make some of them from.
    count
        How many images.

    Returns
    -------
    dict
        The name of each of `KINDS` -> ``uint8``, shape ``(n, 28, 28)``.
    """
    ends = np.rint(count * np.cumsum([kind.share for kind in KINDS])).astype(int)
    made = {}
    for kind, number in zip(KINDS, np.diff(ends, prepend=0), strict=True):
        images = [kind.draw(digits, random) for _ in range(number)]
        made[kind.name] = np.array(images, np.uint8).reshape(-1, SIDE, SIDE)
    return made


def _width(random: Random) -> float:
    return float(random.uniform(1.7, 4))


# Shapes are drawn in the square from -1 to 1.


def _box(random: Random) -> list[Points]:
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]])
    return [corners * random.uniform(0.4, 1, 2)]


def _triangle_or_star(random: Random) -> list[Points]:
    corners, step = (3, 1) if random.random() < 0.5 else (5, 2)
    return [around(2 * np.pi * step / corners * np.arange(corners + 1) + random.uniform(0, 2))]


def _rays(random: Random) -> list[Points]:
    count = random.integers(3, 9)
    angles = 2 * np.pi / count * np.arange(count) + random.uniform(0, 2)
    return [np.outer([0, random.uniform(0.7, 1)], around(angle)) for angle in angles]


def _spiral(random: Random) -> list[Points]:
    along = np.linspace(0.05, 1, 150)[:, np.newaxis]
    turns = random.uniform(2, 4) * random.choice([-1, 1])
    return [along * around(2 * np.pi * turns * along[:, 0])]


def _wave(random: Random) -> list[Points]:
    along = np.linspace(-1, 1, 100)
    wave = np.sin(np.pi * random.uniform(2, 5) * along)
    if random.random() < 0.5:  # with corners
        wave = np.arcsin(wave) * 2 / np.pi
    return [np.stack([along, random.uniform(0.25, 0.9) * wave], -1)[:, :: random.choice([-1, 1])]]


def _rings(random: Random) -> list[Points]:
    ring = around(np.linspace(0, 2 * np.pi, 60))
    if random.random() < 0.5:
        return [ring, random.uniform(0.1, 0.6) * ring]
    return [ring, *(np.outer([-1, 1], around(angle)) for angle in random.uniform(0, 3, 2))]


def _grid(random: Random) -> list[Points]:
    places = np.linspace(-1, 1, random.integers(3, 6))
    rows = [np.array([[-1, place], [1, place]]) for place in places]
    columns = [row[:, ::-1] for row in rows]
    return [rows, columns, rows + columns][random.integers(3)]


def _arrow(random: Random) -> list[Points]:
    angle, back = random.uniform(0, 7), random.uniform(0.4, 0.9)
    tip = around(angle)
    ends = [tip - back * around(angle + side * random.uniform(0.4, 0.9)) for side in (-1, 1)]
    return [np.stack([-tip, tip]), np.stack([ends[0], tip, ends[1]])]


def _tick(random: Random) -> list[Points]:
    return [np.array([[-1, random.uniform(-0.3, 0.3)], [random.uniform(-0.6, 0), 1], [1, -1]])]


def _blot(random: Random) -> list[Points]:
    angles = np.linspace(0, 2 * np.pi, 10)[:-1]
    corners = random.uniform(0.4, 1, (9, 1)) * around(angles)
    edge = smooth(np.concatenate([corners, corners[:1]]))
    return [edge * size for size in np.linspace(0, 1, 8)]  # one in another, until it is filled


SHAPES = (_box, _triangle_or_star, _rays, _spiral, _wave, _rings, _grid, _arrow, _tick, _blot)


# Textures are 28x28 pixels, 0 to 1; values outside are clipped afterwards.


def _noise(random: Random, sigma: float) -> Ink:
    """Return noise from 0 to 1, smoothed by a Gaussian of this standard deviation in pixels."""
    import cv2

    noise: Ink = random.random((SIDE, SIDE), np.float32)
    if sigma:
        noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), float(sigma)))
        noise = (noise - noise.min()) / np.ptp(noise)
    return noise


def _grain(random: Random) -> Ink:
    return _noise(random, random.choice([0, 0.7, 1.2, 2, 3.5]))


def _spots(random: Random) -> Ink:
    return np.asarray(_grain(random) > random.uniform(0.3, 0.8), np.float32)


def _along(random: Random) -> Ink:
    """Return the position of each pixel along a direction, in pixels."""
    return np.asarray(np.tensordot(around(random.uniform(0, 7)), np.mgrid[:SIDE, :SIDE], 1))


def _stripes(random: Random) -> Ink:
    stripes: Ink = np.sin(
        2 * np.pi * _along(random) / random.uniform(2.5, 10) + random.uniform(0, 7)
    )
    if random.random() < 0.3:
        stripes = stripes * np.sin(2 * np.pi * _along(random) / random.uniform(2.5, 10))
    return np.asarray(0.5 + random.uniform(0.5, 8) * stripes)


def _slope(random: Random) -> Ink:
    along = _along(random)
    slope = random.uniform(0.3, 1) * (along - along.min()) / np.ptp(along)
    return np.asarray(slope + 0.1 * _noise(random, 0))


TEXTURES = (_grain, _spots, _stripes, _slope)
