"""Effects of pen, paper and camera: thick and thin strokes, blur, faint ink, dirt, cuts.

Works on ``uint8`` images of MNIST's form and knows nothing of labels and training. For other
shapes of the digit itself, see `mnistry.augmentation.distort`.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from mnistry.datasets.dataset import Images
from mnistry.errors import UsageError
from mnistry.images.mnist_form import SIDE, depth, with_edge_moved

# Strokes are redrawn on a grid that is this many times finer.
_SUPERSAMPLING = 2
# Columns between two images in a strip; no edge of a stroke moves outwards by more.
_GAP = 4

Floats = NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Pen:
    """Limits of these effects. Each image draws its own values, uniformly, within these limits.

    Attributes
    ----------
    thinnest, thickest
        Pixels: width of the strokes of a digit afterwards, whatever it was. MNIST's are 2 to 3.
    faintest
        The least strength of the ink: at least 0.01, and at most 1, which is full ink.
    blur
        Pixels: the largest standard deviation of a Gaussian.
    noise
        The largest standard deviation of the noise, independent for each pixel; 1 is full ink.
    cut
        The part of a digit's width or height that may be missing on one side, 0 to 1.
    chance
        The probability, 0 to 1, of each of these effects, and of one mark beside the digit: a
        piece of another image that reaches in from the left or the right, a speck, or a piece of a
        line.

    Raises
    ------
    UsageError
        If a value is out of its range.
    """

    thinnest: float = 1.4
    thickest: float = 4.5
    faintest: float = 0.4
    blur: float = 1.0
    noise: float = 0.15
    cut: float = 0.12
    chance: float = 0.3

    def __post_init__(self) -> None:
        limits = {
            "thinnest": (0.5, self.thickest),
            "thickest": (0.5, 8),
            "faintest": (0.01, 1),
            "blur": (0, 1),
            "noise": (0, 1),
            "cut": (0, 1),
            "chance": (0, 1),
        }
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise UsageError(
                    f"{name} {getattr(self, name)}", expected=f"a number from {low} to {high}"
                )


def write(images: Images, pen: Pen, random: np.random.Generator) -> Images:
    """Redraw each image with a random pen on random paper.

    Parameters
    ----------
    images
        ``uint8``, shape ``(n, 28, 28)``, 0 for paper. A piece that reaches in from the side is from
        the previous image (for the first image, from the last).
    pen
        The limits.
    random
        The source of randomness; the same state gives the same bytes.

    Returns
    -------
    ndarray
        ``uint8``, shape ``(n, 28, 28)``.

    Examples
    --------
    >>> stroke = np.zeros((1, 28, 28), np.uint8)
    >>> stroke[0, 4:24, 13:15] = 255
    >>> marker = Pen(thinnest=4, thickest=4, faintest=1, blur=0, noise=0, cut=0, chance=1)
    >>> drawn = write(stroke, marker, np.random.default_rng(0))
    >>> int((stroke[0, 14] > 127).sum()), int((drawn[0, 14] > 127).sum())  # the width of its stroke
    (2, 4)
    """
    count = len(images)

    def affected() -> NDArray[np.intp]:
        return np.flatnonzero(random.random(count) < pen.chance)

    ink = np.divide(images, 255, dtype=np.float32)
    some = affected()
    ink[some] = _with_stroke(images[some], random.uniform(pen.thinnest, pen.thickest, len(some)))
    some = affected()
    ink[some] = _cut(
        ink[some], random.uniform(0, pen.cut, len(some)), random.integers(4, size=len(some))
    )
    some = affected()
    ink[some] = _with_marks_beside(ink[some], ink[some - 1], random)
    some = affected()
    ink[some] = _blurred(ink[some], random.uniform(0, pen.blur, len(some)))
    some = affected()
    ink[some] *= random.uniform(pen.faintest, 1, (len(some), 1, 1)).astype(np.float32)
    some = affected()
    spread = random.uniform(0, pen.noise, (len(some), 1, 1)).astype(np.float32)
    ink[some] += spread * random.standard_normal((len(some), SIDE, SIDE), np.float32)
    return np.asarray(np.rint(255 * np.clip(ink, 0, 1)), np.uint8)


def _with_stroke(images: Images, widths: NDArray[np.float64]) -> Floats:
    """Move the edges of the ink so that strokes get these widths in pixels, shape ``(n,)``.

    All images are one strip, which takes a fraction of the time of one call for each.
    """
    import cv2

    count = len(images)
    if not count:
        return np.zeros((0, SIDE, SIDE), np.float32)
    strip = np.zeros((SIDE, count, SIDE + _GAP), np.uint8)
    strip[:, :, :SIDE] = images.transpose(1, 0, 2)
    coarse = strip.reshape(SIDE, -1)
    size = (_SUPERSAMPLING * coarse.shape[1], _SUPERSAMPLING * SIDE)
    mask = (cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR) > 127).astype(np.uint8)
    by_image = (_SUPERSAMPLING * SIDE, count, _SUPERSAMPLING * (SIDE + _GAP))
    depths, mask = depth(mask).reshape(by_image), mask.reshape(by_image)
    area = np.maximum(mask.sum((0, 2), np.float32), 1)
    width = 4 * (depths * mask).sum((0, 2)) / area  # as `stroke_width` has it
    out = (_SUPERSAMPLING * widths.astype(np.float32) - width) / 2
    moved = with_edge_moved(depths, out[:, np.newaxis])
    soft = moved.reshape(SIDE, _SUPERSAMPLING, count, SIDE + _GAP, _SUPERSAMPLING).mean((1, 4))
    return np.ascontiguousarray(soft[:, :, :SIDE].transpose(1, 0, 2))


def _cut(ink: Floats, part: NDArray[np.float64], side: NDArray[np.integer]) -> Floats:
    """Remove this part of the ink's extent at the left, top, right or bottom (side 0 to 3)."""
    result = ink.copy()
    for number in range(4):
        rows = np.flatnonzero(side == number)
        turned = np.rot90(result[rows], number, (1, 2))
        columns = turned.max(1) > 0.5
        first, extent = columns.argmax(1), columns.sum(1)
        # A column that is cut through keeps a part of its ink.
        edge = (first + part[rows] * extent)[:, np.newaxis]
        kept = np.clip(np.arange(SIDE) + 1 - edge, 0, 1).astype(np.float32)
        result[rows] = np.rot90(turned * kept[:, np.newaxis], -number, (1, 2))
    return result


def _with_marks_beside(ink: Floats, others: Floats, random: np.random.Generator) -> Floats:
    """Put a piece of another digit, a speck, or a piece of a line beside each digit."""
    count = len(ink)
    result = ink.copy()
    kind = random.integers(3, size=count)
    rows = np.flatnonzero(kind == 0)
    apart = random.integers(17, 23, len(rows)) * random.choice([-1, 1], len(rows))
    columns = np.arange(SIDE) - apart[:, None]
    seen = (columns >= 0) & (columns < SIDE)
    pieces = np.take_along_axis(others[rows], np.clip(columns, 0, SIDE - 1)[:, None], 2)
    result[rows] = np.maximum(result[rows], pieces * seen[:, None])

    rows = np.flatnonzero(kind == 1)
    place = random.uniform(1, SIDE - 2, (2, len(rows), 1, 1)).astype(np.float32)
    radius = random.uniform(0.4, 1.5, (len(rows), 1, 1)).astype(np.float32)
    grid = np.arange(SIDE, dtype=np.float32)
    distance = np.hypot(grid[:, None] - place[0], grid - place[1])
    result[rows] = np.maximum(result[rows], np.clip(radius + 0.5 - distance, 0, 1))

    rows = np.flatnonzero(kind == 2)
    border = random.uniform(-0.5, 3, (len(rows), 1, 1)).astype(np.float32)
    border = np.where(random.random(border.shape) < 0.5, border, SIDE - 1 - border)
    thick = random.uniform(0.4, 1.2, border.shape).astype(np.float32)
    lines = np.clip(thick + 0.5 - np.abs(grid[:, None] - border), 0, 1) * np.ones(SIDE, np.float32)
    upright = random.random(len(rows)) < 0.5
    lines[upright] = lines[upright].transpose(0, 2, 1)
    lines *= random.uniform(0.3, 1, border.shape).astype(np.float32)
    result[rows] = np.maximum(result[rows], lines)
    return result


def _blurred(ink: Floats, sigma: NDArray[np.float64]) -> Floats:
    """Blur each image by a Gaussian of its own standard deviation in pixels, at most 1."""
    # Weights (a, 1 - 2a, a) have variance 2a; twice over along each axis, 4a.
    weight = (sigma**2 / 4).astype(np.float32)[:, None, None]
    padded = np.pad(ink, ((0, 0), (2, 2), (2, 2)))
    for _ in range(2):
        padded = padded[:, 1:-1] + weight * (padded[:, 2:] - 2 * padded[:, 1:-1] + padded[:, :-2])
        middle = padded[:, :, 1:-1]
        padded = middle + weight * (padded[:, :, 2:] - 2 * middle + padded[:, :, :-2])
    return padded
