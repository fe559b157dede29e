"""The copies of a form: numbered, or one for each row of a list."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from mnistry.errors import DataError, UsageError
from mnistry.forms.code import MAX_SERIAL
from mnistry.forms.loading import MAX_LIST_BYTES, read_text

MAX_COPIES = 10_000
_MAX_NAME = 120
_SERIAL = "serial"


@dataclass(frozen=True)
class Copy:
    """A copy: its serial number, 0 for none, and a name that is printed on each of its pages."""

    serial: int = 0
    name: str = ""


def numbered(count: int) -> tuple[Copy, ...]:
    """Return copies with the serial numbers 1 to `count`.

    Raises
    ------
    UsageError
        If they are more than `MAX_COPIES`.

    Examples
    --------
    >>> numbered(2)
    (Copy(serial=1, name=''), Copy(serial=2, name=''))
    """
    if count > MAX_COPIES:
        raise UsageError(f"{count:,} copies", expected=f"at most {MAX_COPIES:,}")
    return tuple(Copy(serial) for serial in range(1, count + 1))


def of_list(path: Path) -> tuple[Copy, ...]:
    """Return a copy for each row of a CSV file with headings.

    The column ``serial`` has the serial numbers; without it they are 1, 2, 3 … The other columns
    are printed.

    Raises
    ------
    DataError
        If the file cannot be read, has too many rows, or a serial number that is not valid or
        occurs twice; with the line.
    """
    reader = csv.reader(io.StringIO(read_text(path, MAX_LIST_BYTES), newline=""))
    copies: list[Copy] = []
    lines: dict[int, int] = {}
    try:
        headings = [cell.strip().lower() for cell in next(reader, [])]
        for row in reader:
            if not any(map(str.strip, row)):
                continue
            where = f"{path}, line {reader.line_num}"
            if len(copies) == MAX_COPIES:
                raise DataError("too many rows", where=where, expected=f"at most {MAX_COPIES:,}")
            copy = _copy(headings, row, len(copies) + 1, where)
            if copy.serial in lines:
                what = f"serial {copy.serial} is on line {lines[copy.serial]} too"
                raise DataError(what, where=where, remedy="give each row a number of its own")
            lines[copy.serial] = reader.line_num
            copies.append(copy)
    except csv.Error as error:
        raise DataError(f"not CSV: {error}", where=f"{path}, line {reader.line_num}") from None
    if not copies:
        raise DataError(
            "no rows", where=path, expected="a line of headings, and a row for each copy"
        )
    return tuple(copies)


def _copy(headings: list[str], row: list[str], number: int, where: str) -> Copy:
    if len(row) > len(headings):
        raise DataError(
            f"{len(row)} values under {len(headings)} headings",
            where=where,
            remedy="put a value with a comma in quotes",
        )
    values = {heading: value.strip() for heading, value in zip(headings, row, strict=False)}
    serial = values.pop(_SERIAL, str(number))
    if not (serial.isascii() and serial.isdigit() and 1 <= int(serial[:9]) <= MAX_SERIAL):
        raise DataError(
            f'serial "{serial}"', where=where, expected=f"a whole number from 1 to {MAX_SERIAL:,}"
        )
    name = " · ".join(filter(None, values.values()))
    if len(name) > _MAX_NAME or not name.isprintable():
        raise DataError(
            "a row that cannot be printed",
            where=where,
            expected=f"at most {_MAX_NAME} printable characters",
        )
    return Copy(int(serial), name)
