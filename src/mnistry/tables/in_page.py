"""Read the tables of a page by their cells, as lines among the page's other lines.

The line reader takes ruled lines for strokes; in a table it is right more often if it sees each
cell alone.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mnistry.errors import counted_noun
from mnistry.images.decode import Page
from mnistry.images.mnist_form import SIDE, Box
from mnistry.reading import Reader, numbers, result
from mnistry.reading.components import components
from mnistry.reading.ink import find_ink
from mnistry.reading.result import Candidate, DetailedReading, Digit, Sign
from mnistry.reading.rows import row_of
from mnistry.tables.cells import Patch, Sheet
from mnistry.tables.grids import Grid
from mnistry.tables.reader import (
    DetailedTable,
    Line,
    around,
    cell_texts,
    in_picture,
    read_in_detail,
)

# A cell is square if its long side is at most this many times the short one.
_SQUARE = 1.4
# The tables are used only if at least so many cells were read without a ``?``.
_LEAST_CELLS = 4
# These must also be at least `_LEAST_…` of all cells that are not empty, and hold more than
# `_MORE_…` times as many digits as were read without the tables. Square cells may be squared paper,
# which divides numbers; of other cells many may hold print.
_LEAST_OF_SQUARES, _MORE_OF_SQUARES = 0.5, 1.0
_LEAST_OF_OTHERS, _MORE_OF_OTHERS = 0.25, 0.9
# A grid of more cells is squared paper.
_MOST_CELLS = 1500
# Square cells are boxes for single digits if at most this part of them seem to hold more, such as a
# digit that was taken for two marks.
_UNUSUAL = 0.1

# On squared paper more than `_CROSSING` of the marks cross a wall between two cells. A mark crosses
# a wall if it reaches further than `_DEEP` of a cell's short side on both sides of the wall. Marks
# lower than `_SMALL` of a row are not counted: they are signs. In 95 % of 60 generated tables less
# than 0.032 of the marks cross a wall, on squared pages 0.11 to 0.6.
_CROSSING, _DEEP, _SMALL = 0.06, 0.15, 0.2

Mark = Digit | Sign


@dataclasses.dataclass(frozen=True, eq=False)
class _Row:
    """A line, its height on the page as `y`, and the network's input and output for each digit."""

    y: float
    marks: Sequence[Mark]
    forms: NDArray[np.uint8]
    probabilities: NDArray[np.float32]


def with_tables(reader: Reader, page: Page, found: DetailedReading) -> DetailedReading:
    """Read a page's tables by their cells, if that leaves less unclear.

    Parameters
    ----------
    reader
        Reads the cells.
    page
        The page.
    found
        What was read without looking for tables.

    Returns
    -------
    DetailedReading
        Each row of a table is a line, and each cell a number. Square cells with single digits are
        boxes of a form: digits in neighbouring cells are one number. Numbers outside the tables are
        those of `found`. It is `found` itself if the tables' cells were not read better.
    """
    tables = [
        one for one in read_in_detail(reader, page, _MOST_CELLS)
        if not _is_square(one.grid) or _is_written_in_cells(one.sheet)
    ]  # fmt: skip
    texts = cell_texts(tables)
    inside, outside = _split(found, [one.table.box for one in tables])
    least, more = _LEAST_OF_OTHERS, _MORE_OF_OTHERS
    if any(_is_square(one.grid) for one in tables):
        least, more = _LEAST_OF_SQUARES, _MORE_OF_SQUARES
    sure, sure_without = ([text for text in some if "?" not in text] for some in (texts, inside))
    is_better = _count_digits(sure) > more * _count_digits(sure_without)
    if len(sure) < max(_LEAST_CELLS, least * len(texts)) or not is_better:
        return found
    rows = [row for one in tables for row in _rows(one)]
    rows = sorted([*rows, *outside], key=lambda row: row.y)
    reading = result.reading([row.marks for row in rows], reader.notation)
    notes = tuple(
        f"a table of {counted_noun(one.grid.rows, 'row')} and "
        f"{counted_noun(one.grid.columns, 'column')} was read by its cells; to keep these apart, "
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


def _count_digits(texts: Sequence[str]) -> int:
    """Return how many digits there are, however they are divided into numbers."""
    return sum(character.isdigit() for text in texts for character in text)


def _split(found: DetailedReading, tables: Sequence[Box]) -> tuple[list[str], list[_Row]]:
    """Return the texts of the numbers that lie in a table, and the lines without these numbers."""
    inside: list[str] = []
    outside = []
    digits = enumerate(found.reading.digits)
    all_numbers = iter(found.reading.numbers)
    for text in found.reading.lines:
        marks: list[Mark] = []
        kept: list[int] = []
        for token in numbers.split(text):
            number = next(all_numbers)
            box = _box_in_picture(number)
            own: list[Mark] = []
            indices = []
            for character in token.text:
                if character in "0123456789?":
                    index, digit = next(digits)
                    indices.append(index)
                    own.append(replace(digit, box=_box_in_picture(digit), quad=None))
                else:
                    own.append(Sign(character, number.confidence, box))
            if any(_holds(table, box) for table in tables):
                inside.append(token.text)
                continue
            if marks:
                marks.append(Sign(" ", 1.0, box))
            marks += own
            kept += indices
        if marks:
            middle = float(np.mean([mark.box[1] + mark.box[3] / 2 for mark in marks]))
            outside.append(_Row(middle, marks, found.forms[kept], found.probabilities[kept]))
    return inside, outside


def _box_in_picture(one: Digit | result.Number) -> Box:
    """Return the box of a digit or number in pixels of the picture."""
    return one.box if one.quad is None else around(np.array(one.quad))


def _holds(table: Box, box: Box) -> bool:
    """Whether the middle of a box lies in a table's box."""
    offsets = [box[i] + box[2 + i] / 2 - table[i] for i in (0, 1)]
    return all(0 <= offset <= table[2 + i] for i, offset in enumerate(offsets))


def _rows(one: DetailedTable) -> Iterator[_Row]:
    """Yield the rows of a table in which something is written."""
    joined = _is_of_boxes(one)
    lines: dict[int, list[Line]] = {}
    for line in one.lines:
        lines.setdefault(line.patch.cell, []).append(line)
    y = float(one.table.box[1])  # the same for all rows, which keeps them together
    for i, row in enumerate(one.table.rows):
        marks: list[Mark] = []
        forms, probabilities = [], []
        last = None
        for j, cell in enumerate(row):
            if not cell.text:
                continue
            if last is not None and not (joined and last == j - 1):
                marks.append(Sign(" ", 1.0, cell.box))
            found = _marks(one, i, j, lines.get(i * one.grid.columns + j, []))
            # A cell that is unclear stays one number, with a ``?``: its spaces are left out.
            unclear = "?" in cell.text
            marks += [mark for mark in found.marks if not (unclear and str(mark) == " ")]
            forms.append(found.forms)
            probabilities.append(found.probabilities)
            last = j
        if marks:
            yield _Row(y, marks, np.concatenate(forms), np.concatenate(probabilities))


def _is_square(grid: Grid) -> bool:
    """Whether the cells are nearly square."""
    high, wide = (
        float(np.median(np.hypot(*np.moveaxis(np.diff(grid.points, axis=axis), -1, 0))))
        for axis in (0, 1)
    )
    return max(high, wide) <= _SQUARE * min(high, wide)


def _is_of_boxes(one: DetailedTable) -> bool:
    """Whether the cells are nearly square, and most hold a single character."""
    lengths = [len(text) for text in cell_texts([one])]
    several = sum(length > 1 for length in lengths)
    return several <= _UNUSUAL * len(lengths) and _is_square(one.grid)


def _marks(one: DetailedTable, i: int, j: int, lines: Sequence[Line]) -> _Row:
    """Return the characters of a cell, each where it was read.

    If the cell's text was changed later, they are spread over the cell.
    """
    cell = one.table.rows[i][j]
    rows = [row_of(line.answer, 1) for line in lines if line.answer is not None]
    if len(rows) == len(lines):
        marks: list[Mark] = []
        for line, row in zip(lines, rows, strict=True):
            if marks:
                marks.append(Sign(" ", 1.0, marks[-1].box))
            marks += [
                replace(mark, box=_box_of(one, i, j, line.patch, mark.box)) for mark in row.marks
            ]
        if "".join(map(str, marks)) == cell.text:
            return _Row(
                float(cell.box[1]), marks,
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
    return _Row(float(y), marks, forms, np.array(probabilities, np.float32).reshape(-1, 10))


def _box_of(one: DetailedTable, i: int, j: int, patch: Patch, box: Box) -> Box:
    """Convert a box of a patch's ink to pixels of the picture."""
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
