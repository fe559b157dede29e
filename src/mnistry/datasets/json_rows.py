"""Images and labels in JSON: an array of rows or of objects, an object of arrays, or JSON Lines.

Rows are as in a CSV file without a header: the pixels, with the label first or last. In objects the
keys tell which values are images and labels. Knows nothing of what the labels mean.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistry.datasets import csv, names
from mnistry.datasets.assemble import Source
from mnistry.datasets.dataset import AS_IS, Origin
from mnistry.datasets.text_files import pieces
from mnistry.errors import DataError

MAX_BYTES = 400_000_000  # Python's lists take six times as much memory

_EXPECTED = "rows of pixels with a label, or objects with an image and a label"


def source(path: Path, how: Origin = AS_IS) -> Source:
    """Read a JSON file, or one with a JSON object or array in each line.

    Raises
    ------
    DataError
        If it is damaged, too large, or holds neither rows nor named images.
    """
    value = _parsed(path)
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        keys = [key for key in value[0] if all(key in row for row in value)]
        value = {key: [row[key] for row in value] for key in keys}
    if isinstance(value, dict):
        arrays = {
            str(name): array
            for name, column in value.items()
            if isinstance(cells := _cells(column), list) and (array := _array(cells)) is not None
        }
        arrays = _with_pixels_joined(arrays, path)
        chosen, notices = names.choose_arrays({n: a.shape for n, a in arrays.items()}, how, path)
        found = {key: arrays[name] for key, name in chosen.items()}
        return Source(path, found, chosen, names.classes_of(path), notices=notices)
    table = _array(value) if isinstance(value, list) else None
    if table is None or table.ndim < 2 or table.dtype.kind not in "iuf":
        raise DataError("unexpected JSON", where=path, expected=_EXPECTED)
    if table.shape[1:] == (len(csv.PIXELS) + 1,):
        return _labelled_rows(table, path)
    return Source(path, {"x_test": table}, classes=names.classes_of(path))


def _cells(column: Any) -> Any:
    """Return a column's cells; pandas writes an object of them, by the rows' names."""
    return list(column.values()) if isinstance(column, dict) else column


def _with_pixels_joined(arrays: dict[str, NDArray[Any]], path: Path) -> dict[str, NDArray[Any]]:
    """Return arrays; columns of one pixel each become one array of images."""
    columns = [name for name, array in arrays.items() if array.ndim == 1]
    if len(columns) < csv.FEWEST_PIXELS or len({len(arrays[name]) for name in columns}) > 1:
        return arrays
    start, stop = csv.pixel_columns(columns, path)
    pixels = columns[start:stop]
    side = math.isqrt(len(pixels))
    rest = {name: array for name, array in arrays.items() if name not in pixels}
    label, _ = names.label_column(list(rest), path)
    joined = np.stack([arrays[name] for name in pixels], axis=1).reshape(-1, side, side)
    return {"images": joined} | ({"labels": rest[label]} if label is not None else {})


def _parsed(path: Path) -> Any:
    content = bytearray()
    for piece in pieces(path):
        content += piece
        if len(content) > MAX_BYTES:
            raise DataError("too large", where=path, expected=f"at most {MAX_BYTES:,} bytes")
    try:
        text = content.decode("utf-8-sig")
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            if error.msg != "Extra data":
                raise
        return _lines(text)
    except json.JSONDecodeError as error:
        what = f"damaged JSON: {str(error)[:200]}"
        # If the text ends within a number or word, the error is at the start of that.
        if not error.doc[error.pos :].strip(" \n\r\t0123456789.-+eEtrufalsn"):
            what = f"JSON that is cut off in line {error.lineno}"
        raise DataError(what, where=path, remedy="export, download or copy it again") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"damaged JSON: {str(error)[:200]}", where=path) from error


def _lines(text: str) -> list[Any]:
    """Parse a value in each line; an error has the line's number."""
    values = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            if line.strip():
                values.append(json.loads(line))
        except json.JSONDecodeError as error:
            error.lineno = number
            raise
    return values


def _array(values: list[Any]) -> NDArray[Any] | None:
    """Return lists of equal lengths as an array, else None."""
    try:
        array = np.array(values)
    except (ValueError, OverflowError):
        return None
    return array if array.dtype.kind in "biufU" else None


def _labelled_rows(table: NDArray[Any], path: Path) -> Source:
    """Make a source of rows with a label before or after the pixels.

    Outer pixels are always 0, so the label is at the end where other numbers stand.
    """
    ends = [table[:, 0], table[:, -1]]
    is_pixel = [bool((end == 0).all()) for end in ends]
    if is_pixel[0] == is_pixel[1]:
        raise DataError(
            "neither the first nor the last number of the rows is clearly the label",
            where=path,
            expected='objects: {"label": 7, "image": [0, …]}',
        )
    if is_pixel[0]:
        images, labels = table[:, :-1], ends[1]
    else:
        images, labels = table[:, 1:], ends[0]
    arrays = {"x_train": images, "y_train": labels}
    return Source(path, arrays, classes=names.classes_of(path))
