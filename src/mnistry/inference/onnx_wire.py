"""What a serialised ONNX model asks for, looked at before anything loads it.

Refused: weights in other files, operators from other domains, functions, control flow, sparse
weights, numbers that are not finite, and more parts than a digit network has. Reads protobuf's
wire format, because the half of mnistry that reads digits does without the onnx package. Knows
nothing of what the operators compute.

The field numbers are those of github.com/onnx/onnx/blob/main/onnx/onnx.proto. A field that is
not looked at is skipped, as every protobuf parser skips what it does not know.
"""

from collections.abc import Iterator

import numpy as np

from mnistry.errors import ModelError

MAX_FIELDS = 100_000  # a network of 300 operators has about 5,000

# Wire types (protobuf.dev/programming-guides/encoding) -> their size where it is fixed.
_VARINT, _BYTES = 0, 2
_WIRES = {_VARINT: 0, _BYTES: 0, 1: 8, 5: 4}

# TensorProto.DataType -> how raw_data is laid out, for the types that can hold NaN.
_FLOAT, _FLOAT16, _DOUBLE = 1, 10, 11
_RAW = {_FLOAT: "<f4", _FLOAT16: "<f2", _DOUBLE: "<f8"}

_Field = tuple[int, int | memoryview]


def inspect(content: bytes, where: str) -> None:
    """Raise a ModelError if a serialised ``ModelProto`` holds what no model of ours does."""
    Walk(where).check_model(memoryview(content))


class Walk:
    """A way through a serialised message, field by field, that refuses what is damaged.

    Parameters
    ----------
    where
        What is read, for messages.
    """

    def __init__(self, where: str) -> None:
        self.where = where
        self.fields_left = MAX_FIELDS

    def check_model(self, message: memoryview) -> None:
        """Raise a ModelError if a ``ModelProto`` holds what no model of ours does."""
        graphs = 0
        for number, value in self.fields(message):
            if number == 7:
                graphs += 1
                self._graph(value)
            elif number == 8:
                self._domain(value, of=1, what="operators")
            elif number in (20, 25):
                raise self._refusal("it defines functions or a training of its own")
        if graphs != 1:
            raise self._refusal("it is no ONNX model", expected="exactly one graph")

    def _graph(self, message: int | memoryview) -> None:
        for number, value in self.fields(message):
            if number == 1:
                self._node(value)
            elif number == 5:
                self._tensor(value)
            elif number == 15:
                raise self._refusal("it has sparse weights")

    def _node(self, message: int | memoryview) -> None:
        self._domain(message, of=7, what="an operator")
        for number, value in self.fields(message):
            if number == 5:
                self._attribute(value)

    def _attribute(self, message: int | memoryview) -> None:
        for number, value in self.fields(message):
            if number in (5, 10):
                self._tensor(value)
            elif number in (6, 11):
                raise self._refusal("it has control flow: a graph inside an operator")
            elif number in (22, 23):
                raise self._refusal("it has sparse weights")

    def _tensor(self, message: int | memoryview) -> None:
        fields = list(self.fields(message))
        if any(number == 13 or (number == 14 and value != 0) for number, value in fields):
            raise self._refusal(
                "it keeps weights in another file (external data)",
                expected="one file",
                remedy="save it with its weights inside: onnx.save(model, path)",
            )
        kinds = [value for number, value in fields if number == 2 and isinstance(value, int)]
        layouts = {4: "<f4", 10: "<f8", 9: _RAW.get(kinds[-1]) if kinds else None}
        for number, value in fields:
            layout = layouts.get(number)
            if layout is None or not isinstance(value, memoryview):
                continue
            if len(value) % np.dtype(layout).itemsize:
                raise self._damaged()
            if not np.isfinite(np.frombuffer(value, layout)).all():
                raise self._refusal(
                    "a weight is not a number, or infinite",
                    expected="finite weights",
                    remedy="train it again",
                )

    def _domain(self, message: int | memoryview, *, of: int, what: str) -> None:
        for number, value in self.fields(message):
            if number == of and isinstance(value, memoryview):
                name = bytes(value).decode(errors="replace")
                if name not in ("", "ai.onnx"):
                    raise self._refusal(
                        f"it uses {what} of the domain {name}",
                        expected="ONNX's default domain",
                        remedy="export the network with standard layers",
                    )

    def fields(self, message: int | memoryview) -> Iterator[_Field]:
        """Yield each field's number and value: an int for a varint, else its bytes."""
        if isinstance(message, int):
            raise self._damaged()
        position = 0
        while position < len(message):
            self.fields_left -= 1
            if self.fields_left < 0:
                raise self._refusal("it has too many parts", expected="a digit network")
            tag, position = self._varint(message, position)
            wire = tag & 7
            # A parser may drop the bits above 32, and so see another field than this one does.
            if wire not in _WIRES or tag >= 1 << 32:
                raise self._damaged()
            value = _WIRES[wire]
            if wire in (_VARINT, _BYTES):
                value, position = self._varint(message, position)
            if wire == _VARINT:
                yield tag >> 3, value
                continue
            end = position + value
            if end > len(message):
                raise self._damaged()
            yield tag >> 3, message[position:end]
            position = end

    def _varint(self, message: memoryview, position: int) -> tuple[int, int]:
        """Read seven bits a byte, the lowest first, up to a byte below 128; and what follows."""
        value = 0
        for index, byte in enumerate(message[position : position + 10]):
            value |= (byte & 127) << (7 * index)
            if byte < 128:
                return value, position + index + 1
        raise self._damaged()

    def _damaged(self) -> ModelError:
        return self._refusal(
            "it is no ONNX model, or a damaged one",
            remedy="get the file again from where it came from",
        )

    def _refusal(
        self, what: str, *, expected: str | None = None, remedy: str | None = None
    ) -> ModelError:
        return ModelError(what, where=self.where, expected=expected, remedy=remedy)
