"""A quadratic classifier of 40 principal components.

Published: 3.3 % (LeCun and others 1998, section III.C).
"""

import numpy as np
from numpy.typing import NDArray

from mnistry.concepts import one_hot
from mnistry.datasets.dataset import Images, Labels
from mnistry.recipes.literature.linear import least_squares, pixels, with_constant
from mnistry.recipes.literature.published import LECUN_1998, Classifier, Published

PUBLISHED = Published(1998, "40 principal components, quadratic", 3.3, LECUN_1998)
COMPONENTS = 40


def fit(images: Images, labels: Labels) -> Classifier:
    """Find the 40 directions in which images vary most, and weights for all products of two."""
    inputs = pixels(images)
    mean = inputs.mean(axis=0)
    _, directions = np.linalg.eigh(np.cov(inputs, rowvar=False))  # the largest variance comes last
    directions = directions[:, -COMPONENTS:].astype(np.float32)

    def features(others: Images) -> NDArray[np.float32]:
        return quadratic((pixels(others) - mean) @ directions)

    weights = least_squares(features(images), one_hot(labels))
    return lambda others: (features(others) @ weights).argmax(axis=1)


def quadratic(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return all products of two values, the values themselves, and a one.

    Examples
    --------
    >>> quadratic(np.array([[2.0, 3.0]], np.float32)).tolist()
    [[4.0, 6.0, 9.0, 2.0, 3.0, 1.0]]
    """
    one, other = np.triu_indices(values.shape[1])
    return with_constant(np.column_stack([values[:, one] * values[:, other], values]))
