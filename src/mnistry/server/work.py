"""A queue of limited length for computations in threads; when full, it refuses more.

Without a limit, every request would be answered too late. Knows nothing of what is computed.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from starlette.requests import Request

from mnistry.server.errors import ApiError, too_busy

P = ParamSpec("P")
T = TypeVar("T")


class WorkQueue:
    """Runs functions for requests, `threads` at once; `waiting` more may wait for a thread."""

    def __init__(self, threads: int, waiting: int) -> None:
        self._threads = ThreadPoolExecutor(threads, "server")
        self._room = threading.Semaphore(threads + waiting)

    @property
    def is_full(self) -> bool:
        """Whether the next call of `submit` would be refused."""
        free = self._room.acquire(blocking=False)
        if free:
            self._room.release()
        return not free

    async def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function, and return its result; if this is cancelled, queued work never runs.

        Raises
        ------
        ApiError
            503 if the queue is full.
        """
        if not self._room.acquire(blocking=False):
            raise too_busy()
        running = self._threads.submit(function, *args, **kwargs)
        running.add_done_callback(lambda _: self._room.release())
        return await asyncio.wrap_future(running)

    async def run(
        self, request: Request, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a function as `submit` does; cancel it if the client of the request disconnects."""
        return await while_connected(request, self.submit(function, *args, **kwargs))

    def close(self) -> None:
        """Cancel queued work; running work finishes."""
        self._threads.shutdown(wait=False, cancel_futures=True)


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Do the work for a request whose body has been read; cancel it if the client disconnects.

    Raises
    ------
    ApiError
        400 if the client has disconnected.
    """
    answer = asyncio.ensure_future(work)
    disconnect = asyncio.ensure_future(_disconnect(request))
    try:
        either: set[asyncio.Future[Any]] = {answer, disconnect}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise ApiError(400, "the client has disconnected")
        return answer.result()
    finally:
        disconnect.cancel()
        answer.cancel()


async def _disconnect(request: Request) -> None:
    """Wait until the client disconnects."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
