import re

import numpy as np
import pytest

from mnistry.datasets.checks import probable_mistakes
from mnistry.datasets.dataset import Dataset, Origin, Split
from mnistry.errors import DataError


def split(count, seed=0):
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 5:20, 5:20] = np.random.default_rng(seed).integers(0, 256, (count, 15, 15))
    return Split(images, np.arange(count, dtype=np.uint8) % 10)


def dataset(train, test=None):
    return Dataset("digits", "digits.npz", "not stated", train, test)


def test_nothing_is_said_of_good_data():
    assert probable_mistakes(dataset(split(20), split(10, seed=1))) == ()
    assert probable_mistakes(dataset(None, Split(split(3).images, None))) == ()


def test_fault_25_train_and_test_swapped():
    with pytest.raises(DataError, match=r"digits.npz: train and test look swapped: 10 .* 20"):
        probable_mistakes(dataset(split(10), split(20, seed=1)))


def test_fault_25_more_images_to_predict_than_to_train_is_no_swap():
    to_predict = Split(split(20, seed=1).images, None)
    assert probable_mistakes(dataset(split(10), to_predict)) == ()


def test_fault_40_one_class_only():
    train = Split(split(4).images, np.full(4, 3, np.uint8))
    assert probable_mistakes(dataset(train)) == ("all 4 train images are of the same class, 3",)


def test_fault_41_images_in_both_splits():
    train, test = split(20), split(10, seed=1)
    test.images[[2, 7]] = train.images[[11, 0]]
    (notice,) = probable_mistakes(dataset(train, test))
    assert notice.startswith("2 of 10 test images are also training images")
    assert "(test 2 = train 11, test 7 = train 0)" in notice


def test_fault_41_first_findings_of_many_are_shown():
    train, test = split(20), split(10)
    (notice,) = probable_mistakes(dataset(train, test))
    assert notice.startswith("10 of 10 test images")
    assert "test 4 = train 4, …)" in notice


def test_fault_109_a_class_that_is_tested_and_not_trained_is_told():
    train, test = split(40), split(30, seed=1)
    kept = train.labels != 7
    (notice,) = probable_mistakes(dataset(Split(train.images[kept], train.labels[kept]), test))
    assert notice == "no training image is of class 7; 3 test images are: it cannot be learned"
    kept &= train.labels != 2
    (notice,) = probable_mistakes(dataset(Split(train.images[kept], train.labels[kept]), test))
    assert "of the classes 2, 7; 6 test images are: they cannot be learned" in notice


def test_light_paper_is_reported():
    light = Split(255 - split(5).images, split(5).labels)
    (notice,) = probable_mistakes(dataset(light))
    assert "light paper" in notice


def test_dim_ink_is_told():
    dim = split(20)
    (notice,) = probable_mistakes(dataset(Split(dim.images // 16 + 1, dim.labels)))
    assert "reach no higher than 16" in notice
    assert "np.rint(255 / 16 * images)" in notice


def sample(count: int = 200) -> Split:
    import mnistry

    images, labels = mnistry.load("sample").train
    return Split(images[:count], labels[:count])


TURNED = {
    "rows and columns swapped": (lambda x: x.swapaxes(1, 2), "give --transpose"),
    "be mirrored": (lambda x: x[:, :, ::-1], "images[:, :, ::-1]"),
    "be flipped": (lambda x: x[:, ::-1], "images[:, ::-1]"),
    "by 180 degrees": (lambda x: x[:, ::-1, ::-1], "images[:, ::-1, ::-1]"),
    "by 90 degrees counter": (lambda x: np.rot90(x, 1, (1, 2)), "np.rot90(images, 3, (1, 2))"),
    "by 90 degrees clockwise": (lambda x: np.rot90(x, 3, (1, 2)), "np.rot90(images, 1, (1, 2))"),
}


@pytest.mark.parametrize("words", TURNED)
def test_images_that_lie_otherwise_are_told_with_code_that_brings_them_back(words):
    turn, remedy = TURNED[words]
    images, labels = sample()
    turned = np.ascontiguousarray(turn(images))
    (notice,) = probable_mistakes(dataset(Split(turned, labels)))
    assert words in notice
    assert remedy in notice
    if "--" not in remedy:
        there = eval(remedy, {"images": turned, "np": np})  # noqa: S307 (what a user is told)
        np.testing.assert_array_equal(there, images)
    (light, same) = probable_mistakes(dataset(Split(255 - turned, labels)))
    assert "light paper" in light
    assert same.startswith(notice[:30])


def test_good_images_have_no_notice():
    assert probable_mistakes(dataset(sample())) == ()
    (light,) = probable_mistakes(dataset(Split(255 - sample().images, sample().labels)))
    assert "invert them" in light


def test_shuffled_labels_are_told():
    images, labels = sample()
    mixed = np.random.default_rng(0).permutation(labels)
    (notice,) = probable_mistakes(dataset(Split(images, mixed)))
    assert notice.startswith("the labels look shuffled")
    assert re.search(r"reads \d+\.\d\d % of 200 as labelled", notice)


def test_renumbered_labels_are_told_with_the_options_that_mend_it():
    images, labels = sample()
    (notice,) = probable_mistakes(dataset(Split(images, (labels + 1) % 10)))
    assert "give --relabel 0=9 --relabel 1=0 --relabel 2=1" in notice


@pytest.mark.parametrize("how", [Origin(labels_from=1), Origin(relabel=("10=0",))])
def test_labels_that_an_option_renumbered_are_mended_by_leaving_it_out(how):
    images, labels = sample()
    (notice,) = probable_mistakes(dataset(Split(images, (labels + 1) % 10)), how)
    assert notice.endswith(("leave out --labels-from 1", "leave out --relabel 10=0"))


def test_images_at_half_strength_and_blank_ones_are_told():
    images, labels = sample()
    (dim,) = probable_mistakes(dataset(Split(images // 2, labels)))
    assert "reach no higher than 127" in dim
    some = images.copy()
    some[3], some[9] = 0, 255
    some[0, 0, 0] = 255  # one bright image says nothing
    (blank,) = probable_mistakes(dataset(Split(some, labels)))
    assert blank == "2 of 200 train images are blank; the first: 3"
