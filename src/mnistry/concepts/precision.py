"""The floating-point precision of the lesson's computations."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.floating[Any]]


def floats(values: ArrayLike) -> Floats:
    """Return a ``float32`` array unchanged, and all other numbers as ``float64``.

    Examples
    --------
    >>> floats([0, 255]).dtype, floats(np.zeros(2, np.float32)).dtype
    (dtype('float64'), dtype('float32'))
    """
    array = np.asarray(values)
    return array.astype(np.float32 if array.dtype == np.float32 else np.float64, copy=False)
