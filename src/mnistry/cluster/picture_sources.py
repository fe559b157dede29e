"""Find and open large numbers of pictures: picture files, and rows of Parquet tables.

Knows nothing of Ray or of reading digits.
"""

import bisect
import codecs
import contextlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistry.errors import DataError
from mnistry.images import decode
from mnistry.images.find import ENDINGS, find_files
from mnistry.system.files import path_text

COLUMN = "image"
TABLE, LIST = ".parquet", ".txt"
RECORD = "_reading.json"  # in a folder of results; readers of Parquet tables ignore such names
_ROWS = 16  # rows in memory at once; a photo takes megabytes
_BUFFER = 1 << 20  # bytes; without a buffer a whole row group is read at once


@dataclass(frozen=True, slots=True)
class Item:
    """One picture.

    Attributes
    ----------
    path
        A picture file, or a Parquet file whose column ``image`` holds whole picture files.
    row
        The row of the table, from 0; None for a picture file.
    """

    path: str
    row: int | None = None

    @property
    def name(self) -> str:
        r"""The picture's name in results: ``/page.png``, or ``/scans.parquet#17``.

        Bytes of a path that are not UTF-8 are written as escapes, such as ``\xf6``.

        Examples
        --------
        >>> Item("/page.png").name, Item("/scans.parquet", 17).name
        ('/page.png', '/scans.parquet#17')
        """
        shown = path_text(self.path)
        return shown if self.row is None else f"{shown}#{self.row}"


class Pictures:
    """The numbered pictures of files, folders, Parquet tables and lists of paths (``.txt``).

    Relative paths in a list are relative to the list's folder. Each picture occurs once, by its
    absolute path. Memory use does not depend on the size of a table. A missing file and a folder
    without pictures each count as one picture that cannot be opened.

    Parameters
    ----------
    inputs
        The paths.

    Raises
    ------
    DataError
        If the only input is missing or has no pictures, or a table is damaged or has no column
        ``image``.
    """

    def __init__(self, inputs: Iterable[str]) -> None:
        given = [_absolute(path) for path in inputs]
        rows = dict(found for path in given for found in _find(path))
        if len(given) == 1 and [*rows] == [str(given[0])] and not S_ISREG(_mode(given[0])):
            what = "no pictures" if _mode(given[0]) else "no such file or folder"
            raise DataError(what, where=given[0])
        self._paths, self._rows = list(rows), list(rows.values())
        counts = [1 if count is None else count for count in self._rows]
        self._firsts = np.cumsum([0, *counts])
        self._index = {path_text(path): index for index, path in enumerate(rows)}

    def __len__(self) -> int:
        """Return the number of pictures."""
        return int(self._firsts[-1])

    def number(self, name: str) -> int | None:
        """Return the number of the picture with this name, or None."""
        path, _, row = name.rpartition("#")
        # The name of a picture file may hold a # too.
        if name in self._index and self._rows[self._index[name]] is None:
            path, row = name, "0"
        index = self._index.get(path)
        if index is None or not row.isdecimal():
            return None
        number = int(self._firsts[index]) + int(row)
        return number if number < self._firsts[index + 1] else None

    def pack(self, numbers: NDArray[np.intp]) -> str:
        """Serialise the pictures with the given numbers, which must be in ascending order."""
        owners = np.searchsorted(self._firsts, numbers, side="right") - 1
        cuts = np.flatnonzero((np.diff(numbers) != 1) | (np.diff(owners) != 0)) + 1
        spans: list[tuple[str, int | None, int]] = []
        for run, owner in zip(np.split(numbers, cuts), owners[[0, *cuts]], strict=True):
            start = int(run[0] - self._firsts[owner])
            first = None if self._rows[owner] is None else start
            spans.append((self._paths[owner], first, start + len(run)))
        return json.dumps(spans)


def unpack(text: str) -> list[Item]:
    """Return the pictures that `Pictures.pack` serialised."""
    items: list[Item] = []
    for path, start, stop in json.loads(text):
        items += [Item(path)] if start is None else [Item(path, row) for row in range(start, stop)]
    return items


def _absolute(path: str | Path) -> Path:
    """Return the absolute path without ``..``; links are not resolved."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def _find(path: Path) -> Iterator[tuple[str, int | None]]:
    """Yield each file with its number of rows, or None for a picture file."""
    if path.suffix.lower() != LIST or not S_ISREG(_mode(path)):
        yield from _find_in(path)
        return
    for line in _lines(path):
        if line.suffix.lower() in ENDINGS:  # not checked: there may be a million, on slow disks
            yield str(line), None
        else:
            yield from _find_in(line)


def _lines(path: Path) -> Iterator[Path]:
    content = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    if b"\0" in content:
        raise DataError("not a list of paths", where=path, expected="one path per line, in UTF-8")
    for line in content.split(b"\n"):  # not splitlines: names may hold other line separators
        if line.strip():
            yield _absolute(path.parent / os.fsdecode(line.removesuffix(b"\r")))


def _find_in(path: Path) -> Iterator[tuple[str, int | None]]:
    """Yield a file, or the files in a folder, as `_find` does."""
    found, mode = [path], _mode(path)
    if S_ISDIR(mode):
        inside = [file for file in find_files(path)[0] if _may_be_read(file)]
        # An empty folder is yielded itself, so that it can be reported.
        found = [file for file in inside if not _is_result(file)] or found
    elif mode and not S_ISREG(mode):
        raise DataError("neither a file nor a folder", where=path)
    for file in found:
        is_table = file.suffix.lower() == TABLE and S_ISREG(_mode(file))
        yield str(file), _rows(file) if is_table else None


def _may_be_read(path: Path) -> bool:
    # By its name, not its content: there may be a million files, on slow disks. `find_files` gives
    # a folder only if it cannot be listed; reading it will report the error.
    return path.suffix.lower() in ENDINGS | {TABLE} or path.is_dir()


def _mode(path: Path) -> int:
    """Return the mode that `stat` reports, or 0 if it fails."""
    try:
        return path.stat().st_mode
    except OSError:  # reading the file will report the reason
        return 0


def _is_result(path: Path) -> bool:
    return path.suffix.lower() == TABLE and (path.parent / RECORD).exists()


def _rows(path: Path) -> int:
    with _pyarrow_errors(path):
        table = _open(path)
        kind = table.schema_arrow.field(COLUMN).type if COLUMN in table.schema_arrow.names else None
        if kind is None or not _holds_bytes(kind):
            raise DataError(
                f"its columns are {', '.join(table.schema_arrow.names[:9])}",
                where=path,
                expected=f"a column {COLUMN} with the bytes of a picture file in each row",
            )
        return int(table.metadata.num_rows)


def _open(path: Path) -> Any:
    """Open a table for streaming; it closes when the last reference is dropped."""
    import pyarrow.parquet

    file = pyarrow.OSFile(os.fsencode(path))
    return pyarrow.parquet.ParquetFile(file, pre_buffer=False, buffer_size=_BUFFER)


@contextlib.contextmanager
def _pyarrow_errors(path: Path) -> Iterator[None]:
    """Raise pyarrow's errors as `DataError`; the cause of a disk error is the `OSError`."""
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, OSError) as error:
        if isinstance(error, MemoryError):
            raise
        if isinstance(error, OSError) and error.errno is not None:
            what = f"cannot be read: {os.strerror(error.errno)}"
            raise DataError(what, where=path) from error
        raise DataError(f"not a Parquet table, or damaged: {error}", where=path) from None


def _holds_bytes(kind: Any) -> bool:
    import pyarrow

    if pyarrow.types.is_struct(kind):  # as Hugging Face's libraries write pictures
        return bool(kind.get_field_index("bytes") >= 0)
    return bool(pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind))


class Opener:
    """Reads the bytes of pictures, and keeps the last table open."""

    def __init__(self) -> None:
        self._table: _Table | None = None

    def content(self, item: Item) -> bytes:
        """Return the bytes of a picture file.

        Raises
        ------
        DataError
            If it cannot be read. If the file could not be opened, the cause is an `OSError`.
        """
        if item.row is None:
            try:
                return decode.read_content(Path(item.path))
            except DataError as error:
                if isinstance(error.__cause__, IsADirectoryError):
                    error.what = "no pictures"
                raise
        if self._table is None or self._table.path != item.path:
            self._table = None  # close the previous one first
            self._table = _Table(item.path)
        value = self._table.value(item.row)
        content = value.get("bytes") if isinstance(value, dict) else value
        if not isinstance(content, bytes):
            raise DataError("no image in this row", where=item.name)
        return content


class _Table:
    """An open table, streamed with a few rows in memory at a time."""

    def __init__(self, path: str) -> None:
        self.path = path
        with _pyarrow_errors(Path(path)):
            self._file = _open(Path(path))
            groups = self._file.metadata.num_row_groups
            counts = [self._file.metadata.row_group(n).num_rows for n in range(groups)]
        self._firsts = list(itertools.accumulate(counts, initial=0))  # the first row of each group
        # The row group that is streamed, and the rest of its batches.
        self._group, self._batches = -1, iter(())
        # The values in memory, and the row of the first of them.
        self._first, self._held = 0, ()
        # Rows that could not be read, and the error.
        self._failed, self._failure = range(0), DataError("")

    def value(self, row: int) -> Any:
        """Return the value in a row; raise `DataError` if it cannot be read."""
        if row in self._failed:  # a second attempt would take as long as the first
            raise DataError(self._failure.what, where=self.path) from self._failure.__cause__
        if row >= self._firsts[-1]:
            raise DataError("there is no such row", where=f"{self.path}#{row}")
        group = bisect.bisect_right(self._firsts, row) - 1
        if group != self._group or row < self._first:
            self._group, self._first, self._held = group, self._firsts[group], ()
            self._batches = self._file.iter_batches(
                batch_size=_ROWS, row_groups=[group], columns=[COLUMN], use_threads=False
            )
        try:
            while row >= self._first + len(self._held):
                self._read_on()
        except DataError as error:
            self._failed, self._failure = range(self._first, self._firsts[group + 1]), error
            raise
        except MemoryError:
            self._group = -1  # the stream has ended before its last row: start again next time
            raise
        return self._held[row - self._first].as_py()

    def _read_on(self) -> None:
        self._first, self._held = self._first + len(self._held), ()
        with _pyarrow_errors(Path(self.path)):
            batch = next(self._batches, None)
        if batch is None:
            raise DataError("damaged: rows are missing", where=self.path)
        self._held = batch.column(0)
