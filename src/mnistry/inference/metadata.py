"""The notes that an ONNX file carries: which run it is of, how accurate it is, who may use it.

Knows nothing of runs.
"""

from collections.abc import Mapping

from mnistry.errors import ModelError
from mnistry.inference.protobuf import Parser, field

_METADATA_PROPS = 14  # of a ModelProto, in github.com/onnx/onnx/blob/main/onnx/onnx.proto
_KEY, _VALUE = 1, 2


def add(content: bytes, notes: Mapping[str, str]) -> bytes:
    """Return a serialised ONNX model with these notes added.

    Protobuf messages that follow one another are merged, so they are appended.

    Examples
    --------
    >>> read(add(b"", {"data": "mnist"}))
    {'data': 'mnist'}
    """
    entries = (
        field(_KEY, key.encode()) + field(_VALUE, value.encode()) for key, value in notes.items()
    )
    return content + b"".join(field(_METADATA_PROPS, entry) for entry in entries)


def read(content: bytes, where: str = "the ONNX model") -> dict[str, str]:
    """Return the notes of a serialised ONNX model.

    Raises
    ------
    ModelError
        If it is damaged.
    """
    parser = Parser(where)
    notes: dict[str, str] = {}
    try:
        for entry in parser.values(memoryview(content), _METADATA_PROPS):
            key, value = ("".join(parser.texts(entry, number)) for number in (_KEY, _VALUE))
            notes[key] = value
    except UnicodeDecodeError as error:
        raise ModelError("it has a note that is not text", where=where) from error
    return notes
