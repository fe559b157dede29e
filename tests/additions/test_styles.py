import numpy as np
import pytest

from mnistry.additions import drawing, styles
from mnistry.errors import UsageError


def random() -> np.random.Generator:
    return np.random.default_rng(0)


def stem(lean: float = 0.0) -> np.ndarray:
    """A bare 1 that leans by so many pixels for each row."""
    middle = np.array([14.0, 14.0])
    line = np.array([[9 * lean, -9], [-9 * lean, 9]]) + middle
    return drawing.as_mnist(drawing.strokes([line], 2.5))


@pytest.mark.parametrize("seed", range(8))
def test_a_one_gets_an_upstroke_on_its_left_and_keeps_its_stem(seed) -> None:
    image = styles.one(stem(), np.random.default_rng(seed))
    assert image is not None
    upper, lower = np.argwhere(image[4:14] > 127), np.argwhere(image[19:24] > 127)
    assert np.ptp(upper[:, 1]) >= 4
    assert upper[:, 1].mean() < lower[:, 1].mean() - 0.5


@pytest.mark.parametrize("lean", [0.6, -0.6])
def test_a_one_that_leans_stays_out(lean) -> None:
    assert styles.one(stem(lean), random()) is None


def test_a_seven_gets_a_bar_across_its_stem() -> None:
    lines = [np.array([[6.0, 5], [22, 5], [12, 23]])]
    image = drawing.as_mnist(drawing.strokes(lines, 2.5))
    barred = styles.seven(image, random())
    assert barred is not None

    def widest(seven: np.ndarray) -> int:
        return int((seven[12:20] > 127).sum(1).max())

    assert widest(barred) >= 2 * widest(image)


def test_there_are_as_many_as_asked_with_their_labels(mnist) -> None:
    made = styles.make(mnist["x_train"][:2000], mnist["y_train"][:2000], 200, random())
    assert made.images.shape == (200, 28, 28)
    assert np.bincount(made.labels, minlength=10).tolist() == [0, 133, 0, 0, 0, 0, 0, 67, 0, 0]
    again = styles.make(mnist["x_train"][:2000], mnist["y_train"][:2000], 200, random())
    assert np.array_equal(made.images, again.images)


def test_more_are_made_than_there_are_digits(mnist) -> None:
    images, labels = mnist["x_train"][:100], mnist["y_train"][:100]
    assert len(styles.make(images, labels, 60, random()).images) == 60


def test_digits_without_a_stem_are_refused_instead_of_looking_for_ever() -> None:
    blots = np.full((20, 28, 28), 255, np.uint8)
    with pytest.raises(UsageError, match="stroke"):
        styles.make(blots, np.uint8([1, 7] * 10), 6, random())
