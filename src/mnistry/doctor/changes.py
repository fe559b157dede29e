"""Make small changes to a digit in MNIST's form, such as a hand, a pen or a camera would make.

Knows nothing of the network.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.images.mnist_form import BOX, SIDE, SUPERSAMPLING, depth, with_edge_moved
from mnistry.percent import percent

Image = NDArray[np.uint8]

_PIXELS = 4  # the farthest move: as wide as the paper around MNIST's digits
_DEGREES = float(np.rad2deg(1 / (BOX // 2)))  # a turn that moves the ends of a digit by a pixel


@dataclass(frozen=True, eq=False)
class Change:
    """An image, changed in one way.

    Attributes
    ----------
    name
        What was done: ``"3 pixels lower"``.
    size
        By how many pixels it moves the ink that is farthest from the middle of the 20x20 box, which
        makes a turn and a shift comparable. A blur counts by its standard deviation, a fifth less
        ink as one pixel, and ink and paper swapped as half the image's side.
    image
        ``uint8``, shape ``(28, 28)``.
    """

    name: str
    size: float
    image: Image = field(repr=False)


def small_changes(image: Image) -> list[Change]:
    """Change an image in each way by growing amounts, and sort the results by size.

    The image is moved, scaled, turned, slanted, given thicker and thinner strokes, blurred and
    faded, and its ink and paper are swapped.

    Parameters
    ----------
    image
        ``uint8``, shape ``(28, 28)``, 0 for paper to 255 for ink.

    Examples
    --------
    >>> image = np.zeros((28, 28), np.uint8)
    >>> image[4:24, 13:15] = 255
    >>> changes = small_changes(image)
    >>> changes[0].name, changes[0].size
    ('strokes 0.5 pixels thicker', 0.25)
    >>> changes[-1].name
    'ink and paper swapped'
    """
    ways = (_moved, _scaled, _turned, _slanted, _restroked, _blurred, _faded)
    changes = [change for way in ways for change in way(image)]
    changes.append(Change("ink and paper swapped", SIDE / 2, 255 - image))
    return sorted(changes, key=lambda change: change.size)


def _moved(image: Image) -> Iterator[Change]:
    for way, x, y in (
        ("lower", 0, 1),
        ("higher", 0, -1),
        ("to the right", 1, 0),
        ("to the left", -1, 0),
    ):
        for step in range(1, _PIXELS + 1):
            matrix = np.array([[1, 0, step * x], [0, 1, step * y]], np.float32)
            yield Change(f"{_count(step)} {way}", step, _warped(image, matrix))


def _scaled(image: Image) -> Iterator[Change]:
    for way, sign in (("larger", 1), ("smaller", -1)):
        for size in np.arange(0.5, 3.5, 0.5):
            part = size / (BOX / 2)
            name = f"{percent(part, places=0)} {way}"
            yield Change(name, float(size), _linear(image, (1 + sign * part) * np.eye(2)))


def _turned(image: Image) -> Iterator[Change]:
    for way, sign in (("clockwise", 1), ("anticlockwise", -1)):
        for size in np.arange(0.5, _PIXELS + 0.5, 0.5):
            angle = sign * np.deg2rad(size * _DEGREES)
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            yield Change(f"turned {size * _DEGREES:.0f}° {way}", float(size), _linear(image, turn))


def _slanted(image: Image) -> Iterator[Change]:
    for way, sign in (("right", -1), ("left", 1)):
        for size in np.arange(0.5, _PIXELS + 0.5, 0.5):
            slope = sign * size / (BOX / 2)
            degrees = np.rad2deg(np.arctan(abs(slope)))
            name = f"leaning {degrees:.0f}° more to the {way}"
            yield Change(name, float(size), _linear(image, np.array([[1, slope], [0, 1]])))


def _restroked(image: Image) -> Iterator[Change]:
    """Move the edge of the ink, which makes strokes wider by twice as much."""
    side = SIDE * SUPERSAMPLING
    fine = cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC)
    mask = (fine > 127).astype(np.uint8)
    depths = depth(mask)
    for way, sign in (("thicker", 1), ("thinner", -1)):
        for out in np.arange(0.25, 1.25, 0.25):
            moved = with_edge_moved(depths, sign * out * SUPERSAMPLING)
            if 2 * moved.sum() < mask.sum():
                break  # too little is left of its strokes
            changed = cv2.resize(moved, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
            name = f"strokes {_count(2 * out)} {way}"
            yield Change(name, float(out), np.rint(255 * changed).astype(np.uint8))


def _blurred(image: Image) -> Iterator[Change]:
    for size in (0.5, 1.0, 1.5):
        changed = cv2.GaussianBlur(image, (0, 0), size)
        yield Change(f"blurred by {_count(size)}", float(size), np.asarray(changed, np.uint8))


def _faded(image: Image) -> Iterator[Change]:
    for size in range(1, 5):
        changed = np.rint(image * (1 - size / 5)).astype(np.uint8)
        yield Change(f"{20 * size} % fainter", size, changed)


def _linear(image: Image, matrix: NDArray[np.float64]) -> Image:
    """Apply a linear map about the image's middle."""
    middle = np.full(2, (SIDE - 1) / 2)
    return _warped(image, np.column_stack([matrix, middle - matrix @ middle]))


def _warped(image: Image, matrix: NDArray[np.floating]) -> Image:
    changed = cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=cv2.INTER_CUBIC)
    return np.asarray(changed, np.uint8)


def _count(pixels: float) -> str:
    return f"{pixels:g} pixel" + ("s" if pixels != 1 else "")
