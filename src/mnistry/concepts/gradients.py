"""Chapter 4: which way the loss falls: backpropagation, and differences to check it with.

The gradient says of each weight by how much the loss grows for each unit that the weight grows.
It is computed from the output layer backwards, by the chain rule. A node's *error* is the slope
of the loss along the node's sum v:

1. output layer: `softmax_cross_entropy_gradient`;
2. a layer's weights and biases, from its inputs and its errors: `layer_gradients`;
3. the layer before: `backpropagate`, times the slope of its activation function (`relu_slope`);
   then 2. again.

Bishop section 5.3; D. Rumelhart, G. Hinton, R. Williams, "Learning representations by
back-propagating errors", Nature 323, 1986. Knows nothing of what is done with a gradient.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnistry.concepts.outputs import target_rows
from mnistry.concepts.precision import Floats, floats


def softmax_cross_entropy_gradient(probabilities: ArrayLike, labels: ArrayLike) -> Floats:
    """Errors of the output layer: what was answered less what would have been right.

    dL/dv_k = p_k - y_k with the one-hot row y, for softmax and cross-entropy together, in nats;
    Bishop (5.54). Each image's own: not yet divided by their number. (Keras on JAX, which clips
    by `KERAS_EPSILON`, has 0 in its place where the true class's probability lies beyond it.)

    Parameters
    ----------
    probabilities
        p, what softmax gave: ``(n, classes)`` or ``(classes,)``.
    labels
        The true classes, from 0: ``(n,)``, or a single one.

    Returns
    -------
    Shape of `probabilities`, from -1 to 1; each row's sum is 0.

    Raises
    ------
    ValueError
        If a label is none of the classes, or there is not one for each row.

    Examples
    --------
    >>> print(softmax_cross_entropy_gradient([0.25, 0.5, 0.25], 1))
    [ 0.25 -0.5   0.25]
    """
    probabilities = floats(probabilities)
    return probabilities - target_rows(labels, probabilities)


def layer_gradients(inputs: ArrayLike, errors: ArrayLike) -> tuple[Floats, Floats]:
    """Gradients of a layer's weights and biases, from what came in and the errors behind.

    dL/dW = X^T D / n and dL/db = sum_i D_i / n for errors D: each weight's is its input times
    its node's error, Bishop (5.53). Divided by the number of images, because Keras's loss is
    their mean.

    Parameters
    ----------
    inputs
        X, shape ``(n, d)`` or ``(d,)``.
    errors
        D, each image's own, shape ``(n, units)`` or ``(units,)``.

    Returns
    -------
    weights_gradient
        Shape ``(d, units)``.
    biases_gradient
        Shape ``(units,)``.

    Examples
    --------
    Two images and one node; (1 * 1 - 3 * 1) / 2 is -1:

    >>> weights_gradient, biases_gradient = layer_gradients([[1, 2], [3, 0]], [[1], [-1]])
    >>> print(weights_gradient.ravel(), biases_gradient)
    [-1.  1.] [0.]
    """
    x, d = np.atleast_2d(floats(inputs), floats(errors))
    return x.T @ d / len(x), d.mean(axis=0)


def backpropagate(errors: ArrayLike, weights: ArrayLike) -> Floats:
    """Pass a layer's errors back to its inputs, over the same weights.

    dL/dX = D W^T: the sum in Bishop (5.56). Where the inputs are another layer's activations,
    this times the slope of its activation function is that layer's errors.

    Parameters
    ----------
    errors
        D, shape ``(n, units)`` or ``(units,)``.
    weights
        W of the layer, shape ``(d, units)``.

    Returns
    -------
    Shape ``(n, d)`` or ``(d,)``.

    Examples
    --------
    0.5 * 1 - 0.25 * 2, and 0.5 * 3 - 0.25 * 4:

    >>> backpropagate([0.5, -0.25], weights=[[1, 2], [3, 4]])
    array([0. , 0.5])
    """
    return floats(errors) @ floats(weights).T


def relu_slope(v: ArrayLike) -> Floats:
    """Slope of ReLU: 1 where the sum is positive, and 0 elsewhere.

    At exactly 0, where ReLU has a corner and so no slope, it is 0, as in ``jax.nn.relu`` and so
    in Keras. (``jax.numpy.maximum(v, 0)`` has 0.5 there.)

    Examples
    --------
    >>> relu_slope([-2, 0, 1.5])
    array([0., 0., 1.])
    """
    v = floats(v)
    return (v > 0).astype(v.dtype)


def numerical_gradient(
    loss: Callable[[NDArray[np.float64]], float],
    parameters: ArrayLike,
    index: int | tuple[int, ...],
    step: float = 1e-5,
) -> float:
    """Find one parameter's slope by trying: the loss a little above it and a little below.

    (L(w + h) - L(w - h)) / 2h, the central difference, Bishop (5.69). It knows nothing of the
    chain rule, which makes it a check of what does; for every weight it takes two losses, which
    makes it too slow to learn by.

    Parameters
    ----------
    loss
        Given all parameters as ``float64``, computes the loss; in ``float64`` too, or the
        difference is mostly rounding.
    parameters
        Any shape. Not changed.
    index
        Which of them.
    step
        h. The error from the bend of the loss grows as h^2, that from rounding as 1 / h; they
        meet near the cube root of the precision, 6e-6 for parameters and losses about 1 (Press
        et al., *Numerical Recipes*, section 5.7). Where a ReLU's corner lies within the step,
        it is the mean of two slopes.

    Examples
    --------
    3 w^2 has the slope 6 w:

    >>> slope = numerical_gradient(lambda w: 3 * w[1] ** 2, [0, 2], index=1)
    >>> round(slope, 6)
    12.0
    """
    above = np.array(parameters, np.float64)
    below = above.copy()
    above[index] += step
    below[index] -= step
    # Not 2h: what was added and taken away is rounded too.
    return float((loss(above) - loss(below)) / (above[index] - below[index]))
