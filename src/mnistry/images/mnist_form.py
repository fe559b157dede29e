"""One digit's ink brought to MNIST's form: to an image that is prepared as MNIST's images were.

MNIST was made from larger bilevel images of digits: scaled without distortion so that the longer
side of the ink is 20 pixels, with grey where ink covers a part of a pixel, then placed in 28x28
pixels with the centre of mass in the middle (LeCun, Bottou, Bengio and Haffner, 1998, section
III.A). Knows nothing of pictures, paper or where the digit was found.
"""

from typing import TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

# Pixels along a side of an image, and along the longer side of the digit in it.
SIDE, BOX = 28, 20
# Mean centre of mass of MNIST's training images on both axes, in pixels from the middle of the
# first pixel.
CENTRE = 14.0
# Stroke widths of MNIST's training images in pixels, as `stroke_width` measures them: the
# quartiles, and the range outside which one image in 5,000 lies on either side.
THIN, THICK = 2.08, 2.97
THINNEST, THICKEST = 1.1, 7.8
# The mean strength of the ink is below this in one of 5,000 of MNIST's images.
_FULLNESS = 0.65
# Strokes are measured and redrawn at this multiple of the result's resolution.
SUPERSAMPLING = 4
# Least width of a stroke at that resolution; a thinner one might be lost between two pixels.
_LEAST = 2
# Weaker ink than this is ignored: resampling with a sharpening filter leaves it around strokes.
_FAINT = 0.06

Strength = NDArray[np.float32]
_Pixel = TypeVar("_Pixel", np.uint8, np.float32)
Box = tuple[int, int, int, int]
# Where ink begins and ends on an axis, in pixels from the outer edge of the first pixel.
Extent = tuple[float, float]


def normalise(strength: Strength) -> NDArray[np.uint8]:
    """Bring one digit to the form of MNIST's images, for reading and for training alike.

    An image from MNIST, enlarged or not and put anywhere on a page, is restored almost exactly
    (`benchmarks/mnist_form.py`).

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
    >>> np.flatnonzero(normalise(bar).any(axis=1))[[0, -1]]
    array([ 4, 23])
    """
    extents = _extents(strength)
    if extents is None:
        return np.zeros((SIDE, SIDE), np.uint8)
    form, box = _reduced(strength, extents), bounds(strength > 0.5)
    if box is None:
        return _to_bytes(_centred(form))
    strength, box = _bold_enough(strength, box)
    fine = _scaled(strength, box, BOX * SUPERSAMPLING / max(box[2:]))
    longer = max(stop - start for start, stop in extents)
    stroke = stroke_width(fine > 0.5)
    if longer >= BOX - 1 and _looks_like_mnist(form, stroke / SUPERSAMPLING):
        return _to_bytes(_centred(form))
    return _to_bytes(_redrawn(fine, stroke))


def formed_box(image: NDArray[np.uint8]) -> Box | None:
    """Return the box ``(x, y, width, height)`` of the ink of an image in MNIST's form, else None.

    All of 20,000 tested images of MNIST's training split are in that form; hardly any other images
    of 28x28 pixels are.

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
    # Moved by whole pixels, a centre of mass is off by half a pixel at most.
    centred = all(abs(at - CENTRE) < 0.6 for at in _centre(image.astype(np.float64)))
    return box if centred else None


def _centre(strength: NDArray[np.floating]) -> tuple[float, float]:
    """Return the row and column of the centre of mass, in pixels from the first pixel's middle."""
    rows, columns = (
        float(strength.sum(axis=1 - axis) @ np.arange(side)) / float(strength.sum())
        for axis, side in enumerate(strength.shape)
    )
    return rows, columns


def bounds(mask: NDArray[np.bool_]) -> Box | None:
    """Return the box ``(x, y, width, height)`` of the true values, or None.

    Examples
    --------
    >>> bounds(np.array([[False, False, False], [False, True, True]]))
    (1, 1, 2, 1)
    """
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    return (x, y, width, height) if width else None


def padded_by(margin: int, image: NDArray[_Pixel]) -> NDArray[_Pixel]:
    """Put `margin` pixels of paper, 0, around an image; much quicker than NumPy's pad."""
    sides = (margin, margin, margin, margin)
    return cast("NDArray[_Pixel]", cv2.copyMakeBorder(image, *sides, cv2.BORDER_CONSTANT))


def stroke_width(mask: NDArray[np.bool_]) -> float:
    """Measure the mean width of a mask's strokes, in pixels; 0 if there are none.

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
    box = bounds(mask)
    if box is None:
        return 0.0
    x, y, width, height = box
    padded = padded_by(1, mask[y : y + height, x : x + width].view(np.uint8))
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, 5)
    # Distances end in the middle of a paper pixel, which is half a pixel beyond the edge.
    return 4 * (cv2.mean(distance, padded)[0] - 0.5)


def depth(mask: NDArray[np.uint8]) -> Strength:
    """Return the signed distance of each pixel's centre to the edge of the ink; negative on paper.

    Parameters
    ----------
    mask
        ``uint8``, shape ``(height, width)``, 1 for ink.
    """
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    outside = cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5)
    return np.asarray(np.where(mask > 0, inside - 0.5, 0.5 - outside), np.float32)


def with_edge_moved(depths: Strength, out: float | Strength) -> Strength:
    """Redraw ink with its edge moved outwards by `out` pixels: strength, 0 to 1."""
    return np.asarray(np.clip(depths + out + 0.5, 0, 1), np.float32)


def _extents(strength: Strength) -> tuple[Extent, Extent] | None:
    """Find where the ink begins and ends, down and across; None if there is none."""
    box = bounds(strength > _FAINT)
    if box is None:
        return None
    x, y, width, height = box
    # In a digit smaller than MNIST's, a soft edge is wider than one of MNIST's pixels.
    longer = max(width, height)
    near = max(longer // BOX, 1 if longer >= BOX - 1 else 2)
    down, across = strength.max(axis=1), strength.max(axis=0)
    return _extent(down, y, y + height - 1, near), _extent(across, x, x + width - 1, near)


def _extent(profile: Strength, first: int, last: int, near: int) -> Extent:
    """Find the ends of a profile's ink: where it reaches half of its strength near each end.

    That is half of the highest strength *near* the end, within a twentieth of the digit: MNIST's
    outermost pixels may have little ink, and are part of its box nevertheless.
    """
    rise = profile[max(0, first - 1) : first + near].tolist()
    fall = profile[max(0, last + 1 - near) : last + 2][::-1].tolist()
    if not first:
        rise.insert(0, 0.0)
    if last + 1 == len(profile):
        fall.insert(0, 0.0)
    return first - 0.5 + _crossing(rise), last + 1.5 - _crossing(fall)


def _crossing(rise: list[float]) -> float:
    """Return the interpolated index at which a profile reaches half of its highest value."""
    half = max(rise[1:]) / 2
    index = max(1, next(i for i, value in enumerate(rise) if value >= half))
    before, at = rise[index - 1], rise[index]
    return index - min(1.0, (at - half) / (at - before)) if at > before else index - 1.0


def _reduced(strength: Strength, extents: tuple[Extent, Extent]) -> Strength:
    """Scale ink so that its longer side covers `BOX` pixels exactly, with a pixel's margin.

    Each pixel is the mean over its own area if edges are sharp. If they are already soft, the area
    is smaller; otherwise the ink would be blurred twice.
    """
    pixel = max(stop - start for start, stop in extents) / BOX
    window = max(1.0, min(max(2 * pixel - _softness(strength), pixel / 4), pixel))
    down, across = (
        _means(_middles(extent, pixel), window, side)
        for extent, side in zip(extents, strength.shape, strict=True)
    )
    # Not NumPy's product: its threads wait in busy loops, and take longer than the product does.
    none = np.empty(0, np.float32)
    rows = cv2.gemm(down, strength, 1, none, 0)
    return np.asarray(cv2.gemm(rows, across, 1, none, 0, flags=cv2.GEMM_2_T), np.float32)


def _middles(extent: Extent, pixel: float) -> NDArray[np.float64]:
    """Return the centres of the pixels that cover an extent, and of one more on each side."""
    start, stop = extent
    count = max(1, int(np.ceil((stop - start) / pixel - 0.1))) + 2
    return np.asarray((start + stop) / 2 + pixel * (np.arange(count) - (count - 1) / 2), np.float64)


def _softness(strength: Strength) -> float:
    """Return the width of the ink's edges in pixels: 1 if they are sharp."""
    pairs = ((strength[1:], strength[:-1]), (strength[:, 1:], strength[:, :-1]))
    squares = sum(cv2.norm(one, other, cv2.NORM_L2SQR) for one, other in pairs)
    return (
        sum(cv2.norm(one, other, cv2.NORM_L1) for one, other in pairs) / squares if squares else 1.0
    )


def _means(middles: NDArray[np.float64], window: float, side: int) -> Strength:
    """Return the matrix that averages `side` values over windows that may end within pixels."""
    starts, pixels = middles[:, None] - window / 2, np.arange(side)
    covered = np.minimum(starts + window, pixels + 1) - np.maximum(starts, pixels)
    return np.asarray(np.maximum(covered, 0) / window, np.float32)


def _looks_like_mnist(form: Strength, stroke: float) -> bool:
    """Return whether the ink's strength and stroke width are within the range of MNIST's images."""
    fullness = float((form**2).sum() / max(form.sum(), 1e-9))
    return fullness >= _FULLNESS and THINNEST <= stroke <= THICKEST


def _redrawn(fine: Strength, stroke: float) -> Strength:
    """Redraw ink at full strength with strokes in MNIST's middle range, centred exactly."""
    canvas = np.zeros((SIDE * SUPERSAMPLING, SIDE * SUPERSAMPLING), np.float32)
    middle = CENTRE * SUPERSAMPLING + (SUPERSAMPLING - 1) / 2
    _lay(_with_stroke(fine, stroke), canvas, middle)
    return np.asarray(cv2.resize(canvas, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float32)


def _bold_enough(strength: Strength, box: Box) -> tuple[Strength, Box]:
    """Thicken strokes that would vanish when a large digit is reduced; return its box too."""
    least = _LEAST * max(box[2:]) / (BOX * SUPERSAMPLING)
    if least <= 1:
        return strength, box
    mask = strength > 0.5
    if _is_bold(mask.view(np.uint8), 2 * least):
        return strength, box
    out = (least - stroke_width(mask)) / 2
    if out <= 0:
        return strength, box
    bold = _redrawn_by(mask, out)
    return bold, bounds(bold > 0.5) or box


def _is_bold(mask: NDArray[np.uint8], width: float) -> bool:
    """Return whether strokes are clearly wider than this; quicker than `stroke_width`."""
    edges = cv2.norm(mask[1:], mask[:-1], cv2.NORM_L1)
    edges += cv2.norm(mask[:, 1:], mask[:, :-1], cv2.NORM_L1)
    return bool(2 * np.count_nonzero(mask) > width * edges)


def _scaled(strength: Strength, box: Box, factor: float) -> Strength:
    """Cut out a box with a margin for its soft edge, and scale it."""
    x, y, width, height = box
    margin = 2 + int(np.ceil(1 / factor))
    padded = padded_by(margin, strength)
    part = padded[y : y + height + 2 * margin, x : x + width + 2 * margin]
    rows, columns = (max(1, round(side * factor)) for side in part.shape)
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.clip(cv2.resize(part, (columns, rows), interpolation=method), 0, 1)


def _with_stroke(fine: Strength, width: float) -> Strength:
    """Thicken or thin a digit so that its strokes have MNIST's width once it is 20 pixels long."""
    mask = fine > 0.5
    box = bounds(mask)
    if box is None:
        return fine
    longer = max(box[2:])
    wanted = min(max(width * BOX / longer, THIN), THICK) / BOX
    # Moving the edge by d makes the stroke w + 2d and the box b + 2d; solve for d by their ratio.
    out = (wanted * longer - width) / (2 * (1 - wanted))
    moved = _redrawn_by(mask, out)
    box = bounds(moved > 0.5)
    return fine if box is None else _scaled(moved, box, BOX * SUPERSAMPLING / max(box[2:]))


def _redrawn_by(mask: NDArray[np.bool_], out: float) -> Strength:
    """Redraw a mask with its edge moved outwards by `out` pixels, and a margin for it."""
    padded = padded_by(max(0, int(np.ceil(out))) + 2, mask.astype(np.uint8))
    return with_edge_moved(depth(padded), out)


def _centred(ink: Strength) -> Strength:
    """Move ink by whole pixels so that its centre of mass is nearest to the middle."""
    page = np.zeros((SIDE, SIDE), np.float32)
    _lay(ink, page, CENTRE)
    return page


def _lay(ink: Strength, page: Strength, middle: float) -> None:
    """Put ink on a square page with its centre of mass at `middle`, or next to it."""
    side = len(page)
    # If the place is half-way between two pixels, take the upper or left one, whatever the
    # rounding errors.
    rows, columns = (int(np.ceil(middle - at - 0.501)) for at in _centre(ink))
    top, left = max(0, rows), max(0, columns)
    part = ink[top - rows :, left - columns :][: side - top, : side - left]
    page[top : top + part.shape[0], left : left + part.shape[1]] = part


def _to_bytes(ink: Strength) -> NDArray[np.uint8]:
    return np.rint(255 * np.clip(ink, 0, 1)).astype(np.uint8)
