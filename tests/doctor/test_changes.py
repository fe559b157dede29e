import numpy as np
import pytest

import mnistry
from mnistry.doctor.changes import small_changes
from mnistry.images.mnist_form import stroke_width


@pytest.fixture(scope="module")
def four() -> np.ndarray:
    images, labels = mnistry.load("sample").train
    return images[labels == 4][0]


@pytest.fixture(scope="module")
def changed(four) -> dict[str, np.ndarray]:
    return {change.name: change.image for change in small_changes(four)}


def test_smaller_changes_come_first_and_each_is_an_image(four) -> None:
    changes = small_changes(four)
    sizes = [change.size for change in changes]
    assert sizes == sorted(sizes)
    assert len({change.name for change in changes}) == len(changes)
    for change in changes:
        assert (change.image.dtype, change.image.shape) == (np.uint8, (28, 28))
        assert (change.image != four).any()


def test_a_move_is_by_whole_pixels(four, changed) -> None:
    np.testing.assert_array_equal(changed["3 pixels lower"][3:], four[:-3])
    assert not changed["3 pixels lower"][:3].any()
    np.testing.assert_array_equal(changed["1 pixel to the left"][:, :-1], four[:, 1:])


@pytest.mark.parametrize(
    ("name", "wider"), [("strokes 1 pixel thicker", 1), ("strokes 0.5 pixels thinner", -0.5)]
)
def test_strokes_change_by_as_much_as_the_name_says(name, wider) -> None:
    bar = np.zeros((28, 28), np.uint8)
    bar[4:24, 12:16] = 255
    image = {change.name: change.image for change in small_changes(bar)}[name]
    # Rows in the middle, where the ink's sum is the stroke's width.
    assert image[8:20].sum() / 255 / 12 == pytest.approx(4 + wider, abs=0.1)


def test_a_turn_brings_the_top_of_a_bar_to_its_side() -> None:
    bar = np.zeros((28, 28), np.uint8)
    bar[4:24, 13:15] = 255
    changes = {change.name: change for change in small_changes(bar)}
    # A turn of 4 pixels at 10 pixels from the centre: 0.4 radians = 23°; 9.5 sin 23° = 3.7.
    clockwise = changes["turned 23° clockwise"].image
    tip = clockwise[clockwise.any(axis=1)][1]
    assert (tip @ np.arange(28)) / tip.sum() == pytest.approx(13.5 + 3.7, abs=0.5)
    # A lean of 4 pixels in 10: atan 0.4 = 22°; 9.5 * 0.4 = 3.8.
    leaning = changes["leaning 22° more to the left"].image
    assert (leaning[4] @ np.arange(28)) / leaning[4].sum() == pytest.approx(13.5 - 3.8, abs=0.3)


def test_the_other_changes_do_what_their_names_say(four, changed) -> None:
    np.testing.assert_array_equal(changed["ink and paper swapped"], 255 - four)
    assert changed["40 % fainter"].max() == round(0.6 * four.max())
    before, after = (
        np.ptp(np.flatnonzero((image > 127).any(axis=1)))
        for image in (four, changed["20 % smaller"])
    )
    assert after == pytest.approx(0.8 * before, abs=1)
    assert stroke_width(changed["blurred by 1 pixel"] > 60) > stroke_width(four > 60)


def test_a_hairline_is_not_thinned_to_less_than_half() -> None:
    hair = np.zeros((28, 28), np.uint8)
    hair[4:24, 14] = 255
    assert not any("thinner" in change.name for change in small_changes(hair) if change.size > 0.25)
