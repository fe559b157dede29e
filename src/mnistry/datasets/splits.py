"""Hold out a part of the training images for validation."""

from typing import NamedTuple

import numpy as np

from mnistry.datasets.dataset import Labels, Split
from mnistry.errors import UsageError


class Parts(NamedTuple):
    """Training images, divided for training and validation.

    Attributes
    ----------
    train
        The images to train on.
    validation
        The held-out images, for validation; None if there are none.
    """

    train: Split
    validation: Split | None


def hold_out(split: Split, part: float, seed: int) -> Parts:
    """Hold out a random part of a split, with the same share of every class.

    Parameters
    ----------
    split
        Labelled images.
    part
        From 0 to below 1; 0 holds nothing out.
    seed
        Decides which images are held out: a whole number from 0.

    Returns
    -------
    Parts
        Both parts keep the order of `split`.

    Raises
    ------
    UsageError
        If `part` is out of range or leaves one part empty.

    Examples
    --------
    >>> split = Split(np.zeros((20, 28, 28), np.uint8), np.repeat(np.arange(2, dtype=np.uint8), 10))
    >>> train, validation = hold_out(split, 0.2, seed=0)
    >>> np.bincount(train.labels), np.bincount(validation.labels)
    (array([8, 8]), array([2, 2]))
    """
    if not 0 <= part < 1:
        raise UsageError(f"validation {part:g}", expected="0 to below 1")
    if part == 0:
        return Parts(split, None)
    images, labels = split
    if labels is None:
        raise UsageError("images without labels cannot be held out by class")
    generator = np.random.default_rng([seed, 1])
    aside = np.zeros(len(labels), bool)
    for digit, count in enumerate(_held_out_by_class(labels, part)):
        aside[generator.permutation(np.flatnonzero(labels == digit))[:count]] = True
    if aside.all() or not aside.any():
        raise UsageError(
            f"validation {part:g} of {len(labels):,} images",
            expected="at least one image in each part",
        )
    return Parts(Split(images[~aside], labels[~aside]), Split(images[aside], labels[aside]))


def held_out_count(labels: Labels, part: float) -> int:
    """Return the number of images that `hold_out` holds out."""
    return sum(_held_out_by_class(labels, part))


def _held_out_by_class(labels: Labels, part: float) -> list[int]:
    # The largest remainder method: the counts add up to `part` of all images, rounded.
    shares = part * np.bincount(labels)
    counts = np.floor(shares).astype(int)
    missing = round(part * len(labels)) - int(counts.sum())
    counts[np.argsort(counts - shares, kind="stable")[:missing]] += 1
    return [int(count) for count in counts]
