"""Chapter 5: a step down the gradient, by three optimizers; batches, steps and epochs.

An optimizer's state (velocity or average) has the shape of the weights and is 0 before the first
step. The formulas are those of Keras's optimizers. Knows nothing of how gradients are computed.
"""

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from mnistry.concepts.precision import Floats, floats


def gradient_descent_step(weights: ArrayLike, gradient: ArrayLike, learning_rate: float) -> Floats:
    """Take a step against the gradient: w - rate * g.

    Bishop (5.41), or (5.43) for the gradient of one image; Keras's ``SGD``. With a small rate
    the loss falls by about rate * |g|^2; with a large rate the step overshoots.

    Parameters
    ----------
    weights, gradient
        w and g, of the same shape.
    learning_rate
        The length of the step for a gradient of 1.

    Returns
    -------
    The weights after the step.

    Examples
    --------
    >>> print(gradient_descent_step([1, 2], gradient=[10, -10], learning_rate=0.01))
    [0.9 2.1]
    """
    return floats(weights) - learning_rate * floats(gradient)


def momentum_step(
    weights: ArrayLike,
    gradient: ArrayLike,
    velocity: ArrayLike,
    learning_rate: float,
    momentum: float,
) -> tuple[Floats, Floats]:
    """Take a step that keeps part of the last one: gradient descent with momentum.

    velocity = momentum * velocity - rate * g, then w + velocity. Goodfellow algorithm 8.2;
    Keras's ``SGD(momentum=...)`` without Nesterov. If the gradient stays the same, the steps
    grow to 1 / (1 - momentum) times those of `gradient_descent_step`.

    Parameters
    ----------
    weights, gradient, velocity
        Of the same shape.
    learning_rate
        The length of the first step for a gradient of 1.
    momentum
        The part of the velocity that is kept, 0 to below 1.

    Returns
    -------
    weights, velocity
        After the step.

    Examples
    --------
    >>> weights, velocity = momentum_step([1], [10], [0], learning_rate=0.01, momentum=0.5)
    >>> print(weights, velocity)
    [0.9] [-0.1]
    >>> print(*momentum_step(weights, [10], velocity, learning_rate=0.01, momentum=0.5))
    [0.75] [-0.15]
    """
    velocity = momentum * floats(velocity) - learning_rate * floats(gradient)
    return floats(weights) + velocity, velocity


def rmsprop_step(
    weights: ArrayLike,
    gradient: ArrayLike,
    average: ArrayLike,
    learning_rate: float = 0.001,
    rho: float = 0.9,
    epsilon: float = 1e-7,
) -> tuple[Floats, Floats]:
    """Take a step with each gradient divided by its usual size, a running root mean square.

    average = rho * average + (1 - rho) * g^2, then w - rate * g / sqrt(average + epsilon), with
    epsilon inside the root. Goodfellow algorithm 8.5; G. Hinton, *Neural Networks for Machine
    Learning*, lecture 6, 2012; Keras's ``RMSprop`` and its defaults. Every weight moves by about
    the rate, whether its gradients are small or large. The first step is larger, rate /
    sqrt(1 - rho) = 3.16 rates, because the average begins at 0.

    Parameters
    ----------
    weights, gradient, average
        Of the same shape.
    learning_rate
        The length of the step for a gradient of its usual size.
    rho
        The part of the average that is kept, 0 to below 1.
    epsilon
        Prevents a division by 0.

    Returns
    -------
    weights, average
        After the step.

    Examples
    --------
    In a first step with rho 0.75 the average is 0.25 * 4^2 = 4, so the step is 0.01 * 4 / 2:

    >>> weights, average = rmsprop_step([1], [4], [0], learning_rate=0.01, rho=0.75)
    >>> print(weights.round(6), average)
    [0.98] [4.]
    """
    g = floats(gradient)
    average = rho * floats(average) + (1 - rho) * g**2
    return floats(weights) - learning_rate * g / np.sqrt(average + epsilon), average


def gradient_descent_kind(
    batch_size: int, count: int
) -> Literal["stochastic", "mini-batch", "batch"]:
    """Name the kind of gradient descent that has this batch size, for `count` images.

    Each step uses the gradient of one image (stochastic), of some (mini-batch) or of all images
    (batch). Goodfellow section 8.1.3.

    Examples
    --------
    >>> [gradient_descent_kind(size, 60_000) for size in (1, 128, 60_000)]
    ['stochastic', 'mini-batch', 'batch']
    """
    if batch_size >= count:
        return "batch"
    return "stochastic" if batch_size == 1 else "mini-batch"


def steps_per_epoch(count: int, batch_size: int) -> int:
    """Return the number of steps in an epoch, in which every one of `count` images is used once.

    It is count / batch_size, rounded up: the last batch has the images that are left.

    Examples
    --------
    468 batches of 128 images and one of 96:

    >>> steps_per_epoch(60_000, batch_size=128)
    469
    """
    return math.ceil(count / batch_size)
