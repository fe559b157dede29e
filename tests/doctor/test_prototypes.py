import cv2
import numpy as np
import pytest

from mnistry.doctor import prototypes
from mnistry.errors import ModelError


def shipped() -> tuple[np.ndarray, np.ndarray]:
    with np.load(prototypes.SHIPPED) as arrays:
        return arrays["images"], arrays["labels"]


def closest(image: np.ndarray) -> prototypes.Prototype:
    return min(prototypes.nearest(image, range(10)), key=lambda one: one.distance)


def test_200_prototypes_ship_20_of_each_digit() -> None:
    images, labels = shipped()
    assert (images.dtype, images.shape) == (np.uint8, (200, 28, 28))
    assert np.bincount(labels, minlength=10).tolist() == [20] * 10


def test_the_nearest_prototype_to_a_prototype_is_itself() -> None:
    images, labels = shipped()
    own = int(labels[57])
    first, second, third = prototypes.nearest(images[57], [own, (own + 1) % 10, (own + 2) % 10])
    assert [one.label for one in (first, second, third)] == [own, (own + 1) % 10, (own + 2) % 10]
    assert first.distance == pytest.approx(0, abs=1e-6)
    np.testing.assert_array_equal(first.image, images[57])
    assert 0 < second.distance < 1
    assert 0 < third.distance < 1


def test_a_digit_moved_by_a_pixel_is_still_nearest_to_its_class() -> None:
    images, labels = shipped()
    moved = np.roll(images[12], 1, axis=1)
    assert closest(moved).label == labels[12]


def test_a_digit_that_leans_is_still_nearest_to_its_class() -> None:
    images, labels = shipped()
    right = 0
    for image, label in zip(images[::5], labels[::5], strict=True):
        matrix = np.array([[1, 0.25, -0.25 * 14], [0, 1, 0]], np.float32)
        leant = cv2.warpAffine(image, matrix, (28, 28))
        first = closest(leant)
        right += bool((first.image == image).all() and first.label == label)
    assert right >= 38  # of 40; 27 of them if slants were not compared


def test_faint_ink_is_no_other_shape() -> None:
    images, labels = shipped()
    assert closest(images[90] // 4).label == labels[90]
    assert closest(np.zeros((28, 28), np.uint8)).distance == 1


def test_without_prototypes_the_installation_is_blamed(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(prototypes, "SHIPPED", tmp_path / "prototypes.npz")
    monkeypatch.setattr(prototypes, "_shipped", prototypes._shipped.__wrapped__)
    with pytest.raises(ModelError, match="install mnistry again"):
        closest(np.zeros((28, 28), np.uint8))
