"""Tell a dataset's format by its content, and read it.

Each format is a row of `FORMATS`: how a file of it begins, how its files' names end, and the
function that reads it. A folder is searched for files of these formats; if it has none, it is read
as pictures.
"""

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mnistry.datasets import (
    arff,
    csv,
    folder,
    hdf5,
    idx,
    json_rows,
    libsvm,
    matlab,
    names,
    npz,
    parquet,
    text_files,
)
from mnistry.datasets.assemble import Source, assemble, merged
from mnistry.datasets.dataset import AS_IS, Dataset, Origin
from mnistry.errors import DataError
from mnistry.images.find import ENDINGS
from mnistry.images.formats import is_picture
from mnistry.system.file_kinds import Kind, kind_of

_HEAD = 1 << 12  # bytes
_CONTROL = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]")
_DEEPEST = 4  # levels of folders below the one given
_MAX_FOLDERS = 2000  # of one level that are looked into
KINDS = (
    "a .npz, .npy, .csv, .json, .parquet, .arrow, .mat, .h5, .arff, LIBSVM or IDX file, or a "
    "folder of such files or of pictures"
)

Read = Callable[[Path, Origin], Source]


class Format(NamedTuple):
    """A format of files.

    Attributes
    ----------
    begins
        A pattern for a file's first bytes, after decompression.
    endings
        How names of such files end, in a folder of them.
    read
        Reads a file.
    """

    begins: re.Pattern[bytes]
    endings: tuple[str, ...]
    read: Read


def _table(path: Path, how: Origin) -> Source:
    rows = folder.table_of_files(path)
    return csv.source(path, how) if rows is None else folder.table_source(path, rows, how)


# The first pattern that fits decides.
FORMATS = (
    Format(re.compile(rb"PK\x03\x04.{26}[^\0]{0,150}\.npy", re.S), (".npz",), npz.source),
    Format(re.compile(rb"\x93NUMPY"), (".npy",), npz.npy_source),
    Format(re.compile(rb"\s*(?:\[\s*[\[{\d]|\{\s*\")"), (".jsonl", ".ndjson"), json_rows.source),
    Format(
        # MATLAB's version 4. Its files begin with the type of the first matrix, its two sizes,
        # whether it is complex, and the length of its name.
        re.compile(
            rb"(?:[\0-\x34]\0\0\0.{8}[\0\1]\0\0\0[\2-\x40]\0\0\0"
            rb"|\0\0[\3\4][\xe8-\xff\0-\x1c].{8}\0\0\0[\0\1]\0\0\0[\2-\x40])[A-Za-z]",
            re.DOTALL,
        ),
        (".mat",),
        matlab.source,
    ),
    Format(re.compile(rb"\0\0[\x08-\x0e][\x01-\x04]"), (), idx.source),
    Format(re.compile(rb"PAR1"), (".parquet", ".pq"), parquet.source),
    Format(re.compile(rb"ARROW1\0\0|\xff\xff\xff\xff"), (".arrow", ".feather"), parquet.source),
    Format(re.compile(rb"MATLAB 5\.0 MAT-file"), (".mat",), matlab.source),
    Format(re.compile(rb"MATLAB 7\.3 MAT-file|\x89HDF\r\n"), (".h5", ".hdf5"), hdf5.source),
    Format(re.compile(rb"(?:\s|%[^\n]*\n)*@relation", re.I), (".arff", ".arff.gz"), arff.source),
    Format(
        re.compile(rb"(?:#[^\n]*\n)*[+-]?[0-9.]+ +[0-9]+:[0-9.eE+-]+"),
        (".libsvm", ".svm", ".bz2", ".scale"),
        libsvm.source,
    ),
)


def read(path: Path, how: Origin = AS_IS) -> Dataset:
    """Read a file or folder in whichever format it is.

    Raises
    ------
    DataError
        If the format is unknown; the message says what it looks like and what to do.
    """
    return assemble(_folder_source(path, how) if path.is_dir() else file_source(path, how), how)


def file_source(path: Path, how: Origin) -> Source:
    """Read a file in whichever format it is, without deciding on its classes."""
    head = text_files.head(path, _HEAD)
    for known in FORMATS:
        if known.begins.match(head):
            return known.read(path, how)
    _refuse(path, head)
    if head.strip() and not _CONTROL.search(head):
        return _table(path, how)
    raise DataError("unknown file type", where=path, expected=KINDS)


def _refuse(path: Path, head: bytes) -> None:
    """Raise an error if the format is known but not supported."""
    if _PICTURE.match(head) and (is_picture(head) or head.startswith(b"%PDF")):
        found = ("a picture", f"to read it: mnistry read {shlex.quote(str(path))}")
    elif _is_record(head) or head.startswith(_ARRAY_RECORD):
        found = _records(path.parent)
    else:
        kind = kind_of(path if head.startswith(b"PK") else head)
        if kind is None or kind not in _REMEDIES:
            return
        found = kind.value, _REMEDIES[kind].format(path=shlex.quote(str(path)))
    what, remedy = found
    raise DataError(what, where=path, expected=KINDS, remedy=remedy)


_TABLES = (".csv", ".csv.gz", ".tsv", ".txt", ".lst")
_UNPACK = "unpack it, and give the folder or file inside"
_PICKLE = (
    "if you trust it, open it in Python and save its arrays: "
    "numpy.savez('data.npz', x_train=…, y_train=…)"
)
_PICTURE = re.compile(rb"[^P]|P[1-6]\s+[#0-9]")  # "P1 P2 P3" may be the header of a table
_RECORDS = re.compile(r"\.(tfrecord|array_record)s?\b")
_IDX = re.compile(r"\bidx[1-4]?\b|ubyte")
_ARRAY_RECORD = b"\x83\xaf\x70\xd1\x0d\x88\x4a\x3f"
_TO_PNG = "save it as PNG, in a folder named for its class"
_ADOPT = "to make a run of it: mnistry adopt {path} -o RUN"
_REMEDIES = {
    Kind.EMPTY: "download or copy it again",
    Kind.ZEROS: "download or copy it again",
    Kind.POINTER: "fetch the file itself: git lfs pull",
    Kind.WEB_PAGE: "download the file itself",
    **dict.fromkeys(
        (Kind.SVG, Kind.POSTSCRIPT, Kind.JPEG_2000, Kind.JPEG_XL, Kind.PHOTOSHOP, Kind.GIMP,
         Kind.ICON, Kind.OTHER_PICTURE, Kind.RAW, Kind.DICOM),
        _TO_PNG,
    ),
    Kind.PICKLE: _PICKLE,
    Kind.TORCH: _PICKLE,
    Kind.KERAS: _ADOPT,
    Kind.ONNX: _ADOPT,
    Kind.SPREADSHEET: "save its table as CSV, and give that",
    Kind.ARCHIVE: _UNPACK,
    Kind.ZSTANDARD: "decompress it: zstd -d {path}",
    Kind.COMPRESS: "decompress it: gzip -d {path}",
    Kind.R: "write it as CSV, in R: write.csv(data, 'data.csv', row.names = FALSE)",
    Kind.DATABASE: "write its table as CSV",
    Kind.FEATHER_1: "write it as Parquet",
}  # fmt: skip


def _records(folder: Path) -> tuple[str, str]:
    """Return what TensorFlow Datasets' files are, and a command that saves them as arrays."""
    code = (
        "import numpy, tensorflow_datasets as t; "
        f"d = t.as_numpy(t.builder_from_directory({str(folder)!r}).as_dataset(batch_size=-1)); "
        "numpy.savez('data.npz', **{k + s: d[s][n] for s in d "
        "for k, n in (('x_', 'image'), ('y_', 'label'))})"
    )
    command = f"python -c {shlex.quote(code)}"
    remedy = f"where TensorFlow Datasets is installed, save them as arrays: {command}"
    return "TensorFlow's records", remedy


def _is_record(head: bytes) -> bool:
    """Whether a file begins as a TFRecord of `tf.train.Example` does: a length, then a message."""
    length = int.from_bytes(head[:8], "little")
    return 16 < length < 1 << 26 and head[12:13] == b"\n" and len(head) > 16


def _folder_source(path: Path, how: Origin) -> Source:
    found = _search(path)
    if len(found) > 1:
        shown = ", ".join(str(place) for place, _ in found[:6])
        raise DataError(
            f"{len(found)} datasets: {shown}" + (", …" if len(found) > 6 else ""),
            where=path,
            expected="one",
            remedy=f"give one of them: {found[0][0]}",
        )
    if found:
        place, read_found = found[0]
        return read_found(place, how)
    return folder.source(path, how)


def _search(root: Path) -> list[tuple[Path, Read]]:
    """Find the folders that hold files of a dataset: this one, or those below it."""
    level = [root]
    inside = root.resolve()
    for _ in range(_DEEPEST + 1):
        found: list[tuple[Path, Read]] = []
        below: list[Path] = []
        for place in level[:_MAX_FOLDERS]:
            files, folders = _listed(place, inside)
            reader = _folder_reader(place, files, folders, inside)
            if reader is not None:
                found.append((place, reader))
            elif not any(file.suffix.lower() in ENDINGS for file in files):
                below += folders
        if found:
            return found
        level = below
    return []


def _listed(place: Path, root: Path) -> tuple[list[Path], list[Path]]:
    """List a folder's files and folders by name, without hidden ones and links out of the root."""
    files: list[Path] = []
    folders: list[Path] = []
    for path in sorted(place.iterdir(), key=lambda path: path.name):
        if path.name.startswith(".") or path.name == "__MACOSX":
            continue
        if path.is_symlink():
            try:
                if path.is_dir() or not path.resolve(strict=True).is_relative_to(root):
                    continue
            except (OSError, RuntimeError):  # broken, or circular (RuntimeError up to Python 3.12)
                continue
        (folders if path.is_dir() else files).append(path)
    return files, folders


def _folder_reader(
    place: Path, files: Sequence[Path], folders: Sequence[Path], root: Path
) -> Read | None:
    """Return the function that reads a folder's files; None if they are not a dataset."""
    if idx.has_files(place):
        return idx.source
    if records := [file for file in files if _RECORDS.search(file.name)]:
        return _only(records[0], file_source)  # it raises an error that says what they are
    for known in FORMATS:
        own = [file for file in files if file.name.lower().endswith(known.endings)]
        if not own and known.read is parquet.source:  # also a folder for each split
            below = [folder for folder in folders if names.part(folder.name)]
            own = [
                file
                for folder in below
                for file in _listed(folder, root)[0]
                if file.name.lower().endswith(known.endings)
            ]
        if known.read in (npz.source, npz.npy_source) and len(own) > 1:
            # Does a name say the split too, as in x_train?
            if any((names.keras_name(file.stem) or "_")[2:] for file in own):
                arrays = {file.stem: file for file in own}
                return lambda where, how: npz.folder_source(arrays, where, how)
        elif known.read is npz.npy_source:
            continue
        if own:
            return _of_splits(own, known.read)
    tables = [file for file in files if file.name.lower().endswith(_TABLES)]
    with_pixels = [file for file in tables if csv.has_pixels(file)]
    if with_pixels:
        return _of_splits(with_pixels, csv.source)
    listing = [
        file
        for file in tables
        if (rows := folder.table_of_files(file)) and folder.has_pictures(file, rows)
    ]
    if listing:
        return _of_splits(listing, _table)
    others = [file for file in files if _IDX.search(file.name)]
    return (lambda where, _: _refuse_idx(where, others)) if others else None


def _refuse_idx(where: Path, files: Sequence[Path]) -> Source:
    raise DataError(
        f"IDX files whose names do not say what they are: {_shown(files)}",
        where=where,
        expected=", ".join(idx.ORIGINAL_NAMES.values()),
        remedy="rename them",
    )


def _shown(files: Sequence[Path]) -> str:
    return ", ".join(file.name for file in files[:6]) + (", …" if len(files) > 6 else "")


def _only(file: Path, read_file: Read) -> Read:
    return lambda _, how: read_file(file, how)


def _of_splits(files: Sequence[Path], read_file: Read) -> Read:
    """Return the function that reads one file, or one for each split as their names tell."""
    if len(files) == 1:
        return _only(files[0], read_file)
    parts: dict[str, list[Path]] = {}
    for file in files:
        part = names.part(file.name.partition(".")[0]) or names.part(file.parent.name)
        parts.setdefault(part or "", []).append(file)

    def read_all(place: Path, how: Origin) -> Source:
        several = read_file is not parquet.source and max(map(len, parts.values())) > 1
        if several or ("" in parts and len(parts) > 1):
            raise DataError(
                f"{len(files)} files: {_shown(files)}",
                where=place,
                expected="one for each split, with train, test or valid in its name",
                remedy=f"give one of them: {parts.get('train', files)[0]}",
            )
        return merged(place, _each(parts, read_file, how))

    return read_all


def _each(parts: Mapping[str, Sequence[Path]], read_file: Read, how: Origin) -> dict[str, Source]:
    if read_file is parquet.source:
        return {part or "train": parquet.shards(files, how) for part, files in parts.items()}
    return {part or "train": read_file(files[0], how) for part, files in parts.items()}
