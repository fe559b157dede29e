"""IDX files, raw or gzipped: the format that MNIST, Fashion-MNIST and EMNIST are published in.

Knows nothing of which dataset they hold. Memory is allocated only for a size that the file can
hold.

Source of the format: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten
digits", section "File formats".
"""

import itertools
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistry.datasets import decompress, names
from mnistry.datasets.assemble import Source, assemble
from mnistry.datasets.dataset import AS_IS, MAX_ARRAY_BYTES, Dataset, Origin
from mnistry.errors import DataError

UNSIGNED_BYTE, INTEGER = 0x08, 0x0C
_TYPES: dict[int, np.dtype[Any]] = {UNSIGNED_BYTE: np.dtype(np.uint8), INTEGER: np.dtype(">i4")}

# "train-images-idx3-ubyte.gz", also "train-images.idx3-ubyte", and the prefixes of EMNIST's and
# QMNIST's files.
FILE_NAME = re.compile(
    r"(?P<prefix>(?:[a-z0-9]+-){0,3}?)(?P<part>train|t10k|test)-(?P<kind>images|labels)"
    r"[-.]idx[123]-(?:ubyte|int)(?:\.idx)?(?:\.gz)?"
)
ORIGINAL_NAMES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
NDIM = {"x": 3, "y": 1}
# Yadav, Bottou, "Cold Case: The Lost MNIST Digits", 2019: the columns of QMNIST's labels.
QMNIST_COLUMNS = (
    "digit", "series", "writer", "index_of_writer", "nist_class", "nist_index", "duplicate",
    "unused",
)  # fmt: skip

SWAPPED = "EMNIST's files have the rows and columns of each image swapped: they were swapped back"


def has_files(folder: Path) -> bool:
    """Return whether a folder holds files with the names of IDX files."""
    return bool(_files(folder))


def read(path: Path, how: Origin = AS_IS) -> Dataset:
    """Read a folder of IDX files; see `source`."""
    return assemble(source(path), how)


def source(path: Path, _how: Origin = AS_IS) -> Source:
    """Read a folder of IDX files, named as MNIST's four files are, raw or gzipped.

    One split is enough, and labels may be missing. Of a raw and a gzipped file of the same name,
    the raw one is read. EMNIST's and QMNIST's names are known too. Given one of the files, those
    that belong to it are read.

    Raises
    ------
    DataError
        If a file is damaged, or the folder holds more than one set of files.
    """
    folder = path if path.is_dir() else path.parent
    found = _files(folder)
    if folder != path:
        match = FILE_NAME.fullmatch(path.name)
        if match is None:
            return Source(path, {"x_test": read_array(path, 3)})
        found = {key: file for key, file in found.items() if key[0] == match["prefix"]}
    prefixes = sorted({prefix for prefix, _ in found})
    if len(prefixes) > 1:
        raise DataError(
            f"files of {len(prefixes)} datasets: {', '.join(p or 'train-…' for p in prefixes)}",
            where=folder,
            expected="the files of one dataset",
            remedy=f"give one of its files: {next(iter(found.values()))}",
        )
    arrays: dict[str, NDArray[Any]] = {}
    extra = {}
    for (_, name), file in found.items():
        arrays[name], others = _labels(file) if name[0] == "y" else (read_array(file, 3), {})
        if others:
            extra[name[2:]] = others
    prefix = prefixes[0] if prefixes else ""
    classes = names.classes_of(folder)
    notices: tuple[str, ...] = ()
    emnist = prefix.startswith("emnist-")
    if emnist:
        kind = prefix.split("-")[1]
        classes, notices = names.EMNIST.get(kind, classes), (SWAPPED,)
        for name, array in arrays.items():
            if name[0] == "x":
                arrays[name] = array.swapaxes(1, 2)
            elif kind == "letters":  # from 1
                arrays[name] = array.astype(int) - 1
    return Source(
        path, arrays, ORIGINAL_NAMES, classes, upright=emnist, notices=notices, extra=extra
    )


def _labels(path: Path) -> tuple[NDArray[Any], dict[str, NDArray[Any]]]:
    """Read a file of labels: one byte each, or QMNIST's rows of eight integers."""
    head = next(decompress.pieces(path), b"")[:4]
    if head != bytes([0, 0, INTEGER, 2]):
        return read_array(path, 1), {}
    rows = read_array(path, 2, INTEGER)
    if not rows.size:
        raise DataError("no labels", where=path, expected="rows of eight integers")
    columns = dict(zip(QMNIST_COLUMNS, rows.T, strict=False))
    columns.pop("unused", None)
    labels = columns.pop("digit", rows[:, 0])
    return labels, columns


def read_array(path: Path, ndim: int, kind: int = UNSIGNED_BYTE) -> NDArray[Any]:
    """Read one IDX file of unsigned bytes, or of integers of four bytes.

    Parameters
    ----------
    path
        The file; its first bytes tell whether it is gzipped.
    ndim
        Number of axes: 3 for images, 1 for labels.
    kind
        The type's code: `UNSIGNED_BYTE` or `INTEGER`.

    Raises
    ------
    DataError
        If the header is wrong, or does not announce the number of bytes in the file; the message
        gives the byte offset.
    """
    size = path.stat().st_size
    if size == 0:
        raise DataError("the file is empty", where=path, expected="an IDX file")
    with path.open("rb") as file:
        zipped = file.read(2) == decompress.GZIP_MAGIC
        file.seek(0)
        chunks = decompress.inflate(file, path) if zipped else decompress.raw_pieces(file)
        start = 4 + 4 * ndim
        head = b""
        while len(head) < start and (chunk := next(chunks, b"")):
            head += chunk
        shape = _shape(head[:start], ndim, kind, path)
        count = math.prod(shape) * _TYPES[kind].itemsize
        if start + count > (size * decompress.MAX_RATIO if zipped else size):
            raise _wrong_length(path, shape, start, "the file cannot hold that many")
        if count > MAX_ARRAY_BYTES:
            raise _wrong_length(path, shape, start, f"at most {MAX_ARRAY_BYTES:,} are allowed")
        array = np.empty(count, np.uint8)
        found = decompress.fill(array, itertools.chain([head[start:]], chunks))
        if found != count:
            fact = "more follow" if found > count else f"only {found:,} follow"
            raise _wrong_length(path, shape, start, fact)
        return np.asarray(array.view(_TYPES[kind]).reshape(shape))


def _files(folder: Path) -> dict[tuple[str, str], Path]:
    """Find the IDX files in a folder, by prefix and Keras's name of the array."""
    found: dict[tuple[str, str], Path] = {}
    # In reverse order, so that "name" replaces "name.gz".
    for path in sorted(folder.iterdir(), reverse=True):
        match = FILE_NAME.fullmatch(path.name)
        if match and path.is_file():
            axis = "x" if match["kind"] == "images" else "y"
            part = "train" if match["part"] == "train" else "test"
            found[match["prefix"], f"{axis}_{part}"] = path
    return found


def _shape(head: bytes, ndim: int, kind: int, path: Path) -> tuple[int, ...]:
    expected = bytes([0, 0, kind, ndim])
    if head[:4] != expected:
        web_page = " (a web page?)" if head.lstrip()[:1] == b"<" else ""
        raise DataError(
            f"magic number {head[:4].hex() or 'missing'} at byte 0{web_page}",
            where=path,
            expected=f"{expected.hex()}, an IDX file of {'images' if ndim == 3 else 'labels'}",
        )
    if len(head) < 4 + 4 * ndim:
        raise DataError(
            f"it ends at byte {len(head)}", where=path, expected=f"a header of {4 + 4 * ndim} bytes"
        )
    return tuple(int(n) for n in np.frombuffer(head, ">u4", offset=4))


def _wrong_length(path: Path, shape: tuple[int, ...], start: int, fact: str) -> DataError:
    return DataError(
        f"it announces {' x '.join(map(str, shape))} = {math.prod(shape):,} bytes from byte "
        f"{start}, but {fact}",
        where=path,
    )
