"""Deskewing: upright digits, as LeCun and others (1998) gave to some of their classifiers.

A digit's rows are moved sideways until its ink leans neither left nor right.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.datasets.dataset import Images
from mnistry.images.mnist_form import SIDE


def deskew(images: Images) -> Images:
    """Shear each image so that its ink's principal slant is upright, and centre the ink.

    The slant is ``cov(x, y) / var(y)`` of the ink: how many columns it moves with each row.

    Examples
    --------
    >>> leaning = np.zeros((1, 28, 28), np.uint8)
    >>> leaning[0, np.arange(4, 24), np.arange(23, 3, -1)] = 255
    >>> slant(leaning).round(2).tolist(), (abs(slant(deskew(leaning))) < 0.05).tolist()
    ([-1.0], [True])
    """
    upright = np.empty_like(images)
    columns, rows = _centres(images)
    for image, out, lean, column, row in zip(
        images, upright, slant(images), columns, rows, strict=True
    ):
        # Ink of row y and column x comes from column x + lean * (y - centre).
        middle = (SIDE - 1) / 2
        back = np.array([[1, lean, column - middle - lean * middle], [0, 1, row - middle]])
        cv2.warpAffine(
            image, back, (SIDE, SIDE), out, cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            cv2.BORDER_CONSTANT, 0,
        )  # fmt: skip
    return upright


def slant(images: Images) -> NDArray[np.float64]:
    """Return each image's slant: columns to the right for each row downwards; 0 where blank."""
    ink = images.astype(np.float64)
    places = np.arange(SIDE)
    columns, rows = _centres(images)
    across = places - columns[:, None]
    down = places - rows[:, None]
    both = np.einsum("nyx,ny,nx->n", ink, down, across, optimize=True)
    tall = np.einsum("nyx,ny->n", ink, down**2, optimize=True)
    lean: NDArray[np.float64] = np.divide(both, tall, out=np.zeros(len(images)), where=tall > 0)
    return lean


def _centres(images: Images) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the column and the row of each image's centre of ink; the middle where blank."""
    total = images.sum(axis=(1, 2), dtype=np.float64)
    middle = np.full(len(images), (SIDE - 1) / 2)
    places = np.arange(SIDE)
    columns = images.sum(axis=1, dtype=np.float64) @ places
    rows = images.sum(axis=2, dtype=np.float64) @ places
    return (
        np.divide(columns, total, out=middle.copy(), where=total > 0),
        np.divide(rows, total, out=middle, where=total > 0),
    )
