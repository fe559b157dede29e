"""Pages that are to be read, one after the other, and their decoding.

A page that cannot be decoded is an error of its own, and the others are decoded nevertheless. Knows
nothing of what is read on a page, and imports no network.
"""

import stat
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mnistry.errors import DataError, Notice, counted_noun
from mnistry.images import decode, sources
from mnistry.images.decode import Document, Page
from mnistry.images.page_numbers import PageNumbers

# A larger page is decoded so that its long side keeps at least so many pixels. Lines are read from
# a long side of `LINES_SIDE`: there a digit that is a fortieth of it high has 40 pixels, twice as
# many as MNIST's. The digits of tables are smaller, so they need more.
LINES_SIDE, TABLES_SIDE = 1600, 2000
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
        Why the page cannot be read; its result is then this error.
    """

    file: str
    page: int = 1
    pages: int = 1
    is_last: bool = True
    content: bytes | None = None
    error: DataError | None = None


@dataclass(frozen=True)
class DecodedPage:
    """A page that is ready to be read, or the error that prevented it.

    Attributes
    ----------
    page
        The page; None with an `error`.
    error
        Why it could not be decoded.
    notices
        What the user should know although nothing failed.
    """

    page: Page | None = None
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
                warnings.simplefilter("ignore", Notice)  # comes again when the page is read
                count = document.count
        chosen = range(1, count + 1) if numbers is None else numbers.among(count)
        if not chosen:
            raise DataError(
                f"it has {counted_noun(count, 'page')}: none is chosen",
                where=file,
                remedy=_OTHER_PAGES,
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


class PageDecoder:
    """Decodes one page after the other, and keeps the last document open.

    Parameters
    ----------
    tables
        Whether their tables are to be read, and not their lines.
    """

    def __init__(self, *, tables: bool) -> None:
        self._side = TABLES_SIDE if tables else LINES_SIDE
        self._file: str | None = None
        self._document: Document | None = None

    def decode(self, task: PageTask) -> DecodedPage:
        """Decode a page."""
        if task.error is not None:
            found = DecodedPage(error=task.error)
        else:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", Notice)
                try:
                    page = sources.checked_page(self._opened(task), task.page, self._side)
                    found = DecodedPage(page)
                except DataError as error:
                    found = DecodedPage(error=error)
                except MemoryError:
                    found = DecodedPage(error=too_little_memory(task))
            said = (str(one.message) for one in caught if issubclass(one.category, Notice))
            found = replace(found, notices=tuple(said))
        if task.is_last:
            self._close()
        return found

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


def place(task: PageTask) -> str:
    """Name a page in messages: with its number if its file has several.

    Examples
    --------
    >>> place(PageTask("a.pdf", 2, 3)), place(PageTask("a.png"))
    ('a.pdf, page 2', 'a.png')
    """
    return task.file if task.pages == 1 else f"{task.file}, page {task.page}"


def too_little_memory(task: PageTask) -> DataError:
    """Return the error for a page that needs more memory than there is."""
    remedy = "save a smaller copy of it, or give fewer jobs"
    return DataError("not enough memory for it", where=place(task), remedy=remedy)


def _is_file(path: str) -> bool:
    try:
        return not stat.S_ISFIFO(Path(path).stat().st_mode)
    except OSError:  # opening it will tell why
        return True
