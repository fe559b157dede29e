"""Rings, boxes and combs round digits: the digits are read, and no ring as a zero."""

import cv2
import numpy as np
import pytest

import mnistry
from mnistry.augmentation import hands
from mnistry.reading import Reader
from mnistry.reading.enclosures import find_enclosures

HIGH = 60  # pixels of a digit


@pytest.fixture(scope="module")
def read() -> Reader:
    return Reader(threads=1)


def paper(rows: int, columns: int) -> np.ndarray:
    return np.zeros((rows, columns), np.float32)


def write(page: np.ndarray, digit: int, x: int, y: int) -> None:
    """Write one of MNIST's digits, `HIGH` pixels high, with its middle at a point."""
    images, labels = mnistry.load("sample").train
    image = images[labels == digit][1]
    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    cut = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32) / 255
    width = max(1, round(HIGH / cut.shape[0] * cut.shape[1]))
    ink = np.clip(cv2.resize(cut, (width, HIGH), interpolation=cv2.INTER_CUBIC), 0, 1)
    top, left = y - HIGH // 2, x - width // 2
    part = page[top : top + HIGH, left : left + width]
    np.maximum(part, ink, out=part)


def picture(ink: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 1.5, ink.shape)
    return np.clip(cv2.GaussianBlur(235 - 200 * ink, (0, 0), 0.7) + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("gap", [0, 50], ids=["closed", "open"])
@pytest.mark.parametrize("digit", range(10))
def test_a_digit_in_a_ring_is_right_or_unsure_and_the_ring_is_not_read(
    read: Reader, digit: int, gap: int
) -> None:
    page = paper(200, 200)
    write(page, digit, 100, 100)
    cv2.ellipse(page, (100, 100), (56, 62), 20, gap, 360, 1, 4, cv2.LINE_AA)
    assert read.read(picture(page)).lines in ((str(digit),), ("?",))
    assert find_enclosures(page).frames.any()


def test_a_ring_round_a_number_or_round_one_of_its_digits_is_not_read(read: Reader) -> None:
    for axes, middle in (((150, 60), 200), ((34, 54), 200)):
        page = paper(220, 400)
        for place, digit in enumerate((7, 4, 2)):
            write(page, digit, 120 + 80 * place, 110)
        cv2.ellipse(page, (middle, 110), axes, 0, 0, 360, 1, 3, cv2.LINE_AA)
        assert read.read(picture(page)).lines == ("742",)


def test_a_digit_that_touches_its_ring_is_right_or_unsure(read: Reader) -> None:
    for digit in (2, 3, 4, 5, 7):
        page = paper(200, 200)
        write(page, digit, 100, 100)
        cv2.ellipse(page, (100, 100), (30, 33), 0, 0, 360, 1, 5, cv2.LINE_AA)
        assert read.read(picture(page)).text in ("?", "??", str(digit))


def test_a_pale_ring_that_a_dark_digit_touches_is_not_read(read: Reader) -> None:
    for digits, axes, strength in (
        ((2, 1, 6), (30, 34), 0.25),
        ((2, 1, 8), (29, 35), 0.25),
        ((2, 1, 2), (33, 43), 0.3),
    ):
        page = paper(160, 360)
        cv2.ellipse(page, (180, 80), axes, 0, 0, 360, strength, 3, cv2.LINE_AA)
        for place, digit in enumerate(digits):
            write(page, digit, 90 + 90 * place, 80)
        assert read.read(picture(page)).text == "".join(map(str, digits))


def test_a_zero_with_a_stroke_or_a_dot_in_it_stays() -> None:
    zero = cv2.ellipse(paper(120, 100), (50, 60), (26, 40), 0, 0, 360, 1, 4, cv2.LINE_AA)
    through = cv2.line(zero.copy(), (32, 84), (68, 36), 1, 4, cv2.LINE_AA)
    apart = cv2.line(zero.copy(), (39, 76), (61, 44), 1, 4, cv2.LINE_AA)
    dotted = cv2.circle(zero.copy(), (50, 60), 5, 1, -1, cv2.LINE_AA)
    for ink in (zero, through, apart, dotted):
        found = find_enclosures(ink)
        np.testing.assert_array_equal(found.strength, ink)
        assert found.unsure == ()


@pytest.mark.parametrize("pale", [1.0, 0.5])
@pytest.mark.parametrize("apart", [0, 24])
def test_a_number_in_boxes_is_one_number(read: Reader, apart: int, pale: float) -> None:
    page = paper(200, 620)
    for place, digit in enumerate((7, 3, 0, 5, 2)):
        left = 40 + (90 + apart) * place
        cv2.rectangle(page, (left, 55), (left + 90, 145), pale, 3)
        write(page, digit, left + 45, 100)
    reading = read.read(picture(page))
    assert reading.lines == ("73052",)
    assert [number.value for number in reading.numbers] == [73052]


def test_an_empty_cell_parts_the_numbers_beside_it_and_an_empty_box_is_no_zero(read) -> None:
    page = paper(200, 720)
    for place, digit in enumerate((1, 2, None, 4, 5)):
        left = 40 + 130 * place
        cv2.rectangle(page, (left, 55), (left + 90, 145), 1, 3)
        if digit is not None:
            write(page, digit, left + 45, 100)
    assert read.read(picture(page)).lines == ("12 45",)


def test_the_cells_of_a_table_stay_in_the_ink() -> None:
    table = paper(320, 400)
    for row in (80, 170):
        for column in (80, 180):
            cv2.rectangle(table, (column, row), (column + 100, row + 90), 1, 3)
            write(table, 3, column + 50, row + 45)
    np.testing.assert_array_equal(find_enclosures(table).strength, table)


def test_digits_alone_have_nothing_round_them() -> None:
    page = paper(200, 900)
    for place in range(10):
        write(page, place, 60 + 80 * place, 100)
    found = find_enclosures(page)
    np.testing.assert_array_equal(found.strength, page)
    assert not found.frames.any()


def test_a_pencils_grain_makes_no_ring_of_a_zero(read: Reader) -> None:
    zero = cv2.ellipse(np.zeros((120, 100), np.uint8), (50, 60), (26, 40), 0, 0, 360, 255, 9)
    grainy = hands.grained(zero, 0.6, np.random.default_rng(0))
    assert find_enclosures(grainy.astype(np.float32) / 255).unsure == ()
    assert read.read(255 - grainy).text == "0"
