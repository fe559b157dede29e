"""Chapter 3: what an answer costs, by cross-entropy, in nats and in bits.

The loss of a batch, or of all images, is the mean of its images' costs. Knows nothing of how the
probabilities came about.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from mnistry.concepts.outputs import target_rows
from mnistry.concepts.precision import Floats, floats

# How near to 0 and 1 Keras lets a probability come before it takes the logarithm: the default of
# keras.config.epsilon(). On JAX it clips probabilities to 1e-7 to 1 - 1e-7, so that no image costs
# more than -ln 1e-7 = 16.1 nats. Nothing is clipped here; np.clip by it gives Keras's figure.
KERAS_EPSILON = 1e-7


def cross_entropy(probabilities: ArrayLike, labels: ArrayLike, base: float = math.e) -> Floats:
    """Cost of each image: the surprise at its label, given the probabilities.

    L = -sum_k y_k log p_k with the one-hot row y, and so -log p of the true class. Bishop (5.24)
    for one image; Keras's categorical cross-entropy, one-hot or sparse.

    Parameters
    ----------
    probabilities
        p, rows with sum 1 as softmax gives them: ``(n, classes)`` or ``(classes,)``.
    labels
        The true classes, from 0: ``(n,)``, or a single one.
    base
        Of the logarithm: e counts in nats, as Keras does; 2 in bits; 10 in decimal digits.

    Returns
    -------
    Shape ``(n,)``, or a single cost: 0 for a certain and right answer, log(classes) for one who
    knows nothing, infinity where the true class was given probability 0 (16.1 nats in
    Keras: see `KERAS_EPSILON`).

    Raises
    ------
    ValueError
        If a label is none of the classes, or there is not one for each row.

    Examples
    --------
    >>> print(cross_entropy([0.225, 0.775], 1).round(4))
    0.2549
    >>> print(cross_entropy([[0.5, 0.5], [0.125, 0.875], [1, 0]], [0, 0, 1], base=2))
    [ 1.  3. inf]
    """
    probabilities = floats(probabilities)
    costs: Floats = _surprise(probabilities, target_rows(labels, probabilities)).sum(axis=-1)
    return costs / math.log(base)


def binary_cross_entropy(
    probabilities: ArrayLike, targets: ArrayLike, base: float = math.e
) -> Floats:
    """Cost of each image where every output is a yes-or-no question of its own.

    L = -mean_k [t_k log p_k + (1 - t_k) log(1 - p_k)]. Bishop (5.23) for one image, with Keras's
    mean over the outputs in place of the sum: with ten outputs the cost is a tenth as large.

    Parameters
    ----------
    probabilities
        p, each from 0 to 1, as the sigmoid gives them: ``(n, outputs)`` or ``(outputs,)``.
    targets
        t, each 0 or 1 or between, of the same shape: one-hot rows, for example.
    base
        Of the logarithm, as in `cross_entropy`.

    Returns
    -------
    Shape ``(n,)``, or a single cost; infinity where an output was certain and wrong.

    Examples
    --------
    Two outputs, one right and certain, the other torn: 0 bits and 1 bit.

    >>> print(binary_cross_entropy([1, 0.5], [1, 0], base=2).round(4))
    0.5
    """
    p, t = floats(probabilities), floats(targets)
    costs: Floats = (_surprise(p, t) + _surprise(1 - p, 1 - t)).mean(axis=-1)
    return costs / math.log(base)


def bits(nats: ArrayLike) -> Floats:
    """Say in bits what is given in nats: 1 nat is 1 / ln 2 = 1.4427 bits.

    A bit is what one fair yes-or-no question is worth; knowing nothing of a digit costs
    log2(10) = 3.32 bits. Goodfellow section 3.13.

    Examples
    --------
    >>> print(bits(0.2549).round(4), bits(math.log(10)).round(2))
    0.3677 3.32
    """
    return floats(nats) / math.log(2)


def _surprise(probabilities: Floats, weights: Floats) -> Floats:
    """-w log p in nats; where w is 0 so is the product, even with p = 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(weights == 0, 0, weights * -np.log(probabilities))
