"""Run an application: its socket, its address, its shutdown, and the limits on slow connections.

uvicorn limits only idle connections. Here a request's headers must also arrive in time, and the
client must read its answer in time. Knows nothing of routes.
"""

import asyncio
import errno
import ipaddress
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import quote

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from mnistry.errors import ResourceError, UsageError
from mnistry.server.errors import Error
from mnistry.server.guard import Access
from mnistry.server.tasks import JSON

_HEAD_BYTES = 1 << 14  # of a request's headers, at most
_BACKLOG = 128  # connections that may wait to be accepted
_MAX_PORT = 65_535
_NOT_HTTP = Error(
    "not an HTTP/1.1 request",
    expected="without encryption, which a proxy can add; an address in ASCII; Host, and for a body "
    f"Content-Length or chunked; at most {_HEAD_BYTES:,} bytes of headers",
    remedy="use http:// and an HTTP library",
).to_json()


class TimeLimitedProtocol(H11Protocol):
    """HTTP/1.1 with time limits for slow clients."""

    HEAD_SECONDS = 10.0  # from the connection or the last answer to the end of the headers
    WRITE_SECONDS = 30.0  # the longest time that a client may read nothing of its answer

    _head_timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timer for the first request's headers."""
        super().connection_made(transport)
        self._update_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timers."""
        super().connection_lost(exc)
        for timer in (self._head_timer, self._write_timer):
            if timer is not None:
                timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Handle bytes from the client."""
        super().data_received(data)
        self._update_head_timer()

    def on_response_complete(self) -> None:
        """Start the timer for the next request's headers."""
        super().on_response_complete()
        self._update_head_timer()

    def pause_writing(self) -> None:
        """Start the timer for a client that does not read."""
        super().pause_writing()
        self._write_timer = self.loop.call_later(self.WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Cancel the timer: the client reads again."""
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()

    def send_400_response(self, _: str) -> None:
        """Answer what is not HTTP/1.1, and end the connection."""
        head = f"HTTP/1.1 400 Bad Request\r\nContent-Type: {JSON}\r\nConnection: close\r\n\r\n"
        if self.cycle is None or not self.cycle.response_started or self.cycle.response_complete:
            self.transport.write(head.encode() + _NOT_HTTP.encode())
        self.transport.close()

    def _update_head_timer(self) -> None:
        # Bytes that arrive do not restart the timer: a slow client could then extend it for ever.
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering and self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        elif not answering and self._head_timer is None:
            self._head_timer = self.loop.call_later(self.HEAD_SECONDS, self.transport.abort)


class Server(uvicorn.Server):
    """Runs one function once it listens and handles signals, and one before connections close."""

    def __init__(
        self,
        config: uvicorn.Config,
        on_ready: Callable[[], None],
        on_shutdown: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        super().__init__(config)
        self._on_ready, self._on_shutdown = on_ready, on_shutdown

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to answer, and then run `on_ready`."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Run `on_shutdown`, and then close the connections."""
        if self._on_shutdown is not None:
            await self._on_shutdown()
        await super().shutdown(sockets)


def serve(
    app: ASGIApp,
    access: Access,
    port: int,
    *,
    on_ready: Callable[[str], None],
    on_shutdown: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Serve an application until SIGINT or SIGTERM.

    Parameters
    ----------
    app
        The application, made with the same `access`.
    access
        Where to listen, and the token if there is one.
    port
        0 for any free port.
    on_ready
        Called with the address to open, when requests are answered and SIGINT ends the server.
    on_shutdown
        Called at shutdown, while connections are still open.

    Raises
    ------
    ResourceError
        If the port is taken.
    UsageError
        If this machine has no such host or port.
    """
    with listen(access.host, port) as listener:
        address = url(access, listener.getsockname()[1])
        Server(config(app), lambda: on_ready(address), on_shutdown).run([listener])


def config(app: ASGIApp, *, grace: int = 2, proxies: Sequence[str] = ()) -> uvicorn.Config:
    """Return uvicorn's settings for an application.

    A shutdown waits for running requests for `grace` seconds. What `proxies` say of clients in
    ``X-Forwarded-For`` and ``X-Forwarded-Proto`` is believed; raise `UsageError` if one is neither
    an address nor a network.
    """
    for proxy in proxies:
        try:
            ipaddress.ip_network(proxy)
        except ValueError:
            expected, remedy = (
                "an IP address or a network",
                "--proxy 10.0.0.2 or --proxy 10.0.0.0/8",
            )
            raise UsageError(
                "not an address", where=proxy, expected=expected, remedy=remedy
            ) from None
    # Otherwise malformed forms and requests would fill the terminal.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    return uvicorn.Config(
        app,
        http=TimeLimitedProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        server_header=False,
        h11_max_incomplete_event_size=_HEAD_BYTES,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=grace,
    )


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket; parameters and errors are those of `serve`."""
    where = f"{host}:{port}"
    if not 0 <= port <= _MAX_PORT:
        raise UsageError("no such port", where=where, expected=f"0 to {_MAX_PORT}")
    listener = None
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # With the protocol given, asyncio turns off Nagle's algorithm, which would delay the second
        # part of an answer until the client has acknowledged the first.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        if os.name != "nt":  # on Windows it would let two programs share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        if listener is not None:
            listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ResourceError(
                "another program listens on this port", where=where, remedy="choose another --port"
            ) from error
        raise UsageError(f"cannot listen on this address: {error.strerror}", where=where) from error
    except UnicodeError as error:  # a part of the name is empty, or too long
        raise UsageError("no such host", where=where) from error
    return listener


def url(access: Access, port: int) -> str:
    """Return the address to open in a browser, with the token if there is one.

    Examples
    --------
    >>> url(Access("::1"), 8000), url(Access("192.168.0.7", "t"), 8000)
    ('http://[::1]:8000/', 'http://192.168.0.7:8000/?token=t')
    """
    any_address = ("0.0.0.0", "::")  # noqa: S104
    name = socket.gethostname() if access.host in any_address else access.host
    if ":" in name:
        name = f"[{name}]"
    token = "" if access.token is None else f"?token={quote(access.token, safe='')}"
    return f"http://{name}:{port}{access.root_path}/{token}"
