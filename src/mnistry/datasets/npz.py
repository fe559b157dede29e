"""NumPy's ``.npz`` archives, in the member names of Keras's ``mnist.npz``.

Knows nothing of which dataset an archive holds. Nothing is unpickled, and nothing allocated,
before the archive's directory and the array's header agree on a size that can be true.
"""

import math
import zipfile
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from mnistry.datasets.dataset import KERAS_NAMES, MAX_ARRAY_BYTES, Dataset, as_splits
from mnistry.errors import DataError
from mnistry.system import aligned

CHUNK = 1 << 20
MAX_RATIO = 1032  # deflate cannot shrink further: 258 bytes to 2 bits


def read(path: Path) -> Dataset:
    """Read ``x_train``, ``y_train``, ``x_test``, ``y_test`` from a ``.npz`` file.

    Either pair alone will do, and images without labels are images to predict. Other members
    are passed over.

    Raises
    ------
    DataError
        If the file is no such archive, or damaged; the message names the member.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(archive, path)
            arrays = {name: _array(archive, info, path) for name, info in members.items()}
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=path) from error
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        # ValueError and NotImplementedError: an offset or a version that makes no sense.
        raise DataError(
            f"no NumPy archive, or damaged: {error}", where=path, expected="a .npz file"
        ) from error
    train, test = as_splits(arrays, str(path))
    return Dataset(path.name, str(path), "not stated", train, test)


def _members(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    """Find the arrays that we know, by their Keras names."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if name not in KERAS_NAMES:
            continue
        if name in members:
            raise DataError(f"two members {name}", where=path, expected="one of each")
        members[name] = info
    return members


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> NDArray[np.generic]:
    where = f"{path}, member {info.filename}"
    possible = min(info.compress_size, path.stat().st_size) * MAX_RATIO
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError("an unusual compression", where=where, expected="stored or deflated")
    if info.file_size > possible:
        raise DataError(
            f"announces {info.file_size:,} bytes, which its {info.compress_size:,} compressed "
            "ones cannot hold",
            where=where,
        )
    try:
        with archive.open(info) as member:
            dtype, shape, fortran_order = _header(member, where)
            array = aligned.empty(_checked_size(dtype, shape, info, member.tell(), where))
            _fill(array, member, where)
    except DataError:
        raise
    except Exception as error:  # zlib, zipfile and a damaged header raise some ten kinds
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
        kind = "objects (a pickle)" if dtype.hasobject else f"dtype {dtype}"
        raise DataError(
            kind,
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
    if min(shape, default=0) < 0 or size > MAX_ARRAY_BYTES:
        raise DataError(
            f"announces {size:,} bytes of shape {shape}",
            where=where,
            expected=f"at most {MAX_ARRAY_BYTES:,}",
        )
    if header_size + size != info.file_size:
        raise DataError(
            f"announces {size:,} bytes of shape {shape}, holds {info.file_size - header_size:,}",
            where=where,
        )
    return size


def _fill(array: NDArray[np.uint8], member: IO[bytes], where: str) -> None:
    """Read a member to its end, so that its checksum is compared too."""
    filled = 0
    while chunk := member.read(CHUNK):
        if filled + len(chunk) > array.size:
            raise DataError(f"goes on after byte {filled:,}", where=where)
        array[filled : filled + len(chunk)] = np.frombuffer(chunk, np.uint8)
        filled += len(chunk)
    if filled < array.size:
        raise DataError(f"ends at byte {filled:,} of {array.size:,}", where=where)
