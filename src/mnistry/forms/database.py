"""The SQLite file of a batch: its tables, its settings, and its errors as ours.

Knows nothing of what the rows mean: `mnistry.forms.store` does.
"""

import functools
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from mnistry.errors import DataError, ResourceError, UsageError
from mnistry.system import files

FORMAT = 2
_FILE = "batch.sqlite"
# Seconds to wait for another process that writes.
_WAIT = 60.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS files (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL, sha256 TEXT NOT NULL UNIQUE,
    pages INTEGER, version TEXT);
CREATE TABLE IF NOT EXISTS sheets (id INTEGER PRIMARY KEY, serial INTEGER);
CREATE TABLE IF NOT EXISTS pages (
    id INTEGER PRIMARY KEY, file INTEGER NOT NULL REFERENCES files, number INTEGER NOT NULL,
    sheet INTEGER REFERENCES sheets, page INTEGER, turned INTEGER, same_as INTEGER,
    problem TEXT, problems TEXT NOT NULL, pattern BLOB, picture TEXT, paper TEXT,
    UNIQUE (file, number));
CREATE TABLE IF NOT EXISTS fields (
    sheet INTEGER NOT NULL REFERENCES sheets, tbl TEXT NOT NULL, row INTEGER NOT NULL,
    name TEXT NOT NULL, text TEXT NOT NULL, value TEXT NOT NULL, confidence REAL NOT NULL,
    status TEXT NOT NULL, why TEXT, candidates TEXT NOT NULL, box TEXT NOT NULL,
    page INTEGER NOT NULL, is_contested INTEGER NOT NULL, PRIMARY KEY (sheet, tbl, row, name));
CREATE TABLE IF NOT EXISTS decisions (
    id INTEGER PRIMARY KEY, sheet INTEGER NOT NULL REFERENCES sheets, tbl TEXT NOT NULL,
    row INTEGER NOT NULL, name TEXT NOT NULL, text TEXT NOT NULL, value TEXT NOT NULL,
    problem TEXT, how TEXT NOT NULL, who TEXT NOT NULL, at REAL NOT NULL, undone REAL);
CREATE TABLE IF NOT EXISTS audits (
    id INTEGER PRIMARY KEY, sheet INTEGER NOT NULL REFERENCES sheets, tbl TEXT NOT NULL,
    row INTEGER NOT NULL, name TEXT NOT NULL, read TEXT NOT NULL, text TEXT, value TEXT,
    problem TEXT, who TEXT, at REAL, UNIQUE (sheet, tbl, row, name));
CREATE TABLE IF NOT EXISTS placements (
    id INTEGER PRIMARY KEY, file INTEGER NOT NULL REFERENCES files, number INTEGER NOT NULL,
    page INTEGER, serial INTEGER, points TEXT NOT NULL, paper TEXT NOT NULL, before TEXT,
    who TEXT NOT NULL, at REAL NOT NULL, undone REAL);
CREATE INDEX IF NOT EXISTS sheets_by_serial ON sheets (serial);
CREATE INDEX IF NOT EXISTS pages_by_sheet ON pages (sheet);
"""

# SQLite's errors that do not mean that the batch is damaged, and what to do about each.
_HINDERED = {
    **dict.fromkeys(
        (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED), "wait for the other program that writes to it"
    ),
    **dict.fromkeys((sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR), "free some space"),
    **dict.fromkeys(
        (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM),
        "copy the batch to a place where you may write",
    ),
}

_P = ParamSpec("_P")
_R = TypeVar("_R")


@contextmanager
def _our_errors(folder: Path | None) -> Iterator[None]:
    """Turn SQLite's errors into ours."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        if code in _HINDERED:
            raise ResourceError(
                f"the batch cannot be read or written: {error}",
                where=folder,
                remedy=_HINDERED[code],
            ) from error
        raise _damaged(folder, error) from error
    except UnicodeDecodeError as error:  # of a text in the file
        raise _damaged(folder, error) from error


def _damaged(folder: Path | None, error: Exception) -> DataError:
    return DataError(
        f"a damaged batch: {error}", where=folder, remedy="read the scans into a new folder"
    )


def reads(method: Callable[_P, _R]) -> Callable[_P, _R]:
    """Decorate a method that reads from the database, so that it raises our errors.

    They name the `folder` of the method's object. A value that cannot be converted means that the
    batch is damaged.
    """

    @functools.wraps(method)
    def read(*arguments: _P.args, **named: _P.kwargs) -> _R:
        folder: Path | None = getattr(arguments[0], "folder", None)
        with _our_errors(folder):
            try:
                return method(*arguments, **named)
            except (ArithmeticError, LookupError, TypeError, ValueError) as error:
                raise _damaged(folder, error) from error

    return read


class Database:
    """The file of a batch, or one in memory. One thread at a time may use it.

    Its parameters, and the errors that it raises, are those of `mnistry.forms.store.Store`.
    """

    def __init__(self, folder: Path | None, *, must_exist: bool) -> None:
        self._folder = folder
        is_read_only = folder is not None and not _prepare(folder, must_exist=must_exist)
        where = ":memory:" if folder is None else (folder / _FILE).absolute().as_uri()
        with _our_errors(folder):
            self._connection = sqlite3.connect(
                f"{where}?mode=ro" if is_read_only else where,
                timeout=_WAIT, isolation_level=None, check_same_thread=False, uri=True,
            )  # fmt: skip
            if not is_read_only:
                self._create()
            (known,) = self.execute("SELECT value FROM meta WHERE name = 'format'").fetchone()
        if known != str(FORMAT):
            raise DataError(
                f"a batch of format {known}", where=folder, expected=f"format {FORMAT}",
                remedy="use the mnistry that made it, or read the scans into a new folder",
            )  # fmt: skip

    def _create(self) -> None:
        """Make the tables that are not there."""
        if self._folder is not None:
            (self._folder / _FILE).chmod(0o600)
        self.execute("PRAGMA secure_delete = ON")
        self.execute("PRAGMA foreign_keys = ON")
        # EXTRA also flushes the folder from which SQLite's journal was removed. With FULL a power
        # cut may bring the journal back, which undoes the last transaction.
        self.execute("PRAGMA synchronous = EXTRA")
        with self.transaction():
            for statement in _SCHEMA.split(";"):
                self.execute(statement)
            columns = self.execute("PRAGMA table_info(pages)")
            if "paper" not in {name for _, name, *_ in columns}:  # made by an earlier build
                self.execute("ALTER TABLE pages ADD COLUMN paper TEXT")
            self.execute("INSERT OR IGNORE INTO meta VALUES ('format', ?)", (str(FORMAT),))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def execute(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement of SQL."""
        return self._connection.execute(statement, values)

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> sqlite3.Cursor:
        """Run one statement of SQL for each row of values."""
        return self._connection.executemany(statement, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all of it, or nothing if it raises; raise our errors."""
        with _our_errors(self._folder):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # SQLite ends it by itself if the disk is full
                    self._connection.execute("ROLLBACK")
                raise


def _prepare(folder: Path, *, must_exist: bool) -> bool:
    """Make the folder, or check that it is a batch; let only its owner read it.

    Return whether the batch may be written.
    """
    if not (folder / _FILE).is_file():
        if must_exist:
            raise UsageError(
                "not a batch", where=folder, remedy="mnistry form read FORM.toml SCANS --batch DIR"
            )
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(
                "not empty, and not a batch", where=folder, remedy="give a new folder with --batch"
            )
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.fsync_folder(folder.parent)
    try:
        folder.chmod(0o700)
        if (folder / _FILE).exists():
            (folder / _FILE).chmod(0o600)  # else SQLite may open it for reading only
    except OSError:  # of another owner, or on a disk that is read-only
        if os.access(folder, os.W_OK) or not (folder / _FILE).is_file():
            raise
        return False
    return True
