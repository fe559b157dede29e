import numpy as np
import pytest
from numpy.typing import NDArray

from mnistry.concepts import (
    gradient_descent_kind,
    gradient_descent_step,
    momentum_step,
    rmsprop_step,
    steps_per_epoch,
)

WEIGHTS = np.array([[1.0, -2.0, 0.5], [0.75, 3.0, -1.0]], np.float32)
GRADIENTS = np.random.default_rng(0).normal(size=(6, *WEIGHTS.shape)).astype(np.float32)
GRADIENTS[:, 0, 0] = 0  # a weight that nothing depends on: a pixel that is always paper
GRADIENTS[:, 0, 1] *= 1e-4  # small enough for epsilon to be seen


def by_keras(optimizer) -> list[NDArray[np.float32]]:
    """Return the weights after each of six steps of a Keras optimizer."""
    import keras

    variable = keras.Variable(WEIGHTS)
    optimizer.build([variable])
    after = []
    for gradient in GRADIENTS:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        after.append(np.array(variable))
    return after


def test_gradient_descent_equals_sgd_of_keras():
    import keras

    weights = WEIGHTS.astype(np.float64)
    for gradient, expected in zip(
        GRADIENTS, by_keras(keras.optimizers.SGD(learning_rate=0.05)), strict=True
    ):
        weights = gradient_descent_step(weights, gradient, 0.05)
        assert weights == pytest.approx(expected, rel=1e-6)


def test_momentum_equals_sgd_with_momentum_of_keras():
    import keras

    weights, velocity = WEIGHTS.astype(np.float64), np.zeros(WEIGHTS.shape)
    optimizer = keras.optimizers.SGD(learning_rate=0.05, momentum=0.9)
    for gradient, expected in zip(GRADIENTS, by_keras(optimizer), strict=True):
        weights, velocity = momentum_step(weights, gradient, velocity, 0.05, 0.9)
        assert weights == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    "settings", [{}, {"learning_rate": 0.05, "rho": 0.5}, {"learning_rate": 0.05, "epsilon": 0.1}]
)
def test_rmsprop_equals_rmsprop_of_keras(settings):
    import keras

    weights, average = WEIGHTS.astype(np.float64), np.zeros(WEIGHTS.shape)
    optimizer = keras.optimizers.RMSprop(**settings)
    for gradient, expected in zip(GRADIENTS, by_keras(optimizer), strict=True):
        weights, average = rmsprop_step(weights, gradient, average, **settings)
        assert weights == pytest.approx(expected, rel=1e-6)
    assert weights[0, 0] == WEIGHTS[0, 0]


def test_the_steps_by_hand():
    assert gradient_descent_step([1], [10], 0.01).tolist() == [0.9]  # 1 - 0.01 * 10
    # The velocity is 0.5 * -0.2 - 0.01 * 10 = -0.2, and the weight 1 - 0.2.
    weights, velocity = momentum_step([1], [10], [-0.2], 0.01, 0.5)
    assert (weights.tolist(), velocity.tolist()) == ([0.8], [-0.2])
    # The average is 0.75 * 12 + 0.25 * 4^2 = 13, the weight 1 - 0.5 * 4 / sqrt(13 + epsilon) = 0.5.
    weights, average = rmsprop_step([1], [4], [12], learning_rate=0.5, rho=0.75, epsilon=3)
    assert (weights.tolist(), average.tolist()) == ([0.5], [13])


def test_a_step_does_not_change_its_arguments():
    given = np.ones(3), np.ones(3), np.ones(3)
    gradient_descent_step(given[0], given[1], 0.1)
    momentum_step(*given, 0.1, 0.9)
    rmsprop_step(*given)
    assert all(np.all(array == 1) for array in given)


def test_momentum_gathers_speed_up_to_its_limit():
    weights, velocity = np.zeros(1), np.zeros(1)
    for _ in range(200):
        weights, velocity = momentum_step(weights, [1], velocity, 0.01, 0.9)
    assert velocity == pytest.approx([-0.1], rel=1e-6)  # -0.01 * 1 / (1 - 0.9)


def test_rmsprop_steps_are_alike_for_small_and_large_gradients():
    # By default the first average is 0.1 g^2, so that the step is 0.001 g / sqrt(0.1 g^2).
    weights, _ = rmsprop_step([0, 0], [0.5, 500], [0, 0])
    assert weights == pytest.approx([-0.001 / 0.1**0.5] * 2, rel=1e-5)


def test_a_small_step_follows_the_slope_and_a_large_one_overshoots():
    # w^2 from w = 1, slope 2: a step changes it by -4 * rate, as long as the rate is small.
    losses = {rate: gradient_descent_step([1], [2], rate)[0] ** 2 for rate in (0.001, 0.5, 1.5)}
    assert losses[0.001] - 1 == pytest.approx(-0.004, rel=0.01)
    assert losses[0.5] == 0
    assert losses[1.5] > 1


@pytest.mark.parametrize(
    ("batch_size", "count", "kind"),
    [
        (1, 60_000, "stochastic"),
        (2, 60_000, "mini-batch"),
        (59_999, 60_000, "mini-batch"),
        (60_000, 60_000, "batch"),
        (60_001, 60_000, "batch"),
        (1, 1, "batch"),
    ],
)
def test_the_batch_size_decides_the_kind_of_gradient_descent(batch_size, count, kind):
    assert gradient_descent_kind(batch_size, count) == kind


@pytest.mark.parametrize(
    ("count", "batch_size", "steps"),
    [
        (60_000, 128, 469),
        (60_000, 60_000, 1),
        (60_000, 1, 60_000),
        (54_000, 128, 422),
        (256, 128, 2),
    ],
)
def test_an_epoch_counts_its_last_smaller_batch(count, batch_size, steps):
    assert steps_per_epoch(count, batch_size) == steps
