import numpy as np

import mnistry
from mnistry.datasets import Split
from mnistry.datasets.splits import hold_out

(_IMAGES, _LABELS), _ = mnistry.load("sample")
DIGITS = _IMAGES[:1000], _LABELS[:1000]


def test_validation_images_come_from_every_class_and_are_not_trained_on() -> None:
    kept, aside = hold_out(Split(*DIGITS), 0.1, seed=0)
    assert aside is not None
    assert aside.labels is not None
    counts = np.bincount(DIGITS[1])
    assert np.abs(np.bincount(aside.labels) - counts * 0.1).max() < 1
    assert len(aside.images) == 100
    assert len(kept.images) + len(aside.images) == 1000
    seen = {image.tobytes() for image in kept.images}
    assert not any(image.tobytes() in seen for image in aside.images)
