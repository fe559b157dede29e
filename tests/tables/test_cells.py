"""A grid is straightened, and its lines are removed wherever they run."""

import cv2
import numpy as np

from mnistry.reading.components import components
from mnistry.tables.cells import sheet_of
from mnistry.tables.grids import Grid

ROWS, COLUMNS = np.arange(40, 281, 60), np.arange(40, 371, 110)
GRID = Grid(np.stack(np.meshgrid(COLUMNS, ROWS), -1).astype(float))


def ruled() -> np.ndarray:
    """Rule the level lines of a table."""
    paper = np.full((320, 410), 235, np.uint8)
    for y in ROWS.tolist():
        cv2.line(paper, (40, y), (370, y), 60, 2)
    return paper


def test_both_lines_of_a_double_rule_are_removed_from_strokes_that_touch_them() -> None:
    paper = ruled()
    for x in COLUMNS.tolist():
        cv2.line(paper, (x, 40), (x, 280), 60, 2)
    for y in ROWS.tolist():
        cv2.line(paper, (40, y + 8), (370, y + 8), 60, 2)
        for x in COLUMNS[:-1].tolist():
            if y < ROWS[-1]:
                cv2.line(paper, (x + 55, y + 8), (x + 55, y + 45), 60, 3)
    owner = sheet_of(paper, GRID).owner
    assert np.unique(owner[owner > 0]).tolist() == list(range(1, 13))
    assert components((owner > 0).astype(np.uint8)).boxes[:, 2].max() < 10


def test_a_line_that_lies_beside_where_it_was_found_is_removed_whole() -> None:
    paper = ruled()
    for x in COLUMNS.tolist():
        paper[40:280, x - 11 : x - 8] = 60
        paper[40:280, x - 8] = 170  # as near as a line may be to where it was found
    assert not sheet_of(paper, GRID).owner.any()
