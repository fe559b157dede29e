"""Pen strokes of other hands, drawn with pens of many kinds."""

import numpy as np

from mnistry.augmentation.hands import PenDigit, as_images

SEVEN = PenDigit((np.array([[0, 0], [0.6, 0], [0.3, 1]], np.float32),), 7, 1)


def widths(bend: float) -> list[int]:
    """The columns with ink of 40 drawings."""
    images = as_images([SEVEN] * 40, np.random.default_rng(0), high=56, bend=bend)
    assert all(image.max() > 100 for image in images)
    return [int((image > 60).any(0).sum()) for image in images]


def test_bent_strokes_differ_more_from_one_another_and_keep_their_height() -> None:
    assert np.std(widths(1)) > 1.5 * np.std(widths(0))
    for image in as_images([SEVEN] * 10, np.random.default_rng(1), high=56, bend=1):
        rows = np.flatnonzero((image > 60).any(1))
        assert 50 <= rows[-1] - rows[0] <= 75  # 56, and half a pen's width at each end
