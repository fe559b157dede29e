"""Networks of the literature on MNIST, as their papers describe them; see `recipes/literature`.

Like those of `zoo`, each takes images scaled to 0–1, consists of stock Keras layers and gives every
initializer a seed. Each ends with softmax, whatever its paper has, so its answers are
probabilities.
"""

from collections.abc import Iterator

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from mnistry.datasets.dataset import CLASSES
from mnistry.networks import initial

# Table I of LeCun and others 1998: the maps of S2 that each of the 16 maps of C3 sees. If each saw
# all of them, the maps would become alike; different inputs force them to find different features.
C3_SEES = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5)),
)


def lenet_1(
    scaled: keras.KerasTensor, seeds: Iterator[int], classes: int = CLASSES
) -> keras.KerasTensor:
    """LeNet-1: two convolutions of 4 and 12 maps, each subsampled; no hidden dense layer.

    In the paper the digits were made smaller, into 16x16 pixels in the middle of 28x28; here they
    stay as they are. A map of the second convolution sees all four of the first, not only some.
    """
    values = _squashed(_convolution(_normalized(scaled), 4, seeds, "C1"), "C1")
    values = _subsampled(values, "S2")
    values = _squashed(_convolution(values, 12, seeds, "C3"), "C3")
    values = _subsampled(values, "S4")
    return _answer(layers.Flatten(name="flatten")(values), seeds, classes)


def lenet_5(
    scaled: keras.KerasTensor, seeds: Iterator[int], classes: int = CLASSES
) -> keras.KerasTensor:
    """LeNet-5: LeCun and others 1998, section II.B, with softmax in place of its RBF units.

    The connections that table I of the paper leaves out keep the weight 0 in training; the layer
    C3 itself is an ordinary convolution, so the saved network opens in plain Keras.
    """
    values = layers.Reshape((28, 28, 1), name="channel")(scaled)
    values = layers.ZeroPadding2D(2, name="border")(values)  # 32x32: room for strokes' ends
    values = _squashed(_convolution(_normalized(values), 6, seeds, "C1"), "C1")
    values = _subsampled(values, "S2")
    values = _squashed(_convolution(values, len(C3_SEES), seeds, "C3", sees=C3_SEES), "C3")
    values = _subsampled(values, "S4")
    values = _squashed(_convolution(values, 120, seeds, "C5"), "C5")
    values = layers.Flatten(name="flatten")(values)
    values = _squashed(layers.Dense(84, kernel_initializer=_glorot(seeds), name="F6")(values), "F6")
    return _answer(values, seeds, classes)


def tanh_300(
    scaled: keras.KerasTensor, seeds: Iterator[int], classes: int = CLASSES
) -> keras.KerasTensor:
    """One hidden layer of 300 scaled hyperbolic tangents: LeCun and others 1998, section III.C."""
    return _dense_squashed(scaled, seeds, classes, 300)


def tanh_1000(
    scaled: keras.KerasTensor, seeds: Iterator[int], classes: int = CLASSES
) -> keras.KerasTensor:
    """One hidden layer of 1,000 scaled hyperbolic tangents."""
    return _dense_squashed(scaled, seeds, classes, 1000)


def tanh_300_100(
    scaled: keras.KerasTensor, seeds: Iterator[int], classes: int = CLASSES
) -> keras.KerasTensor:
    """Two hidden layers, of 300 and 100 scaled hyperbolic tangents."""
    return _dense_squashed(scaled, seeds, classes, 300, 100)


def simard(
    scaled: keras.KerasTensor, seeds: Iterator[int], classes: int = CLASSES
) -> keras.KerasTensor:
    """Two convolutions that skip every other place, and a hidden layer: Simard and others 2003."""
    values = layers.Reshape((28, 28, 1), name="channel")(scaled)
    # 29x29, so that windows of 5 in steps of 2 fit twice: 13x13, then 5x5.
    values = layers.ZeroPadding2D(((0, 1), (0, 1)), name="border")(values)
    for number, filters in enumerate((5, 50), start=1):
        values = layers.Conv2D(
            filters, 5, strides=2, activation="relu",
            kernel_initializer=_glorot(seeds), name=f"convolution_{number}",
        )(values)  # fmt: skip
    values = layers.Flatten(name="flatten")(values)
    values = layers.Dense(100, "relu", kernel_initializer=_glorot(seeds), name="hidden")(values)
    return _answer(values, seeds, classes)


def dropout(
    scaled: keras.KerasTensor, seeds: Iterator[int], classes: int = CLASSES
) -> keras.KerasTensor:
    """Three hidden layers of 1,024 ReLU with dropout and max-norm: Srivastava and others 2014.

    A fifth of the pixels and half of the hidden units are left out at random in every step; no
    unit's incoming weights may be longer than 2 (appendix B.1).
    """
    values = layers.Flatten(name="flatten")(scaled)
    values = layers.Dropout(0.2, seed=next(seeds), name="dropout_input")(values)
    for number in (1, 2, 3):
        values = layers.Dense(
            1024, "relu",
            kernel_initializer=_glorot(seeds), kernel_constraint=keras.constraints.MaxNorm(2),
            name=f"hidden_{number}",
        )(values)  # fmt: skip
        values = layers.Dropout(0.5, seed=next(seeds), name=f"dropout_{number}")(values)
    return _answer(values, seeds, classes)


def sigmoid_normalized(
    scaled: keras.KerasTensor, seeds: Iterator[int], classes: int = CLASSES
) -> keras.KerasTensor:
    """Three hidden layers of 100 sigmoids with batch normalisation: Ioffe and Szegedy 2015, 4.1."""
    values = layers.Flatten(name="flatten")(scaled)
    for number in (1, 2, 3):
        initializer = keras.initializers.RandomNormal(stddev=0.1, seed=next(seeds))
        values = layers.Dense(
            100, use_bias=False, kernel_initializer=initializer, name=f"hidden_{number}"
        )(values)
        values = layers.BatchNormalization(name=f"normalization_{number}")(values)
        values = layers.Activation("sigmoid", name=f"sigmoid_{number}")(values)
    return _answer(values, seeds, classes)


def _dense_squashed(
    scaled: keras.KerasTensor, seeds: Iterator[int], classes: int, *units: int
) -> keras.KerasTensor:
    values = layers.Flatten(name="flatten")(scaled)
    for number, count in enumerate(units, start=1):
        name = f"hidden_{number}"
        values = layers.Dense(count, kernel_initializer=_glorot(seeds), name=name)(values)
        values = _squashed(values, name)
    return _answer(values, seeds, classes)


def _normalized(values: keras.KerasTensor) -> keras.KerasTensor:
    """Scale paper to -0.1 and ink to 1.175: about mean 0 and variance 1 over all pixels."""
    values = layers.Rescaling(1.275, -0.1, name="normalize")(values)
    if len(values.shape) == 4:
        return values
    return layers.Reshape((*values.shape[1:], 1), name="channel")(values)


def _squashed(values: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Apply 1.7159 tanh(2x / 3), 1 at 1 and -1 at -1: LeCun and others 1998, appendix A."""
    values = layers.Rescaling(2 / 3, name=f"{name}_slope")(values)
    values = layers.Activation("tanh", name=f"{name}_tanh")(values)
    return layers.Rescaling(1.7159, name=f"{name}_amplitude")(values)


def _subsampled(values: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Average 2x2 pixels; each map has a trainable factor and a trainable bias; then squash."""
    values = layers.AveragePooling2D(2, name=f"{name}_average")(values)
    values = layers.DepthwiseConv2D(1, depthwise_initializer="ones", name=name)(values)
    return _squashed(values, name)


def _convolution(
    values: keras.KerasTensor,
    maps: int,
    seeds: Iterator[int],
    name: str,
    sees: tuple[tuple[int, ...], ...] | None = None,
) -> keras.KerasTensor:
    """Convolve with windows of 5x5; map `i` sees the maps ``sees[i]`` before it, by default all."""
    layer = layers.Conv2D(maps, 5, kernel_initializer=_glorot(seeds), name=name)
    values = layer(values)
    if sees is not None:
        mask = connections(sees, layer.kernel.shape[2])
        layer.kernel.assign(keras.ops.convert_to_numpy(layer.kernel) * mask)
        # Set on the variable, not on the layer: a saved layer may name stock constraints only.
        layer.kernel.constraint = lambda kernel: kernel * mask
    return values


def connections(sees: tuple[tuple[int, ...], ...], inputs: int) -> NDArray[np.float32]:
    """Return which maps are connected: 0 or 1, shape ``(1, 1, inputs, len(sees))``.

    Examples
    --------
    >>> connections(((0, 1), (2,)), 3)[0, 0].tolist()
    [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    """
    mask = np.zeros((1, 1, inputs, len(sees)), np.float32)
    for number, maps in enumerate(sees):
        mask[:, :, list(maps), number] = 1
    return mask


def _answer(values: keras.KerasTensor, seeds: Iterator[int], classes: int) -> keras.KerasTensor:
    return layers.Dense(
        classes, "softmax", kernel_initializer=_glorot(seeds), name="probabilities"
    )(values)


def _glorot(seeds: Iterator[int]) -> keras.initializers.Initializer:
    # Glorot & Bengio 2010, equation 16. The papers' own weights (1998: uniform up to 2.4 / inputs)
    # suit their small steps.
    return initial.GlorotUniform(next(seeds))
