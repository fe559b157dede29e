"""Chapter 2: from a layer's sums to probabilities and an answer; labels as one-hot rows.

Knows nothing of whether an answer is right.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnistry.concepts.precision import Floats, floats


def softmax(logits: ArrayLike, axis: int = -1) -> Floats:
    """Turn sums of any size into probabilities: p_k = e^v_k / sum_j e^v_j.

    Bishop (4.62) and (5.25). Adding a constant to all logits changes no probability, so the
    largest logit is subtracted from each. The largest power is then e^0 = 1 and cannot overflow
    (Goodfellow section 4.1).

    Parameters
    ----------
    logits
        v, the sums of the output layer's nodes: finite, shape ``(n, classes)`` or
        ``(classes,)``.
    axis
        The axis of the classes.

    Returns
    -------
    Shape of `logits`; from 0 to 1, with sum 1 along `axis`.

    Examples
    --------
    The powers are 2.718, 20.086 and 7.389; their sum is 30.193:

    >>> print(softmax([1, 3, 2]).round(4))
    [0.09   0.6652 0.2447]
    """
    logits = floats(logits)
    powers = np.exp(logits - logits.max(axis=axis, keepdims=True))
    probabilities: Floats = powers / powers.sum(axis=axis, keepdims=True)
    return probabilities


def argmax(values: ArrayLike) -> NDArray[np.intp]:
    """Return the index of the largest value: the network's answer.

    Softmax keeps the order of the logits, so logits and probabilities give the same answer.

    Parameters
    ----------
    values
        Shape ``(n, classes)`` or ``(classes,)``.

    Returns
    -------
    Indices from 0, shape ``(n,)``, or a single one; in a tie, the first.

    Examples
    --------
    >>> print(argmax([1, 3, 2]), argmax([[1, 3, 2], [4, 0, 4]]))
    1 [1 0]
    """
    answers: NDArray[np.intp] = np.asarray(values).argmax(axis=-1)
    return answers


def one_hot(labels: ArrayLike, classes: int = 10) -> NDArray[np.float32]:
    """Return a row for each label, with 1 for its class and 0 for all others.

    Bishop calls it 1-of-K coding (opening of chapter 4).

    Parameters
    ----------
    labels
        Whole numbers from 0 to ``classes - 1``, shape ``(n,)``, or a single one.
    classes
        Length of a row.

    Returns
    -------
    Shape ``(n, classes)`` or ``(classes,)``.

    Raises
    ------
    ValueError
        If a label is out of that range.

    Examples
    --------
    >>> one_hot([2, 0], classes=3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    labels = np.asarray(labels)
    # NumPy would read -1 as the index of the last class.
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(
            f"labels from {labels.min()} to {labels.max()}; expected 0 to {classes - 1}"
        )
    rows: NDArray[np.float32] = np.eye(classes, dtype=np.float32)[labels]
    return rows


def from_one_hot(rows: ArrayLike) -> NDArray[np.intp]:
    """Turn one-hot rows back into labels: the index of each row's 1.

    Parameters
    ----------
    rows
        Shape ``(n, classes)`` or ``(classes,)``; not checked to be one-hot.

    Returns
    -------
    Labels from 0, shape ``(n,)``, or a single one.

    Examples
    --------
    >>> print(from_one_hot(one_hot([2, 0])))
    [2 0]
    """
    return argmax(rows)


def target_rows(labels: ArrayLike, probabilities: Floats) -> NDArray[np.float32]:
    """Return the labels as one-hot rows of the shape of `probabilities`.

    Raises
    ------
    ValueError
        If a label is not one of the classes, or the numbers of labels and rows differ.
    """
    rows = one_hot(labels, classes=probabilities.shape[-1])
    # NumPy would broadcast labels of shape (n, 1) over every row.
    if rows.shape != probabilities.shape:
        raise ValueError(
            f"labels of shape {rows.shape[:-1]} for probabilities of shape {probabilities.shape}"
        )
    return rows
