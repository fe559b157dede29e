import numpy as np
import pytest

import mnistry
from mnistry.doctor import stages
from mnistry.images.mnist_form import normalise
from mnistry.reading.ink import find_ink


@pytest.fixture(scope="module")
def three() -> np.ndarray:
    """A real three, of which the box is known: rows 4 to 23."""
    images, labels = mnistry.load("sample").train
    image = next(i for i in images[labels == 3] if (i[[4, 23]] > 127).any(axis=1).all())
    return np.asarray(image)


def box_of(ink: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero((ink > 127).any(1)), np.flatnonzero((ink > 127).any(0))
    return int(columns[0]), int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1


def way(ink: np.ndarray) -> list[stages.Stage]:
    """Go from a picture with this ink, dark on light, to its form."""
    picture = 255 - ink
    found = find_ink(picture)
    return stages.of_digit(picture, found, box_of(ink), normalise(found.strength))


def test_the_naive_way_inverts_where_the_border_is_light(three) -> None:
    as_it_is, inverted = stages.naive(255 - three)
    np.testing.assert_array_equal(as_it_is.image, 255 - three)
    np.testing.assert_array_equal(inverted.image, three)
    assert inverted.ailment == "ink and paper were swapped"
    np.testing.assert_array_equal(stages.naive(three)[1].image, three)


def test_the_naive_way_squeezes_any_shape() -> None:
    picture = np.full((10, 300), 200, np.uint8)
    assert all(stage.image.shape == (28, 28) for stage in stages.naive(picture))


@pytest.mark.parametrize("scale", [1, 5])
def test_a_digit_cut_out_is_as_large_as_in_mnist(three, scale) -> None:
    ink = np.zeros((400, 300), np.uint8)
    large = np.kron(three, np.ones((scale, scale), np.uint8))
    ink[200 : 200 + 28 * scale, 20 : 20 + 28 * scale] = large
    cut, alone, centred, form = way(ink)
    for stage in (cut, alone):
        _, y, _, height = box_of(stage.image)
        assert (y, height) == (pytest.approx(4, abs=1), pytest.approx(20, abs=1))
    mass = centred.image.sum()
    for axis in (0, 1):
        centre = centred.image.sum(axis=1 - axis) @ np.arange(28) / mass
        assert centre == pytest.approx(14, abs=0.51)
    assert form.name == "strokes as MNIST has them"


def test_what_ails_a_small_digit_in_a_corner_is_said_in_pixels_of_28(three) -> None:
    ink = np.zeros((280, 280), np.uint8)
    ink[10:38, 200:228] = three  # 20 of 280 pixels are 2 of 28
    said = way(ink)[0].ailment
    x, y, width, height = box_of(ink)
    assert said.startswith("2 pixels long, not 20, ")
    assert f"{14 - (y + height / 2) / 10:.0f} pixels too high" in said
    assert f"{(x + width / 2) / 10 - 14:.0f} pixels too far right" in said
    assert "squeezed" not in said
    assert "squeezed" in way(np.pad(ink, ((0, 0), (0, 280))))[0].ailment


@pytest.mark.parametrize(("width", "said"), [(1, "strokes too thin: 1."), (8, "strokes too thick")])
def test_strokes_of_other_pens_are_called_too_thin_or_too_thick(width, said) -> None:
    ink = np.zeros((28, 28), np.uint8)
    ink[4:24, 10 : 10 + width] = 255
    assert way(ink)[3].ailment.startswith(said)


def test_other_digits_and_the_paper_are_gone_once_the_ink_is_alone(three) -> None:
    picture = np.full((60, 90), 150, np.uint8)
    both = np.hstack([three, three])
    picture[10:38, 10:66] = np.minimum(150, 255 - both)
    found = find_ink(picture)
    x, y, width, height = box_of(three)
    cut, alone, *_ = stages.of_digit(picture, found, (x + 10, y + 10, width, height), three)
    assert cut.image[0, 0] == 105
    assert alone.image[0, 0] == 0
    assert alone.image[:, 25:].max() == 0
