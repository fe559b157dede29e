"""One digit's ink brought to MNIST's form.

MNIST was made from larger bilevel images of digits: scaled without distortion so that the longer
side of the ink is 20 pixels, with grey where ink covers a part of a pixel, then placed in 28x28
pixels with the centre of mass in the middle (LeCun, Bottou, Bengio and Haffner, 1998, section
III.A). Knows nothing of pictures, paper or where the digit was found.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE, BOX = 28, 20
# Counted by whole pixels from 0, MNIST's training images have their centre of mass here, on the
# mean and on both axes.
CENTRE = 14.0
# The quartiles of the stroke width of MNIST's training images in pixels, as `stroke_width` measures
# it: a thinner stroke is thickened to the first, a thicker one thinned to the third.
THIN, THICK = 2.08, 2.97
# The work is done on a grid so many times finer than the result.
_FINE = 4

Strength = NDArray[np.float32]
Box = tuple[int, int, int, int]


def normalise(strength: Strength) -> NDArray[np.uint8]:
    """Bring one digit to the form of MNIST's images.

    Parameters
    ----------
    strength
        ``float32``, shape ``(height, width)``, 0 for paper to 1 for full ink; nothing but the
        digit.

    Returns
    -------
    ndarray
        ``uint8``, shape ``(28, 28)``, 0 for paper to 255 for ink; blank if there is no ink.

    Examples
    --------
    >>> bar = np.zeros((300, 200), np.float32)
    >>> bar[50:250, 90:120] = 1
    >>> rows = np.flatnonzero((normalise(bar) > 200).any(axis=1))
    >>> int(rows[-1] - rows[0]) + 1 in (19, 20)
    True
    """
    box = bounds(strength > 0.5)
    if box is None:
        return np.zeros((SIDE, SIDE), np.uint8)
    longer = max(box[2:])
    if abs(longer - BOX) <= 1:  # it has its size: scaling by so little would only blur it
        return _placed(strength)
    fine = _with_stroke(_scaled(strength, box, BOX * _FINE / longer))
    return _placed(fine, _FINE)


def formed_box(image: NDArray[np.uint8]) -> Box | None:
    """Give the box of the ink in an image that is of MNIST's form already, else None.

    All of 20,000 images of MNIST's training split are; of other images of this size hardly any.

    Parameters
    ----------
    image
        ``uint8``, shape ``(height, width)``, 0 for paper to 255 for ink.

    Examples
    --------
    >>> bar = np.zeros((28, 28), np.uint8)
    >>> bar[4:24, 13:15] = 255
    >>> formed_box(bar), formed_box(np.roll(bar, 2, axis=1)), formed_box(bar[:27])
    ((13, 4, 2, 20), None, None)
    """
    box = bounds(image > 0) if image.shape == (SIDE, SIDE) else None
    if box is None or abs(max(box[2:]) - BOX) > 1:
        return None
    # Laid down by whole pixels, a centre is off by half a pixel at most.
    centred = all(abs(at - CENTRE) < 0.6 for at in _centre(image.astype(np.float64)))
    return box if centred else None


def _centre(strength: NDArray[np.floating]) -> tuple[float, float]:
    """Give the row and column of the centre of mass, in pixels from the first one's middle."""
    rows, columns = (
        float(strength.sum(axis=1 - axis) @ np.arange(side)) / float(strength.sum())
        for axis, side in enumerate(strength.shape)
    )
    return rows, columns


def bounds(mask: NDArray[np.bool_]) -> Box | None:
    """Give the box ``(x, y, width, height)`` of what is true, or None.

    Examples
    --------
    >>> bounds(np.array([[False, False, False], [False, True, True]]))
    (1, 1, 2, 1)
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    x, y = int(columns[0]), int(rows[0])
    return x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1


def stroke_width(mask: NDArray[np.bool_]) -> float:
    """Measure how wide a mask's strokes are, in pixels.

    Across a stroke of width w the distance to its edge rises from 0 to w/2 and falls again, so its
    mean is w/4.

    Parameters
    ----------
    mask
        ``bool``, shape ``(height, width)``, true for ink.

    Examples
    --------
    >>> page = np.zeros((60, 60), bool)
    >>> page[5:55, 26:34] = True
    >>> round(stroke_width(page), 1)
    7.6
    """
    if not mask.any():
        return 0.0
    padded = np.pad(mask, 1).astype(np.uint8)
    # Measured from the middle of a pixel to that of a paper pixel: half a pixel beyond the edge.
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[padded > 0] - 0.5
    return 4 * float(distance.mean())


def depth(mask: NDArray[np.uint8]) -> Strength:
    """Measure how deep each pixel's middle lies within the ink, in pixels; on paper it is negative.

    Parameters
    ----------
    mask
        ``uint8``, shape ``(height, width)``, 1 for ink.
    """
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    outside = cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5)
    return np.asarray(np.where(mask > 0, inside - 0.5, 0.5 - outside), np.float32)


def with_edge_moved(depths: Strength, out: float) -> Strength:
    """Draw ink anew with its edge moved out by so many pixels, softly: strength, 0 to 1."""
    return np.asarray(np.clip(depths + out + 0.5, 0, 1), np.float32)


def _scaled(strength: Strength, box: Box, factor: float) -> Strength:
    """Cut out a box with a margin for its soft edge, and scale it."""
    x, y, width, height = box
    margin = 2 + int(np.ceil(1 / factor))
    padded = np.pad(strength, margin)
    part = padded[y : y + height + 2 * margin, x : x + width + 2 * margin]
    rows, columns = (max(1, round(side * factor)) for side in part.shape)
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.clip(cv2.resize(part, (columns, rows), interpolation=method), 0, 1)


def _with_stroke(fine: Strength) -> Strength:
    """Thicken or thin a digit so that, its longer side being 20 pixels, its strokes suit MNIST."""
    mask = fine > 0.5
    box = bounds(mask)
    if box is None:
        return fine
    longer, width = max(box[2:]), stroke_width(mask)
    wanted = min(max(width * BOX / longer, THIN), THICK) / BOX
    # Moving the edge out by d makes the stroke w + 2d and the box b + 2d: solved for their ratio.
    out = (wanted * longer - width) / (2 * (1 - wanted))
    padded = np.pad(mask, max(0, int(np.ceil(out))) + 2).astype(np.uint8)
    moved = with_edge_moved(depth(padded), out)
    box = bounds(moved > 0.5)
    return fine if box is None else _scaled(moved, box, BOX * _FINE / max(box[2:]))


def _placed(strength: Strength, fine: int = 1) -> NDArray[np.uint8]:
    """Lay a digit by whole pixels with its centre of mass in the middle, and reduce the grid."""
    canvas = np.zeros((SIDE * fine, SIDE * fine), np.float32)
    middle = CENTRE * fine + (fine - 1) / 2
    rows, columns = (round(middle - at) for at in _centre(strength))
    top, left = max(0, rows), max(0, columns)
    part = strength[top - rows :, left - columns :][: SIDE * fine - top, : SIDE * fine - left]
    canvas[top : top + part.shape[0], left : left + part.shape[1]] = part
    reduced = cv2.resize(canvas, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.rint(255 * reduced).astype(np.uint8)
