"""Draw strokes on a page. Does not know what they show."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mnistry.datasets.dataset import Images
from mnistry.images.mnist_form import SIDE, SUPERSAMPLING

# The side of a page, in pixels.
_PAGE = SUPERSAMPLING * SIDE

Ink = NDArray[np.floating]
Points = NDArray[np.floating]


def strokes(curves: Sequence[Points], width: float, page: Ink | None = None) -> Ink:
    """Draw strokes on a page.

    Parameters
    ----------
    curves
        The points along each stroke: shape ``(n, 2)``, column and row of MNIST's image, 0 to 28.
    width
        Width of the strokes, in MNIST's pixels.
    page
        The page to draw on, as this function returns it; None begins with blank paper.

    Returns
    -------
    ndarray
        ``float32``, shape ``(112, 112)``, 0 for paper to 1 for full ink.
    """
    import cv2

    page = np.zeros((_PAGE, _PAGE), np.float32) if page is None else page.copy()
    # The last four bits of each number are a fraction of a pixel.
    lines = [np.rint(16 * SUPERSAMPLING * np.asarray(points)).astype(np.int32) for points in curves]
    return np.asarray(
        cv2.polylines(page, lines, False, 1.0, max(1, round(SUPERSAMPLING * width)), cv2.LINE_AA, 4)
    )


def enlarged(image: Images) -> Ink:
    """Enlarge an image of MNIST's form, shape ``(28, 28)``, to a page as `strokes` returns it."""
    import cv2

    ink = image.astype(np.float32) / 255
    return np.asarray(cv2.resize(ink, (_PAGE, _PAGE), interpolation=cv2.INTER_LINEAR))


def smooth(points: Points) -> Points:
    """Return the points of a smooth curve through points, 12 for each piece.

    A uniform Catmull-Rom spline: E. Catmull, R. Rom: A Class of Local Interpolating Splines, 1974.
    """
    padded = np.concatenate([points[:1], points, points[-1:]])
    before, start, stop, after = (padded[k : len(padded) - 3 + k, None] for k in range(4))
    t = np.linspace(0, 1, 12)[:, None]
    curve = (
        2 * start
        + (stop - before) * t
        + (2 * before - 5 * start + 4 * stop - after) * t**2
        + (3 * start - before - 3 * stop + after) * t**3
    )
    return np.asarray(curve.reshape(-1, 2) / 2)


def around(angles: float | Points) -> Points:
    """Return the points of the unit circle at these angles in radians; the last axis is x, y."""
    return np.stack([np.cos(angles), np.sin(angles)], -1)


def cropped(ink: Ink) -> Ink:
    """Cut off the blank margins; the result for a blank page has no pixels."""
    rows, columns = np.flatnonzero(ink.max(1) > 0.2), np.flatnonzero(ink.max(0) > 0.2)
    if not rows.size:
        return ink[:0, :0]
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def to_uint8(ink: Ink) -> Images:
    """Scale ink, 0 to 1, to ``uint8``, 0 to 255; values outside are clipped."""
    return np.rint(255 * np.clip(ink, 0, 1)).astype(np.uint8)
