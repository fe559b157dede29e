"""Read the cells of tables: every written line of every cell in a few batches.

Knows nothing of how the grid was found.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mnistry.images.decode import Page
from mnistry.images.mnist_form import Box
from mnistry.reading import Cell, Reader, Table, line_reader, numbers
from mnistry.reading.line_reader import Strip
from mnistry.reading.result import Notation
from mnistry.tables.cells import Sheet, patches, sheet_of
from mnistry.tables.grids import Grid, find_grids

# The widths of strips in the network's training; more are read together in fewer batches.
_WIDTHS = (96, 160, 224, 320, 448, 640, 1024, 2048)
# A mark is tall if it has this part of the height of the tallest.
_TALL = 0.5
# Where no mark is this high, as a part of the usual digit, there are signs alone.
_LOW = 0.4


def read_page(reader: Reader, page: Page) -> list[Table]:
    """Read all tables of a page, in reading order; see `Reader.read_tables`."""
    found = []
    for grid in find_grids(page.grey):
        sheet = sheet_of(page.grey, grid)
        found.append(_table(reader, grid, sheet, max(page.size) / max(page.grey.shape)))
    return found


def _table(reader: Reader, grid: Grid, sheet: Sheet, scale: float) -> Table:
    strips: list[Strip] = []
    owners: list[int] = []
    written = list(patches(sheet))
    heights = [max(box[3] for box in boxes) for _, _, boxes in written]
    usual = float(np.median(heights)) if heights else 0.0
    unread = set()
    for number, ink, boxes in written:
        lines = [line_reader.cut(ink, *band) for band in _bands(boxes, usual)]
        for strip in lines:
            if strip is None:
                unread.add(number)
            else:
                strips.append(_padded(strip))
                owners.append(number)
    texts: dict[int, list[str]] = {}
    confidences: dict[int, float] = {}
    for number, line in zip(owners, reader.read_strips(strips), strict=True):
        text = "?" if line is None else line.text
        sure = 0.0 if line is None else float(np.prod([one.confidence for one in line.characters]))
        texts.setdefault(number, []).append(text)
        confidences[number] = confidences.get(number, 1.0) * sure
    for number in unread:
        texts.setdefault(number, []).append("?")
        confidences[number] = 0.0
    rows = tuple(
        tuple(
            _cell(
                " ".join(texts.get(i * grid.columns + j, [])),
                confidences.get(i * grid.columns + j, 1.0),
                _box(grid.points[i : i + 2, j : j + 2], scale), reader.notation,
            )
            for j in range(grid.columns)
        )
        for i in range(grid.rows)
    )  # fmt: skip
    return Table(_box(grid.points, scale), rows)


def _cell(text: str, confidence: float, box: Box, notation: Notation) -> Cell:
    value = numbers.value(text, decimal_comma=notation.decimal_comma, thousands=notation.thousands)
    return Cell(text, value, confidence, box)


def _bands(boxes: Sequence[Box], usual: float) -> list[tuple[int, int]]:
    """Return the first row, and the row after the last, of each written line in a cell.

    Parameters
    ----------
    boxes
        Its marks.
    usual
        The usual height of the tallest mark of a cell.
    """
    tallest = max(box[3] for box in boxes)
    if tallest < _LOW * usual:  # a sign alone: its size tells which one
        top, bottom = min(box[1] for box in boxes), max(box[1] + box[3] for box in boxes)
        middle = (top + bottom) / 2
        return [(round(middle - usual / 2), round(middle + usual / 2))]
    tall = sorted((box[1], box[1] + box[3]) for box in boxes if box[3] >= _TALL * tallest)
    bands = [tall[0]]
    for top, bottom in tall[1:]:
        start, stop = bands[-1]
        if top < stop - 0.2 * (stop - start):
            bands[-1] = start, max(stop, bottom)
        else:
            bands.append((top, bottom))
    return bands


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
