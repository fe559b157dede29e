"""The notes that an ONNX file carries: which run made it, how accurate it is, and its licence.

A taught network's thresholds are notes too, so that they go with the file. Knows nothing of runs.
"""

from collections.abc import Mapping

from mnistry.errors import ModelError
from mnistry.inference.protobuf import Parser, field

_METADATA_PROPS = 14  # of a ModelProto, in github.com/onnx/onnx/blob/main/onnx/onnx.proto
_KEY, _VALUE = 1, 2
_THRESHOLDS = ("threshold", "threshold_unformed")


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


def thresholds(usual: float, unformed: float) -> dict[str, str]:
    """Return the notes for the reader's thresholds; see `read_thresholds`."""
    return dict(zip(_THRESHOLDS, map(repr, (usual, unformed)), strict=True))


def read_thresholds(content: bytes, where: str = "the ONNX model") -> tuple[float, float] | None:
    """Return a model's two thresholds.

    Returns
    -------
    tuple of float, or None
        The usual threshold, and that for an image of 28x28 pixels that is not prepared as MNIST's
        images are; None if the model has none.

    Raises
    ------
    ModelError
        If it is damaged, or a threshold is not a probability.

    Examples
    --------
    >>> read_thresholds(add(b"", thresholds(0.7, 0.85)))
    (0.7, 0.85)
    """
    notes = read(content, where)
    found = [notes[name] for name in _THRESHOLDS if name in notes]
    if not found:
        return None
    try:
        usual, unformed = map(float, found)
    except ValueError:
        usual = unformed = -1.0
    if not (0 <= usual <= 1 and 0 <= unformed <= 1):
        raise ModelError(
            f"its thresholds are {', '.join(found)}",
            where=where,
            expected="two probabilities",
            remedy="teach the network again",
        )
    return usual, unformed
