import hashlib

import numpy as np
import pytest

from mnistry.datasets.dataset import Dataset, Split, as_images, as_labels, as_split
from mnistry.errors import DataError

IMAGES = np.arange(2 * 784, dtype=np.int64).reshape(2, 28, 28) % 256
LABELS = np.array([3, 9])


def test_unpacks_as_keras_loaders_do():
    train, test = Split(IMAGES, LABELS), Split(IMAGES + 1, LABELS)
    (x_train, y_train), (x_test, y_test) = Dataset("digits", "", "not stated", train, test)
    assert x_train is train.images
    assert y_train is train.labels
    assert x_test is test.images
    assert y_test is test.labels


@pytest.mark.parametrize("test", [None, Split(IMAGES, None)])
def test_a_split_or_labels_that_are_missing_unpack_as_none(test):
    train, unpacked = Dataset("digits", "", "not stated", Split(IMAGES, LABELS), test)
    assert train.labels is LABELS
    assert unpacked is test


def test_arrays_has_only_the_arrays_that_exist():
    dataset = Dataset("digits", "", "", Split(IMAGES, LABELS), Split(IMAGES, None))
    assert list(dataset.arrays()) == ["x_train", "y_train", "x_test"]


def test_digests_are_of_the_bytes_in_c_order():
    images = IMAGES.astype(np.uint8)
    expected = hashlib.sha256(images.tobytes()).hexdigest()
    for order in "CF":
        split = Split(images.copy(order), None)
        assert Dataset("", "", "", split, None).digests == {"x_train": expected}


@pytest.mark.parametrize("shape", [(2, 28, 28), (2, 28, 28, 1), (2, 784)])
def test_shapes_of_images(shape):
    images = as_images(IMAGES.reshape(shape), "here")
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, IMAGES)


@pytest.mark.parametrize(
    "shape",
    [(28, 56), (56, 28), (28, 28, 3), (1, 56, 28), (0, 28, 28), (2, 28, 28, 4)],
)
def test_other_shapes_are_refused(shape):
    array = np.zeros(shape, np.uint8)
    with pytest.raises(DataError, match=r"^here: "):
        as_images(array, "here")


def test_divided_images_are_refused_with_the_remedy():
    with pytest.raises(DataError, match="give the 0–255 image"):
        as_images(IMAGES / 255, "here")


@pytest.mark.parametrize("value", [256, -1, 0.5, np.nan, np.inf])
def test_fault_26_value_that_uint8_cannot_hold(value):
    images = IMAGES.astype(float)
    images[1, 3, 3] = value
    with pytest.raises(DataError, match=r"here, item 1: .* is not a pixel value"):
        as_images(images, "here")


@pytest.mark.parametrize("value", [10, -1, 1.5, np.nan])
def test_fault_24_value_that_is_no_label(value):
    with pytest.raises(DataError, match=r"here, item 1: .* is not a label"):
        as_labels(np.array([3, value]), "here")


def test_fault_102_one_hot_rows_and_columns_are_labels():
    labels = np.array([3, 0, 9])
    assert as_labels(np.eye(10)[labels], "here").tolist() == [3, 0, 9]
    # argmax along the rows of a column would make all of them 0.
    assert as_labels(labels[:, np.newaxis], "here").tolist() == [3, 0, 9]
    two_ones = np.eye(10)[labels]
    two_ones[1, 5] = 1
    with pytest.raises(DataError, match=r"labels of shape \(3, 10\)"):
        as_labels(two_ones, "here")


@pytest.mark.parametrize("highest", [1, 3, 15])
def test_fault_103_integers_of_few_levels_are_refused_and_the_remedy_works(highest):
    few = np.tile(np.arange(784, dtype=np.uint8) % (highest + 1), (2, 1))
    with pytest.raises(DataError, match=f"no higher than {highest};") as caught:
        as_images(few, "here")
    remedy = str(caught.value).partition("give the 0–255 image, ")[2].partition(";")[0]
    restored = as_images(eval(remedy, {"np": np, "images": few}), "here")  # noqa: S307
    np.testing.assert_array_equal(np.unique(restored), np.rint(np.linspace(0, 255, highest + 1)))


def test_fault_103_16_levels_more_are_not_refused():
    assert as_images(np.full((1, 784), 16), "here").max() == 16


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1)])
def test_fault_103_scaled_floats_are_refused_and_the_remedy_works(low, high):
    scaled = low + (high - low) * (IMAGES.astype(np.float32) / 255)
    with pytest.raises(DataError, match="floating-point") as caught:
        as_images(scaled, "here")
    remedy = str(caught.value).partition("give the 0–255 image, ")[2].partition(";")[0]
    restored = as_images(eval(remedy, {"np": np, "images": scaled}), "here")  # noqa: S307
    np.testing.assert_array_equal(restored, IMAGES)


def test_fault_103_booleans_become_paper_and_ink():
    images = as_images(IMAGES > 100, "here")
    np.testing.assert_array_equal(images, np.where(IMAGES > 100, 255, 0))


def test_fault_104_channels_and_images_may_be_first_or_last():
    for array in (
        IMAGES[:, np.newaxis], IMAGES[..., np.newaxis], IMAGES.transpose(1, 2, 0).repeat(9, 2),
        IMAGES.reshape(2, 784).T, np.repeat(IMAGES[:, np.newaxis], 3, axis=1),
        np.repeat(IMAGES[..., np.newaxis], 3, axis=3),
        np.repeat(IMAGES[..., np.newaxis], 3, axis=3).transpose(1, 2, 3, 0),
    ):  # fmt: skip
        images = as_images(array, "here")
        assert images.shape[1:] == (28, 28)
        np.testing.assert_array_equal(images[0], IMAGES[0])
        np.testing.assert_array_equal(images[-1], IMAGES[-1])


def test_fault_104_colours_become_their_luma():
    colours = np.zeros((1, 28, 28, 3), np.uint8)
    colours[..., 0], colours[..., 1] = 100, 200
    assert set(as_images(colours, "here").ravel()) == {147}  # 0.299 x 100 + 0.587 x 200


@pytest.mark.parametrize("dtype", [object, complex, bool, "U1"])
def test_dtypes_other_than_real_numbers_are_refused(dtype):
    with pytest.raises(DataError, match="dtype"):
        as_labels(LABELS.astype(dtype), "here")


def test_fault_23_counts_differ():
    with pytest.raises(DataError, match="here: 2 images but 1 labels"):
        as_split(IMAGES, LABELS[:1], "here")


def test_split_without_labels():
    assert as_split(IMAGES, None, "here").labels is None
