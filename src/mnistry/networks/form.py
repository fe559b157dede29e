"""The input formats of networks from elsewhere, and the kinds of their outputs.

Knows nothing of files or of any program's networks.
"""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistry.concepts import softmax
from mnistry.datasets.dataset import Images

Floats = NDArray[np.floating[Any]]

# Each way of scaling: the factor and the offset that make it from pixels of 0 to 255. The last is
# that of PyTorch's own example: the mean and deviation of MNIST's training pixels, 0 to 1.
SCALES = {
    "0 to 1": (1 / 255, 0.0),
    "-1 to 1": (2 / 255, -1.0),
    "0 to 255": (1.0, 0.0),
    "mean 0, deviation 1": (1 / 255 / 0.3081, -0.1307 / 0.3081),
}
LAYOUTS = {
    (784,): "784 in a row",
    (28, 28): "28x28",
    (1, 28, 28): "1x28x28, channel first",
    (28, 28, 1): "28x28x1, channel last",
    (3, 28, 28): "3x28x28, three equal channels first",
    (28, 28, 3): "28x28x3, three equal channels last",
    (32, 32): "32x32, with paper around",
    (1, 32, 32): "1x32x32, with paper around, channel first",
    (32, 32, 1): "32x32x1, with paper around, channel last",
    (3, 32, 32): "3x32x32, with paper around, three equal channels first",
    (32, 32, 3): "32x32x3, with paper around, three equal channels last",
}
LITTLE = 1e-7  # keeps a row of zeros from being divided by zero
_TOLERANCE = 1e-3  # rounding of a probability near 1


@dataclasses.dataclass(frozen=True)
class InputFormat:
    """One way of giving an image to a network.

    Attributes
    ----------
    scale
        One of `SCALES`.
    inverted
        Whether paper is the highest value instead of the lowest.
    transposed
        Whether rows and columns are swapped.
    shape
        The shape of one image: one of `LAYOUTS`.

    Examples
    --------
    >>> form = InputFormat("0 to 1", inverted=True, transposed=False, shape=(784,))
    >>> form.apply(np.full((1, 28, 28), 255, np.uint8)).shape
    (1, 784)
    >>> print(form)
    0 to 1, paper high, 784 in a row
    """

    scale: str
    inverted: bool
    transposed: bool
    shape: tuple[int, ...]

    def __str__(self) -> str:
        parts = [
            self.scale,
            "paper high" if self.inverted else "ink high",
            *(["rows and columns swapped"] if self.transposed else []),
            LAYOUTS[self.shape],
        ]
        return ", ".join(parts)

    @property
    def affine(self) -> tuple[float, float]:
        """The factor and the offset that turn a pixel into the network's value."""
        factor, offset = SCALES[self.scale]
        return (-factor, 255 * factor + offset) if self.inverted else (factor, offset)

    @property
    def margin(self) -> int:
        """How many pixels of paper the network wants on each side of an image."""
        return (max(self.shape) - 28) // 2 if len(self.shape) > 1 else 0

    @property
    def repeats(self) -> tuple[int, ...]:
        """How often an image with one channel is repeated along each axis."""
        return tuple(3 if size == 3 else 1 for size in self.shape)

    @property
    def one_channel(self) -> tuple[int, ...]:
        """The shape of an image before its channel is repeated."""
        return tuple(1 if size == 3 else size for size in self.shape)

    def apply(self, images: Images) -> NDArray[np.float32]:
        """Return images ``(n, 28, 28)`` as the network wants them: ``float32``, ``(n, *shape)``."""
        factor, offset = self.affine
        values = images.swapaxes(1, 2) if self.transposed else images
        values = np.pad(values, ((0, 0), *((self.margin, self.margin),) * 2))
        scaled = values.astype(np.float32) * np.float32(factor) + np.float32(offset)
        return np.tile(scaled.reshape(-1, *self.one_channel), (1, *self.repeats))


@dataclasses.dataclass(frozen=True)
class Trial:
    """How well a network reads labelled digits that are given to it in one input format.

    Attributes
    ----------
    form
        The input format.
    output
        The name of the output that was read.
    kind
        ``"probabilities"``, ``"shares"`` (from 0 to 1, but their sum is not 1) or ``"scores"``
        (everything else: logits or logarithms of probabilities).
    count, accuracy, loss
        Images, the part of them that was read right, and the mean cross-entropy in nats.
    """

    form: InputFormat
    output: str
    kind: str
    count: int
    accuracy: float
    loss: float


def kind_of(values: Floats) -> str:
    """Return what a network's ten values for each image are: one of the kinds of `Trial`."""
    if values.min() < 0 or values.max() > 1 + _TOLERANCE:
        return "scores"
    is_one = abs(values.sum(axis=1, dtype=np.float64) - 1) < 1e-5
    return "probabilities" if is_one.all() else "shares"


def probabilities(values: Floats, kind: str) -> Floats:
    """Turn a network's ten values for each image into probabilities.

    Examples
    --------
    >>> print(probabilities(np.array([[0.2, 0.6]]), "shares").round(3))
    [[0.25 0.75]]
    """
    exact: Floats = values.astype(np.float64)
    if kind == "scores":
        return softmax(exact)
    if kind == "shares":
        exact += LITTLE
        exact /= exact.sum(axis=1, keepdims=True)
    return exact
