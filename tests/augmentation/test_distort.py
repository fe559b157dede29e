import dataclasses
import itertools
import math
import threading

import cv2
import numpy as np
import pytest

import mnistry
from mnistry.augmentation.distort import (
    STRIP,
    Distortion,
    _bends,
    _matrices,
    _warped,
    distort,
    epochs,
)
from mnistry.augmentation.strokes import Pen
from mnistry.errors import DataError, UsageError

STILL = Distortion(rotation=0, scale=0, shear=0, shift=0, elastic=0)


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    """Real images: more than two strips, the last one partial."""
    (images, _), _ = mnistry.load("sample")
    return images[: 2 * STRIP + 37]


def moved(images: np.ndarray, matrix: list) -> np.ndarray:
    """Every image looked up through the same matrix, without elastic pull."""
    matrices = np.repeat(np.array([matrix], np.float32), len(images), axis=0)
    bends = _bends(4.0)
    modes = bends.shape[1]
    return _warped(images, matrices, np.zeros((2, len(images), modes, modes), np.float32), bends)


def test_no_distortion_gives_the_very_same_bytes(digits) -> None:
    assert np.array_equal(distort(digits, STILL, seed=0), digits)


def test_a_shift_of_whole_pixels_is_exact() -> None:
    dots = np.zeros((3, 28, 28), np.uint8)
    dots[:, 5, 9] = 200
    # Looked up 3 columns to the left and 2 rows above: the ink goes right and down.
    shifted = moved(dots, [[1, 0, -3], [0, 1, -2]])
    expected = np.zeros_like(dots)
    expected[:, 7, 12] = 200
    assert np.array_equal(shifted, expected)


def test_a_rotation_matches_opencv(digits) -> None:
    angle = math.radians(20)
    c, s = math.cos(angle), math.sin(angle)
    ours = moved(digits[:STRIP], [[c, -s, 0], [s, c, 0]])
    about_the_centre = cv2.getRotationMatrix2D((13.5, 13.5), 20, 1)
    for image, rotated in zip(digits[:50], ours, strict=False):
        theirs = cv2.warpAffine(image, about_the_centre, (28, 28), flags=cv2.INTER_LINEAR)
        # OpenCV's warpAffine rounds places to 1/32 of a pixel: up to 255/32 for each axis.
        np.testing.assert_allclose(rotated.astype(int), theirs.astype(int), atol=16)
        assert np.abs(rotated.astype(int) - theirs).mean() < 1


@pytest.mark.parametrize("column", [0, 27])
def test_no_ink_leaks_from_one_image_into_the_next(column) -> None:
    # Every other image is full of ink, and all are distorted beyond reason.
    images = np.zeros((STRIP, 28, 28), np.uint8)
    images[::2] = 255
    wild = Distortion(rotation=180, scale=0.9, shear=2, shift=60, elastic=20, sigma=2)
    assert distort(images, wild, seed=1)[1::2].max() == 0
    edges = np.zeros((3, 28, 28), np.uint8)
    edges[1, :, column] = 255
    for across in (-1.5, -1, -0.5, 0.5, 1, 1.5):
        assert moved(edges, [[1, 0, across], [0, 1, 0]])[[0, 2]].max() == 0


def test_ink_that_leaves_does_not_come_back_on_the_other_side() -> None:
    images = np.full((2, 28, 28), 255, np.uint8)
    gone = moved(images, [[1, 0, 5], [0, 1, 0]])
    assert gone[:, :, :23].min() == 255
    assert gone[:, :, 23:].max() == 0


def test_matrices_lie_within_the_stated_limits_and_fill_them() -> None:
    limits = Distortion(rotation=10, scale=0.2, shear=0.1, shift=3)
    random = np.random.default_rng(0)
    back = _matrices(limits, 20_000, random).astype(float)
    forth = np.linalg.inv(back[:, :, :2])
    # The first column of R H S is the scaled, rotated x axis.
    rotation = np.degrees(np.arctan2(forth[:, 1, 0], forth[:, 0, 0]))
    width = np.hypot(forth[:, 0, 0], forth[:, 1, 0])
    height = np.linalg.det(forth) / width
    unrotated = forth[:, :, 1] / height[:, None]
    angle = np.radians(rotation)
    shear = np.cos(angle) * unrotated[:, 0] + np.sin(angle) * unrotated[:, 1]
    shift = (-forth @ back[:, :, 2:]).squeeze(2)
    for drawn, middle, limit in (
        (rotation, 0, 10), (width, 1, 0.2), (height, 1, 0.2), (shear, 0, 0.1),
        (shift[:, 0], 0, 3), (shift[:, 1], 0, 3),
    ):  # fmt: skip
        assert np.abs(drawn - middle).max() == pytest.approx(limit, rel=0.01)
        assert drawn.mean() == pytest.approx(middle, abs=0.02 * limit)
        assert drawn.std() == pytest.approx(limit / math.sqrt(3), rel=0.02)  # uniform, not normal


@pytest.mark.parametrize("sigma", [2.0, 4.0, 8.0])
def test_the_elastic_pull_is_smoothed_white_noise(sigma) -> None:
    # The reference: white noise on a large sheet, smoothed as in the paper.
    random = np.random.default_rng(0)
    sheet = cv2.GaussianBlur(random.normal(size=(900, 900)), (0, 0), sigma)[100:-100, 100:-100]
    sheet /= sheet.std()
    bends = _bends(sigma)
    modes = bends.shape[1]
    pull = bends @ random.standard_normal((20_000, modes, modes)) @ bends.T
    assert pull.std(axis=0) == pytest.approx(np.ones((28, 28)), rel=0.03)
    for apart in (1, 3, 6):
        expected = (sheet[:, apart:] * sheet[:, :-apart]).mean()
        for ours in (pull[:, :, apart:] * pull[:, :, :-apart], pull[:, apart:] * pull[:, :-apart]):
            assert ours.mean() == pytest.approx(expected, abs=0.06)


def test_the_elastic_amplitude_is_in_pixels() -> None:
    # On a ramp of 9 grey levels a pixel, a pull of 1 pixel changes a pixel by 9.
    ramp = np.repeat((9 * np.arange(28, dtype=np.uint8))[None, None], 28, axis=1)
    images = np.repeat(ramp, 4 * STRIP, axis=0)
    pulled = distort(images, Distortion(0, 0, 0, 0, elastic=0.7), seed=0).astype(int) - images
    assert pulled[:, 8:20, 8:20].std() / 9 == pytest.approx(0.7, rel=0.03)


def test_the_same_seed_gives_the_same_bytes_on_any_number_of_threads(digits) -> None:
    one, four = (distort(digits, Distortion(), seed=(3, 1), threads=count) for count in (1, 4))
    assert np.array_equal(one, four)


def test_the_pen_is_applied_and_the_seed_decides(digits) -> None:
    faint = Pen(thinnest=3, thickest=3, faintest=0.5, blur=0, noise=0, cut=0, chance=1)
    still = dataclasses.replace(STILL, pen=faint)
    one, four = (distort(digits, still, seed=3, threads=count) for count in (1, 4))
    assert np.array_equal(one, four)
    assert not np.array_equal(one, distort(digits, still, seed=4))
    # The darkness of the ink is drawn uniformly from 0.5 to 1, so that its median is 0.75.
    assert np.median(one.max((1, 2))) == pytest.approx(0.75 * 255, rel=0.05)


def test_seeds_epochs_strips_and_images_differ(digits) -> None:
    seeds = [distort(digits, Distortion(), seed=seed) for seed in (0, 1, (0, 1), (1, 1))]
    assert not any(np.array_equal(a, b) for a, b in itertools.combinations(seeds, 2))
    same = np.repeat(digits[:1], 2 * STRIP, axis=0)
    assert len(np.unique(distort(same, Distortion(), seed=0), axis=0)) == len(same)


def test_the_input_is_left_as_it_was(digits) -> None:
    before = digits.copy()
    distort(digits, Distortion(), seed=0)
    assert np.array_equal(digits, before)


def test_arrays_that_are_not_images_are_refused() -> None:
    with pytest.raises(DataError):
        distort(np.zeros((2, 28, 28), np.float32) + 0.5, Distortion(), seed=0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [{"rotation": -1}, {"scale": 1}, {"shift": math.nan}, {"elastic": math.inf}, {"sigma": 0.5}],
)
def test_a_distortion_that_makes_no_sense_is_refused(wrong) -> None:
    with pytest.raises(UsageError, match=f"{next(iter(wrong))} .*expected a number from"):
        Distortion(**wrong)


def distorting_threads() -> int:
    return sum("distortions" in thread.name for thread in threading.enumerate())


def test_epochs_are_what_distort_gives_whatever_the_start(digits) -> None:
    first_four = list(epochs(digits, Distortion(), 4, seed=7))
    assert len(first_four) == 4
    resumed = epochs(digits, Distortion(), 2, seed=7, start=2)
    for epoch, images in enumerate(first_four):
        assert np.array_equal(images, distort(digits, Distortion(), seed=(7, epoch)))
    assert np.array_equal(next(resumed), first_four[2])
    assert np.array_equal(next(resumed), first_four[3])


def test_one_epoch_is_made_ahead_and_no_more(digits, monkeypatch: pytest.MonkeyPatch) -> None:
    made, one_was_made = [], threading.Semaphore(0)

    def note(images, distortion, *, seed):
        made.append(seed)
        one_was_made.release()
        return images

    monkeypatch.setattr("mnistry.augmentation.distort.distort", note)
    ahead = epochs(digits, Distortion(), 4, seed=0)
    one_was_made.acquire(timeout=10)
    assert made == [(0, 0)]  # before anything was asked for
    for epoch in (1, 2, 3):
        next(ahead)
        one_was_made.acquire(timeout=10)
        assert made == [(0, done) for done in range(epoch + 1)]
    next(ahead)
    assert next(ahead, None) is None
    assert len(made) == 4  # a fifth is not needed


def test_closing_ends_the_thread_begun_or_not(digits) -> None:
    for begun in (False, True):
        ahead = epochs(digits, Distortion(), 9, seed=0)
        if begun:
            next(ahead)
        assert distorting_threads() == 1
        ahead.close()
        del ahead
        for thread in threading.enumerate():
            if "distortions" in thread.name:
                thread.join(10)
        assert distorting_threads() == 0


def test_an_error_in_the_background_reaches_the_caller() -> None:
    ahead = epochs(np.zeros((2, 5, 5), np.uint8), Distortion(), 9, seed=0)
    with pytest.raises(DataError, match=r"\(2, 5, 5\)"):
        next(ahead)
    assert distorting_threads() == 0
