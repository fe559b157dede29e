"""Pictures that were cut out along their writing: they get a margin of paper before they are read.

Without one the stroke of a 1 cannot be told from a printed side of a box, a digit from what is
beside the page, nor paper from ink where there is little paper.
"""

import numpy as np
from numpy.typing import NDArray

from mnistry.images.pixels import reduced, sampled
from mnistry.reading.components import components
from mnistry.reading.ink import find_ink, padded

# Chosen on MNIST's training images, and on drawn boxes and walls; see `benchmarks/cut_out.py`.
# There is ink at the edges if the greys nearer to them than `_NEAR` of the picture's shorter side
# differ by more than `_CONTRAST` of the whole picture's range of greys.
_NEAR, _CONTRAST = 0.08, 0.4
# The margin has `_MARGIN` of the picture's shorter side, and at least `_LEAST` pixels.
_MARGIN, _LEAST = 0.5, 8
# Long side at which a picture with its margin is looked at.
_SIDE = 384
# Ink of this strength is a mark.
_INK = 0.5
# A mark that is this part of the picture's height or more reaches both edges.
_HIGH = 0.8
# Such a mark is a digit if its width is more than `_WALL` of its height, unlike a wall's, and less
# than `_ROW`, unlike a table row's, and if ink fills less than `_FILLED` of its box: a shadow fills
# more.
_WALL, _ROW, _FILLED = 0.25, 1.6, 0.7
# A picture of a written line is more than `_LINE` times as wide as high. It has a rule if more than
# `_RULE` of its columns have ink in the upper or the lower quarter: between digits there are gaps.
_LINE, _RULE = 1.5, 0.93
# There is a frame if ink covers more than `_FRAME` of all four edges together, or more than `_ALL`
# of each of two edges.
_FRAME, _ALL = 0.5, 0.97


def with_margin(grey: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    """Give a picture that was cut out along its writing a margin.

    Parameters
    ----------
    grey
        ``uint8``, shape ``(height, width)``, of any polarity.

    Returns
    -------
    ndarray, int
        The picture with the margin, in the usual grey of its edges, and the margin's width in
        pixels; the picture itself and 0 if it was not cut out so.

    Examples
    --------
    >>> seven = np.full((40, 26), 230, np.uint8)
    >>> seven[:4], seven[4:, 12:16] = 30, 30
    >>> wide, margin = with_margin(seven)
    >>> margin, wide.shape
    (13, (66, 52))
    """
    near = max(1, round(_NEAR * min(grey.shape)))
    sides = grey[:near], grey[-near:], grey[:, :near], grey[:, -near:]
    lightest, darkest = max(side.max() for side in sides), min(side.min() for side in sides)
    if int(lightest) - int(darkest) <= _CONTRAST * np.ptp(grey) or _is_framed(grey):
        return grey, 0
    margin = max(_LEAST, round(_MARGIN * min(grey.shape)))
    factor = min(1.0, _SIDE / (max(grey.shape) + 2 * margin))
    rows, columns = (max(1, round(side * factor)) for side in grey.shape)
    small = grey if factor == 1 else np.asarray(reduced(grey, (columns, rows)), np.uint8)
    around = max(1, round(margin * factor))
    ink = find_ink(padded(small, around))
    # The ink may have another size than the picture: this is the margin in its pixels.
    cut = max(1, round(around * len(ink.strength) / (rows + 2 * around)))
    is_cut_out = _is_cut_out(ink.strength[cut:-cut, cut:-cut] > _INK)
    return (padded(grey, margin), margin) if is_cut_out else (grey, 0)


def _is_framed(grey: NDArray[np.uint8]) -> bool:
    """Whether lines go all along two of the edges."""
    middle = (float(grey.min()) + float(grey.max())) / 2
    is_light = np.median(sampled(grey)) > middle
    sides = grey[0], grey[-1], grey[:, 0], grey[:, -1]
    return sum(bool(((side > middle) != is_light).mean() > _ALL) for side in sides) > 1


def _is_cut_out(mask: NDArray[np.bool_]) -> bool:
    """Whether a digit reaches the upper and the lower edge, and there is no frame and no rule.

    A single mark that also fills the picture's width is a digit, whatever its shape.
    """
    if not mask.any():
        return False
    edges = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    if edges.mean() > _FRAME or _has_rule(mask):
        return False
    marks = components(mask)
    width, height = marks.boxes[:, 2:].T
    reaches = height >= _HIGH * len(mask)
    is_digit = (width > _WALL * height) & (width < _ROW * height)
    is_digit &= marks.areas < _FILLED * width * height
    fills_picture = len(marks) == 1 and width[0] >= _HIGH * mask.shape[1]
    return bool((reaches & (is_digit | fills_picture)).any())


def _has_rule(mask: NDArray[np.bool_]) -> bool:
    """Whether there is ink all along a written line, above or below."""
    rows, columns = mask.shape
    quarters = mask[: rows // 4 + 1], mask[-rows // 4 - 1 :]
    return bool(columns > _LINE * rows and max(one.any(0).mean() for one in quarters) > _RULE)
