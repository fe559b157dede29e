"""Find the typical digits most like an image, among 200 of MNIST's training images.

Knows nothing of the network, or of where the image comes from.
"""

import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.errors import ModelError
from mnistry.images.mnist_form import CENTRE, SIDE

SHIPPED = Path(__file__).with_name("prototypes.npz")
_SLOPES = 0.0, -0.25, -0.125, 0.125, 0.25
_MOVES = 0, -1, 1  # pixels


@dataclass(frozen=True, eq=False)
class Prototype:
    """A typical digit.

    Attributes
    ----------
    label
        The digit, 0 to 9.
    distance
        From the image that it was found for, 0 to 1: 1 minus the cosine similarity of their pixels,
        so that it makes no difference how dark the ink is. Both are blurred by a pixel first, so
        that strokes side by side are near, and the image is moved by up to a pixel and leant by up
        to 14 degrees, so that the slant of a hand counts little. Of 1,000 of MNIST's test images
        93.9 % then have a nearest prototype of their own class; without all this, 89.9 %.
    image
        ``uint8``, shape ``(28, 28)``, 0 for paper to 255 for ink.
    """

    label: int
    distance: float
    image: NDArray[np.uint8] = field(repr=False)


def nearest(image: NDArray[np.uint8], labels: Sequence[int]) -> tuple[Prototype, ...]:
    """Find the prototype most like an image of MNIST's form, for each of these digits.

    Parameters
    ----------
    image
        ``uint8``, shape ``(28, 28)``, 0 for paper to 255 for ink.
    labels
        The digits, 0 to 9.

    Raises
    ------
    ModelError
        If the installed prototypes are missing.
    """
    images, known, directions = _shipped()
    alike = directions @ np.stack([_direction(one) for one in _placed(image)]).T
    distances = np.maximum(0, 1 - alike.max(axis=1))
    found = (int(np.where(known == label, distances, 2).argmin()) for label in labels)
    return tuple(Prototype(int(known[i]), float(distances[i]), images[i]) for i in found)


@functools.cache
def _shipped() -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32]]:
    if not SHIPPED.is_file():
        raise ModelError(
            "the prototypes are missing", where=SHIPPED, remedy="install mnistry again"
        )
    with np.load(SHIPPED, allow_pickle=False) as arrays:
        images, labels = arrays["images"], arrays["labels"]
    return images, labels, np.stack([_direction(image) for image in images])


def _placed(image: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Yield an image, first unchanged, then at several slants and places."""
    for slope in _SLOPES:
        matrix = np.array([[1, slope, -slope * CENTRE], [0, 1, 0]], np.float32)
        leant = cv2.warpAffine(image, matrix, (SIDE, SIDE)) if slope else image
        for down, right in itertools.product(_MOVES, repeat=2):
            yield np.roll(np.asarray(leant, np.uint8), (down, right), (0, 1))


def _direction(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Blur an image, and scale it to a vector of length 1; a blank one stays 0."""
    blurred = cv2.GaussianBlur(image.astype(np.float32), (0, 0), 1).ravel()
    return np.asarray(blurred / max(float(np.linalg.norm(blurred)), 1), np.float32)
