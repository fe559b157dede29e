"""Arrays aligned so that JAX can use them in place; it copies all others."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

ALIGNMENT = 64
"""Bytes; an array is aligned if its address is a multiple of this."""


def empty(size: int) -> NDArray[np.uint8]:
    """Return `size` aligned bytes with arbitrary values.

    Examples
    --------
    >>> is_aligned(empty(100)), empty(100).shape
    (True, (100,))
    """
    buffer = np.empty(size + ALIGNMENT, np.uint8)
    start = -buffer.ctypes.data % ALIGNMENT
    return buffer[start : start + size]


def is_aligned(array: NDArray[Any]) -> bool:
    """Return whether an array is contiguous, in C order, and aligned."""
    return array.flags.c_contiguous and array.ctypes.data % ALIGNMENT == 0


def as_aligned(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array itself if it is aligned, else an aligned copy.

    Examples
    --------
    >>> columns = np.arange(6).reshape(2, 3).T
    >>> is_aligned(columns), is_aligned(as_aligned(columns)), as_aligned(columns).tolist()
    (False, True, [[0, 3], [1, 4], [2, 5]])
    """
    if is_aligned(array):
        return array
    copy = empty(array.nbytes).view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy
