"""The `Dataset` record, and the checks that the arrays of every source must pass.

Knows nothing of files or formats.
"""

import dataclasses
import hashlib
import math
import shlex
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple, Self, cast

import numpy as np
from numpy.typing import NDArray

from mnistry.errors import DataError
from mnistry.images.levels import LUMA, MAX_4_BIT

Images = NDArray[np.uint8]
Labels = NDArray[np.uint8]

DIGITS = tuple("0123456789")
CLASSES = len(DIGITS)
MAX_ARRAY_BYTES = 2**30  # for one array of a file
KERAS_NAMES = ("x_train", "y_train", "x_test", "y_test")


class Split(NamedTuple):
    """Images and, if the source has them, their labels.

    Attributes
    ----------
    images
        ``uint8``, shape ``(n, 28, 28)``, 0 for paper to 255 for ink.
    labels
        ``uint8``, shape ``(n,)``, from 0, less than the number of classes; or None.
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
    images, labels
        The names of the arrays or columns that hold images and labels, in a file whose own names
        do not show it.
    relabel
        Labels to change before classes are counted, each as ``"10=0"``.
    labels_from
        The label of the first class, after `relabel`: 1 if labels are counted from 1.
    fit
        Whether each image is brought to MNIST's form, as `mnistry.Reader` does.
    """

    data: str | None = None
    transpose: bool = False
    images: str | None = None
    labels: str | None = None
    relabel: tuple[str, ...] = ()
    labels_from: int = 0
    fit: bool = False

    def at(self, data: str | None) -> Self:
        """Return the same arguments for other data."""
        return dataclasses.replace(self, data=data)

    def typed(self) -> str:
        """Return all arguments but the data as command-line options.

        Examples
        --------
        >>> Origin("digits.npz", relabel=("10=0",), fit=True).typed()
        '--relabel 10=0 --fit'
        """
        options: list[str] = []
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name == "data" or value == field.default:
                continue
            option = "--" + field.name.replace("_", "-")
            values = value if isinstance(value, tuple) else (value,)
            options += [
                option if one is True else f"{option} {shlex.quote(str(one))}" for one in values
            ]
        return " ".join(options)

    def to_json(self) -> dict[str, Any]:
        """Return ``data``, ``transpose``, and each other argument that is not its default."""
        return {
            field.name: value
            for field in dataclasses.fields(self)
            if (value := getattr(self, field.name)) != field.default
            or field.name in ("data", "transpose")
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_json` returned.

        Examples
        --------
        >>> origin = Origin("digits.npz", relabel=("10=0",))
        >>> Origin.from_json(origin.to_json()) == origin
        True
        """
        return cls(**{**value, "relabel": tuple(value.get("relabel", ()))})


AS_IS = Origin()


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
    validation
        The source's own images to watch a training with, or None.
    classes
        The name of each class, in the order of the labels.
    notices
        What the user should know: a fallback, a probable mistake, skipped files.
    failures
        One line for each item that could not be read.
    origin
        How to load it again; a path is absolute.
    extra
        What else the source says of each image, by split and name, as
        ``extra["test"]["writer"]``: arrays of length n.
    test_files
        The name of each test image's file, where each has its own.
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
    validation: Split | None = None
    extra: Mapping[str, Mapping[str, NDArray[Any]]] = dataclasses.field(default_factory=dict)
    test_files: tuple[str, ...] = ()

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
        """Return each array by its Keras name: ``x_train``, ``y_train``, ``x_test``, ``y_test``.

        Validation images, if there are any, come last.
        """
        found: dict[str, NDArray[np.uint8]] = {}
        for split_name, split in self.splits().items():
            found[f"x_{split_name}"] = split.images
            if split.labels is not None:
                found[f"y_{split_name}"] = split.labels
        return found

    def splits(self) -> dict[str, Split]:
        """Return the splits that there are: train, test, validation."""
        named = {"train": self.train, "test": self.test, "validation": self.validation}
        return {name: split for name, split in named.items() if split is not None}


def as_images(array: NDArray[np.generic], where: str) -> Images:
    """Check that an array holds images, and return it as ``uint8`` of shape ``(n, 28, 28)``.

    Parameters
    ----------
    array
        Whole numbers from 0 to 255 of any numeric dtype, or booleans, true for ink. Of shape
        ``(n, 28, 28)`` or ``(n, 784)``; or with one or three channels, first or last; or with
        the images along the last axis, as MATLAB keeps them. Colours become their luma.
    where
        The file or argument that it came from, for the message.

    Raises
    ------
    DataError
        If it has another shape, or a value that is not a whole number from 0 to 255. An array
        whose floats reach no higher than 1, or whose integers reach no higher than 15, is refused:
        our networks divide by 255 themselves, and would see an almost blank image.

    Examples
    --------
    >>> as_images(np.zeros((2, 784), np.int64), "zeros").shape
    (2, 28, 28)
    >>> as_images(np.ones((3, 1, 28, 28), bool), "ones").max()
    np.uint8(255)
    """
    images = as_stack(array)
    if images is None or images.shape[1:3] != (28, 28):
        raise DataError(
            f"images of shape {array.shape}",
            where=where,
            expected="(n, 28, 28) or (n, 784)",
            remedy="leave the fourth channel out: images[..., :3], or images[:, :3] if it is first"
            if array.ndim == 4 and 4 in (array.shape[1], array.shape[3])
            else "give one row per image; for a single image, image[np.newaxis]"
            if images is None
            else "--fit brings each to MNIST's form",
        )
    if len(images) == 0:
        raise DataError("no images", where=where, expected="at least one")
    if images.dtype == np.bool_:
        images = images.astype(np.uint8) * np.uint8(255)
    check_range(images, where)
    if images.ndim == 4:
        images = as_grey(images)
    if images.dtype == np.uint8:
        return np.ascontiguousarray(images.reshape(-1, 28, 28), np.uint8)
    return _as_uint8(images, where, low=0, high=255, what="pixel value")


def as_stack(array: NDArray[np.generic]) -> NDArray[np.generic] | None:
    """Bring an array's axes into order: ``(n, height, width)``, or with three channels last.

    Returns
    -------
    ndarray or None
        A view; None if the shape is not that of several images.

    Examples
    --------
    >>> for shape in ((784, 5), (28, 28, 5), (5, 3, 28, 28), (32, 32, 3, 5), (5, 256)):
    ...     as_stack(np.zeros(shape)).shape
    (5, 28, 28)
    (5, 28, 28)
    (5, 28, 28, 3)
    (5, 32, 32, 3)
    (5, 16, 16)
    """
    if array.ndim == 2:
        rows, columns = array.shape
        if columns != 784 and rows == 784:  # MATLAB's (784, n), each image with its rows in order
            array, columns = array.T, rows
        side = math.isqrt(columns)
        return array.reshape(-1, side, side) if side * side == columns and side > 1 else None
    if array.ndim == 3:
        if array.shape[1:] != (28, 28) and array.shape[:2] == (28, 28) and array.shape[2] > 4:
            return array.transpose(2, 0, 1)
        return array if min(array.shape[1:]) > 4 else None
    if array.ndim == 4:
        if array.shape[2] in (1, 3) and array.shape[0] == array.shape[1] > 4:  # (h, w, c, n)
            array = array.transpose(3, 0, 1, 2)
        elif array.shape[1] in (1, 3) and min(array.shape[2:]) > 4:  # (n, c, h, w)
            array = array.transpose(0, 2, 3, 1)
        if array.shape[3] == 1:
            return array.reshape(array.shape[:3])
        if array.shape[3] == 3:
            return array
    return None


def as_grey(images: NDArray[np.generic]) -> NDArray[np.generic]:
    """Turn colours into grey: one channel if the three are alike, else the luma, rounded."""
    colours: NDArray[Any] = images
    if (colours[..., :1] == colours).all():
        return np.ascontiguousarray(colours[..., 0])
    return np.asarray(np.rint(colours @ LUMA), images.dtype)


# The greatest numbers of 10, 12 and 16 bits.
_WHITES = (1023, 4095, 65535)


def check_range(images: NDArray[np.generic], where: str) -> None:
    """Raise `DataError` if numbers look scaled to another range than 0 to 255."""
    if not np.issubdtype(images.dtype, np.number):
        return
    numbers: NDArray[Any] = images
    highest, lowest = numbers.max(), numbers.min()
    inside = "; the network divides by 255 itself"
    if np.issubdtype(images.dtype, np.floating) and highest <= 1:
        signed = bool(lowest < 0)
        raise DataError(
            "floating-point images from -1 to 1"
            if signed
            else "floating-point images with no value above 1: they look divided by 255 already",
            where=where,
            expected="0 to 255",
            remedy="give the 0–255 image, "
            + ("np.rint(127.5 * (images + 1))" if signed else "np.rint(255.0 * images)")
            + inside,
        )
    if 0 < highest <= MAX_4_BIT and lowest >= 0:
        raise DataError(
            f"the pixels reach no higher than {highest}",
            where=where,
            expected="0 for paper to 255 for ink",
            remedy=f"give the 0–255 image, np.rint(255 / {highest} * images){inside}",
        )
    if images.dtype == np.uint16 and highest > 255:
        white = next(most for most in _WHITES if highest <= most)
        raise DataError(
            f"pixels of 16 bits, up to {highest}",
            where=where,
            expected="0 to 255",
            remedy=f"give the 0–255 image, np.rint(images / {white / 255:g})",
        )


def as_labels(array: NDArray[np.generic], where: str, classes: int = 10) -> Labels:
    """Check that an array holds labels, and return it as ``uint8`` of shape ``(n,)``.

    Parameters
    ----------
    array
        Whole numbers from 0 to ``classes - 1``, of shape ``(n,)`` or ``(n, 1)``; or one-hot rows.
    where
        The file or argument that it came from, for the message.
    classes
        How many there are.

    Raises
    ------
    DataError
        If it has another shape, or a value that is not a whole number in the range.

    Examples
    --------
    >>> as_labels(np.array([[3.0], [9.0]]), "a column"), as_labels(np.eye(3), "one-hot rows")
    (array([3, 9], dtype=uint8), array([0, 1, 2], dtype=uint8))
    """
    flat = as_vector(array)
    if flat is None:
        raise DataError(
            f"labels of shape {array.shape}",
            where=where,
            expected=f"(n,), one whole number from 0 to {classes - 1} per image",
            remedy="or one-hot rows, with one 1 in each",
        )
    return _as_uint8(flat, where, low=0, high=classes - 1, what="label")


def as_vector(array: NDArray[np.generic]) -> NDArray[np.generic] | None:
    """Return labels, also of a column, a row or one-hot rows, as ``(n,)``; else None."""
    if array.ndim == 1:
        return array
    if array.ndim != 2:
        return None
    if 1 in array.shape:
        return array.reshape(-1)
    rows: NDArray[Any] = array
    if array.dtype.kind not in "biuf" or not (
        ((rows == 0) | (rows == 1)).all() and (rows.sum(axis=1) == 1).all()
    ):
        return None
    return np.asarray(rows.argmax(axis=1))


def as_split(
    images: NDArray[np.generic],
    labels: NDArray[np.generic] | None,
    where: str,
    classes: int = 10,
) -> Split:
    """Check images and, if there are any, labels.

    Raises
    ------
    DataError
        If `as_images` or `as_labels` refuses them, or there are not as many labels as images.
    """
    known = None if labels is None else as_labels(labels, where, classes)
    checked = as_images(images, where)
    if known is not None and len(checked) != len(known):
        what = f"{len(checked):,} images but {len(known):,} labels"
        raise DataError(what, where=where, expected="one label per image")
    return Split(checked, known)


def given_split(images: Any, labels: Any, where: str, classes: int = 10) -> Split:
    """Check images and labels that a program passes as arrays, lists or pandas tables.

    Raises
    ------
    DataError
        If they are something else, or `as_split` refuses them.
    """
    pixels, known = _given(images, where), _given(labels, where)
    if pixels.shape in ((28, 28), (784,)):
        raise DataError(
            f"a single image, of shape {pixels.shape}",
            where=where,
            expected="several, of shape (n, 28, 28)",
            remedy="give image[np.newaxis] and [label]",
        )
    if pixels.ndim == 2 and pixels.shape[1] == 785:
        raise DataError(
            "785 columns, one more than an image has pixels",
            where=where,
            expected="784",
            remedy='leave the labels out: table.drop(columns="label")',
        )
    return as_split(pixels, known, where, classes)


def _given(value: Any, where: str) -> NDArray[Any]:
    """Return a program's argument as an array."""
    if isinstance(value, Split | Dataset):
        raise DataError(
            f"a {type(value).__name__}",
            where=where,
            expected="two arrays: images and labels",
            remedy="(images, labels), test = mnistry.load(…)",
        )
    try:
        array = np.asarray(value)
    except ValueError as error:  # parts of different shapes
        raise DataError(
            "images of different shapes" if isinstance(value, list | tuple) else str(error),
            where=where,
            expected="one shape, (28, 28), for all",
        ) from error
    if array.dtype.kind not in "biuf":
        raise DataError(
            f"{type(value).__name__} of {array.dtype}",
            where=where,
            expected="numbers: images of 0 to 255, and labels from 0",
        )
    return array


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
