import numpy as np
import pytest

from mnistry.augmentation import drawing, styles
from mnistry.errors import UsageError
from mnistry.images.mnist_form import normalise


def random() -> np.random.Generator:
    return np.random.default_rng(0)


def stem(lean: float = 0.0) -> np.ndarray:
    """A bare 1 that leans by so many pixels for each row."""
    middle = np.array([14.0, 14.0])
    line = np.array([[9 * lean, -9], [-9 * lean, 9]]) + middle
    return normalise(drawing.strokes([line], 2.5))


@pytest.mark.parametrize("seed", range(8))
def test_a_one_gets_an_upstroke_on_its_left_and_keeps_its_stem(seed) -> None:
    image = styles.add_upstroke(stem(), np.random.default_rng(seed))
    assert image is not None
    upper, lower = np.argwhere(image[4:14] > 127), np.argwhere(image[19:24] > 127)
    assert np.ptp(upper[:, 1]) >= 4
    assert upper[:, 1].mean() < lower[:, 1].mean() - 0.5


@pytest.mark.parametrize("lean", [0.6, -0.6])
def test_a_one_that_leans_gets_no_upstroke(lean) -> None:
    assert styles.add_upstroke(stem(lean), random()) is None


@pytest.mark.parametrize("seed", range(20))
def test_the_upstroke_of_a_stem_that_leans_is_no_bar_of_a_seven(seed) -> None:
    image = styles.add_upstroke(stem(0.3), np.random.default_rng(seed))
    assert image is not None
    # Within a stroke's width of its top a 7 has its whole bar.
    assert np.ptp(np.flatnonzero((image[4:8] > 127).any(0))) < 10


def test_a_seven_gets_a_bar_across_its_stem() -> None:
    lines = [np.array([[6.0, 5], [22, 5], [12, 23]])]
    image = normalise(drawing.strokes(lines, 2.5))
    barred = styles.add_bar(image, random())
    assert barred is not None

    def widest(seven: np.ndarray) -> int:
        return int((seven[12:20] > 127).sum(1).max())

    assert widest(barred) >= 2 * widest(image)


def hooked(tip: float = 11.0) -> np.ndarray:
    """A 2 whose hook ends at the row `tip`."""
    hook = drawing.smooth(np.array([[8.0, tip], [9, 6], [14, 4], [18, 7], [16, 12]]))
    rest = np.array([[16.0, 12], [8, 23], [20, 23]])
    return normalise(drawing.strokes([hook, rest], 2))


# With seed 3 the loop is so small that its hole is filled; `close_hook` then returns None.
@pytest.mark.parametrize("seed", [0, 1, 2, 4, 5, 6, 7])
def test_the_hook_of_a_two_is_closed_and_the_rest_hardly_changes(seed) -> None:
    image = hooked()
    closed = styles.close_hook(image, np.random.default_rng(seed))
    assert closed is not None
    assert (styles._hollow(image), styles._hollow(closed)) == (0, 1)
    # For comparison: the image differs by 12 from itself moved sideways by a pixel, and by 24 from
    # itself moved up or down.
    assert np.abs(closed[17:].astype(int) - image[17:]).mean() < 20


def test_a_two_that_is_closed_or_has_no_hook_is_not_closed() -> None:
    closed = styles.close_hook(hooked(), random())
    assert closed is not None
    assert styles.close_hook(closed, random()) is None
    slash = drawing.strokes([np.array([[18.0, 4], [8, 23], [20, 23]])], 2)
    assert styles.close_hook(normalise(slash), random()) is None


def test_there_are_as_many_as_asked_with_their_labels(mnist) -> None:
    made = styles.make(mnist["x_train"][:2000], mnist["y_train"][:2000], 200, random())
    assert made.images.shape == (200, 28, 28)
    assert np.bincount(made.labels, minlength=10).tolist() == [0, 100, 50, 0, 0, 0, 0, 50, 0, 0]
    again = styles.make(mnist["x_train"][:2000], mnist["y_train"][:2000], 200, random())
    assert np.array_equal(made.images, again.images)


def test_more_are_made_than_there_are_1s_7s_and_2s(mnist) -> None:
    images, labels = mnist["x_train"][:100], mnist["y_train"][:100]
    assert len(styles.make(images, labels, 60, random()).images) == 60


def test_digits_without_a_stem_are_refused_instead_of_looking_for_ever() -> None:
    blots = np.full((20, 28, 28), 255, np.uint8)
    with pytest.raises(UsageError, match="stroke"):
        styles.make(blots, np.uint8([1, 7, 2, 1] * 5), 8, random())
