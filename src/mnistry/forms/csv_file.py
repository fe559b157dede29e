"""Read CSV that a person or a spreadsheet program wrote, with commas, semicolons or tabs."""

import csv
import io
import re
from pathlib import Path

from mnistry.errors import DataError

_SEPARATORS = ",;\t"
_TOLD = re.compile(f"sep=([{_SEPARATORS}])[\r\n]", re.IGNORECASE)
_QUOTED = re.compile('"[^"]*"')


def rows(text: str, where: Path) -> list[tuple[int, list[str]]]:
    r"""Return the rows that are not blank, with their lines; no cell begins or ends with a space.

    The separator is the one that is most frequent in the first line, or that of a line ``sep=;``,
    which tells it to Excel.

    Raises
    ------
    DataError
        If it is not CSV; with the line.

    Examples
    --------
    >>> rows("serial;name\n\n7;Berg, Anna\n", Path("list.csv"))
    [(1, ['serial', 'name']), (3, ['7', 'Berg, Anna'])]
    """
    head = _QUOTED.sub("", text.lstrip().partition("\n")[0].partition("\r")[0])
    separator = max(_SEPARATORS, key=head.count)
    told = _TOLD.match(text)
    if told is not None:
        separator = told[1]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        every = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise DataError(f"not CSV: {error}", where=f"{where}, line {reader.line_num}") from None
    return [(line, row) for line, row in every[told is not None :] if any(row)]


def records(text: str, where: Path) -> list[tuple[int, dict[str, str]]]:
    r"""Return each row below the headings as a dict, with its line.

    Raises
    ------
    DataError
        If it is not CSV, has no rows, a heading occurs twice or is missing above a value, or the
        headings are numbers.

    Examples
    --------
    >>> records("serial,name\n7,Anna\n8\n", Path("list.csv"))
    [(2, {'serial': '7', 'name': 'Anna'}), (3, {'serial': '8', 'name': ''})]
    """
    found = rows(text, where)
    if len(found) < 2:
        raise DataError("no rows", where=where, expected="a line of headings, and rows below it")
    (first, headings), *below = found
    twice = next((one for one in headings if one and headings.count(one) > 1), None)
    if twice is not None:
        raise DataError(
            f'two columns have the heading "{twice}"',
            where=f"{where}, line {first}",
            remedy="give each a name of its own",
        )
    if any(heading.isdecimal() for heading in headings):
        raise DataError(
            "a number among the headings",
            where=f"{where}, line {first}",
            expected="a line of headings above the rows",
            remedy="add it",
        )
    made = []
    for line, row in below:
        values = dict(zip(headings, row + [""] * (len(headings) - len(row)), strict=False))
        if any(row[len(headings) :]) or values.pop("", ""):
            raise DataError(
                f"{len(row)} values under {sum(map(bool, headings))} headings",
                where=f"{where}, line {line}",
                remedy="put a value with a comma in quotes, and a heading above each column",
            )
        made.append((line, values))
    return made
