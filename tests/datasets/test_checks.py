import numpy as np
import pytest

from mnistry.datasets.checks import probable_mistakes
from mnistry.datasets.dataset import Dataset, Split
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


def test_light_paper_is_reported():
    light = Split(255 - split(5).images, split(5).labels)
    (notice,) = probable_mistakes(dataset(light))
    assert "light paper" in notice


def test_dim_ink_is_told():
    dim = split(20)
    (notice,) = probable_mistakes(dataset(Split(dim.images // 16 + 1, dim.labels)))
    assert "reach no higher than 16" in notice
    assert "np.rint(255 / 16 * images)" in notice
