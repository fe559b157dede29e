"""Two readers, one answer: what is not right often enough is a ``?``, and nothing disappears."""

import cv2
import numpy as np

from mnistry.reading.combine import Judgement, boundaries, forms, judged, log_odds
from mnistry.reading.line_reader import HEIGHT, Character, Strip

# Who agrees is believed as the line reader is; who is opposed, hardly ever.
JUDGEMENT = Judgement(
    agreed=(0.0, 1.0, 0.0), opposed=(-10.0, 1.0, 0.0), signs={"-": (0.0, 1.0)},
    hidden=0.5, sure=0.99,
)  # fmt: skip


def answer(digit: int) -> np.ndarray:
    row = np.full(10, 0.001, np.float32)
    row[digit] = 0.991
    return row


def test_a_digit_that_both_read_is_said_and_one_that_is_opposed_is_not() -> None:
    line = [Character("4", 0.999, 8, 12), Character("9", 0.999, 28, 32)]
    found = judged(line, np.stack([answer(4), answer(4)]), JUDGEMENT)
    assert [one.text for one in found] == ["4", "?"]
    assert found[0].confidence > 0.99 > found[1].confidence


def test_a_sign_needs_no_digit_network_and_an_unknown_sign_is_not_said() -> None:
    line = [Character("-", 0.999, 4, 8), Character("7", 0.999, 20, 24), Character("/", 1, 40, 44)]
    found = judged(line, answer(7)[None], JUDGEMENT)
    assert [one.text for one in found] == ["-", "7", "?"]


def test_log_odds_stay_finite() -> None:
    assert np.isclose(log_odds(1.0), -log_odds(0.0))
    assert np.isfinite(log_odds(1.0))


def test_each_digit_is_cut_out_alone_and_without_the_rule_below() -> None:
    image = np.zeros((HEIGHT, 160), np.uint8)
    cv2.line(image, (30, 10), (30, 38), 255, 2)
    cv2.ellipse(image, (80, 24), (10, 14), 0, 0, 360, 255, 2)
    cv2.line(image, (0, 44), (159, 44), 255, 1)
    strip = Strip(image, 0, 0, 1)
    line = [Character("1", 1, 28, 32), Character("0", 1, 78, 82)]
    one, ring = forms(strip, line)
    assert one.shape == ring.shape == (28, 28)
    assert (one > 127).any(0).sum() <= 5  # upright, and nothing beside it
    assert (ring > 127).any(0).sum() >= 10
    assert ring[14, 14] < 50


def test_characters_part_half_way_and_an_empty_line_has_no_edges() -> None:
    assert boundaries([], 64) == []
    left, between, right = boundaries([Character("1", 1, 8, 12), Character("2", 1, 28, 32)], 64)
    assert left == 0
    assert between == 20
    assert 32 < right <= 64
