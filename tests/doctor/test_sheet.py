import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

import mnistry
from mnistry.doctor import sheet
from mnistry.doctor.examine import examine
from mnistry.reading import Reader


def drawn(picture: np.ndarray, title: str = "page.png") -> Image.Image:
    return Image.open(io.BytesIO(sheet.png(examine(Reader(), picture), title)))


@pytest.fixture(scope="module")
def nine() -> np.ndarray:
    images, labels = mnistry.load("sample").train
    return np.asarray(255 - images[labels == 9][0])


def test_each_digit_has_a_row(nine) -> None:
    blank = drawn(np.full((28, 28), 255, np.uint8))
    one, two = drawn(nine), drawn(np.hstack([nine, nine]))
    assert blank.width == one.width == two.width == 1240
    assert blank.height < one.height < two.height
    assert one.info["Software"] == sheet.MADE_BY


def test_it_shows_the_form_that_was_read(nine) -> None:
    diagnosis = examine(Reader(), nine)
    form = diagnosis.cases[0].stages[-1].image
    tile = np.kron(form, np.ones((4, 4), np.uint8))
    page = np.array(Image.open(io.BytesIO(sheet.png(diagnosis, "nine"))).convert("L"))
    windows = np.lib.stride_tricks.sliding_window_view(page, tile.shape)
    found = windows[:, :, ::8, ::8] == tile[::8, ::8]
    assert found.all(axis=(2, 3)).any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (4000, 1), (28, 28), (600, 100)])
def test_pictures_of_any_shape_fit(shape) -> None:
    page = np.array(drawn(np.full(shape, 90, np.uint8)).convert("L"))
    assert (page[:, -20:] == 255).all()
    assert (page[-20:] == 255).all()


def test_the_panels_lie_below_all_notes_on_the_photo(nine) -> None:
    found = examine(Reader(), nine)
    heights = []
    for count in (0, 5):
        reading = dataclasses.replace(found.reading, notes=("a note of one line",) * count)
        photo = np.full((48, 480), 200, np.uint8)
        shown = dataclasses.replace(found, photo=photo, photo_size=photo.shape, reading=reading)
        heights.append(Image.open(io.BytesIO(sheet.png(shown, "nine"))).height)
    assert heights[1] >= heights[0] + 40


def test_long_and_foreign_names_fit(nine) -> None:
    page = np.array(drawn(nine, "große_Zahlen_数字_" * 30).convert("L"))
    assert (page[:, -20:] == 255).all()
