"""Two readers, one answer: what is not right often enough is a ``?``, and nothing disappears."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import pytest

from mnistry.reading.combine import (
    Judgement,
    ReadLine,
    boundaries,
    cut_out,
    judged,
    log_odds,
    read_lines,
)
from mnistry.reading.line_reader import CHARACTERS, HEIGHT, Character, Strip

# Where both readers agree, the line reader's confidence stands; where they differ, it is near 0.
JUDGEMENT = Judgement(
    agreed=(0.0, 1.0, 0.0), opposed=(-10.0, 1.0, 0.0), vote=(1.0, 1.0),
    signs={"-": (0.0, 1.0)}, other=0.5, hidden=0.5, sure=0.99,
)  # fmt: skip


def answer(digit: int) -> np.ndarray:
    row = np.full(10, 0.001, np.float32)
    row[digit] = 0.991
    return row


def test_a_digit_that_both_read_is_said_and_one_that_is_opposed_is_not() -> None:
    line = [Character("4", 0.999, 8, 12), Character("9", 0.999, 28, 32)]
    found = judged(line, np.stack([answer(4), answer(4)]), JUDGEMENT)
    assert "".join(map(str, found)) == "4?"
    assert found[0].confidence > 0.99 > found[1].confidence


def test_a_sign_needs_no_digit_network_and_an_unknown_sign_is_not_said() -> None:
    line = [Character("-", 0.999, 4, 8), Character("7", 0.999, 20, 24), Character("/", 1, 40, 44)]
    found = judged(line, np.stack([answer(7)] * 3), JUDGEMENT)
    assert "".join(map(str, found)) == "-7?"


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
    (one, ring), boxes = cut_out(strip, line)
    assert one.shape == ring.shape == (28, 28)
    assert (one > 127).any(0).sum() <= 5  # upright, and nothing beside it
    assert (ring > 127).any(0).sum() >= 10
    assert ring[14, 14] < 50
    left, top, width, height = boxes[1]
    assert abs(left - 70) <= 2
    assert abs(top - 10) <= 2
    assert abs(width - 21) <= 3
    assert abs(height - 29) <= 3


def test_characters_part_half_way_and_an_empty_line_has_no_edges() -> None:
    assert boundaries([], 64) == []
    left, between, right = boundaries([Character("1", 1, 8, 12), Character("2", 1, 28, 32)], 64)
    assert left == 0
    assert between == 20
    assert 32 < right <= 64


def test_a_network_of_ones_own_decides_alone_which_digit_it_is() -> None:
    line = [Character("4", 0.6, 8, 12), Character("9", 0.6, 28, 32)]
    found = judged(line, np.stack([answer(7), np.full(10, 0.1, np.float32)]), JUDGEMENT, alone=0.5)
    assert "".join(map(str, found)) == "7?"


class Spelling:
    """Stands in for a session: answers every strip with these characters, 20 columns apart."""

    def __init__(self, characters: Sequence[Mapping[str, float]]) -> None:
        self.characters = characters

    def run(self, _outputs: object, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        (images,) = inputs.values()
        steps = np.full((images.shape[2] // 4, 1 + len(CHARACTERS)), 1e-7)
        steps[:, 0] = 1
        for place, character in enumerate(self.characters):
            for text, probability in character.items():
                steps[2 + 5 * place, 1 + CHARACTERS.index(text)] = probability
                steps[2 + 5 * place, 0] -= probability
        steps = np.maximum(steps, 1e-7)
        log = np.log(steps / steps.sum(1, keepdims=True)).astype(np.float32)
        return [np.repeat(log[None], len(images), 0)]


def ink() -> np.ndarray:
    """Rings that touch, so that every character is read from the one mark."""
    strength = np.zeros((80, 240), np.float32)
    for x in (40, 80, 120, 160):
        cv2.ellipse(strength, (x, 40), (21, 18), 0, 0, 360, 1.0, 3)
    return strength


def long_mark() -> np.ndarray:
    """A mark from which every character is read, however far apart they are."""
    strength = np.zeros((80, 900), np.float32)
    cv2.rectangle(strength, (19, 21), (850, 59), 1.0, -1)
    return strength


def read(
    characters: Sequence[Mapping[str, float]], strength: np.ndarray | None = None
) -> list[ReadLine]:
    def always_zero(images: np.ndarray) -> np.ndarray:
        return np.repeat(answer(0)[None], len(images), 0)

    strength = ink() if strength is None else strength
    return read_lines(strength, Spelling(characters), always_zero, JUDGEMENT)  # type: ignore[arg-type]


def test_a_line_has_its_text_its_rows_and_a_box_for_each_character() -> None:
    (line,) = read([{"0": 0.9999}, {}, {" ": 0.9999}, {}, {"0": 0.9999}])
    assert line.text == "0 0"
    assert line.is_sure
    assert line.boxes.shape == (3, 4)
    assert line.forms.shape == (2, 28, 28)
    assert abs(line.top - 22) < 4
    assert abs(line.bottom - 58) < 4
    assert line.is_beside(20, 60)
    assert not line.is_beside(60, 90)
    assert line.holds(54, 64)  # a comma
    assert not line.holds(54, 76)
    assert not line.holds(62, 66)
    assert not line.holds(30, 64)


def test_what_may_have_been_passed_over_is_a_question_mark() -> None:
    (line,) = read([{"0": 0.9999}, {".": 0.45}, {"0": 0.9999}])
    assert line.text == "00"  # 0.45 is less than `hidden`
    (line,) = read([{"0": 0.9999}, {".": 0.3, ",": 0.25}, {"0": 0.9999}])
    assert line.text == "0?0"
    assert not line.is_sure
    assert "".join(one.text for one in line.spelled) == "00"


@pytest.mark.parametrize("probability", [0.6, 0.9])
def test_spaces_at_the_ends_and_blank_paper_are_left_out(probability: float) -> None:
    (line,) = read([{" ": 0.9999}, {"0": probability}, {" ": 0.9999}])
    assert line.text == "?"
    assert read([{"0": 0.9999}], np.zeros((80, 240), np.float32)) == []


def test_a_tall_mark_that_no_character_was_read_from_is_a_question_mark() -> None:
    strength = np.zeros((80, 300), np.float32)
    cv2.ellipse(strength, (40, 40), (12, 18), 0, 0, 360, 1.0, 3)
    cv2.line(strength, (120, 22), (120, 58), 1.0, 3)  # a 1, far from the 0
    cv2.line(strength, (170, 56), (172, 58), 1.0, 3)  # a speck
    (line,) = read([{"0": 0.9999}], strength)
    assert line.text == "0?"
    x, _, width, _ = line.boxes[1]
    assert abs(x + width / 2 - 120) < 4
    assert not line.is_sure


def test_a_digit_broken_in_two_is_one_digit() -> None:
    strength = np.zeros((80, 120), np.float32)
    for start in (110, -70):
        cv2.ellipse(strength, (46, 40), (20, 18), 0, start, start + 140, 1.0, 3)
    (line,) = read([{}, {"0": 0.9999}], strength)
    assert line.text == "0"


def test_digits_as_far_apart_as_those_of_one_number_are_one_number() -> None:
    zero, gap, no = {"0": 0.9999}, {" ": 0.9999}, {}
    # First the digits are 80 columns apart, which is 2.5 times their height; then 40 columns.
    assert [line.text for line in read([zero, no, gap, no, zero])] == ["0 0"]
    assert [line.text for line in read([zero, gap, zero])] == ["00"]
    # A gap of 40 columns parts no digits that are usually 40 apart, but those usually 20 apart.
    assert [line.text for line in read([zero, no, zero, gap, zero])] == ["000"]
    assert [line.text for line in read([zero, zero, gap, zero])] == ["00 0"]


def squared(middles: Sequence[int], walls: Sequence[int]) -> np.ndarray:
    """Rings in a frame with walls at these columns."""
    strength = np.zeros((80, 240), np.float32)
    for x in middles:
        cv2.ellipse(strength, (x, 40), (12, 18), 0, 0, 360, 1.0, 3)
    for y in (5, 75):
        cv2.line(strength, (5, y), (235, y), 1.0, 2)
    for x in walls:
        cv2.line(strength, (x, 5), (x, 75), 1.0, 2)
    return strength


def test_a_wall_parts_numbers_however_near_they_are() -> None:
    spelled = [{}, {"0": 0.9999}, {" ": 0.9999}, {"0": 0.9999}]
    for walls, text in (((5, 235), "00"), ((5, 51, 235), "0 0")):
        (line,) = read(spelled, squared((27, 76), walls))  # where the characters are read
        assert line.text == text


def test_walls_that_also_stand_inside_numbers_part_nothing() -> None:
    zero, gap, no = {"0": 0.9999}, {" ": 0.9999}, {}
    for walls, text in (((5, 95, 235), "00 0"), ((5, 50, 95, 235), "000")):
        (line,) = read([no, zero, no, zero, gap, zero], squared((27, 73, 118), walls))
        assert line.text == text


def test_numbers_much_further_apart_than_their_digits_are_parted_though_no_gap_was_read() -> None:
    zero, no = {"0": 0.9999}, {}
    strength = long_mark()
    far = [zero, zero, *[no] * 5, zero, zero]
    assert [line.text for line in read(far, strength)] == ["00 00"]
    even = [zero, no, no, zero, no, no, zero]
    assert [line.text for line in read(even, strength)] == ["000"]
    assert [line.text for line in read([zero, *[no] * 6, zero], strength)] == ["0 0"]


def test_signs_say_nothing_about_how_far_apart_digits_are() -> None:
    zero, minus, gap, no = {"0": 0.9999}, {"-": 0.9999}, {" ": 0.9999}, {}
    # From a sign to a digit 20 columns, from digit to digit 40, all of one number.
    number = [zero, minus, zero, minus, zero, no, zero]
    assert [line.text for line in read(number, long_mark())] == ["0-0-00"]
    assert [line.text for line in read([*number, gap, zero], long_mark())] == ["0-0-000"]
    assert [line.text for line in read([zero, zero, zero, no, minus], long_mark())] == ["000-"]


def test_no_space_is_inserted_in_a_gap_narrower_than_one_that_was_read() -> None:
    zero, gap, no = {"0": 0.9999}, {" ": 0.9999}, {}
    number = [zero, zero, zero, zero, no, zero]
    assert [line.text for line in read(number, long_mark())] == ["0000 0"]
    wider = [*number, no, gap, no, zero]
    assert [line.text for line in read(wider, long_mark())] == ["00000 0"]


def test_a_number_with_a_sign_and_a_fraction_begin_anew_after_a_narrow_gap() -> None:
    zero, minus, gap, no = {"0": 0.9999}, {"-": 0.9999}, {" ": 0.9999}, {}
    number = [zero, no, zero, gap]  # digits are 40 columns apart, and the gap is no wider
    assert [line.text for line in read([*number, minus, zero])] == ["00 -0"]
    assert [line.text for line in read([*number, zero, {"/": 0.9999}, zero])] == ["00 0?0"]
    assert [line.text for line in read([*number, minus, gap, zero])] == ["00-0"]
    assert [line.text for line in read([*number, zero])] == ["000"]
