"""Lines are found whatever rules stand around them, and spelled from a network's answers."""

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.reading.line_reader import (
    CHARACTERS,
    HEIGHT,
    WIDTH_MULTIPLE,
    find_strips,
    hidden,
    spell,
)

NONE = 0


def page() -> NDArray[np.float32]:
    return np.zeros((160, 300), np.float32)


def ring(ink: NDArray[np.float32], x: int, y: int, high: int = 40) -> None:
    cv2.ellipse(ink, (x, y + high // 2), (high // 3, high // 2), 0, 0, 360, 1.0, 3)


def answers(*classes: str) -> NDArray[np.float32]:
    """One step for each character; an empty string is none."""
    steps = np.full((len(classes), 1 + len(CHARACTERS)), 1e-4)
    for row, character in zip(steps, classes, strict=True):
        row[CHARACTERS.index(character) + 1 if character else NONE] = 1
    return np.log(steps / steps.sum(1, keepdims=True)).astype(np.float32)


def test_two_lines_are_two_strips_from_top_to_bottom() -> None:
    ink = page()
    for x in (60, 110, 160):
        ring(ink, x, 20)
    ring(ink, 60, 100)
    upper, lower = find_strips(ink)
    assert upper.y < lower.y
    assert upper.image.shape[0] == lower.image.shape[0] == HEIGHT
    assert upper.image.shape[1] > lower.image.shape[1]
    assert upper.image.shape[1] % WIDTH_MULTIPLE == lower.image.shape[1] % WIDTH_MULTIPLE == 0


def test_an_underline_a_box_and_walls_do_not_move_the_line() -> None:
    plain = page()
    for x in (60, 110, 160):
        ring(plain, x, 50)
    (alone,) = find_strips(plain)
    framed = plain.copy()
    cv2.rectangle(framed, (20, 30), (280, 110), 1.0, 2)
    for x in (85, 135):
        cv2.line(framed, (x, 30), (x, 110), 1.0, 2)
    (boxed,) = find_strips(framed)
    _, y, _, height = boxed.box(0, 1)
    _, wanted_y, _, wanted_height = alone.box(0, 1)
    assert abs(y - wanted_y) < 4
    assert abs(height - wanted_height) < 8


def test_a_low_minus_in_front_is_in_the_strip() -> None:
    ink = page()
    ring(ink, 100, 50)
    cv2.line(ink, (40, 82), (55, 82), 1.0, 3)
    (strip,) = find_strips(ink)
    left = int((40 - strip.x) * strip.scale)
    assert strip.x < 40
    assert strip.image[:, left : left + 12].max() > 200


def test_sloping_lines_are_levelled_and_their_boxes_lie_where_they_were_written() -> None:
    ink = np.zeros((360, 400), np.float32)
    places = [(40 + 60 * i, top + round(0.25 * 60 * i)) for top in (40, 130) for i in range(6)]
    for x, y in places:
        ring(ink, x, y)
    strips = find_strips(ink)
    assert [round(strip.slope, 2) for strip in strips] == [0.25, 0.25]
    for strip, (x, y) in zip(strips, (places[5], places[11]), strict=True):
        column = (x - strip.x) * strip.scale
        _, top, _, height = strip.box(column, column)
        assert abs(top - y) < 6
        assert abs(height - 43) < 6
        rows = np.flatnonzero(strip.image.max(1) > 100)
        assert len(rows) < 0.8 * HEIGHT  # nothing of the other line, and none rises or falls


def test_blank_paper_has_no_line() -> None:
    assert find_strips(page()) == []


def test_equal_neighbours_are_one_character_and_none_parts_them() -> None:
    found = spell(answers("", "1", "1", "", "1", ".", "5", ""), 32)
    assert [one.text for one in found] == ["1", "1", ".", "5"]
    assert (found[0].left, found[0].right) == (4, 12)


def test_what_was_passed_over_is_told_between_its_neighbours() -> None:
    steps = np.exp(answers("1", "", "", "5", ""))
    steps[1, CHARACTERS.index(".") + 1] = 0.4
    steps /= steps.sum(1, keepdims=True)
    log = np.log(steps).astype(np.float32)
    before, between, after = hidden(log, spell(log, 20), 20)
    assert between > 0.25
    assert max(before, after) < 0.01
