"""Protobuf's wire format: read a message field by field, and write a field.

The half of mnistry that reads digits does without the onnx package. The format is at
protobuf.dev/programming-guides/encoding. Knows nothing of what the fields mean.
"""

import re
from collections.abc import Iterator

from mnistry.errors import ModelError
from mnistry.inference.model_bytes import AGAIN

MAX_FIELDS = 100_000  # a network of 300 operators has about 5,000

_VARINT, _BYTES = 0, 2  # the wire types whose size is not fixed
_SIZES = {_VARINT: 0, _BYTES: 0, 1: 8, 5: 4}  # of each wire type, in bytes; 0 if it is not fixed

Value = int | memoryview

# One or more of an AttributeProto's floats (field 7), ints (8) and strings (9) below 32 bytes. They
# begin with 0x3d, 0x40 and 0x4a: 8 times the field's number, and its wire type.
_STRINGS = b"|".join(re.escape(bytes([size])) + b"." * size for size in range(32))
_PLAIN_LISTS = re.compile(
    rb"(?:\x3d.{4}|\x40[\x80-\xff]{0,9}+[\x00-\x7f]|\x4a(?:" + _STRINGS + rb"))++", re.DOTALL
)


class Parser:
    """Parses the messages of one model; `where` is its name in errors."""

    def __init__(self, where: str) -> None:
        self.where = where
        self._fields_left = MAX_FIELDS

    def fields(self, message: Value) -> Iterator[tuple[int, Value]]:
        """Yield each field's number and value: an int for a varint, else its bytes.

        Raises
        ------
        ModelError
            If the message is damaged, or the model has more than `MAX_FIELDS` fields.
        """
        if isinstance(message, int):
            raise self.damaged()
        position = 0
        while position < len(message):
            number, value, position = self._field(message, position)
            yield number, value

    def attribute_fields(self, message: Value) -> Iterator[tuple[int, Value]]:
        """Yield an operator's attribute like `fields`, but pass over its lists of plain values.

        A forest of 100 trees has twenty million numbers and strings in such lists, each a field.
        """
        if isinstance(message, int):
            raise self.damaged()
        position = 0
        while position < len(message):
            plain = _PLAIN_LISTS.match(message, position)
            if plain:
                position = plain.end()
            else:
                number, value, position = self._field(message, position)
                yield number, value

    def _field(self, message: memoryview, position: int) -> tuple[int, Value, int]:
        """Read one field; return its number, its value and the next position."""
        self._fields_left -= 1
        if self._fields_left < 0:
            what = "it has too many parts"
            raise ModelError(what, where=self.where, expected="a digit network")
        tag, position = self._varint(message, position)
        wire = tag & 7
        # Another parser may drop the bits above 32, and so see a different field.
        if wire not in _SIZES or tag >= 1 << 32:
            raise self.damaged()
        size = _SIZES[wire]
        if wire == _VARINT:
            value, position = self._varint(message, position)
            return tag >> 3, value, position
        if wire == _BYTES:
            size, position = self._varint(message, position)
        end = position + size
        if end > len(message):
            raise self.damaged()
        return tag >> 3, message[position:end], end

    def values(self, message: Value, wanted: int) -> Iterator[Value]:
        """Yield the values of all fields of one number."""
        return (value for number, value in self.fields(message) if number == wanted)

    def texts(self, message: Value, wanted: int) -> tuple[str, ...]:
        """Return the strings of all fields of one number; UnicodeDecodeError for other bytes."""
        values = self.values(message, wanted)
        return tuple(bytes(value).decode() for value in values if isinstance(value, memoryview))

    def _varint(self, message: memoryview, position: int) -> tuple[int, int]:
        """Read seven bits per byte, the lowest first; return the number and the next position."""
        value = 0
        for index, byte in enumerate(message[position : position + 10]):
            value |= (byte & 127) << (7 * index)
            if byte < 128:
                return value, position + index + 1
        raise self.damaged()

    def damaged(self) -> ModelError:
        """Make the error of a damaged model."""
        what = "it is not an ONNX model, or a damaged one"
        return ModelError(what, where=self.where, remedy=AGAIN)


def field(number: int, content: bytes) -> bytes:
    r"""Write a field of bytes; its number is at most 15.

    Examples
    --------
    >>> field(7, b"graph")
    b':\x05graph'
    """
    length, size = b"", len(content)
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | _BYTES]) + length + bytes([size]) + content
