"""Read the cells of tables: every written line of every cell in a few batches.

Knows nothing of how the grid was found.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mnistry.images.decode import Page
from mnistry.images.mnist_form import Box
from mnistry.reading import Cell, Reader, Table, line_reader, numbers, turn
from mnistry.reading.combine import ReadLine
from mnistry.reading.line_reader import Character, Strip
from mnistry.reading.page import Page as Upright
from mnistry.reading.page import turned
from mnistry.reading.result import Notation
from mnistry.tables.cells import Patch, Sheet, patches, sheet_of
from mnistry.tables.context import numbered, with_hidden_signs, with_usual_decimal_signs
from mnistry.tables.grids import Grid, find_grids

# Strips are padded to these widths, so that more are read in one batch; the network was trained
# with those up to 640.
_WIDTHS = (96, 160, 224, 320, 448, 640, 1024, 2048)
# A mark that is less high than this part of what is usual is a point or a stroke of a broken digit.
_SMALL = 0.3
# Parts of one digit are less than `_BROKEN` of the usual height apart. A cell in which nothing has
# `_LOW` of the usual height holds signs alone.
_BROKEN, _LOW = 0.15, 0.45
# A decimal point is lower and narrower than `_POINT` of a line's height, and its middle lies at one
# of the heights in `_FOOT`, from 0 at the top of the line to 1 at its bottom. A sign that was read
# less than `_NEAR` heights beside it is that point itself.
_POINT, _FOOT, _NEAR = 0.3, (0.7, 1.15), 0.15
# The confidence of a decimal point that is told by its place alone.
_POINT_IS_RIGHT = 0.9
# A page may lie sideways if more than `_SEVERAL` cells, and more than `_DOUBT` of all, are unclear.
# It is turned if that gives each mark `_GAIN` more evidence on average: see `turn.evidence`.
_SEVERAL, _DOUBT, _GAIN = 4, 0.25, 0.3


@dataclasses.dataclass(frozen=True, eq=False)
class Line:
    """A written line of a cell.

    Attributes
    ----------
    patch
        The cell's ink.
    strip
        What the line reader sees of it.
    band
        Its first row in the patch, and the row after its last.
    answer
        What was read; None if nothing is written.
    """

    patch: Patch
    strip: Strip
    band: tuple[int, int]
    answer: ReadLine | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class DetailedTable:
    """A table, and what was seen on the way to it.

    Attributes
    ----------
    table
        Its boxes are in pixels of the picture.
    grid, sheet
        Its ruled lines, and its straightened ink.
    lines
        All lines of its cells.
    page
        The page that the grid lies in: the picture, or the picture turned by quarter turns.
    """

    table: Table
    grid: Grid
    sheet: Sheet
    lines: Sequence[Line]
    page: Upright


def read_page(reader: Reader, page: Page) -> list[Table]:
    """Read all tables of a page, in reading order; see `Reader.read_tables`."""
    return [found.table for found in read_in_detail(reader, page)]


def read_in_detail(reader: Reader, page: Page, most_cells: float = np.inf) -> list[DetailedTable]:
    """Read the tables of a page that have at most so many cells, with intermediate results."""
    upright = Upright(page.grey, page.size)
    found = _read(reader, upright, most_cells)
    if not _is_doubtful(found):
        return found
    quarters = _quarters(reader, max((one.sheet for one in found), key=lambda it: it.strength.size))
    if not quarters:
        return found
    upright = turned(upright, 90 * quarters)
    others = _read(reader, upright, most_cells)
    if _sure(others) <= _sure(found):
        return found
    return [dataclasses.replace(one, table=_turned_back(one.table, upright)) for one in others]


def _read(reader: Reader, page: Upright, most_cells: float) -> list[DetailedTable]:
    return [
        _table(reader, grid, sheet_of(page.grey, grid), page)
        for grid in find_grids(page.grey)
        if grid.rows * grid.columns <= most_cells
    ]


def cell_texts(tables: Sequence[DetailedTable]) -> list[str]:
    """Return what stands in the cells that are not empty."""
    return [cell.text for one in tables for row in one.table.rows for cell in row if cell.text]


def _is_doubtful(tables: Sequence[DetailedTable]) -> bool:
    """Whether several cells, and a large part of all, are unclear: the page may lie sideways."""
    texts = cell_texts(tables)
    return sum("?" in text for text in texts) > max(_SEVERAL, _DOUBT * len(texts))


def _sure(tables: Sequence[DetailedTable]) -> int:
    """Return how many cells were read, less those that were not."""
    return sum(-1 if "?" in text else 1 for text in cell_texts(tables))


def _quarters(reader: Reader, sheet: Sheet) -> int:
    """Return by how many quarter turns clockwise the digits of a sheet come upright."""
    each = turn.evidence_of_turns(turn.find_marks(sheet.strength), reader.networks.answer)
    known = each.sum(0)
    best = int(known.argmax())
    return best if known[best] - known[0] > _GAIN * len(each) else 0


def _turned_back(table: Table, page: Upright) -> Table:
    """Give the boxes of a table in the pixels of the picture that its page was turned from."""
    rows = tuple(
        tuple(dataclasses.replace(cell, box=in_picture(cell.box, page)) for cell in row)
        for row in table.rows
    )
    return Table(in_picture(table.box, page), rows)


def in_picture(box: tuple[float, float, float, float], page: Upright) -> Box:
    """Return the box, in pixels of the picture, around a box of a page that was turned."""
    return around(page.quad(box))


def around(corners: NDArray[np.float64]) -> Box:
    """Return the box around points, shape ``(n, 2)``."""
    (x, y), (right, bottom) = np.rint([corners.min(0), corners.max(0)]).astype(int).tolist()
    return x, y, right - x, bottom - y


def _table(reader: Reader, grid: Grid, sheet: Sheet, page: Upright) -> DetailedTable:
    scale = max(page.size) / max(page.grey.shape)
    written = list(patches(sheet))
    heights = [
        max(box[1] + box[3] for box in patch.boxes) - min(box[1] for box in patch.boxes)
        for patch in written
    ]
    usual = float(np.median(heights)) if heights else 0.0
    lines = []
    texts: dict[int, list[str]] = {}
    confidences: dict[int, float] = {}
    spelled: dict[int, str] = {}
    for patch in written:
        confidences[patch.cell] = 1.0
        for band in _bands(patch.boxes, usual):
            strip = line_reader.cut(patch.ink, *band)
            if strip is None:  # a mark that is too faint to be read
                texts[patch.cell], confidences[patch.cell] = ["?"], 0.0
            else:
                lines.append(Line(patch, _padded(strip), band))
    answers = with_usual_decimal_signs(
        reader.networks.read_strips([line.strip for line in lines]),
        [line.patch.cell % grid.columns for line in lines],
        reader.networks.judgement,
    )
    lines = [
        dataclasses.replace(line, answer=answer)
        for line, answer in zip(lines, answers, strict=True)
    ]
    for line in lines:
        cell, answer = line.patch.cell, line.answer
        text, confidence = ("?", 0.0) if answer is None else _with_points(line, answer)
        texts.setdefault(cell, []).append(text)
        confidences[cell] *= confidence
        if answer is not None:
            spelled[cell] = "".join(one.text for one in answer.spelled)
    whole = _by_columns(texts, spelled, grid)
    rows = tuple(
        tuple(
            _cell(
                whole[i * grid.columns + j],
                confidences.get(i * grid.columns + j, 1.0),
                _box(grid.points[i : i + 2, j : j + 2], scale), reader.notation,
            )
            for j in range(grid.columns)
        )
        for i in range(grid.rows)
    )  # fmt: skip
    return DetailedTable(Table(_box(grid.points, scale), rows), grid, sheet, lines, page)


def _by_columns(
    texts: Mapping[int, Sequence[str]], spelled: Mapping[int, str], grid: Grid
) -> list[str]:
    """Return the text of each cell, in the light of the other cells of its column."""
    whole = [" ".join(texts.get(cell, [])) for cell in range(grid.rows * grid.columns)]
    for column in range(grid.columns):
        cells = range(column, len(whole), grid.columns)
        own = [whole[cell] for cell in cells]
        for row in numbered(own, [spelled.get(cell, "") for cell in cells]):
            own[row] = spelled[cells[row]]
        whole[column :: grid.columns] = with_hidden_signs(own)
    return whole


def _with_points(line: Line, answer: ReadLine) -> tuple[str, float]:
    """Return a line's text and confidence, with the decimal points that the network did not read.

    A small mark between two digits, at their feet and neither above nor below one of them, is a
    decimal point. If the line already has one, the mark is a ``?``.
    """
    characters = list(answer.characters)
    top, bottom = line.band
    height = bottom - top
    tall = [box for box in line.patch.boxes if box[3] >= _POINT * height]
    for x, y, width, high in line.patch.boxes:
        foot = (y + high / 2 - top) / height
        is_in_digit = any(x < a + w and a < x + width for a, _, w, _ in tall)
        if max(width, high) >= _POINT * height or not _FOOT[0] < foot < _FOOT[1] or is_in_digit:
            continue
        at = (x + width / 2 - line.strip.x) * line.strip.scale
        reach = (width / 2 + _NEAR * height) * line.strip.scale
        before = [one for one in characters if one.middle <= at and one.text != " "]
        after = [one for one in characters if one.middle > at and one.text != " "]
        if not before or not after:
            continue
        neighbours = before[-1], after[0]
        if any(not one.text.isdigit() and abs(one.middle - at) < reach for one in neighbours):
            continue  # the network read this point
        if not all(one.text.isdigit() for one in neighbours):
            continue
        sign = "?" if any(one.text in ".,:?" for one in characters) else "."
        spaces = [one for one in characters if before[-1].middle < one.middle < after[0].middle]
        characters = [one for one in characters if one not in spaces]
        place = characters.index(before[-1]) + 1
        characters.insert(place, Character(sign, _POINT_IS_RIGHT, at, at + 1))
    confidence = float(np.prod([one.confidence for one in characters]))
    return "".join(map(str, characters)), confidence


def _cell(text: str, confidence: float, box: Box, notation: Notation) -> Cell:
    value = numbers.value(text, decimal_comma=notation.decimal_comma, thousands=notation.thousands)
    return Cell(text, value, confidence, box)


def _bands(boxes: Sequence[Box], usual: float) -> list[tuple[int, int]]:
    """Return the first row, and the row after the last, of each written line in a cell.

    Parameters
    ----------
    boxes
        Its marks; a digit may be broken into several.
    usual
        The usual height of what is written in a cell.
    """
    large = [box for box in boxes if box[3] >= _SMALL * usual] or list(boxes)
    bands: list[tuple[int, int]] = []
    for top, bottom in sorted((box[1], box[1] + box[3]) for box in large):
        if bands and top < bands[-1][1] + _BROKEN * usual:
            bands[-1] = bands[-1][0], max(bands[-1][1], bottom)
        else:
            bands.append((top, bottom))
    tall = [band for band in bands if band[1] - band[0] >= _LOW * usual]
    if tall:
        return tall
    # A sign alone: its size tells which one.
    middle = (bands[0][0] + bands[-1][1]) / 2
    return [(round(middle - usual / 2), round(middle + usual / 2))]


def _padded(strip: Strip) -> Strip:
    """Widen a strip with paper to a width that others have too."""
    width = strip.image.shape[1]
    more = next((known - width for known in _WIDTHS if known >= width), 0)
    return dataclasses.replace(strip, image=np.pad(strip.image, ((0, 0), (0, more))))


def _box(points: NDArray[np.float64], scale: float) -> Box:
    """Return the box around points, in pixels of the picture."""
    flat = scale * points.reshape(-1, 2)
    x, y = np.floor(flat.min(0)).astype(int).tolist()
    right, bottom = np.ceil(flat.max(0)).astype(int).tolist()
    return max(0, x), max(0, y), right - max(0, x), bottom - max(0, y)
