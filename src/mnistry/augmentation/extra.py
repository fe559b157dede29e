"""Training images that MNIST lacks: digits in other styles, and non-digits.

A network that is also trained to answer non-digits with the same probability for every class is
less sure of what it has never seen: outlier exposure; D. Hendrycks, M. Mazeika, T. Dietterich:
Deep Anomaly Detection with Outlier Exposure, ICLR 2019.

All these images are made once, from training images and a seed, and distorted in each epoch as the
training images are.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnistry.augmentation.non_digits import Digits
from mnistry.augmentation.non_digits import make as make_non_digits
from mnistry.augmentation.styles import make as make_styled
from mnistry.concepts import one_hot
from mnistry.datasets.dataset import Images, Split
from mnistry.errors import UsageError

_SEED_STREAM = 2  # other random numbers of a training have other streams of the same seed


class ExtraImages(NamedTuple):
    """Images to train on, and the probabilities that a network should give for each.

    Attributes
    ----------
    images
        ``uint8``, shape ``(n, 28, 28)``.
    targets
        ``float32``, shape ``(n, 10)``: one-hot, or 0.1 for every class for a non-digit.
    """

    images: Images
    targets: NDArray[np.float32]


def make(split: Split, *, styled: int, non_digits: int, seed: int) -> ExtraImages:
    """Make more images to train on.

    Parameters
    ----------
    split
        Training images with labels; every digit must occur.
    styled, non_digits
        How many digits in other styles, and how many non-digits.
    seed
        A whole number from 0.

    Raises
    ------
    UsageError
        If there are no labels, a digit is missing, or no image of a 1, 2 or 7 can be given another
        style.
    """
    if split.labels is None or len(np.unique(split.labels)) < 10:
        raise UsageError(
            "non-digits and other styles need images of all ten digits",
            expected="each label from 0 to 9",
        )
    labels = np.asarray(split.labels)
    random = np.random.default_rng([seed, _SEED_STREAM])
    digits = make_styled(split.images, labels, styled, random)
    marks = make_non_digits(Digits(split.images, labels), non_digits, random)
    return ExtraImages(
        np.concatenate([digits.images, *marks.values()]),
        np.concatenate(
            [one_hot(np.asarray(digits.labels)), np.full((non_digits, 10), 0.1, np.float32)]
        ),
    )
