"""A sheet of numbers becomes rows and columns, whatever the way it was taken."""

import numpy as np
import pytest

from mnistry.tables.context import numbered, with_hidden_signs

NUMBERS = [["12", "3", ""], ["4", "56", "7"], ["", "8", "90"], ["1", "23", "4"]]


def texts(table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def test_a_scan(reader, sheet) -> None:
    (table,) = reader.read_tables(sheet(NUMBERS))
    assert texts(table) == NUMBERS
    assert [cell.value for cell in table.rows[0]] == [12, 3, None]
    x, y, width, height = table.rows[1][2].box
    assert abs(x - 260) < 4 and abs(y - 100) < 4 and abs(width - 110) < 4 and abs(height - 60) < 4


@pytest.mark.parametrize("degrees", [-11, 9])
def test_a_photo_at_an_angle(reader, sheet, photograph, degrees: float) -> None:
    (table,) = reader.read_tables(photograph(sheet(NUMBERS), degrees, 0.1))
    assert texts(table) == NUMBERS


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_table_that_lies_sideways(reader, sheet, quarters: int) -> None:
    rows = [*NUMBERS, ["25", "4", "7"], ["3", "5", "34"]]
    paper = sheet(rows)
    (table,) = reader.read_tables(np.ascontiguousarray(np.rot90(paper, quarters)))
    assert sum(cell == text for row, own in zip(rows, texts(table), strict=True)
               for cell, text in zip(row, own, strict=True)) >= 16  # of 18 cells  # fmt: skip
    x, y, width, height = table.rows[1][2].box
    left, top = {  # of the cell at 260, 100 in the upright picture, 110 wide and 60 high
        1: (100, 410 - 370), 2: (410 - 370, 440 - 160), 3: (440 - 160, 260)
    }[quarters]  # fmt: skip
    size = (110, 60) if quarters == 2 else (60, 110)
    assert np.abs(np.array([x, y, width, height]) - [left, top, *size]).max() < 5


def test_a_number_that_lacks_the_point_of_all_others_is_unclear() -> None:
    column = ["12.5", "3.1", "4.4", "7.0", "1.2", "125"]
    assert with_hidden_signs(column) == [*column[:-1], "12?5"]
    assert with_hidden_signs(["12", "31", "44", "70", "12", "12.5"])[0] == "12"
    mended = with_hidden_signs(["1.3", "64", "6.3", "95.1", "492"])
    assert mended == ["1.3", "6?4", "6.3", "95.1", "49?2"]


def test_an_unclear_number_of_a_row_is_known_from_the_other_rows_numbers() -> None:
    # First what was read in rows 0 to 4, then the most probable readings.
    assert numbered(["?", "1", "?", "3", "4"], ["0", "1", "2", "3", "4"]) == [2]
    assert numbered(["?", "1", "?", "3", "4"], ["0", "1", "7", "3", "4"]) == []
    assert numbered(["?", "1", "?", "5", "9"], ["0", "1", "2", "5", "9"]) == []


def test_a_mark_that_sticks_out_belongs_to_the_cell_of_its_middle(reader, sheet) -> None:
    paper = sheet(NUMBERS)
    cell = paper[40 + 70 : 40 + 118, 160:250].copy()  # the 56
    paper[40 + 63 : 40 + 117, 154:256] = 235
    paper[40 + 58 : 40 + 62, 154:256] = 60
    paper[40 + 54 : 40 + 102, 160:250] = np.minimum(paper[40 + 54 : 40 + 102, 160:250], cell)
    (table,) = reader.read_tables(paper)
    assert table.rows[0][1].text == "3"
    assert table.rows[1][1].text in ("56", "5?", "?6", "??")


def test_merged_cells_have_their_text_in_the_first(reader, sheet) -> None:
    rows = [["", "", ""], *NUMBERS[1:]]
    paper = sheet(rows)
    number = sheet([["57", "", ""]])[42:96, 42:148]
    paper[42:96, 149:151] = 235  # no wall between the first two cells
    paper[42:96, 97:203] = np.minimum(paper[42:96, 97:203], number)
    (table,) = reader.read_tables(paper)
    assert texts(table)[0] == ["57", "", ""]
    assert texts(table)[1:] == NUMBERS[1:]


def test_a_scribble_is_unclear(reader, sheet) -> None:
    paper = sheet(NUMBERS)
    for y in range(45, 95, 6):
        paper[y : y + 3, 270:350] = 40
        paper[y : y + 6, 270 + (y % 12) * 10 : 276 + (y % 12) * 10] = 40
    (table,) = reader.read_tables(paper)
    assert "?" in table.rows[0][2].text


def test_no_table(reader) -> None:
    assert reader.read_tables(np.full((300, 400), 230, np.uint8)) == []
