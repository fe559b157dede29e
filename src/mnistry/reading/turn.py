"""Tell from a page's marks how it is turned: by a slope, or by quarter turns.

The middles of the digits of a written line lie on a straight line, which gives the slope. The digit
network knows a digit best when it is the right way up, which gives the quarter turns.
`mnistry.reading.reader` decides what a page is turned by. Knows nothing of lines or sheets.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.images.mnist_form import normalise, stroke_width
from mnistry.reading.components import components
from mnistry.reading.rules import without_rules

# A pixel of more strength than `_MARK` belongs to a mark. A mark is at least `_LEAST` pixels long,
# and its area is greater than `_AREA` times the square of the stroke's width.
_MARK, _LEAST, _AREA = 0.4, 8, 1.5
# A mark between `_SMALL` and `_LARGE` times the usual size is as large as a digit. A mark longer
# than `_LONG` times its width may be a 1, a dash or a piece of a rule, and tells nothing of quarter
# turns.
_SMALL, _LARGE, _LONG = 0.4, 2.5, 2.2
# At most this many marks are looked at.
_MOST = 64
# Two marks are on one line if their middles lie less than this part of a digit's size apart,
# measured at right angles to the line.
_ON_LINE = 0.18
# A slope counts if it is from `_LEVEL` to `_STEEPEST` degrees, and if it puts at least `_CLEARER`
# times as many pairs of marks on one line as no slope would.
_LEVEL, _STEEPEST, _CLEARER = 4, 32, 1.15
# Fewer marks than this tell no slope.
FEW = 6

Strength = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Marks:
    """The marks of a page that are as large as digits.

    Attributes
    ----------
    boxes
        ``int``, shape ``(n, 4)``: left, top, width and height of each.
    size
        Their usual size, in pixels.
    strength, labels
        The ink and its components, shape ``(height, width)``.
    numbers
        The label of each mark, shape ``(n,)``.
    """

    boxes: NDArray[Any]
    size: float
    strength: Strength = field(repr=False)
    labels: NDArray[Any] = field(repr=False)
    numbers: NDArray[Any] = field(repr=False)

    def __len__(self) -> int:
        return len(self.boxes)


def find_marks(strength: Strength) -> Marks:
    """Find the marks that are as large as digits; see `Marks`.

    Parameters
    ----------
    strength
        ``float32``, shape ``(height, width)``, 0 for paper to 1 for full ink.
    """
    mask = (strength > _MARK).astype(np.uint8)
    stroke = max(1.5, stroke_width(mask > 0)) if mask.any() else 1.5
    found = components(without_rules(mask, stroke))
    x, y, width, height = found.boxes.T
    long, short = np.maximum(width, height), np.minimum(width, height)
    rows, columns = mask.shape
    is_whole = (x > 0) & (y > 0) & (x + width < columns) & (y + height < rows)
    kept = is_whole & (long >= _LEAST) & (found.areas > _AREA * stroke**2)
    round_ones = long[kept & (long <= _LONG * short)]
    size = float(np.median(round_ones)) if round_ones.size else 0.0
    kept &= (long > _SMALL * size) & (long < _LARGE * size)
    numbers = np.flatnonzero(kept)
    return Marks(found.boxes[numbers], size, strength, found.labels, numbers + 1)


def slope(boxes: NDArray[Any], size: float) -> float:
    """Return by how many degrees the lines fall to the right, -32 to 32; 0 if they are level.

    A page that is turned by quarter turns has the same slope.

    Parameters
    ----------
    boxes
        Shape ``(n, 4)``: left, top, width and height of each mark.
    size
        Their usual size.
    """
    if len(boxes) < FEW:
        return 0.0
    middles = boxes[:, :2] + boxes[:, 2:] / 2
    middles = middles[np.linspace(0, len(middles) - 1, min(len(middles), _MOST)).astype(int)]
    degrees = np.arange(-90, 90)
    angles = np.deg2rad(degrees)
    across = np.outer(np.cos(angles), middles[:, 1]) - np.outer(np.sin(angles), middles[:, 0])
    apart = np.abs(across[:, :, None] - across[:, None, :])
    on_line = (apart < _ON_LINE * size).mean((1, 2))
    smooth = np.convolve(np.pad(on_line, 2, mode="wrap"), (0.5, 1, 1, 1, 0.5), "valid") / 4
    best = (int(degrees[smooth.argmax()]) + 45) % 90 - 45
    near = np.abs((degrees + 45) % 90 - 45) < _LEVEL - 1
    if not _LEVEL <= abs(best) <= _STEEPEST or smooth.max() < _CLEARER * smooth[near].max():
        return 0.0
    return float(best)


def evidence_of_turns(
    marks: Marks, answer: Callable[[NDArray[np.uint8]], NDArray[np.float32]]
) -> NDArray[np.float64]:
    """Return how sure the digit network is of each mark in each of four directions.

    Parameters
    ----------
    answer
        Returns the network's probabilities for images of MNIST's form.

    Returns
    -------
    ndarray
        ``float64``, shape ``(n, 4)``: the `evidence` for each mark if the page is turned clockwise
        by 0, 90, 180 and 270 degrees. Long marks are left out.
    """
    long, short = marks.boxes[:, 2:].max(1), marks.boxes[:, 2:].min(1)
    usable = np.flatnonzero(long <= _LONG * short)
    if not len(usable):
        return np.zeros((0, 4))
    usable = usable[np.linspace(0, len(usable) - 1, min(len(usable), _MOST)).astype(int)]
    forms = []
    for i in usable:
        x, y, width, height = marks.boxes[i]
        own = marks.labels[y : y + height, x : x + width] == marks.numbers[i]
        own = cv2.dilate(np.pad(own.astype(np.uint8), 2), np.ones((3, 3), np.uint8))
        ink = np.pad(marks.strength[y : y + height, x : x + width], 2) * own
        forms += [normalise(np.ascontiguousarray(np.rot90(ink, -turns))) for turns in range(4)]
    return evidence(answer(np.stack(forms)).max(1)).reshape(-1, 4)


def evidence(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return minus the natural logarithm of the probability of being wrong, at most 4.6.

    Examples
    --------
    >>> evidence(np.array([0.0, 0.9, 1.0])).round(1).tolist()
    [-0.0, 2.3, 4.6]
    """
    return np.asarray(-np.log(np.maximum(1 - probabilities.astype(np.float64), 0.01)), np.float64)


def upside_down(forms: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn images of MNIST's form by 180 degrees, their centre of mass where it was."""
    return np.roll(forms[:, ::-1, ::-1], (1, 1), (1, 2))
