"""Tell ink from paper: a grey picture becomes the strength of ink at each pixel.

Ink is darker (or lighter) than the paper a few stroke widths away on each side of it. Shadows,
dim corners and the table beside the paper are wider than strokes, so they count as paper. Knows
nothing of digits or ruled lines: everything else that stands out is ink.
"""

import functools
from dataclasses import dataclass, replace
from typing import Any, overload

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.images.page_tasks import LINES_SIDE
from mnistry.images.pixels import closed_by_square, median, percentile, reduced, sampled

# Pictures whose long side is at most this get a margin, if no ink is found without one.
_CUT_OUT = 128
# Long side at which the widths of strokes are measured.
_COARSE_SIDE = 384
# A narrow stroke is at most as wide as the picture's short side divided by `_NARROW`. If more than
# `_ENOUGH` of all edges belong to narrow strokes, nothing wider counts as a stroke.
_ENOUGH, _NARROW = 0.3, 8
# The side of the window that must hold some paper, in stroke widths: wider than a stroke with its
# soft edges, even where two strokes cross.
_WINDOW = 3.0
# The least side of that window in pixels, where the picture is reduced to find the paper.
_WINDOW_PIXELS = 15
# Where even thin strokes are wide, a picture is reduced until thin strokes are `_FINE` pixels wide,
# or its long side is `_COARSE_SIDE`; but only if the factor for that is `_WORTH` or less.
# The width of thin strokes is the percentile `_THIN` of the widths at all edges.
_THIN, _FINE, _WORTH = 10, 6.0, 0.6
# The least steepness of a sharp edge, as a fraction of the steepest.
_SHARP = 0.3
# Ink differs from paper by more than this many standard deviations of the paper's grain.
_GRAIN = 4.0
# Ink reflects at least this part less light than the paper. A fainter mark is a stain.
_FAINTEST = 0.06

# The light is fitted to `_TILES` tiles per side, in `_ROUNDS` rounds of least squares, in which
# tiles with large residuals weigh less. A picture with a side of less than `_EVEN_SIDE` pixels is
# assumed to be evenly lit.
_TILES, _ROUNDS, _EVEN_SIDE = 16, 4, 64
# Paper in shadow keeps at least this fraction of its light.
_DIMMEST = 0.2

# The side of the narrowest window, in pixels. Two logarithms that differ by less than `_ROUNDING`
# may be equal.
_NARROWEST, _ROUNDING = 2, 1e-6

# Marks at the picture's edge do not set the strength of ink if more than this part of all ink
# belongs to other marks.
_WITHIN = 0.2

# A frame is a grid if more than this fraction of it is straight, or lies well within the picture.
_GRID = 0.4

# Pixels that are enough for a percentile.
_SAMPLED = 1 << 16

_NEIGHBOURS = np.ones((3, 3), np.uint8)

Values = NDArray[np.float32]


@dataclass(frozen=True)
class Ink:
    """The ink of a picture.

    Attributes
    ----------
    strength
        ``float32``, shape ``(height, width)``, 0 for paper to 1 for full ink.
    scale
        Pixels of `strength` for one pixel of the picture, at most 1.
    paper_is_light
        Whether the ink was darker than the paper.
    unsure
        Boxes (left, top, width, height) of what no digit can be read from for certain.
    """

    strength: Values
    scale: float
    paper_is_light: bool
    unsure: tuple[tuple[int, int, int, int], ...] = ()


def find_ink(grey: NDArray[np.uint8]) -> Ink:
    """Tell ink from paper.

    Parameters
    ----------
    grey
        ``uint8``, shape ``(height, width)``, of any polarity.

    Examples
    --------
    >>> page = np.full((28, 28), 200, np.uint8)
    >>> page[8:20, 13:15] = 40
    >>> ink = find_ink(page)
    >>> ink.paper_is_light, float(ink.strength[10, 13]), float(ink.strength[0, 0])
    (True, 1.0, 0.0)
    """
    ink = _find(grey)
    if max(grey.shape) <= _CUT_OUT and not ink.strength.any():
        return _with_margin(grey)
    return ink


def padded(grey: NDArray[np.uint8], margin: int) -> NDArray[np.uint8]:
    """Put a margin of so many pixels round a picture, in the usual grey of its edges."""
    edges = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    paper = float(np.median(edges))
    wide = cv2.copyMakeBorder(
        grey, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=paper
    )
    return np.asarray(wide, np.uint8)


def _with_margin(grey: NDArray[np.uint8]) -> Ink:
    """Find the ink of a small picture that shows little paper: it gets a margin for that."""
    rows, columns = grey.shape
    margin = max(rows, columns) // 4
    ink = _find(padded(grey, margin))
    strength = ink.strength[margin : margin + rows, margin : margin + columns]
    return replace(ink, strength=np.ascontiguousarray(strength))


def _find(grey: NDArray[np.uint8]) -> Ink:
    scale = min(1.0, LINES_SIDE / max(grey.shape))
    coarse = _reduced(grey, min(1.0, _COARSE_SIDE / max(grey.shape)))
    paper_is_light, widths = _ink_widths(coarse)
    strokes = widths[widths < widths.max()]
    # What is much wider, such as a desk beside the paper, does not count where there are strokes.
    narrow = widths[widths <= min(coarse.shape) / _NARROW]
    if narrow.size > _ENOUGH * strokes.size:
        strokes = narrow
    if not strokes.size:
        return Ink(np.zeros_like(_reduced(grey, scale)), scale, paper_is_light)
    thin, thick = (
        percentile(strokes, percent) * max(grey.shape) / max(coarse.shape)
        for percent in (_THIN, 90)
    )
    less = max(_FINE / thin, _COARSE_SIDE / max(grey.shape)) / scale
    if less <= _WORTH:
        scale *= less
    values = _reduced(grey if paper_is_light else 255 - grey, scale)
    window = _WINDOW * thick * scale
    return Ink(_strength(_contrast(values, window)), scale, paper_is_light)


def _reduced(values: NDArray[Any], factor: float) -> Values:
    """Scale down by averaging; a factor of 1 changes nothing."""
    if factor < 1:
        height, width = (max(1, round(side * factor)) for side in values.shape)
        values = reduced(values, (width, height))
    return values.astype(np.float32, copy=False)


def _ink_widths(values: Values) -> tuple[bool, NDArray[np.float64]]:
    """Tell whether the dark is ink, and measure the ink; see `_widths_of_the_dark`.

    Ink is narrower than paper, and covers less of the picture.
    """
    grey = values.astype(np.uint8)
    split, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    share = min(max(np.count_nonzero(grey <= split) / grey.size, 1e-3), 1 - 1e-3)
    # The square root of the share, because it is an area and the width is a length.
    dark_to_light = float(np.log(share / (1 - share)) / 2)
    # What covers less is ink, unless the rest is much narrower.
    is_dark = dark_to_light <= 0
    less, rest = (values, 255 - values) if is_dark else (255 - values, values)
    widths = _widths_of_the_dark(less)
    least = float(np.log(widths).mean() - abs(dark_to_light))
    rest_widths = _widths_of_the_dark(rest, least)
    if rest_widths is None or np.log(rest_widths).mean() >= least:
        return is_dark, widths
    return not is_dark, rest_widths


@overload
def _widths_of_the_dark(values: Values) -> NDArray[np.float64]: ...
@overload
def _widths_of_the_dark(values: Values, known: float) -> NDArray[np.float64] | None: ...
def _widths_of_the_dark(values: Values, known: float = np.inf) -> NDArray[np.float64] | None:
    """Measure the width of the dark area beside each sharp edge, in pixels.

    A morphological closing fills a stroke as soon as its window is wider. So the width is that of
    the first window which fills half as much as the widest one. Shadows have no sharp edges. A dark
    area that no window fills gets the widest window's width, which is also appended to the result.
    None if it soon shows that the mean of the widths' logarithms is greater than `known`.
    """
    narrowest = np.log(_NARROWEST)
    if narrowest > known + _ROUNDING:
        return None
    values = _blurred(values)
    lightest, darkest = cv2.dilate(values, _NEIGHBOURS), cv2.erode(values, _NEIGHBOURS)
    steep = lightest - darkest
    sharp = max(_SHARP * percentile(sampled(steep), 99.5), 1)
    edges = (steep > sharp) & (2 * values <= lightest + darkest)
    widest = max(3, min(values.shape) // 2)
    whole = np.rint(values).astype(np.uint8)  # three times quicker to close
    at = np.flatnonzero(edges)
    before = whole.ravel()[at].astype(np.int16)
    most = closed_by_square(whole, widest).ravel()[at] - before
    widths = np.full(at.size + 1, float(widest))
    left = np.flatnonzero(most > steep.ravel()[at] / 4)  # those that no window has filled yet
    wide = np.log(widest)
    if wide - left.size / widths.size * (wide - narrowest) > known + _ROUNDING:
        return None
    at, half = at[left], (before + (most + 1) // 2)[left]
    for size in _window_sizes(widest):
        if not left.size:
            break
        is_filled = closed_by_square(whole, size).ravel()[at] >= half
        widths[left[is_filled]] = size
        is_left = ~is_filled
        left, at, half = left[is_left], at[is_left], half[is_left]
    return widths


@functools.lru_cache
def _window_sizes(widest: int) -> list[int]:
    """Return the sides of windows below the widest one, two in each octave."""
    steps = 2 + round(2 * np.log2(widest))
    sizes: list[int] = (
        np.unique(np.geomspace(_NARROWEST, widest, steps).round()).astype(int).tolist()
    )
    return sizes[:-1]


def _blurred(values: Values) -> Values:
    return np.asarray(cv2.GaussianBlur(values, (3, 3), 0), np.float32)


def _light(values: Values, size: tuple[int, ...]) -> Values:
    """Fit a surface of the second degree to the light that falls on a picture.

    A closing sees no paper beyond the picture's edge, so it would take a dim corner for ink.

    Parameters
    ----------
    values
        The picture.
    size
        Rows and columns of the result, which is at most 1.
    """
    rows, columns = (max(1, side // _TILES) for side in values.shape)
    # A tile counts if its middle lies in the picture.
    down, across = (
        np.arange(0, side - each // 2, each)
        for side, each in zip(values.shape, (rows, columns), strict=True)
    )
    lightest = np.maximum.reduceat(_blurred(values), down, axis=0)
    tiles = np.log(np.maximum(np.maximum.reduceat(lightest, across, axis=1), 8))
    y, x = (np.linspace(-1, 1, side) for side in tiles.shape)
    terms, weights = _terms(y, x), np.ones(tiles.shape)
    for _ in range(_ROUNDS):
        a = terms * weights[..., None]
        factors = np.linalg.lstsq(a.reshape(-1, 6), (tiles * weights).ravel(), rcond=None)[0]
        off = tiles - terms @ factors
        weights = 1 / (1 + (off / max(median(np.abs(off)), 0.01)) ** 2)
    y, x = (np.linspace(-1, 1, side) for side in size)
    surface = np.exp(np.minimum(0, _terms(y, x) @ factors - tiles.max()))
    return np.asarray(np.maximum(surface, _DIMMEST), np.float32)


def _terms(y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute 1, x, y, xx, xy and yy at each point of a grid."""
    y, x = np.meshgrid(y, x, indexing="ij")
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)


def _contrast(values: Values, window: float) -> Values:
    """Compute the fraction of the paper's light that dark ink absorbs.

    The paper is the morphological closing by a square window of the evenly lit picture: without the
    dark marks that are narrower than the window.
    """
    factor = min(1.0, _WINDOW_PIXELS / window)
    small = _reduced(values, factor)
    size = max(3, round(window * factor)) | 1
    light = np.ones_like(small)
    if min(values.shape) >= _EVEN_SIDE:
        light = _light(values, small.shape)
        small = np.minimum(small / light, 255)
    if size > 5:  # against grain; a smaller window would blur strokes too
        small = _blurred(small)
    height, width = values.shape
    paper = np.maximum(closed_by_square(small, size), 1) * light
    contrast = cv2.resize(paper, (width, height), interpolation=cv2.INTER_LINEAR)
    np.divide(values, contrast, out=contrast)
    # The closing follows the lightest grain of a window, which is lighter than the paper.
    usual = np.float32(median(sampled(contrast)))
    return np.asarray(np.subtract(usual, contrast, out=contrast), np.float32)


def _strength(contrast: Values) -> Values:
    """Scale contrast so that the middle of strokes is 1."""
    grain = 1.4826 * median(np.abs(sampled(contrast)))
    floor = max(_GRAIN * grain, _FAINTEST)
    _, labels = cv2.connectedComponents((contrast > floor).view(np.uint8))
    contrast = _without_frame(contrast, floor, labels)
    marks = contrast[contrast > floor]
    if not marks.size:
        return np.zeros_like(contrast)
    at_edge = np.zeros(int(labels.max()) + 1, bool)
    for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        at_edge[side] = True
    if at_edge[1:].any():
        within = contrast[(contrast > floor) & ~at_edge[labels]]
        if within.size > _WITHIN * marks.size:
            marks = within
    marks = marks[:: max(1, marks.size // _SAMPLED)]
    full = max(2 * floor, percentile(marks, 90))
    np.multiply(contrast, np.float32(1 / full), out=contrast)
    return np.asarray(np.clip(contrast, 0, 1, out=contrast), np.float32)


def _without_frame(contrast: Values, floor: float, labels: NDArray[Any]) -> Values:
    """Remove what lies along the picture's edge for half a side: a table, a scanner's lid.

    If the picture cuts a grid, remove only its rules: digits may touch them.
    """
    is_frame = np.zeros(int(labels.max()) + 1, bool)
    for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        is_frame |= 2 * np.bincount(side, minlength=is_frame.size) > side.size
    is_frame[0] = False
    if not is_frame.any():
        return contrast
    outside = is_frame[labels]
    if not (contrast[~outside] > floor).any():
        return contrast
    rules = _long_runs(outside)
    within = _away_from_edges(outside)
    is_grid = max(rules.sum(), within.sum()) > _GRID * outside.sum()
    return contrast * ~(rules if is_grid else outside)


def _away_from_edges(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Leave out a tenth of the picture on each side."""
    rows, columns = (side // 10 for side in mask.shape)
    return mask[rows : mask.shape[0] - rows, columns : mask.shape[1] - columns]


def _long_runs(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Find straight lines of a third of the width, or most of the height."""
    rows, columns = mask.shape
    values = mask.astype(np.uint8)
    runs = [
        cv2.morphologyEx(values, cv2.MORPH_OPEN, np.ones(window, np.uint8))
        for window in ((1, max(8, columns // 3)), (max(8, int(0.7 * rows)), 1))
    ]
    return np.asarray(cv2.dilate(np.maximum(*runs), _NEIGHBOURS) > 0)
