"""A hand is learned from its digits: the bend, the last layer, and figures of unseen examples."""

import cv2
import numpy as np
import pytest

import mnistry
from mnistry.concepts import one_hot
from mnistry.datasets import Split
from mnistry.training import teach
from mnistry.training.teach import Bend, Rehearsal

ROWS, COLUMNS = (axis.ravel().astype(np.float32) for axis in np.mgrid[:28, :28])


class Linear:
    """A start whose features are the pixels of a quarter of the size."""

    def __init__(self, digits: Split) -> None:
        features = self.features(digits.images.astype(np.float32))
        with_one = np.column_stack([features, np.ones(len(features))])
        targets = one_hot(np.asarray(digits.labels)) - 0.1
        normal = with_one.T @ with_one + 10 * np.eye(with_one.shape[1])
        weights = (6 * np.linalg.solve(normal, with_one.T @ targets)).astype(np.float32)
        self.kernel, self.bias = weights[:-1], weights[-1]

    def features(self, pixels: np.ndarray) -> np.ndarray:
        return (pixels.reshape(-1, 14, 2, 14, 2).mean((2, 4)) / 255).reshape(len(pixels), -1)

    def read(self, images: np.ndarray) -> np.ndarray:
        return (self.features(images.astype(np.float32)) @ self.kernel + self.bias).argmax(1)


@pytest.fixture(scope="module")
def digits() -> Split:
    images, labels = mnistry.load("sample").train
    return Split(images, labels)


@pytest.fixture(scope="module")
def slanted(digits: Split) -> Split:
    """The last 600 digits, slanted by 31 degrees."""
    matrix = np.array([[1, -0.6, 0.6 * 13.5], [0, 1, 0]])
    images = [cv2.warpAffine(image, matrix, (28, 28)) for image in digits.images[-600:]]
    return Split(np.array(images), digits.labels[-600:])


@pytest.fixture(scope="module")
def start(digits: Split) -> Linear:
    return Linear(Split(digits.images[:2000], digits.labels[:2000]))


@pytest.fixture(scope="module")
def rehearsal(digits: Split, start: Linear) -> Rehearsal:
    known = Split(digits.images[:1000], digits.labels[:1000])
    return Rehearsal.of(start, known, np.zeros((50, 28, 28), np.uint8))


def some(split: Split, count: int) -> Split:
    return Split(split.images[:count], split.labels[:count])


def wrong(answers: np.ndarray, labels: np.ndarray) -> float:
    return float((answers != labels).mean())


def test_a_bend_takes_each_pixel_from_its_place_and_paper_from_outside() -> None:
    image = np.arange(784, dtype=np.float32).reshape(1, 28, 28)
    assert (Bend.of(COLUMNS, ROWS).apply(image) == image).all()
    moved = Bend.of(COLUMNS + 1, ROWS).apply(image)
    assert (moved[0, :, :27] == image[0, :, 1:]).all()
    assert (moved[0, :, 27] == 0).all()
    between = Bend.of(COLUMNS + 0.25, ROWS + 0.5).apply(image)
    assert between[0, 3, 5] == pytest.approx(3.5 * 28 + 5.25)


def test_the_bend_of_twenty_slanted_digits_sets_them_upright(
    digits: Split, slanted: Split, rehearsal: Rehearsal
) -> None:
    bend = teach.find_bend(slanted.images[:20], slanted.labels[:20], rehearsal.subspaces)
    before, upright = slanted.images[100:].astype(float), digits.images[-500:].astype(float)
    after = bend.apply(slanted.images[100:].astype(np.float32))
    assert abs(after - upright).mean() < 0.65 * abs(before - upright).mean()


def test_the_bend_is_found_from_all_digits_of_many_examples_in_order(
    digits: Split, slanted: Split, rehearsal: Rehearsal
) -> None:
    # As a class folder gives them: sorted by digit. Only 5 to 9 are slanted.
    labels = np.asarray(slanted.labels)
    is_slanted = (labels >= 5)[:, None, None]
    images = np.where(is_slanted, slanted.images, digits.images[-600:])
    order = np.argsort(labels, kind="stable")
    bend = teach.find_bend(images[order], labels[order], rehearsal.subspaces)
    before, upright = (part[labels >= 5] for part in (slanted.images, digits.images[-600:]))
    after = bend.apply(before.astype(np.float32))
    assert abs(after - upright).mean() < 0.9 * abs(before - upright.astype(float)).mean()


def test_a_hand_is_learned_and_the_digits_before_are_not_forgotten(
    digits: Split, slanted: Split, start: Linear, rehearsal: Rehearsal
) -> None:
    taught = teach.teach(start, some(slanted, 60), rehearsal)

    def read(images: np.ndarray) -> np.ndarray:
        return taught.probabilities(taught.views(start, images.astype(np.float32))).argmax(1)

    others, labels = slanted.images[100:], slanted.labels[100:]
    assert wrong(read(others), labels) < 0.5 * wrong(start.read(others), labels)
    plain, labels = digits.images[2000:3000], digits.labels[2000:3000]
    assert wrong(read(plain), labels) < wrong(start.read(plain), labels) + 0.01


def test_no_digit_is_thought_impossible(digits: Split, start: Linear, rehearsal: Rehearsal) -> None:
    taught = teach.teach(start, some(digits, 20), rehearsal)
    views = taught.views(start, digits.images[:200].astype(np.float32))
    found = taught.probabilities(100 * views)  # as sure as can be
    assert found.sum(1) == pytest.approx(np.ones(200), abs=1e-5)
    assert found.min() >= 0.999 * teach.DOUBT / 10
    assert found.max() > 0.99


def test_principal_components_are_orthonormal_even_if_features_are_dead(
    digits: Split, start: Linear
) -> None:
    features = start.features(digits.images[:300].astype(np.float32))
    assert (features == 0).all(0).any()
    basis = teach.Rehearsal.of(start, some(digits, 300), np.zeros((9, 28, 28), np.uint8)).basis
    assert basis.T @ basis == pytest.approx(np.eye(basis.shape[1]), abs=1e-4)
    kept = (features @ basis) @ basis.T
    assert np.square(features - kept).sum() < 1e-3 * np.square(features).sum()


def test_no_example_is_read_by_a_network_that_was_taught_with_it(
    digits: Split, start: Linear, rehearsal: Rehearsal
) -> None:
    # Random labels can be learned by heart, but not for examples that were not seen.
    labels = np.random.default_rng(0).integers(0, 10, 50).astype(np.uint8)
    examples = Split(digits.images[3000:3050], labels)
    taught = teach.teach(start, examples, rehearsal)
    views = taught.views(start, examples.images.astype(np.float32))
    assert wrong(taught.probabilities(views).argmax(1), labels) < 0.6
    found = teach.cross_validate(start, examples, rehearsal)
    assert found.sum(1) == pytest.approx(np.ones(50), abs=1e-4)
    assert wrong(found.argmax(1), labels) > 0.75
    together = teach.cross_validate(start, examples, rehearsal, threads=2)
    assert (found == together).all()


def test_the_same_seed_gives_the_same_network(
    slanted: Split, start: Linear, rehearsal: Rehearsal
) -> None:
    first, again, other = (
        teach.teach(start, some(slanted, 10), rehearsal, seed=seed).kernel for seed in (1, 1, 2)
    )
    assert (first == again).all()
    assert (first != other).any()
