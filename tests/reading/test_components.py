"""Components of masks, small and large ones, against a mask of known marks."""

import numpy as np
import pytest

from mnistry.reading.components import components


@pytest.mark.parametrize("shape", [(100, 120), (300, 400)])
def test_marks_of_small_and_large_masks_are_measured_alike(shape: tuple[int, int]) -> None:
    mask = np.zeros(shape, bool)
    mask[10:30, 5:9] = mask[12:14, 9:20] = mask[50, 60] = True
    found = components(mask)
    assert found.boxes.tolist() == [[5, 10, 15, 20], [60, 50, 1, 1]]
    assert found.areas.tolist() == [102, 1]
    assert found.labels[11, 6] == 1
    assert found.labels[50, 60] == 2
    assert found.labels[0, 0] == 0


def test_paper_has_no_marks() -> None:
    assert len(components(np.zeros((20, 20), bool))) == 0
