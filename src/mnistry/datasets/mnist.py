"""MNIST: 70,000 handwritten digits, from a cache or a verified download.

The MNIST database of handwritten digits, Yann LeCun, Corinna Cortes, Christopher J. C. Burges,
licensed CC BY-SA 3.0. 60,000 images to train and 10,000 to test, ``uint8``, 28x28, 0 for paper
to 255 for ink. Knows nothing of what to do when there is none.
"""

import contextlib
import dataclasses
from pathlib import Path

import numpy as np

from mnistry.datasets import caches, npz
from mnistry.datasets.dataset import Dataset, Split
from mnistry.errors import DataError, DownloadError, MnistryError
from mnistry.system.downloads import Progress, download, sole_writer
from mnistry.system.files import atomic_write

LICENCE = "CC BY-SA 3.0"
ORIGINS = (
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
    "https://s3.amazonaws.com/img-datasets/mnist.npz",
)
SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
MAX_BYTES = 20_000_000

# SHA-256 of each array's bytes in C order: MNIST is MNIST whatever file it comes in.
DIGESTS = {
    "x_train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    "y_train": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
}
COUNTS = {"x_train": 60_000, "y_train": 60_000, "x_test": 10_000, "y_test": 10_000}


def load(progress: Progress | None = None) -> Dataset:
    """Give MNIST from our cache, from Keras's, or downloaded into ours.

    An uncompressed copy is kept in our cache, because unpacking takes longer than all the rest;
    it too is verified each time.

    Parameters
    ----------
    progress
        See `mnistry.system.downloads.download`.

    Raises
    ------
    DownloadError
        If it is in no cache and cannot be downloaded.
    """
    quick = caches.own() / "quick" / "mnist.npz"
    with contextlib.suppress(DataError):  # missing or damaged, it is written anew below
        return _read(quick)
    dataset = _load_published(progress)
    # The copy only saves time: that its folder cannot be written, or is being written to, or that
    # the package for locks is not there, is no error.
    with contextlib.suppress(MnistryError, OSError, ImportError):
        _keep_copy(dataset, quick)
    return dataset


def recognised(dataset: Dataset) -> Dataset:
    """Give a dataset its name and licence if all its arrays are MNIST's; else as it is."""
    arrays = dataset.arrays()
    if any(len(array) != COUNTS[name] for name, array in arrays.items()):
        return dataset  # saves the hashing
    named = dataclasses.replace(dataset, name="mnist", licence=LICENCE)
    return named if named.digests.items() <= DIGESTS.items() else dataset


def is_mnist_test(split: Split) -> bool:
    """Say whether a split is MNIST's test split: its images and labels, in their order."""
    if len(split.images) != COUNTS["x_test"]:
        return False
    digests = Dataset("", "", "", None, split).digests
    return digests == {name: DIGESTS[name] for name in ("x_test", "y_test")}


def _load_published(progress: Progress | None) -> Dataset:
    path = caches.own() / "mnist.npz"
    notices: list[str] = []
    for cached in (path, caches.keras() / "mnist.npz"):
        try:
            if cached.exists():
                return _read(cached, tuple(notices))
        except (DataError, OSError) as error:  # OSError: a folder that may not be looked into
            notices.append(f"passed over {error}")
    try:
        download(ORIGINS, sha256=SHA256, path=path, max_bytes=MAX_BYTES, progress=progress)
    except DownloadError as error:
        error.what = "; ".join([error.what, *notices])
        raise
    return _read(path, tuple(notices))


def _read(path: Path, notices: tuple[str, ...] = ()) -> Dataset:
    """Read a file that should be MNIST; raise DataError if it is not."""
    found = npz.read(path)
    dataset = dataclasses.replace(found, name="mnist", licence=LICENCE, notices=notices)
    if dataset.digests != DIGESTS:
        raise DataError("not MNIST, or damaged", where=path)
    return dataset


def _keep_copy(dataset: Dataset, path: Path) -> None:
    with sole_writer(path, wait=0), atomic_write(path) as file:
        np.savez(file, **dataset.arrays())  # type: ignore[arg-type]
