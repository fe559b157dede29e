"""Kaggle's Digit Recognizer files: a header, then one image a row, pixels from 0 to 255.

Knows nothing of files but their text. A row is a line of the file; the header is row 1.
"""

import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from mnistry.datasets.dataset import MAX_ARRAY_BYTES, Dataset, as_split
from mnistry.errors import DataError

PIXELS = tuple(f"pixel{i}" for i in range(28 * 28))
LABEL = "label"

BLOCK = 1 << 20
MAX_LINE = 1 << 16  # ten times what the longest right one takes
BOM = b"\xef\xbb\xbf"
COMMA, NEWLINE, ZERO = b",\n0"
NUMBER = re.compile(rb"[0-9]{1,3}")


def read(path: Path) -> Dataset:
    """Read a CSV file with the columns ``label,pixel0,…,pixel783``, or the same without ``label``.

    With labels the images are for training, without them they are a test split to predict. A
    byte order mark, Windows line ends, quoted column names and empty lines are accepted.

    Raises
    ------
    DataError
        If a column is missing or out of place, or a value is no whole number in its range; the
        message names row and column.
    """
    with path.open("rb") as file:
        columns = _header(file, path)
        # Not one row of a well-formed file is shorter than this; memory is only taken when used.
        rows = path.stat().st_size // (2 * len(columns)) + 1
        rows = min(rows, MAX_ARRAY_BYTES // len(PIXELS))
        images, labels, count = np.empty((rows, len(PIXELS)), np.uint8), np.empty(rows, np.uint8), 0
        for block in read_blocks(file, columns, path, row=2):
            end = count + len(block)
            if end > rows:
                raise DataError("too many rows", where=path, expected=f"at most {rows:,}")
            images[count:end] = block[:, -len(PIXELS) :]
            labels[count:end] = block[:, 0]
            count = end
    if columns == PIXELS:
        test = as_split(images[:count], None, str(path))
        return Dataset(path.name, str(path), "not stated", None, test)
    train = as_split(images[:count], labels[:count], str(path))
    return Dataset(path.name, str(path), "not stated", train, None)


def read_blocks(
    file: io.BufferedIOBase, columns: Sequence[str], where: object, *, row: int
) -> Iterator[NDArray[np.uint8]]:
    """Yield a file's rows, some thousand at a time.

    Parameters
    ----------
    file
        Read from where it stands.
    columns
        Their names; in one called ``label`` the values go to 9, in the others to 255.
    where
        The file's name, for messages.
    row
        The number of the first row to be read, for messages.

    Yields
    ------
    ndarray
        ``uint8``, shape ``(rows, len(columns))``.
    """
    limits = np.array([9 if name == LABEL else 255 for name in columns], np.uint16)
    rest = b""
    while block := file.read(BLOCK):
        lines, newline, rest = (rest + block).rpartition(b"\n")
        if len(rest) > MAX_LINE:
            row += (lines + newline).count(b"\n")
            raise DataError(
                "a line without an end",
                where=f"{where}, row {row}",
                expected=f"{len(columns)} values in at most {MAX_LINE:,} bytes",
            )
        if newline:
            yield _values(lines + newline, columns, limits, where, row)
            row += lines.count(b"\n") + 1
    if rest:
        yield _values(rest + b"\n", columns, limits, where, row)


def _header(file: io.BufferedIOBase, path: Path) -> tuple[str, ...]:
    line = file.readline(MAX_LINE).removeprefix(BOM)
    if not line:
        raise DataError("an empty file", where=path, expected="label,pixel0,…,pixel783")
    names = tuple(name.strip().strip('"') for name in line.decode(errors="replace").split(","))
    expected = (LABEL, *PIXELS) if names[0] == LABEL else PIXELS
    if names == expected:
        return names
    for column, (name, right) in enumerate(zip(names, expected, strict=False), start=1):
        if name != right:
            raise DataError(
                f"column {column} is {name[:20]!r}",
                where=f"{path}, row 1",
                expected=f"{right!r}, as in label,pixel0,…,pixel783, separated by commas",
            )
    raise DataError(
        f"{len(names)} columns", where=f"{path}, row 1", expected=f"{len(expected)}, to pixel783"
    )


def _values(
    text: bytes, columns: Sequence[str], limits: NDArray[np.uint16], where: object, row: int
) -> NDArray[np.uint8]:
    text = text.replace(b"\r\n", b"\n")
    values = _parse_block(text, limits)
    # Only what is not exactly as it should be is looked at value by value.
    return _parse_lines(text, columns, limits, where, row) if values is None else values


def _parse_block(text: bytes, limits: NDArray[np.uint16]) -> NDArray[np.uint8] | None:
    """Parse whole lines at once; None if anything in them is out of order."""
    data = np.frombuffer(text, np.uint8)
    digits = data - np.uint8(ZERO)  # below "0" it wraps around, so that only digits are 0 to 9
    ends = np.flatnonzero(digits > 9)
    if len(ends) % len(limits):
        return None
    separators = data[ends].reshape(-1, len(limits))
    if (separators[:, :-1] != COMMA).any() or (separators[:, -1] != NEWLINE).any():
        return None
    lengths = np.diff(ends, prepend=-1) - 1
    if lengths.min() < 1 or lengths.max() > 3:
        return None
    values = digits[ends - 1].astype(np.uint16)
    for place, weight in ((2, 10), (3, 100)):
        values += np.where(lengths >= place, digits[ends - place], 0) * np.uint16(weight)
    rows = values.reshape(-1, len(limits))
    return None if (rows > limits).any() else rows.astype(np.uint8)


def _parse_lines(
    text: bytes, columns: Sequence[str], limits: NDArray[np.uint16], where: object, row: int
) -> NDArray[np.uint8]:
    """Parse line by line, to name the first value that is wrong."""
    rows = []
    for number, line in enumerate(text.removesuffix(b"\n").split(b"\n"), start=row):
        if not line:
            continue
        fields = line.split(b",")
        for name, limit, field in zip(columns, limits, fields, strict=False):
            if not NUMBER.fullmatch(field) or int(field) > limit:
                _refuse(field, f"{where}, row {number}, column {name}", limit)
        if len(fields) != len(columns):
            raise DataError(
                f"{len(fields)} values", where=f"{where}, row {number}", expected=f"{len(columns)}"
            )
        rows.append(np.array([int(field) for field in fields], np.uint8))
    return np.array(rows, np.uint8).reshape(-1, len(columns))


def _refuse(field: bytes, where: str, limit: int) -> NoReturn:
    shown = field[:20].decode(errors="replace") + ("…" if len(field) > 20 else "")
    raise DataError(
        f"{shown!r} is no {'label' if limit == 9 else 'pixel value'}"
        if field
        else "an empty field",
        where=where,
        expected=f"a whole number from 0 to {limit}",
    )
