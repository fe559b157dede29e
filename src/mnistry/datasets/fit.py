"""Bring a picture of one character, of any size and polarity, to MNIST's form, as `read` does.

Knows nothing of labels or files.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.datasets.dataset import Images, as_grey
from mnistry.errors import DataError
from mnistry.images.mnist_form import SIDE, formed_box, normalise

_NEAR = np.ones((3, 3), np.uint8)
_SMALLEST = 56  # pixels of the longer side; the ink of smaller pictures is found after enlarging


def fit_image(grey: NDArray[np.uint8], where: str) -> Images:
    """Find the ink of a picture, and bring it, as one character, to MNIST's form.

    A picture that is in MNIST's form already is not changed.

    Parameters
    ----------
    grey
        ``uint8``, shape ``(height, width)``, one character, dark on light or light on dark.
    where
        Its name, for messages.

    Returns
    -------
    ndarray
        ``uint8``, shape ``(28, 28)``, 0 for paper to 255 for ink.

    Raises
    ------
    DataError
        If there is no ink.

    Examples
    --------
    >>> page = np.full((90, 70), 230, np.uint8)
    >>> page[20:70, 33:39] = 30
    >>> fit_image(page, "a bar").any(axis=1).sum()
    np.int64(20)
    """
    # Imported here because this loads ONNX Runtime, which most datasets do not need.
    from mnistry.reading.ink import find_ink
    from mnistry.reading.margin import with_margin
    from mnistry.reading.segment import find_lines

    if grey.shape == (SIDE, SIDE):
        for image in (grey, 255 - grey):
            if formed_box(image) is not None:
                return image
    longer = max(grey.shape)
    if longer < _SMALLEST:
        factor = -(-_SMALLEST // longer)
        size = (grey.shape[1] * factor, grey.shape[0] * factor)
        grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    strength = find_ink(with_margin(grey)[0]).strength
    mask = np.zeros(strength.shape, np.uint8)
    for line in find_lines(strength):
        for piece in line.pieces:
            part = mask[piece.y : piece.bottom, piece.x : piece.right]
            part |= piece.mask.astype(np.uint8)
    if not mask.any():
        raise DataError("no ink is found", where=where, expected="one character")
    return normalise(strength * cv2.dilate(mask, _NEAR))


def fit_stack(images: NDArray[Any], where: str) -> Images:
    """Bring each image of an array to MNIST's form; see `fit_image`.

    Parameters
    ----------
    images
        Numbers of any range, shape ``(n, height, width)`` or ``(n, height, width, 3)``. The range
        of all of them together becomes 0 to 255.
    where
        The array's name, for messages.

    Returns
    -------
    ndarray
        ``uint8``, shape ``(n, 28, 28)``, 0 for paper to 255 for ink.

    Raises
    ------
    DataError
        If the numbers are not finite, or an image has no ink.
    """
    if images.ndim == 4:
        images = as_grey(images)
    if images.dtype.kind not in "buif" or not images.size or not np.isfinite(images).all():
        raise DataError(
            f"images of dtype {images.dtype}, shape {images.shape}",
            where=where,
            expected="finite numbers",
        )
    values = images.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if images.dtype != np.uint8 or high - low < 128:
        values = (values - low) * (255 / max(high - low, 1e-9))
    grey = np.rint(values).astype(np.uint8)
    return np.stack([fit_image(one, f"{where}, item {i}") for i, one in enumerate(grey)])
