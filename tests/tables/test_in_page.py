"""A page with a table is read by the table's cells, and what stands beside it as before."""

import dataclasses

import cv2
import numpy as np
import pytest

import mnistry
from mnistry.images import sources
from mnistry.reading import Reader, result
from mnistry.reading.result import Digit
from mnistry.tables import in_page
from mnistry.tables.cells import Sheet
from mnistry.tables.reader import read_in_detail

SIDE, MARGIN = 40, 80
SUDOKU = ["491375268", "576829314", "832164975", "7236 1459"]


def page(rows: list[str], *, wide: int = SIDE, high: int = SIDE, size: int = 44) -> np.ndarray:
    """Rule cells with thick lines and write a real digit in the middle of each."""
    images, labels = mnistry.load("sample").train
    random = np.random.default_rng(0)
    height, width = len(rows) * high + 2 * MARGIN, len(rows[0]) * wide + 2 * MARGIN
    paper = np.full((height, width), 235, np.uint8)
    for y in range(MARGIN, height - MARGIN + 1, high):
        paper[y - 2 : y + 2, MARGIN - 2 : 2 - MARGIN] = 60
    for x in range(MARGIN, width - MARGIN + 1, wide):
        paper[MARGIN - 2 : 2 - MARGIN, x - 2 : x + 2] = 60
    for i, row in enumerate(rows):
        for j, text in enumerate(row):
            if text != " ":
                image = images[labels == int(text)][random.integers(0, 20)]
                middle = MARGIN + j * wide + wide // 2, MARGIN + i * high + high // 2
                write(paper, image, *middle, size)
    return paper


def write(paper: np.ndarray, image: np.ndarray, x: int, y: int, size: int = 44) -> None:
    ink = cv2.resize(image, (size, size), interpolation=cv2.INTER_CUBIC)
    part = paper[y - size // 2 :, x - size // 2 :][:size, :size]
    np.minimum(part, 235 - np.minimum(ink, 200), out=part)


@pytest.mark.parametrize("degrees", [0, 8])
def test_rows_of_boxes_are_numbers_and_an_empty_box_parts_them(
    reader: Reader, photograph, degrees: int
) -> None:
    paper = page(SUDOKU)
    found = reader.read(photograph(paper, degrees, 0.1) if degrees else paper)
    assert len(found.lines) == 4
    for line, row in zip(found.lines, SUDOKU, strict=True):
        assert len(line) == len(row)
        assert all(a in ("?", b) for a, b in zip(line, row, strict=True))
    assert found.text.count("?") <= 3
    assert len(found.numbers) == 5
    assert len(found.digits) == 35
    (note,) = found.notes
    assert "4 rows and 9 columns" in note


def test_every_digit_lies_in_its_cell(reader: Reader) -> None:
    detail = reader.read_in_detail(page(SUDOKU))
    assert len(detail.forms) == len(detail.probabilities) == len(detail.reading.digits)
    places = [(i, j) for i, row in enumerate(SUDOKU) for j, text in enumerate(row) if text != " "]
    for digit, (i, j) in zip(detail.reading.digits, places, strict=True):
        x, y, width, height = digit.box
        assert abs(x + width / 2 - (MARGIN + (j + 0.5) * SIDE)) < SIDE / 4
        assert abs(y + height / 2 - (MARGIN + (i + 0.5) * SIDE)) < SIDE / 4
        assert digit.line == i


def test_cells_that_are_no_squares_hold_numbers_of_their_own(reader: Reader) -> None:
    found = reader.read(page(SUDOKU, wide=64))
    assert found.lines[0] == "4 9 1 3 7 5 2 6 8"


def test_what_stands_beside_a_table_is_kept(reader: Reader) -> None:
    images, labels = mnistry.load("sample").train
    paper = page(SUDOKU)
    for i, digit in enumerate((5, 8)):
        write(paper, images[labels == digit][0], 120 + 26 * i, 40)
    found = reader.read(paper)
    assert len(found.lines) == 5
    assert found.lines[0] == "58"
    assert found.digits[0].box[1] < MARGIN


def test_no_part_of_an_unclear_cell_is_a_number(reader: Reader) -> None:
    (one,) = read_in_detail(reader, sources.one_page(page(SUDOKU, wide=64), 1600, None))
    cells = [[result.Cell(text, None, 0.5, (0, 0, 9, 9)) for text in ("5 1/?", "5 1/2")]]
    table = dataclasses.replace(
        one, table=result.Table((0, 0, 18, 9), tuple(map(tuple, cells))), lines=()
    )
    (row,) = in_page._rows(table)
    assert "".join(map(str, row.marks)) == "51/? 5 1/2"


@pytest.mark.parametrize(("x", "width", "is_table"), [(44, 12, True), (34, 12, False)])
def test_marks_that_cross_walls_are_no_table_but_written_on_squared_paper(
    x: int, width: int, is_table: bool
) -> None:
    walls = np.arange(0, 201, 20)
    owner = np.zeros((200, 200), np.int32)
    # Walls are 20 pixels apart. From column 44 the mark lies within a cell; from 34 it crosses the
    # wall at 40. One crossing mark among 15 is enough for squared paper.
    owner[64:76, x : x + width] = 33
    for other in range(10):
        owner[104:116, 20 * other + 4 : 20 * other + 16] = 51 + other
    for other in range(4):
        owner[144:156, 20 * other + 4 : 20 * other + 16] = 71 + other
    sheet = Sheet(np.zeros((200, 200), np.float32), owner, walls, walls)
    assert in_page._is_written_in_cells(sheet) is is_table


def test_characters_without_a_known_place_are_spread_over_their_cell() -> None:
    cell = result.Cell("1.?", None, 0.5, (10, 20, 30, 40))
    row = in_page._spread(cell)
    assert "".join(map(str, row.marks)) == "1.?"
    assert [mark.box for mark in row.marks] == [(10 + 10 * i, 20, 10, 40) for i in range(3)]
    digits = [mark for mark in row.marks if isinstance(mark, Digit)]
    assert [digit.confidence for digit in digits] == [0.5, 0.0]
    assert row.forms.shape == (2, 28, 28)


def test_print_in_cells_does_not_hide_a_table_of_numbers(reader: Reader) -> None:
    paper = page(["495", "576", "832"], wide=64)[:, MARGIN - 2 :]
    labels = np.full((len(paper), 402), 235, np.uint8)
    for y in range(MARGIN, MARGIN + 121, SIDE):
        labels[y - 2 : y + 2, 20:] = 60
    for x in range(20, 400, 95):
        labels[MARGIN : MARGIN + 120, x : x + 4] = 60
    for i in range(3):
        for x in range(27, 330, 95):
            where = (x, MARGIN + SIDE * i + 27)
            cv2.putText(labels, "Sample", where, cv2.FONT_HERSHEY_SIMPLEX, 0.7, 40, 2)
    found = reader.read(np.hstack([labels, paper]))
    for line, row in zip(found.lines, ("4 9 5", "5 7 6", "8 3 2"), strict=True):
        assert all(a in ("?", b) for a, b in zip(line[-5:], row, strict=True))
    assert sum("?" not in number.text for number in found.numbers) >= 8
