"""What each epoch trains on: its images, distorted or not, and their order.

Knows nothing of networks.
"""

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from mnistry.augmentation import distort
from mnistry.augmentation.distort import Distortion
from mnistry.concepts import steps_per_epoch
from mnistry.datasets.dataset import Images

EVALUATION_BATCH = 1000  # images scored at once after an epoch


def epoch_order(count: int, seed: int, epoch: int) -> NDArray[np.int32]:
    """Return the shuffled order of `count` images in an epoch (from 0), decided by `seed`.

    Examples
    --------
    >>> sorted(epoch_order(4, seed=0, epoch=0).tolist())
    [0, 1, 2, 3]
    """
    return np.random.default_rng([seed, 0, epoch]).permutation(count).astype(np.int32)


@contextlib.contextmanager
def epoch_images(
    images: Images, distortion: Distortion | None, distorted: int, seed: int, start: int
) -> Iterator[Iterator[Images]]:
    """Provide each epoch's images from epoch `start` on, distorted in the first `distorted` epochs.

    Meanwhile a thread distorts the images of the next epoch; it ends with the context.
    """
    if distortion is None or not distorted:
        yield itertools.repeat(images)
        return
    made = distort.epochs(images, distortion, distorted, seed=seed, start=start)
    with contextlib.closing(made) as epochs:
        yield itertools.chain(epochs, itertools.repeat(images))


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """The training images batch by batch; their order and distortion are new in each epoch.

    Parameters
    ----------
    targets
        One row per image: labels ``(n,)`` or rows ``(n, classes)``.
    batch_size
        Images per step; the last step of an epoch may have fewer.
    seed
        Decides the order of each epoch.
    epoch_images
        The images of each epoch from `first_epoch` on; see `epoch_images`.
    first_epoch
        The epoch to begin with, from 0.

    Attributes
    ----------
    images, order
        Those of the epoch that `begin` was last called with.
    """

    def __init__(
        self,
        targets: NDArray[Any],
        batch_size: int,
        seed: int,
        epoch_images: Iterator[Images],
        first_epoch: int,
    ) -> None:
        super().__init__()
        self.targets = targets
        self.batch_size = batch_size
        self._seed, self._epoch_images = seed, epoch_images
        self._epoch = -1
        self.begin(first_epoch)

    def begin(self, epoch: int) -> None:
        """Move on to the next epoch; nothing changes if it has begun already."""
        if epoch != self._epoch:
            self._epoch = epoch
            self.images = next(self._epoch_images)
            self.order = epoch_order(len(self.images), self._seed, epoch)

    def __len__(self) -> int:
        return steps_per_epoch(len(self.images), self.batch_size)

    def __getitem__(self, step: int) -> tuple[Images, NDArray[Any]]:
        rows = self.order[step * self.batch_size : (step + 1) * self.batch_size]
        return self.images[rows], self.targets[rows]
