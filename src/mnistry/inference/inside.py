"""Look inside an ONNX model: its operators, its weights, and every operator's output.

The model is checked as `mnistry.inference.onnx_session` checks it. Needs neither Keras nor the onnx
package. Knows nothing of layers.
"""

import dataclasses
import os
import struct
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mnistry.errors import ModelError
from mnistry.inference import model_bytes, onnx_session
from mnistry.inference.protobuf import Parser, Value, field

# Field numbers of github.com/onnx/onnx/blob/main/onnx/onnx.proto.
_GRAPH = 7
_NODE, _INITIALIZER, _OUTPUT = 1, 5, 12  # of a GraphProto
_VALUE_NAME, _TENSOR_NAME = 1, 8
_NODE_INPUT, _NODE_OUTPUT, _NODE_NAME, _NODE_OPERATOR, _NODE_ATTRIBUTE = 1, 2, 3, 4, 5
_ATTRIBUTE_NAME, _ATTRIBUTE_FLOAT, _ATTRIBUTE_INT = 1, 2, 3

_FLOATS = ("tensor(float)", "tensor(double)", "tensor(float16)")


@dataclasses.dataclass(frozen=True)
class Node:
    """One operator of a model.

    Attributes
    ----------
    name
        The exporter's name for it; may be empty.
    operator
        ``"Gemm"``, ``"Relu"``, ``"Conv"``, …
    inputs, outputs
        The names of values; empty where an optional one is left out.
    settings
        Its attributes that are one number: ``{"transB": 1}``.
    """

    name: str
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    settings: Mapping[str, float]


class Inside:
    """A checked ONNX model that returns every value on the way to its answer.

    Parameters
    ----------
    model
        As for `mnistry.inference.onnx_session.open_session`.

    Attributes
    ----------
    nodes
        The operators, in the order in which they are computed.

    Raises
    ------
    ModelError
        As `mnistry.inference.onnx_session.open_session` does.
    """

    def __init__(self, model: str | os.PathLike[str] | bytes) -> None:
        # Read once, so that the model that is opened here is the one that was checked.
        where, model = model_bytes.onnx_content(model, "the ONNX model", model_bytes.MAX_ONNX_BYTES)
        try:
            onnx_session.open_session(model)
        except ModelError as error:
            error.where = where
            raise
        try:
            self.nodes, self._weights = _read(model, where)
        except UnicodeDecodeError as error:
            raise ModelError("it has a name that is not text", where=where) from error
        values = [name for node in self.nodes for name in node.outputs if name]
        more = [name for name in (*values, *self._weights) if name != "probabilities"]
        self._session = onnx_session.start_session(model + _outputs(more), where, None)
        self._values = [
            value.name
            for value in self._session.get_outputs()
            if value.name not in self._weights
            and value.type in _FLOATS
            # The first axis has no fixed length: it is N, with an item for each image.
            and not isinstance((value.shape or [1])[0], int)
        ]

    def weights(self) -> dict[str, NDArray[np.generic]]:
        """Return the stored weights by name."""
        names = list(self._weights)
        blank = np.zeros((1, 28, 28), np.uint8)
        given = self._session.run(names, {"image": blank}) if names else []
        return dict(zip(names, given, strict=True))

    def values(self, image: NDArray[np.uint8]) -> dict[str, NDArray[np.floating]]:
        """Compute each operator's outputs for one image, by the names of `Node.outputs`.

        Parameters
        ----------
        image
            ``uint8``, shape ``(28, 28)``.

        Returns
        -------
        dict
            The floating-point outputs, without the axis of images.
        """
        given = self._session.run(self._values, {"image": image[np.newaxis]})
        return {
            name: value[0]
            for name, value in zip(self._values, given, strict=True)
            if len(value) == 1
        }


def _read(content: bytes, where: str) -> tuple[tuple[Node, ...], tuple[str, ...]]:
    """Read the operators, and the names of the weights, of a model that has been checked."""
    parser = Parser(where)
    nodes: list[Node] = []
    weights: list[str] = []
    for graph in parser.values(memoryview(content), _GRAPH):
        for number, value in parser.fields(graph):
            if number == _NODE:
                nodes.append(_node(parser, value))
            elif number == _INITIALIZER:
                weights.extend(parser.texts(value, _TENSOR_NAME))
    return tuple(nodes), tuple(weights)


def _node(parser: Parser, message: Value) -> Node:
    settings: dict[str, float] = {}
    for attribute in parser.values(message, _NODE_ATTRIBUTE):
        fields = dict(parser.attribute_fields(attribute))
        named = fields.get(_ATTRIBUTE_NAME)
        name = bytes(named).decode() if isinstance(named, memoryview) else ""
        real, whole = fields.get(_ATTRIBUTE_FLOAT), fields.get(_ATTRIBUTE_INT)
        if isinstance(real, memoryview) and len(real) == 4:
            settings[name] = float(struct.unpack("<f", real)[0])
        elif isinstance(whole, int):
            # A negative number is written as its 64-bit complement.
            settings[name] = whole - (1 << 64 if whole >> 63 else 0)
    inputs, outputs, names, operators = (
        parser.texts(message, number)
        for number in (_NODE_INPUT, _NODE_OUTPUT, _NODE_NAME, _NODE_OPERATOR)
    )
    return Node("".join(names), "".join(operators), inputs, outputs, settings)


def _outputs(names: list[str]) -> bytes:
    """Serialise a ModelProto that has nothing but a graph with these outputs.

    Protobuf messages that follow one another are merged: appended to a model, this turns the
    values with these names into outputs of the model
    (protobuf.dev/programming-guides/encoding/#last-one-wins).
    """
    values = (field(_OUTPUT, field(_VALUE_NAME, name.encode())) for name in dict.fromkeys(names))
    return field(_GRAPH, b"".join(values))
