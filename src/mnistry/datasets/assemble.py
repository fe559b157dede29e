"""Make a dataset of a source's arrays: the one place that checks shapes, labels and classes.

Knows nothing of file formats. Nothing is guessed silently: data that could mean two things raise an
error that names both remedies.
"""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistry.datasets import fit
from mnistry.datasets.dataset import (
    DIGITS,
    Dataset,
    Images,
    Labels,
    Origin,
    Split,
    as_images,
    as_labels,
    as_stack,
    as_vector,
    check_range,
)
from mnistry.datasets.names import SPELLED
from mnistry.errors import DataError, UsageError
from mnistry.inference.model_bytes import MAX_CLASSES

PARTS = ("train", "test", "validation")
_CERTAINLY_MORE = 1000  # a larger value shows another scale, not one wrong pixel
_LETTERS = 3  # with as many different letters among the labels, all are taken as intended
_LONGEST = 60  # characters of a class's name


@dataclasses.dataclass(frozen=True)
class Source:
    """The arrays of a source, as they are in its files.

    Attributes
    ----------
    path
        The file or folder.
    arrays
        By Keras's names: ``x_train``, ``y_train``, ``x_test``, …, ``y_validation``.
    names
        The source's own names for arrays, by Keras's names; for messages.
    classes
        The classes' names if the format states them, else None.
    upright
        Whether the format itself says that rows and columns are swapped, and the reader has swapped
        them back: `Origin.transpose` then changes nothing.
    place
        Says where an item of an array lies, as ``"digits.csv, row 7, column label"``; None if the
        array's name and the item's index say it.
    name, licence, notices, failures, extra, test_files
        As in `Dataset`; if the name is None, the last part of the path is used.
    """

    path: Path
    arrays: Mapping[str, NDArray[Any]]
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)
    classes: tuple[str, ...] | None = None
    upright: bool = False
    place: Callable[[str, int], str] | None = None
    name: str | None = None
    licence: str = "not stated"
    notices: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    extra: Mapping[str, Mapping[str, NDArray[Any]]] = dataclasses.field(default_factory=dict)
    test_files: tuple[str, ...] = ()

    def own_name(self, array: str) -> str:
        """Return the source's name of an array."""
        return self.names.get(array, array)

    def where(self, array: str, index: int | None = None) -> str:
        """Return where an array, or one item of it, lies."""
        if index is not None and self.place is not None:
            return self.place(array, index)
        part = f"{self.path}, {array[2:]} split"
        return part if index is None else f"{part}, item {index}"


def assemble(source: Source, how: Origin) -> Dataset:
    """Check a source's arrays and labels, and make a dataset of them.

    Test images may lack labels; training images may lack them only if there are no labels at all.

    Raises
    ------
    DataError
        If a necessary array is missing, an array has a shape or value that cannot be used, or the
        classes are unclear.
    UsageError
        If an option cannot be applied.

    Examples
    --------
    >>> arrays = {"x_train": np.full((3, 784), 99), "y_train": np.array([["7"], ["7"], ["10"]])}
    >>> dataset = assemble(Source(Path("my.npz"), arrays), Origin(relabel=("10=0",)))
    >>> dataset.train.labels, dataset.train.images.shape
    (array([7, 7, 0], dtype=uint8), (3, 28, 28))
    """
    arrays = source.arrays
    _check_complete(source)
    labels, classes = _labels(source, how)
    splits: dict[str, Split] = {}
    for part in PARTS:
        if f"x_{part}" not in arrays:
            continue
        known = labels.get(f"y_{part}")
        images = _images(arrays[f"x_{part}"], source.where(f"x_{part}"), how)
        if known is not None and len(images) != len(known):
            raise DataError(
                f"{len(images):,} images but {len(known):,} labels",
                where=source.where(f"x_{part}"),
                expected="one label per image",
            )
        if how.transpose and not source.upright:
            images = np.ascontiguousarray(images.swapaxes(1, 2))
        splits[part] = Split(images, known)
    return Dataset(
        source.name or source.path.resolve().name or str(source.path),
        str(source.path),
        source.licence,
        splits.get("train"),
        splits.get("test"),
        classes,
        source.notices,
        source.failures,
        validation=splits.get("validation"),
        extra=source.extra,
        test_files=source.test_files,
    )


def merged(path: Path, sources: Mapping[str, Source]) -> Source:
    """Combine sources of one split each into one source.

    Parameters
    ----------
    path
        The folder that holds them.
    sources
        The source of each split, by the split's name.

    Raises
    ------
    DataError
        If a file holds several splits itself.
    """
    arrays: dict[str, NDArray[Any]] = {}
    own_names: dict[str, str] = {}
    own_splits: dict[str, str] = {}  # the split that each source takes itself for
    extra: dict[str, Mapping[str, NDArray[Any]]] = {}
    for part, source in sources.items():
        splits = {name[2:] for name in source.arrays}
        if len(splits) != 1:
            raise DataError(
                f"it holds {' and '.join(sorted(splits))}",
                where=source.path,
                expected=f"the {part} split alone, as its name says",
                remedy=f"give this file alone: {source.path}",
            )
        (split,) = splits
        arrays |= {f"{name[:2]}{part}": array for name, array in source.arrays.items()}
        own_names |= {f"{name[:2]}{part}": source.own_name(name) for name in source.arrays}
        if split in source.extra:
            extra[part] = source.extra[split]
        own_splits[part] = split

    def place(array: str, index: int) -> str:
        part = array[2:]
        return sources[part].where(f"{array[:2]}{own_splits[part]}", index)

    several = list(sources.values())
    return Source(
        path,
        arrays,
        own_names,
        next((source.classes for source in several if source.classes is not None), None),
        upright=all(source.upright for source in several),
        place=place,
        notices=tuple(dict.fromkeys(n for source in several for n in source.notices)),
        failures=tuple(failure for source in several for failure in source.failures),
        extra=extra,
    )


def _check_complete(source: Source) -> None:
    arrays = source.arrays
    wanted = [f"x_{name[2:]}" for name in arrays if name.startswith("y_")]
    if wanted:
        wanted += [f"y_{part}" for part in ("train", "validation") if f"x_{part}" in arrays]
    missing = [source.own_name(name) for name in wanted if name not in arrays]
    if missing or not arrays:
        what = f"no {missing[0]}" if missing else "no images"
        known = [source.own_name(f"{axis}_{part}") for part in PARTS[:2] for axis in "xy"]
        raise DataError(what, where=source.path, expected=", ".join(known))


def _images(array: NDArray[Any], where: str, how: Origin) -> Images:
    if how.fit:
        stack = as_stack(array)
        if stack is not None and (stack.shape[1:3] != (28, 28) or _is_scaled(stack)):
            return fit.fit_stack(stack, where)
    try:
        images = as_images(array, where)
    except DataError as error:
        if _is_scaled(array) and "--fit" not in (error.remedy or ""):
            ours = "--fit scales and centres each"
            error.remedy = ours if error.remedy is None else f"{error.remedy}; or {ours}"
        raise
    if images.min() == images.max() and images.max() in (0, 255):
        raise DataError(
            f"every pixel is {images.max()}: all {len(images):,} images are blank",
            where=where,
            expected="0 for paper to 255 for ink",
            remedy="look at the source; white ink on transparent or white paper cannot be seen",
        )
    return images


def _is_scaled(array: NDArray[Any]) -> bool:
    """Return whether `as_images` refuses the numbers, because their range is not 0 to 255."""
    if array.dtype.kind not in "iuf" or not array.size:
        return False
    if array.min() < 0 or array.max() > _CERTAINLY_MORE:
        return True
    try:
        check_range(array, "")
    except DataError:
        return True
    return False


def _labels(source: Source, how: Origin) -> tuple[dict[str, Labels], tuple[str, ...]]:
    """Return labels from 0, and the name of each class."""
    found = {name: array for name, array in source.arrays.items() if name.startswith("y_")}
    if not found:
        if how.relabel or how.labels_from:
            raise UsageError("there are no labels to change", where=source.path)
        return {}, source.classes or DIGITS
    vectors: dict[str, NDArray[Any]] = {}
    for name, array in found.items():
        flat = as_vector(np.asarray(array))
        if flat is None:
            as_labels(array, source.where(name))  # raises the error
        vectors[name] = np.asarray(flat)
    texts = {name: _as_texts(array, source, name) for name, array in vectors.items()}
    texts = _relabelled(texts, source, how)
    numbers = {name: _as_numbers(array) for name, array in texts.items()}
    if all(array is not None for array in numbers.values()):
        return _numbered(
            {name: array for name, array in numbers.items() if array is not None}, source, how
        )
    if how.labels_from:
        raise UsageError(
            "--labels-from is for labels that are numbers", where=source.path, remedy="leave it out"
        )
    return _named(texts, source)


def _as_texts(array: NDArray[Any], source: Source, name: str) -> NDArray[Any]:
    """Return whole numbers as int64, and everything else as texts."""
    if array.dtype.kind in "iu" and (not array.size or int(array.max()) < 2**62):
        return array.astype(np.int64)
    if array.dtype.kind == "f":
        wrong = ~(np.isfinite(array) & (array == np.floor(array)) & (abs(array) < 2**53))
        if wrong.any():
            raise _no_label(array[np.argmax(wrong)].item(), source, name, int(np.argmax(wrong)))
        return array.astype(np.int64)
    if array.dtype.kind == "S":
        array = np.char.decode(array, "latin1")
    if array.dtype.kind != "U":
        raise DataError(
            f"labels of dtype {array.dtype}",
            where=source.where(name),
            expected="whole numbers, or names as text",
            remedy="give labels.astype(str)",
        )
    return np.char.strip(array)


def _relabelled(
    texts: dict[str, NDArray[Any]], source: Source, how: Origin
) -> dict[str, NDArray[Any]]:
    """Change the labels that ``--relabel OLD=NEW`` names, all at once."""
    changes: dict[str, str] = {}
    for change in how.relabel:
        old, equals, new = (part.strip() for part in change.partition("="))
        if not old or not equals or not new or _plain(old) in changes:
            raise UsageError(f"--relabel {change}", expected="OLD=NEW, for example 10=0, once")
        changes[_plain(old)] = new
        if how.labels_from and _is_number(_plain(new)) and int(_plain(new)) < how.labels_from:
            raise UsageError(
                f"--relabel {change} and --labels-from {how.labels_from}: labels are changed "
                f"first, and {new} would come before the first class",
                where=source.path,
                remedy="leave one of the two out",
            )
    if not changes:
        return texts
    plain = {
        name: [_plain(text) for text in array.astype(str).tolist()] for name, array in texts.items()
    }
    for old in changes:
        if not any(old in labels for labels in plain.values()):
            raise UsageError(
                f"--relabel {old[:_LONGEST]}={changes[old][:_LONGEST]}: no label is "
                f"{old[:_LONGEST]}",
                where=source.path,
            )
    return {name: np.array([changes.get(t, t) for t in labels]) for name, labels in plain.items()}


def _is_number(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdigit() and len(text) < 10


def _plain(text: str) -> str:
    """Return ``"8"`` for ``"8.0"``, ``"08"`` and ``"+8"``, and other texts unchanged."""
    number = text.removeprefix("+")
    whole, point, rest = number.partition(".")
    if point and rest.strip("0") == "":
        number = whole
    return str(int(number)) if _is_number(number) else text


def _as_numbers(array: NDArray[Any]) -> NDArray[np.int64] | None:
    """Return labels as numbers if each is a number or a digit's name, else None."""
    if array.dtype.kind == "i":
        return array
    values = []
    known: dict[str, int | None] = {}
    for text in array.tolist():
        if text not in known:
            plain = _plain(text)
            spelled = SPELLED.index(text.lower()) if text.lower() in SPELLED else None
            known[text] = int(plain) if _is_number(plain) else spelled
        value = known[text]
        if value is None:
            return None
        values.append(value)
    return np.array(values, np.int64)


def _numbered(
    numbers: dict[str, NDArray[np.int64]], source: Source, how: Origin
) -> tuple[dict[str, Labels], tuple[str, ...]]:
    first = how.labels_from
    numbers = {name: array - first for name, array in numbers.items()}
    classes = _classes(numbers, source, first)
    result = {}
    for name, array in numbers.items():
        wrong = (array < 0) | (array >= len(classes))
        if wrong.any():
            index = int(np.argmax(wrong))
            raise _no_label(int(array[index]) + first, source, name, index, classes, numbers, first)
        result[name] = array.astype(np.uint8)
    return result, classes


def _classes(
    numbers: Mapping[str, NDArray[np.int64]], source: Source, first: int
) -> tuple[str, ...]:
    """Decide on the classes of labels that are numbers, counted from 0."""
    if source.classes is not None:
        return source.classes
    known = numbers.get("y_train", next(iter(numbers.values())))
    values = np.unique(known)
    if not values.size or values[0] < 0:
        return DIGITS
    count = int(values[-1]) + 1
    if 10 < count <= MAX_CLASSES and len(values) == count:
        return tuple(str(number + first) for number in range(count))
    if first and 2 <= count < 10:
        return tuple(str(number + first) for number in range(count))
    return DIGITS


def _no_label(
    value: object,
    source: Source,
    name: str,
    index: int,
    classes: tuple[str, ...] = DIGITS,
    numbers: Mapping[str, NDArray[np.int64]] | None = None,
    first: int = 0,
) -> DataError:
    """Return the error for an invalid label, with the remedies that suit all labels."""
    remedy = None
    if numbers is not None and first:
        remedy = f"leave out --labels-from {first}, or give the first class's label"
    elif numbers is not None and classes == DIGITS:
        together = np.unique(np.concatenate(list(numbers.values())))
        low, high = int(together[0]), int(together[-1])
        if low == 1 and len(together) == high and 2 <= high <= MAX_CLASSES:
            remedy = "if 1 is the first class, give --labels-from 1"
        if high == 10 and low >= 1:
            zero = "if 10 stands for zero, give --relabel 10=0"
            shifted = "if 1 stands for the first class, 0, give --labels-from 1"
            remedy = f"{zero}; {shifted}"
        elif high < MAX_CLASSES and low >= 0 and remedy is None:
            remedy = (
                "more than ten classes need labels from 0 with none left out, or the classes' "
                "names as labels"
            )
    return DataError(
        f"{str(value)[:_LONGEST]} is not a label",
        where=source.where(name, index),
        expected=f"a whole number from {first} to {first + len(classes) - 1}",
        remedy=remedy,
    )


def _named(
    texts: Mapping[str, NDArray[Any]], source: Source
) -> tuple[dict[str, Labels], tuple[str, ...]]:
    """Return labels for classes that have names, in alphabetical order."""
    texts = {name: array.astype(str) for name, array in texts.items()}
    for name, array in texts.items():
        numeric = np.array([_is_number(_plain(text)) for text in array.tolist()], bool)
        # Where numbers and names are mixed, the rarer kind is doubtful. But single characters with
        # several different letters among them are the digits and letters of one alphabet.
        doubtful = numeric if numeric.mean() < 0.5 else ~numeric
        if (np.char.str_len(array) == 1).all() and len(np.unique(array[~numeric])) >= _LETTERS:
            doubtful = array == ""
        if (array == "").any() or (numeric.any() and doubtful.any()):
            index = int(np.argmax(array == "" if (array == "").any() else doubtful))
            raise DataError(
                f"{array[index][:_LONGEST]!r} is not a label",
                where=source.where(name, index),
                expected="a whole number from 0 to 9 for every image, or a name for every image",
            )
    classes = source.classes or tuple(np.unique(np.concatenate(list(texts.values()))).tolist())
    if not 2 <= len(classes) <= MAX_CLASSES or max(map(len, classes)) > _LONGEST:
        shown = ", ".join(repr(name[:20]) for name in classes[:3])
        raise DataError(
            f"{len(classes):,} classes: {shown}" + (", …" if len(classes) > 3 else ""),
            where=source.where(next(iter(texts))),
            expected=f"digits, or 2 to {MAX_CLASSES} classes with names",
        )
    places = {name: place for place, name in enumerate(classes)}
    result = {}
    for name, array in texts.items():
        found = [places.get(text, -1) for text in array.tolist()]
        if -1 in found:
            index = found.index(-1)
            raise DataError(
                f"{array[index][:_LONGEST]!r} is not a class",
                where=source.where(name, index),
                expected=", ".join(classes[:12]) + (", …" if len(classes) > 12 else ""),
            )
        result[name] = np.array(found, np.uint8)
    return result, classes
