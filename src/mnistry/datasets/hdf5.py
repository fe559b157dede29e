"""HDF5 files with arrays of images and labels, and MATLAB's files of version 7.3."""

import math
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistry.datasets import extras, names
from mnistry.datasets.assemble import Source
from mnistry.datasets.dataset import AS_IS, MAX_ARRAY_BYTES, Origin
from mnistry.errors import DataError

_DEEPEST = 3  # levels of groups below the file's own
# So many members of a group are looked at. Once as many arrays are found, subgroups are not.
_MOST = 100
_FILTERS = {"gzip", "lzf", None}  # built into h5py; others may load libraries


def source(path: Path, how: Origin = AS_IS) -> Source:
    """Read an HDF5 file's arrays, also those in groups, such as ``train/data``.

    Raises
    ------
    DataError
        If it is damaged, or its arrays' names do not say what they are.
    UsageError
        If h5py is not installed.
    """
    h5py = extras.needed("h5py", "h5py", "an HDF5 file", path)
    try:
        with h5py.File(path, "r", locking=False) as file:
            found = _arrays(file, h5py)
            shapes = {name: tuple(array.shape) for name, array in found.items()}
            chosen, notices = names.choose_arrays(shapes, how, path)
            arrays = {key: _values(found[name], f"{path}, {name}") for key, name in chosen.items()}
    except DataError:
        raise
    except Exception as error:  # h5py raises about ten kinds for damaged files
        first = str(error).partition("\n")[0][:200]
        raise DataError(f"damaged, or not an HDF5 file: {first}", where=path) from error
    with path.open("rb") as opened:
        if opened.read(10) == b"MATLAB 7.3":  # its arrays have their axes in reverse
            arrays = {key: array.T for key, array in arrays.items()}
    return Source(path, arrays, chosen, names.classes_of(path), notices=notices)


def _arrays(group: Any, h5py: ModuleType, depth: int = 0) -> dict[str, Any]:
    """Find the arrays of numbers in a group and those within it; no link is followed."""
    found: dict[str, Any] = {}
    for name in list(group)[:_MOST]:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            continue
        if name.startswith("#"):  # MATLAB's own, such as #refs#
            continue
        item = group[name]
        if isinstance(item, h5py.Dataset):
            if item.dtype.kind in "uifbS" and not item.is_virtual and not item.external:
                found[item.name.lstrip("/")] = item
        elif depth < _DEEPEST and len(found) < _MOST:
            found |= _arrays(item, h5py, depth + 1)
    return found


def _values(array: Any, where: str) -> NDArray[Any]:
    size = math.prod(array.shape) * array.dtype.itemsize
    if size > MAX_ARRAY_BYTES:
        raise DataError(f"{size:,} bytes", where=where, expected=f"at most {MAX_ARRAY_BYTES:,}")
    if array.compression not in _FILTERS:
        raise DataError(f"{array.compression} compression", where=where, expected="gzip or none")
    return np.asarray(array[()])
