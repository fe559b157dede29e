"""Marks that look like digits, seen together."""

import pytest

from mnistry.reading.reject import accepted

SIZE = (200, 300)


def row(count: int, height: int = 40) -> list[tuple[int, int, int, int]]:
    return [(20 + 25 * i, 80, 15, height) for i in range(count)]


def test_digits_among_others_are_accepted_and_the_unsure_are_not() -> None:
    assert accepted([True, False, True], row(3), [0] * 3, SIZE) == [True, False, True]


@pytest.mark.parametrize(("sure", "said"), [(1, 0), (2, 0), (3, 3)])
def test_one_mark_in_four_that_looks_like_a_digit_is_chance(sure: int, said: int) -> None:
    answer = accepted([i < sure for i in range(8)], row(8), [0] * 8, SIZE)
    assert sum(answer) == said


def test_one_of_three_may_be_right() -> None:
    assert sum(accepted([True, False, False], row(3), [0] * 3, SIZE)) == 1


def test_what_is_lower_than_eight_pixels_is_dirt_and_more_so_in_a_reduced_picture() -> None:
    assert accepted([True], row(1, 7), [0], SIZE) == [False]
    assert accepted([True], row(1, 20), [0], SIZE, 0.5) == [True]
    assert accepted([True], row(1, 14), [0], SIZE, 0.5) == [False]


def test_stripes_from_edge_to_edge_are_no_digits_but_one_digit_cropped_tightly_is_one() -> None:
    stripes = [(0, 0, 20, 200), (60, 0, 20, 200), (150, 60, 20, 60)]
    assert accepted([True] * 3, stripes, [0] * 3, SIZE) == [False, False, True]
    assert accepted([True], [(0, 0, 300, 200)], [0], SIZE) == [True]


def test_a_low_mark_at_the_edge_is_a_stain_if_it_is_alone_and_a_digit_beside_digits() -> None:
    at_edge, inside = (0, 80, 15, 30), (40, 80, 15, 30)
    assert accepted([True], [at_edge], [0], SIZE) == [False]
    assert accepted([True], [inside], [0], SIZE) == [True]
    assert accepted([True] * 2, [at_edge, inside], [0, 0], SIZE) == [True, True]
    assert accepted([True] * 2, [at_edge, inside], [0, 1], SIZE) == [False, True]


def test_a_thin_line_is_no_digit_along_the_edge_but_may_be_a_one_elsewhere() -> None:
    assert accepted([True], [(0, 20, 5, 120)], [0], SIZE) == [False]
    assert accepted([True], [(9, 20, 5, 120)], [0], SIZE) == [True]


def test_no_marks() -> None:
    assert accepted([], [], [], SIZE) == []


def test_the_edge_of_the_paper_is_not_a_one() -> None:
    digits = [(20 + 30 * i, 20, 20, 30) for i in range(5)]
    edge, ones = (197, 80, 2, 20), (100, 80, 3, 20)
    size = (200, 200)
    assert accepted([True] * 6, [*digits, edge], [0] * 5 + [1], size)[-1] is False
    assert accepted([True] * 6, [*digits, ones], [0] * 5 + [1], size)[-1] is True
    assert accepted([True], [edge], [0], size) == [True]  # a picture of a lone 1
