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
from mnistry.server.tasks import JSON, Answer, Task
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

    async def run(self, task: Task, /) -> Answer:
        """Do a task; raise `MnistryError` if it cannot be done."""


@dataclass(frozen=True)
class ReadRequest:
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


async def read(backend: Backend, request: ReadRequest, upload: Upload) -> Answer:
    """Read the pictures of a request.

    Returns
    -------
    Answer
        The answer for the only page; or JSON ``{"results": […]}`` with an item for each page.

    Raises
    ------
    MnistryError, ApiError
        If the only picture cannot be read. Of several, each that fails has an error in its item.
        503 if there is no room for another request.
    """
    readable = [content for content in upload.pictures if isinstance(content, bytes)]
    if readable:
        backend.check_room(request.task(readable[0], request.first))
    reader = _PageReader(backend, request)
    if upload.is_list:
        return _joined(await reader.all(upload.pictures))
    (content,) = upload.pictures
    if not isinstance(content, bytes):
        raise content
    answer = await reader.page(content, request.first)
    others = _others(request, answer.pages)
    if not others:
        return answer
    items = await reader.pages(0, content, others)
    return _joined([_item(0, request.first, answer.body), *items])


class _PageReader:
    """Reads pages, at most `Backend.at_once` at the same time."""

    def __init__(self, backend: Backend, request: ReadRequest) -> None:
        self._backend, self._request = backend, request
        self._room = asyncio.Semaphore(backend.at_once)

    async def page(self, content: bytes, number: int) -> Answer:
        async with self._room:
            return await self._backend.run(self._request.task(content, number))

    async def pages(self, index: int, content: bytes, numbers: Sequence[int]) -> list[bytes]:
        """Return an item for each of these pages of a picture."""
        return await _gather([self._item(index, content, number) for number in numbers])

    async def all(self, pictures: Sequence[bytes | ApiError]) -> list[bytes]:
        """Return an item for each page of each picture."""
        found = await _gather([self._items(i, one) for i, one in enumerate(pictures)])
        return [item for items in found for item in items]

    async def _items(self, index: int, content: bytes | ApiError) -> list[bytes]:
        first = self._request.first
        try:
            if not isinstance(content, bytes):
                raise content
            answer = await self.page(content, first)
            others = _others(self._request, answer.pages)
        except Exception as error:
            return [_error_item(index, None, error)]
        return [_item(index, first, answer.body), *await self.pages(index, content, others)]

    async def _item(self, index: int, content: bytes, number: int) -> bytes:
        try:
            return _item(index, number, (await self.page(content, number)).body)
        except Exception as error:
            return _error_item(index, number, error)


async def _gather(work: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Run all at once, and return their results in order. If this is cancelled, all are."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
    return [task.result() for task in tasks]


def _others(request: ReadRequest, count: int) -> list[int]:
    """Return the pages that are still to be read, once the first one is."""
    numbers = request.among(count)
    if len(numbers) > MAX_PAGES:
        raise ApiError(
            400,
            f"{len(numbers)} pages",
            where="the image",
            expected=f"at most {MAX_PAGES} pages in one request",
            remedy=f"add ?pages=1-{MAX_PAGES} to the address, and then the pages that follow",
        )
    return [number for number in numbers if number != request.first]


def _item(index: int, page: int | None, body: bytes) -> bytes:
    """Put the picture's and the page's number before the keys of an answer."""
    place = json.dumps({"index": index, "page": page}, separators=(",", ":"))
    return place[:-1].encode() + b"," + body[1:]


def _error_item(index: int, page: int | None, error: Exception) -> bytes:
    match error:
        case ApiError():
            reason = error.error
        case MnistryError():
            reason = error_of(error)
        case _:
            logging.getLogger(__name__).error("a picture of a batch", exc_info=error)
            reason = Error(
                "internal error", remedy="see the server's terminal, and please report it"
            )
    return _item(index, page, reason.to_json().encode())


def _joined(items: Sequence[bytes]) -> Answer:
    return Answer(b'{"results":[' + b",".join(items) + b"]}", JSON)
