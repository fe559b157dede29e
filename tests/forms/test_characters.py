"""Marks in cells: what is altered, and which mark belongs to which cell."""

import cv2
import numpy as np
import pytest

from mnistry.forms.characters import is_altered
from tests.forms import filled

FINE = 12
SIDE = 14 * FINE


def mark(*digits: int) -> np.ndarray:
    """Write digits over each other in a cell."""
    ink = np.zeros((SIDE * filled.SCALE // FINE,) * 2, np.float32)
    for digit in digits:
        filled.write(ink, filled._digits()[digit], 7, 7, 7.0)
    return cv2.resize(ink, (SIDE, SIDE)) > 0.4


@pytest.mark.parametrize("digit", range(10))
def test_a_digit_as_it_is_is_not_altered(digit: int) -> None:
    assert not is_altered(mark(digit), digit)


@pytest.mark.parametrize("digit", [0, 1, 3, 5, 6, 7, 9])
def test_a_level_stroke_through_a_digit_is_seen(digit: int) -> None:
    struck = mark(digit).astype(np.uint8)
    cv2.line(struck, (40, SIDE // 2), (SIDE - 40, SIDE // 2 + 3), 1, 5)
    assert is_altered(struck > 0, digit)


def test_digits_over_each_other_are_seen() -> None:
    assert is_altered(mark(3, 0), 8)
    assert is_altered(mark(1, 7), 1)
    assert is_altered(mark(3, 6), 3)


def test_an_empty_cell_is_not_altered() -> None:
    assert not is_altered(np.zeros((20, 20), bool), 3)
