"""Chapter 1: what a node computes, a layer of nodes, and the activation functions.

Knows nothing of what the numbers mean.
"""

import numpy as np
from numpy.typing import ArrayLike

from mnistry.concepts.precision import Floats, floats


def node(inputs: ArrayLike, weights: ArrayLike, bias: float) -> float:
    """Multiply each input by its weight, add up the products, and add the bias.

    v = w_0 + sum_j w_j x_j, Bishop (5.2) for a single node.

    Parameters
    ----------
    inputs, weights
        x and w, shape ``(d,)``.
    bias
        w_0: the sum when all inputs are 0.

    Examples
    --------
    3 + 0.5 * 1 - 1 * 2:

    >>> node([1, 2], [0.5, -1], bias=3)
    1.5
    """
    return float(bias + np.dot(floats(weights), floats(inputs)))


def layer(inputs: ArrayLike, weights: ArrayLike, biases: ArrayLike) -> Floats:
    """Compute many nodes with the same inputs, by one matrix product.

    V = X W + b, as Keras's ``Dense`` computes before its activation function.

    Parameters
    ----------
    inputs
        X, shape ``(n, d)``, or ``(d,)`` for one image.
    weights
        W, one column for each node, shape ``(d, units)``.
    biases
        b, shape ``(units,)``.

    Returns
    -------
    The nodes' sums, shape ``(n, units)`` or ``(units,)``.

    Examples
    --------
    The node above, and another that passes on the first input:

    >>> layer([1, 2], weights=[[0.5, 1], [-1, 0]], biases=[3, 0])
    array([1.5, 1. ])
    """
    return floats(inputs) @ floats(weights) + floats(biases)


def relu(v: ArrayLike) -> Floats:
    """Keep positive sums and replace the others by 0: max(0, v), the rectified linear unit.

    Without a nonlinear function between them, two layers do no more than one: X W1 W2 is X times
    a single matrix. Goodfellow section 6.3.1; V. Nair, G. Hinton, "Rectified Linear Units Improve
    Restricted Boltzmann Machines", ICML 2010.

    Examples
    --------
    >>> relu([-2, 0, 1.5])
    array([0. , 0. , 1.5])
    """
    return np.maximum(floats(v), 0)


def sigmoid(v: ArrayLike) -> Floats:
    """Map any number to the range 0 to 1: 1 / (1 + e^-v), the logistic function.

    Computed from e^-|v|, which is at most 1 and so cannot overflow. Bishop (4.59).

    Examples
    --------
    The sigmoid is 0.75 where e^v is 3:

    >>> print(sigmoid([-1000, 0, np.log(3), 1000]))
    [0.   0.5  0.75 1.  ]
    """
    v = floats(v)
    power = np.exp(-np.abs(v))
    shares: Floats = np.where(v >= 0, 1, power) / (1 + power)
    return shares


def tanh(v: ArrayLike) -> Floats:
    """Map any number to the range -1 to 1: (e^v - e^-v) / (e^v + e^-v).

    It is a stretched and shifted sigmoid: 2 sigmoid(2 v) - 1. Goodfellow section 6.3.2.

    Examples
    --------
    (3 - 1/3) / (3 + 1/3) is 0.8:

    >>> print(tanh([-1000, 0, np.log(3)]))
    [-1.   0.   0.8]
    """
    return np.tanh(floats(v))
