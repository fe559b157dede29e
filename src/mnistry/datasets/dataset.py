"""The `Dataset` record, and the checks that the arrays of every source must pass.

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
MAX_ARRAY_BYTES = 2**30  # for one array of a file
KERAS_NAMES = {name: name for name in ("x_train", "y_train", "x_test", "y_test")}


class Split(NamedTuple):
    """Images and, if the source has them, their labels.

    Attributes
    ----------
    images
        ``uint8``, shape ``(n, 28, 28)``, 0 for paper to 255 for ink.
    labels
        ``uint8``, shape ``(n,)``, 0 to 9; or None.
    """

    images: Images
    labels: Labels | None


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where a dataset comes from: the arguments of `mnistry.load`.

    Attributes
    ----------
    data
        A name or a path. None is the default dataset, or a dataset that was made in memory.
    transpose
        Whether the rows and columns of each image are swapped.
    """

    data: str | None = None
    transpose: bool = False


@dataclasses.dataclass(frozen=True, eq=False)  # comparing arrays gives no single truth value
class Dataset:
    """Handwritten digits, or other images of their shape, and where they came from.

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
        The splits; None for a split that the source lacks.
    classes
        The name of each class, in the order of the labels.
    notices
        What the user should know: a fallback, a probable mistake, skipped files.
    failures
        One line for each item that could not be read.
    origin
        How to load it again; a path is absolute.
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
        # Typed as Keras's loaders are, so that a first program passes a type checker. The types of
        # `train` and `test` say that a split or its labels may be missing.
        return iter(cast("tuple[tuple[Images, Labels], ...]", (self.train, self.test)))

    @cached_property
    def digests(self) -> dict[str, str]:
        """SHA-256 of each array's bytes in C order, by the array's Keras name."""
        return {
            name: hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()
            for name, array in self.arrays().items()
        }

    def arrays(self) -> dict[str, NDArray[np.uint8]]:
        """Return each array by its Keras name: ``x_train``, ``y_train``, ``x_test``, ``y_test``."""
        found: dict[str, NDArray[np.uint8]] = {}
        for split_name, split in (("train", self.train), ("test", self.test)):
            if split is not None:
                found[f"x_{split_name}"] = split.images
                if split.labels is not None:
                    found[f"y_{split_name}"] = split.labels
        return found


def as_images(array: NDArray[np.generic], where: str) -> Images:
    """Check that an array holds images, and return it as ``uint8`` of shape ``(n, 28, 28)``.

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
        If it has another shape, or a value that is not a whole number from 0 to 255. A
        floating-point array with no value above 1 is refused: our networks divide by 255
        themselves, and would see an almost blank image.

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
            remedy="give one row per image; for a single image, image[np.newaxis]",
        )
    if len(array) == 0:
        raise DataError("no images", where=where, expected="at least one")
    images = array.reshape(-1, 28, 28)
    if images.dtype == np.uint8:
        return np.ascontiguousarray(images, np.uint8)
    if np.issubdtype(images.dtype, np.floating) and images.max() <= 1:
        raise DataError(
            "floating-point images with no value above 1: they look divided by 255 already",
            where=where,
            expected="0 to 255",
            remedy="give the 0–255 image; the network divides by 255 itself",
        )
    return _as_uint8(images, where, low=0, high=255, what="pixel value")


def as_labels(array: NDArray[np.generic], where: str) -> Labels:
    """Check that an array holds labels, and return it as ``uint8`` of shape ``(n,)``.

    Raises
    ------
    DataError
        If it is not one-dimensional, or has a value that is not a whole number from 0 to 9.
    """
    if array.ndim != 1:
        raise DataError(
            f"labels of shape {array.shape}",
            where=where,
            expected="(n,), one whole number from 0 to 9 per image",
            remedy="if the labels are one-hot rows, give labels.argmax(axis=1)",
        )
    return _as_uint8(array, where, low=0, high=9, what="label")


def as_split(images: NDArray[np.generic], labels: NDArray[np.generic] | None, where: str) -> Split:
    """Check images and, if there are any, labels; there must be as many of each."""
    if labels is not None and len(images) != len(labels):
        what = f"{len(images):,} images but {len(labels):,} labels"
        raise DataError(what, where=where, expected="one label per image")
    return Split(as_images(images, where), None if labels is None else as_labels(labels, where))


def as_splits(
    arrays: Mapping[str, NDArray[np.generic]], where: str, names: Mapping[str, str] = KERAS_NAMES
) -> tuple[Split | None, Split | None]:
    """Make the train and test splits from the arrays of one source.

    Parameters
    ----------
    arrays
        Any of ``x_train``, ``y_train``, ``x_test``, ``y_test``. Test images may lack labels;
        training images may lack them only if there are no labels at all.
    where
        The source, for messages.
    names
        The source's name of each array, for messages.

    Raises
    ------
    DataError
        If a necessary array is missing, or `as_split` refuses one.
    """
    wanted = [f"x_{name[2:]}" for name in arrays if name.startswith("y_")]
    if "y_test" in arrays and "x_train" in arrays:
        wanted.append("y_train")
    missing = [names[name] for name in wanted if name not in arrays]
    if missing or not arrays:
        what = f"no {missing[0]}" if missing else "no images"
        raise DataError(what, where=where, expected=", ".join(names.values()))
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
    # Every comparison with NaN is false, so NaN counts as wrong too.
    wrong = ~((numbers >= low) & (numbers <= high) & (numbers == np.floor(numbers)))
    if wrong.any():
        position = np.argwhere(wrong)[0]
        raise DataError(
            f"{array[tuple(position)]} is not a {what}",
            where=f"{where}, item {position[0]}",
            expected=f"a whole number from {low} to {high}",
        )
    return np.ascontiguousarray(array.astype(np.uint8))
