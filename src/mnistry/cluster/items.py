"""Pictures in bulk: files, and rows of Parquet tables, each with a name of its own.

Knows nothing of Ray, nor of what is read in them.
"""

import bisect
import contextlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from mnistry import images
from mnistry.errors import DataError
from mnistry.picture_files import find_pictures

COLUMN = "image"
TABLE, LIST = ".parquet", ".txt"
RECORD = "_reading.json"  # lies beside tables that are results, and is passed over by their readers


@dataclass(frozen=True, slots=True)
class Item:
    """One picture.

    Attributes
    ----------
    path
        An image file; or a Parquet file with a column ``image`` of whole image files.
    row
        Which row of the table, from 0; None for an image file.
    """

    path: str
    row: int | None = None

    @property
    def name(self) -> str:
        r"""What it is called in results: ``/page.png``, or ``/scans.parquet#17``.

        Bytes of a path that are no UTF-8 are written as ``\xf6``.

        Examples
        --------
        >>> Item("/page.png").name, Item("/scans.parquet", 17).name
        ('/page.png', '/scans.parquet#17')
        """
        shown = _shown(self.path)
        return shown if self.row is None else f"{shown}#{self.row}"


class Pictures:
    """The pictures of files, folders, Parquet tables, and lists of paths (``.txt``), numbered.

    Relative paths in a list are meant from where the list lies. Each picture is there once, under
    its absolute path. A table takes no more memory for having many rows.

    Parameters
    ----------
    inputs
        Where they are.

    Raises
    ------
    DataError
        If an input is not there, or a table has no column of images.
    """

    def __init__(self, inputs: Iterable[str]) -> None:
        rows = dict(found for given in inputs for found in _find(_absolute(given)))
        self._paths, self._rows = list(rows), list(rows.values())
        counts = [1 if count is None else count for count in self._rows]
        self._firsts = np.cumsum([0, *counts])
        self._index = {_shown(path): index for index, path in enumerate(rows)}

    def __len__(self) -> int:
        """Tell how many there are."""
        return int(self._firsts[-1])

    def number(self, name: str) -> int | None:
        """Give the number of the picture of a name; None if it is none of these."""
        path, _, row = name.rpartition("#")
        if name in self._index and self._rows[self._index[name]] is None:
            path, row = name, "0"
        index = self._index.get(path)
        if index is None or not row.isdecimal():
            return None
        number = int(self._firsts[index]) + int(row)
        return number if number < self._firsts[index + 1] else None

    def pack(self, numbers: NDArray[np.intp]) -> str:
        """Write pictures down in short: their numbers must rise."""
        owners = np.searchsorted(self._firsts, numbers, side="right") - 1
        cuts = np.flatnonzero((np.diff(numbers) != 1) | (np.diff(owners) != 0)) + 1
        spans: list[tuple[str, int | None, int]] = []
        for run, owner in zip(np.split(numbers, cuts), owners[[0, *cuts]], strict=True):
            start = int(run[0] - self._firsts[owner])
            first = None if self._rows[owner] is None else start
            spans.append((self._paths[owner], first, start + len(run)))
        return json.dumps(spans)


def unpack(text: str) -> list[Item]:
    """Give the pictures that `Pictures.pack` wrote down."""
    items: list[Item] = []
    for path, start, stop in json.loads(text):
        items += [Item(path)] if start is None else [Item(path, row) for row in range(start, stop)]
    return items


def _shown(path: str) -> str:
    if path.isascii():
        return path  # and no copy
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _absolute(path: str | Path) -> Path:
    """Give the path from the root, without ``..``; where it leads is not looked up."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def _find(path: Path) -> Iterator[tuple[str, int | None]]:
    """Give files, and how many rows each has; None for an image."""
    if path.is_dir():
        pictures, _ = find_pictures(path)
        yield from ((str(picture), None) for picture in pictures)
        tables = [file for file in path.rglob("*") if file.suffix.lower() == TABLE]
        results = {folder for folder in {t.parent for t in tables} if (folder / RECORD).exists()}
        for table in sorted(table for table in tables if table.parent not in results):
            yield from _find(table)
    elif not path.is_file():
        raise DataError("no such file or folder", where=path)
    elif path.suffix.lower() == TABLE:
        yield str(path), _rows(path)
    elif path.suffix.lower() == LIST:
        for line in os.fsdecode(path.read_bytes()).splitlines():
            if line.strip():
                yield str(_absolute(path.parent / line.strip())), None
    else:
        yield str(path), None


def _rows(path: Path) -> int:
    import pyarrow.parquet

    with _opened(path) as file, pyarrow.parquet.ParquetFile(file) as table:
        kind = table.schema_arrow.field(COLUMN).type if COLUMN in table.schema_arrow.names else None
        if kind is None or not _holds_bytes(kind):
            raise DataError(
                f"its columns are {', '.join(table.schema_arrow.names[:9])}",
                where=path,
                expected=f"one called {COLUMN} with the bytes of an image file in each row",
            )
        return int(table.metadata.num_rows)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open a table, and turn what pyarrow raises of a damaged one into ours."""
    import pyarrow

    try:
        file = path.open("rb")
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=path) from error
    with file:
        try:
            yield file
        except (pyarrow.ArrowException, OSError) as error:
            raise DataError(f"no Parquet table, or damaged: {error}", where=path) from None


def _holds_bytes(kind: Any) -> bool:
    import pyarrow

    if pyarrow.types.is_struct(kind):  # as the libraries of Hugging Face write them
        return bool(kind.get_field_index("bytes") >= 0)
    return bool(pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind))


class Opener:
    """Gives the bytes of items; of a table, keeps the group of rows that was read last."""

    def __init__(self) -> None:
        self._path, self._first, self._column = "", 0, None

    def content(self, item: Item) -> bytes:
        """Read one item's image file.

        Raises
        ------
        DataError
            If it cannot be read; because of an `OSError` where the file itself cannot be opened.
        """
        if item.row is None:
            return images.read_content(Path(item.path))
        held = 0 if self._column is None else len(self._column)
        if item.path != self._path or not 0 <= item.row - self._first < held:
            self._read_group(item.path, item.row)
        value = self._column[item.row - self._first].as_py()  # type: ignore[index]
        content = value.get("bytes") if isinstance(value, dict) else value
        if not isinstance(content, bytes):
            raise DataError("no image in this row", where=item.name)
        return content

    def _read_group(self, path: str, row: int) -> None:
        import pyarrow.parquet

        self._column = None  # first let go of the one before
        with _opened(Path(path)) as file, pyarrow.parquet.ParquetFile(file) as table:
            counts = [table.metadata.row_group(n).num_rows for n in range(table.num_row_groups)]
            firsts = list(itertools.accumulate(counts, initial=0))
            group = bisect.bisect_right(firsts, row) - 1
            column = table.read_row_group(group, columns=[COLUMN]).column(COLUMN)
        self._path, self._first, self._column = path, firsts[group], column
