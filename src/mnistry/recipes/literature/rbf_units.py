"""A thousand radial basis functions, and a linear classifier of their values.

Published: 3.6 % (LeCun and others 1998, section III.C): a hundred centres for each digit by
k-means, and weights by least squares.
"""

import numpy as np
from numpy.typing import NDArray

from mnistry.concepts import one_hot
from mnistry.datasets.dataset import CLASSES, Images, Labels
from mnistry.recipes.literature.linear import least_squares, pixels, with_constant
from mnistry.recipes.literature.published import LECUN_1998, Classifier, Published

PUBLISHED = Published(1998, "1,000 radial basis functions + linear", 3.6, LECUN_1998)
CENTRES = 100  # for each digit
ROUNDS = 10  # of k-means
WIDTH = 1.0  # of a function, in mean squared distances from an image to its nearest centre


def fit(images: Images, labels: Labels, seed: int = 0, width: float = WIDTH) -> Classifier:
    """Find the centres, and weights for how near an image is to each."""
    inputs, random = pixels(images), np.random.default_rng(seed)
    centres = np.concatenate(
        [k_means(inputs[labels == digit], CENTRES, random) for digit in range(CLASSES)]
    )
    scale = width * squared_distances(inputs, centres).min(axis=1).mean()

    def nearness(others: Images) -> NDArray[np.float32]:
        return with_constant(np.exp(-squared_distances(pixels(others), centres) / scale))

    weights = least_squares(nearness(images), one_hot(labels))
    return lambda others: (nearness(others) @ weights).argmax(axis=1)


def k_means(
    rows: NDArray[np.float32], count: int, random: np.random.Generator
) -> NDArray[np.float32]:
    """Return `count` centres: each row belongs to the nearest, and each is its rows' mean.

    Examples
    --------
    >>> rows = np.array([[0.0], [2.0], [8.0], [10.0]], np.float32)
    >>> sorted(k_means(rows, 2, np.random.default_rng(0)).ravel().tolist())
    [1.0, 9.0]
    """
    centres = rows[random.permutation(len(rows))[:count]]
    for _ in range(ROUNDS):
        belongs = squared_distances(rows, centres).argmin(axis=1)
        members = (belongs[:, None] == np.arange(count)).astype(np.float32)
        sizes = members.sum(axis=0)[:, None]
        centres = np.where(sizes > 0, (members.T @ rows) / np.maximum(sizes, 1), centres)
    return centres


def squared_distances(
    rows: NDArray[np.float32], centres: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the squared distance of each row from each centre: shape ``(rows, centres)``."""
    lengths = np.einsum("ij,ij->i", rows, rows)[:, None] + np.einsum("ij,ij->i", centres, centres)
    return np.asarray(lengths - 2 * (rows @ centres.T), np.float32).clip(0)
