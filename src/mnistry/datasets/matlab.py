"""MATLAB's ``.mat`` files up to version 7: EMNIST's, SVHN's, and MNIST's of the first years.

Files of version 7.3 are HDF5: see `mnistry.datasets.hdf5`.
"""

import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistry.datasets import extras, idx, names
from mnistry.datasets.assemble import Source
from mnistry.datasets.dataset import AS_IS, MAX_ARRAY_BYTES, Origin
from mnistry.errors import DataError

_HEADER = 128  # bytes
_COMPRESSED = 15  # the code of a compressed element
_MAX_BYTES = 2 * MAX_ARRAY_BYTES  # of a file, decompressed


def source(path: Path, how: Origin = AS_IS) -> Source:
    """Read a ``.mat`` file's arrays of images and labels.

    Raises
    ------
    DataError
        If it is damaged, too large, or its arrays' names do not say what they are.
    UsageError
        If SciPy is not installed.
    """
    io = extras.needed("scipy.io", "scipy", "a .mat file", path)
    _check_size(path)
    try:
        found = io.loadmat(str(path), squeeze_me=False, struct_as_record=True)
    except Exception as error:  # damaged files make SciPy raise about a dozen kinds
        first = str(error).partition("\n")[0][:200]
        raise DataError(f"damaged, or not a .mat file: {first}", where=path) from error
    arrays = {
        name: value
        for name, value in found.items()
        if isinstance(value, np.ndarray) and value.dtype.kind in "uifbU" and value.ndim > 1
    }
    dataset = found.get("dataset")
    if isinstance(dataset, np.ndarray) and dataset.dtype.names and not arrays:
        return _emnist(dataset, path)
    chosen, notices = names.choose_arrays({n: a.shape for n, a in arrays.items()}, how, path)
    return Source(
        path,
        {key: arrays[name] for key, name in chosen.items()},
        chosen,
        names.classes_of(path),
        notices=notices,
    )


def _check_size(path: Path) -> None:
    """Raise `DataError` if a file holds too much; only a piece of it is in memory at a time."""
    total = 0
    with path.open("rb") as file:
        order = "<" if file.read(_HEADER)[126:128] == b"IM" else ">"
        while len(tag := file.read(8)) == 8:
            kind, size = np.frombuffer(tag, f"{order}u4").tolist()
            start = file.tell()
            total += size
            if kind == _COMPRESSED:
                decompressor = zlib.decompressobj()
                data = b""
                while not decompressor.eof and total <= _MAX_BYTES:
                    data = decompressor.unconsumed_tail or file.read(
                        min(idx.CHUNK, start + size - file.tell())
                    )
                    if not data:
                        break
                    try:
                        total += len(decompressor.decompress(data, idx.CHUNK))
                    except zlib.error as error:
                        raise DataError(f"damaged: {error}", where=path) from error
            if total > _MAX_BYTES:
                raise DataError(
                    "it holds too much", where=path, expected=f"at most {_MAX_BYTES:,} bytes"
                )
            file.seek(start + size)


def _emnist(dataset: NDArray[Any], path: Path) -> Source:
    """Read EMNIST's structure: images with rows and columns swapped, labels, writers, a mapping."""
    arrays: dict[str, NDArray[Any]] = {}
    extra: dict[str, dict[str, NDArray[Any]]] = {}
    try:
        whole = dataset.reshape(-1)[0]
        for part in ("train", "test"):
            split = whole[part].reshape(-1)[0]
            images = np.asarray(split["images"])
            arrays[f"x_{part}"] = images.reshape(-1, 28, 28).swapaxes(1, 2)
            arrays[f"y_{part}"] = np.asarray(split["labels"])
            if "writers" in split.dtype.names:
                writers = np.asarray(split["writers"]).reshape(-1)
                extra[part] = {"writer": writers[: len(images)]}
        mapping = np.asarray(whole["mapping"]).astype(int)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"not EMNIST's structure: {error}",
            where=path,
            expected="dataset.train.images, dataset.train.labels, … as EMNIST has them",
        ) from error
    if mapping.ndim != 2 or mapping.shape[1] < 2 or not ((mapping >= 0) & (mapping < 128)).all():
        raise DataError(
            "its mapping is not EMNIST's", where=path, expected="labels and ASCII codes"
        )
    first = int(mapping[0, 0])  # 1 for letters
    classes = tuple(chr(code) for code in mapping[:, -1])
    for part in ("train", "test"):
        if arrays[f"y_{part}"].dtype.kind in "uif":
            arrays[f"y_{part}"] = arrays[f"y_{part}"].astype(np.int64) - first
    return Source(path, arrays, classes=classes, upright=True, notices=(idx.TURNED,), extra=extra)
