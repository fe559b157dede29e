"""One image's way through a trained network, layer by layer, in numbers.

Needs neither Keras nor the onnx package, and opens a model once for many images. Knows nothing of
how a network learns, nor how the numbers are shown.
"""

import dataclasses
import math
import os
from collections.abc import Sequence
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


@dataclasses.dataclass(frozen=True, eq=False)  # arrays have no single truth to compare by
class LayerView:
    """What one layer makes of the image.

    Attributes
    ----------
    name
        ``"hidden"``.
    kind
        What it computes, in order: ``"Dense, relu"``, ``"Conv, Relu"``.
    values
        What it gives to the next layer: of nodes shape ``(units,)``, of feature maps shape
        ``(rows, columns, channels)``.
    sums
        Of a dense layer's nodes, before the activation function: shape ``(units,)``; else None.
    """

    name: str
    kind: str
    values: Floats
    sums: Floats | None = None

    @property
    def fired(self) -> int | None:
        """How many nodes have a sum above 0; None where there are no sums."""
        return None if self.sums is None else int((self.sums > 0).sum())

    def strongest(self, count: int) -> NDArray[np.intp]:
        """Give the numbers of the nodes with the largest values, the largest first."""
        return np.argsort(-self.values, kind="stable")[:count]

    def to_json(self) -> dict[str, Any]:
        """Give plain values; of feature maps shape and range alone."""
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
    """An image, what each layer makes of it, and the answer.

    Attributes
    ----------
    image
        ``uint8``, shape ``(28, 28)``.
    label
        The true class; None where it is not known.
    classes
        The name of each class.
    layers
        In the order of computation, the one that answers last.
    logits
        Its ten sums before softmax; None if the network does not end with softmax.
    probabilities
        What softmax makes of them, shape ``(10,)``.
    network
        The weights, if it is a dense network; else None.
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
        """All layers but the one that answers."""
        return self.layers[:-1]

    @property
    def answer(self) -> int:
        """The class with the largest probability."""
        return int(concepts.argmax(self.probabilities))

    @property
    def shifted(self) -> Floats | None:
        """The logits, less the largest of them."""
        return None if self.logits is None else self.logits - self.logits.max()

    @property
    def powers(self) -> Floats | None:
        """E to the power of each of `shifted`; the largest is 1."""
        return None if self.shifted is None else np.exp(self.shifted)

    def rest(self, digit: int) -> float:
        """Give the probability of all other classes together: 1 minus its own, in all digits."""
        return float(np.delete(self.probabilities, digit).sum())

    @property
    def cost(self) -> float | None:
        """Cross-entropy of the answer in nats; None where the true class is not known."""
        if self.label is None:
            return None
        if self.probabilities[self.label] > 0.5:
            # A probability near 1 keeps few digits of a small loss; what is missing to 1 has all.
            return -math.log1p(-self.rest(self.label))
        return float(concepts.cross_entropy(self.probabilities, self.label))

    @property
    def cost_bits(self) -> float | None:
        """The same in bits."""
        return None if self.cost is None else float(concepts.bits(self.cost))

    def terms(self, unit: int) -> Floats | None:
        """Give what each pixel adds to the sum of one node of a dense network's first layer.

        Returns
        -------
        ndarray
            Weight times pixel, shape ``(28, 28)``; with the bias they add up to the node's sum.
        """
        if self.network is None:
            return None
        weights: Floats = self.network.layers[0].kernel[:, unit]
        terms: Floats = weights * dense.as_inputs(self.image)[0]
        return terms.reshape(28, 28)

    def to_json(self) -> dict[str, Any]:
        """Give plain values."""
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
        An ``.onnx`` file that mnistry exported, or its content. Of another's file, the operators
        are shown as layers.

    Attributes
    ----------
    network
        Its weights, if it is a dense network; else None.

    Raises
    ------
    ModelError
        As `mnistry.inference.onnx_session.open_session` does.
    """

    def __init__(self, model: str | os.PathLike[str] | bytes) -> None:
        self._inside = Inside(model)
        self.network = dense.read(self._inside)

    def explain(
        self,
        image: NDArray[np.generic],
        label: int | None = None,
        classes: Sequence[str] = DIGITS,
    ) -> Explanation:
        """Follow one image through the network.

        A dense network is computed anew in ``float64``, by `mnistry.concepts`; of others ONNX
        Runtime gives each layer's output.

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
            If it is no such image.
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
            raise ModelError("it gives no probabilities for a single image")
        layers = tuple(
            LayerView(
                name, ", ".join(node.operator for node in nodes), _channels_last(values[output])
            )
            for name, nodes in self._layers()
            if (output := nodes[-1].outputs[0]) in values
        )
        last = next(node for node in self._inside.nodes if "probabilities" in node.outputs)
        if last.operator != "Softmax" or last.inputs[0] not in values:
            return layers, None, values["probabilities"].astype(np.float64)
        logits = values[last.inputs[0]].astype(np.float64)
        return layers, logits, concepts.softmax(logits)

    def _layers(self) -> list[tuple[str, list[Node]]]:
        """Put the operators of one layer together: our exports name them ``layer/operator``."""
        layers: list[tuple[str, list[Node]]] = []
        for node in self._inside.nodes:
            name = node.name.strip("/").rpartition("/")[0] or node.outputs[0]
            if layers and layers[-1][0] == name:
                layers[-1][1].append(node)
            else:
                layers.append((name, [node]))
        return layers


def read_digit(path: Path) -> tuple[NDArray[np.uint8], bool]:
    """Read a picture file of one digit, ready for a network.

    Returns
    -------
    image, inverted
        ``uint8``, shape ``(28, 28)``, 0 for paper to 255 for ink; and whether its paper, to judge
        by the border, was light and so has been made dark.

    Raises
    ------
    DataError
        If the file is no picture of 28x28 pixels.
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
    border = np.concatenate([image[[0, -1]].ravel(), image[1:-1, [0, -1]].ravel()])
    inverted = bool(np.mean(border > 127) > 0.5)
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


def _channels_last(values: Floats) -> Floats:
    """Put the axis of the channels, first in ONNX, last as in Keras."""
    return np.moveaxis(values, 0, -1) if values.ndim == 3 else values


def _plain(array: Floats | None) -> list[float] | None:
    return None if array is None else array.tolist()


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
