"""Networks by name: uncompiled Keras models from ``uint8`` images to each class's probability.

Scaling to 0–1 happens inside each network and nowhere else. Knows nothing of training.

Every layer is a stock Keras layer, and every initializer has its own seed, drawn from one number:
the same seed gives the same weights, whatever was built before.
"""

import inspect
import numbers
from collections.abc import Callable, Iterator

import keras
import numpy as np
from keras import layers

from mnistry.datasets.dataset import CLASSES
from mnistry.errors import UsageError
from mnistry.inference.model_bytes import MAX_CLASSES, MAX_PARAMETERS
from mnistry.networks import initial, literature
from mnistry.networks.names import ACTIVATIONS
from mnistry.system.cores import divide_processor


def build(
    name: str = "dense",
    *,
    seed: int = 0,
    units: int = 512,
    depth: int = 1,
    activation: str = "relu",
    dropout: float | None = None,
    classes: int = CLASSES,
) -> keras.Model:
    """Build a network by its name.

    Parameters
    ----------
    name
        ``"dense"``, ``"linear"``, ``"convnet"``, ``"strided"`` or ``"strided-large"``, or one of
        `mnistry.networks.literature`: ``"lenet-5"``, ….
    seed
        Decides the initial weights.
    units, depth
        For ``"dense"``: nodes in each hidden layer, and how many hidden layers.
    activation
        The activation function of the hidden layers of ``"dense"``, ``"convnet"`` and
        ``"strided"`` (and ``"strided-large"``): ``"relu"``, ``"tanh"`` or ``"sigmoid"``.
    dropout
        The share of values, 0 to below 1, that each step of training sets to 0: after every hidden
        layer of ``"dense"``, before the last layer of ``"convnet"`` and ``"strided-large"``. None
        means 0 for ``"dense"``, 0.5 for ``"convnet"`` and 0.3 for ``"strided-large"``. No other
        network has this setting.
    classes
        The number of classes: 2 to 62.

    Returns
    -------
    keras.Model
        Uncompiled. Input: ``uint8``, shape ``(n, 28, 28)``, 0 for paper to 255 for ink.
        Output: ``float32``, shape ``(n, classes)``, probabilities that sum to 1.

    Raises
    ------
    UsageError
        If no network has this name, a setting is out of range or not one of this network's, or the
        network would be too large to be saved.

    Examples
    --------
    >>> build("dense").count_params()
    407050
    """
    check(name, units, depth, classes, activation, dropout)
    divide_processor()
    image = keras.Input((28, 28), dtype="uint8", name="image")
    scaled = keras.layers.Rescaling(1 / 255, name="scale")(image)
    body = NETWORKS[name]
    known = inspect.signature(body).parameters
    settings = {"units": units, "depth": depth, "activation": activation}
    if dropout is not None:
        settings["dropout"] = dropout
    taken = {setting: value for setting, value in settings.items() if setting in known}
    output = body(scaled, _seeds(seed), classes=classes, **taken)
    return initial.as_stock(keras.Model(image, output, name=name))


def check(
    name: str,
    units: int = 512,
    depth: int = 1,
    classes: int = CLASSES,
    activation: str = "relu",
    dropout: float | None = None,
) -> None:
    """Raise the `UsageError` that `build` would raise."""
    if name not in NETWORKS:
        raise UsageError(
            f"no network is called {name!r}", expected="one of " + ", ".join(sorted(NETWORKS))
        )
    given = {
        "units": units != 512,
        "depth": depth != 1,
        "activation": activation != "relu",
        "dropout": dropout is not None,
    }
    for setting, is_given in given.items():
        if is_given and setting not in inspect.signature(NETWORKS[name]).parameters:
            have = [
                n for n, one in NETWORKS.items() if setting in inspect.signature(one).parameters
            ]
            raise UsageError(
                f"the network {name} has no {setting} to choose",
                expected=f"one that has: {', '.join(have)}",
            )
    if activation not in ACTIVATIONS:
        raise UsageError(f"activation {activation!r}", expected="one of " + ", ".join(ACTIVATIONS))
    if not 0 <= (dropout or 0) < 1:
        raise UsageError(f"dropout {dropout:g}", expected="0 to below 1")
    if not all(isinstance(number, numbers.Integral) and number >= 1 for number in (units, depth)):
        raise UsageError(f"units {units!r} and depth {depth!r}", expected="whole numbers from 1")
    if not 2 <= classes <= MAX_CLASSES:
        raise UsageError(f"{classes} classes", expected=f"2 to {MAX_CLASSES}")
    parameters = _dense_parameters(units, depth, classes)
    if parameters > MAX_PARAMETERS:
        raise UsageError(
            f"a network with {parameters:,} parameters would be too large to be saved",
            expected=f"at most {MAX_PARAMETERS:,}",
            remedy="choose fewer units or a smaller depth",
        )


def _dense_parameters(units: int, depth: int, classes: int) -> int:
    """Count the weights and biases of the dense network."""
    first, last = (28 * 28 + 1) * units, (units + 1) * classes
    return first + (depth - 1) * (units + 1) * units + last


def dense(
    scaled: keras.KerasTensor,
    seeds: Iterator[int],
    units: int = 512,
    depth: int = 1,
    activation: str = "relu",
    dropout: float = 0.0,
    classes: int = CLASSES,
) -> keras.KerasTensor:
    """Dense layers, each node connected to all nodes of the layer before: the classic network."""
    values = layers.Flatten(name="flatten")(scaled)
    for number in range(1, depth + 1):
        name = "hidden" if depth == 1 else f"hidden_{number}"
        values = layers.Dense(
            units, activation, kernel_initializer=_glorot(next(seeds)), name=name
        )(values)
        if dropout:
            values = layers.Dropout(dropout, seed=next(seeds), name=f"dropout_{number}")(values)
    return _answer(values, seeds, classes)


def linear(
    scaled: keras.KerasTensor, seeds: Iterator[int], classes: int = CLASSES
) -> keras.KerasTensor:
    """Softmax regression: no hidden layer, one weighted sum of the pixels for each digit."""
    return _answer(layers.Flatten(name="flatten")(scaled), seeds, classes)


def convnet(
    scaled: keras.KerasTensor,
    seeds: Iterator[int],
    activation: str = "relu",
    dropout: float = 0.5,
    classes: int = CLASSES,
) -> keras.KerasTensor:
    """Two convolutions with pooling: the network of Keras's "Simple MNIST convnet" example."""
    values = layers.Reshape((28, 28, 1), name="channel")(scaled)
    for number, filters in enumerate((32, 64), start=1):
        values = layers.Conv2D(
            filters, 3, activation=activation,
            kernel_initializer=_glorot(next(seeds)), name=f"convolution_{number}",
        )(values)  # fmt: skip
        values = layers.MaxPooling2D(2, name=f"pooling_{number}")(values)
    values = layers.Flatten(name="flatten")(values)
    values = layers.Dropout(dropout, seed=next(seeds), name="dropout")(values)
    return _answer(values, seeds, classes)


def strided(
    scaled: keras.KerasTensor,
    seeds: Iterator[int],
    activation: str = "relu",
    classes: int = CLASSES,
) -> keras.KerasTensor:
    """Three small convolutions with strides in place of pooling, and batch normalisation.

    J. Springenberg and others: Striving for Simplicity: The All Convolutional Net, 2015.
    """
    values = _convolutions(scaled, seeds, activation, (16, 5, 2), (32, 3, 2), (64, 3, 1))
    return _answer(layers.Flatten(name="flatten")(values), seeds, classes)


def strided_large(
    scaled: keras.KerasTensor,
    seeds: Iterator[int],
    activation: str = "relu",
    dropout: float = 0.3,
    classes: int = CLASSES,
) -> keras.KerasTensor:
    """Four larger convolutions of the same kind, with dropout."""
    shapes = (32, 5, 2), (64, 3, 1), (128, 3, 2), (128, 3, 1)
    values = _convolutions(scaled, seeds, activation, *shapes)
    values = layers.Flatten(name="flatten")(values)
    values = layers.Dropout(dropout, seed=next(seeds), name="dropout")(values)
    return _answer(values, seeds, classes)


NETWORKS: dict[str, Callable[..., keras.KerasTensor]] = {
    "convnet": convnet,
    "dense": dense,
    "linear": linear,
    "strided": strided,
    "strided-large": strided_large,
    "dropout": literature.dropout,
    "lenet-1": literature.lenet_1,
    "lenet-5": literature.lenet_5,
    "sigmoid-normalized": literature.sigmoid_normalized,
    "simard": literature.simard,
    "tanh-300": literature.tanh_300,
    "tanh-300-100": literature.tanh_300_100,
    "tanh-1000": literature.tanh_1000,
}


def _convolutions(
    scaled: keras.KerasTensor,
    seeds: Iterator[int],
    activation: str,
    *shapes: tuple[int, int, int],
) -> keras.KerasTensor:
    """Chain convolutions with these filters, sizes and strides, each with batch normalisation."""
    values = layers.Reshape((28, 28, 1), name="channel")(scaled)
    for number, (filters, size, stride) in enumerate(shapes, start=1):
        values = layers.Conv2D(
            filters, size, stride,
            use_bias=False,  # the normalisation has one
            kernel_initializer=_glorot(next(seeds)), name=f"convolution_{number}",
        )(values)  # fmt: skip
        # Moving averages that keep up with the weights in a training of a few hundred steps.
        values = layers.BatchNormalization(momentum=0.9, name=f"normalization_{number}")(values)
        name = f"{activation}_{number}"
        is_relu = activation == "relu"  # saved runs have a layer ReLU
        values = (layers.ReLU(name=name) if is_relu else layers.Activation(activation, name=name))(
            values
        )
    return values


def _answer(values: keras.KerasTensor, seeds: Iterator[int], classes: int) -> keras.KerasTensor:
    return layers.Dense(
        classes, "softmax", kernel_initializer=_glorot(next(seeds)), name="probabilities"
    )(values)


def _glorot(seed: int) -> keras.initializers.Initializer:
    # Keras's default for Dense and Conv2D: Glorot & Bengio 2010, equation 16.
    return initial.GlorotUniform(seed)


def _seeds(seed: int) -> Iterator[int]:
    generator = np.random.default_rng(seed)
    while True:
        yield int(generator.integers(2**31))
