"""Pictures that were cut out along their writing are read as if they had a margin."""

import cv2
import numpy as np
import pytest

import mnistry
from mnistry.datasets.fit import fit_image
from mnistry.images.mnist_form import SIDE
from mnistry.reading import Reader
from mnistry.reading.margin import with_margin
from mnistry.reading.page import are_beside


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(threads=1)


def cut_out(number: int, times: int) -> tuple[np.ndarray, str]:
    """A digit of the sample on white, enlarged so many times and cut out along its ink."""
    images, labels = mnistry.load("sample").train
    x, y, width, height = cv2.boundingRect(images[number])
    ink = images[number][y : y + height, x : x + width]
    return 255 - cv2.resize(ink, None, fx=times, fy=times), str(labels[number])


def test_digits_that_were_cut_out_along_their_ink_are_read(reader: Reader) -> None:
    pictures = [cut_out(number, 1 + number % 5) for number in range(0, 4000, 67)]
    right = [reader.read(picture).text == digit for picture, digit in pictures]
    assert sum(right) >= 58  # of 60; without an added margin 53 are


def test_a_line_that_was_cut_out_along_its_ink_is_read_and_its_boxes_are_in_the_picture(
    reader: Reader,
) -> None:
    # The last digit is a 1: its stroke goes from edge to edge, as a wall of a table does.
    digits = [cut_out(number, 2) for number in (4, 0, 12)]
    high = max(len(picture) for picture, _ in digits)
    parts = []
    for picture, _ in digits:
        resized = cv2.resize(picture, (picture.shape[1], high))
        parts += [resized, np.full((high, 8), 255, np.uint8)]
    picture = np.hstack(parts[:-1])
    found = reader.read(picture)
    assert found.text == "".join(digit for _, digit in digits)
    for digit in found.digits:
        x, y, width, height = digit.box
        assert min(x, y) >= 0
        assert x + width <= picture.shape[1]
        assert y + height <= picture.shape[0]
    assert found.digits[0].box[0] <= 2


def test_walls_frames_and_what_has_a_margin_are_left_as_they_are() -> None:
    walls = np.full((40, 160), 240, np.uint8)
    walls[:, ::40] = walls[:, 1::40] = 30
    boxes = walls.copy()
    boxes[:2] = boxes[-2:] = boxes[:, -2:] = 30
    boxes[4:36, 12:14] = 30
    digit, _ = cut_out(4, 3)
    cell = np.pad(digit, 20, constant_values=255)
    cell[:3] = cell[:, :2] = 10
    desk = np.full((200, 300), 230, np.uint8)
    desk[:, :70] = 60
    for picture in (walls, boxes, cell, np.pad(digit, 20, constant_values=255), desk):
        assert with_margin(picture)[1] == 0
    assert with_margin(digit)[1] > 0
    assert with_margin(255 - digit)[1] > 0


def test_an_image_file_that_was_cut_out_along_its_ink_becomes_the_image_it_was_cut_from() -> None:
    images, _ = mnistry.load("sample").train
    differences = []
    for number in range(0, 4000, 200):
        picture, _ = cut_out(number, 3)
        image = fit_image(picture, "a digit")
        assert image.shape == (SIDE, SIDE)
        differences.append(np.abs(image.astype(float) - images[number]).mean())
    assert np.median(differences) < 8  # grey levels
    assert max(differences) < 30


def test_tall_digits_at_the_edges_are_not_beside_the_page_where_only_signs_are_within() -> None:
    digits = [(40 * i, 0, 30, 60) for i in range(5)]
    signs = [(40 * i + 32, 28, 6, 4) for i in range(4)]
    assert not are_beside(np.array(digits + signs), (60, 200)).any()
