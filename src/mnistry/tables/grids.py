"""Find the grids of tables in a picture, turned or photographed at an angle.

`rectify` makes the lines level and upright, and `ruled_lines` finds the clear ones. Lines that
cross each other form a grid, whose other lines `ruling` finds. Knows nothing of what stands in the
cells.
"""

import dataclasses
from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.images.pixels import reduced, sampled
from mnistry.reading.page import mapped
from mnistry.tables.rectify import rectification
from mnistry.tables.ruled_lines import RuledLine, find_ruled_lines, trimmed
from mnistry.tables.ruling import Known, Ruling, find_ruling

# Grids are looked for in a copy with this long side, in pixels.
_SIDE = 1280
# Lines are narrower than this part of the long side.
_THICKEST = 1 / 90
# Paper has at least this part of the light of the lightest paper.
_DIM = 0.4
# A piece of a line is at least as long as this part of the long side. That length is called the
# reach, and is the unit of other sizes.
_PIECE = 1 / 36
# A wall is the part of a line between two cells. It is whole if at least `_WHOLE` of it is drawn.
# At least `_DRAWN` of a line has whole walls: between merged cells there is none.
_WHOLE, _DRAWN = 0.8, 0.5
# At least this part of all walls of a grid is drawn.
_WALLS = 0.8
# The least usual height and width of cells, in reaches: of a grid with fewer than `_MANY`
# lines in each direction, and of one with more.
_SMALLEST, _DENSE, _MANY = 0.85, 0.5, 14
# No cell is narrower than this, in pixels.
_NARROWEST = 4.0
# A grid extends over at least `_LEAST` reaches. Its lines may have been seen a little shorter: over
# at least `_NEARLY` of that.
_LEAST, _NEARLY = 3.0, 0.8
# Lines shorter than this part of the second longest are strokes of digits.
_SHORT = 0.3
# A grid's outermost line is kept if at least `_REACHED` of the lines that cross the grid reach it.
# A gap between two lines divides two grids if less than `_CROSSED` of the crossing lines cross it.
_REACHED, _CROSSED = 0.5, 0.2
# The long side of a picture counts for at most so many times the short one.
_ROW = 4
# The picture's edge cuts off an outer row if the row's height is less than `_CUT_OFF` of the
# highest other row's, and its undrawn outer line is nearer to the edge than `_AT_EDGE` of the same.
_CUT_OFF, _AT_EDGE = 0.6, 0.12
# Two grids are one if this part of the smaller one lies within the other.
_COVERED = 0.4
# Grids smaller than this part of the largest are something else, such as a title.
_LARGE = 0.08
# The only row or column of a picture is a table if it is this long, as a part of the picture.
_CUT_OUT = 0.75
# The cells of such a row or column are at most this many times as long as high.
_LONG = 6.0
# A row that was cut out without its upper and lower line has at least `_FEW_WALLS` walls. Each goes
# to within `_TO_EDGE` of the height from both edges. The narrowest cell has at least `_EVEN` of the
# usual width; the widest has at most the usual width divided by `_EVEN`.
_FEW_WALLS, _TO_EDGE, _EVEN = 3, 0.12, 0.6

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Grid:
    """A grid of cells.

    Attributes
    ----------
    points
        ``float64``, shape ``(rows + 1, columns + 1, 2)``: column and row, in pixels of the
        picture, of each crossing of two lines.
    """

    points: Floats

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.points) - 1

    @property
    def columns(self) -> int:
        """The number of columns."""
        return len(self.points[0]) - 1


def find_grids(grey: NDArray[np.uint8]) -> list[Grid]:
    """Find all grids of a picture, in reading order.

    Parameters
    ----------
    grey
        ``uint8``, shape ``(height, width)``, of any polarity.

    Examples
    --------
    >>> page = np.full((200, 300), 255, np.uint8)
    >>> page[20:181:40, 20:281] = 0
    >>> page[20:181, 20:281:65] = 0
    >>> [(grid.rows, grid.columns) for grid in find_grids(page)]
    [(4, 4)]
    """
    scale = min(1.0, _SIDE / max(grey.shape))
    small = grey
    if scale < 1:
        height, width = (max(1, round(side * scale)) for side in grey.shape)
        small = np.asarray(reduced(grey, (width, height)), np.uint8)
    contrast = _contrast(small)
    move = rectification(contrast)
    if move is None and max(small.shape) < _ROW * min(small.shape):
        return []
    # Without level lines the perspective is unknown: the picture is searched as it is.
    matrix, size = move or (np.eye(3), small.shape[::-1])
    level = np.asarray(
        cv2.warpPerspective(contrast, matrix, size, flags=cv2.INTER_LINEAR), np.float32
    )
    back = np.asarray(np.linalg.inv(matrix), np.float64)
    reach = _PIECE * _extent(small.shape)
    across = find_ruled_lines(level, reach)
    down = find_ruled_lines(np.ascontiguousarray(level.T), reach)
    found = []
    for rows, columns, are_whole in _tables(across, down, reach):
        known = _known(rows), _known(columns)
        extent = min(float(np.ptp([one.starts, one.stops])) for one in known)
        if are_whole and extent < _NEARLY * _LEAST * reach:
            continue  # `_is_grid` would refuse it too, once its cells were looked for
        ruling = find_ruling(level, *known, reach, are_whole=are_whole)
        if ruling is None or not _is_grid(ruling, reach):
            continue
        points = ruling.points
        points = (mapped(points.reshape(-1, 2), back).reshape(points.shape) + 0.5) / scale - 0.5
        points = _without_cut_off(points, 1, ruling.row_borders, grey.shape).swapaxes(0, 1)
        points = _without_cut_off(points, 0, ruling.column_borders, grey.shape).swapaxes(0, 1)
        if min(points.shape[:2]) > 2 or _is_cut_out(points, grey.shape):
            found.append(Grid(points))
    if not found:
        row = _cut_out_row(down, back, small.shape)
        found = [] if row is None else [Grid((row + 0.5) / scale - 0.5)]
    found = _apart(found)
    areas = [float(np.prod(np.ptp(grid.points.reshape(-1, 2), axis=0))) for grid in found]
    found = [grid for grid, area in zip(found, areas, strict=True) if area >= _LARGE * max(areas)]
    return sorted(found, key=lambda grid: tuple(np.round(grid.points[0, 0, ::-1], -1)))


def _extent(shape: tuple[int, ...]) -> float:
    """Return the long side of a picture; if that shows a single row, a few times the short one."""
    return float(min(max(shape), _ROW * min(shape)))


def _without_cut_off(
    points: Floats, axis: int, borders: tuple[bool, bool], shape: tuple[int, ...]
) -> Floats:
    """Leave out a first or last row that the picture's edge cuts off.

    Parameters
    ----------
    points
        The grid's crossings, ``(rows + 1, columns + 1, 2)``, or ``(columns + 1, rows + 1, 2)``.
    axis
        1 for rows, 0 for columns.
    borders
        Whether the first and the last line are not drawn.
    shape
        The picture's.
    """
    for is_border in borders:  # the first line, then the last
        places = points[..., axis].mean(1)
        heights = np.abs(np.diff(places))
        edge = min(places[0], shape[1 - axis] - 1 - places[0])
        highest = max(heights[1:], default=0.0)
        if is_border and edge < _AT_EDGE * highest and heights[0] < _CUT_OFF * highest:
            points = points[1:]
        points = points[::-1]
    return points


def _apart(grids: Sequence[Grid]) -> list[Grid]:
    """Keep one of several grids that cover each other: the one with the most cells."""
    kept: list[Grid] = []
    for grid in sorted(grids, key=lambda grid: -grid.rows * grid.columns):
        corners = grid.points.reshape(-1, 2)
        low, high = corners.min(0), corners.max(0)
        shared = [
            np.prod(np.maximum(np.minimum(high, b) - np.maximum(low, a), 0))
            / min(np.prod(high - low), np.prod(b - a))
            for a, b in ((one.min((0, 1)), one.max((0, 1))) for one in (k.points for k in kept))
        ]
        if max(shared, default=0.0) < _COVERED:
            kept.append(grid)
    return kept


def _contrast(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Compute how much light thin lines absorb, as a fraction of the paper's."""
    size = max(9, round(_THICKEST * _extent(grey.shape))) | 1  # blurred lines are narrower
    box = np.ones((size, size), np.uint8)
    soft = cv2.GaussianBlur(grey, (5, 5), 0)  # noise would be taken for light paper
    dark = cv2.morphologyEx(soft, cv2.MORPH_CLOSE, box)
    light = cv2.morphologyEx(soft, cv2.MORPH_OPEN, box)
    if float(np.mean(dark - soft)) < float(np.mean(soft - light)) and np.median(grey) < 128:
        grey, dark = 255 - grey, 255 - light
    # Where there is little light, noise would look like lines.
    least = _DIM * float(np.percentile(sampled(dark), 95))
    contrast = cv2.subtract(dark, grey, dtype=cv2.CV_32F) / np.maximum(dark, max(least, 1))
    return np.asarray(contrast, np.float32)


def _tables(
    across: Sequence[RuledLine], down: Sequence[RuledLine], reach: float
) -> list[tuple[list[RuledLine], list[RuledLine], bool]]:
    """Group lines that cross: rows, columns, and whether they were seen whole."""
    if not across or not down:
        return []
    x, y = _crossing_points(across, down)
    slack = 0.5 * reach
    row_ends = np.array([[line.start - slack, line.stop + slack] for line in across])[:, None]
    column_ends = np.array([[line.start - slack, line.stop + slack] for line in down])[None]
    crosses = (row_ends[..., 0] <= x) & (x <= row_ends[..., 1])
    crosses &= (column_ends[..., 0] <= y) & (y <= column_ends[..., 1])
    found: list[tuple[list[RuledLine], list[RuledLine], bool]] = []
    for rows, columns in _connected(crosses):
        lines = _long([across[i] for i in rows]), _long([down[j] for j in columns])
        whole = _as_tables(*lines)
        found += [(*one, True) for one in whole]
        if not whole and min(map(len, lines)) > 1:  # lines too faint to be seen whole
            found.append((*lines, False))
    return found


def _crossing_points(
    rows: Sequence[RuledLine], columns: Sequence[RuledLine]
) -> tuple[Floats, Floats]:
    """Return the column and the row where each row's line crosses each column's."""
    a, b = (np.stack([line.curve for line in lines]) for lines in (rows, columns))
    y = np.array([[line.at((line.start + line.stop) / 2)] for line in rows])
    for _ in range(4):
        x = b[:, 0] + y * (b[:, 1] + y * b[:, 2])
        y = a[:, :1] + x * (a[:, 1:2] + x * a[:, 2:])
    return np.asarray(x, np.float64), np.asarray(y, np.float64)


def _connected(crosses: NDArray[np.bool_]) -> list[tuple[list[int], list[int]]]:
    """Return the connected parts of a bipartite graph."""
    groups = []
    left = set(np.flatnonzero(crosses.any(1)).tolist())
    while left:
        rows: set[int] = {min(left)}
        while True:
            columns = np.flatnonzero(crosses[sorted(rows)].any(0))
            more = set(np.flatnonzero(crosses[:, columns].any(1)).tolist())
            if more == rows:
                break
            rows = more
        left -= rows
        groups.append((sorted(rows), columns.tolist()))
    return groups


def _as_tables(
    rows: list[RuledLine], columns: list[RuledLine]
) -> list[tuple[list[RuledLine], list[RuledLine]]]:
    """Divide lines that cross into grids, leaving out lines that belong to none; each in order."""
    while True:
        if len(rows) < 1 or len(columns) < 1 or len(rows) + len(columns) < 4:
            return []
        rows, columns = (sorted(lines, key=lambda line: line.place) for lines in (rows, columns))
        x, y = _crossing_points(rows, columns)
        across, down = _walls(rows, x), _walls(columns, y.T)
        solid_rows, solid_columns = _solid(across, x), _solid(down, y.T)
        kept = [line for line, solid in zip(rows, solid_rows, strict=True) if solid >= _DRAWN]
        also = [line for line, solid in zip(columns, solid_columns, strict=True) if solid >= _DRAWN]
        if len(kept) == len(rows) and len(also) == len(columns):
            kept, also = _reached(rows, down), _reached(columns, across)
            if len(kept) == len(rows) and len(also) == len(columns):
                break
        rows, columns = kept, also
    if gaps := _gaps(down):  # two grids, one below the other
        i = gaps[0]
        middle = (rows[i].place + rows[i + 1].place) / 2
        upper, lower = zip(*(_cut(line, middle) for line in columns), strict=True)
        return [
            *_as_tables(rows[: i + 1], list(upper)),
            *_as_tables(rows[i + 1 :], list(lower)),
        ]
    if gaps := _gaps(across):
        j = gaps[0]
        middle = (columns[j].place + columns[j + 1].place) / 2
        left, right = zip(*(_cut(line, middle) for line in rows), strict=True)
        return [
            *_as_tables(list(left), columns[: j + 1]),
            *_as_tables(list(right), columns[j + 1 :]),
        ]
    return [(rows, columns)]


def _long(lines: list[RuledLine]) -> list[RuledLine]:
    """Leave out lines that are much shorter than others: strokes of digits."""
    lengths = np.array([line.stop - line.start for line in lines])
    least = _SHORT * (sorted(lengths)[-2] if len(lengths) > 1 else 0.0)
    return [line for line, length in zip(lines, lengths, strict=True) if length >= least]


def _known(lines: Sequence[RuledLine]) -> Known:
    starts, stops = np.array([(line.start, line.stop) for line in lines]).T
    return Known(np.stack([line.curve for line in lines]), starts, stops)


def _cut(line: RuledLine, at: float) -> tuple[RuledLine, RuledLine]:
    """Return a line's part before a column, and that from there on."""
    before = dataclasses.replace(line, stop=max(line.start + 1, min(line.stop, at)))
    after = dataclasses.replace(line, start=min(line.stop - 1, max(line.start, at)))
    return trimmed(before), trimmed(after)


def _gaps(walls: Floats) -> list[int]:
    """Return the gaps that hardly any line crosses."""
    if not walls.size:
        return []
    crossed = (walls >= _WHOLE / 2).mean(0)
    return np.flatnonzero(crossed < _CROSSED).tolist()


def _is_grid(ruling: Ruling, reach: float) -> bool:
    """Whether walls stand between nearly all cells, which are large enough to write in."""
    if min(float(one.mean()) for one in (ruling.row_walls, ruling.column_walls)) < _WALLS:
        return False
    x, y = np.moveaxis(ruling.points, -1, 0)
    heights, widths = np.diff(y, axis=0), np.diff(x, axis=1)
    if min(heights.min(), widths.min()) < _NARROWEST:
        return False
    pitch = min(float(np.median(heights)), float(np.median(widths)))
    extent = min(float(np.ptp(y, axis=0).min()), float(np.ptp(x, axis=1).min()))
    if extent < _LEAST * reach:
        return False
    few = max(x.shape) < _MANY
    return pitch > (_SMALLEST if few else _DENSE) * reach


def _walls(lines: Sequence[RuledLine], places: Floats) -> Floats:
    """Return for each line the fraction that is drawn between each two places."""
    return np.array(
        [
            [line.drawn(*sorted(ends)) for ends in pairwise(row)]
            for line, row in zip(lines, places.tolist(), strict=True)
        ]
    )


def _solid(walls: Floats, places: Floats) -> Floats:
    """Return for each line how much of it has walls that are whole; text has gaps everywhere."""
    lengths = np.abs(np.diff(places, axis=1))
    if not lengths.size:
        return np.ones(len(walls))
    return np.asarray((lengths * (walls >= _WHOLE)).sum(1) / np.maximum(lengths.sum(1), 1))


def _reached(lines: list[RuledLine], walls: Floats) -> list[RuledLine]:
    """Drop the first or the last line if few others reach it, such as the edge of the paper.

    Parameters
    ----------
    lines
        The lines.
    walls
        For each line that crosses these, the fraction that is drawn between each two of them.
    """
    inner = walls[1:-1]
    if len(lines) < 3 or not inner.size:
        return lines
    for place, end in ((0, 0), (-1, len(lines) - 1)):
        if float((inner[:, place] >= _WHOLE / 2).mean()) < _REACHED:
            return [line for i, line in enumerate(lines) if i != end]
    return lines


def _cut_out_row(lines: Sequence[RuledLine], back: Floats, shape: tuple[int, ...]) -> Floats | None:
    """Find a row of cells whose walls go from the upper to the lower edge of a picture.

    Parameters
    ----------
    lines
        Nearly upright lines, in the straightened picture.
    back
        The homography from there to the picture.
    shape
        Height and width of the picture.

    Returns
    -------
    numpy.ndarray or None
        ``float64``, shape ``(2, columns + 1, 2)``: column and row of each wall's upper and lower
        end, in pixels of the picture. None if there is no such row.
    """
    height, width = shape
    walls = []
    for line in lines:
        ends = np.array([[line.at(y), y] for y in (line.start, line.stop)])
        (x0, y0), (x1, y1) = mapped(ends, back).tolist()
        whole = line.drawn(line.start, line.stop) >= _WHOLE
        if whole and y0 <= _TO_EDGE * height and y1 >= (1 - _TO_EDGE) * height:
            slope = (x1 - x0) / (y1 - y0)
            walls.append([x0 - slope * y0, x0 + slope * (height - 1 - y0)])
    if len(walls) < _FEW_WALLS:
        return None
    places = np.array(sorted(walls, key=sum))
    usual = float(np.median(np.diff(places.mean(1))))
    edges = np.array([[0.0, 0.0]]), np.array([[width - 1.0, width - 1.0]])
    if np.abs(edges[0] - places[0]).mean() > _EVEN * usual:
        places = np.concatenate([edges[0], places])
    if np.abs(edges[1] - places[-1]).mean() > _EVEN * usual:
        places = np.concatenate([places, edges[1]])
    gaps = np.diff(places.mean(1))
    if gaps.min() < _EVEN * usual or gaps.max() > usual / _EVEN or usual > _LONG * height:
        return None
    rows = np.broadcast_to(np.array([[0.0], [height - 1.0]]), places.T.shape)
    return np.stack([places.T, rows], -1)


def _is_cut_out(points: Floats, shape: tuple[int, ...]) -> bool:
    """Whether a single row or column fills the picture, as one that was cut out of a table."""
    extent = np.ptp(points.reshape(-1, 2), axis=0)
    size = np.array(shape[1::-1])
    longest = int(size.argmax())
    cell = extent / (np.array(points.shape[1::-1]) - 1)
    if cell.max() > _LONG * cell.min():  # a line of ruled paper
        return False
    return bool(max(points.shape[:2]) > 3 and extent[longest] >= _CUT_OUT * size[longest])
