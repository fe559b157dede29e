"""Rules of known shape, in masks drawn here."""

import numpy as np
import pytest

from mnistry.reading.rules import without_rules


def comb(width: int = 2) -> np.ndarray:
    """Draw a comb of four cells of 40x40 pixels."""
    mask = np.zeros((60, 190), np.uint8)
    for edge in (10, 50):
        mask[edge : edge + width, 10 : 170 + width] = 1
    for wall in range(10, 171, 40):
        mask[10 : 50 + width, wall : wall + width] = 1
    return mask


@pytest.mark.parametrize("stroke", [2.0, 2.5, 3.0, 3.4])
def test_a_comb_goes_whatever_the_strokes_width_and_the_digit_in_it_stays(stroke: float) -> None:
    mask, one = comb(), np.zeros((60, 190), np.uint8)
    one[18:44, 68:71] = 1
    assert (without_rules(mask | one, stroke) == one).all()


def test_a_stroke_that_crosses_a_rule_is_mended() -> None:
    mask = np.zeros((80, 200), np.uint8)
    mask[20:60, 90:94] = 1
    stroke = mask.copy()
    mask[40:42] = 1
    assert (without_rules(mask, 4.0) == stroke).all()


def test_the_bar_of_a_digit_is_no_rule() -> None:
    seven = np.zeros((80, 120), np.uint8)
    seven[10:13, 30:70] = seven[10:65, 67:70] = 1
    assert (without_rules(seven, 3.0) == seven).all()


def test_the_feet_of_digits_side_by_side_are_no_rule() -> None:
    feet = np.zeros((80, 120), np.uint8)
    for left in (20, 62):
        feet[10:64, left : left + 4] = feet[60:64, left : left + 38] = 1
    assert (without_rules(feet, 4.0) == feet).all()


def test_a_rule_of_dashes_goes_even_if_a_digit_stands_on_one() -> None:
    mask = np.zeros((80, 200), np.uint8)
    mask[20:60, 90:94] = 1
    one = mask.copy()
    for left in range(10, 190, 18):
        mask[60:63, left : left + 14] = 1
    assert (without_rules(mask, 4.0)[:58] == one[:58]).all()
    assert not without_rules(mask, 4.0)[60:].any()


def test_a_rule_that_no_wall_meets_stays_where_only_frames_go() -> None:
    mask = np.zeros((80, 200), np.uint8)
    mask[40:42, 20:180] = 1
    assert (without_rules(mask, 2.0, frames=True) == mask).all()
    assert not without_rules(mask, 2.0).any()
    assert not without_rules(comb(), 2.0, frames=True).any()
