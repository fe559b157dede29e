"""Datasets of handwritten digits, loaded by name or from a file or folder.

Knows nothing of networks. To add a dataset, write a module with a ``load``, and add its name to
`NAMES` and its call to `load_origin`.
"""

import dataclasses
import warnings
from pathlib import Path

import numpy as np

from mnistry.datasets import checks, csv, fashion, folder, idx, mnist, npz, sample
from mnistry.datasets.dataset import Dataset, Origin, Split
from mnistry.errors import CacheError, DataError, DownloadError, Notice, UsageError
from mnistry.system.downloads import Progress

__all__ = ["NAMES", "Dataset", "Origin", "Split", "load", "load_origin"]

NAMES = ("mnist", "fashion-mnist", "sample")


def load(
    data: str | Path | None = None, *, transpose: bool = False, progress: Progress | None = None
) -> Dataset:
    """Load handwritten digits, or other 28x28 images in ten classes.

    Parameters
    ----------
    data
        One of `NAMES`, or a path: a ``.npz`` file with ``x_train``, ``y_train``, ``x_test``,
        ``y_test``; a ``.csv`` file like those of Kaggle's Digit Recognizer; a folder of IDX
        files; a folder of images, ``0/…9/`` or ``train/0…9`` and ``test/0…9``. None loads MNIST.
        If MNIST can be neither found nor downloaded, None loads the sample, with a notice that
        says so; the name ``"mnist"`` never does.
    transpose
        Swap the two axes of each image, as EMNIST's files need it. Only for a path.
    progress
        Called during a download with the bytes received and the total, or None if it is unknown.

    Returns
    -------
    Dataset
        Each of its notices is also given as a `mnistry.errors.Notice` warning.

    Raises
    ------
    DataError
        If the name is unknown, or a file or folder cannot be read as a dataset.
    DownloadError
        If a named dataset can be neither found nor downloaded.

    Examples
    --------
    >>> (x_train, y_train), (x_test, y_test) = load("sample")
    >>> x_train.shape, x_train.dtype, y_test.shape
    ((4000, 28, 28), dtype('uint8'), (1000,))
    """
    given = None if data is None else str(data)
    if isinstance(data, Path) and given in NAMES:
        given = f"./{given}"
    dataset = load_origin(Origin(given, transpose), progress=progress)
    for notice in dataset.notices:
        warnings.warn(notice, Notice, stacklevel=2)
    return dataset


def load_origin(origin: Origin, *, progress: Progress | None = None) -> Dataset:
    """Load the dataset that an origin names, as `load` does, but warn of nothing.

    Examples
    --------
    >>> load_origin(load("sample").origin).name
    'sample'
    """
    data = origin.data
    if data is not None and data not in NAMES:
        path = Path(data)
        dataset, data = _from_path(path, origin.transpose), str(path.resolve())
    elif origin.transpose:
        raise UsageError("only data given by a path can be transposed", where=data or "mnist")
    elif data == "sample":
        dataset = sample.load()
    elif data == "fashion-mnist":
        dataset = fashion.load(progress)
    elif data == "mnist":
        dataset = mnist.load(progress)
    else:
        dataset = _mnist_or_sample(progress)
        data = dataset.name
    return dataclasses.replace(dataset, origin=dataclasses.replace(origin, data=data))


def _mnist_or_sample(progress: Progress | None) -> Dataset:
    try:
        return mnist.load(progress)
    except CacheError:  # the user can mend it
        raise
    except DownloadError as error:
        notice = (
            "MNIST could not be downloaded, so this is the sample: 5,000 of its training images, "
            f"4,000 to train and 1,000 to test. To get all of MNIST: {error}"
        )
        return dataclasses.replace(sample.load(), notices=(notice,))


def _from_path(path: Path, transpose: bool) -> Dataset:
    try:
        dataset = _read(path)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=path) from error
    if transpose:
        train, test = (
            split and Split(np.ascontiguousarray(split.images.swapaxes(1, 2)), split.labels)
            for split in (dataset.train, dataset.test)
        )
        notices = tuple(notice for notice in dataset.notices if notice != idx.TRANSPOSED)
        dataset = dataclasses.replace(dataset, train=train, test=test, notices=notices)
    dataset = mnist.recognised(dataset)
    if dataset.name == "mnist":
        return dataset
    notices = (*dataset.notices, *checks.probable_mistakes(dataset))
    return dataclasses.replace(dataset, notices=notices)


def _read(path: Path) -> Dataset:
    if path.is_dir():
        return idx.read(path) if idx.has_files(path) else folder.read(path)
    if not path.exists():
        raise DataError(
            "there is no dataset, file or folder of this name",
            where=path,
            expected=f"{', '.join(NAMES)}, or a path that exists",
        )
    if path.suffix.lower() == ".npz":
        return npz.read(path)
    if path.suffix.lower() == ".csv":
        return csv.read(path)
    expected = "a .npz or .csv file, or a folder of IDX files or images"
    raise DataError("unknown file type", where=path, expected=expected)
