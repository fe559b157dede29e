"""Look inside an ONNX model: its operators, its weights, and what each operator gives.

`mnistry.inference.onnx_session` opens a model for its answer. Here the same model, checked in the
same way, also gives every value on the way there. Needs neither Keras nor the onnx package.
Knows nothing of layers.
"""

import dataclasses
import os
import struct
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from mnistry.errors import ModelError
from mnistry.inference import model_bytes, onnx_session, onnx_wire

# Field numbers of github.com/onnx/onnx/blob/main/onnx/onnx.proto.
_GRAPH = 7
_NODE, _INITIALIZER, _OUTPUT = 1, 5, 12  # of a GraphProto
_VALUE_NAME, _TENSOR_NAME = 1, 8

_FLOATS = ("tensor(float)", "tensor(double)", "tensor(float16)")


@dataclasses.dataclass(frozen=True)
class Node:
    """One operator of a model.

    Attributes
    ----------
    name
        What the exporter called it; may be empty.
    operator
        ``"Gemm"``, ``"Relu"``, ``"Conv"``, …
    inputs, outputs
        The names of values; empty where an optional one is left out.
    settings
        Those of its attributes that are one number: ``{"transB": 1}``.
    """

    name: str
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    settings: Mapping[str, float]


class Inside:
    """A checked ONNX model that gives every value on the way to its answer.

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
        where = "the ONNX model"
        if not isinstance(model, bytes):
            # Read once, so that what is looked into is what was checked.
            where, model = (
                os.fspath(model),
                model_bytes.read(model, ".onnx", model_bytes.MAX_ONNX_BYTES),
            )
        try:
            onnx_session.open_session(model)
        except ModelError as error:
            error.where = where
            raise
        try:
            self.nodes, self._weights = _read(model, where)
        except UnicodeDecodeError as error:
            raise ModelError("it has a name that is no text", where=where) from error
        values = [name for node in self.nodes for name in node.outputs if name]
        more = [name for name in (*values, *self._weights) if name != "probabilities"]
        self._session = onnx_session.start_session(model + _outputs(more), where, None)
        self._values = [
            value.name
            for value in self._session.get_outputs()
            if value.name not in self._weights
            and value.type in _FLOATS
            and not isinstance((value.shape or [1])[0], int)  # N: one for each image
        ]

    def weights(self) -> dict[str, NDArray[np.generic]]:
        """Give the stored weights by name."""
        names = list(self._weights)
        blank = np.zeros((1, 28, 28), np.uint8)
        given = self._session.run(names, {"image": blank}) if names else []
        return dict(zip(names, given, strict=True))

    def values(self, image: NDArray[np.uint8]) -> dict[str, NDArray[np.floating]]:
        """Compute what each operator gives for one image, by the names of `Node.outputs`.

        Parameters
        ----------
        image
            ``uint8``, shape ``(28, 28)``.

        Returns
        -------
        dict
            Floating-point values alone, without the axis that counts images.
        """
        given = self._session.run(self._values, {"image": image[np.newaxis]})
        return {
            name: value[0]
            for name, value in zip(self._values, given, strict=True)
            if len(value) == 1
        }


def _read(content: bytes, where: str) -> tuple[tuple[Node, ...], tuple[str, ...]]:
    """Read the operators, and the names of the weights, of a model that has been checked."""
    walk = onnx_wire.Walk(where)
    nodes: list[Node] = []
    weights: list[str] = []
    for graph in _all(walk, memoryview(content), _GRAPH):
        for number, value in walk.fields(graph):
            if number == _NODE:
                nodes.append(_node(walk, value))
            elif number == _INITIALIZER:
                weights.extend(_texts(walk, value, _TENSOR_NAME))
    return tuple(nodes), tuple(weights)


def _node(walk: onnx_wire.Walk, message: int | memoryview) -> Node:
    settings = {}
    for attribute in _all(walk, message, 5):
        fields = dict(walk.fields(attribute))
        name, real, whole = (fields.get(number) for number in (1, 2, 3))
        if isinstance(real, memoryview) and len(real) == 4:
            settings[_text(name)] = float(struct.unpack("<f", real)[0])
        elif isinstance(whole, int):
            # A negative one is written as its 64-bit complement.
            settings[_text(name)] = whole - (1 << 64 if whole >> 63 else 0)
    return Node(
        "".join(_texts(walk, message, 3)),
        "".join(_texts(walk, message, 4)),
        tuple(_texts(walk, message, 1)),
        tuple(_texts(walk, message, 2)),
        settings,
    )


def _all(
    walk: onnx_wire.Walk, message: int | memoryview, wanted: int
) -> Iterator[int | memoryview]:
    return (value for number, value in walk.fields(message) if number == wanted)


def _texts(walk: onnx_wire.Walk, message: int | memoryview, wanted: int) -> Iterator[str]:
    return map(_text, _all(walk, message, wanted))


def _text(value: int | memoryview | None) -> str:
    return bytes(value).decode() if isinstance(value, memoryview) else ""


def _outputs(names: list[str]) -> bytes:
    """Serialise a ModelProto that has nothing but a graph with these outputs.

    Protobuf messages that follow one another are merged: appended to a model, this makes the
    values of these names outputs of it (protobuf.dev/programming-guides/encoding/#last-one-wins).
    """
    values = (_field(_OUTPUT, _field(_VALUE_NAME, name.encode())) for name in dict.fromkeys(names))
    return _field(_GRAPH, b"".join(values))


def _field(number: int, content: bytes) -> bytes:
    """Write a field of bytes: its number and wire type 2, the length in sevens of bits, itself."""
    length, size = b"", len(content)
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content
