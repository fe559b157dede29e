"""Arrays that begin where JAX uses them in place; those that lie otherwise it copies."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

ALIGNMENT = 64
"""Bytes: an array's address is a multiple of it."""


def empty(size: int) -> NDArray[np.uint8]:
    """Give `size` bytes of any value, aligned.

    Examples
    --------
    >>> is_aligned(empty(100)), empty(100).shape
    (True, (100,))
    """
    room = np.empty(size + ALIGNMENT, np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    return room[start : start + size]


def is_aligned(array: NDArray[Any]) -> bool:
    """Say whether an array lies in one piece, in C's order, and aligned."""
    return array.flags.c_contiguous and array.ctypes.data % ALIGNMENT == 0


def as_aligned(array: NDArray[Any]) -> NDArray[Any]:
    """Give an array as it is if it is aligned, or else a copy that is.

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
