"""NumPy's ``.npz`` archives and ``.npy`` files.

Knows nothing of which dataset they hold. Nothing is ever unpickled. Memory is allocated only
if the archive's directory and the array's header agree on a size that the file can hold.
"""

import contextlib
import math
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from mnistry.datasets import decompress, names
from mnistry.datasets.assemble import Source, assemble
from mnistry.datasets.dataset import AS_IS, MAX_ARRAY_BYTES, Dataset, Origin
from mnistry.errors import DataError
from mnistry.inference.model_bytes import MAX_CLASSES
from mnistry.system import aligned

CHUNK = 1 << 20
_MAX_MEMBERS = 1000


def read(path: Path, how: Origin = AS_IS) -> Dataset:
    """Read a ``.npz`` file; see `source`."""
    return assemble(source(path, how), how)


def source(path: Path, how: Origin = AS_IS) -> Source:
    """Read a ``.npz`` file's arrays: ``x_train``, ``y_train``, ``x_test``, ``y_test`` or similar.

    One split is enough, and labels may be missing. Other members are ignored. ``how.images`` and
    ``how.labels`` name arrays whose names do not say what they are.

    Raises
    ------
    DataError
        If the file is not such an archive, or is damaged; the message names the member.
    """
    with _opened(path) as archive:
        members = _members(archive, path)
        shapes = {name: shape for name, info in members.items() if (shape := _peek(archive, info))}
        if set(shapes) == {"arr_0"}:  # KMNIST's: the file's name says what it is
            shapes = {path.stem: shapes["arr_0"]}
            members = {path.stem: members["arr_0"]}
        # A member that is named as images or labels is chosen even if its shape cannot be read, so
        # that `_array` raises the error.
        named = {name: info for name, info in members.items() if names.keras_name(name)}
        shapes = {**dict.fromkeys(named, ()), **shapes}
        chosen, notices = names.choose_arrays(shapes, how, path)
        arrays = {key: _array(archive, members[name], path) for key, name in chosen.items()}
    classes = names.classes_of(path) or _medmnist_classes(chosen, arrays)
    return Source(path, arrays, chosen, classes, notices=notices)


def folder_source(paths: Mapping[str, Path], folder: Path, how: Origin = AS_IS) -> Source:
    """Read files of one array each, whose names say what they are, as KMNIST's four are.

    Parameters
    ----------
    paths
        ``.npz`` files with one array, or ``.npy`` files, by the name without the ending.
    folder
        Where they are, for messages.
    """
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(paths, ())
    chosen, notices = names.choose_arrays(shapes, how, folder)
    arrays = {key: _only_array(paths[name]) for key, name in chosen.items()}
    classes = next(filter(None, map(names.classes_of, paths.values())), None)
    return Source(folder, arrays, chosen, classes, notices=notices)


def npy_source(path: Path, _: Origin = AS_IS) -> Source:
    """Read a ``.npy`` file of images without labels."""
    return Source(path, {"x_test": _only_array(path)})


def _only_array(path: Path) -> NDArray[np.generic]:
    """Read a ``.npy`` file, or the one array of a ``.npz`` file."""
    with path.open("rb") as file:
        if file.read(6) == b"\x93NUMPY":
            file.seek(0)
            size = path.stat().st_size
            try:
                return _values(file, size, str(path))
            except DataError:
                raise
            except Exception as error:  # a damaged header raises about ten kinds
                raise DataError(f"damaged: {str(error)[:200]}", where=path) from error
    with _opened(path) as archive:
        members = _members(archive, path)
        if len(members) != 1:
            raise DataError(
                f"{len(members)} arrays", where=path, expected="one", remedy="give this file alone"
            )
        return _array(archive, next(iter(members.values())), path)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=path) from error
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        # ValueError and NotImplementedError: an impossible offset or version.
        raise DataError(
            f"not a NumPy archive, or damaged: {str(error)[:200]}",
            where=path,
            expected="a .npz file",
        ) from error


def _members(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    """Return the members that are arrays, by name."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist()[:_MAX_MEMBERS]:
        name = info.filename.removesuffix(".npy")
        if name == info.filename:
            continue
        if name in members:
            raise DataError(f"two members are called {name}", where=path, expected="one of each")
        members[name] = info
    if not members:
        raise DataError(
            "an archive without arrays",
            where=path,
            expected="a .npz file of NumPy",
            remedy="unpack it, and give the folder or file inside",
        )
    return members


def _peek(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> tuple[int, ...] | None:
    """Return a member's shape, or None if it is not an array that could be used."""
    try:
        with archive.open(info) as member:
            return _header(member, "")[1]
    except Exception:  # as in `_array`, which raises the error if the member is needed
        return None


def _medmnist_classes(
    chosen: Mapping[str, str], arrays: Mapping[str, NDArray[np.generic]]
) -> tuple[str, ...] | None:
    """Return the classes of MedMNIST's archives, which hold numbers alone, else None."""
    if chosen.get("x_validation") != "val_images" or chosen.get("y_train") != "train_labels":
        return None
    labels: NDArray[Any] = arrays["y_train"]
    if labels.dtype.kind not in "iu" or labels.size != len(labels) or not labels.size:
        return None
    count = int(labels.max()) + 1
    return tuple(map(str, range(count))) if 2 <= count <= MAX_CLASSES else None


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> NDArray[np.generic]:
    where = f"{path}, member {info.filename}"
    possible = min(info.compress_size, path.stat().st_size) * decompress.MAX_RATIO
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
            return _values(member, info.file_size, where)
    except DataError:
        raise
    except Exception as error:  # zlib, zipfile and a damaged header raise about ten kinds
        raise DataError(f"damaged: {str(error)[:200]}", where=where) from error


def _values(member: IO[bytes], size: int, where: str) -> NDArray[np.generic]:
    """Read an array of which the whole file, with its header, has `size` bytes."""
    dtype, shape, fortran_order = _header(member, where)
    array = aligned.empty(_checked_size(dtype, shape, size, member.tell(), where))
    # Read to the end, so that the checksum is compared too.
    found = decompress.fill(array, iter(lambda: member.read(CHUNK), b""))
    if found > array.size:
        raise DataError(f"it continues after byte {array.size:,}", where=where)
    if found < array.size:
        raise DataError(f"it ends at byte {found:,} of {array.size:,}", where=where)
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
    if dtype.kind not in "uifbUS" or dtype.hasobject:
        raise DataError(
            "objects (a pickle)" if dtype.hasobject else f"dtype {str(dtype)[:80]}",
            where=where,
            expected="whole numbers",
            remedy="save images of 0 to 255 as uint8, labels as integers or texts",
        )
    return dtype, shape, fortran_order


def _checked_size(
    dtype: np.dtype[np.generic],
    shape: tuple[int, ...],
    file_size: int,
    header_size: int,
    where: str,
) -> int:
    size = math.prod(shape) * dtype.itemsize
    what = f"it announces {size:,} bytes of shape {shape}"
    if min(shape, default=0) < 0 or size > MAX_ARRAY_BYTES:
        raise DataError(what, where=where, expected=f"at most {MAX_ARRAY_BYTES:,}")
    if header_size + size != file_size:
        raise DataError(f"{what}, but holds {file_size - header_size:,}", where=where)
    return size
