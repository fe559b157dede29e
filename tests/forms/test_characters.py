"""Digits in cells that were struck out or written over are told from plain ones."""

import cv2
import numpy as np
import pytest

from mnistry.forms.altered import AlteredDigits
from mnistry.images.mnist_form import normalise
from tests.forms import filled

SIDE = 14 * filled.SCALE  # pixels of a square with a digit in its middle, at (7 mm, 7 mm)


@pytest.fixture(scope="module")
def altered() -> AlteredDigits:
    return AlteredDigits()


def drawn(*digits: int) -> np.ndarray:
    """Write digits over each other."""
    ink = np.zeros((SIDE, SIDE), np.float32)
    for digit in digits:
        filled.write(ink, filled.digit(digit), 7, 7, 7.0)
    return ink


def is_altered(altered: AlteredDigits, ink: np.ndarray) -> bool:
    return bool(altered.probabilities(normalise(ink)[None])[0] > 0.5)


@pytest.mark.parametrize("digit", range(10))
def test_a_digit_as_it_is_is_not_altered(altered: AlteredDigits, digit: int) -> None:
    assert not is_altered(altered, drawn(digit))


def test_a_bar_in_a_seven_and_a_slash_in_a_zero_are_not_altered(altered: AlteredDigits) -> None:
    seven, zero = drawn(7), drawn(0)
    cv2.line(seven, (50, 58), (66, 56), 1, 3, cv2.LINE_AA)
    cv2.line(zero, (50, 66), (62, 46), 1, 3, cv2.LINE_AA)
    assert not is_altered(altered, seven)
    assert not is_altered(altered, zero)


@pytest.mark.parametrize("digit", [0, 1, 2, 3, 5, 6, 8, 9])
def test_a_stroke_through_a_digit_is_seen(altered: AlteredDigits, digit: int) -> None:
    for start, stop in (((26, 55), (86, 58)), ((34, 34), (78, 78))):
        struck = drawn(digit)
        cv2.line(struck, start, stop, 1, 4, cv2.LINE_AA)
        assert is_altered(altered, struck), (start, stop)


@pytest.mark.parametrize("both", [(3, 0), (1, 7), (3, 6), (2, 5), (4, 8)])
def test_digits_over_each_other_are_seen(altered: AlteredDigits, both: tuple[int, int]) -> None:
    assert is_altered(altered, drawn(*both))


def test_nothing_is_altered_where_nothing_is(altered: AlteredDigits) -> None:
    assert altered.probabilities(np.zeros((0, 28, 28), np.uint8)).shape == (0,)
