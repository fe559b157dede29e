import itertools

import numpy as np
import pytest

import mnistry
from mnistry.augmentation import strokes
from mnistry.augmentation.strokes import Pen, write
from mnistry.errors import UsageError

FULL = Pen(thinnest=3, thickest=3, faintest=1, blur=0, noise=0, cut=0, chance=0)


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    (images, _), _ = mnistry.load("sample")
    return images[:400]


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def stroke_widths(ink: np.ndarray) -> np.ndarray:
    """The mean width of an upright stroke over the 12 rows in its middle."""
    return ink[:, 8:20].sum((1, 2)) / 12


def upright(width: int, count: int = 1) -> np.ndarray:
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 4:24, 12 : 12 + width] = 255
    return images


def test_a_chance_of_0_changes_nothing(digits) -> None:
    assert np.array_equal(write(digits, Pen(chance=0), random()), digits)


@pytest.mark.parametrize("before", [2, 3, 4])
@pytest.mark.parametrize("wanted", [1.5, 2.0, 2.7, 3.6, 5.0])
def test_strokes_become_as_wide_as_asked_whatever_they_were(before, wanted) -> None:
    inked = strokes._with_stroke(upright(before), np.array([wanted]))
    assert stroke_widths(inked)[0] == pytest.approx(wanted, abs=0.4)


def test_a_digit_keeps_its_place_when_its_strokes_change(digits) -> None:
    def centres(ink: np.ndarray) -> np.ndarray:
        grid = np.arange(28)
        mass = ink.sum((1, 2))
        return np.stack([ink.sum(2) @ grid / mass, ink.sum(1) @ grid / mass])

    thick = strokes._with_stroke(digits, np.full(len(digits), 4.0))
    assert np.abs(centres(thick) - centres(digits.astype(float))).mean() < 0.25


def test_no_stroke_leaks_into_the_next_image() -> None:
    images = np.zeros((40, 28, 28), np.uint8)
    images[::2] = 255
    assert strokes._with_stroke(images, np.full(40, 3.0))[1::2].max() == 0


def test_blank_paper_stays_blank() -> None:
    blank = np.zeros((50, 28, 28), np.uint8)
    assert strokes._with_stroke(blank, np.full(50, 5.0)).max() == 0
    assert strokes._cut(blank.astype(np.float32), np.ones(50), np.arange(50) % 4).max() == 0


def test_a_cut_takes_its_part_of_the_ink_from_the_side_named() -> None:
    square = np.zeros((4, 28, 28), np.float32)
    square[:, 4:24, 4:24] = 1
    left = strokes._cut(square, np.full(4, 0.125), np.arange(4))  # 2.5 of 20 pixels
    for ink, lost in zip(
        left, [np.s_[:, 4:7], np.s_[4:7], np.s_[:, 21:24], np.s_[21:24]], strict=True
    ):
        assert ink.sum() == pytest.approx(20 * 17.5)
        assert ink[lost].sum() == pytest.approx(20 * 0.5)


def test_blur_is_a_gaussian_of_the_standard_deviation_asked_for() -> None:
    dot = np.zeros((3, 28, 28), np.float32)
    dot[:, 14, 13] = 1
    sigma = np.array([0.0, 0.5, 1.0])
    blurred = strokes._blurred(dot, sigma)
    away = np.arange(28) - 14
    assert np.array_equal(blurred[0], dot[0])
    assert blurred.sum((1, 2)) == pytest.approx(np.ones(3))
    assert blurred.sum(2) @ away**2 == pytest.approx(sigma**2, abs=1e-6)
    assert blurred.sum(1) @ (away + 1) ** 2 == pytest.approx(sigma**2, abs=1e-6)


def test_faint_ink_and_noise_are_as_strong_as_the_limits_say() -> None:
    images = upright(3, 2000)
    faint = write(images, Pen(3, 3, faintest=0.5, blur=0, noise=0, cut=0, chance=1), random())
    inked = faint[:, 10, 13] / 255
    assert inked.min() >= 0.49
    assert inked.min() < 0.52
    noisy = write(images, Pen(3, 3, faintest=1, blur=0, noise=0.2, cut=0, chance=1), random())
    # Half of the noise is clipped away on paper; what remains has a mean of sigma / sqrt(2 pi).
    # Sigma is drawn uniformly from 0 to 0.2, so that its median is 0.1.
    median = np.median(noisy[:, 24:, :4].mean((1, 2))) / 255
    assert median == pytest.approx(0.1 / np.sqrt(2 * np.pi), rel=0.1)


def test_marks_add_ink_beside_the_digit_and_never_take_any(digits) -> None:
    ink = digits.astype(np.float32) / 255
    more = strokes._with_marks_beside(ink, np.roll(ink, 1, axis=0), random())
    assert (more >= ink).all()
    assert (more > ink).any((1, 2)).mean() > 0.6


def test_ink_is_faint_as_often_as_asked() -> None:
    faint = write(upright(3, 5000), Pen(3, 3, 0.1, 0, 0, 0, chance=0.3), random())
    paler = (faint.max((1, 2)) < 250).mean()
    assert paler == pytest.approx(0.3, abs=0.03)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(digits) -> None:
    one, again, other = (write(digits, Pen(), random(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_the_input_is_left_as_it_was(digits) -> None:
    before = digits.copy()
    write(digits, Pen(chance=1), random())
    assert np.array_equal(digits, before)


def test_no_images_and_one_image_are_written_too(digits) -> None:
    for count in (0, 1):
        assert write(digits[:count], Pen(chance=1), random()).shape == (count, 28, 28)


@pytest.mark.parametrize(
    "wrong",
    [
        {"thinnest": 5.0}, {"thinnest": 0.0}, {"thickest": 99.0}, {"faintest": 0.0},
        {"blur": 1.5}, {"noise": -1.0}, {"cut": float("nan")}, {"chance": 2.0},
    ],
)  # fmt: skip
def test_a_pen_that_makes_no_sense_is_refused(wrong) -> None:
    with pytest.raises(UsageError, match=f"{next(iter(wrong))} .*expected a number from"):
        Pen(**wrong)


def test_images_of_a_batch_are_written_differently() -> None:
    written = write(upright(3, 30), Pen(chance=1), random())
    assert not any(np.array_equal(a, b) for a, b in itertools.combinations(written, 2))
