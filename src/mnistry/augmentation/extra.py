"""Training images that MNIST lacks: digits in other styles, and what is no digit.

Made from training images and a seed, once; distorted anew for each epoch like all others.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnistry.augmentation.non_digits import Digits
from mnistry.augmentation.non_digits import make as make_strangers
from mnistry.augmentation.styles import make as make_styled
from mnistry.concepts import one_hot
from mnistry.datasets.dataset import Images, Split
from mnistry.errors import UsageError


class Additions(NamedTuple):
    """Images, and what a network shall answer to them.

    Attributes
    ----------
    images
        ``uint8``, shape ``(n, 28, 28)``.
    targets
        ``float32``, shape ``(n, 10)``: one-hot, or 0.1 ten times for what is no digit.
    """

    images: Images
    targets: NDArray[np.float32]


def make(split: Split, *, styled: int, strangers: int, seed: int) -> Additions:
    """Make images to train on besides these.

    Parameters
    ----------
    split
        Training images with labels, among which is every digit.
    styled, strangers
        How many digits in other styles, and how many images that are no digit.
    seed
        A whole number from 0.

    Raises
    ------
    UsageError
        If a digit is missing.
    """
    labels = np.asarray(split.labels)
    if split.labels is None or len(np.unique(labels)) < 10:
        raise UsageError(
            "strangers and other styles without every digit", expected="labels from 0 to 9, each"
        )
    random = np.random.default_rng([seed, 2])
    more = make_styled(split.images, labels, styled, random)
    none = make_strangers(Digits(split.images, labels), strangers, random)
    return Additions(
        np.concatenate([more.images, *none.values()]),
        np.concatenate(
            [one_hot(np.asarray(more.labels)), np.full((strangers, 10), 0.1, np.float32)]
        ),
    )
