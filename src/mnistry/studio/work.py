"""Computations in threads: so many at once, so many waiting, and the rest refused.

A queue without an end would answer everybody too late. Knows nothing of what is computed.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from starlette.requests import Request

from mnistry.studio.refusals import Refusal, busy

P = ParamSpec("P")
T = TypeVar("T")


class Work:
    """Does what requests ask for.

    Parameters
    ----------
    threads
        How many computations run at once.
    waiting
        How many more are accepted.
    """

    def __init__(self, threads: int, waiting: int) -> None:
        self._threads = ThreadPoolExecutor(threads, "studio")
        self._room = threading.Semaphore(threads + waiting)

    async def do(
        self, request: Request, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Compute something for a request whose body has been read.

        If its client leaves, what has not begun never does; what has, ends for nobody.

        Raises
        ------
        Refusal
            With status 503 if there is no room, or if the client is gone.
        """
        if not self._room.acquire(blocking=False):
            raise busy()
        running = self._threads.submit(function, *args, **kwargs)
        running.add_done_callback(lambda _: self._room.release())
        answer = asyncio.wrap_future(running)
        gone = asyncio.ensure_future(_gone(request))
        try:
            either: set[asyncio.Future[Any]] = {answer, gone}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise Refusal(400, "the client is gone")
            return answer.result()
        finally:
            gone.cancel()
            answer.cancel()

    def close(self) -> None:
        """Begin nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
