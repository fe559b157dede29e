"""Generated pages come with their text, and with the place of their paper."""

import numpy as np
import pytest

from mnistry.augmentation import pages
from mnistry.augmentation.hands import PenDigit
from mnistry.augmentation.lines import Digits


def bar(digit: int) -> PenDigit:
    stroke = np.stack([np.zeros(9), np.linspace(0, 1, 9)], -1).astype(np.float32)
    return PenDigit((stroke,), digit, 1)


DIGITS = Digits.of([bar(digit) for digit in range(10)], [])


def test_the_same_seed_gives_the_same_page() -> None:
    first, again, other = (pages.page(DIGITS, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert (first.lines, first.kind) == (again.lines, again.kind)
    assert np.array_equal(first.grey, again.grey)
    assert first.lines != other.lines


@pytest.mark.parametrize("kind", pages.KINDS)
def test_each_kind_has_lines_of_numbers(kind: str) -> None:
    page = pages.page(DIGITS, np.random.default_rng(5), kind=kind)
    assert (page.kind, page.grey.dtype) == (kind, np.uint8)
    assert page.lines
    assert all(any(one.isdigit() for one in line) for line in page.lines)


def test_paper_is_where_its_corners_are() -> None:
    page = pages.page(DIGITS, np.random.default_rng(1), kind="lid")
    (left, top), (right, bottom) = page.corners[0], page.corners[2]
    x, y = (left + right) / 2, (top + bottom) / 2
    beside = page.grey[int(y), : int(min(page.corners[[0, 3], 0])) - 4]
    assert beside.max() < 100 < np.median(page.grey[int(y), int(left) + 9 : int(right) - 9])
    assert page.corners[1, 0] > x > page.corners[0, 0]


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_page_is_turned_clockwise(degrees: int) -> None:
    page = pages.page(DIGITS, np.random.default_rng(2), degrees=degrees, kind="lid")
    along = page.corners[1] - page.corners[0]
    expected = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    assert along / np.hypot(*along) == pytest.approx(expected, abs=0.12)
