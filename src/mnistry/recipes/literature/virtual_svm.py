"""A virtual support vector machine: its support vectors, shifted by a pixel, are trained on again.

Published: 0.8 % (LeCun and others 1998, section III.C, kernel of degree 9). It is re-run on the
first 10,000 training images: all 60,000 would take hours. Kernel and C are those of D. DeCoste and
B. Schölkopf: Training Invariant Support Vector Machines, Machine Learning, 2002.
"""

import numpy as np
from numpy.typing import NDArray

from mnistry.datasets.dataset import Images, Labels
from mnistry.recipes.literature.linear import pixels
from mnistry.recipes.literature.published import LECUN_1998, Classifier, Published

PUBLISHED = Published(1998, "virtual support vector machine, degree 9", 0.8, LECUN_1998)
FIRST = 10_000  # images


def fit(images: Images, labels: Labels, first: int = FIRST, virtual: bool = True) -> Classifier:
    """Train a machine, shift its support vectors in four directions, and train on all of them."""
    from sklearn.svm import SVC

    images, labels = images[:first], labels[:first]
    # ((a . b + 1) / 2)^9 is 1 for equal images, because their length is 1.
    machine = SVC(kernel="poly", degree=9, gamma=0.5, coef0=0.5, C=2.0, cache_size=1000)
    machine.fit(unit_length(images), labels)
    if virtual:
        support = images[machine.support_]
        machine.fit(unit_length(shifted(support)), np.tile(labels[machine.support_], 5))
    return lambda others: machine.predict(unit_length(others))


def shifted(images: Images) -> Images:
    """Return the images, and all of them one pixel further up, down, left and right.

    Examples
    --------
    >>> dot = np.zeros((1, 28, 28), np.uint8)
    >>> dot[0, 5, 7] = 255
    >>> [tuple(map(int, np.argwhere(one)[0])) for one in shifted(dot)]
    [(5, 7), (4, 7), (6, 7), (5, 6), (5, 8)]
    """
    wide = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    places = ((1, 1), (2, 1), (0, 1), (1, 2), (1, 0))
    return np.concatenate([wide[:, top : top + 28, left : left + 28] for top, left in places])


def unit_length(images: Images) -> NDArray[np.float32]:
    """Return images as rows of 784 numbers whose squares sum to 1."""
    rows = pixels(images)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-9), np.float32)
