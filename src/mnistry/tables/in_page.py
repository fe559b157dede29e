"""A page's tables as lines of numbers, beside what else is written on it.

A page is read by its lines, which ruled lines and walls between cells disturb. Where it holds a
table, the table's cells are read better each by itself.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mnistry.images.decode import Page
from mnistry.images.mnist_form import SIDE, Box
from mnistry.reading import Reader, numbers, reader, result
from mnistry.reading.components import components
from mnistry.reading.ink import find_ink
from mnistry.reading.result import Candidate, DetailedReading, Digit, Sign
from mnistry.tables.cells import Patch, Sheet
from mnistry.tables.reader import DetailedTable, in_picture, read_in_detail

# So many cells, and this part of all with something in them, must be sure.
_FEW, _LEAST = 4, 0.5
# More cells are squared paper.
_MOST = 1500
# Cells are boxes of single digits if they are at most so many times as long as high, or as high as
# long.
_SQUARE = 1.4
# Of them at most this part may seem to hold more, such as a digit that was taken for two marks.
_UNUSUAL = 0.1

# On squared paper more than this part of all marks cross a wall, on each side by this part of a
# cell's shorter side; marks lower than this part of a row are signs. 95 % of 60 generated tables
# have less than 0.032 of such marks, squared pages 0.11 to 0.6.
_CROSSING, _DEEP, _SMALL = 0.06, 0.15, 0.2

Mark = Digit | Sign


@dataclasses.dataclass(frozen=True, eq=False)
class _Row:
    """A line of numbers; and for each of its digits the digit network's input and output."""

    top: float
    marks: Sequence[Mark]
    forms: NDArray[np.uint8]
    probabilities: NDArray[np.float32]


def with_tables(by: Reader, page: Page, found: DetailedReading) -> DetailedReading:
    """Read a page's tables by their cells, if that leaves less unclear.

    Parameters
    ----------
    by
        The reader.
    page
        The page.
    found
        How it was read by its lines.

    Returns
    -------
    DetailedReading
        A row of a table is a line. What stands in two cells is two numbers; but a row of square
        cells with single digits is one number, as in boxes on a form. What stands beside the tables
        is as it was. If the tables were not read better, `found`.
    """
    tables = [one for one in read_in_detail(by, page, _MOST) if _is_written_in_cells(one.sheet)]
    texts = [cell.text for one in tables for row in one.table.rows for cell in row if cell.text]
    boxes = [one.table.box for one in tables]
    inside, outside = _parted(found, boxes)
    sure = _sure(texts)
    if sure < max(_FEW, _LEAST * len(texts)) or sure <= _sure(inside):
        return found
    rows = [row for one in tables for row in _rows(one)]
    rows = sorted([*rows, *outside], key=lambda row: row.top)
    reading = result.reading([row.marks for row in rows], by.notation)
    notes = tuple(
        f"a table of {_counted(len(one.table.rows), 'row')} and "
        f"{_counted(len(one.table.rows[0]), 'column')} was read by its cells; to keep these apart, "
        "use --table or read_tables"
        for one in tables
    )
    return DetailedReading(
        replace(reading, notes=notes), page.size, page.grey,
        found.ink if found.grey is page.grey else find_ink(page.grey),
        np.concatenate([row.forms for row in rows]),
        np.concatenate([row.probabilities for row in rows]),
    )  # fmt: skip


def _is_written_in_cells(sheet: Sheet) -> bool:
    """Whether what is written keeps to the cells, as it does not on squared paper."""
    boxes = components((sheet.owner > 0).astype(np.uint8)).boxes
    side = float(min(np.median(np.diff(sheet.rows)), np.median(np.diff(sheet.columns))))
    boxes = boxes[boxes[:, 3] >= _SMALL * np.median(np.diff(sheet.rows))]
    crossing = np.zeros(len(boxes), bool)
    for axis, walls in enumerate((sheet.columns[1:-1], sheet.rows[1:-1])):
        first, last = boxes[:, axis, None], (boxes[:, axis] + boxes[:, 2 + axis])[:, None]
        depths = np.minimum(walls - first, last - walls)
        crossing |= (depths > _DEEP * side).any(1)
    return int(crossing.sum()) <= _CROSSING * len(boxes)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _sure(texts: Sequence[str]) -> int:
    """Return how many were read with certainty."""
    return sum("?" not in text for text in texts)


def _parted(found: DetailedReading, tables: Sequence[Box]) -> tuple[list[str], list[_Row]]:
    """Return the texts of the numbers that lie in a table, and the lines without these."""
    inside: list[str] = []
    outside = []
    digits = enumerate(found.reading.digits)
    known = iter(found.reading.numbers)
    for text in found.reading.lines:
        marks: list[Mark] = []
        kept = []
        for token in numbers.split(text):
            number = next(known)
            box = _around(number)
            own: list[Mark] = []
            places = []
            for character in token.text:
                if character in "0123456789?":
                    place, digit = next(digits)
                    places.append(place)
                    own.append(replace(digit, box=_around(digit), quad=None))
                else:
                    own.append(Sign(character, number.confidence, box))
            if any(_holds(table, box) for table in tables):
                inside.append(token.text)
                continue
            if marks:
                marks.append(Sign(" ", 1.0, box))
            marks += own
            kept += places
        if marks:
            middle = float(np.mean([mark.box[1] + mark.box[3] / 2 for mark in marks]))
            outside.append(_Row(middle, marks, found.forms[kept], found.probabilities[kept]))
    return inside, outside


def _around(one: Digit | result.Number) -> Box:
    """Return its box in pixels of the picture."""
    if one.quad is None:
        return one.box
    corners = np.array(one.quad)
    (x, y), (right, bottom) = np.rint([corners.min(0), corners.max(0)]).astype(int).tolist()
    return x, y, right - x, bottom - y


def _holds(table: Box, box: Box) -> bool:
    """Whether a table's box holds the middle of another."""
    away = [box[i] + box[2 + i] / 2 - table[i] for i in (0, 1)]
    return all(0 <= distance <= table[2 + i] for i, distance in enumerate(away))


def _rows(one: DetailedTable) -> Iterator[_Row]:
    """Yield the rows of a table in which something is written."""
    joined = _is_of_boxes(one)
    for i, row in enumerate(one.table.rows):
        marks: list[Mark] = []
        forms, probabilities = [], []
        last = None
        for j, cell in enumerate(row):
            if not cell.text:
                continue
            if last is not None and not (joined and last == j - 1):
                marks.append(Sign(" ", 1.0, cell.box))
            found = _marks(one, i, j)
            # Of a cell that is unclear, no part is a number by itself.
            unclear = "?" in cell.text
            marks += [mark for mark in found.marks if not (unclear and str(mark) == " ")]
            forms.append(found.forms)
            probabilities.append(found.probabilities)
            last = j
        if marks:
            top = float(one.table.box[1])
            yield _Row(top, marks, np.concatenate(forms), np.concatenate(probabilities))


def _is_of_boxes(one: DetailedTable) -> bool:
    """Whether the cells are square boxes, each with a single digit."""
    lengths = [len(cell.text) for row in one.table.rows for cell in row if cell.text]
    if sum(length > 1 for length in lengths) > _UNUSUAL * len(lengths):
        return False
    high, wide = (
        float(np.median(np.hypot(*np.moveaxis(np.diff(one.grid.points, axis=axis), -1, 0))))
        for axis in (0, 1)
    )
    return max(high, wide) <= _SQUARE * min(high, wide)


def _marks(one: DetailedTable, i: int, j: int) -> _Row:
    """Return the characters of a cell: as they were read, where its text has not changed since."""
    cell, columns = one.table.rows[i][j], one.grid.columns
    lines = [line for line in one.lines if line.patch.cell == i * columns + j]
    rows = [reader.row_of(line.answer, 1) for line in lines if line.answer is not None]
    if len(rows) == len(lines):
        marks: list[Mark] = []
        for line, row in zip(lines, rows, strict=True):
            if marks:
                marks.append(Sign(" ", 1.0, marks[-1].box))
            own = [
                replace(mark, box=_box_of(one, i, j, line.patch, mark.box)) for mark in row.marks
            ]
            marks += own
        if "".join(map(str, marks)) == cell.text:
            return _Row(
                0.0, marks,
                np.concatenate([row.forms for row in rows]),
                np.concatenate([row.probabilities for row in rows]),
            )  # fmt: skip
    return _spread(cell)


def _spread(cell: result.Cell) -> _Row:
    """Return characters whose places are not known, spread over the width of their cell."""
    x, y, width, height = cell.box
    step = width / len(cell.text)
    marks: list[Mark] = []
    probabilities = []
    for k, character in enumerate(cell.text):
        box = round(x + k * step), y, max(1, round(step)), height
        if character not in "0123456789?":
            marks.append(Sign(character, cell.confidence, box))
            continue
        digit = None if character == "?" else int(character)
        answer = np.zeros(10, np.float32)
        if digit is not None:
            answer[digit] = cell.confidence
        best = () if digit is None else (Candidate(digit, cell.confidence),)
        marks.append(Digit(digit, float(answer.max()), box, 0, best))
        probabilities.append(answer)
    forms = np.zeros((len(probabilities), SIDE, SIDE), np.uint8)
    return _Row(0.0, marks, forms, np.array(probabilities, np.float32).reshape(-1, 10))


def _box_of(one: DetailedTable, i: int, j: int, patch: Patch, box: Box) -> Box:
    """Return the box, in pixels of the picture, around a box of a cell's ink."""
    x, y, width, height = box
    sheet = one.sheet
    across = np.array([x, x + width]) + patch.left - sheet.columns[j]
    down = np.array([y, y + height]) + patch.top - sheet.rows[i]
    across = across / (sheet.columns[j + 1] - sheet.columns[j])
    down = down / (sheet.rows[i + 1] - sheet.rows[i])
    u, v = (part.ravel()[:, None] for part in np.meshgrid(across, down))
    points = one.grid.points
    corners = (1 - v) * ((1 - u) * points[i, j] + u * points[i, j + 1]) + v * (
        (1 - u) * points[i + 1, j] + u * points[i + 1, j + 1]
    )
    corners *= max(one.page.size) / max(one.page.grey.shape)
    low, high = corners.min(0), corners.max(0)
    return in_picture((low[0], low[1], high[0] - low[0], high[1] - low[1]), one.page)
