"""A dense network as plain arrays, read from an ONNX model, and the values of its layers.

In a dense network every layer is `mnistry.concepts.layer` and an activation function; the last
activation function is softmax. Knows nothing of files, labels or learning.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mnistry import concepts
from mnistry.inference.inside import Inside, Node

Floats = NDArray[np.floating[Any]]

ACTIVATIONS: Mapping[str, Callable[[Floats], Floats]] = {
    "linear": lambda v: v,
    "relu": concepts.relu,
    "sigmoid": concepts.sigmoid,
    "softmax": concepts.softmax,
    "tanh": concepts.tanh,
}
_OPERATORS = {"Relu": "relu", "Sigmoid": "sigmoid", "Softmax": "softmax", "Tanh": "tanh"}
_LAYOUT = ("Cast", "Flatten", "Reshape")  # allowed before the first layer


@dataclasses.dataclass(frozen=True, eq=False)  # arrays cannot be compared by ==
class DenseLayer:
    """One layer of nodes.

    Attributes
    ----------
    name
        For example ``"hidden"``.
    kernel
        Weights, one column for each node: ``float64``, shape ``(inputs, units)``. Those of the
        first layer are for pixels from 0 to 1.
    bias
        ``float64``, shape ``(units,)``.
    activation
        One of `ACTIVATIONS`.
    """

    name: str
    kernel: Floats
    bias: Floats
    activation: str


@dataclasses.dataclass(frozen=True, eq=False)
class DenseNetwork:
    """Layers of nodes, from 784 pixels to ten probabilities.

    Examples
    --------
    >>> layer = DenseLayer("answer", np.zeros((784, 10)), np.arange(10.0), "softmax")
    >>> (sums, shares), = DenseNetwork((layer,)).forward(np.zeros((1, 784)))
    >>> print(sums[0, :3], shares[0, :3].round(4))
    [0. 1. 2.] [0.0001 0.0002 0.0006]
    """

    layers: tuple[DenseLayer, ...]

    def forward(self, inputs: Floats) -> list[tuple[Floats, Floats]]:
        """Compute every layer's sums and activations.

        Parameters
        ----------
        inputs
            Pixels divided by 255, shape ``(n, 784)``.

        Returns
        -------
        list
            For each layer its nodes' sums before the activation function, and their outputs
            after it: both ``float64``, shape ``(n, units)``.
        """
        steps = []
        for layer in self.layers:
            sums = concepts.layer(inputs, layer.kernel, layer.bias)
            inputs = ACTIVATIONS[layer.activation](sums)
            steps.append((sums, inputs))
        return steps

    def moved(self, changes: Sequence[tuple[Floats, Floats]], factor: float = 1.0) -> Self:
        """Return the network with `factor` times these changes added to kernels and biases."""
        layers = (
            dataclasses.replace(
                layer, kernel=layer.kernel + factor * kernel, bias=layer.bias + factor * bias
            )
            for layer, (kernel, bias) in zip(self.layers, changes, strict=True)
        )
        return dataclasses.replace(self, layers=tuple(layers))


def as_inputs(images: NDArray[np.uint8]) -> Floats:
    """Flatten images to rows and divide by 255: ``(n, 28, 28)`` to ``(n, 784)``, 0 to 1."""
    return images.reshape(-1, 784) / 255


def read(inside: Inside) -> DenseNetwork | None:
    """Read the layers of an ONNX model; return None if it is not a dense network.

    It recognises the models that `mnistry.networks.onnx_graph` writes: a chain of ``Gemm``
    operators, each followed by its activation function. In these models the first layer's weights
    are divided by 255, so that images need not be; here they are multiplied by 255 again.
    """
    weights = inside.weights()
    layers: list[DenseLayer] = []
    last = "image"
    for node in inside.nodes:
        if node.inputs[:1] != (last,) or len(node.outputs) != 1:
            return None
        (last,) = node.outputs
        activation = _OPERATORS.get(node.operator)
        if node.operator == "Gemm":
            layer = _layer(node, weights, len(layers))
            if layer is None:
                return None
            layers.append(layer)
        elif activation and layers and layers[-1].activation == "linear":
            layers[-1] = dataclasses.replace(layers[-1], activation=activation)
        elif layers or node.operator not in _LAYOUT:
            return None
    activations = [layer.activation for layer in layers]
    if activations.count("softmax") != 1 or activations[-1] != "softmax":
        return None  # softmax belongs to the last layer only
    if last != "probabilities" or len(layers[0].kernel) != 784:
        return None
    layers[0] = dataclasses.replace(layers[0], kernel=layers[0].kernel * 255)
    network = DenseNetwork(tuple(layers))
    return network if _agrees(network, inside) else None


def _agrees(network: DenseNetwork, inside: Inside) -> bool:
    """Return whether ONNX Runtime agrees: another program's file may expect other input."""
    image = np.arange(784).astype(np.uint8).reshape(28, 28)  # every value from 0 to 255
    ours = network.forward(as_inputs(image))[-1][1][0]
    return np.allclose(ours, inside.values(image)["probabilities"], rtol=0, atol=1e-3)


def _layer(
    node: Node, weights: Mapping[str, NDArray[np.generic]], number: int
) -> DenseLayer | None:
    """Read one ``Gemm``: alpha X W + beta b, with W transposed if transB is 1."""
    settings = {"alpha": 1, "beta": 1, "transA": 0, **node.settings}
    if (settings["alpha"], settings["beta"], settings["transA"]) != (1, 1, 0):
        return None
    kernel, *bias = (weights.get(name) for name in node.inputs[1:])
    if kernel is None or any(part is None for part in bias):
        return None
    columns = np.asarray(kernel.T if settings.get("transB") else kernel, np.float64)
    units = columns.shape[1]
    # The bias may be missing, or be a single number for all nodes.
    offsets = np.broadcast_to(np.asarray(bias[0] if bias else 0.0, np.float64), units)
    name = layer_name(node) or f"layer {number + 1}"
    return DenseLayer(name, columns, np.array(offsets), "linear")


def layer_name(node: Node) -> str:
    """Return the layer that an operator belongs to: our exports name it ``layer/operator``."""
    return node.name.strip("/").rpartition("/")[0]
