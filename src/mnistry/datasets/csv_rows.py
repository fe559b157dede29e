"""The rows of a CSV file whose columns are known: pixels, and the values of other columns.

Usual rows are parsed as whole arrays of bytes, all others field by field. Knows nothing of headers,
nor of what labels mean.
"""

import csv
import dataclasses
import re
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from mnistry.datasets import names
from mnistry.errors import DataError

NUMBER = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{0,30})?([eE][+-]?[0-9]{1,2})?")
DECIMAL_COMMA = re.compile(rb"(?<=[0-9]),(?=[0-9])")
_CUT_OFF = "zero bytes: the file was not written to its end, so export or copy it again"
_LINE_END = 10
_LAST = 1024  # added to the last number of a line
_MAX_TEXT = 60  # characters of a label
_PIXEL_VALUES = frozenset(map(float, range(256)))


@dataclasses.dataclass(frozen=True)
class Layout:
    """The columns of a table.

    Attributes
    ----------
    columns
        Their names.
    pixels
        The half-open range ``(start, stop)`` of the columns that are pixels.
    separator
        The byte between two columns.
    """

    columns: tuple[str, ...]
    pixels: tuple[int, int]
    separator: bytes = b","

    @property
    def others(self) -> list[int]:
        """The places of the columns that are not pixels."""
        start, stop = self.pixels
        return [*range(start), *range(stop, len(self.columns))]


@dataclasses.dataclass(frozen=True, eq=False)
class Block:
    """Some rows of a table.

    Attributes
    ----------
    pixels
        ``uint8``, shape ``(rows, pixels)``.
    others
        Each other column, by its place: whole numbers or texts, shape ``(rows,)``.
    rows
        Each row's number in the file.
    """

    pixels: NDArray[np.uint8]
    others: dict[int, NDArray[np.generic]]
    rows: NDArray[np.int64]


def read_blocks(
    chunks: Iterable[bytes], layout: Layout, where: object, *, row: int
) -> Iterator[Block]:
    """Parse a table's rows.

    Parameters
    ----------
    chunks
        Whole lines, in pieces of any size.
    layout
        The columns.
    where
        The file's name, for messages.
    row
        The number of the first row, for messages.
    """
    for chunk in chunks:
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n")
        if layout.separator != b"," and b"," in chunk:
            chunk = DECIMAL_COMMA.sub(b".", chunk)
        if not chunk.endswith(b"\n"):
            chunk += b"\n"
        chunk = _without_last_separators(chunk, layout)
        block = _quick(chunk, layout, row)
        if block is None:
            block = _quick(_without_decoration(chunk, layout.separator), layout, row)
        if block is None:
            block = _careful(chunk, layout, where, row)
            row += chunk.count(b"\n")
        else:
            row += len(block.rows)
        if len(block.rows):
            yield block


def _without_last_separators(chunk: bytes, layout: Layout) -> bytes:
    """Remove the separator that ends each row, if the header has no column for it."""
    end = layout.separator + b"\n"
    if chunk.endswith(end) and layout.columns[-1] and chunk.count(end) == chunk.count(b"\n"):
        return chunk.replace(end, b"\n")
    return chunk


def _without_decoration(chunk: bytes, separator: bytes) -> bytes:
    """Remove the quotes if every field is quoted, and the ``.0`` of whole floats."""
    if b"'" in chunk and b'"' not in chunk:
        chunk = chunk.replace(b"'", b'"')
    if b'"' in chunk:
        inner = chunk.replace(b'"' + separator + b'"', separator).replace(b'"\n"', b"\n")
        if inner[:1] != b'"' or inner[-2:] != b'"\n' or inner.count(b'"') != 2:
            return chunk
        chunk = inner[1:-2] + b"\n"
    if b".0" in chunk:
        chunk = chunk.replace(b".0" + separator, separator).replace(b".0\n", b"\n")
    return chunk


def _quick(chunk: bytes, layout: Layout, row: int) -> Block | None:
    """Parse lines whose pixels are short decimal numbers; return None for all other lines."""
    start, stop = layout.pixels
    count = len(layout.columns)
    table = _short_numbers(chunk, count, layout.separator)
    if table is not None:
        others: dict[int, NDArray[np.generic]] = {
            place: table[:, place].astype(np.int64) for place in layout.others
        }
        pixels = np.ascontiguousarray(table[:, start:stop])
    else:  # the other columns may be texts or long numbers
        # Of each line: the columns before the pixels, all pixels as one text, the columns after.
        parts = [
            (*rest[:-1], *rest[-1].rsplit(layout.separator, count - stop))
            for line in chunk.splitlines()
            if (rest := line.split(layout.separator, start))
        ]
        width = len(layout.others) + 1
        if b'"' in chunk or width == 1 or any(len(part) != width for part in parts):
            return None
        body = b"\n".join([part[start] for part in parts]) + b"\n"
        found = _short_numbers(body, stop - start, layout.separator)
        if found is None:
            return None
        pixels = found
        columns = [column for i, column in enumerate(zip(*parts, strict=True)) if i != start]
        others = {}
        for place, column in zip(layout.others, columns, strict=True):
            if not all(map(bytes.isdigit, column)) or max(map(len, column)) > 9:
                return None
            others[place] = np.array(list(map(int, column)), np.int64)
    return Block(pixels, others, np.arange(row, row + len(pixels)))


def _short_numbers(chunk: bytes, columns: int, separator: bytes) -> NDArray[np.uint8] | None:
    """Parse a table of whole numbers from 0 to 255, written in one to three digits each.

    All operations are on whole arrays of bytes, so it takes a third of the time of `np.loadtxt`.
    Every byte must be a digit, a separator or a line's end. For each byte that ends a number, the
    number is the sum of the three digits before it.

    Returns
    -------
    ndarray or None
        ``uint8``, shape ``(rows, columns)``; None if anything else is found.
    """
    codes = np.frombuffer(chunk, np.uint8)
    if len(codes) < 2 or codes[-1] != _LINE_END:
        return None
    digits = np.zeros(len(codes) + 3, np.uint8)  # three zeros stand before the first
    np.subtract(codes, np.uint8(48), out=digits[3:])
    ends = digits[3:] > 9  # a byte below "0" wraps around to a large number
    lines = codes == _LINE_END
    if (((codes == separator[0]) | lines) != ends).any() or ends[0]:
        return None
    pairs = ends[1:] | ends[:-1]
    if (ends[1:] & ends[:-1]).any() or not (pairs[2:] | pairs[:-2]).all():
        return None  # a field is empty or has four digits
    digits[3:] *= ~ends
    last_two = 10 * digits[1:-2] + digits[2:-1]
    hundreds = digits[:-3].copy()
    hundreds[2:] *= ~ends[:-2]  # after a number of one digit it belongs to the number before
    numbers = hundreds * np.uint16(100) + last_two + lines * np.uint16(_LAST)
    found = numbers.take(np.flatnonzero(ends))
    if len(found) % columns:
        return None
    table = found.reshape(-1, columns)
    if (table[:, :-1] > 255).any():
        return None
    if (table[:, -1] < _LAST).any() or (table[:, -1] > _LAST + 255).any():
        return None
    return np.asarray(table, np.uint8)  # _LAST is a multiple of 256


def _careful(chunk: bytes, layout: Layout, where: object, row: int) -> Block:
    """Parse lines with spaces, signs, quotes or floats; raise an error for the first fault."""
    start, stop = layout.pixels
    rows: list[int] = []
    pixels: list[list[int]] = []
    others: list[list[str]] = []
    known: dict[str, int | None] = {}
    for number, line in enumerate(chunk[:-1].split(b"\n"), start=row):
        if not line.strip(b" " + layout.separator):  # as Excel ends tables
            continue
        fields = [text.strip(" ") for text in split_fields(line, layout.separator, where, number)]
        for place in layout.others:
            _check_text(fields[place : place + 1], layout.columns[place], where, number)
        values = []
        for place, text in enumerate(fields[start:stop], start=start):
            if text not in known:
                known[text] = _pixel(text)
            value = known[text]
            if value is None:
                raise _no_pixel(text, f"{where}, row {number}, column {layout.columns[place]}")
            values.append(value)
        if len(fields) != len(layout.columns):
            raise DataError(
                f"{len(fields)} values",
                where=f"{where}, row {number}",
                expected=f"{len(layout.columns)}",
            )
        rows.append(number)
        pixels.append(values)
        others.append([fields[place] for place in layout.others])
    texts = np.array(others, str).reshape(len(rows), len(layout.others))
    columns = {place: texts[:, i] for i, place in enumerate(layout.others)}
    images = np.array(pixels, np.uint8).reshape(-1, stop - start)
    return Block(images, dict(columns), np.array(rows, np.int64))


def _pixel(text: str) -> int | None:
    """Return the pixel's value, or None."""
    value = float(text) if NUMBER.fullmatch(text) else -1.0
    return int(value) if value in _PIXEL_VALUES else None


def _no_pixel(text: str, where: str) -> DataError:
    """Return the error for a text that is not a pixel's value."""
    remedy = None
    if NUMBER.fullmatch(text) and 0 < float(text) < 1:
        remedy = "if the pixels are divided by 255, multiply them by 255 and round"
    elif text.lower() in ("true", "false"):
        remedy = "write 255 for ink and 0 for paper: pixels * 255"
    elif "\0" in text:
        remedy = _CUT_OFF
    return DataError(
        f"{text[:20] + '…' * (len(text) > 20)!r} is not a pixel value"
        if text
        else "the field is empty",
        where=where,
        expected="a whole number from 0 to 255",
        remedy=remedy,
    )


def _check_text(field: Sequence[str], column: str, where: object, row: int) -> None:
    """Raise `DataError` if a field cannot be a label: it is empty, long or unprintable."""
    if column.lower() not in names.LABEL_COLUMNS:
        return
    for text in field:
        if not (text.isprintable() and 0 < len(text) <= _MAX_TEXT):
            raise DataError(
                f"{text[:20]!r} is not a label" if text else "the field is empty",
                where=f"{where}, row {row}, column {column}",
                expected="a whole number from 0 to 9, or a class's name",
                remedy=_CUT_OFF if "\0" in text else None,
            )


def split_fields(line: bytes, separator: bytes, path: object, row: int) -> list[str]:
    """Split a line into its fields, without their quotes.

    Raises
    ------
    DataError
        If quotes do not match.
    """
    text = line.decode("utf-8", errors="replace")
    if '"' not in text and text.startswith("'"):
        text = text.replace("'", '"')
    if '"' not in text:
        return text.split(separator.decode())
    try:
        (fields,) = csv.reader([text], delimiter=separator.decode(), strict=True)
    except (csv.Error, ValueError) as error:
        raise DataError(
            f"quotes that do not match: {error}",
            where=f"{path}, row {row}",
            expected='fields as "8" or 8',
        ) from error
    return fields
