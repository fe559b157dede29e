"""Convolution and pooling that are quick in compiled loops on the CPU.

XLA's own convolution, and its gradient of max-pooling, are many times slower inside a loop on the
CPU than the same sums written as windows and one matrix product. The layers here compute the same
as Keras's, except for rounding. They never become part of a model or its file: `accelerated` makes
a model's stock layers use their arithmetic while JAX traces it. Knows nothing of training.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import keras

Pair = tuple[int, int]


@contextlib.contextmanager
def accelerated(model: keras.Model) -> Iterator[None]:
    """Make a model's convolutions and poolings use the quick arithmetic while the block runs.

    JAX must trace the model within the block: a compiled function keeps what was traced. Applies to
    `Conv2D` without groups, `DepthwiseConv2D` of single pixels and `MaxPooling2D`, channels last,
    in nested models too. Other layers stay as they are; average pooling is quick already. On
    another Keras backend, or where JAX computes on an accelerator, nothing changes.

    Parameters
    ----------
    model
        Built. Its layers, variables and seed generators stay the very same objects.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Conv2D(8, 3)])
    >>> with accelerated(model):
    ...     print(type(model.layers[0]).__name__, model(keras.ops.ones((5, 28, 28, 1))).shape)
    _Conv2D (5, 26, 26, 8)
    >>> print(type(model.layers[0]).__name__)
    Conv2D
    """
    stock = {id(layer): layer for layer in _layers(model) if _can_be_quick(layer)}
    for layer in stock.values():
        layer.__class__ = _QUICK[type(layer)]
    try:
        yield
    finally:
        for layer in stock.values():
            layer.__class__ = type(layer).__base__


class _Conv2D(keras.layers.Conv2D):  # type: ignore[misc]
    """Convolution as one matrix product: a row for each window, a column for each filter.

    K. Chellapilla, S. Puri, P. Simard: High Performance Convolutional Neural Networks for
    Document Processing, 2006.
    """

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        size, filters = kernel.shape[:2], kernel.shape[-1]
        windows = _windows(_padded(inputs, self, size, 0), size, self.strides, self.dilation_rate)
        kernel = keras.ops.reshape(kernel, (-1, filters))
        # With two dimensions only: otherwise XLA transposes all windows for the kernel's gradient.
        products = windows.reshape(-1, len(kernel)) @ kernel
        return products.reshape(*windows.shape[:3], filters)


class _MaxPooling2D(keras.layers.MaxPooling2D):  # type: ignore[misc]
    """The largest of each window; the gradient goes to the first of equal values, as in Keras."""

    def call(self, inputs: Any) -> Any:
        import jax
        import jax.numpy as jnp

        def windows(values: Any) -> Any:
            return _windows(values, self.pool_size, self.strides)

        largest = jax.custom_vjp(lambda values: windows(values).max(3))

        def gradient(values: Any, upstream: Any) -> Any:
            seen = windows(values)
            first = jnp.expand_dims(seen.argmax(3), 3)
            place = jax.lax.broadcasted_iota(first.dtype, (1, 1, 1, seen.shape[3], 1), 3)
            shares = jnp.where(place == first, jnp.expand_dims(upstream, 3), 0)
            return jax.linear_transpose(windows, values)(shares)

        largest.defvjp(lambda values: (largest(values), values), gradient)
        return largest(_padded(inputs, self, self.pool_size, -math.inf))


class _DepthwiseConv2D(keras.layers.DepthwiseConv2D):  # type: ignore[misc]
    """A window of one pixel: each channel times its own weight."""

    def call(self, inputs: Any) -> Any:
        outputs = inputs * keras.ops.reshape(self.kernel, (-1,))
        if self.use_bias:
            outputs = outputs + self.bias
        return self.activation(outputs)


_QUICK = {quick.__base__: quick for quick in (_Conv2D, _DepthwiseConv2D, _MaxPooling2D)}


def _layers(model: keras.Model) -> Iterator[keras.Layer]:
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from _layers(layer)


def _can_be_quick(layer: keras.Layer) -> bool:
    if type(layer) not in _QUICK or keras.backend.backend() != "jax":
        return False
    import jax

    config = layer.get_config()
    is_depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    must_be_one = ("kernel_size", "strides", "depth_multiplier") if is_depthwise else ("groups",)
    return bool(
        jax.default_backend() == "cpu"
        and config["data_format"] == "channels_last"
        and all(config.get(name, 1) in (1, (1, 1)) for name in must_be_one)
    )


def borders(layer: keras.Layer, lengths: Pair, size: Pair) -> list[Pair]:
    """Return the padding of a convolution or pooling: before and after, for rows and for columns.

    With ``padding="same"`` the output has ceil(length / stride) pixels per side; an odd pixel of
    padding goes below or to the right: tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2.

    The layer has its channels last; `lengths` and `size` are the rows and columns of the images and
    of its window.
    """
    if layer.padding == "valid":
        return [(0, 0), (0, 0)]
    dilation = getattr(layer, "dilation_rate", (1, 1))
    found = []
    for length, window, stride, step in zip(lengths, size, layer.strides, dilation, strict=True):
        covered = (math.ceil(length / stride) - 1) * stride + (window - 1) * step + 1
        border = max(covered - length, 0)
        found.append((border // 2, border - border // 2))
    return found


def _padded(images: Any, layer: Any, size: Pair, value: float) -> Any:
    import jax.numpy as jnp

    widths = [(0, 0), *borders(layer, images.shape[1:3], size), (0, 0)]
    return jnp.pad(images, widths, constant_values=value)


def _windows(images: Any, size: Pair, strides: Pair, dilation: Pair = (1, 1)) -> Any:
    """Cut images into windows: ``(n, rows, columns, places in the window, channels)``."""
    import jax
    import jax.numpy as jnp

    count, *lengths, channels = images.shape
    rows, columns = (
        (length - (window - 1) * step - 1) // stride + 1
        for length, window, stride, step in zip(lengths, size, strides, dilation, strict=True)
    )
    if size == strides:  # windows side by side: each pixel is in one
        height, width = size
        images = images[:, : rows * height, : columns * width]
        tiles = images.reshape(count, rows, height, columns, width, channels)
        return jnp.moveaxis(tiles, 2, 3).reshape(count, rows, columns, height * width, channels)

    def shifted(down: int, right: int) -> Any:
        down, right = down * dilation[0], right * dilation[1]
        last = (count, down + (rows - 1) * strides[0] + 1, right + (columns - 1) * strides[1] + 1)
        return jax.lax.slice(images, (0, down, right, 0), (*last, channels), (1, *strides, 1))

    # First the pieces of each of the window's rows, then the rows: XLA makes a concatenation of a
    # few pieces in one pass, but copies twice where there are many.
    lines = [
        jnp.concatenate([shifted(down, right) for right in range(size[1])], axis=3)
        for down in range(size[0])
    ]
    stacked = jnp.stack(lines, axis=3)
    return stacked.reshape(count, rows, columns, size[0] * size[1], channels)
