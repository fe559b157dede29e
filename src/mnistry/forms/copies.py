"""The copies of a form: numbered, or one for each row of a list."""

from dataclasses import dataclass
from pathlib import Path

from mnistry.errors import DataError, UsageError
from mnistry.forms import csv_file
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
    copies: list[Copy] = []
    lines: dict[int, int] = {}
    for line, values in csv_file.records(read_text(path, MAX_LIST_BYTES), path):
        where = f"{path}, line {line}"
        if len(copies) == MAX_COPIES:
            raise DataError("too many rows", where=where, expected=f"at most {MAX_COPIES:,}")
        copy = _copy(values, len(copies) + 1, where)
        if copy.serial in lines:
            what = f"serial {copy.serial} is on line {lines[copy.serial]} too"
            raise DataError(what, where=where, remedy="give each row a number of its own")
        lines[copy.serial] = line
        copies.append(copy)
    return tuple(copies)


def _copy(values: dict[str, str], number: int, where: str) -> Copy:
    column = next((heading for heading in values if heading.lower() == _SERIAL), None)
    serial = str(number) if column is None else values.pop(column)
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
