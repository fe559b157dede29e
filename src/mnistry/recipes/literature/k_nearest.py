"""Nearest neighbours: an image shows what most of the three most similar training images show.

Published: 5.0 % (LeCun and others 1998, section III.C; k = 3, Euclidean distance).
"""

import numpy as np
from numpy.typing import NDArray

from mnistry.datasets.dataset import CLASSES, Images, Labels
from mnistry.recipes.literature.linear import pixels
from mnistry.recipes.literature.published import LECUN_1998, Classifier, Published

PUBLISHED = Published(1998, "k-nearest neighbours (k = 3)", 5.0, LECUN_1998)
AT_ONCE = 500  # images: their distances to 60,000 others take 120 MB


def fit(images: Images, labels: Labels, neighbours: int = 3) -> Classifier:
    """Keep all images."""
    known = pixels(images)
    squared_lengths = np.einsum("ij,ij->i", known, known)

    def classify(others: Images) -> Labels:
        answers = [
            vote(labels[nearest(pixels(others[start : start + AT_ONCE]))])
            for start in range(0, len(others), AT_ONCE)
        ]
        return np.concatenate(answers)

    def nearest(rows: NDArray[np.float32]) -> NDArray[np.intp]:
        # |a - b|^2 = |a|^2 - 2 ab + |b|^2, and |b|^2 is the same for every training image a.
        distances = squared_lengths - 2 * (rows @ known.T)
        found = np.argpartition(distances, neighbours - 1, axis=1)[:, :neighbours]
        order = np.argsort(np.take_along_axis(distances, found, axis=1), axis=1)
        return np.take_along_axis(found, order, axis=1)

    return classify


def vote(labels: NDArray[np.uint8]) -> Labels:
    """Return the most frequent label of each row; if there are several, the nearest of them.

    Parameters
    ----------
    labels
        Of each image's neighbours, the nearest first: shape ``(n, neighbours)``.

    Examples
    --------
    >>> vote(np.array([[7, 1, 1], [4, 9, 8]], np.uint8)).tolist()
    [1, 4]
    """
    votes = (labels[:, :, None] == np.arange(CLASSES)).sum(axis=1)
    counts = np.take_along_axis(votes, labels.astype(np.intp), axis=1)
    first = counts.argmax(axis=1)  # argmax gives the first of equals
    return np.take_along_axis(labels, first[:, None], axis=1)[:, 0]
