"""Generated lines come with their text, and the same seed gives the same line."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from mnistry.augmentation import hands, lines, paper, signs
from mnistry.augmentation.hands import Pen, PenDigit
from mnistry.augmentation.lines import Digits, Layout, Part
from mnistry.errors import DataError


def bar(digit: int, writer: int = 1) -> PenDigit:
    stroke = np.stack([np.zeros(9), np.linspace(0, 1, 9)], -1).astype(np.float32)
    return PenDigit((stroke,), digit, writer)


DIGITS = Digits.of([bar(digit) for digit in range(10)], [])


def pieces(ink: np.ndarray) -> int:
    return cv2.connectedComponents((ink > 100).astype(np.uint8))[0] - 1


def test_the_same_seed_gives_the_same_picture() -> None:
    first, again, other = (paper.picture(DIGITS, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert first.text == again.text
    assert np.array_equal(first.grey, again.grey)
    assert not np.array_equal(first.grey, other.grey)


@pytest.mark.parametrize("judge", [False, True])
def test_texts_are_what_the_line_reader_can_read(judge: bool) -> None:
    random = np.random.default_rng(0)
    texts = [lines.lay_out(random, judge=judge).text for _ in range(500)]
    assert all(re.fullmatch(r"[-0-9+.,/:?]+( [-0-9+.,/:?]+)*", text) for text in texts)
    assert set("".join(texts)) == set("0123456789-+.,/:? ")


def test_each_character_leaves_ink_of_its_own() -> None:
    random = np.random.default_rng(1)
    for text, parts in (("1 1", 2), ("1 - 1", 3), ("1 / 1", 3), ("1 : 1", 4)):
        written = lines.write(Layout((Part(text),)), DIGITS, 40, random)
        # The paper's grain leaves ink out: darken what is left, then close the gaps.
        seen = written.ink if written.pen.grain == 0 else np.where(written.ink > 20, 255, 0)
        assert written.text == text
        assert (
            pieces(cv2.morphologyEx(seen.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((7, 7))))
            == parts
        )


def ink(*parts: str, seed: int) -> bytes:
    layout = Layout(tuple(map(Part, parts)))
    return lines.write(layout, DIGITS, 40, np.random.default_rng(seed)).ink.tobytes()


@pytest.mark.parametrize("seed", range(3))
def test_only_a_whole_number_has_its_fraction_close_to_it(seed: int) -> None:
    # Written as one part, "3 1/2" has the ordinary gap; divided into parts, a closer one after 3.
    assert ink("3 ", "1", "/", "2", seed=seed) != ink("3 1/2", seed=seed)
    assert ink("? ", "1", "/", "2", seed=seed) == ink("? 1/2", seed=seed)
    assert ink("1", "/", "2", " ?", seed=seed) == ink("1/2 ?", seed=seed)
    assert ink("? ", "3 ", "1", "/", "2", seed=seed) != ink("? 3 1/2", seed=seed)


def test_signs_for_evaluation_have_shapes_that_are_not_trained_on() -> None:
    trained, judged = (set(signs.other_shapes(judge=judge)) for judge in (False, True))
    assert len(judged - trained) >= 5
    drawn = signs.draw_sign("?", np.random.default_rng(0), judge=True)
    assert all(stroke.shape[1] == 2 for stroke in drawn)


@pytest.mark.parametrize("width", [2, 4, 6])
def test_a_pen_draws_as_wide_as_it_says(width: int) -> None:
    page = np.zeros((40, 40), np.uint8)
    hands.draw(page, [np.array([[20, 5], [20, 35]])], Pen(width), np.random.default_rng(0))
    assert abs(page[20].sum() / 255 - width) <= 1


def test_only_the_wanted_writers_are_loaded_and_strokes_fill_their_box(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "pendigits.npz",
        points=np.array([[10, 300], [10, 100], [60, 300], [90, 100], [0, 0], [50, 50]], np.int16),
        stroke_lengths=np.array([2, 2, 2], np.uint16), strokes_per_digit=np.array([2, 1], np.uint8),
        labels=np.array([4, 7], np.uint8), writers=np.array([3, 9], np.uint8),
    )  # fmt: skip
    (four,) = hands.load_pen_digits(tmp_path, [3])
    assert (four.digit, four.writer, len(four.strokes)) == (4, 3, 2)
    assert four.strokes[0].tolist() == [[0, 0], [0, 1]]
    assert np.allclose(four.strokes[1], [[0.25, 0], [0.4, 1]])
    assert four.width == pytest.approx(0.4)


def test_missing_pen_digits_are_reported(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="pendigits"):
        hands.load_pen_digits(tmp_path)
