"""MATLAB's ``.mat`` files of versions 4 to 7: EMNIST, SVHN, and early copies of MNIST.

Arrays of numbers and structures are read, and nothing else. SciPy's reader is not used, because a
damaged file can crash the whole process in it (SciPy 1.17.1). Files of version 7.3 are HDF5: see
`mnistry.datasets.hdf5`.

Source of the format: The MathWorks, "MAT-File Format", chapter 1, "Level 5 MAT-Files".
"""

import itertools
import math
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistry.datasets import idx, names
from mnistry.datasets.assemble import Source
from mnistry.datasets.dataset import AS_IS, MAX_ARRAY_BYTES, Origin
from mnistry.errors import DataError

_HEADER = 128  # bytes
# Types of the elements of a file of version 5 to 7; those with numbers, as NumPy's types.
_INT8, _INT32, _UINT32, _MATRIX, _COMPRESSED = 1, 5, 6, 14, 15
_TYPES = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8",
}  # fmt: skip
# The types of numbers in a file of version 4.
_TYPES_4 = {0: "f8", 1: "f4", 2: "i4", 3: "i2", 4: "u2", 5: "u1"}
_STRUCTURE, _NUMBERS = 2, range(6, 16)  # MATLAB's classes of arrays: structures, and numbers
_LOGICAL = 0x200  # the flag of an array of true and false
_ARRAY_OF_A_CLASS = re.compile(r"(train|test)([0-9])")
_DEEPEST = 4  # levels of structures within structures
_MOST = 200  # elements of an array, matrices of a file of version 4, or bytes of a matrix's name
_MAX_BYTES = 2 * MAX_ARRAY_BYTES  # of a file, decompressed


def source(path: Path, how: Origin = AS_IS) -> Source:
    """Read a ``.mat`` file's arrays of images and labels.

    Raises
    ------
    DataError
        If it is damaged, too large, or its arrays' names do not say what they are.
    """
    if path.stat().st_size > _MAX_BYTES:
        raise DataError(
            "the file is too large", where=path, expected=f"at most {_MAX_BYTES:,} bytes"
        )
    content = path.read_bytes()
    if not content.startswith(b"MATLAB 5"):
        return _chosen(_version_4(content, path), how, path)
    order = "<" if content[126:128] == b"IM" else ">"
    found: dict[str, Any] = {}
    left = _MAX_BYTES
    for kind, data in _elements(memoryview(content)[_HEADER:], order, path):
        inner = data
        if kind == _COMPRESSED:
            inner = memoryview(_inflated(data, left, path))
            left -= len(inner)
            kind, inner = next(_elements(inner, order, path), (0, inner))
        if kind == _MATRIX:
            name, value = _matrix(inner, order, path)
            if value is not None:
                found[name] = value
    arrays = {name: value for name, value in found.items() if isinstance(value, np.ndarray)}
    dataset = found.get("dataset")
    if isinstance(dataset, dict):
        return _emnist(dataset, path)
    if arrays and all(_ARRAY_OF_A_CLASS.fullmatch(name) for name in arrays):
        return _by_class(arrays, path)
    return _chosen(arrays, how, path)


def _chosen(arrays: dict[str, NDArray[Any]], how: Origin, path: Path) -> Source:
    chosen, notices = names.choose_arrays({n: a.shape for n, a in arrays.items()}, how, path)
    return Source(
        path,
        {key: arrays[name] for key, name in chosen.items()},
        chosen,
        names.classes_of(path),
        notices=notices,
    )


def _version_4(content: bytes, path: Path) -> dict[str, NDArray[Any]]:
    """Read the matrices of a file of version 4; texts and sparse matrices are left out.

    Each matrix begins with five 32-bit numbers: its type, rows, columns, whether it is complex,
    and the length of its name.
    """
    found: dict[str, NDArray[Any]] = {}
    place = 0
    order = "<" if content[0] or not content[2] else ">"
    while place < len(content) and len(found) < _MOST:
        head = np.frombuffer(content[place : place + 20], f"{order}i4").tolist()
        kind = head[0] % 1000 if len(head) == 5 else -1
        if kind < 0 or kind // 10 not in _TYPES_4 or min(head[1:]) < 0 or head[4] > _MOST:
            raise DataError("a matrix without its header", where=path)
        _, rows, columns, is_complex, length = head
        name = content[place + 20 : place + 20 + length].partition(b"\0")[0].decode("latin1")
        dtype = np.dtype(order + _TYPES_4[kind // 10])
        size = rows * columns * dtype.itemsize
        start = place + 20 + length
        place = start + size * (1 + bool(is_complex))
        if place > len(content):
            raise DataError(f"{name[:40]} is cut off", where=path)
        if kind % 10 == 0 and not is_complex:
            values = np.frombuffer(content[start : start + size], dtype)
            found[name] = values.reshape((rows, columns), order="F")
    return found


def _by_class(found: dict[str, NDArray[Any]], path: Path) -> Source:
    """Read an array of images for each class, ``train0`` to ``test9``, as in ``mnist_all.mat``."""
    arrays: dict[str, NDArray[Any]] = {}
    for part in ("train", "test"):
        own = [(name[-1], found[name]) for name in sorted(found) if name[:-1] == part]
        if len({images.shape[1:] for _, images in own}) > 1:
            raise DataError(f"arrays {part}0, … of different shapes", where=path)
        if own:
            arrays[f"x_{part}"] = np.concatenate([images for _, images in own])
            arrays[f"y_{part}"] = np.repeat(
                [int(label) for label, _ in own], [len(images) for _, images in own]
            )
    return Source(path, arrays)


def _inflated(data: memoryview, limit: int, path: Path) -> bytes:
    """Decompress an element, at most `limit` bytes."""
    decompressor = zlib.decompressobj()
    try:
        content = decompressor.decompress(data, limit)
    except zlib.error as error:
        raise DataError(f"damaged: {error}", where=path) from error
    if not decompressor.eof:
        whole = len(content) >= limit
        raise DataError("it holds too much" if whole else "it is cut off", where=path)
    return content


def _elements(data: memoryview, order: str, path: Path) -> Iterator[tuple[int, memoryview]]:
    """Yield each element's type and content."""
    place = 0
    while place + 8 <= len(data):
        kind, size = np.frombuffer(data[place : place + 8], f"{order}u4").tolist()
        start = place + 8
        small = kind >> 16 > 0  # its size and content are within the eight bytes
        if small:
            kind, size, start = kind & 0xFFFF, kind >> 16, place + 4
            place += 8
        else:
            place = start + size + (0 if kind == _COMPRESSED else -size % 8)
        if start + size > len(data) or (small and size > 4):
            raise DataError(
                f"an element of {size:,} bytes, where {len(data) - start:,} are left", where=path
            )
        yield kind, data[start : start + size]


def _matrix(
    data: memoryview, order: str, path: Path, depth: int = 0
) -> tuple[str, NDArray[Any] | dict[str, Any] | None]:
    """Return an array's name and its values: numbers, a structure, or None for all else."""
    parts = list(itertools.islice(_elements(data, order, path), _MOST))
    kinds = [kind for kind, _ in parts[:3]]
    if kinds != [_UINT32, _INT32, _INT8] or len(parts[0][1]) != 8 or len(parts[1][1]) % 4:
        raise DataError("an array without its header", where=path)
    flags = int(np.frombuffer(parts[0][1][:4], f"{order}u4")[0])
    shape = tuple(np.frombuffer(parts[1][1], f"{order}i4").tolist())
    name = bytes(parts[2][1]).decode("latin1")
    count = math.prod(shape)
    kind = flags & 0xFF
    if not shape or min(shape) < 0 or len(shape) > 8:
        raise DataError(f"an array of shape {shape[:8]}", where=path)
    if kind == _STRUCTURE and count == 1 and len(parts) > 5 and depth < _DEEPEST:
        return name, _structure(parts[3:], order, path, depth)
    if kind not in _NUMBERS or len(parts) < 4 or parts[3][0] not in _TYPES:
        return name, None
    dtype = np.dtype(order + _TYPES[parts[3][0]])
    if len(parts[3][1]) != count * dtype.itemsize:
        raise DataError(f"{name[:40]} does not have {count:,} values", where=path)
    values = np.frombuffer(parts[3][1], dtype).reshape(shape, order="F")
    return name, values != 0 if flags & _LOGICAL else values


def _structure(
    parts: list[tuple[int, memoryview]], order: str, path: Path, depth: int
) -> dict[str, Any]:
    (_, length), (_, text), *fields = parts
    size = int(np.frombuffer(length, f"{order}i4")[0]) if len(length) == 4 else 0
    if size < 1 or len(text) != size * len(fields):
        raise DataError("a structure without its fields' names", where=path)
    own = [
        bytes(text[start : start + size]).partition(b"\0")[0].decode("latin1")
        for start in range(0, len(text), size)
    ]
    return {
        name: _matrix(field, order, path, depth + 1)[1]
        for name, (kind, field) in zip(own, fields, strict=True)
        if kind == _MATRIX
    }


def _emnist(dataset: dict[str, Any], path: Path) -> Source:
    """Read EMNIST's structure: images with rows and columns swapped, labels, writers, a mapping."""
    arrays: dict[str, NDArray[Any]] = {}
    extra: dict[str, dict[str, NDArray[Any]]] = {}
    try:
        for part in ("train", "test"):
            split = dataset[part]
            images = split["images"].reshape(-1, 28, 28).swapaxes(1, 2)
            arrays[f"x_{part}"] = images
            arrays[f"y_{part}"] = split["labels"].reshape(-1).astype(np.int64)
            if isinstance(split.get("writers"), np.ndarray):
                extra[part] = {"writer": split["writers"].reshape(-1)[: len(images)]}
        mapping = dataset["mapping"].astype(np.int64)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"not EMNIST's structure: {str(error)[:100]}",
            where=path,
            expected="dataset.train.images, dataset.train.labels, … as EMNIST has them",
        ) from error
    good = mapping.ndim == 2 and mapping.shape[1] > 1 and 2 <= len(mapping) <= 62
    if not good or not ((mapping >= 0) & (mapping < 128)).all():
        raise DataError("another mapping", where=path, expected="EMNIST's: labels and ASCII codes")
    for part in ("train", "test"):  # letters are counted from 1
        arrays[f"y_{part}"] = arrays[f"y_{part}"] - int(mapping[0, 0])
    classes = tuple(chr(code) for code in mapping[:, -1].tolist())
    return Source(path, arrays, classes=classes, upright=True, notices=(idx.SWAPPED,), extra=extra)
