"""Read all pages of all pictures of a request, each with its own answer or error.

Knows nothing of how a request arrives, nor of how a page is read.
"""

import asyncio
import json
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mnistry.errors import MnistryError
from mnistry.images.page_numbers import PageNumbers
from mnistry.server.errors import ApiError, Error, error_of
from mnistry.server.tasks import JSON, Answered, Task
from mnistry.server.uploads import Upload

MAX_PAGES = 100  # of a document, in one request


class Backend(Protocol):
    """What reads pages: other processes, or threads of this one.

    Attributes
    ----------
    at_once
        How many pages of one request should be under way at once.
    ready, waiting, restarts
        How many of the processes can read, how many tasks wait for one, and how many processes
        have been replaced.
    """

    at_once: int

    @property
    def ready(self) -> int: ...  # noqa: D102
    @property
    def waiting(self) -> int: ...  # noqa: D102
    @property
    def restarts(self) -> int: ...  # noqa: D102

    def check_room(self, task: Task, /) -> None:
        """Raise `ApiError` 503 if a request that begins with this task would wait for too long."""

    async def run(self, task: Task, /) -> Answered:
        """Do a task; raise `MnistryError` if it cannot be done."""


@dataclass(frozen=True)
class Asked:
    """What a request asks for: what is read, the keys of its answers, and the pages."""

    kind: str
    fields: tuple[str, ...]
    numbers: PageNumbers | None = None

    @property
    def first(self) -> int:
        """The first page to be read."""
        return 1 if self.numbers is None else min(first for first, _ in self.numbers.ranges)

    def among(self, count: int) -> list[int]:
        """Return the pages to be read of a document with this number of pages."""
        return list(range(1, count + 1)) if self.numbers is None else self.numbers.among(count)

    def task(self, content: bytes, page: int) -> Task:
        """Return the task to read a page."""
        return Task(self.kind, content, page, self.fields)


async def read(backend: Backend, asked: Asked, upload: Upload) -> Answered:
    """Read the pictures of a request.

    Returns
    -------
    Answered
        The answer for the only page; or JSON ``{"results": […]}`` with an item for each page.

    Raises
    ------
    MnistryError, ApiError
        If the only picture cannot be read; of several, those that cannot have an error in their
        item. 503 if there is no room for another request.
    """
    readable = [content for content in upload.pictures if isinstance(content, bytes)]
    if readable:
        backend.check_room(asked.task(readable[0], asked.first))
    reading = _Reading(backend, asked)
    if upload.is_list:
        return _joined(await reading.all(upload.pictures))
    (content,) = upload.pictures
    if not isinstance(content, bytes):
        raise content
    answered = await reading.page(content, asked.first)
    others = _others(asked, answered.pages)
    if not others:
        return answered
    items = await reading.pages(0, content, others)
    return _joined([_item(0, asked.first, answered.body), *items])


class _Reading:
    """Reads pages, so many at once."""

    def __init__(self, backend: Backend, asked: Asked) -> None:
        self._backend, self._asked = backend, asked
        self._room = asyncio.Semaphore(backend.at_once)

    async def page(self, content: bytes, number: int) -> Answered:
        async with self._room:
            return await self._backend.run(self._asked.task(content, number))

    async def pages(self, index: int, content: bytes, numbers: Sequence[int]) -> list[bytes]:
        """Return an item for each of these pages of a picture."""
        return await _gather([self._item(index, content, number) for number in numbers])

    async def all(self, pictures: Sequence[bytes | ApiError]) -> list[bytes]:
        """Return an item for each page of each picture."""
        found = await _gather([self._items(i, one) for i, one in enumerate(pictures)])
        return [item for items in found for item in items]

    async def _items(self, index: int, content: bytes | ApiError) -> list[bytes]:
        first = self._asked.first
        try:
            if not isinstance(content, bytes):
                raise content
            answered = await self.page(content, first)
            others = _others(self._asked, answered.pages)
        except Exception as error:
            return [_error_item(index, None, error)]
        return [_item(index, first, answered.body), *await self.pages(index, content, others)]

    async def _item(self, index: int, content: bytes, number: int) -> bytes:
        try:
            return _item(index, number, (await self.page(content, number)).body)
        except Exception as error:
            return _error_item(index, number, error)


async def _gather(work: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Return the results in order; cancelled, it cancels them all."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
    return [task.result() for task in tasks]


def _others(asked: Asked, count: int) -> list[int]:
    """Return the pages that are still to be read, once the first one is."""
    numbers = asked.among(count)
    if len(numbers) > MAX_PAGES:
        raise ApiError(
            400,
            f"{len(numbers)} pages",
            where="the image",
            expected=f"at most {MAX_PAGES} pages in one request",
            remedy=f"add ?pages=1-{MAX_PAGES} to the address, and then the pages that follow",
        )
    return [number for number in numbers if number != asked.first]


def _item(index: int, page: int | None, body: bytes) -> bytes:
    """Put the picture's and the page's number before the keys of an answer."""
    place = json.dumps({"index": index, "page": page}, separators=(",", ":"))
    return place[:-1].encode() + b"," + body[1:]


def _error_item(index: int, page: int | None, error: Exception) -> bytes:
    match error:
        case ApiError():
            said = error.error
        case MnistryError():
            said = error_of(error)
        case _:
            logging.getLogger(__name__).error("a picture of a batch", exc_info=error)
            said = Error("internal error", remedy="see the server's terminal, and please report it")
    return _item(index, page, said.to_json().encode())


def _joined(items: Sequence[bytes]) -> Answered:
    return Answered(b'{"results":[' + b",".join(items) + b"]}", JSON)
