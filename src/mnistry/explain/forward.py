"""One image's path through a trained network, layer by layer, in numbers.

Needs neither Keras nor the onnx package. Knows nothing of how a network learns or how the numbers
are shown.
"""

import dataclasses
import itertools
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistry import concepts
from mnistry.datasets.dataset import DIGITS, as_images
from mnistry.errors import DataError, ModelError
from mnistry.explain import dense
from mnistry.explain.dense import DenseNetwork, Floats
from mnistry.images.decode import read_image
from mnistry.inference.inside import Inside, Node
from mnistry.reading.ink import find_ink


@dataclasses.dataclass(frozen=True, eq=False)  # arrays cannot be compared by ==
class LayerView:
    """The output of one layer for the image.

    Attributes
    ----------
    name
        For example ``"hidden"``.
    kind
        The layer's operations, in order: ``"Dense, relu"``, ``"Conv, Relu"``.
    values
        The output: shape ``(units,)`` for nodes, ``(rows, columns, channels)`` for feature maps.
    sums
        The sums of a dense layer's nodes, before the activation function: shape ``(units,)``.
        None for other layers.
    filters
        The weights of a convolution: shape ``(rows, columns, maps before, maps)``. None for other
        layers.
    """

    name: str
    kind: str
    values: Floats
    sums: Floats | None = None
    filters: Floats | None = None

    @property
    def fired(self) -> int | None:
        """How many nodes have a sum above 0; None if there are no sums."""
        return None if self.sums is None else int((self.sums > 0).sum())

    def strongest(self, count: int) -> NDArray[np.intp]:
        """Return the indices of the nodes with the largest values, the largest first."""
        return np.argsort(-self.values, kind="stable")[:count]

    def to_json(self) -> dict[str, Any]:
        """Return plain values; for feature maps only their shape and range."""
        return {
            "name": self.name,
            "kind": self.kind,
            "shape": list(self.values.shape),
            "smallest": float(self.values.min()),
            "largest": float(self.values.max()),
            "fired": self.fired,
            "sums": None if self.sums is None else self.sums.tolist(),
            "values": self.values.tolist() if self.values.ndim == 1 else None,
        }


@dataclasses.dataclass(frozen=True, eq=False)
class Explanation:
    """An image, the output of each layer, and the answer.

    Attributes
    ----------
    image
        ``uint8``, shape ``(28, 28)``.
    label
        The true class; None if it is not known.
    classes
        The name of each class.
    layers
        In the order of computation.
    logits
        The last layer's ten sums before softmax; None if the network does not end with softmax.
    probabilities
        The output of softmax, shape ``(10,)``.
    network
        The weights of a dense network; None for other networks.
    """

    image: NDArray[np.uint8]
    label: int | None
    classes: Sequence[str]
    layers: tuple[LayerView, ...]
    logits: Floats | None
    probabilities: Floats
    network: DenseNetwork | None

    @property
    def hidden(self) -> tuple[LayerView, ...]:
        """All layers but the last."""
        return self.layers[:-1]

    @property
    def answer(self) -> int:
        """The class with the largest probability."""
        return int(concepts.argmax(self.probabilities))

    @property
    def shifted(self) -> Floats | None:
        """The logits minus the largest logit."""
        return None if self.logits is None else self.logits - self.logits.max()

    @property
    def powers(self) -> Floats | None:
        """E to the power of each of `shifted`; the largest is 1."""
        return None if self.shifted is None else np.exp(self.shifted)

    def rest(self, digit: int) -> float:
        """Return the sum of the other classes' probabilities.

        It is more exact than 1 minus this class's probability, which is rounded near 1.
        """
        return float(np.delete(self.probabilities, digit).sum())

    @property
    def cost(self) -> float | None:
        """Cross-entropy of the answer in nats; None if the true class is not known."""
        if self.label is None:
            return None
        if self.probabilities[self.label] > 0.5:
            # Near 1 a probability is rounded too coarsely to give a small loss exactly; the sum
            # of the others is not.
            return -math.log1p(-self.rest(self.label))
        return float(concepts.cross_entropy(self.probabilities, self.label))

    @property
    def cost_bits(self) -> float | None:
        """Cross-entropy of the answer in bits."""
        return None if self.cost is None else float(concepts.bits(self.cost))

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "image": self.image.tolist(),
            "label": self.label,
            "layers": [layer.to_json() for layer in self.layers],
            "logits": _plain(self.logits),
            "softmax": {"shifted": _plain(self.shifted), "powers": _plain(self.powers)},
            "probabilities": self.probabilities.tolist(),
            "answer": self.answer,
            "name": self.classes[self.answer],
            "cost": {"nats": _finite(self.cost), "bits": _finite(self.cost_bits)},
        }


class Explainer:
    """A trained network, opened once to explain many images.

    Parameters
    ----------
    model
        An ``.onnx`` file that mnistry exported, or its content. In a file from another program,
        each operator is shown as a layer.

    Attributes
    ----------
    network
        The weights of a dense network; None for other networks.

    Raises
    ------
    ModelError
        As `mnistry.inference.onnx_session.open_session` does.
    """

    def __init__(self, model: str | os.PathLike[str] | bytes) -> None:
        self._inside = Inside(model)
        self.network = dense.read(self._inside)

    def explain(
        self, image: NDArray[np.generic], label: int | None = None, classes: Sequence[str] = DIGITS
    ) -> Explanation:
        """Follow one image through the network.

        A dense network is computed in ``float64`` by `mnistry.concepts`, any other by ONNX
        Runtime.

        Parameters
        ----------
        image
            Shape ``(28, 28)``, 0 for paper to 255 for ink.
        label
            The true class, if it is known.
        classes
            The name of each class.

        Raises
        ------
        DataError
            If the image has the wrong shape, dtype or range.
        """
        pixels = as_images(np.asarray(image)[np.newaxis], "the image")[0]
        if self.network is None:
            layers, logits, probabilities = self._run(pixels)
        else:
            layers, logits, probabilities = _compute(self.network, pixels)
        return Explanation(
            pixels, label, tuple(classes), layers, logits, probabilities, self.network
        )

    def _run(self, image: NDArray[np.uint8]) -> tuple[tuple[LayerView, ...], Floats | None, Floats]:
        values = self._inside.values(image)
        if "probabilities" not in values:
            raise ModelError("its output is not one row of probabilities for each image")
        weights = self._inside.weights()
        layers = []
        for name, group in itertools.groupby(
            self._inside.nodes, lambda node: dense.layer_name(node) or node.outputs[0]
        ):
            nodes = list(group)
            output = values.get(nodes[-1].outputs[0])
            if output is not None:
                # The axis of the channels is the first in ONNX and the last in Keras.
                output = np.moveaxis(output, 0, -1) if output.ndim == 3 else output
                kind = ", ".join(node.operator for node in nodes)
                layers.append(LayerView(name, kind, output, filters=_filters(nodes, weights)))
        last = next(node for node in self._inside.nodes if "probabilities" in node.outputs)
        if last.operator != "Softmax" or last.inputs[0] not in values:
            return tuple(layers), None, values["probabilities"].astype(np.float64)
        logits = values[last.inputs[0]].astype(np.float64)
        return tuple(layers), logits, concepts.softmax(logits)


def _filters(nodes: Sequence[Node], weights: Mapping[str, NDArray[np.generic]]) -> Floats | None:
    """Return the weights of the first convolution among these operators, in Keras's order."""
    for node in nodes:
        if node.operator == "Conv" and len(node.inputs) > 1 and node.inputs[1] in weights:
            stored = weights[node.inputs[1]]
            if stored.ndim == 4:
                return np.asarray(np.transpose(stored, (2, 3, 1, 0)), np.float64)
    return None


def read_digit(path: Path) -> tuple[NDArray[np.uint8], bool]:
    """Read a picture file of one digit, ready for a network.

    Returns
    -------
    image, inverted
        ``uint8``, shape ``(28, 28)``, 0 for paper to 255 for ink; and whether it was inverted,
        because its paper is light.

    Raises
    ------
    DataError
        If the file is not a picture of 28x28 pixels.
    """
    image = read_image(path)
    if image.shape != (28, 28):
        height, width = image.shape
        raise DataError(
            f"{width}x{height} pixels",
            where=path,
            expected="one digit on 28x28",
            remedy="crop it and scale it to 28x28 first",
        )
    inverted = find_ink(image).paper_is_light
    return 255 - image if inverted else image, inverted


def _compute(
    network: DenseNetwork, image: NDArray[np.uint8]
) -> tuple[tuple[LayerView, ...], Floats, Floats]:
    steps = [(sums[0], values[0]) for sums, values in network.forward(dense.as_inputs(image))]
    layers = tuple(
        LayerView(layer.name, f"Dense, {layer.activation}", values, sums)
        for layer, (sums, values) in zip(network.layers, steps, strict=True)
    )
    return layers, *steps[-1]


def _plain(array: Floats | None) -> list[float] | None:
    return None if array is None else array.tolist()


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
