"""The printed numbers, from scores made by hand."""

import io
import math

import numpy as np
import pytest
from rich.console import Console

from mnistry.cli import report
from mnistry.evaluation.scorecard import score


def card(right: int, wrong: int, confidence: float):
    """Images of a 1, answered with `confidence`; the wrong ones with a 2."""
    answers = np.full((right + wrong, 10), (1 - confidence) / 9)
    answers[:right, 1] = answers[right:, 2] = confidence
    return score(np.ones(right + wrong, np.uint8), answers)


def test_a_loss_is_said_in_nats_and_in_bits() -> None:
    # A probability of 0.775 for the true class: 0.2549 nats, 0.3677 bits.
    rows = dict(report.score("test", card(4, 0, 0.775)))
    assert rows["test loss"] == "0.2549 nats = 0.3677 bits per image"
    assert math.log2(1 / 0.775) == pytest.approx(0.3677, abs=5e-5)


def test_an_accuracy_has_its_interval() -> None:
    # Wilson, 81 of 263: 0.2553 to 0.3662 (Newcombe 1998, table I).
    assert report.accuracy(card(81, 182, 0.9)) == ("30.80 %  (95 % interval: 25.53 % to 36.62 %)")


def test_the_gap_is_training_less_test_in_percentage_points() -> None:
    _, text = report.gap(card(90, 10, 0.9), card(99, 1, 0.9), is_trained=True)
    assert text == "99.00 %  (gap to the test images: +9.00 points)"
    _, text = report.gap(card(90, 10, 0.9), card(99, 1, 0.9), is_trained=False)
    assert "gap" not in text


def test_confused_pairs_name_label_before_answer() -> None:
    file = io.StringIO()
    Console(file=file, width=80).print(report.confused(card(3, 2, 0.9)))
    assert file.getvalue().splitlines()[-1].split() == ["1", "2", "2"]


def test_a_name_with_terminal_codes_is_printed_without_them() -> None:
    file = io.StringIO()
    Console(file=file, width=80).print(report.facts(("run", "\x1b]0;evil\a")))
    assert "\x1b" not in file.getvalue()
