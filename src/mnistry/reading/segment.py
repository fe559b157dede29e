"""Split ink into written lines, and each line into the pieces that digits are made of.

A piece is a connected stroke, or a part of one that was cut where digits may touch. This module
knows geometry alone. `mnistry.reading.lattice` decides which cuts are right, and which pieces are
one digit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.images.mnist_form import bounds, stroke_width
from mnistry.reading.page import are_beside

Mask = NDArray[np.bool_]

# A stroke less than a quarter as high as the tallest is a dot, a dash or a part of a digit.
_SMALL = 0.25
# A ruled line goes from one edge of the picture to the other, except for this fraction.
_SHORT_OF_EDGE = 0.03
# More strokes than this are a texture: only the largest are kept.
_MOST = 200
# Pixels: a mark less high than this may be dirt.
_LOWEST = 8
# Ruled lines may be as faint as this strength.
_FAINT = 0.15
# A ruled line of this strength is as dark as ink.
_AS_DARK = 0.8
# A piece wider than this fraction of its height may be two digits (it is the median of MNIST's).
_WIDE = 0.8
# No digit of MNIST's training images is more than twice as wide as high; 99.9 % are below this.
WIDEST = 1.67


@dataclass(frozen=True)
class Piece:
    """A part of a line: its box, and which pixels of the box are its ink."""

    x: int
    y: int
    mask: Mask = field(repr=False)
    cut_before: bool = False  # whether it was cut off from the piece before it

    @property
    def width(self) -> int:
        """Columns of its box."""
        return int(self.mask.shape[1])

    @property
    def height(self) -> int:
        """Rows of its box."""
        return int(self.mask.shape[0])

    @property
    def right(self) -> int:
        """The column after its last."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The row after its last."""
        return self.y + self.height

    @property
    def area(self) -> int:
        """Pixels of ink."""
        return int(np.count_nonzero(self.mask))


@dataclass(frozen=True)
class Line:
    """A written line: its pieces from left to right, its digits' height and its stroke width."""

    pieces: tuple[Piece, ...]
    height: float
    stroke: float

    @property
    def top(self) -> int:
        """Its first row."""
        return min(piece.y for piece in self.pieces)

    @property
    def bottom(self) -> int:
        """The row after its last."""
        return max(piece.bottom for piece in self.pieces)


def find_lines(strength: NDArray[np.float32]) -> list[Line]:
    """Split ink into lines, from top to bottom, and pieces, from left to right.

    Parameters
    ----------
    strength
        ``float32``, shape ``(height, width)``, 0 for paper to 1 for full ink.
    """
    mask = _without_rules(_mask(strength), strength)
    pieces = list(_components(mask))
    if not pieces:
        return []
    stroke = stroke_width(mask)
    pieces = [p for p in pieces if p.area > stroke**2 / 2]
    boxes = np.array([(p.x, p.y, p.width, p.height) for p in pieces]).reshape(-1, 4)
    is_beside = are_beside(boxes, mask.shape)
    pieces = [p for p, beside in zip(pieces, is_beside, strict=True) if not beside]
    tallest = max((piece.height for piece in pieces), default=0)
    pieces = _mended(sorted(pieces, key=lambda p: -p.area)[:_MOST], stroke)
    tall = [p for p in pieces if p.height >= _SMALL * tallest]
    small = [p for p in pieces if p.height < _SMALL * tallest]
    lines = [_line(row, small, stroke) for row in _rows(tall)]
    return [line for line in lines if line.height >= _LOWEST]


def is_single_mark(lines: Sequence[Line]) -> bool:
    """Whether the lines hold one mark alone, which may be cut."""
    return sum(not piece.cut_before for line in lines for piece in line.pieces) == 1


def joined(pieces: tuple[Piece, ...]) -> Piece:
    """Merge several pieces into one."""
    if len(pieces) == 1:
        return pieces[0]
    x, y = min(p.x for p in pieces), min(p.y for p in pieces)
    width, height = max(p.right for p in pieces) - x, max(p.bottom for p in pieces) - y
    mask = np.zeros((height, width), bool)
    for p in pieces:
        mask[p.y - y : p.bottom - y, p.x - x : p.right - x] |= p.mask
    return Piece(x, y, mask, pieces[0].cut_before)


def _mask(strength: NDArray[np.float32]) -> Mask:
    """Mark the ink: strokes that reach half strength, out to where they fade to a third."""
    count, labels = cv2.connectedComponents((strength > 1 / 3).astype(np.uint8), connectivity=8)
    strong = np.zeros(count, bool)
    strong[labels[strength > 0.5]] = True
    strong[0] = False
    return np.asarray(strong[labels], bool)


def _without_rules(mask: Mask, strength: NDArray[np.float32]) -> Mask:
    """Remove ruled lines that go across the picture, but not the strokes that cross them."""
    mask = _without_horizontal_rules(mask, strength)
    turned = _without_horizontal_rules(mask.T, np.ascontiguousarray(strength.T))
    return np.ascontiguousarray(turned.T)


def _without_horizontal_rules(mask: Mask, strength: NDArray[np.float32]) -> Mask:
    width = mask.shape[1]
    length = max(8, width // 8)
    # Rules may be faint, broken by grain, and climb by a pixel or two.
    faint = (strength > _FAINT).astype(np.uint8)
    whole = cv2.morphologyEx(faint, cv2.MORPH_CLOSE, np.ones((3, 7), np.uint8))
    runs = cv2.morphologyEx(whole, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    if not runs.any():
        return mask
    count, labels = cv2.connectedComponents(
        cv2.dilate(runs, np.ones((3, length // 2 * 2 + 1), np.uint8))
    )
    rule = np.zeros(mask.shape, bool)
    for i in range(1, count):
        one = (labels == i) & (runs > 0)
        if _is_rule(one):
            # Ink on a rule is darker than the rule's median, unless the rule is as dark as ink.
            usual = float(np.median(strength[one]))
            rule |= one & (strength < (1 + usual) / 2) if usual < _AS_DARK else one
    if not rule.any():
        return mask
    thick = int(np.ceil(rule.sum() / rule.any(0).sum()))
    rest = mask & ~cv2.dilate(rule.astype(np.uint8), np.ones((3, 1), np.uint8)).astype(bool)
    bridged = cv2.morphologyEx(
        rest.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((2 * (thick // 2 + 2) + 1, 1), np.uint8)
    )
    return np.asarray(rest | ((bridged > 0) & mask), bool)


def _is_rule(mask: Mask) -> bool:
    """Whether a horizontal mark goes from one edge to the other, and is thin."""
    columns = np.asarray(mask.any(0))
    edge = max(1, round(_SHORT_OF_EDGE * columns.size))
    across = columns[:edge].any() and columns[-edge:].any() and 2 * columns.sum() > columns.size
    return bool(across and mask.sum() / columns.sum() <= max(2, columns.size / 50))


def _components(mask: Mask) -> Iterator[Piece]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    for i in range(1, count):
        x, y, width, height, _ = map(int, stats[i])
        yield Piece(x, y, labels[y : y + height, x : x + width] == i)


def _mended(pieces: list[Piece], stroke: float) -> list[Piece]:
    """Join the parts of a broken digit: marks a stroke width apart, but not side by side."""
    done: list[Piece] = []
    for piece in sorted(pieces, key=lambda p: p.y):
        above = [p for p in done if _broken(p, piece, stroke)]
        done = [p for p in done if not any(p is other for other in above)]
        done.append(joined((*above, piece)))
    return done


def _broken(above: Piece, piece: Piece, stroke: float) -> bool:
    shared = min(above.bottom, piece.bottom) - max(above.y, piece.y)
    if 2 * shared > min(above.height, piece.height) or _box_gap(above, piece) > stroke:
        return False
    whole = joined((above, piece))
    if whole.width > WIDEST * whole.height:
        return False
    top, left = above.y - whole.y, above.x - whole.x
    free = np.ones(whole.mask.shape, np.uint8)
    free[top : top + above.height, left : left + above.width] -= above.mask
    distance = cv2.distanceTransform(free, cv2.DIST_L2, 5)
    top, left = piece.y - whole.y, piece.x - whole.x
    to_piece = distance[top : top + piece.height, left : left + piece.width][piece.mask]
    return bool(to_piece.min() <= stroke + 1)


def _box_gap(a: Piece, b: Piece) -> int:
    return max(a.x - b.right, b.x - a.right, a.y - b.bottom, b.y - a.bottom)


def _rows(pieces: list[Piece]) -> list[list[Piece]]:
    """Group marks into rows: each joins the nearest one on its right at the same height."""
    pieces = sorted(pieces, key=lambda p: p.x + p.width / 2)
    row_of = list(range(len(pieces)))
    for i, piece in enumerate(pieces):
        for j in range(i + 1, len(pieces)):
            other = pieces[j]
            overlap = min(piece.bottom, other.bottom) - max(piece.y, other.y)
            if overlap >= 0.25 * min(piece.height, other.height):
                old, new = row_of[j], row_of[i]
                row_of = [new if row == old else row for row in row_of]
                break
    rows = [[p for p, row in zip(pieces, row_of, strict=True) if row == r] for r in set(row_of)]
    return sorted(rows, key=lambda row: float(np.mean([p.y + p.height / 2 for p in row])))


def _line(row: list[Piece], small: list[Piece], stroke: float) -> Line:
    highest = max(p.height for p in row)
    height = float(np.median([p.height for p in row if 2 * p.height >= highest]))
    near = [p for p in small if any(_box_gap(p, other) < 2 * stroke for other in row)]
    pieces = sorted([*row, *near], key=lambda p: p.x + p.width / 2)
    parts = [part for piece in pieces for part in _cut(piece, stroke)]
    return Line(tuple(parts), height, stroke)


def _cut(piece: Piece, stroke: float) -> Iterator[Piece]:
    """Cut a wide piece where digits may touch: at the columns with the least ink."""
    columns = _cut_columns(piece, stroke)
    edges = [0, *columns, piece.width]
    for left, right in pairwise(edges):
        part = piece.mask[:, left:right]
        box = bounds(part)
        if box is not None:
            x, y, width, height = box
            yield Piece(
                piece.x + left + x,
                piece.y + y,
                part[y : y + height, x : x + width],
                cut_before=left > 0,
            )


def _cut_columns(piece: Piece, stroke: float) -> list[int]:
    if piece.width <= _WIDE * piece.height:
        return []
    ink = piece.mask.sum(0).astype(np.float32)
    ink = cv2.blur(ink[None], (max(1, round(stroke / 2)) | 1, 1))[0]
    apart = max(2, round(piece.height / 5))
    found: list[int] = []
    for column in np.argsort(ink, kind="stable"):
        inside = apart <= column <= piece.width - apart
        if inside and all(abs(column - other) >= apart for other in found):
            found.append(int(column))
        if len(found) >= 4 * piece.width / piece.height:
            break
    return sorted(found)
