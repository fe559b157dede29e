import numpy as np
import pytest

import mnistry
from mnistry.augmentation import drawing


def test_a_drawing_gets_a_box_of_twenty_pixels_about_its_centre_of_mass() -> None:
    page = np.zeros((112, 112), np.float32)
    page[10:90, 20:28] = 1
    page[82:90, 28:60] = 1  # an L: heavier at the bottom and on the left
    image = drawing.as_mnist(page).astype(float)
    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (20, 10)
    grid = np.arange(28) + 0.5
    assert image.sum(1) @ grid / image.sum() == pytest.approx(14, abs=0.5)
    assert image.sum(0) @ grid / image.sum() == pytest.approx(14, abs=0.5)


def test_mnist_digits_have_that_form_already() -> None:
    (images, _), _ = mnistry.load("sample")
    again = np.array([drawing.as_mnist(image / np.float32(255)) for image in images[:100]])
    assert np.abs(again.astype(int) - images[:100]).mean() < 20  # a pixel aside is 30


def test_blank_paper_stays_blank() -> None:
    assert drawing.as_mnist(np.zeros((50, 40), np.float32)).max() == 0


def test_strokes_have_their_width_and_place() -> None:
    page = drawing.strokes([np.array([[14, 4], [14, 24]])], 3)
    row = page[14 * drawing.FINE]
    assert row.sum() / drawing.FINE == pytest.approx(3, abs=0.3)
    assert row @ (np.arange(112) + 0.5) / row.sum() / drawing.FINE == pytest.approx(14, abs=0.2)


def test_a_curve_goes_through_its_points() -> None:
    points = np.array([[0.0, 0], [1, 2], [3, 1], [4, 4]])
    curve = drawing.smooth(points)
    for point in points:
        assert np.abs(curve - point).sum(1).min() < 1e-9
