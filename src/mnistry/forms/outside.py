"""Find ink of a page that is no answer: marks that lie in no field, and lines through fields.

Knows nothing of what is written.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.forms.alignment import Blank
from mnistry.forms.definition import Box

_SCALE = 4  # pixels per millimetre of the picture in which marks are looked for
_LINE_SCALE = 2  # the same for lines
# Ink that lies closer than this, in millimetres, is ignored:
_NEAR_PRINT = 0.8  # to print
_NEAR_FIELD = 1.0  # to a field
_EDGE = 14.0  # to the page's edges, where holes, staples and shadows are
_NEAR_CODE = 3.0  # to a code or a marker
_LEAST_AREA = 1.5  # mm²: a smaller mark is ignored too
_LEAST_CONTRAST = 0.12  # what is darker than the paper by more than this share is ink
_BLANK = 225  # grey level: where the blank page is at least this light, nothing is printed
# A mark at least `_LONG` millimetres long is part of a line if at least the share `_ON_LINE` of its
# ink lies no further than `_NEAR_LINE` millimetres from one.
_LONG, _ON_LINE, _NEAR_LINE = 40.0, 0.8, 1.5
_LEAST_LENGTH = 60.0  # millimetres: a shorter line is not reported
_GAP = 12.0  # millimetres: the longest gap in a line
_UNBROKEN = 0.93  # there is ink on at least this share of a line's unprinted length

Grey = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Point = tuple[float, float]


@dataclass(frozen=True, eq=False)
class PageInk:
    """A page: where there is ink that is not printed, and where nothing is printed.

    ``bool``, shape ``(rows, columns)``, `_SCALE` pixels for each millimetre.
    """

    ink: Mask = field(repr=False)
    free: Mask = field(repr=False)


@dataclass(frozen=True)
class Line:
    """A straight line of ink: a fold, a long stroke, or dirt on a scanner's glass; ends in mm."""

    start: Point
    stop: Point

    def touches(self, box: Box) -> bool:
        """Whether it goes through a box, or along its edge.

        Examples
        --------
        >>> Line((10, 0), (20, 100)).touches(Box(14, 50, 6, 8))
        True
        >>> Line((10, 0), (20, 100)).touches(Box(30, 50, 6, 8))
        False
        """
        # The box with half a millimetre around, in tenths: clipLine takes whole numbers.
        tenths = [
            round(10 * value) for value in (box.x - 0.5, box.y - 0.5, box.width + 1, box.height + 1)
        ]
        ends = [(round(10 * x), round(10 * y)) for x, y in (self.start, self.stop)]
        return bool(cv2.clipLine((tenths[0], tenths[1], tenths[2], tenths[3]), *ends)[0])


def page_ink(kept: Grey, free: Mask) -> PageInk:
    """Find the ink of a straightened page that is not printed on its blank; see `unprinted`."""
    seen = cv2.resize(kept, free.shape[::-1], interpolation=cv2.INTER_AREA)
    light = cv2.morphologyEx(seen, cv2.MORPH_CLOSE, np.ones((4 * _SCALE, 4 * _SCALE), np.uint8))
    contrast = 1 - seen / np.maximum(light, 1).astype(np.float32)
    return PageInk((contrast > _LEAST_CONTRAST) & free, free)


def unprinted(blank: Blank) -> Mask:
    """Return where a blank has no print near; `_SCALE` pixels for each millimetre."""
    size = round(blank.width * _SCALE), round(blank.height * _SCALE)
    print_there = cv2.resize(blank.grey, size, interpolation=cv2.INTER_AREA)
    side = 2 * round(_NEAR_PRINT * _SCALE) + 1
    dark = cv2.dilate((print_there < _BLANK).astype(np.uint8), np.ones((side, side), np.uint8))
    return np.asarray(dark == 0)


def marks(
    page: PageInk, fields: Sequence[Box], unlike: Sequence[Box], lines: Sequence[Line]
) -> list[Point]:
    """Return the middles of marks that lie in no field and on no line, in millimetres.

    Parameters
    ----------
    page
        The page.
    fields
        Where its fields are.
    unlike
        Where it may differ from its blank, as where a code is.
    lines
        The lines that were found on it.
    """
    ink = page.ink.copy()
    edge = round(_EDGE * _SCALE)
    ink[:edge], ink[-edge:], ink[:, :edge], ink[:, -edge:] = False, False, False, False
    for boxes, margin in ((fields, _NEAR_FIELD), (unlike, _NEAR_CODE)):
        for box in boxes:
            left, top = (max(0, int((v - margin) * _SCALE)) for v in (box.x, box.y))
            right, bottom = (int((v + margin) * _SCALE) + 1 for v in (box.right, box.bottom))
            ink[top:bottom, left:right] = False
    count, labels, stats, middles = cv2.connectedComponentsWithStats(ink.view(np.uint8))
    near = np.zeros_like(ink, np.uint8)
    for line in lines:
        ends = [np.rint(np.multiply(end, _SCALE)).astype(int) for end in (line.start, line.stop)]
        cv2.line(near, ends[0].tolist(), ends[1].tolist(), 1, round(2 * _NEAR_LINE * _SCALE))
    on_line = np.bincount(labels[near > 0], minlength=count)
    found = []
    for label in range(1, count):
        _, _, wide, high, area = stats[label].tolist()
        is_line = max(wide, high) >= _LONG * _SCALE and on_line[label] >= _ON_LINE * area
        if area >= _LEAST_AREA * _SCALE**2 and not is_line:
            found.append((float(middles[label][0]) / _SCALE, float(middles[label][1]) / _SCALE))
    return found


def lines(page: PageInk) -> list[Line]:
    """Find long straight lines that are not printed."""
    return list(_lines(page))


def _lines(page: PageInk) -> Iterator[Line]:
    factor = _SCALE // _LINE_SCALE
    rows, columns = (side // factor for side in page.ink.shape)
    small = page.ink[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)
    ink = np.asarray(small.any((1, 3)), np.uint8)
    found = cv2.HoughLinesP(
        ink, 1, np.pi / 360, round(_LEAST_LENGTH * _LINE_SCALE / 2),
        minLineLength=_LEAST_LENGTH * _LINE_SCALE, maxLineGap=_GAP * _LINE_SCALE,
    )  # fmt: skip
    near = cv2.dilate(page.ink.view(np.uint8), np.ones((3, 3), np.uint8))
    for ends in np.zeros((0, 4)) if found is None else found.reshape(-1, 4):
        start, stop = (ends.reshape(2, 2) + 0.5) * factor  # OpenCV 5.0 returns no middle axis
        length = float(np.hypot(*(stop - start)))
        x, y = np.linspace(start, stop, int(length) + 1).astype(int).T
        x, y = x.clip(0, near.shape[1] - 1), y.clip(0, near.shape[0] - 1)
        is_free = page.free[y, x]
        if is_free.mean() > 0.5 and near[y, x][is_free].mean() >= _UNBROKEN:
            left, top, right, bottom = (float(v) / _SCALE for v in (*start, *stop))
            yield Line((left, top), (right, bottom))
