"""NumPy's ``.npz`` archives with the member names of Keras's ``mnist.npz``.

Knows nothing of which dataset an archive holds. Nothing is ever unpickled. Memory is allocated only
if the archive's directory and the array's header agree on a size that the file can hold.
"""

import math
import zipfile
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from mnistry.datasets import idx
from mnistry.datasets.dataset import KERAS_NAMES, MAX_ARRAY_BYTES, Dataset, as_splits
from mnistry.errors import DataError
from mnistry.system import aligned

CHUNK = 1 << 20


def read(path: Path) -> Dataset:
    """Read ``x_train``, ``y_train``, ``x_test``, ``y_test`` from a ``.npz`` file.

    One split is enough, and labels may be missing. Other members are ignored.

    Raises
    ------
    DataError
        If the file is not such an archive, or is damaged; the message names the member.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(archive, path)
            arrays = {name: _array(archive, info, path) for name, info in members.items()}
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=path) from error
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        # ValueError and NotImplementedError: an impossible offset or version.
        raise DataError(
            f"not a NumPy archive, or damaged: {error}", where=path, expected="a .npz file"
        ) from error
    train, test = as_splits(arrays, str(path))
    return Dataset(path.name, str(path), "not stated", train, test)


def _members(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    """Return the members that hold the arrays, by their Keras names."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if name not in KERAS_NAMES:
            continue
        if name in members:
            raise DataError(f"two members are called {name}", where=path, expected="one of each")
        members[name] = info
    return members


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> NDArray[np.generic]:
    where = f"{path}, member {info.filename}"
    possible = min(info.compress_size, path.stat().st_size) * idx.MAX_RATIO
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError("unknown compression", where=where, expected="stored or deflated")
    if info.file_size > possible:
        raise DataError(
            f"it announces {info.file_size:,} bytes, more than its {info.compress_size:,} "
            "compressed bytes can hold",
            where=where,
        )
    try:
        with archive.open(info) as member:
            dtype, shape, fortran_order = _header(member, where)
            array = aligned.empty(_checked_size(dtype, shape, info, member.tell(), where))
            # Read to the end, so that the checksum is compared too.
            found = idx.fill(array, iter(lambda: member.read(CHUNK), b""))
            if found > array.size:
                raise DataError(f"it continues after byte {array.size:,}", where=where)
            if found < array.size:
                raise DataError(f"it ends at byte {found:,} of {array.size:,}", where=where)
    except DataError:
        raise
    except Exception as error:  # zlib, zipfile and a damaged header raise about ten kinds
        raise DataError(f"damaged: {error}", where=where) from error
    values = array.view(dtype)
    return values.reshape(shape[::-1]).T if fortran_order else values.reshape(shape)


def _header(member: IO[bytes], where: str) -> tuple[np.dtype[np.generic], tuple[int, ...], bool]:
    version = np.lib.format.read_magic(member)
    if version == (1, 0):
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(member)
    elif version == (2, 0):
        shape, fortran_order, dtype = np.lib.format.read_array_header_2_0(member)
    else:
        raise DataError(f".npy version {version}", where=where, expected="version 1 or 2")
    if dtype.kind not in "uif":
        raise DataError(
            "objects (a pickle)" if dtype.hasobject else f"dtype {dtype}",
            where=where,
            expected="whole numbers",
            remedy="save it as uint8: array.astype('uint8')",
        )
    return dtype, shape, fortran_order


def _checked_size(
    dtype: np.dtype[np.generic],
    shape: tuple[int, ...],
    info: zipfile.ZipInfo,
    header_size: int,
    where: str,
) -> int:
    size = math.prod(shape) * dtype.itemsize
    what = f"it announces {size:,} bytes of shape {shape}"
    if min(shape, default=0) < 0 or size > MAX_ARRAY_BYTES:
        raise DataError(what, where=where, expected=f"at most {MAX_ARRAY_BYTES:,}")
    if header_size + size != info.file_size:
        raise DataError(f"{what}, but holds {info.file_size - header_size:,}", where=where)
    return size
