"""Read many pictures and documents page by page, in this process or in several.

Every page has one result: what was read, or why it could not be. Knows nothing of how results are
shown.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mnistry.errors import DataError
from mnistry.images.page_tasks import (
    DecodedPage,
    PageDecoder,
    PageTask,
    place,
    too_little_memory,
)
from mnistry.reading.reader import Reader
from mnistry.reading.result import Reading, Table
from mnistry.system import jobs


@dataclass(frozen=True)
class PageResult:
    """What was read on a page, or the error that prevented it.

    Attributes
    ----------
    task
        The page.
    reading
        What was read; None if there is an `error`, or if the tables were read instead.
    tables
        The tables, if these were to be read; else None.
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


def read_page(
    reader: Reader, task: PageTask, decoded: DecodedPage, *, tables: bool = False
) -> PageResult:
    """Read a page that is decoded.

    Parameters
    ----------
    reader
        Reads it.
    task, decoded
        The page, and what `PageDecoder` made of it.
    tables
        Whether to read its tables instead of its lines.
    """
    page = decoded.page
    if page is None:
        return PageResult(task, error=decoded.error, notices=decoded.notices)
    result = PageResult(task, size=page.size, dpi=page.dpi, notices=decoded.notices)
    try:
        if tables:
            return replace(result, tables=tuple(reader.read_tables(page)))
        found = reader.read_in_detail(page)
    except DataError as error:
        return PageResult(task, error=error, notices=decoded.notices)
    except MemoryError:
        return PageResult(task, error=too_little_memory(task), notices=decoded.notices)
    notes = tuple(f"{place(task)}: {note}" for note in found.reading.notes)
    return replace(
        result, reading=found.reading, size=found.size, notices=(*decoded.notices, *notes)
    )


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
        As for `read_page`.
    """
    arguments = (model, dict(settings), tables)
    return jobs.in_order(
        _read, tasks, number, given_up=_given_up, start=_start, arguments=arguments
    )


# In a process that `_start` has begun, its one decoder and reader, and whether it reads tables.
_readers: list[tuple[PageDecoder, Reader, bool]] = []


def _start(model: str | os.PathLike[str] | None, settings: dict[str, Any], tables: bool) -> None:
    import cv2

    cv2.setNumThreads(1)
    # Silence standard error: libtiff writes to it about damaged files.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    reader = Reader(model, threads=1, **settings)
    _readers.append((PageDecoder(tables=tables), reader, tables))


def _read(task: PageTask) -> PageResult:
    decoder, reader, tables = _readers[0]
    return read_page(reader, task, decoder.decode(task), tables=tables)


def _given_up(task: PageTask) -> PageResult:
    return PageResult(
        task,
        error=DataError(
            "the process that read it died, twice",
            where=place(task),
            remedy="save it again, or give fewer jobs if memory is short",
        ),
    )
