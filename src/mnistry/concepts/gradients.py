"""Chapter 4: the gradient of the loss by backpropagation, and finite differences to check it with.

A weight's gradient is the derivative of the loss with respect to that weight. The chain rule
gives it from the output layer backwards. A node's *error* is the derivative of the loss with
respect to the node's sum v:

1. compute the output layer's errors: `softmax_cross_entropy_gradient`;
2. compute the gradients of a layer's weights and biases from its inputs and errors:
   `layer_gradients`;
3. pass the errors back to the previous layer: `backpropagate`, times the slope of that layer's
   activation function (`relu_slope`); then repeat from 2.

Bishop section 5.3; D. Rumelhart, G. Hinton, R. Williams, "Learning representations by
back-propagating errors", Nature 323, 1986. Knows nothing of how an optimizer uses a gradient.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnistry.concepts.outputs import target_rows
from mnistry.concepts.precision import Floats, floats


def softmax_cross_entropy_gradient(probabilities: ArrayLike, labels: ArrayLike) -> Floats:
    """Return the output layer's errors: the probabilities minus the one-hot labels.

    dL/dv_k = p_k - y_k with the one-hot row y, for softmax and cross-entropy together, in nats;
    Bishop (5.54). Each row is for one image, and is not divided by the number of images. (Keras on
    JAX returns 0 where `KERAS_EPSILON` clips the true class's probability.)

    Parameters
    ----------
    probabilities
        p, the output of softmax: ``(n, classes)`` or ``(classes,)``.
    labels
        The true classes, from 0: ``(n,)``, or a single one.

    Returns
    -------
    Shape of `probabilities`, from -1 to 1; each row's sum is 0.

    Raises
    ------
    ValueError
        If a label is not one of the classes, or the numbers of labels and rows differ.

    Examples
    --------
    >>> print(softmax_cross_entropy_gradient([0.25, 0.5, 0.25], 1))
    [ 0.25 -0.5   0.25]
    """
    probabilities = floats(probabilities)
    return probabilities - target_rows(labels, probabilities)


def layer_gradients(inputs: ArrayLike, errors: ArrayLike) -> tuple[Floats, Floats]:
    """Return the gradients of a layer's weights and biases.

    dL/dW = X^T D / n and dL/db = sum_i D_i / n for errors D: a weight's gradient is its input
    times its node's error, Bishop (5.53). It is the mean over the images, because Keras's loss
    is a mean too.

    Parameters
    ----------
    inputs
        X, the layer's inputs, shape ``(n, d)`` or ``(d,)``.
    errors
        D, the errors of its nodes, shape ``(n, units)`` or ``(units,)``.

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
    """Return the derivative of the loss with respect to a layer's inputs.

    dL/dX = D W^T: the sum in Bishop (5.56). If the inputs are another layer's activations, that
    layer's errors are dL/dX times the slope of its activation function.

    Parameters
    ----------
    errors
        D, the errors of the layer's nodes, shape ``(n, units)`` or ``(units,)``.
    weights
        W, the layer's weights, shape ``(d, units)``.

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
    """Return the slope of ReLU: 1 where the sum is positive, and 0 elsewhere.

    ReLU has no derivative at exactly 0; the slope there is 0, as in ``jax.nn.relu`` and Keras.
    (``jax.numpy.maximum(v, 0)`` has the slope 0.5 there.)

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
    """Estimate the gradient of one parameter from the loss a little above and a little below it.

    (L(w + h) - L(w - h)) / 2h, the central difference, Bishop (5.69). It does not use the chain
    rule, so it can check backpropagation. It needs two losses for every weight, so it is too
    slow for training.

    Parameters
    ----------
    loss
        Computes the loss from all parameters, given as ``float64``. It should compute in
        ``float64`` too: in ``float32`` the difference is mostly rounding error.
    parameters
        Any shape. They are not changed.
    index
        The index of the parameter.
    step
        h. The error from the curvature of the loss grows as h^2, that from rounding as 1 / h.
        Their sum is least near the cube root of the precision, 6e-6 for parameters and losses
        of about 1 (Press et al., *Numerical Recipes*, section 5.7). If a ReLU's corner lies
        within the step, the result is the mean of two slopes.

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
    # Not 2h: the two parameters are rounded too.
    return float((loss(above) - loss(below)) / (above[index] - below[index]))
