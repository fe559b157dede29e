"""Datasets of handwritten digits, loaded by name or from a file or folder.

Knows nothing of networks. To add a dataset with a name, write a module with a ``load``, and add its
name to `NAMES` and its call to `load_origin`. To add a format, see `mnistry.datasets.sniff`.
"""

import dataclasses
import os
import warnings
from collections.abc import Sequence
from pathlib import Path

from mnistry.datasets import checks, fashion, mnist, sample, sniff
from mnistry.datasets.dataset import Dataset, Origin, Split
from mnistry.errors import CacheError, DataError, DownloadError, Notice, UsageError
from mnistry.system.downloads import Progress

__all__ = ["NAMES", "Dataset", "Origin", "Split", "load", "load_origin"]

NAMES = ("mnist", "fashion-mnist", "sample")


def load(
    data: str | os.PathLike[str] | None = None,
    *,
    transpose: bool = False,
    images: str | None = None,
    labels: str | None = None,
    relabel: Sequence[str] = (),
    labels_from: int = 0,
    fit: bool = False,
    progress: Progress | None = None,
) -> Dataset:
    """Load handwritten digits, or other 28x28 images in 2 to 62 classes.

    Parameters
    ----------
    data
        One of `NAMES`, or the path of a file or folder in a format that the page "Train on your own
        images" lists: ``.npz``, CSV, IDX, Parquet, ``.mat``, folders of pictures, and
        others. None loads MNIST. If MNIST can be neither found nor downloaded, None loads the
        sample, with a notice that says so; the name ``"mnist"`` never does.
    transpose
        Swap the two axes of each image. Only for a path, as are the following.
    images, labels
        The names of the arrays or columns that hold images and labels, in a file whose own
        names do not show it.
    relabel
        Labels to change: ``["10=0"]`` where 10 stands for zero.
    labels_from
        The label of the first class, after `relabel`: 1 if labels are counted from 1.
    fit
        Bring each image to MNIST's form, as `mnistry.Reader` does with pictures of any size.
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
    UsageError
        If `data` is neither a name nor a path, or an option cannot be applied to it.

    Examples
    --------
    >>> (x_train, y_train), (x_test, y_test) = load("sample")
    >>> x_train.shape, x_train.dtype, y_test.shape
    ((4000, 28, 28), dtype('uint8'), (1000,))
    """
    if data is not None and not isinstance(data, str | os.PathLike):
        name = getattr(data, "name", None)  # of an open file
        raise UsageError(
            f"data of type {type(data).__name__}",
            expected="a name or a path",
            remedy=f"give the path: {name!r}"
            if isinstance(name, str)
            else "give the arrays directly to mnistry.train and mnistry.evaluate",
        )
    given = None if data is None else os.fspath(data)
    if not isinstance(data, str) and given in NAMES:  # a Path is never the name of a dataset
        given = f"./{given}"
    origin = Origin(given, transpose, images, labels, tuple(relabel), labels_from, fit)
    dataset = load_origin(origin, progress=progress)
    for notice in dataset.notices:
        warnings.warn(notice, Notice, stacklevel=2)
    return dataset


def load_origin(origin: Origin, *, progress: Progress | None = None) -> Dataset:
    """Load the dataset that an origin names, as `load` does, but issue no warnings.

    Examples
    --------
    >>> load_origin(load("sample").origin).name
    'sample'
    """
    data = origin.data
    if data is not None and data not in NAMES:
        path = Path(data)
        dataset, data = _from_path(path, origin), str(path.resolve())
    elif dataclasses.replace(origin, data=None) != Origin():
        raise UsageError(
            "only data given by a path takes transpose, images, labels, relabel, labels_from, fit",
            where=data or "mnist",
        )
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
            "4,000 to train and 1,000 to test. To get all of MNIST, connect to the network: "
            f"{error}"
        )
        return dataclasses.replace(sample.load(), notices=(notice,))


def _from_path(path: Path, origin: Origin) -> Dataset:
    try:
        if not path.exists():
            raise DataError(
                "there is no dataset, file or folder of this name",
                where=path,
                expected=f"{', '.join(NAMES)}, or a path that exists",
            )
        dataset = sniff.read(path, origin)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=path) from error
    except ValueError as error:  # a NUL byte in the path
        raise DataError(f"cannot be read: {error}", where=path) from error
    dataset = mnist.recognised(dataset)
    if dataset.name == "mnist":
        return dataset
    notices = (*dataset.notices, *checks.probable_mistakes(dataset, origin))
    return dataclasses.replace(dataset, notices=notices)
