"""What a dataset is: images and labels in splits, and the checks that every source must pass.

Knows nothing of files or formats.
"""

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from mnistry.errors import DataError

Images = NDArray[np.uint8]
Labels = NDArray[np.uint8]

DIGITS = tuple("0123456789")
MAX_ARRAY_BYTES = 2**30  # what a file may make us allocate for one array
KERAS_NAMES = {name: name for name in ("x_train", "y_train", "x_test", "y_test")}


class Split(NamedTuple):
    """Images and, unless they are to be predicted, their labels.

    Attributes
    ----------
    images
        ``uint8``, shape ``(n, 28, 28)``, 0 for paper to 255 for ink.
    labels
        ``uint8``, shape ``(n,)``, 0 to 9; None where the source has none.
    """

    images: Images
    labels: Labels | None


@dataclasses.dataclass(frozen=True)
class Origin:
    """What loads a dataset: the arguments of `mnistry.load`.

    Attributes
    ----------
    data
        A name or a path. None is the default dataset, or none that was loaded.
    transpose
        Whether rows and columns are exchanged.
    """

    data: str | None = None
    transpose: bool = False


@dataclasses.dataclass(frozen=True, eq=False)  # arrays have no single truth to compare by
class Dataset:
    """Handwritten digits, or anything of their shape, and where they came from.

    Unpacks as Keras's loaders do: ``(x_train, y_train), (x_test, y_test) = load()``.
    A split that the source lacks unpacks as None.

    Attributes
    ----------
    name
        A short name: ``"mnist"``, or the last part of a path.
    source
        The file or address that it was read from.
    licence
        The licence's name, or ``"not stated"``.
    train, test
        The splits; None where the source has none.
    classes
        The name of each class, in the order of the labels.
    notices
        What the user should know: a fallback, a suspicion, files passed over.
    failures
        One line for each item that could not be read.
    origin
        What loads the same again, from any folder: its path is absolute.
    """

    name: str
    source: str
    licence: str
    train: Split | None
    test: Split | None
    classes: tuple[str, ...] = DIGITS
    notices: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    origin: Origin = Origin()

    def __iter__(self) -> Iterator[tuple[Images, Labels]]:
        # Typed as Keras's loaders are, so that a first program passes a type checker: whether a
        # source lacks a split or labels is not known before it is read. `train` and `test` say so.
        return iter(cast("tuple[tuple[Images, Labels], ...]", (self.train, self.test)))

    @cached_property
    def digests(self) -> dict[str, str]:
        """SHA-256 of each array's bytes in C order, by the names of `arrays`."""
        return {
            name: hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()
            for name, array in self.arrays().items()
        }

    def arrays(self) -> dict[str, NDArray[np.uint8]]:
        """Give every array by its Keras name: ``x_train``, ``y_train``, ``x_test``, ``y_test``."""
        found: dict[str, NDArray[np.uint8]] = {}
        for split_name, split in (("train", self.train), ("test", self.test)):
            if split is not None:
                found[f"x_{split_name}"] = split.images
                if split.labels is not None:
                    found[f"y_{split_name}"] = split.labels
        return found


def as_images(array: NDArray[np.generic], where: str) -> Images:
    """Check that an array holds images, and give it as ``uint8`` of shape ``(n, 28, 28)``.

    Parameters
    ----------
    array
        Whole numbers from 0 to 255 of any numeric dtype, of shape ``(n, 28, 28)``,
        ``(n, 28, 28, 1)`` or ``(n, 784)``.
    where
        The file or argument that it came from, for the message.

    Raises
    ------
    DataError
        If it has another shape, or a value that is no whole number from 0 to 255. A floating
        array with no value above 1 is refused because a network of ours, which divides by 255
        itself, would see nothing but zeros and ones in it.

    Examples
    --------
    >>> as_images(np.zeros((2, 784), np.int64), "zeros").shape
    (2, 28, 28)
    """
    if array.shape[1:] not in ((28, 28), (28, 28, 1), (784,)):
        raise DataError(
            f"images of shape {array.shape}",
            where=where,
            expected="(n, 28, 28) or (n, 784)",
            remedy="give one row an image; for a single image, image[np.newaxis]",
        )
    if len(array) == 0:
        raise DataError("no images", where=where, expected="at least one")
    images = array.reshape(-1, 28, 28)
    if images.dtype == np.uint8:
        return np.ascontiguousarray(images, np.uint8)
    if np.issubdtype(images.dtype, np.floating) and images.max() <= 1:
        raise DataError(
            "floating-point images with no value above 1: they look divided already",
            where=where,
            expected="0 to 255",
            remedy="give the 0–255 image; the network divides by itself",
        )
    return _as_uint8(images, where, low=0, high=255, what="pixel value")


def as_labels(array: NDArray[np.generic], where: str) -> Labels:
    """Check that an array holds labels, and give it as ``uint8`` of shape ``(n,)``.

    Raises
    ------
    DataError
        If it is not one-dimensional, or has a value that is no whole number from 0 to 9.
    """
    if array.ndim != 1:
        raise DataError(
            f"labels of shape {array.shape}",
            where=where,
            expected="(n,), one whole number from 0 to 9 an image",
            remedy="turn one-hot rows back with labels.argmax(axis=1)",
        )
    return _as_uint8(array, where, low=0, high=9, what="label")


def as_split(images: NDArray[np.generic], labels: NDArray[np.generic] | None, where: str) -> Split:
    """Check images and, unless they are to be predicted, their labels: as many of each."""
    if labels is not None and len(images) != len(labels):
        raise DataError(
            f"{len(images):,} images but {len(labels):,} labels",
            where=where,
            expected="one label an image",
        )
    return Split(as_images(images, where), None if labels is None else as_labels(labels, where))


def as_splits(
    arrays: Mapping[str, NDArray[np.generic]],
    where: str,
    names: Mapping[str, str] = KERAS_NAMES,
) -> tuple[Split | None, Split | None]:
    """Put the arrays of one source together as its train and test splits.

    Parameters
    ----------
    arrays
        Any of ``x_train``, ``y_train``, ``x_test``, ``y_test``. Test images may be without
        labels; so may training images, if there are no labels at all.
    where
        The source, for messages.
    names
        What the source calls each array, for messages.

    Raises
    ------
    DataError
        If an array is missing that the others call for, or one is not as `as_split` wants it.
    """
    wanted = [f"x_{name[2:]}" for name in arrays if name.startswith("y_")]
    if "y_test" in arrays and "x_train" in arrays:
        wanted.append("y_train")
    missing = [names[name] for name in wanted if name not in arrays]
    if missing or not arrays:
        raise DataError(
            f"no {missing[0]}" if missing else "no images",
            where=where,
            expected=", ".join(names.values()),
        )
    train, test = (
        as_split(arrays[f"x_{part}"], arrays.get(f"y_{part}"), f"{where}, {part} split")
        if f"x_{part}" in arrays
        else None
        for part in ("train", "test")
    )
    return train, test


def _as_uint8(
    array: NDArray[np.generic], where: str, *, low: int, high: int, what: str
) -> NDArray[np.uint8]:
    if not np.issubdtype(array.dtype, np.number) or np.issubdtype(array.dtype, np.complexfloating):
        raise DataError(
            f"dtype {array.dtype}", where=where, expected=f"whole numbers from {low} to {high}"
        )
    numbers: NDArray[Any] = array
    # Written so that NaN, for which every comparison is false, counts as wrong too.
    wrong = ~((numbers >= low) & (numbers <= high) & (numbers == np.floor(numbers)))
    if wrong.any():
        position = np.argwhere(wrong)[0]
        index = int(position[0])
        raise DataError(
            f"{array[tuple(position)]} is no {what}",
            where=f"{where}, item {index}",
            expected=f"a whole number from {low} to {high}",
        )
    return np.ascontiguousarray(array.astype(np.uint8))
