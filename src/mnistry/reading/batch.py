"""Read many pictures and documents page by page, in this process or in several.

Every page has one result: what was read, or why it could not be. Knows nothing of how they are
shown.
"""

import os
import stat
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mnistry.errors import DataError, Notice
from mnistry.images import decode, sources
from mnistry.images.decode import Document
from mnistry.images.page_numbers import PageNumbers
from mnistry.reading.ink import LONG_SIDE
from mnistry.reading.reader import TABLE_SIDE, Reader
from mnistry.reading.result import Reading, Table
from mnistry.system import jobs

_OTHER_PAGES = "leave --pages out, or choose others"


@dataclass(frozen=True)
class PageTask:
    """A page to be read.

    Attributes
    ----------
    file
        The file's name, and its path unless `content` is given.
    page, pages
        The page's number, from 1, and the number of pages of its file.
    is_last
        Whether no other page of the file follows.
    content
        What was read from a pipe.
    error
        Why it cannot be read; it has a result nevertheless.
    """

    file: str
    page: int = 1
    pages: int = 1
    is_last: bool = True
    content: bytes | None = None
    error: DataError | None = None


@dataclass(frozen=True)
class PageResult:
    """What was read on a page, or the error that prevented it.

    Attributes
    ----------
    task
        The page.
    reading
        What was read; None with an `error`, and where tables were.
    tables
        The tables, if these were to be read.
    size
        Height and width of the upright page in pixels.
    dpi
        Its dots per inch, if they are known.
    notices
        What the user should know although nothing failed.
    """

    task: PageTask
    reading: Reading | None = None
    tables: tuple[Table, ...] | None = None
    size: tuple[int, int] | None = None
    dpi: float | None = None
    error: DataError | None = None
    notices: tuple[str, ...] = ()


def tasks_of(
    file: str, numbers: PageNumbers | None = None, content: bytes | None = None
) -> Iterator[PageTask]:
    """Yield a task for each chosen page of a file; an error is a task too.

    Parameters
    ----------
    file
        Its path; a name if its content is given.
    numbers
        The pages that are chosen; None chooses all.
    content
        Its content, if it has been read from a pipe.
    """
    try:
        if content is None and not _is_file(file):
            content = decode.read_content(Path(file))  # a pipe can be read once
        if content is None:
            count = decode.page_count(Path(file))
        else:
            with warnings.catch_warnings(), decode.open_content(content, file) as document:
                warnings.simplefilter("ignore", Notice)  # it comes again when it is read
                count = document.count
        chosen = range(1, count + 1) if numbers is None else numbers.among(count)
        if not chosen:
            raise DataError(
                f"it has {_pages(count)}: none is chosen", where=file, remedy=_OTHER_PAGES
            )
    except DataError as error:
        yield PageTask(file, content=content, error=error)
        return
    for number in chosen:
        is_last = number == chosen[-1]
        missing = None
        if number > count:
            missing = DataError(
                f"there is no page {number}",
                where=file,
                expected=f"1 to {count}" if count > 1 else "1, its only page",
                remedy=_OTHER_PAGES,
            )
        yield PageTask(file, number, max(count, number), is_last, content, missing)


class PageReader:
    """Reads one page after the other, and keeps the last document open.

    Parameters
    ----------
    reader
        Reads the pages.
    tables
        Whether to read their tables instead of their lines.
    """

    def __init__(self, reader: Reader, *, tables: bool = False) -> None:
        self._reader, self._tables = reader, tables
        self._file: str | None = None
        self._document: Document | None = None

    def read(self, task: PageTask) -> PageResult:
        """Read a page."""
        if task.error is not None:
            if task.is_last:
                self._close()
            return PageResult(task, error=task.error)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", Notice)
            try:
                side = TABLE_SIDE if self._tables else LONG_SIDE
                page = sources.checked_page(self._opened(task), task.page, side)
                result = PageResult(task, size=page.size, dpi=page.dpi)
                if self._tables:
                    result = replace(result, tables=tuple(self._reader.read_tables(page)))
                else:
                    found = self._reader.read_in_detail(page)
                    result = replace(result, reading=found.reading, size=found.size)
            except DataError as error:
                result = PageResult(task, error=error)
            except MemoryError:
                result = PageResult(task, error=_too_little_memory(task))
            if task.is_last:
                self._close()
        notices = [str(one.message) for one in caught if issubclass(one.category, Notice)]
        if result.reading is not None:
            notices += [f"{place(task)}: {note}" for note in result.reading.notes]
        return replace(result, notices=tuple(notices))

    def _opened(self, task: PageTask) -> Document:
        if self._document is None or self._file != task.file:
            self._close()
            self._document = (
                decode.open_file(Path(task.file))
                if task.content is None
                else decode.open_content(task.content, task.file)
            )
            self._file = task.file
        return self._document

    def _close(self) -> None:
        if self._document is not None:
            self._document.close()
        self._document = None


def read_in_processes(
    tasks: Iterable[PageTask],
    number: int,
    model: str | os.PathLike[str] | None,
    settings: Mapping[str, Any],
    *,
    tables: bool = False,
) -> Iterator[PageResult]:
    """Read pages in several processes; results come in the order of the tasks.

    Parameters
    ----------
    tasks
        The pages.
    number
        The number of processes.
    model, settings
        As for `mnistry.Reader`.
    tables
        As for `PageReader`.
    """
    arguments = (model, dict(settings), tables)
    return jobs.in_order(
        _read, tasks, number, given_up=_given_up, start=_start, arguments=arguments
    )


_page_readers: list[PageReader] = []  # of a process that `_start` has begun: one


def _start(model: str | os.PathLike[str] | None, settings: dict[str, Any], tables: bool) -> None:
    import cv2

    cv2.setNumThreads(1)
    # libtiff writes there about damaged files.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    _page_readers.append(PageReader(Reader(model, threads=1, **settings), tables=tables))


def _read(task: PageTask) -> PageResult:
    return _page_readers[0].read(task)


def _given_up(task: PageTask) -> PageResult:
    return PageResult(
        task,
        error=DataError(
            "the process that read it died, twice",
            where=place(task),
            remedy="save it again, or give fewer jobs if memory is short",
        ),
    )


def place(task: PageTask) -> str:
    """Name a page in messages: with its number if its file has several.

    Examples
    --------
    >>> place(PageTask("a.pdf", 2, 3)), place(PageTask("a.png"))
    ('a.pdf, page 2', 'a.png')
    """
    return task.file if task.pages == 1 else f"{task.file}, page {task.page}"


def _too_little_memory(task: PageTask) -> DataError:
    remedy = "save a smaller copy of it, or give fewer jobs"
    return DataError("not enough memory for it", where=place(task), remedy=remedy)


def _pages(count: int) -> str:
    return f"{count} page" + ("s" if count > 1 else "")


def _is_file(path: str) -> bool:
    try:
        return not stat.S_ISFIFO(Path(path).stat().st_mode)
    except OSError:  # opening it will tell why
        return True
