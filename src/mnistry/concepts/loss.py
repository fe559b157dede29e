"""Chapter 3: the loss of an answer, by cross-entropy, in nats and in bits.

The loss of a batch, or of all images, is the mean of its images' losses. Knows nothing of how the
probabilities were computed.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from mnistry.concepts.outputs import target_rows
from mnistry.concepts.precision import Floats, floats

# The default of keras.config.epsilon(). On JAX, Keras clips probabilities to [1e-7, 1 - 1e-7]
# before it takes the logarithm, so no image's loss is above -ln 1e-7 = 16.1 nats. The functions
# here do not clip.
KERAS_EPSILON = 1e-7


def cross_entropy(probabilities: ArrayLike, labels: ArrayLike, base: float = math.e) -> Floats:
    """Return each image's loss: minus the logarithm of the true class's probability.

    L = -sum_k y_k log p_k with the one-hot row y, which is -log p of the true class. Bishop
    (5.24) for one image; Keras's categorical cross-entropy, one-hot or sparse.

    Parameters
    ----------
    probabilities
        p, rows that sum to 1, as from softmax: ``(n, classes)`` or ``(classes,)``.
    labels
        The true classes, from 0: ``(n,)``, or a single one.
    base
        Base of the logarithm. The loss is in nats for e, as in Keras, in bits for 2, in decimal
        digits for 10.

    Returns
    -------
    Shape ``(n,)``, or a single loss: 0 if the answer is certain and right, log(classes) if all
    classes have equal probabilities, infinity if the true class has probability 0 (16.1 nats in
    Keras: see `KERAS_EPSILON`).

    Raises
    ------
    ValueError
        If a label is not one of the classes, or the numbers of labels and rows differ.

    Examples
    --------
    >>> print(cross_entropy([0.225, 0.775], 1).round(4))
    0.2549
    >>> print(cross_entropy([[0.5, 0.5], [0.125, 0.875], [1, 0]], [0, 0, 1], base=2))
    [ 1.  3. inf]
    """
    probabilities = floats(probabilities)
    losses: Floats = _surprise(probabilities, target_rows(labels, probabilities)).sum(axis=-1)
    return losses / math.log(base)


def binary_cross_entropy(
    probabilities: ArrayLike, targets: ArrayLike, base: float = math.e
) -> Floats:
    """Return each image's loss if every output answers a separate yes-or-no question.

    L = -mean_k [t_k log p_k + (1 - t_k) log(1 - p_k)]. Bishop (5.23) for one image, but with the
    mean over the outputs, as in Keras, instead of the sum: with ten outputs the loss is a tenth
    as large.

    Parameters
    ----------
    probabilities
        p, each from 0 to 1, as from sigmoid: ``(n, outputs)`` or ``(outputs,)``.
    targets
        t, each from 0 to 1, of the same shape: one-hot rows, for example.
    base
        Base of the logarithm, as in `cross_entropy`.

    Returns
    -------
    Shape ``(n,)``, or a single loss; infinity if an output is certain and wrong.

    Examples
    --------
    The mean of 0 bits, for a certain and right output, and 1 bit, for an undecided one:

    >>> print(binary_cross_entropy([1, 0.5], [1, 0], base=2).round(4))
    0.5
    """
    p, t = floats(probabilities), floats(targets)
    losses: Floats = (_surprise(p, t) + _surprise(1 - p, 1 - t)).mean(axis=-1)
    return losses / math.log(base)


def bits(nats: ArrayLike) -> Floats:
    """Convert nats to bits: 1 nat is 1 / ln 2 = 1.4427 bits.

    A bit is the information in the answer to one fair yes-or-no question; a loss of
    log2(10) = 3.32 bits means that nothing is known about a digit. Goodfellow section 3.13.

    Examples
    --------
    >>> print(bits(0.2549).round(4), bits(math.log(10)).round(2))
    0.3677 3.32
    """
    return floats(nats) / math.log(2)


def _surprise(probabilities: Floats, weights: Floats) -> Floats:
    """Compute -w log p in nats: 0 where w is 0, even if p is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(weights == 0, 0, weights * -np.log(probabilities))
