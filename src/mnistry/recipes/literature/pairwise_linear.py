"""Pairwise linear classifier: a weighted sum for each of the 45 pairs of digits, and a vote.

Published: 7.6 % (LeCun and others 1998, section III.C). MNIST's page says that the digits were
deskewed; only without deskewing is the error about as large.
"""

import itertools

import numpy as np

from mnistry.datasets.dataset import CLASSES, Images, Labels
from mnistry.recipes.literature.linear import pixels, with_constant
from mnistry.recipes.literature.published import LECUN_1998, Classifier, Published

PUBLISHED = Published(1998, "pairwise linear classifier", 7.6, LECUN_1998)
PAIRS = tuple(itertools.combinations(range(CLASSES), 2))
RIDGE = 1.0


def fit(images: Images, labels: Labels) -> Classifier:
    """Find for each pair by least squares the sum that is 1 for its first digit, -1 for the other.

    The sum's sign is a vote. Were the sums added up instead, all 45 would be one linear classifier.
    """
    inputs = with_constant(pixels(images))
    by_digit = [inputs[labels == digit] for digit in range(CLASSES)]
    # Least squares needs only the sums of products, which pairs of digits share.
    squares = [(rows.T @ rows).astype(np.float64) for rows in by_digit]
    sums = [rows.sum(axis=0, dtype=np.float64) for rows in by_digit]
    ridge = RIDGE * np.eye(inputs.shape[1])
    weights = np.column_stack([
        np.linalg.solve(squares[one] + squares[other] + ridge, sums[one] - sums[other])
        for one, other in PAIRS
    ]).astype(np.float32)  # fmt: skip
    votes = np.zeros((len(PAIRS), CLASSES))
    for number, (one, other) in enumerate(PAIRS):
        votes[number, one], votes[number, other] = 1, -1
    return lambda others: (np.sign(with_constant(pixels(others)) @ weights) @ votes).argmax(axis=1)
