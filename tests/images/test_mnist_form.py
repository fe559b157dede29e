"""A digit's ink brought to MNIST's form: size, place, stroke."""

import cv2
import numpy as np
import pytest

import mnistry
from mnistry.images.mnist_form import (  # fmt: skip
    CENTRE,
    THICKEST,
    THINNEST,
    depth,
    formed_box,
    normalise,
    stroke_width,
    with_edge_moved,
)
from mnistry.reading import Reader


def stroke(height: int, width: int, thick: int) -> np.ndarray:
    """An upright stroke and a foot, as an L."""
    ink = np.zeros((height + 40, width + 40), np.float32)
    ink[20 : 20 + height, 20 : 20 + thick] = 1
    ink[20 + height - thick : 20 + height, 20 : 20 + width] = 1
    return ink


def extent(image: np.ndarray) -> tuple[int, int]:
    rows, columns = np.nonzero(image > 127)
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


@pytest.mark.parametrize(("height", "width"), [(300, 150), (60, 30), (150, 300)])
def test_the_longer_side_becomes_twenty_pixels_and_the_shape_stays(height, width) -> None:
    rows, columns = extent(normalise(stroke(height, width, max(height, width) // 8)))
    assert abs(max(rows, columns) - 20) <= 1
    assert abs(rows / columns - height / width) < 0.15 * height / width


def test_the_centre_of_mass_is_in_the_middle() -> None:
    image = normalise(stroke(300, 150, 30)).astype(float)
    for axis in (0, 1):
        at = (image.sum(1 - axis) @ np.arange(28)) / image.sum()
        assert at == pytest.approx(CENTRE, abs=0.2)


@pytest.mark.parametrize("thick", [4, 16, 30, 70])
def test_a_pen_too_thin_or_too_thick_is_brought_to_what_mnist_has(thick: int) -> None:
    width = stroke_width(normalise(stroke(300, 200, thick)) > 127)
    assert THINNEST < width < THICKEST


def test_no_ink_gives_a_blank_image() -> None:
    assert not normalise(np.zeros((40, 30), np.float32)).any()
    assert normalise(np.zeros((40, 30), np.float32)).shape == (28, 28)


def test_mnists_own_images_have_its_form_and_shifted_ones_have_not() -> None:
    images, _ = mnistry.load("sample").train
    formed = [formed_box(image) is not None for image in images[:500]]
    shifted = [formed_box(np.roll(image, 2, axis=0)) is not None for image in images[:500]]
    assert np.mean(formed) > 0.98
    assert not any(shifted)


def test_moving_the_edge_out_by_a_pixel_widens_a_stroke_by_two() -> None:
    mask = np.zeros((40, 40), np.uint8)
    mask[5:35, 18:22] = 1
    assert with_edge_moved(depth(mask), 0)[20].sum() == pytest.approx(4)
    assert with_edge_moved(depth(mask), 1)[20].sum() == pytest.approx(6)
    assert with_edge_moved(depth(mask), -1)[20].sum() == pytest.approx(2)


def on_a_page(image: np.ndarray, factor: int, way: int) -> np.ndarray:
    """Enlarge an image of MNIST's, and lay it off-centre on a page."""
    large = cv2.resize(image, None, fx=factor, fy=factor, interpolation=way)
    side = large.shape[0]
    page = np.zeros((2 * side, 2 * side + 9), np.float32)
    page[side // 3 : side // 3 + side, side // 2 : side // 2 + side] = large / np.float32(255)
    return page


@pytest.mark.parametrize("factor", [1, 3, 6, 20])
def test_mnists_images_enlarged_pixel_by_pixel_come_back_as_they_were(factor: int) -> None:
    images = mnistry.load("sample").train.images[:200]
    back = np.stack([normalise(on_a_page(image, factor, cv2.INTER_NEAREST)) for image in images])
    same = np.abs(back.astype(int) - images).mean((1, 2)) < 0.5
    assert same.mean() >= 0.98  # the rest is thinner or fainter than nearly all of MNIST's


@pytest.mark.parametrize("way", [cv2.INTER_LINEAR, cv2.INTER_CUBIC])
@pytest.mark.parametrize("factor", [3, 6, 20])
def test_mnists_images_enlarged_softly_keep_their_mean_place_and_their_answers(factor, way) -> None:
    images = mnistry.load("sample").train.images[:100]
    back = np.stack([normalise(on_a_page(image, factor, way)) for image in images])
    assert np.abs(back.astype(int) - images).mean() < 6  # by area averages alone it was 9
    assert np.abs(centres(back) - centres(images)).max() < 0.1
    reader = Reader()
    answers = [
        [reading.digits[0].candidates[0].digit for reading in reader.read_many(some)]
        for some in (back, images)
    ]
    assert answers[0] == answers[1]


def centres(images: np.ndarray) -> np.ndarray:
    """The centre of mass of all images together: row and column."""
    mass = images.astype(float)
    grid = np.arange(28)
    rows, columns = mass.sum(2) @ grid, mass.sum(1) @ grid
    return np.stack([rows, columns]).mean(1) / mass.sum((1, 2)).mean()


def test_a_long_thin_stroke_cut_out_tightly_has_a_form() -> None:
    bar = np.ones((400, 12), np.float32)
    form = normalise(bar)
    # Each end lies within a pixel, so rows 4 and 24 are covered only in part.
    assert np.flatnonzero(form.any(axis=1))[[0, -1]].tolist() == [4, 24]
