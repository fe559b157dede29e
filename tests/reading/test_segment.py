"""Strokes of known shape, as ink of full strength, parted into lines and pieces."""

import numpy as np
import pytest

from mnistry.reading import segment


def paper(height: int = 120, width: int = 200) -> np.ndarray:
    return np.zeros((height, width), np.float32)


def boxes(strength: np.ndarray) -> list[list[tuple[int, int, int, int]]]:
    return [
        [(piece.x, piece.y, piece.width, piece.height) for piece in line.pieces]
        for line in segment.find_lines(strength)
    ]


def test_paper_has_no_lines() -> None:
    assert segment.find_lines(paper()) == []


def test_strokes_side_by_side_are_a_line_and_lines_go_from_top_to_bottom() -> None:
    page = paper()
    page[70:110, 20:26] = page[10:50, 100:106] = page[14:54, 20:26] = 1
    assert boxes(page) == [[(20, 14, 6, 40), (100, 10, 6, 40)], [(20, 70, 6, 40)]]


def test_what_never_reaches_half_strength_is_no_ink_and_what_does_keeps_its_edge() -> None:
    page = paper()
    page[10:50, 20:26] = 0.45
    page[10:50, 100:106], page[10:50, 106] = 1, 0.4
    assert boxes(page) == [[(100, 10, 7, 40)]]


@pytest.mark.parametrize("turned", [False, True])
def test_a_rule_goes_and_the_stroke_that_crosses_it_stays_whole(turned: bool) -> None:
    page = paper(200, 200)
    page[40:110, 60:68] = 1
    rule = page.T if turned else page
    rule[80:82] = 1
    ((box,),) = boxes(page)
    assert box == (60, 40, 8, 70)


def test_parts_one_above_the_other_a_stroke_apart_are_one_piece() -> None:
    page = paper()
    page[10:30, 50:56] = page[34:60, 50:56] = 1
    assert boxes(page) == [[(50, 10, 6, 50)]]
    page[30:44] = 0
    assert len(boxes(page)) == 2  # two strokes' widths apart they are two


def test_a_wide_piece_is_offered_cut_where_it_holds_least_ink() -> None:
    page = paper()
    page[20:80, 20:60] = page[20:80, 70:110] = 1  # two blocks ...
    page[45:51, 60:70] = 1  # ... that touch by a bridge
    (line,) = segment.find_lines(page)
    cuts = [piece.x for piece in line.pieces if piece.cut_before]
    assert any(58 <= cut <= 70 for cut in cuts)
    assert not line.pieces[0].cut_before
    assert sum(piece.area for piece in line.pieces) == np.count_nonzero(page)


def test_a_dot_alone_is_no_line() -> None:
    page = paper()
    page[40:80, 20:26] = 1
    page[10:13, 150:153] = 1
    assert boxes(page) == [[(20, 40, 6, 40)]]


def test_pieces_are_joined_in_one_box_with_the_pixels_of_each() -> None:
    left = segment.Piece(2, 5, np.ones((3, 2), bool))
    right = segment.Piece(6, 4, np.ones((2, 1), bool), cut_before=True)
    whole = segment.joined((left, right))
    assert (whole.x, whole.y, whole.width, whole.height, whole.cut_before) == (2, 4, 5, 4, False)
    assert whole.mask.astype(int).tolist() == [
        [0, 0, 0, 0, 1], [1, 1, 0, 0, 1], [1, 1, 0, 0, 0], [1, 1, 0, 0, 0],
    ]  # fmt: skip


def test_fault_99_long_flat_strokes_are_not_cut_and_touching_digits_are_only_so_often() -> None:
    page = paper(900, 1400)
    for top in range(20, 880, 20):  # 43 strokes, each 100 times as wide as high
        page[top : top + 10, 200:1200] = 1
    lines = segment.find_lines(page)
    assert [len(line.pieces) for line in lines] == [1] * 43
    page = paper(1400, 1400)
    for top in range(20, 1360, 20):  # 201 blocks, each 8 times as wide as high
        for left in (20, 480, 940):
            page[top : top + 12, left : left + 96] = 1
    pieces = [piece for line in segment.find_lines(page) for piece in line.pieces]
    assert 200 < len(pieces) <= 600


def test_strokes_close_together_one_above_another_may_be_one_digit() -> None:
    page = paper()
    page[10:40, 20:80] = page[50:110, 20:80] = 1
    whole = segment.find_broken(page)
    assert whole is not None
    assert (whole.x, whole.y, whole.width, whole.height) == (20, 10, 60, 100)
    np.testing.assert_array_equal(whole.mask, page[10:110, 20:80] > 0)


@pytest.mark.parametrize(
    "strokes",
    [
        [(10, 110, 20, 80)],
        [(10, 50, 50, 80), (60, 110, 50, 80)],
        [(10, 50, 20, 80), (80, 110, 20, 80)],
        [(10, 50, 20, 80), (60, 110, 90, 120)],
        [(10, 80, 20, 80), (95, 110, 45, 60)],
        [(10, 22, 20, 80), (28, 40, 20, 80), (46, 58, 20, 80), (64, 76, 20, 80),
         (82, 94, 20, 80), (100, 105, 20, 80), (108, 112, 20, 80)],
    ],
    ids=["whole", "two digits", "far apart", "side by side", "dot", "many"],
)  # fmt: skip
def test_these_strokes_are_no_digit_with_gaps(strokes: list[tuple[int, int, int, int]]) -> None:
    page = paper()
    for top, bottom, left, right in strokes:
        page[top:bottom, left:right] = 1
    assert segment.find_broken(page) is None
