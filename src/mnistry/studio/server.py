"""Run the studio: its socket, its address, its end, and the limits on slow connections.

uvicorn has a limit for idle connections alone. Here the head of a request must come in time too,
and an answer must be taken in time. Knows nothing of routes.
"""

import asyncio
import errno
import logging
import os
import secrets
import socket
import warnings
from collections.abc import Callable
from typing import Any

import cv2
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from mnistry.errors import Notice, ResourceError, UsageError
from mnistry.studio.app import Studio, create
from mnistry.studio.guard import Access, is_loopback

_GOODBYE = 2  # seconds in which answers under way may end
_HEAD_BYTES = 1 << 14
_BACKLOG = 128
_MOST_PORT = 65_535


class PatientProtocol(H11Protocol):
    """HTTP/1.1 for clients that may be slow, but not for ever."""

    HEAD_SECONDS = 10.0  # from the connection, or the last answer, to the end of a request's head
    TAKE_SECONDS = 30.0  # in which a client takes none of an answer that is ready

    _head: asyncio.TimerHandle | None = None
    _take: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        super().connection_lost(exc)
        for timer in (self._head, self._take):
            if timer is not None:
                timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Take what has come."""
        super().data_received(data)
        self._wait_for_head()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        super().on_response_complete()
        self._wait_for_head()

    def pause_writing(self) -> None:
        """Begin to wait until the client takes something."""
        super().pause_writing()
        self._take = self.loop.call_later(self.TAKE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        if self._take is not None:
            self._take.cancel()

    def _wait_for_head(self) -> None:
        # A byte now and then does not move the limit.
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering and self._head is not None:
            self._head.cancel()
            self._head = None
        elif not answering and self._head is None:
            self._head = self.loop.call_later(self.HEAD_SECONDS, self.transport.abort)


class _Server(uvicorn.Server):
    """Ends trainings, and with them the streams that follow them, before the connections."""

    def __init__(self, config: uvicorn.Config, studio: Studio, say: Callable[[str], None]) -> None:
        super().__init__(config)
        self._studio, self._say = studio, say

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        trainer = self._studio.trainer
        if trainer.running and trainer.state is not None:
            self._say(f"stopping the training {trainer.state.run}")
        cut = await self._studio.close()
        if cut is not None:
            folder = self._studio.archive.folder / cut
            self._say(f"interrupted; go on with: mnistry train --resume {folder}")
        await super().shutdown(sockets)


def serve(
    studio: Studio,
    host: str,
    port: int,
    *,
    on_ready: Callable[[str], None],
    say: Callable[[str], None],
) -> None:
    """Serve until an interrupt or a termination.

    Parameters
    ----------
    studio
        What is served.
    host, port
        Where to listen; port 0 takes one that is free. Beyond loopback a token is made.
    on_ready
        Called with the address to open, before the first request is answered.
    say
        Called with what the user should know at the end.

    Raises
    ------
    ResourceError
        If the port is taken.
    UsageError
        If there is no such host or port here.
    """
    access = Access(host, None if is_loopback(host) else secrets.token_urlsafe())
    listener = _listen(host, port)
    cv2.setNumThreads(1)  # requests run beside one another
    # Before uvicorn's threads and ours begin: filters belong to the whole process.
    warnings.simplefilter("ignore", Notice)
    # Whoever sends broken forms must not fill the terminal.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    with listener:
        on_ready(_address(host, listener.getsockname()[1], access.token))
        _Server(config(create(studio, access)), studio, say).run([listener])


def config(app: Any) -> uvicorn.Config:
    """Give uvicorn's settings for an application of ours."""
    return uvicorn.Config(
        app,
        http=PatientProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        h11_max_incomplete_event_size=_HEAD_BYTES,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=_GOODBYE,
    )


def _listen(host: str, port: int) -> socket.socket:
    where = f"{host}:{port}"
    if not 0 <= port <= _MOST_PORT:
        raise UsageError("no such port", where=where, expected=f"0 to {_MOST_PORT}")
    listener = None
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # Only where a socket says that it is TCP does asyncio turn off Nagle's algorithm, which
        # holds the second part of an answer back until the client has acknowledged the first.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        if os.name != "nt":  # there it would let two programs listen
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        if listener is not None:
            listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ResourceError(
                "another program listens there", where=where, remedy="choose another --port"
            ) from error
        raise UsageError(f"cannot listen there: {error.strerror}", where=where) from error
    return listener


def _address(host: str, port: int, token: str | None) -> str:
    name = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, host)  # noqa: S104
    if ":" in name:
        name = f"[{name}]"
    return f"http://{name}:{port}/" + ("" if token is None else f"?token={token}")
