"""Pictures in bulk: files, and rows of Parquet tables, each with a name of its own.

Knows nothing of Ray, nor of what is read in them.
"""

import bisect
import contextlib
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnistry import images
from mnistry.errors import DataError
from mnistry.picture_files import find_pictures

COLUMN = "image"
TABLE, LIST = ".parquet", ".txt"


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
        """What it is called in results: ``page.png``, or ``scans.parquet#17``.

        Examples
        --------
        >>> Item("page.png").name, Item("scans.parquet", 17).name
        ('page.png', 'scans.parquet#17')
        """
        return self.path if self.row is None else f"{self.path}#{self.row}"


def find(inputs: Iterable[str]) -> list[Item]:
    """List the pictures of files, folders, Parquet tables, and lists of paths (``.txt``).

    Relative paths in a list are meant from where the list lies. Each picture is given once.

    Raises
    ------
    DataError
        If an input is not there, or a table has no column of images.
    """
    found: dict[Item, None] = {}
    for given in inputs:
        found |= dict.fromkeys(_items(Path(given)))
    return list(found)


def _items(path: Path) -> Iterator[Item]:
    if path.is_dir():
        pictures, _ = find_pictures(path)
        yield from map(Item, map(str, pictures))
        for table in sorted(path.rglob(f"*{TABLE}")):
            yield from _items(table)
    elif not path.is_file():
        raise DataError("no such file or folder", where=path)
    elif path.suffix.lower() == TABLE:
        yield from (Item(str(path), row) for row in range(_rows(path)))
    elif path.suffix.lower() == LIST:
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip():
                yield Item(str(path.parent / line.strip()))
    else:
        yield Item(str(path))


def _rows(path: Path) -> int:
    import pyarrow.parquet

    with _table_errors(path), pyarrow.parquet.ParquetFile(path) as table:
        kind = table.schema_arrow.field(COLUMN).type if COLUMN in table.schema_arrow.names else None
        if kind is None or not _holds_bytes(kind):
            raise DataError(
                f"its columns are {', '.join(table.schema_arrow.names[:9])}",
                where=path,
                expected=f"one called {COLUMN} with the bytes of an image file in each row",
            )
        return int(table.metadata.num_rows)


@contextlib.contextmanager
def _table_errors(path: Path) -> Iterator[None]:
    """Turn what pyarrow raises of a damaged table into ours."""
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"no Parquet table, or damaged: {error}", where=path) from error


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
            If it cannot be read.
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
        with _table_errors(Path(path)), pyarrow.parquet.ParquetFile(path) as table:
            counts = [table.metadata.row_group(n).num_rows for n in range(table.num_row_groups)]
            firsts = list(itertools.accumulate(counts, initial=0))
            group = bisect.bisect_right(firsts, row) - 1
            column = table.read_row_group(group, columns=[COLUMN]).column(COLUMN)
        self._path, self._first, self._column = path, firsts[group], column
