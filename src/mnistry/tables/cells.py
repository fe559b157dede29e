"""Straighten a grid, remove its lines, and give each mark to the cell that holds its middle.

Knows nothing of what the marks mean.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.images.mnist_form import Box, stroke_width
from mnistry.images.page_tasks import LINES_SIDE
from mnistry.reading.ink import find_ink
from mnistry.tables.grids import Grid

# The usual row of a straightened grid has at most this many pixels.
_PITCH = 64
# Margin around a straightened grid, as a fraction of a row: marks may stick out.
_MARGIN = 0.3
# Ink of more strength than `_INK` is a mark. A wall is the part of a line between two lines that
# cross it; the line is drawn there if the median strength along the wall is at least `_LINE`.
_INK, _LINE = 0.4, 0.15
# A mark's fainter parts have at least this strength.
_FAINT = 0.22
# Lines that are as strong as this cannot be told from ink by their strength.
_DARK = 0.55
# A line lies within this part of a row from where it was found.
_OFF = 0.14
# The second line of a double rule is looked for along lines of at least `_SEVERAL_WALLS` walls. The
# distance of the two lines varies by at most `_BENT` pixels, and the second is more than `_AS_DARK`
# times as dark as the first.
_SEVERAL_WALLS, _BENT, _AS_DARK = 3, 1, 0.5
# A line may be further off than `_OFF` if at most this part of the wall is missing there.
_GAPS = 0.2
# A wall is missing if its strength is less than this part of its line's usual strength.
_MISSING = 0.3
# Lines are thinner than this part of a row.
_THIN = 0.25
# A mark belongs to two cells if at least `_BOTH` of its ink is in each, and if it extends into each
# by at least `_DEEP` of a row's height.
_BOTH, _DEEP = 0.25, 0.3
# A mark with less area than this multiple of the squared width of strokes is dirt.
_DIRT = 0.35

Values = NDArray[np.float32]


@dataclasses.dataclass(frozen=True, eq=False)
class Sheet:
    """A straightened grid without its lines.

    Attributes
    ----------
    strength
        The ink without lines: ``float32``, shape ``(height, width)``.
    owner
        For each pixel the number of the cell that its mark belongs to, from 1, counted along the
        rows; 0 for none. Merged cells have the number of the first of them.
    rows, columns
        Rows and columns of pixels at which the lines were, from the first to the last.
    """

    strength: Values
    owner: NDArray[np.int32]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]


def straighten(
    grey: NDArray[np.uint8], grid: Grid
) -> tuple[NDArray[np.uint8], Sequence[int], Sequence[int]]:
    """Redraw a grid with level and upright lines.

    Parameters
    ----------
    grey
        The picture, ``uint8``, shape ``(height, width)``.
    grid
        One of its grids.

    Returns
    -------
    tuple
        The grid, ``uint8``; and the rows and the columns of pixels at which its lines lie.
    """
    points = grid.points
    heights = np.hypot(*np.moveaxis(np.diff(points, axis=0), -1, 0)).mean(1)
    widths = np.hypot(*np.moveaxis(np.diff(points, axis=1), -1, 0)).mean(0)
    pitch = float(np.median(heights))
    longest = max(heights.sum(), widths.sum()) + 2 * _MARGIN * pitch
    scale = min(1.0, _PITCH / pitch, (LINES_SIDE - 2) / longest)
    margin = _MARGIN * pitch * scale
    rows = margin + scale * np.concatenate([[0], np.cumsum(heights)])
    columns = margin + scale * np.concatenate([[0], np.cumsum(widths)])
    down = _weights(rows, round(rows[-1] + margin))
    across = _weights(columns, round(columns[-1] + margin))
    x, y = (np.asarray(down @ points[..., i] @ across.T, np.float32) for i in (0, 1))
    source = grey
    if scale < 0.6:  # averaging first keeps thin strokes
        factor = min(1.0, scale / 0.8)
        source = np.asarray(
            cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8
        )
        x, y = (np.float32(factor) * (one + np.float32(0.5)) - np.float32(0.5) for one in (x, y))
    image = cv2.remap(source, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(image, np.uint8), np.rint(rows).astype(int), np.rint(columns).astype(int)


def _weights(places: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return how much of each line's position each pixel takes, ``(count, lines)``."""
    at = np.arange(count, dtype=np.float64)
    before = np.clip(np.searchsorted(places, at) - 1, 0, len(places) - 2)
    part = (at - places[before]) / (places[before + 1] - places[before])
    found = np.zeros((count, len(places)))
    found[np.arange(count), before] = 1 - part
    found[np.arange(count), before + 1] = part
    return found


def sheet_of(grey: NDArray[np.uint8], grid: Grid) -> Sheet:
    """Straighten a grid, remove its lines and give its marks to its cells."""
    image, rows, columns = straighten(grey, grid)
    ink = find_ink(image)
    strength = ink.strength
    across, _ = _bands(strength, rows, columns)
    down, _ = _bands(np.ascontiguousarray(strength.T), columns, rows)
    # `find_ink` may have removed the lines that reach the picture's edge.
    thin = _thin(image if ink.paper_is_light else 255 - image, rows)
    _, row_walls = _bands(thin, rows, columns)
    _, column_walls = _bands(np.ascontiguousarray(thin.T), columns, rows)
    groups = _merged(row_walls, column_walls)
    clean = _without(strength, across, down.T)
    mask = _marks(clean)
    stroke = max(1.5, stroke_width(mask > 0)) if mask.any() else 1.5
    owner = _owners(mask, stroke, rows, columns, groups, across | down.T)
    return Sheet(clean, owner, np.asarray(rows), np.asarray(columns))


def _thin(image: NDArray[np.uint8], rows: Sequence[int]) -> Values:
    """Compute the fraction of the paper's light that thin dark lines absorb."""
    size = max(5, round(_THIN * float(np.median(np.diff(rows))))) | 1
    paper = cv2.morphologyEx(image, cv2.MORPH_CLOSE, np.ones((size, size), np.uint8))
    return np.asarray((paper - image).astype(np.float32) / np.maximum(paper, 1), np.float32)


def _marks(strength: Values) -> NDArray[np.uint8]:
    """Mark the ink: strokes that are dark somewhere, out to where they are faint."""
    count, labels = cv2.connectedComponents((strength > _FAINT).astype(np.uint8))
    dark = np.zeros(count, bool)
    dark[labels[strength > _INK]] = True
    dark[0] = False
    return np.asarray(dark[labels], np.uint8)


def _bands(
    strength: Values, rows: Sequence[int], columns: Sequence[int]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Find the pixels of level lines, wall by wall.

    Returns
    -------
    tuple
        Whether each pixel belongs to a line; and for each line the strength of each of its walls
        relative to its usual strength, ``(lines, walls)``.
    """
    pitch = min(float(np.median(np.diff(rows))), float(np.median(np.diff(columns))))
    off = max(3, round(_OFF * pitch))
    thickest = max(2, off // 2)
    band = np.zeros(strength.shape, bool)
    peaks = np.zeros((len(rows), len(columns) - 1))
    for i, row in enumerate(rows):
        # A line may bend further than it is off elsewhere, and a second one may run along it.
        top, bottom = max(0, row - 2 * off), min(len(strength), row + 2 * off + 1)
        walls = []
        for left, right in pairwise(columns):
            inset = min(4, (right - left) // 6)
            walls.append(strength[top:bottom, left + inset : right - inset])
        profiles = [np.median(wall, axis=1) for wall in walls]
        middles = _middles(walls, profiles, row - top, off)
        places = _line_places(profiles, middles, thickest)
        for j, (left, right) in enumerate(pairwise(columns)):
            profile = profiles[j]
            peak = float(profile[middles[j]])
            peaks[i, j] = peak
            if peak < _LINE:
                continue
            reach = 5
            a, b = max(0, left - reach), min(strength.shape[1], right + reach)
            if j == 0:
                a = 0
            if j == len(columns) - 2:
                b = strength.shape[1]
            for place in places[j]:
                first, last = _thickness(profile, place, thickest)
                high = slice(max(0, top + first - 1), top + last + 2)
                inner = slice(left + reach, max(left + reach, right - reach))
                ink = strength[high, inner] > (1 + peak) / 2
                band[high, a:b] = True
                if peak < _DARK:  # ink on the line is darker
                    band[high, inner] = ~ink
    usual = np.median(peaks, axis=1, keepdims=True)
    return band, peaks / np.maximum(usual, 1e-3)


def _middles(
    walls: Sequence[Values], profiles: Sequence[Values], expected: int, off: int
) -> list[int]:
    """Return the place of a line at each wall: the darkest one near where it is expected.

    It may be further off if it runs along the whole wall there, as no digit's stroke does.
    """
    away = np.abs(np.arange(len(profiles[0])) - expected)
    found = []
    for wall, profile in zip(walls, profiles, strict=True):
        near = np.where(away <= off, profile - 0.01 * away, -1)
        place = _darkest(profile, int(near.argmax()))
        if away[place] > off and np.quantile(wall[place], _GAPS) < _LINE:
            around = np.concatenate([[np.inf], profile, [np.inf]])
            is_peak = (profile >= around[:-2]) & (profile >= around[2:]) & (away <= off)
            place = int(np.where(is_peak, near, -1).argmax()) if is_peak.any() else expected
        found.append(place)
    return found


def _darkest(profile: Values, place: int) -> int:
    """Go from a place to the darkest one of the same line."""
    while place > 0 and profile[place - 1] > profile[place]:
        place -= 1
    while place + 1 < len(profile) and profile[place + 1] > profile[place]:
        place += 1
    return place


def _line_places(
    profiles: Sequence[Values], middles: Sequence[int], thickest: int
) -> list[list[int]]:
    """Return for each wall the place of its line, and then of the second line of a double rule.

    The lines of a double rule are equally far apart at most walls.

    Parameters
    ----------
    profiles, middles
        For each wall the strength from above the line to below it, and the line's place in it.
    thickest
        What is no further away than this belongs to the line itself.
    """
    places = [[middle] for middle in middles]
    if len(profiles) < _SEVERAL_WALLS:
        return places
    far = len(profiles[0])
    aligned = np.zeros((len(profiles), 2 * far + 1))
    for values, profile, middle in zip(aligned, profiles, middles, strict=True):
        values[far - middle : 2 * far - middle] = profile
    usual = np.median(aligned, axis=0)
    is_dark = usual > max(_LINE, _AS_DARK * usual[far])
    is_dark[far - thickest : far + thickest + 1] = False
    is_peak = (usual >= np.roll(usual, 1)) & (usual > np.roll(usual, -1))
    for own, profile, middle in zip(places, profiles, middles, strict=True):
        for place in (np.flatnonzero(is_dark & is_peak) - far + middle).tolist():
            near = np.arange(max(0, place - _BENT), min(far, place + _BENT + 1))
            if len(near) and profile[near].max() >= _LINE:
                own.append(int(near[profile[near].argmax()]))
    return places


def _thickness(profile: Values, middle: int, thickest: int) -> tuple[int, int]:
    """Return the first and the last row of the line around this row."""
    least = max(0.08, 0.15 * float(profile[middle]))
    first = last = middle
    while first > max(0, middle - thickest) and profile[first - 1] > least:
        first -= 1
    while last + 1 < min(len(profile), middle + thickest + 1) and profile[last + 1] > least:
        last += 1
    return first, last


def _without(strength: Values, across: NDArray[np.bool_], down: NDArray[np.bool_]) -> Values:
    """Remove lines, but not the strokes that cross them."""
    ink = (strength > _INK).astype(np.uint8)
    free = ~(across | down)
    rest = np.asarray(ink * free, np.uint8)
    for band, way in ((across, 0), (down, 1)):
        thick = int(band.sum(way).max() / max(1, _runs(band, way))) if band.any() else 0
        if not thick:
            continue
        size = [5, 5]
        size[way] = min(2 * ((thick + 2) // 2) + 3, 25)
        closed = cv2.morphologyEx(rest, cv2.MORPH_CLOSE, np.ones(size, np.uint8))
        rest |= np.asarray((closed > 0) & (ink > 0) & band, np.uint8)
    return np.asarray(strength * (free | (rest > 0)), np.float32)


def _runs(band: NDArray[np.bool_], axis: int) -> int:
    """Return the most lines that any column, or row, crosses."""
    starts = np.diff(band.astype(np.int8), axis=axis, prepend=0) > 0
    return int(starts.sum(axis).max())


def _merged(row_walls: NDArray[np.float64], column_walls: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return for each cell the number of the first cell that it is merged with, from 0.

    Cells are merged if the walls between them are missing and they form a rectangle.
    """
    rows, columns = len(row_walls) - 1, len(column_walls) - 1
    below = row_walls[1:-1] < _MISSING  # (rows - 1, columns)
    beside = column_walls[1:-1].T < _MISSING  # (rows, columns - 1)
    group = np.arange(rows * columns).reshape(rows, columns)
    for i in range(rows):
        for j in range(columns):
            if group[i, j] != i * columns + j:
                continue
            wide = tall = 1
            while j + wide < columns and beside[i, j + wide - 1]:
                wide += 1
            while i + tall < rows and below[i + tall - 1, j : j + wide].all():
                if not beside[i + tall, j : j + wide - 1].all():
                    break
                tall += 1
            group[i : i + tall, j : j + wide] = i * columns + j
    return group


def _owners(
    mask: NDArray[np.uint8], stroke: float, rows: Sequence[int], columns: Sequence[int],
    groups: NDArray[np.int64], lines: NDArray[np.bool_],
) -> NDArray[np.int32]:  # fmt: skip
    """Give each mark to a cell; see `Sheet.owner`."""
    count, labels, stats, middles = cv2.connectedComponentsWithStats(mask, connectivity=8)
    pitch = float(np.median(np.diff(rows)))
    row = np.clip(np.searchsorted(rows, middles[:, 1]) - 1, 0, len(rows) - 2)
    column = np.clip(np.searchsorted(columns, middles[:, 0]) - 1, 0, len(columns) - 2)
    own = 1 + groups[row, column]
    left, top, width, height, area = stats.T
    own[area < _DIRT * stroke * stroke] = 0
    outside = (middles[:, 1] < rows[0] - 1) | (middles[:, 1] > rows[-1] + 1)
    outside |= (middles[:, 0] < columns[0] - 1) | (middles[:, 0] > columns[-1] + 1)
    own[outside] = 0
    # What is left of a line lies along it.
    along = cv2.dilate(lines.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    touching = np.bincount(labels[along & (mask > 0)], minlength=count)
    thin = np.minimum(width, height) <= 0.8 * stroke + 1
    own[thin & (touching > 0.5 * area)] = 0
    own[0] = 0
    owner = np.asarray(own[labels], np.int32)
    for i in np.flatnonzero(own).tolist():
        for places, start, size, axis in (
            (rows, top[i], height[i], 0), (columns, left[i], width[i], 1)
        ):  # fmt: skip
            inside = [
                p for p in places[1:-1] if start + _DEEP * pitch < p < start + size - _DEEP * pitch
            ]
            if not inside:
                continue
            box = np.s_[top[i] : top[i] + height[i], left[i] : left[i] + width[i]]
            part = labels[box] == i
            profile = part.sum(1 - axis)
            cut = inside[0] - start
            if min(profile[:cut].sum(), profile[cut:].sum()) < _BOTH * area[i]:
                continue
            y, x = np.nonzero(part)
            r = np.clip(np.searchsorted(rows, y + top[i]) - 1, 0, len(rows) - 2)
            c = np.clip(np.searchsorted(columns, x + left[i]) - 1, 0, len(columns) - 2)
            owner[box][part] = 1 + groups[r, c]
            break
    return owner


@dataclasses.dataclass(frozen=True, eq=False)
class Patch:
    """What is written in a cell that is not empty.

    Attributes
    ----------
    cell
        The cell's number, from 0, counted along the rows.
    ink
        ``float32``, shape ``(height, width)``: as far as the cell and its marks reach.
    left, top
        Where it lies on the sheet.
    boxes
        The boxes of its marks in `ink`.
    """

    cell: int
    ink: Values = dataclasses.field(repr=False)
    left: int
    top: int
    boxes: Sequence[Box]


def patches(sheet: Sheet) -> Iterator[Patch]:
    """Yield what is written in each cell that is not empty."""
    order = np.argsort(sheet.owner, axis=None, kind="stable")
    numbers = sheet.owner.ravel()[order]
    starts = np.flatnonzero(np.diff(numbers, prepend=-1))
    ends = [*starts[1:], len(numbers)]
    width, columns = sheet.owner.shape[1], len(sheet.columns) - 1
    for start, end in zip(starts.tolist(), ends, strict=True):
        number = int(numbers[start])
        if not number:
            continue
        y, x = np.divmod(order[start:end], width)
        row, column = divmod(number - 1, columns)
        # Faint ink beside the marks may be a point.
        top, bottom = min(y.min(), sheet.rows[row]), max(y.max() + 1, sheet.rows[row + 1])
        left, right = (
            min(x.min(), sheet.columns[column]),
            max(x.max() + 1, sheet.columns[column + 1]),
        )
        area = np.s_[top:bottom, left:right]
        own = (sheet.owner[area] == number).astype(np.uint8)
        others = cv2.dilate(
            ((sheet.owner[area] != number) & (sheet.owner[area] != 0)).astype(np.uint8),
            np.ones((3, 3), np.uint8),
        )
        near = (others == 0) | (own > 0)
        _, _, stats, _ = cv2.connectedComponentsWithStats(own)
        boxes = [(x, y, w, h) for x, y, w, h, _ in stats[1:].tolist()]
        ink = np.asarray(sheet.strength[area] * near, np.float32)
        yield Patch(number - 1, ink, int(left), int(top), boxes)
