"""A linear classifier by least squares: a weighted sum of the pixels for each digit.

Published: 12.0 % of MNIST's test images wrong (LeCun and others 1998, section III.C). The paper
does not say how the weights were found. Least squares, solved exactly here, gives 13.98 %; the same
weights trained with cross-entropy (`mnistry train --network linear`) give 7.5 %. A sum that is far
on the right side of its target costs as much as one that is far on the wrong side, so least squares
also fits the weights to digits that are right already.
"""

import numpy as np
from numpy.typing import NDArray

from mnistry.concepts import one_hot
from mnistry.datasets.dataset import Images, Labels
from mnistry.recipes.literature.published import LECUN_1998, Classifier, Published

PUBLISHED = Published(1998, "linear classifier", 12.0, LECUN_1998)


def fit(images: Images, labels: Labels) -> Classifier:
    """Choose the weights whose sums are nearest to 1 for the digit and 0 for the others."""
    inputs = with_constant(pixels(images))
    weights = least_squares(inputs, one_hot(labels))
    return lambda others: (with_constant(pixels(others)) @ weights).argmax(axis=1)


def pixels(images: Images) -> NDArray[np.float32]:
    """Return images as rows of 784 numbers from 0 to 1."""
    return np.asarray(images.reshape(len(images), -1) / np.float32(255), np.float32)


def with_constant(inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Add a column of ones, whose weight is the bias."""
    return np.column_stack([inputs, np.ones(len(inputs), np.float32)])


def least_squares(
    inputs: NDArray[np.float32], targets: NDArray[np.float32], ridge: float = 1e-3
) -> NDArray[np.float32]:
    """Solve the normal equations; `ridge` decides between equally good weights for blank pixels.

    Examples
    --------
    >>> line = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]], np.float32)
    >>> least_squares(line, np.array([[1.0], [3.0], [5.0]], np.float32), ridge=0).round(3).tolist()
    [[2.0], [1.0]]
    """
    squares = (inputs.T @ inputs).astype(np.float64)
    squares[np.diag_indices_from(squares)] += ridge
    return np.linalg.solve(squares, inputs.T @ targets).astype(np.float32)
