"""Totals that do not add up are named, and nothing else is."""

from mnistry.reading import Cell, Table, numbers
from mnistry.system.spreadsheets import spreadsheet_text
from mnistry.tables import problems


def table(*rows: str) -> Table:
    box = (0, 0, 10, 10)
    cells = [
        tuple(Cell(text, numbers.value(text), 1.0, box) for text in row.split(",")) for row in rows
    ]
    return Table(box, tuple(cells))


def test_columns_and_rows_that_add_up() -> None:
    whole = table("?,?,?", "1.1,2,3.1", "0.2,,0.2", "1.3,2,3.3")
    assert problems(whole, sum_row=True, sum_column=True) == []


def test_a_total_that_does_not_add_up() -> None:
    wrong = table("1,2,3", "4,5,8", "5,7,11")
    assert problems(wrong, sum_column=True) == [
        "row 2: the total is 8, its numbers add up to 9",
        "row 3: the total is 11, its numbers add up to 12",
    ]
    assert problems(wrong, sum_row=True, sum_column=True) == [
        "row 2: the total is 8, its numbers add up to 9"
    ]


def test_what_is_unclear_cannot_be_checked() -> None:
    unclear = table("1,2", "3,4?", "4,6")
    assert problems(unclear, sum_row=True) == ["column 2: it cannot be checked, because of 4?"]
    assert problems(table("1,2", "3,4", ","), sum_row=True) == []


def test_no_cell_becomes_a_formula() -> None:
    assert [spreadsheet_text(text) for text in ("", "-1", "+1.5", "?-", "1-2")] == [
        "", "-1", "+1.5", "?-", "1-2",
    ]  # fmt: skip
    assert [spreadsheet_text(text) for text in ("-1+2", "+1:2", "-?", "-", "=1", "\t1")] == [
        "'-1+2", "'+1:2", "'-?", "'-", "'=1", "'\t1",
    ]  # fmt: skip
