"""A part of the training images set aside, to watch a training by images that it does not see."""

from typing import NamedTuple

import numpy as np

from mnistry.datasets.dataset import Labels, Split
from mnistry.errors import UsageError


class Parts(NamedTuple):
    """Training images in two parts.

    Attributes
    ----------
    kept
        What is trained on.
    aside
        What is only watched; None where nothing is set aside.
    """

    kept: Split
    aside: Split | None


def hold_out(split: Split, part: float, seed: int) -> Parts:
    """Set a part of a split aside, with the same share of every class, drawn by `seed`.

    Parameters
    ----------
    split
        Labelled images.
    part
        0 to below 1; 0 sets nothing aside.
    seed
        Decides which images: a whole number from 0.

    Returns
    -------
    Parts
        Both in the order of `split`.

    Raises
    ------
    UsageError
        If `part` is out of range or leaves one side empty.

    Examples
    --------
    >>> split = Split(np.zeros((20, 28, 28), np.uint8), np.repeat(np.arange(2, dtype=np.uint8), 10))
    >>> kept, aside = hold_out(split, 0.2, seed=0)
    >>> np.bincount(kept.labels), np.bincount(aside.labels)
    (array([8, 8]), array([2, 2]))
    """
    if not 0 <= part < 1:
        raise UsageError(f"validation {part:g}", expected="0 to below 1")
    if part == 0:
        return Parts(split, None)
    images, labels = split
    if labels is None:
        raise UsageError("no part can be set aside by class: the images have no labels")
    generator = np.random.default_rng([seed, 1])
    aside = np.zeros(len(labels), bool)
    for digit, count in enumerate(_aside_by_class(labels, part)):
        aside[generator.permutation(np.flatnonzero(labels == digit))[:count]] = True
    if aside.all() or not aside.any():
        raise UsageError(
            f"validation {part:g} of {len(labels):,} images",
            expected="at least one image of some class on each side",
        )
    return Parts(Split(images[~aside], labels[~aside]), Split(images[aside], labels[aside]))


def held_out_count(labels: Labels, part: float) -> int:
    """Count the images that `hold_out` sets aside."""
    return sum(_aside_by_class(labels, part))


def _aside_by_class(labels: Labels, part: float) -> list[int]:
    # Largest remainders: the counts add up to the part of the whole, rounded.
    shares = part * np.bincount(labels)
    counts = np.floor(shares).astype(int)
    missing = round(part * len(labels)) - int(counts.sum())
    counts[np.argsort(counts - shares, kind="stable")[:missing]] += 1
    return [int(count) for count in counts]
