"""Find what is drawn round digits and is not written: rings, boxes, the cells of a comb.

An enclosure is one mark that surrounds others, and is a line all round: closed or nearly so, with
nothing of its own inside. It is taken out of the ink. A ring and a digit that touch cannot be told
apart: the ring's box is returned, and what is read in it is uncertain. Knows only one digit's
shape: the zero with a stroke through it.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.images.mnist_form import padded_by, stroke_width
from mnistry.reading.components import Components, components
from mnistry.reading.rules import closed, without_rules

Mask = NDArray[np.uint8]
Box = tuple[int, int, int, int]

# Least strength of a pixel that belongs to a mark. Each is tried, because a form's lines may be
# pale.
_LEVELS = (0.2, 0.4)
# The width of a line's soft edge, in pixels.
_EDGE = 3
# At most `_MOST` marks are examined, the largest ones. An enclosure is at least `_LOWEST` pixels
# high.
_MOST, _LOWEST = 300, 16
# One mark surrounds another if it is seen from the inner one's middle in `_AROUND` of all
# directions, of which `_DIRECTIONS` are tried, and the inner mark has at least `_TALL` of the outer
# one's height or width: the dot in a zero has less. The marks in a comb need only `_TINY`.
_AROUND, _DIRECTIONS, _TALL = 0.8, 64, 0.28
_TINY = 0.1
# A mark is a ring if little of its ink is deep in its convex hull: further from the hull's edge
# than `_DEEP` of the shorter side and than `_DEEP_IN_STROKES` stroke widths, its ink extends over
# less than `_OWN` of its width and height.
_DEEP, _DEEP_IN_STROKES, _OWN = 0.14, 1.6, 0.35
# At least this part of a box's ink is straight lines. An empty box is as large as a filled one if
# their sides differ by at most `_ALIKE`.
_STRAIGHT, _ALIKE = 0.8, 0.15
# A part of the height of the tallest mark in a box. Without its straight lines, all that is left of
# the box is smaller than this. A hole in the box that is higher than this is a cell.
_LEFT = 0.4
# A ring that something inside touches: its filled outline has at least `_CONVEX` of the area of its
# convex hull; its ink covers at most `_FULL` of the filled outline; and its ink further in than
# `_DEEP_IN_STROKES` stroke widths extends over more than `_TOUCHING` of its width or height. Of
# 5,000 of MNIST's training digits one is taken for such a ring: a zero with a stroke.
_CONVEX, _FULL, _TOUCHING = 0.85, 0.8, 0.45
# The stroke through a zero: its width is less than `_NARROW` of its length; it rises by `_FLATTEST`
# to `_STEEPEST` degrees; and it spans at least `_SPAN` of the zero's width.
_NARROW, _FLATTEST, _STEEPEST, _SPAN = 0.3, 15.0, 65.0, 0.45


@dataclass(frozen=True, eq=False)
class Enclosures:
    """What is drawn round digits.

    Attributes
    ----------
    strength
        The ink without what is drawn round digits: ``float32``, shape ``(height, width)``.
    frames
        What was taken out of the ink, like `strength`.
    unsure
        The boxes (left, top, width, height) of rings that cannot be told from what is in them.
    """

    strength: NDArray[np.float32] = field(repr=False)
    frames: NDArray[np.float32] = field(repr=False)
    unsure: tuple[Box, ...]


def find_enclosures(strength: NDArray[np.float32]) -> Enclosures:
    """Take rings, boxes and combs out of the ink, if they touch nothing.

    Parameters
    ----------
    strength
        ``float32``, shape ``(height, width)``, 0 for paper to 1 for full ink.

    Examples
    --------
    >>> ink = np.zeros((100, 100), np.float32)
    >>> ring = cv2.circle(ink.copy(), (50, 50), 40, 1, 3)
    >>> one = cv2.line(ink.copy(), (50, 30), (50, 70), 1, 4)
    >>> bool((find_enclosures(np.maximum(ring, one)).strength == one).all())
    True
    """
    whole = strength
    unsure: tuple[Box, ...] = ()
    # The lower level takes out pale rings that dark digits touch. Rings that are still touched at
    # the higher level are unsure.
    for level in _LEVELS:
        strength, unsure = _without(strength, level)
    return Enclosures(strength, whole - strength, unsure)


def _without(
    strength: NDArray[np.float32], level: float
) -> tuple[NDArray[np.float32], tuple[Box, ...]]:
    """Take out the enclosures seen at this strength; also return the boxes of unsure rings."""
    mask = (strength > level).view(np.uint8)
    marks = components(mask)
    every = np.argsort(-marks.boxes[:, 2] * marks.boxes[:, 3], kind="stable")[:_MOST]
    order = every[marks.boxes[every, 3] >= _LOWEST]
    taken: list[int] = []
    boxes: list[int] = []
    unsure: list[int] = []
    for outer in order.tolist():
        inside = _surrounded(marks, outer, order) if len(order) > 1 else []
        one = _mask(marks, outer)
        if inside and _is_comb(one, marks.boxes[_surrounded(marks, outer, every, _TINY)]):
            boxes.append(outer)
        elif (
            inside
            and _is_ring(one)
            and not any(_is_slash(_mask(marks, i), one.shape[1]) for i in inside)
        ):
            taken.append(outer)
        elif _is_touched_ring(one):
            unsure.append(outer)
    taken += boxes
    taken += _empty_boxes(marks, boxes, [i for i in order.tolist() if i not in taken])
    if not taken and not unsure:
        return strength, ()
    unsure_boxes = tuple(_box(marks, number) for number in unsure)
    own = _chosen(marks, taken)
    if unsure and level < _LEVELS[-1]:  # only the pale ink of unsure rings, away from dark ink
        dark = _dilated((strength > _LEVELS[-1]).view(np.uint8), _EDGE)
        own |= _chosen(marks, unsure) & (1 - dark)
    if not own.any():
        return strength, unsure_boxes
    others = _dilated(mask - own, 1) > 0
    is_taken = ((_dilated(own, _EDGE) > 0) & ~others) | (own > 0)
    return np.where(is_taken, np.float32(0), strength), unsure_boxes


def _chosen(marks: Components, numbers: list[int]) -> Mask:
    """Return 1 where some of the marks are."""
    wanted = np.zeros(len(marks) + 1, np.uint8)
    wanted[1 + np.array(numbers, np.intp)] = 1
    return np.asarray(wanted[marks.labels])


def _dilated(mask: Mask, by: int) -> Mask:
    return np.asarray(cv2.dilate(mask, np.ones((2 * by + 1,) * 2, np.uint8)), np.uint8)


def _box(marks: Components, number: int) -> Box:
    x, y, width, height = marks.boxes[number].tolist()
    return x, y, width, height


def _mask(marks: Components, number: int) -> Mask:
    x, y, width, height = _box(marks, number)
    own = marks.labels[y : y + height, x : x + width] == 1 + number
    return np.asarray(own.view(np.uint8), np.uint8)


def _surrounded(
    marks: Components, outer: int, order: NDArray[np.intp], tall: float = _TALL
) -> list[int]:
    """Return which of the marks in `order` the mark `outer` surrounds."""
    x, y, width, height = _box(marks, outer)
    left, top, wide, high = marks.boxes[order].T
    is_within = (left > x) & (top > y) & (left + wide < x + width) & (top + high < y + height)
    is_within &= (high >= tall * height) | (wide >= tall * width)
    within = order[is_within].tolist()
    if not within:
        return []
    rows, columns = np.nonzero(_mask(marks, outer))
    found = []
    for other in within:
        a, b, w, h = _box(marks, other)
        angles = np.arctan2(rows + y - (b + h / 2), columns + x - (a + w / 2))
        seen = np.unique(((angles / np.pi + 1) / 2 * _DIRECTIONS).astype(int) % _DIRECTIONS)
        if len(seen) >= _AROUND * _DIRECTIONS:
            found.append(other)
    return found


def _is_comb(one: Mask, boxes: NDArray[np.intp]) -> bool:
    """Whether a mark is a box, or a row of cells, with at most as many marks inside as cells.

    Tables are not such boxes, nor is one box round several digits: the line reader can read them
    with their lines.
    """
    middles = boxes[:, 1] + boxes[:, 3] / 2
    tallest = int(boxes[:, 3].max())
    if np.ptp(middles) >= tallest:
        return False
    cells = components(padded_by(1, one) == 0)
    outside = 1  # the paper around the box is a component too
    rooms = np.count_nonzero(cells.boxes[:, 3] > _LEFT * tallest) - outside
    return len(boxes) <= int(rooms) and _is_box(one, tallest)


def _without_lines(one: Mask) -> Mask:
    return without_rules(padded_by(1, one), max(1.5, stroke_width(one > 0)), frames=True)


def _is_box(one: Mask, tallest: int) -> bool:
    """Whether a mark consists of straight lines, level and upright ones."""
    rest = _without_lines(one)
    if np.count_nonzero(rest) > (1 - _STRAIGHT) * np.count_nonzero(one):
        return False
    left = components(rest)
    return not len(left) or bool(left.boxes[:, 2:].max() < _LEFT * tallest)


def _is_ring(one: Mask) -> bool:
    """Whether a mark is a line along its convex hull, with nothing further inside."""
    outline = np.argwhere(one)[:, ::-1].astype(np.int32)
    hull = np.zeros_like(one)
    cv2.fillConvexPoly(hull, cv2.convexHull(outline), 1)
    deep = max(_DEEP * min(one.shape), _DEEP_IN_STROKES * stroke_width(one > 0))
    return _extent(one & _eroded(hull, deep)) < _OWN


def _is_touched_ring(one: Mask) -> bool:
    """Whether a mark is a closed ring, to which something within it is joined."""
    outlines, _ = cv2.findContours(padded_by(1, one), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    largest = max(outlines, key=cv2.contourArea)
    area = cv2.contourArea(largest)
    if area < _CONVEX * cv2.contourArea(cv2.convexHull(largest)) or min(one.shape) < _LOWEST:
        return False
    filled = np.zeros_like(one)
    cv2.drawContours(filled, [largest - 1], 0, 1, -1)
    if np.count_nonzero(one) > _FULL * np.count_nonzero(filled):
        return False  # a blot
    if 2 * np.count_nonzero(_without_lines(one)) < np.count_nonzero(one):
        return False  # a table
    stroke = stroke_width(closed(one, 3, 3) > 0)  # a pencil's grain would make it narrower
    within = one & _eroded(filled, max(1.5, stroke) * _DEEP_IN_STROKES)
    return _extent(within) > _TOUCHING and not _is_slash(within, one.shape[1])


def _is_slash(ink: Mask, width: int) -> bool:
    """Whether ink is a zero's stroke: straight, rising, through `_SPAN` of its `width`."""
    if np.ptp(np.flatnonzero(ink.any(0))) < _SPAN * width:
        return False
    points = np.argwhere(ink)[:, ::-1].astype(np.int32)
    corners = cv2.boxPoints(cv2.minAreaRect(points))
    sides = np.diff(corners[:3], axis=0)
    long, short = sorted(np.hypot(*sides.T).tolist(), reverse=True)
    along = sides[np.argmax(np.hypot(*sides.T))]
    rises = float(np.rad2deg(np.arctan2(abs(along[1]), abs(along[0]))))
    is_upwards = along[0] * along[1] < 0  # y points down
    return bool(short < _NARROW * long and is_upwards and _FLATTEST < rises < _STEEPEST)


def _eroded(mask: Mask, depth: float) -> Mask:
    """Erode by a disc; unlike `cv2.erode` in a time that does not grow with its radius."""
    distance = cv2.distanceTransform(padded_by(1, mask), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray((distance > max(1, round(depth)))[1:-1, 1:-1], np.uint8)


def _extent(ink: Mask) -> float:
    """Return how wide or high ink is, as a part of the mask's width or height."""
    if not ink.any():
        return 0.0
    rows, columns = (np.ptp(np.flatnonzero(ink.any(axis))) + 1 for axis in (1, 0))
    return float(max(rows / ink.shape[0], columns / ink.shape[1]))


def _empty_boxes(marks: Components, boxes: list[int], others: list[int]) -> list[int]:
    """Return the marks that are boxes of the size of those that surround something."""
    if not boxes:
        return []
    sizes = marks.boxes[boxes, 2:]
    return [
        other
        for other in others
        if (np.abs(marks.boxes[other, 2:] - sizes) <= _ALIKE * sizes).all(axis=1).any()
        and _is_box(_mask(marks, other), int(marks.boxes[other, 3]))
    ]
