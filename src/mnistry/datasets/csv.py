"""CSV files like Kaggle's Digit Recognizer: a header, then one image per row, pixels 0 to 255.

Rows are counted by the lines of the file; the header is row 1.
"""

import io
import itertools
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnistry.datasets.dataset import MAX_ARRAY_BYTES, Dataset, as_split
from mnistry.errors import DataError

PIXELS = tuple(f"pixel{i}" for i in range(28 * 28))
LABEL = "label"

ROWS = 1024  # per block
MAX_ROWS = MAX_ARRAY_BYTES // len(PIXELS)
MAX_LINE = 1 << 16  # bytes; the usual header has about 7,000, a usual row at most 3,139
BOM = b"\xef\xbb\xbf"
NUMBER = re.compile(rb" *\+?[0-9]{1,20} *")  # what NumPy reads as a whole number from 0


def read(path: Path) -> Dataset:
    """Read a CSV file with the columns ``label,pixel0,…,pixel783``, or the same without ``label``.

    Images with labels are a training split; images without labels are a test split, to be
    predicted. A byte order mark, Windows line ends, quoted column names, spaces and empty lines
    are accepted.

    Raises
    ------
    DataError
        If a column is missing or out of place, or a value is not a whole number in its range;
        the message names row and column.
    """
    with path.open("rb") as file:
        columns = _header(file, path)
        images, labels, count = [np.empty((0, len(PIXELS)), np.uint8)], [np.empty(0, np.uint8)], 0
        for block in read_blocks(file, columns, path, row=2):
            images.append(block[:, -len(PIXELS) :])
            labels.append(block[:, 0])
            count += len(block)
            if count > MAX_ROWS:
                raise DataError("too many rows", where=path, expected=f"at most {MAX_ROWS:,}")
    labelled = columns != PIXELS
    split = as_split(
        np.concatenate(images), np.concatenate(labels) if labelled else None, str(path)
    )
    train, test = (split, None) if labelled else (None, split)
    return Dataset(path.name, str(path), "not stated", train, test)


def read_blocks(
    file: io.BufferedIOBase, columns: Sequence[str], where: object, *, row: int
) -> Iterator[NDArray[np.uint8]]:
    """Read a CSV file's rows in blocks of about a thousand.

    Parameters
    ----------
    file
        Read from its current position.
    columns
        Their names. Values go up to 9 in a column called ``label``, else to 255.
    where
        The file's name, for messages.
    row
        The number of the first row, for messages.

    Yields
    ------
    ndarray
        ``uint8``, shape ``(rows, len(columns))``.
    """
    limits = np.array([9 if name == LABEL else 255 for name in columns], np.uint8)
    lines = _lines(file, len(columns), where, row)
    while block := list(itertools.islice(lines, ROWS)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # given 1.5, NumPy 2.0 only warns, and reads 1
                values = np.loadtxt(
                    [line for _, line in block],
                    np.uint8, comments=None, delimiter=",", ndmin=2, encoding="latin1",
                )  # fmt: skip
        except (ValueError, Warning) as error:
            raise _first_fault(block, columns, limits, where) from error
        if values.shape[1] != len(columns) or (values > limits).any():
            raise _first_fault(block, columns, limits, where)
        yield values


def _lines(
    file: io.BufferedIOBase, columns: int, where: object, row: int
) -> Iterator[tuple[int, bytes]]:
    """Yield each line that is not empty, with its row number."""
    while line := file.readline(MAX_LINE):
        if len(line) == MAX_LINE:
            raise DataError(
                "the line is too long",
                where=f"{where}, row {row}",
                expected=f"{columns} values in fewer than {MAX_LINE:,} bytes",
            )
        if content := line.rstrip(b"\r\n"):
            yield row, content
        row += 1


def _header(file: io.BufferedIOBase, path: Path) -> tuple[str, ...]:
    line = file.readline(MAX_LINE).removeprefix(BOM)
    if not line:
        raise DataError("the file is empty", where=path, expected="label,pixel0,…,pixel783")
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


def _first_fault(
    block: Sequence[tuple[int, bytes]],
    columns: Sequence[str],
    limits: NDArray[np.uint8],
    where: object,
) -> DataError:
    """Find the first wrong value or row, and return the error to raise."""
    for row, line in block:
        fields = line.split(b",")
        for name, limit, field in zip(columns, limits, fields, strict=False):
            if not NUMBER.fullmatch(field) or int(field) > limit:
                shown = field[:20].decode(errors="replace") + ("…" if len(field) > 20 else "")
                what = "label" if name == LABEL else "pixel value"
                return DataError(
                    f"{shown!r} is not a {what}" if field else "the field is empty",
                    where=f"{where}, row {row}, column {name}",
                    expected=f"a whole number from 0 to {limit}",
                )
        if len(fields) != len(columns):
            return DataError(
                f"{len(fields)} values", where=f"{where}, row {row}", expected=f"{len(columns)}"
            )
    return DataError(
        "not a table of whole numbers", where=f"{where}, rows {block[0][0]} to {block[-1][0]}"
    )
