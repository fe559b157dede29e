"""Initial weights made by NumPy: the numbers that Keras draws on JAX, without compiling a program.

Compiling the programs that draw them takes a sixth of the time of the first training on a machine.
"""

import math
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]

_ROTATIONS = (13, 15, 26, 6), (17, 29, 16, 24)
_PARITY = 0x1BD11BDA


class GlorotUniform(keras.initializers.GlorotUniform):  # type: ignore[misc]
    """Keras's initializer for Dense and Conv2D: Glorot & Bengio 2010, equation 16.

    Call `as_stock` on the finished model, so that its file names Keras's class.
    """

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        """Return weights of this shape: with Keras's backend JAX, drawn by NumPy."""
        if keras.backend.backend() != "jax":
            return super().__call__(shape, dtype)
        # A kernel's last two axes are its inputs and outputs, those before a convolution's window.
        window = math.prod(shape[:-2])
        limit = math.sqrt(6.0 / ((shape[-2] + shape[-1]) * window))
        return uniform(shape, limit, self.seed)


def as_stock(model: keras.Model) -> keras.Model:
    """Turn the initializers of a model's layers into Keras's own; return the model."""
    for layer in model.layers:
        initializer = getattr(layer, "kernel_initializer", None)
        if isinstance(initializer, GlorotUniform):
            initializer.__class__ = keras.initializers.GlorotUniform
    return model


def uniform(shape: tuple[int, ...], limit: float, seed: int) -> NDArray[np.float32]:
    """Draw numbers from -limit to limit, as ``jax.random.uniform`` does.

    Examples
    --------
    >>> uniform((2,), 1.0, seed=1).tolist()
    [-0.7275848388671875, 0.36524152755737305]
    """
    count = math.prod(shape)
    first, second = _threefry(np.uint32(seed), np.uint32(0), np.arange(count, dtype=np.uint32))
    # 23 random bits are the mantissa of a number from 1 to below 2.
    unit = ((first ^ second) >> 9 | np.uint32(0x3F800000)).view(np.float32) - np.float32(1)
    low, high = np.float32(-limit), np.float32(limit)
    # XLA multiplies and adds with one rounding.
    scaled = unit.astype(np.float64) * (high - low) + low
    return np.maximum(low, scaled.astype(np.float32)).reshape(shape)


def _threefry(first: np.uint32, second: np.uint32, counts: Words) -> tuple[Words, Words]:
    """Encrypt each count with a key of two words, in 20 rounds: Threefry-2x32.

    J. Salmon and others: Parallel Random Numbers: As Easy as 1, 2, 3, 2011.
    """
    keys = first, second, first ^ second ^ np.uint32(_PARITY)
    left, right = np.full_like(counts, first), counts + second
    for group in range(5):
        for bits in _ROTATIONS[group % 2]:
            left += right
            right = (right << np.uint32(bits) | right >> np.uint32(32 - bits)) ^ left
        left += keys[(group + 1) % 3]
        right += keys[(group + 2) % 3]
        right += np.uint32(group + 1)
    return left, right
