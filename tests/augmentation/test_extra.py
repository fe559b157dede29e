import numpy as np
import pytest

from mnistry.augmentation import extra
from mnistry.datasets import Split
from mnistry.errors import UsageError


@pytest.fixture(scope="module")
def split(mnist) -> Split:
    return Split(mnist["x_train"][:2000], mnist["y_train"][:2000])


def test_digits_have_one_hot_targets_and_non_digits_a_tenth_for_each_digit(split) -> None:
    made = extra.make(split, styled=30, non_digits=50, seed=0)
    assert made.images.shape == (80, 28, 28)
    assert made.targets.dtype == np.float32
    assert made.targets.sum(1) == pytest.approx(np.ones(80))
    # 30 // 4 are 7, as many are 2, and the rest are 1.
    assert np.bincount(made.targets[:30].argmax(1), minlength=10)[[1, 7, 2]].tolist() == [16, 7, 7]
    assert (made.targets[:30].max(1) == 1).all()
    assert np.unique(made.targets[30:]) == pytest.approx(0.1)


def test_the_seed_decides(split) -> None:
    one, again, other = (extra.make(split, styled=9, non_digits=30, seed=s) for s in (1, 1, 2))
    assert np.array_equal(one.images, again.images)
    assert not np.array_equal(one.images, other.images)


def test_a_count_of_0_makes_no_images(split) -> None:
    assert len(extra.make(split, styled=0, non_digits=0, seed=0).images) == 0


@pytest.mark.parametrize("labels", [None, np.zeros(2000, np.uint8)])
def test_images_without_every_digit_are_refused(split, labels) -> None:
    with pytest.raises(UsageError, match="all ten digits"):
        extra.make(Split(split.images, labels), styled=1, non_digits=1, seed=0)
