"""Find nearly level lines, straight or slightly bent, in a picture that was made level.

Short pieces are found first, then joined to lines; a line knows where it is drawn. Knows nothing
of tables.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.tables.ruling import QUARTILE, ridge

# A line differs from the paper by this many standard deviations of the noise, and by this fraction
# of the paper's light.
_NOISE, FAINTEST = 3.5, 0.02
# Pieces of a line differ in contrast at most by this factor.
_ALIKE = 2.2
# A line is drawn where it has at least this part of its usual contrast.
_AS_DARK = 0.4
# A piece at the end of a line belongs to it if the gap is at most this multiple of its length.
_APART = 3.0
# Noise is measured in blocks with sides of about this many pixels.
_BLOCK = 64
# Lines that count as level once the picture is straightened fall or rise by at most this much for
# each column.
_SLOPING = 0.09
# At most this many lines are found in each direction.
_MOST_LINES = 400

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class RuledLine:
    """A nearly level line.

    Attributes
    ----------
    curve
        The row as a function of the column, a parabola: the coefficients of 1, x and x squared.
    start, stop
        Its first column, and the column after its last.
    seen
        For each column of the picture, in how many columns before it the line is drawn.
    """

    curve: Floats
    start: float
    stop: float
    seen: NDArray[np.int64]

    @property
    def place(self) -> float:
        """The row of its middle."""
        return self.at((self.start + self.stop) / 2)

    def at(self, column: float) -> float:
        """Return its row in a column."""
        a, b, c = self.curve.tolist()
        return float(a + column * (b + column * c))

    def drawn(self, start: float, stop: float) -> float:
        """Return the fraction that is drawn between two columns."""
        a, b = (min(max(round(v), 0), len(self.seen) - 1) for v in (start, stop))
        return float((self.seen[b] - self.seen[a]) / max(b - a, 1))


class _Piece(NamedTuple):
    """A piece of a line.

    Attributes
    ----------
    columns, rows
        Fewer than 80 points along it: their columns, and the line's row in each.
    stop
        The column after its last.
    contrast
        Its usual contrast, summed across the line.
    """

    columns: Floats
    rows: Floats
    stop: int
    contrast: float


def find_ruled_lines(contrast: NDArray[np.float32], reach: float) -> list[RuledLine]:
    """Find nearly level lines.

    Parameters
    ----------
    contrast
        ``float32``, shape ``(height, width)``: the part of the paper's light that is absorbed.
    reach
        Least length of a piece, in pixels.
    """
    ridges = ridge(contrast, reach)
    least = np.maximum(_NOISE * _noise(ridges), FAINTEST)
    mask = (ridges > least).astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((1, 9), np.uint8))
    mask = cv2.dilate(mask, np.ones((3, 1), np.uint8))  # lines that climb by a pixel stay whole
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((1, round(reach)), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    if count == 1:
        return []
    y, x = np.nonzero(mask)
    own = labels[y, x]
    order = np.argsort(own, kind="stable")
    y, x = y[order], x[order]
    weights = np.maximum(ridges[y, x], 0.0) + 1e-4
    starts = np.searchsorted(own[order], np.arange(1, count + 1))
    longest = 1 + np.argsort(-stats[1:, cv2.CC_STAT_WIDTH], kind="stable")[: 4 * _MOST_LINES]
    pieces = []
    for i in longest.tolist():
        part = slice(starts[i - 1], starts[i] if i < count else None)
        left, width = int(stats[i, 0]), int(stats[i, 2])
        total = np.bincount(x[part] - left, weights[part], width)
        dark = float(np.median(total[total > 0]))
        rows = np.bincount(x[part] - left, weights[part] * y[part], width)
        columns = np.flatnonzero(total > 0)
        step = max(1, len(columns) // 40)
        columns = columns[::step]
        points = np.asarray(columns + float(left), np.float64)
        pieces.append(_Piece(points, rows[columns] / total[columns], left + width, dark))
    return [
        trimmed(RuledLine(curve, start, stop, _seen(curve, start, stop, ridges, least)))
        for curve, start, stop in _linked(pieces, reach)
    ]


def _noise(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Estimate the standard deviation of the noise around each pixel."""
    rows, columns = (max(1, side // _BLOCK) for side in values.shape)
    height, width = values.shape[0] // rows, values.shape[1] // columns
    blocks = np.abs(values[: rows * height, : columns * width])
    blocks = blocks.reshape(rows, height, columns, width).swapaxes(1, 2)
    # Where much is written, only the smallest values are noise.
    least = np.quantile(blocks.reshape(rows, columns, -1)[..., ::3], 0.25, axis=2) / QUARTILE
    # The desk under the paper is noisier.
    least = np.asarray(cv2.erode(least, np.ones((3, 3), np.uint8)), np.float64)
    size = values.shape[1], values.shape[0]
    smooth = cv2.resize(least.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(smooth, np.float32)


def trimmed(line: RuledLine) -> RuledLine:
    """Cut off the parts at a line's ends that are far from the rest, such as a title's strokes."""
    start, stop = int(max(line.start, 0)), int(line.stop)
    drawn = np.diff(line.seen)[start:stop]
    edges = np.flatnonzero(np.diff(np.concatenate([[0], drawn, [0]])))
    runs = start + edges.reshape(-1, 2)
    if not len(runs):
        return line
    lengths = runs[:, 1] - runs[:, 0]
    first = last = int(lengths.argmax())
    while first and runs[first, 0] - runs[first - 1, 1] <= _APART * lengths[first - 1]:
        first -= 1
    while last + 1 < len(runs) and runs[last + 1, 0] - runs[last, 1] <= _APART * lengths[last + 1]:
        last += 1
    return dataclasses.replace(line, start=float(runs[first, 0]), stop=float(runs[last, 1]))


def _seen(
    curve: Floats,
    start: float,
    stop: float,
    ridges: NDArray[np.float32],
    least: NDArray[np.float32],
) -> NDArray[np.int64]:
    """Measure where a line is drawn, now that its course is known; see `RuledLine.seen`.

    It is drawn where it is about as dark as usual: strokes of digits are much darker or lighter.
    """
    columns = np.arange(ridges.shape[1])
    rows = np.rint(curve @ [columns**0, columns, columns**2]).astype(int)
    near = np.clip(rows + np.arange(-1, 2)[:, None], 0, len(ridges) - 1)
    dark = ridges[near, columns].max(0)
    least = least[near[1], columns] / 2
    usual = float(np.median(dark[int(max(start, 0)) : int(stop)]))
    seen = (dark > np.maximum(least, _AS_DARK * usual)).astype(np.uint8)
    seen[(rows < 0) | (rows >= len(ridges))] = 0
    for way in (cv2.MORPH_CLOSE, cv2.MORPH_OPEN):
        seen = cv2.morphologyEx(seen[None], way, np.ones((1, 7), np.uint8))[0]
    return np.concatenate([[0], np.cumsum(seen, dtype=np.int64)])


def _linked(pieces: Sequence[_Piece], reach: float) -> list[tuple[Floats, float, float]]:
    """Join pieces that continue each other, the longest first; return curves, starts and stops."""
    curves, ends = np.zeros((_MOST_LINES, 3)), np.zeros((_MOST_LINES, 2))
    darkness = np.zeros(_MOST_LINES)
    members: list[list[_Piece]] = []
    for piece in pieces:
        columns, rows, stop, dark = piece
        start, count = columns[0], len(members)
        curve = _fitted(columns, rows, reach)
        if abs(curve[1] + 2 * curve[2] * columns.mean()) > _SLOPING:
            continue
        ahead = np.maximum(ends[:count, 0] - stop, start - ends[:count, 1])
        gap = np.maximum(ahead, 0)
        places = np.linspace(start, stop, 3)[:, None] ** [0, 1, 2]
        off = np.abs(curves[:count] @ places.T - curve @ places.T).mean(1)
        ratio = darkness[:count] / dark
        fits = (gap <= 12 * reach) & (off < 0.07 * reach + 0.008 * gap)
        fits &= (ratio > 1 / _ALIKE) & (ratio < _ALIKE)
        if fits.any():
            best = int(np.where(fits, off, np.inf).argmin())
            members[best].append(piece)
            ends[best] = min(ends[best, 0], start), max(ends[best, 1], stop)
            xs = np.concatenate([one.columns for one in members[best]])
            ys = np.concatenate([one.rows for one in members[best]])
            curves[best] = _fitted(xs, ys, reach)
        elif count < _MOST_LINES:
            members.append([piece])
            curves[count], ends[count], darkness[count] = curve, (start, stop), dark
    found = zip(curves[: len(members)], ends.tolist(), strict=False)
    return [(curve, start, stop) for curve, (start, stop) in found]


def _fitted(columns: Floats, rows: Floats, reach: float) -> Floats:
    """Fit a straight line; a parabola if it is long."""
    middle = float(columns.mean())
    if len(columns) < 3:
        return np.array([float(rows.mean()), 0.0, 0.0])
    degree = 2 if np.ptp(columns) > 8 * reach else 1
    a, b, c = [*np.polynomial.polynomial.polyfit(columns - middle, rows, degree), 0.0][:3]
    return np.array([a - b * middle + c * middle * middle, b - 2 * c * middle, c])
