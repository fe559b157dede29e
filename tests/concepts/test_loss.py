import math

import numpy as np
import pytest

from mnistry.concepts import (
    KERAS_EPSILON,
    binary_cross_entropy,
    bits,
    cross_entropy,
    one_hot,
    sigmoid,
    softmax,
)


@pytest.fixture
def answers() -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of 200 images and their labels."""
    generator = np.random.default_rng(0)
    logits = generator.normal(scale=3, size=(200, 10)).astype(np.float32)
    return softmax(logits), generator.integers(0, 10, 200)


def test_the_loss_of_probability_0_775_by_hand():
    probabilities = [0.2, 0.775, 0.025]
    assert round(float(cross_entropy(probabilities, 1)), 4) == 0.2549
    assert round(float(cross_entropy(probabilities, 1, base=2)), 4) == 0.3677
    assert cross_entropy(probabilities, 1) == pytest.approx(-math.log(0.775), rel=1e-14)
    assert bits(cross_entropy(probabilities, 1)) == pytest.approx(-math.log2(0.775), rel=1e-14)


def test_the_loss_of_equal_probabilities_is_log_10():
    even = np.full(10, 0.1)
    assert cross_entropy(even, 7) == pytest.approx(2.302585, abs=1e-6)
    assert cross_entropy(even, 7, base=2) == pytest.approx(3.321928, abs=1e-6)
    assert cross_entropy(even, 7, base=10) == pytest.approx(1, rel=1e-14)


def test_the_loss_of_certainty_is_0_or_infinity():
    costs = cross_entropy([[1, 0], [1, 0]], [0, 1])
    assert costs.tolist() == [0, math.inf]
    assert math.copysign(1, costs[0]) == 1  # no -0.0, which would be shown as such


def test_each_image_has_the_loss_of_its_own_label():
    rows = [[0.5, 0.25, 0.25], [0.125, 0.375, 0.5]]
    assert cross_entropy(rows, [1, 0], base=2) == pytest.approx([2, 3], rel=1e-14)


@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_out_of_range_is_refused(label):
    with pytest.raises(ValueError, match="expected 0 to 2"):
        cross_entropy([0.2, 0.3, 0.5], label)


@pytest.mark.parametrize("labels", [1, [1], [[0], [1]], [0, 1, 2]])
def test_every_row_needs_its_label(labels):
    with pytest.raises(ValueError, match="labels of shape"):
        cross_entropy([[0.2, 0.3, 0.5], [0.2, 0.3, 0.5]], labels)


def test_cross_entropy_equals_that_of_keras(answers):
    import keras

    probabilities, labels = answers
    costs = cross_entropy(probabilities, labels)
    sparse = keras.losses.sparse_categorical_crossentropy(labels, probabilities)
    dense = keras.losses.categorical_crossentropy(one_hot(labels), probabilities)
    assert costs == pytest.approx(np.asarray(sparse), rel=1e-5, abs=2e-7)
    assert costs == pytest.approx(np.asarray(dense), rel=1e-5, abs=2e-7)
    batch = keras.losses.CategoricalCrossentropy()(one_hot(labels), probabilities)
    assert costs.mean() == pytest.approx(float(batch), rel=1e-5)


def test_the_loss_of_keras_is_limited_by_its_clipping():
    import keras

    assert keras.config.epsilon() == KERAS_EPSILON
    probabilities, targets = np.array([[0.0, 1.0]], np.float32), np.array([[1.0, 0.0]], np.float32)
    keras_cost = np.asarray(keras.losses.categorical_crossentropy(targets, probabilities))
    assert keras_cost == pytest.approx([16.118096], abs=1e-5)  # -ln(1e-7)
    clipped = np.clip(probabilities, KERAS_EPSILON, 1 - KERAS_EPSILON)
    assert cross_entropy(clipped, [0]) == pytest.approx(keras_cost, rel=1e-6)
    assert cross_entropy(probabilities, [0]) == [math.inf]


def test_binary_cross_entropy_by_hand():
    cost = binary_cross_entropy([0.25, 0.5, 1, 0], [1, 0, 1, 0], base=2)
    assert cost == pytest.approx((2 + 1 + 0 + 0) / 4, rel=1e-14)
    nats = binary_cross_entropy([[0.25, 0.5, 1, 0]], [[1, 0, 1, 0]])
    assert bits(nats) == pytest.approx([0.75], rel=1e-14)


def test_the_binary_loss_of_certainty_is_0_or_infinity():
    costs = binary_cross_entropy([[1, 0], [1, 0]], [[1, 0], [1, 1]])
    assert costs.tolist() == [0, math.inf]
    assert math.copysign(1, costs[0]) == 1


def test_binary_cross_entropy_equals_the_mean_of_keras(answers):
    import keras

    probabilities, labels = answers
    for p in (probabilities, sigmoid(4 * probabilities - 2)):
        costs = binary_cross_entropy(p, one_hot(labels))
        assert costs.shape == (200,)
        expected = np.asarray(keras.losses.binary_crossentropy(one_hot(labels), p))
        assert costs == pytest.approx(expected, rel=1e-5, abs=2e-7)


def test_the_loss_of_targets_between_0_and_1_is_at_least_their_entropy():
    assert binary_cross_entropy([0.5], [0.5], base=2) == pytest.approx(1, rel=1e-14)
    assert binary_cross_entropy([0.25], [0.5], base=2) > 1


def test_bits():
    assert bits(math.log(2)) == 1
    assert bits([0, math.log(8)]) == pytest.approx([0, 3], rel=1e-14)
