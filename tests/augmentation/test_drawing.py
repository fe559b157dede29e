import numpy as np
import pytest

from mnistry.augmentation import drawing
from mnistry.images.mnist_form import SUPERSAMPLING


def test_strokes_have_their_width_and_place() -> None:
    page = drawing.strokes([np.array([[14, 4], [14, 24]])], 3)
    row = page[14 * SUPERSAMPLING]
    assert row.sum() / SUPERSAMPLING == pytest.approx(3, abs=0.3)
    centres = (np.arange(28 * SUPERSAMPLING) + 0.5) / SUPERSAMPLING
    assert row @ centres / row.sum() == pytest.approx(14, abs=0.2)


def test_a_curve_goes_through_its_points() -> None:
    points = np.array([[0.0, 0], [1, 2], [3, 1], [4, 4]])
    curve = drawing.smooth(points)
    for point in points:
        assert np.abs(curve - point).sum(1).min() < 1e-9
