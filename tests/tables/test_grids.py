"""Grids are found whole: every row and every column, and none where there is none."""

import numpy as np
import pytest

from mnistry.tables.grids import find_grids

# `sheet` draws cells of 110 by 60 pixels; the first begins 40 pixels from the left and the top.
NUMBERS = [["12", "3", ""], ["4", "56", "7"], ["", "8", "90"], ["1", "23", "4"]]


def shapes(grey: np.ndarray) -> list[tuple[int, int]]:
    return [(grid.rows, grid.columns) for grid in find_grids(grey)]


def test_the_crossings_lie_where_the_lines_cross(sheet) -> None:
    (grid,) = find_grids(sheet(NUMBERS))
    x, y = np.meshgrid(40 + 110 * np.arange(4), 40 + 60 * np.arange(5))
    assert np.abs(grid.points - np.stack([x, y], -1)).max() < 2


@pytest.mark.parametrize("degrees", [-15, -7, 3, 15])
@pytest.mark.parametrize("depth", [0.0, 0.12])
def test_a_photo_at_an_angle(sheet, photograph, degrees: float, depth: float) -> None:
    assert shapes(photograph(sheet(NUMBERS), degrees, depth)) == [(4, 3)]


def test_borders_that_are_missing(sheet) -> None:
    assert shapes(sheet(NUMBERS, borders=False)) == [(4, 3)]


def test_faint_lines(sheet) -> None:
    noise = np.random.default_rng(0).normal(0, 2, sheet(NUMBERS).shape)
    assert shapes(np.clip(sheet(NUMBERS, rule=225) + noise, 0, 255).astype(np.uint8)) == [(4, 3)]


def test_lines_that_can_only_be_seen_as_a_whole(sheet, photograph) -> None:
    grey = photograph(sheet(NUMBERS, rule=223), 8, 0.05).astype(float)
    noise = np.random.default_rng(0).normal(0, 5, grey.shape)
    assert shapes(np.clip(grey + noise, 0, 255).astype(np.uint8)) == [(4, 3)]


def test_thin_pale_lines_between_thick_dark_ones(sheet) -> None:
    paper = sheet([["1"] * 6] * 6, rule=200)
    for i in (0, 3, 6):  # every third line is thick and dark
        paper[40 + 60 * i - 3 : 40 + 60 * i + 3, 40:-40] = 30
        paper[40:-40, 40 + 110 * i - 3 : 40 + 110 * i + 3] = 30
    assert shapes(paper) == [(6, 6)]


def test_ones_that_stand_in_a_column_are_no_line() -> None:
    rows, high = 20, 40
    grey = np.full((rows * high + 60, 320), 250, np.uint8)
    grey[30 : 31 + rows * high : high, 20:300] = 150
    grey[30 : 31 + rows * high, [20, 130, 200, 299]] = 150
    for top in range(30, 30 + rows * high, high):
        grey[top + 6 : top + 35, 70:72] = 150
    assert shapes(grey) == [(rows, 3)]


def test_ruled_paper_with_a_margin_is_no_table(sheet) -> None:
    ruled = np.full((600, 800), 235, np.uint8)
    ruled[60:600:60] = 60
    ruled[:, 80:82] = 60
    assert shapes(ruled) == []


def test_several_grids_are_found_from_top_to_bottom(sheet) -> None:
    upper, lower = sheet(NUMBERS), sheet(NUMBERS[:3])
    assert shapes(np.concatenate([upper, lower])) == [(4, 3), (3, 3)]


def test_white_lines_on_a_blackboard(sheet) -> None:
    assert shapes(255 - sheet(NUMBERS)) == [(4, 3)]


def test_a_row_is_a_table_if_it_is_the_whole_picture(sheet) -> None:
    row = sheet([["1", "2", "3", "4"]])
    assert shapes(row) == [(1, 4)]
    within_a_page = np.full((900, 1200), 235, np.uint8)
    within_a_page[200 : 200 + row.shape[0], 100 : 100 + row.shape[1]] = row
    assert shapes(within_a_page) == []


def test_rows_that_the_picture_cuts_off_are_left_out(sheet) -> None:
    paper = sheet([["12", "3", "4", "56"]] * 3)
    # The second of three rows, 100 to 160, with a third of each row beside it.
    assert shapes(paper[80:182]) == [(1, 4)]


def test_lines_of_numbers_are_no_table(sheet) -> None:
    assert shapes(sheet(NUMBERS, rule=235)) == []  # rules of the paper's own shade
    ruled = np.full((600, 800), 235, np.uint8)
    ruled[60:600:60] = 60
    assert shapes(ruled) == []


def test_a_row_that_was_cut_out_between_its_upper_and_lower_line(sheet) -> None:
    paper = sheet([["12", "3", "45", "6", "78"]])
    (grid,) = find_grids(paper[42:98])
    assert (grid.rows, grid.columns) == (1, 5)
    np.testing.assert_allclose(grid.points[0, :, 0], [40 + 110 * i for i in range(6)], atol=3)
    np.testing.assert_allclose(grid.points[1, :, 1], 55, atol=1)
    assert not find_grids(sheet([["1111111", "11"]])[42:98, 42:145])  # ones are no walls
