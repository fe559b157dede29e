"""Labels and classes: what is told, what is refused, and with which remedies."""

from pathlib import Path

import numpy as np
import pytest

from mnistry.datasets.assemble import Source, assemble
from mnistry.datasets.dataset import DIGITS, Origin
from mnistry.errors import DataError, UsageError

IMAGES = np.random.default_rng(0).integers(0, 256, (60, 28, 28), np.uint8)


def made(labels, how=Origin(), test=None, **facts):  # noqa: B008
    labels = np.asarray(labels)
    count = len(labels) if len(labels) > 1 else labels.size
    arrays = {"x_train": IMAGES[:count], "y_train": labels}
    if test is not None:
        arrays |= {"x_test": IMAGES[: len(test)], "y_test": np.asarray(test)}
    return assemble(Source(Path("my.npz"), arrays, **facts), how)


@pytest.mark.parametrize(
    "labels",
    [
        [7, 0, 9], [7.0, 0.0, 9.0], ["7", "0", "9"], ["7.0", "00", "+9"], [b"7", b"0", b"9"],
        ["seven", "Zero", "nine"], [[7], [0], [9]], [[7, 0, 9]], np.eye(10)[[7, 0, 9]],
        np.eye(10, dtype=bool)[[7, 0, 9]],
    ],
)  # fmt: skip
def test_fault_102_digits_in_every_notation_are_labels(labels):
    dataset = made(labels if not isinstance(labels, list) else np.array(labels))
    assert dataset.classes == DIGITS
    assert dataset.train.labels.tolist() == [7, 0, 9]


def test_fault_102_labels_from_1_to_10_are_refused_with_two_remedies_that_work():
    labels = [3, 10, 1, 9]
    with pytest.raises(DataError) as caught:
        made(labels)
    for words in ("item 1: 10 is not a label", "--relabel 10=0", "--labels-from 1"):
        assert words in str(caught.value)
    assert made(labels, Origin(relabel=("10=0",))).train.labels.tolist() == [3, 0, 1, 9]
    assert made(labels, Origin(labels_from=1)).train.labels.tolist() == [2, 9, 0, 8]


def test_fault_24_more_than_ten_classes_must_all_occur():
    assert made([*range(13), 3]).classes == tuple(map(str, range(13)))
    with pytest.raises(DataError, match="item 2: 12 is not a label; expected a whole number from"):
        made([0, 1, 12])
    with pytest.raises(DataError, match="test split, item 0: 13 is not a label"):
        made([*range(13)], test=[13])


def test_labels_from_1_of_more_classes_keep_their_names():
    labels = [*range(1, 27)]
    with pytest.raises(DataError, match="give --labels-from 1"):
        made(labels)
    dataset = made(labels, Origin(labels_from=1))
    assert dataset.classes == tuple(map(str, labels))
    assert dataset.train.labels.tolist() == [*range(26)]


def test_names_are_classes_in_alphabetical_order_and_the_same_in_all_splits():
    dataset = made(["wo", "ki", "su"], test=["su", "ki"])
    assert dataset.classes == ("ki", "su", "wo")
    assert (dataset.train.labels.tolist(), dataset.test.labels.tolist()) == ([2, 0, 1], [1, 0])


def test_names_that_a_format_declares_keep_their_order():
    dataset = made(["a", "b"], classes=("b", "a"))
    assert dataset.train.labels.tolist() == [1, 0]
    with pytest.raises(DataError, match="item 1: 'c' is not a class; expected b, a"):
        made(["a", "c"], classes=("b", "a"))


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["7", "1", "x"], "item 2: 'x' is not a label"),
        (["a", "", "b"], "item 1: '' is not a label"),
        (["a", "a", "a"], "1 classes"),
        ([1.5, 2, 3], "item 0: 1.5 is not a label"),
        ([np.nan, 2, 3], "item 0: nan is not a label"),
        ([-1, 2, 3], "item 0: -1 is not a label"),
        ([2**63, 2, 3], "is not a label"),
    ],
)
def test_fault_24_other_labels_are_refused(labels, words):
    with pytest.raises(DataError, match=r"^my\.npz") as caught:
        made(labels)
    assert words in str(caught.value)


def test_changes_are_made_at_once_and_must_hit():
    swapped = made(["3", "5", "1"], Origin(relabel=("3=5", "5=3")))
    assert swapped.train.labels.tolist() == [5, 3, 1]
    for change in ("8=1", "3", "=3", "3="):
        with pytest.raises(UsageError, match="--relabel"):
            made([3, 5, 1], Origin(relabel=(change,)))


def test_labels_are_changed_before_they_are_counted():
    both = Origin(relabel=("blank=1",), labels_from=1)
    assert made(["blank", "2", "3"], both).train.labels.tolist() == [0, 1, 2]
    with pytest.raises(UsageError, match=r"--relabel 10=0 and --labels-from 1.*leave one"):
        made([1, 10], Origin(relabel=("10=0",), labels_from=1))
    with pytest.raises(DataError, match="0 is not a label; expected a whole number from 1 to 10;"):
        made([0, 9], Origin(labels_from=1))


def test_blank_images_are_refused():
    arrays = {"x_train": np.full((3, 28, 28), 255, np.uint8), "y_train": np.arange(3)}
    with pytest.raises(DataError, match="every pixel is 255: all 3 images are blank"):
        assemble(Source(Path("my.npz"), arrays), Origin())


def test_images_of_another_size_are_refused_with_a_remedy_that_works():
    bars = np.zeros((2, 32, 32, 3), np.uint8)
    bars[:, 6:26, 14:18] = 200
    arrays = {"x_train": bars, "y_train": np.arange(2)}
    with pytest.raises(DataError, match="--fit"):
        assemble(Source(Path("my.mat"), arrays), Origin())
    train, _ = assemble(Source(Path("my.mat"), arrays), Origin(fit=True))
    assert np.flatnonzero((train.images[0] > 60).any(axis=1))[[0, -1]].tolist() == [4, 23]


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1), (0, 15), (-128, 127), (0, 65535)])
def test_numbers_of_another_range_are_refused_and_scaled_by_fit(low, high):
    ink = np.pad(np.ones((2, 20, 4)), ((0, 0), (4, 4), (12, 12)))
    images = low + ink * (high - low)
    arrays = {"x_train": images, "y_train": np.arange(2)}
    with pytest.raises(DataError, match="--fit scales and centres each"):
        assemble(Source(Path("my.npz"), arrays), Origin())
    train, _ = assemble(Source(Path("my.npz"), arrays), Origin(fit=True))
    np.testing.assert_array_equal(train.images > 99, ink > 0)


def test_a_fourth_channel_is_told():
    arrays = {"x_train": np.repeat(IMAGES[:2, ..., None], 4, axis=3), "y_train": np.arange(2)}
    with pytest.raises(DataError, match=r"leave the fourth channel out: images\[..., :3\]"):
        assemble(Source(Path("my.npz"), arrays), Origin())


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        ("y_train", "x_train"),
        ("x_train y_train y_test", "x_test"),
        ("x_train x_test y_test", "y_train"),
        ("", "images"),
    ],
)
def test_fault_11_missing_array_that_the_others_need(names, missing):
    arrays = {name: IMAGES if name[0] == "x" else np.arange(60) % 10 for name in names.split()}
    with pytest.raises(DataError, match=f"here: no {missing}"):
        assemble(Source(Path("here"), arrays), Origin())


@pytest.mark.parametrize(
    "names", ["x_train", "x_test", "x_train x_test", "x_train y_train", "x_train y_train x_test"]
)
def test_arrays_that_are_enough(names):
    arrays = {name: IMAGES if name[0] == "x" else np.arange(60) % 10 for name in names.split()}
    assert set(assemble(Source(Path("here"), arrays), Origin()).arrays()) == set(arrays)
