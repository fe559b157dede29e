"""Check a table against itself: totals that do not add up. Changes nothing."""

from collections.abc import Sequence
from decimal import Decimal

from mnistry.reading import Cell, Table


def problems(table: Table, *, sum_row: bool = False, sum_column: bool = False) -> list[str]:
    """Return a sentence for each total that does not add up, or that cannot be checked.

    Headings are skipped: cells without a value in the first row or the first column. So are columns
    and rows without a total.

    Parameters
    ----------
    sum_row
        Whether the last row has the totals of the columns.
    sum_column
        Whether the last column has the totals of the rows.

    Examples
    --------
    >>> box = (0, 0, 9, 9)
    >>> rows = [[Cell(text, int(text), 1.0, box) for text in row] for row in ("12", "34", "47")]
    >>> problems(Table(box, tuple(map(tuple, rows))), sum_row=True)
    ['column 2: the total is 7, its numbers add up to 6']
    """
    found = []
    if sum_column:
        rows = table.rows[:-1] if sum_row else table.rows
        found += _checked("row", rows)
    if sum_row:
        columns = list(zip(*table.rows, strict=True))
        found += _checked("column", columns)
    return found


def _checked(kind: str, lines: Sequence[Sequence[Cell]]) -> list[str]:
    found = []
    for number, line in enumerate(lines, 1):
        total = line[-1]
        parts = [cell for i, cell in enumerate(line[:-1]) if i or cell.value is not None]
        parts = [cell for cell in parts if cell.text]
        if not total.text or not parts:
            continue
        unknown = [cell.text for cell in (*parts, total) if cell.value is None]
        if unknown:
            if any(cell.value is not None for cell in parts):
                found.append(f"{kind} {number}: it cannot be checked, because of {unknown[0]}")
            continue
        added = sum(Decimal(str(cell.value)) for cell in parts)
        if added != Decimal(str(total.value)):
            message = f"{kind} {number}: the total is {total.value}, its numbers add up to {added}"
            found.append(message)
    return found


def spreadsheet_text(text: str) -> str:
    """Return a cell's text so that no spreadsheet takes it for a formula.

    Examples
    --------
    >>> spreadsheet_text("-6"), spreadsheet_text("-6+2"), spreadsheet_text("+?")
    ('-6', "'-6+2", "'+?")
    """
    is_number = text[1:].replace(".", "", 1).replace(",", "", 1).isdecimal()
    return f"'{text}" if text[:1] in ("+", "-", "=", "@") and not is_number else text
