"""Split ink into written lines, and each line into the pieces that digits are made of.

A piece is a connected stroke, or a part of one that was cut where digits may touch. This module
knows geometry alone. `mnistry.reading.lattice` decides which cuts are right, and which pieces are
one digit.
"""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.images.mnist_form import bounds, stroke_width
from mnistry.reading.components import Components, components
from mnistry.reading.page import are_beside
from mnistry.reading.rules import closed, long_runs, transposed, without_rules

Mask = NDArray[np.bool_]

# A stroke less than a quarter as high as the tallest is a dot, a dash or a part of a digit.
_SMALL = 0.25
# A ruled line begins and ends within `_SHORT_OF_EDGE` of the picture's width from the edges. Its
# gaps have fewer than `_GAP` pixels.
_SHORT_OF_EDGE, _GAP = 0.03, 7
# More strokes than this are a texture: only the largest are kept.
_MOST = 200
# Pixels: a mark less high than this may be dirt.
_LOWEST = 8
# Ruled lines may be as faint as this strength.
_FAINT = 0.15
# A ruled line of this strength is as dark as ink.
_AS_DARK = 0.8
# A piece wider than this fraction of its height may be two digits; half of MNIST's are as wide.
_WIDE = 0.8
# A piece wider than this multiple of its height is a stroke, not touching digits.
_FLAT = 12.0
# Cuts make parts, and any run of up to `_LONGEST_RUN` neighbouring parts may be one digit. The
# narrowest pieces are cut first, until there are `_MOST_RUNS` such runs.
_MOST_RUNS, _LONGEST_RUN = 600, 9
# A digit with gaps has at most `_MOST_PARTS` parts. Each is longer than `_DOT` of its height,
# no gap between rows is larger than `_BREAK` of it, and the width is at least `_SLIM` of it: two
# digits one above the other are narrower.
_MOST_PARTS, _DOT, _BREAK, _SLIM = 6, 0.2, 0.2, 0.55
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
    found, marks, stroke = _find_marks(strength)
    if not marks.size:
        return []
    tallest = int(found.boxes[marks, 3].max(initial=0))
    largest = marks[np.argsort(-found.areas[marks], kind="stable")[:_MOST]]
    pieces = [
        Piece(x, y, found.labels[y : y + height, x : x + width] == 1 + i)
        for i in largest.tolist()
        for x, y, width, height in [found.boxes[i].tolist()]
    ]
    pieces = _mended(pieces, stroke)
    tall = [p for p in pieces if p.height >= _SMALL * tallest]
    small = [p for p in pieces if p.height < _SMALL * tallest]
    rows = [(row, _height(row)) for row in _rows(tall)]
    rows = [(row, height) for row, height in rows if height >= _LOWEST]
    cuts = _cuts([piece for row, _ in rows for piece in row], stroke)
    return [_line(row, height, small, stroke, cuts) for row, height in rows]


def find_broken(strength: NDArray[np.float32]) -> Piece | None:
    """Return all ink as one piece, if it may be a digit with gaps in its strokes, else None.

    It has few marks, none of them a dot, and they lie close together one above another. Two digits
    side by side have empty columns between them, or are wider than one; two digits one above the
    other are narrower.

    Parameters
    ----------
    strength
        ``float32``, shape ``(height, width)``, 0 for paper to 1 for full ink.
    """
    found, marks, _ = _find_marks(strength)
    if not 2 <= marks.size <= _MOST_PARTS:
        return None
    boxes = found.boxes[marks]
    x, y = boxes[:, :2].min(axis=0).tolist()
    right, bottom = (boxes[:, :2] + boxes[:, 2:]).max(axis=0).tolist()
    height = bottom - y
    mask = np.isin(found.labels[y:bottom, x:right], 1 + marks)
    is_dotted = bool((boxes[:, 2:].max(axis=1) < _DOT * height).any())
    rows = np.flatnonzero(mask.any(axis=1))
    is_apart = int(np.diff(rows).max(initial=1)) - 1 > _BREAK * height
    is_one_wide = _SLIM * height <= right - x <= WIDEST * height and mask.any(axis=0).all()
    return Piece(x, y, mask) if is_one_wide and not is_dotted and not is_apart else None


def is_single_mark(lines: Sequence[Line]) -> bool:
    """Whether the lines hold one mark alone, which may be cut."""
    return sum(not piece.cut_before for line in lines for piece in line.pieces) == 1


def _find_marks(strength: NDArray[np.float32]) -> tuple[Components, NDArray[np.intp], float]:
    """Return all marks but rules, the numbers of those that may be written, and the stroke width.

    Specks, and what is beside the page, are not written.
    """
    mask = _without_rules(_mask(strength), strength)
    stroke = stroke_width(mask)
    mask = without_rules(mask.view(np.uint8), max(1.5, stroke), frames=True).view(bool)
    found = components(mask)
    marks = np.flatnonzero(found.areas > stroke**2 / 2)
    return found, marks[~are_beside(found.boxes[marks], mask.shape)], stroke


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
    weak = strength > 1 / 3
    count, labels = cv2.connectedComponents(weak.view(np.uint8), connectivity=8)
    strong = np.zeros(count, bool)
    strong[labels.ravel()[np.flatnonzero(strength > 0.5)]] = True
    return weak if strong[1:].all() else np.asarray(strong[labels], bool)


def _without_rules(mask: Mask, strength: NDArray[np.float32]) -> Mask:
    """Remove ruled lines that go across the picture, but not the strokes that cross them."""
    faint = (strength > _FAINT).view(np.uint8)
    rule = _level_rule(faint, strength)
    if rule is not None:
        mask = _without_level(mask, rule)
    rule = _level_rule(transposed(faint), strength.T)
    if rule is not None:
        mask = np.ascontiguousarray(_without_level(np.ascontiguousarray(mask.T), rule).T)
    return mask


def _level_rule(faint: NDArray[np.uint8], strength: NDArray[np.float32]) -> Mask | None:
    """Find level ruled lines that go from one edge to the other, or None."""
    width = faint.shape[1]
    length = max(8, width // 8)
    edge = max(1, round(_SHORT_OF_EDGE * width))
    near = edge + _GAP // 2  # the ink that a closing may bring to the edge
    if not (faint[:, :near].any() and faint[:, -near:].any()):
        return None
    # Rules may be faint, broken by grain, and climb by a pixel or two.
    runs = long_runs(closed(faint, 3, _GAP), length)
    if runs is None or not (runs[:, :edge].any() and runs[:, -edge:].any()):
        return None
    box = np.ones((3, length // 2 * 2 + 1), np.uint8)
    groups = components(np.asarray(cv2.dilate(runs, box), np.uint8))
    rule = np.zeros(faint.shape, bool)
    for i, (x, y, wide, high) in enumerate(groups.boxes.tolist()):
        if x >= edge or x + wide <= width - edge:
            continue
        rows = slice(y, y + high)
        one = (groups.labels[rows] == 1 + i) & (runs[rows] > 0)
        if _is_rule(one):
            # Ink on a rule is darker than the rule's median, unless the rule is as dark as ink.
            usual = float(np.median(strength[rows][one]))
            rule[rows] |= one & (strength[rows] < (1 + usual) / 2) if usual < _AS_DARK else one
    return rule if rule.any() else None


def _without_level(mask: Mask, rule: Mask) -> Mask:
    """Remove level rules, and mend the strokes that cross them."""
    thick = int(np.ceil(rule.sum() / rule.any(0).sum()))
    rest = mask & ~cv2.dilate(rule.view(np.uint8), np.ones((3, 1), np.uint8)).view(bool)
    bridged = closed(rest.view(np.uint8), 2 * (thick // 2 + 2) + 1, 1)
    return np.asarray(rest | ((bridged > 0) & mask), bool)


def _is_rule(mask: Mask) -> bool:
    """Whether a horizontal mark goes from one edge to the other, and is thin."""
    columns = np.asarray(mask.any(0))
    edge = max(1, round(_SHORT_OF_EDGE * columns.size))
    across = columns[:edge].any() and columns[-edge:].any() and 2 * columns.sum() > columns.size
    return bool(across and mask.sum() / columns.sum() <= max(2, columns.size / 50))


def _mended(pieces: list[Piece], stroke: float) -> list[Piece]:
    """Join the parts of a broken digit: marks a stroke width apart, but not side by side."""
    done: list[Piece] = []
    for piece in sorted(pieces, key=lambda p: p.y):
        above = [p for p in done if p.bottom >= piece.y - stroke and _broken(p, piece, stroke)]
        if above:
            done = [p for p in done if not any(p is other for other in above)]
        done.append(joined((*above, piece)))
    return done


def _broken(above: Piece, piece: Piece, stroke: float) -> bool:
    if _box_gap(above, piece) > stroke:
        return False
    shared = min(above.bottom, piece.bottom) - max(above.y, piece.y)
    if 2 * shared > min(above.height, piece.height):
        return False
    width = max(above.right, piece.right) - min(above.x, piece.x)
    if width > WIDEST * (max(above.bottom, piece.bottom) - min(above.y, piece.y)):
        return False
    # Only what lies near both boxes can be near both pieces.
    reach = int(stroke) + 2
    left, top = (max(a, b) - reach for a, b in ((above.x, piece.x), (above.y, piece.y)))
    right = min(above.right, piece.right) + reach
    bottom = min(above.bottom, piece.bottom) + reach
    size = (bottom - top, right - left)
    free = 1 - _placed(above, left, top, size).view(np.uint8)
    near = _placed(piece, left, top, size)
    if free.all() or not near.any():
        return False
    distance = cv2.distanceTransform(free, cv2.DIST_L2, 5)
    return bool(distance[near].min() <= stroke + 1)


def _placed(piece: Piece, left: int, top: int, size: tuple[int, int]) -> Mask:
    """Return a piece's ink in a part of the picture.

    Parameters
    ----------
    piece
        The piece.
    left, top
        The part's upper left corner.
    size
        Its rows and columns.
    """
    part = np.zeros(size, bool)
    y, x = max(top, piece.y), max(left, piece.x)
    ink = piece.mask[y - piece.y : top + size[0] - piece.y, x - piece.x : left + size[1] - piece.x]
    part[y - top : y - top + ink.shape[0], x - left : x - left + ink.shape[1]] = ink
    return part


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
    if len(rows) == 1:
        return rows
    return sorted(rows, key=lambda row: float(np.mean([p.y + p.height / 2 for p in row])))


def _height(row: list[Piece]) -> float:
    """Return the usual height of a row's marks."""
    highest = max(p.height for p in row)
    return float(statistics.median(p.height for p in row if 2 * p.height >= highest))


def _line(
    row: list[Piece], height: float, small: list[Piece], stroke: float, cuts: dict[int, list[int]]
) -> Line:
    near = [p for p in small if any(_box_gap(p, other) < 2 * stroke for other in row)]
    pieces = sorted([*row, *near], key=lambda p: p.x + p.width / 2)
    parts = [part for piece in pieces for part in _cut(piece, cuts.get(id(piece), []))]
    return Line(tuple(parts), height, stroke)


def _cut(piece: Piece, columns: list[int]) -> Iterator[Piece]:
    """Cut a wide piece where digits may touch."""
    edges = [0, *columns, piece.width]
    for left, right in pairwise(edges):
        part = piece.mask[:, left:right]
        box = bounds(np.ascontiguousarray(part))
        if box is not None:
            x, y, width, height = box
            yield Piece(
                piece.x + left + x,
                piece.y + y,
                part[y : y + height, x : x + width],
                cut_before=left > 0,
            )


def _cuts(pieces: list[Piece], stroke: float) -> dict[int, list[int]]:
    """Find the columns where each piece may be cut, by its `id`, until there are too many runs."""
    cuts = {}
    runs_left = _MOST_RUNS
    for piece in sorted(pieces, key=lambda p: p.width / p.height):
        columns = _cut_columns(piece, stroke)
        parts = len(columns) + 1
        longest = min(parts, _LONGEST_RUN)
        if columns:  # there are `parts` runs of one part, `parts - 1` of two, and so on
            runs_left -= longest * (2 * parts - longest + 1) // 2
        if runs_left < 0:
            break
        cuts[id(piece)] = columns
    return cuts


def _cut_columns(piece: Piece, stroke: float) -> list[int]:
    """Find the columns with the least ink, a fifth of the height apart."""
    if not _WIDE < piece.width / piece.height <= _FLAT:
        return []
    ink = piece.mask.sum(0).astype(np.float32)
    ink = cv2.blur(ink[None], (max(1, round(stroke / 2)) | 1, 1))[0]
    apart = max(2, round(piece.height / 5))
    is_free = np.zeros(piece.width, bool)
    is_free[apart : piece.width - apart + 1] = True
    found: list[int] = []
    for column in np.argsort(ink, kind="stable").tolist():
        if is_free[column]:
            found.append(column)
            is_free[max(0, column - apart + 1) : column + apart] = False
        if len(found) >= 4 * piece.width / piece.height:
            break
    return sorted(found)
