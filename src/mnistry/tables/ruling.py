"""Find every line of a grid once a few of them are known, however faint.

The known lines tell how the grid is bent, so that it can be redrawn with level and upright lines.
A line that is too faint to be seen in one place stands out from the noise once the cells along it
are averaged. Each line is then followed from cell to cell. Knows nothing of how the first lines
were found.
"""

import dataclasses
import functools
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

# The step, in pixels, at which the bent grid is mapped; in between it is interpolated.
_STEP = 16
# In this module a reach is the least length of a line's piece, and a wall is the part of a line
# between two lines that cross it. Noise is given by its standard deviation.
#
# Cells longer than this many reaches are looked at in parts.
_LONG = 4.0
# Contrast is averaged along a line over this part of a reach: faint lines stand out from noise.
_ALONG = 0.3
# Where lines are less than so many times as dark as the noise, a longer part is averaged.
_CLEAR = 6.0
# Lines may be turned and bent by `_TURNED` of their length. To find out, `_STRIPS` strips across
# them are compared, in which nothing counts for more than `_BRIGHT` times the noise.
_TURNED, _STRIPS, _BRIGHT = 0.012, 24, 8.0
# A pixel may belong to a line if it is more than `_WEAK` times as dark as the paler lines, and more
# than `_NOISE` times as dark as the noise. A pixel more than `_INK` times as dark as the darker
# lines is ink that covers them.
_WEAK, _NOISE, _INK = 0.35, 2.0, 3.0
# The palest lines of a grid are at least this part as dark as its darker lines.
_PALE = 0.2
# A wall is drawn if at least `_STRICT` of it may belong to a line, where ink does not cover it;
# `_LENIENT` is enough where a line is known. If less than `_FREE` of a wall is free of ink, nothing
# is known of the wall.
_STRICT, _LENIENT, _FREE = 0.8, 0.6, 0.3
# The drawn walls of a line make up at least this part of its length.
_SHARE = 0.5
# Lines are at least this many reaches apart.
_APART = 0.25
# Lines go as far as the columns at which more than `_ENDS` of them are drawn; gaps shorter than
# `_GAP` reaches do not end them.
_ENDS, _GAP = 0.4, 0.5
# A wall may be off its line by this part of the usual row.
_OFF = 0.12
# Rows are equally high if they differ from the usual height by less than `_EQUAL` of it. If at
# least `_MOSTLY` of all rows are, a missing line is added if walls of `_HINT` of its length are
# drawn.
_MOSTLY, _EQUAL, _HINT = 0.5, 0.1, 0.4
# Parts of a cell's length: near its two ends, and in its middle. Near at least one end a line is
# `_REACHES` times as dark as in the middle, or darker; a row of digits keeps off the ruled lines.
_PARTS, _REACHES = ((0.1, 0.16), (0.3, 0.7), (0.84, 0.9)), 0.5
# Two lines are a double line if they are nearer than this part of the usual row or column.
_DOUBLE = 0.22
# If lines stick out of the grid by more than this part of the usual row or column, there is another
# row or column, whose outer line is not drawn.
_STICKS_OUT = 0.3
# A quarter of normally distributed values lie within this many standard deviations.
QUARTILE = 0.3186

Floats = NDArray[np.float64]
Values = NDArray[np.float32]


@dataclasses.dataclass(frozen=True, eq=False)
class Known:
    """Lines of about one direction that were seen.

    Attributes
    ----------
    curves
        ``(n, 3)``: each as a parabola, the coefficients of 1, x and x squared.
    starts, stops
        Where they begin and end.
    """

    curves: Floats
    starts: Floats
    stops: Floats


@dataclasses.dataclass(frozen=True, eq=False)
class Family:
    """How lines of about one direction run: their slope and bend, by their place.

    Attributes
    ----------
    middle
        Where along the lines their place is measured: for level lines, the column at which the
        place is a line's row.
    centre
        The weighted mean of the lines' places.
    slope, bend
        Each a constant, and how much it grows for each pixel of the place.
    """

    middle: float
    centre: float
    slope: tuple[float, float]
    bend: tuple[float, float]

    @classmethod
    def of(cls, known: Known, side: int) -> "Family":
        """Fit it to lines that were seen in a picture with a side of so many pixels."""
        a, b, c = known.curves.T
        middle = float(known.starts.min() + known.stops.max()) / 2
        lengths = known.stops - known.starts
        places = a + middle * (b + middle * c)
        centre = float(np.average(places, weights=lengths))
        off = places - centre
        slope = _straight(off, b + 2 * c * middle, lengths**2)
        is_long = _tells_bend(known.starts.min(), known.stops.max(), side)
        bend = _straight(off, c, lengths**4) if is_long else (0.0, 0.0)
        return cls(middle, centre, slope, bend)

    def off(self, place: Floats, along: Floats) -> Floats:
        """Return how far lines are off their place, at some places along them."""
        p, x = place - self.centre, along - self.middle
        slope = self.slope[0] + self.slope[1] * p
        bend = self.bend[0] + self.bend[1] * p
        return np.asarray(x * (slope + x * bend), np.float64)

    def sharper(self, flat: Values, own: Known, others: Known, reach: float) -> "Family":
        """Correct it so that level lines stand out most from the rest of the picture.

        Parameters
        ----------
        flat
            The picture as this family redraws it.
        own, others
            The known lines, and those that cross them.
        """
        inside = _within(flat, own, others)
        start, stop = inside[1].start, inside[1].stop
        if stop - start < 4 * reach or inside[0].stop - inside[0].start < 2 * reach:
            return self
        ridges = ridge(flat[inside], reach)
        bright = _BRIGHT * _deviation(ridges, 2 * reach)
        count = min(_STRIPS, round((stop - start) / reach))
        edges = np.linspace(0, stop - start, count + 1).astype(int)
        pieces = list(pairwise(edges.tolist()))
        strips = _sums(np.clip(ridges, -bright, bright), pieces) / np.diff(edges)
        x = (edges[1:] + edges[:-1]) / (stop - start) - 1  # -1 to 1
        most = max(2, round(_TURNED * (stop - start)))
        found = _sharpest(strips.T, x, most, _tells_bend(start, stop, flat.shape[1]))
        if found == (0, 0):
            return self
        half, centre_x = (stop - start) / 2, (start + stop) / 2
        bend = found[1] / half**2
        slope = found[0] / half + 2 * bend * (self.middle - centre_x)
        return dataclasses.replace(
            self,
            slope=(self.slope[0] + slope, self.slope[1]),
            bend=(self.bend[0] + bend, self.bend[1]),
        )


def _tells_bend(start: float, stop: float, side: int) -> bool:
    """Whether lines are so long that they tell how they bend further out."""
    return 2 * (stop - start) > side


def _within(values: Values, own: Known, others: Known, margin: float = 0.0) -> tuple[slice, slice]:
    """Return the rows and columns between the ends of level lines and of those that cross them."""
    across, down = (
        sorted(
            int(np.clip(end, 0, size))
            for end in (one.starts.min() - margin, one.stops.max() + margin)
        )
        for one, size in ((own, values.shape[1]), (others, values.shape[0]))
    )
    return slice(down[0], max(down[1], down[0] + 1)), slice(
        across[0], max(across[1], across[0] + 1)
    )


def _sharpest(strips: Floats, x: Floats, most: int, is_long: bool) -> tuple[int, int]:
    """Find how far to turn and bend lines, in pixels at their ends, so that they stand out.

    Parameters
    ----------
    strips
        For each strip across the lines how dark each row is, ``(strips, rows)``.
    x
        Where the strips are, -1 to 1.
    most
        The most that they are turned or bent.
    is_long
        Whether they may be bent at all.
    """
    room, count = 2 * most, strips.shape[1]
    padded = np.pad(strips, ((0, 0), (room, room)))

    def sharpness(turn: int, bend: int) -> float:
        total = np.zeros(count)
        shifts = np.clip(np.rint(turn * x + bend * (x * x - 1 / 3)), -room, room).astype(int)
        for strip, shift in zip(padded, shifts.tolist(), strict=True):
            total += strip[room + shift : room + shift + count]
        return float((np.maximum(total, 0) ** 2).sum())

    best = (sharpness(0, 0), 0, 0)
    for tried in (range(-most, most + 1, 2), range(-1, 2)):
        _, turn, bend = best
        ways = [(turn + a, bend + b) for a in tried for b in (tried if is_long else (0,))]
        best = max([best, *((sharpness(*way), *way) for way in ways)], key=lambda one: one[0])
    return best[1:]


def _straight(x: Floats, y: Floats, weights: Floats) -> tuple[float, float]:
    """Fit a straight line that most points lie on, level unless they say otherwise."""
    order = np.argsort(y)
    heaviest = np.cumsum(weights[order]) >= weights.sum() / 2
    constant, growth = float(y[order][heaviest.argmax()]), 0.0
    scale = max(float(np.ptp(x)), 1.0)
    terms = np.stack([np.ones_like(x), x / scale], 1)
    for _ in range(6):
        off = y - terms @ [constant, growth]
        spread = max(1.4826 * float(np.median(np.abs(off))), 1e-9)
        w = weights / (1 + (off / (2 * spread)) ** 2)
        moments = (terms * w[:, None]).T @ terms
        moments[1, 1] += 0.02 * w.sum()
        constant, growth = np.linalg.solve(moments, (terms * w[:, None]).T @ y).tolist()
    return constant, growth / scale


@dataclasses.dataclass(frozen=True, eq=False)
class Ruling:
    """All lines of a grid.

    Attributes
    ----------
    points
        ``(rows + 1, columns + 1, 2)``: column and row of each crossing.
    row_walls, column_walls
        For each line, and each two neighbouring ones that cross it, whether the wall is drawn.
    row_borders, column_borders
        Whether the first and the last line are not drawn.
    """

    points: Floats
    row_walls: NDArray[np.bool_]
    column_walls: NDArray[np.bool_]
    row_borders: tuple[bool, bool]
    column_borders: tuple[bool, bool]


def find_ruling(
    contrast: Values, rows: Known, columns: Known, reach: float, *, are_whole: bool
) -> Ruling | None:
    """Find all lines of a grid of which some are known.

    Parameters
    ----------
    contrast
        How much light thin lines absorb, ``float32``, shape ``(height, width)``.
    rows, columns
        Nearly level lines, as functions of the column; and nearly upright ones, of the row.
    reach
        The length of a piece of a line, in pixels.
    are_whole
        Whether the known lines were seen whole; else they may be strokes of digits.
    """
    level, upright = Family.of(rows, contrast.shape[1]), Family.of(columns, contrast.shape[0])
    flat = _flattened(contrast, level, upright)
    before = level, upright
    level = level.sharper(flat, rows, columns, reach)
    upright = upright.sharper(np.ascontiguousarray(flat.T), columns, rows, reach)
    if (level, upright) != before:
        flat = _flattened(contrast, level, upright)
    sides = [
        _Side.of(flat, level, rows, columns, reach),
        _Side.of(np.ascontiguousarray(flat.T), upright, columns, rows, reach),
    ]
    for is_first in (True, False):
        for one, other in ((0, 1), (1, 0)):
            found = sides[one].again(sides[other], reach, trust=are_whole or not is_first)
            if found is None:
                return None
            sides[one] = found
    sides = [sides[0].reaching(sides[1]), sides[1].reaching(sides[0])]
    if min(len(side.places) for side in sides) < 2:
        return None
    across, down = sides[0].bordered(sides[1], reach), sides[1].bordered(sides[0], reach)
    across, down = across.filled(down), down.filled(across)
    v, row_walls = across.followed(down)
    u, column_walls = down.followed(across)
    points = np.stack(mapped(level, upright, u.T, v), -1)
    return Ruling(points, row_walls, column_walls, across.borders, down.borders)


def _flattened(contrast: Values, rows: Family, columns: Family) -> Values:
    """Redraw a picture so that the lines of two families are level and upright."""
    height, width = contrast.shape
    x, y = mapped(
        rows,
        columns,
        np.arange(0, width + _STEP, _STEP, dtype=float)[None],
        np.arange(0, height + _STEP, _STEP, dtype=float)[:, None],
    )
    across, down = (_spread(one.astype(np.float32))[:height, :width] for one in (x, y))
    return np.asarray(cv2.remap(contrast, across, down, cv2.INTER_LINEAR), np.float32)


def _spread(coarse: Values) -> Values:
    """Interpolate values that are given at every `_STEP` pixels."""
    rows, columns = coarse.shape
    move = np.array([[1 / _STEP, 0, 0], [0, 1 / _STEP, 0]], np.float64)
    size = ((columns - 1) * _STEP, (rows - 1) * _STEP)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(coarse, move, size, flags=flags), np.float32)


def mapped(rows: Family, columns: Family, u: Floats, v: Floats) -> tuple[Floats, Floats]:
    """Map columns and rows of a picture with level and upright lines to those of the bent one."""
    x, y = np.broadcast_arrays(u, v)
    for _ in range(3):
        x, y = u + columns.off(u, y), v + rows.off(v, x)
    return x, y


def ridge(contrast: Values, reach: float) -> Values:
    """Compute how much darker a level line is than the paper on both sides of it."""
    along = cv2.blur(contrast, (max(5, round(reach * _ALONG)), 3))
    aside = _aside(reach)
    padded = cv2.copyMakeBorder(along, aside, aside, 0, 0, cv2.BORDER_REPLICATE)
    return np.asarray(along - (padded[: -2 * aside] + padded[2 * aside :]) / 2, np.float32)


def _aside(reach: float) -> int:
    """Return how far beside a line its paper is, in pixels."""
    return max(3, round(reach / 8))


@dataclasses.dataclass(frozen=True, eq=False)
class _Side:
    """The level lines of a picture, or the upright ones of the picture transposed.

    Attributes
    ----------
    contrast, ridges
        How dark each pixel is; and how much darker than the paper beside a level line there.
    along, aside
        Over how many columns `ridges` was averaged, and how many rows away from a line it was
        compared with the paper.
    noise
        The standard deviation of the noise in `ridges`.
    places
        The rows at which lines were found.
    ends
        The first column of the lines, and the column after their last.
    borders
        Whether the first and the last line are not drawn.
    """

    contrast: Values
    ridges: Values
    along: int
    aside: int
    noise: float
    places: Floats
    ends: tuple[float, float]
    borders: tuple[bool, bool] = (False, False)

    @classmethod
    def of(
        cls, contrast: Values, family: Family, known: Known, others: Known, reach: float
    ) -> "_Side":
        a, b, c = known.curves.T
        places = np.sort(a + family.middle * (b + family.middle * c))
        ends = float(known.starts.min()), float(known.stops.max())
        along, ridges = max(5, round(reach * _ALONG)), ridge(contrast, reach)
        around = _within(ridges, known, others, 2 * reach)
        side = cls(
            contrast,
            ridges,
            along,
            _aside(reach),
            _deviation(ridges[around], 2 * reach),
            places,
            ends,
        )
        pale = side._darkness(np.rint(places).astype(int))[0]
        if pale < _CLEAR * side.noise:
            longer = round(min(reach, along * (_CLEAR * side.noise / max(pale, 1e-4)) ** 2))
            ridges = np.asarray(cv2.blur(ridges, (longer, 1)), np.float32)
            noise = _deviation(ridges[around], 2 * reach)
            side = dataclasses.replace(side, ridges=ridges, along=longer, noise=noise)
        return side

    def again(self, other: "_Side", reach: float, *, trust: bool) -> "_Side | None":
        """Find lines by all their walls between the lines of `other`; None if there are none.

        With `trust`, a line at one of the known `places` needs only `_LENIENT` walls.
        """
        start, stop = self.ends
        edges = [start, *(p for p in other.places if start + 2 < p < stop - 2), stop]
        pieces = _pieces(edges, _LONG * reach)
        apart = max(3, round(_APART * reach))
        first, last = (
            int(np.clip(end + sign * apart, 0, len(self.ridges)))
            for end, sign in zip(other.ends, (-1, 1), strict=True)
        )
        near = np.rint(self.places).astype(int)
        near = near[(near >= first + 2) & (near < last - 2)]
        if last - first < 3 * apart:
            return None
        known = self._darkness(near) if near.size else other._darkness(other.places.astype(int))
        seen, open_ = self._seen(*known)
        # A line that climbs by a pixel is drawn in both rows.
        near_it = cv2.dilate(seen.view(np.uint8), np.ones((3, 1), np.uint8)) > 0
        line, wide, free = (_sums(one, pieces) for one in (seen, near_it & open_, open_))
        widths = np.array([b - a for a, b in pieces])
        is_known = free >= _FREE * widths
        strict_share, lenient_share = (
            (((part >= least * free) & is_known) * widths).sum(1)
            / np.maximum((is_known * widths).sum(1), 1)
            for part, least in ((line, _STRICT), (wide, _LENIENT))
        )
        whole = wide.sum(1) / np.maximum(free.sum(1), 1)
        is_line = (strict_share >= _SHARE) | (
            (whole >= _STRICT) & (free.sum(1) >= _FREE * widths.sum())
        )
        for place in near.tolist() if trust else ():
            around = slice(place - 2, place + 3)
            is_line[around] |= lenient_share[around] >= _SHARE
        # Of neighbouring rows that may be lines, the best drawn and darkest one is the line.
        depth = self.ridges[:, round(start) : max(round(start), round(stop)) + 1 : 3]
        score = line.sum(1) / np.maximum(free.sum(1), 1) + 0.1 * np.clip(depth, 0, 1).mean(1)
        score = (score * is_line)[first:last]
        highest = cv2.dilate(score[:, None], np.ones((2 * apart + 1, 1), np.uint8))[:, 0]
        places = first + np.flatnonzero((score == highest) & (score > 0)).astype(float)
        if not places.size:
            return None
        found = dataclasses.replace(self, places=places)
        return dataclasses.replace(found, ends=found._ends(reach))

    def _darkness(self, rows: NDArray[np.intp]) -> tuple[float, float]:
        """Return how dark the paler and the darker lines in some rows are."""
        start, stop = (round(end) for end in self.ends)
        near = [self.ridges[np.clip(rows + off, 0, len(self.ridges) - 1)] for off in (-1, 0, 1)]
        start = min(max(0, start), self.ridges.shape[1] - 1)
        each = np.median(np.max(near, axis=0)[:, start : max(start, stop) + 1 : 3], axis=1)
        each = each[each >= max(0.0, _PALE * float(np.quantile(each, 0.75)))]
        if not each.size:
            return 0.0, 0.0
        pale, dark = np.quantile(each, [0.25, 0.75]).tolist()
        return pale, dark

    def _seen(self, pale: float, dark: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which pixels may belong to a line, and which are not covered by ink."""
        ink = (self.contrast > _INK * dark).astype(np.uint8)
        free = cv2.dilate(ink, np.ones((2 * self.aside + 1, self.along), np.uint8)) == 0
        return free & (self.ridges > max(_WEAK * pale, _NOISE * self.noise)), free

    def _ends(self, reach: float) -> tuple[float, float]:
        """Measure where the lines begin and end."""
        line, free = (one.sum(0) for one in self._drawn)
        mask = ((line > _ENDS * free) | (free == 0)).astype(np.uint8)[None]
        gap = round(_GAP * reach) | 1
        for way in (cv2.MORPH_CLOSE, cv2.MORPH_OPEN):
            mask = cv2.morphologyEx(mask, way, np.ones((1, gap), np.uint8))
        runs = np.flatnonzero(np.diff(np.concatenate([[0], mask[0], [0]]))).reshape(-1, 2)
        if not len(runs):
            return self.ends
        shared = np.minimum(runs[:, 1], self.ends[1]) - np.maximum(runs[:, 0], self.ends[0])
        start, stop = runs[shared.argmax()].tolist()
        return float(start), float(stop)

    def reaching(self, other: "_Side") -> "_Side":
        """Leave out rows of strokes: unlike a line, they do not reach the lines that cross them."""
        rows = np.rint(self.places).astype(int)
        dark = np.max([self._sharp(rows + off) for off in (-1, 0, 1)], axis=0)
        parts = [
            [dark[:, round(a + t * wide) : round(a + u * wide) + 1].mean(1) for t, u in _PARTS]
            for a, wide in zip(other.places[:-1], np.diff(other.places), strict=True)
        ]
        if not parts:
            return self
        start, middle, stop = np.median(parts, axis=0)
        is_line = np.maximum(start, stop) >= _REACHES * middle
        return dataclasses.replace(self, places=self.places[is_line])

    def _sharp(self, rows: NDArray[np.intp]) -> Values:
        """Return how much darker some rows are than those beside them, pixel by pixel."""
        above, here, below = (
            self.contrast[np.clip(rows + off, 0, len(self.contrast) - 1)]
            for off in (-self.aside, 0, self.aside)
        )
        return np.asarray(here - (above + below) / 2, np.float32)

    def bordered(self, other: "_Side", reach: float) -> "_Side":
        """Keep one of two lines that are very close; add borders where `other`'s lines stick out.

        A border is an outer line that is not drawn.
        """
        places = self.places
        if len(places) > 2:
            usual = float(np.median(np.diff(places)))
            kept = [places[0]]
            for place in places[1:]:
                if place - kept[-1] >= _DOUBLE * usual:
                    kept.append(place)
            places = np.array(kept)
        usual = float(np.median(np.diff(places))) if len(places) > 1 else 0.0
        start, stop = other.ends
        least = max(_STICKS_OUT * usual, _APART * reach)
        borders = (
            bool(places[0] - start > least) and other._stick_out(places[0], start),
            bool(stop - places[-1] > least) and other._stick_out(places[-1], stop),
        )
        places = np.concatenate([[start] * borders[0], places, [stop] * borders[1]])
        return dataclasses.replace(self, places=places, borders=borders)

    def filled(self, other: "_Side") -> "_Side":
        """Add a line where rows of equal height leave room for one, if a part of it is drawn."""
        heights = np.diff(self.places)
        usual = float(np.median(heights))
        if np.mean(np.abs(heights / usual - 1) < _EQUAL) < _MOSTLY:
            return self
        pieces = _pieces(other.places, np.inf)
        line, free = (
            _sums(one, pieces) for one in self._seen(*self._darkness(self.places.astype(int)))
        )
        widths = np.array([b - a for a, b in pieces])
        off = self._off()
        more: list[float] = []
        for start, height in zip(self.places[:-1], heights, strict=True):
            count = round(height / usual)
            if count < 2 or abs(height / count / usual - 1) > _EQUAL:
                continue
            for place in start + height * np.arange(1, count) / count:
                near = slice(max(0, round(place) - off), round(place) + off + 1)
                is_drawn = line[near] >= np.maximum(_LENIENT * free[near], _FREE * widths)
                if (is_drawn.any(0) * widths).sum() >= _HINT * widths.sum():
                    more.append(round(place) - off + int(is_drawn.sum(1).argmax()))
        return dataclasses.replace(self, places=np.sort(np.concatenate([self.places, more])))

    def _off(self) -> int:
        """Return how many rows a wall may be off its line."""
        return max(2, round(_OFF * float(np.median(np.diff(self.places)))))

    def _stick_out(self, place: float, end: float) -> bool:
        """Whether most lines go on from a column to an end, and no further."""
        line, free = self._drawn
        start, stop = sorted((round(place), round(end)))
        length = stop - start
        after = (
            slice(stop + 3, stop + length)
            if end > place
            else slice(max(0, start - length), max(0, start - 3))
        )
        inside, beyond = (
            line[:, part].sum(1) / np.maximum(free[:, part].sum(1), 1)
            for part in (slice(start, stop), after)
        )
        return bool(((inside >= _LENIENT) & (beyond < 1 - _LENIENT)).mean() >= _LENIENT)

    @functools.cached_property
    def _drawn(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return for each line the columns in which it is drawn, and those free of ink."""
        rows = np.rint(self.places).astype(int)
        line, free = self._seen(*self._darkness(rows))
        near = [np.clip(rows + off, 0, len(line) - 1) for off in (-1, 0, 1)]
        return np.any([line[row] for row in near], axis=0), free[near[1]]

    def followed(self, other: "_Side") -> tuple[Floats, NDArray[np.bool_]]:
        """Follow each line from cell to cell.

        Returns
        -------
        tuple
            The row of each line at each of the lines that cross it, ``(lines, others)``; and
            whether each wall is drawn, ``(lines, others - 1)``.
        """
        pieces = _pieces(other.places, np.inf)
        pale, strong = self._darkness(self.places.astype(int))
        seen, free = self._seen(pale, strong)
        dark, line, open_ = (
            _sums(one, pieces) for one in (np.clip(self.ridges, 0, 1.5 * strong) * free, seen, free)
        )
        off = self._off()
        away = np.arange(-off, off + 1)
        near = np.clip(self.places.astype(int)[:, None] + away, 0, len(dark) - 1)
        mean = (dark / np.maximum(open_, 1))[near]
        best = (mean - 0.02 * strong * np.abs(away)[:, None]).argmax(1)
        at_best = np.take_along_axis(near[..., None], best[:, None], 1)[:, 0]
        part, known = (
            np.take_along_axis(one, at_best, 0) for one in (line / np.maximum(open_, 1), open_)
        )
        widths = np.array([b - a for a, b in pieces])
        is_drawn = (part >= _LENIENT) | (known < _FREE * widths)
        # The middle of a line lies between pixels.
        is_near = np.abs(away[:, None] - away[best][:, None]) <= 2
        weights = np.maximum(mean * is_near, 1e-6)
        offs = (weights * away[:, None]).sum(1) / weights.sum(1)
        middles = np.array([(a + b) / 2 for a, b in pieces])
        at = np.repeat(self.places[:, None], len(other.places), 1)
        for row, off_line, free_part, drawn in zip(at, offs, known, is_drawn, strict=True):
            x, used = middles[drawn & (free_part > 0)], drawn & (free_part > 0)
            if not len(x):
                continue
            degree = min(2, (len(x) - 1) // 2)
            fit = np.polynomial.polynomial.polyfit(
                x - middles.mean(), off_line[used], degree, w=np.sqrt(free_part[used])
            )
            where = np.clip(other.places, x.min(), x.max()) - middles.mean()
            row += np.polynomial.polynomial.polyval(where, fit)
        for place, is_border in zip((0, -1), self.borders, strict=True):
            if is_border:
                is_drawn[place] = True
        return at, is_drawn


def _sums(values: NDArray[Any], pieces: Sequence[tuple[int, int]]) -> Floats:
    """Add up each row's values in each piece, ``(rows, pieces)``."""
    values = values.view(np.uint8) if values.dtype == bool else values
    kind = cv2.CV_32S if values.dtype == np.uint8 else cv2.CV_32F
    last = values.shape[1] - 1
    parts = [values[:, min(a, last) : max(b, min(a, last) + 1)] for a, b in pieces]
    sums = [cv2.reduce(part, 1, cv2.REDUCE_SUM, dtype=kind)[:, 0] for part in parts]
    return np.stack(sums, 1).astype(float)


def _deviation(values: Values, side: float) -> float:
    """Estimate the standard deviation of the noise, in blocks, of which many hold ink."""
    rows, columns = (max(1, round(length / side)) for length in values.shape)
    high, wide = values.shape[0] // rows, values.shape[1] // columns
    parts = np.abs(values[: rows * high, : columns * wide]).reshape(rows, high, columns, wide)
    blocks = parts[:, ::2, :, ::2].swapaxes(1, 2).reshape(rows * columns, -1)
    rank = blocks.shape[1] // 4
    least = np.partition(blocks, rank, axis=1)[:, rank]
    return float(np.quantile(least, 0.25)) / QUARTILE


def _pieces(edges: Sequence[float] | Floats, longest: float) -> list[tuple[int, int]]:
    """Divide the columns between edges into pieces that leave out the edges."""
    found = []
    for start, stop in pairwise(edges):
        inset = min(4.0, (stop - start) / 6)
        count = max(1, int(np.ceil((stop - start) / longest)))
        ends = np.rint(np.linspace(start + inset, stop - inset, count + 1)).astype(int).tolist()
        found += [(max(0, a), max(a + 1, b)) for a, b in pairwise(ends)]
    return found
