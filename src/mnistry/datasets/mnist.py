"""MNIST: 70,000 handwritten digits, from a cache or a verified download.

The MNIST database of handwritten digits, Yann LeCun, Corinna Cortes, Christopher J. C. Burges,
licensed CC BY-SA 3.0. 60,000 images to train and 10,000 to test, ``uint8``, 28x28, 0 for paper
to 255 for ink.
"""

import contextlib
import dataclasses
from pathlib import Path

import numpy as np

from mnistry.datasets import caches, npz
from mnistry.datasets.dataset import Dataset, Split
from mnistry.errors import DataError, MnistryError
from mnistry.system.downloads import Progress, sole_writer
from mnistry.system.files import atomic_write

LICENCE = "CC BY-SA 3.0"
ORIGINS = (
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
    "https://s3.amazonaws.com/img-datasets/mnist.npz",
)
SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
MAX_BYTES = 20_000_000

# SHA-256 of each array's bytes in C order, to recognise MNIST in any file format.
DIGESTS = {
    "x_train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    "y_train": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
}
COUNTS = {"x_train": 60_000, "y_train": 60_000, "x_test": 10_000, "y_test": 10_000}


def load(progress: Progress | None = None) -> Dataset:
    """Load MNIST from our cache or Keras's, or download it into ours.

    Our cache also keeps an uncompressed copy, because decompression takes most of the time. The
    copy too is verified each time. Progress and errors: see `mnistry.system.downloads.download`.
    """
    quick = caches.own() / "quick" / "mnist.npz"
    with contextlib.suppress(DataError):  # missing or damaged; it is written again below
        return _read(quick)
    found, notices = caches.find_or_download(
        "mnist.npz", _read, ORIGINS, sha256=SHA256, max_bytes=MAX_BYTES, progress=progress
    )
    # The copy only saves time, so it may fail: the folder may not be writable, another process may
    # be writing to it, or the package for locks may be missing.
    with contextlib.suppress(MnistryError, OSError, ImportError):
        _keep_copy(found, quick)
    return dataclasses.replace(found, notices=notices)


def recognised(dataset: Dataset) -> Dataset:
    """Return a dataset with MNIST's name and licence if its arrays are MNIST's, else unchanged."""
    dataset = _in_two(dataset)
    arrays = dataset.arrays()
    if any(len(array) != COUNTS.get(name) for name, array in arrays.items()):
        return dataset  # without hashing
    named = dataclasses.replace(dataset, name="mnist", licence=LICENCE)
    return named if named.digests.items() <= DIGESTS.items() else dataset


def _in_two(dataset: Dataset) -> Dataset:
    """Divide MNIST's 70,000 images into its two splits if one table holds them, as at OpenML."""
    train, count = dataset.train, COUNTS["x_train"]
    if train is None or train.labels is None or dataset.test is not None:
        return dataset
    if len(train.images) != count + COUNTS["x_test"]:
        return dataset
    parted = dataclasses.replace(
        dataset,
        train=Split(train.images[:count], train.labels[:count]),
        test=Split(train.images[count:], train.labels[count:]),
        extra={},
    )
    return parted if parted.digests == DIGESTS else dataset


def is_mnist_test(split: Split) -> bool:
    """Return whether a split is MNIST's test split, with its labels and in its order."""
    if len(split.images) != COUNTS["x_test"]:
        return False
    digests = Dataset("", "", "", None, split).digests
    return digests == {name: DIGESTS[name] for name in ("x_test", "y_test")}


def _read(path: Path) -> Dataset:
    """Read a file that should be MNIST; raise DataError if it is not."""
    dataset = dataclasses.replace(npz.read(path), name="mnist", licence=LICENCE)
    if dataset.digests != DIGESTS:
        raise DataError("not MNIST, or damaged", where=path)
    return dataset


def _keep_copy(dataset: Dataset, path: Path) -> None:
    with sole_writer(path, wait=0), atomic_write(path) as file:
        np.savez(file, **dataset.arrays())  # type: ignore[arg-type]
