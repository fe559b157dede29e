"""Limits on request bodies: size, duration, and the memory of all bodies together.

A body is admitted before it is read: the bytes it announces are reserved in a budget, and requests
beyond the budget are refused. Bodies are kept in memory, never in a file. Knows nothing of how they
are used.
"""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mnistry.server.errors import ApiError, too_busy
from mnistry.server.tasks import JSON, SMALL

MAX_BYTES = 10_000_000  # of a picture
MAX_TEXT = 14_000_000  # of a picture as base64, with its line ends
MAX_MANY = 30_000_000  # of a multipart form or of JSON, with several pictures
SECONDS = 30.0  # for a whole body: 10 MB over a mobile phone's uplink
MAX_REQUESTS = 256  # at the same time
MAX_JSON = 1 << 16  # of a request without pictures
BUDGET = 64_000_000  # bytes of all bodies together: six of the largest pictures and some small ones
_FOR_SMALL = 3_000_000  # bytes of the budget that are reserved for small bodies
MULTIPART, TEXT = "multipart/form-data", "text/plain"
URLENCODED = "application/x-www-form-urlencoded"


def media_type(headers: Headers) -> str:
    """Return the type of a request's body, without its parameters, in lower case."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


class BodyLimits:
    """Middleware that limits every request's body.

    The paths in `picture_paths`, and those below them, take pictures; the others take a little
    JSON. `reserved` counts the bytes of the budget in use. A request holds the bytes of its
    Content-Length or, without one, the bytes received so far, until it is answered.
    """

    def __init__(self, app: ASGIApp, picture_paths: tuple[str, ...]) -> None:
        self._app, self._picture_paths = app, picture_paths
        self._requests = 0
        self.reserved = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        max_bytes = MAX_JSON
        if scope["path"].startswith(self._picture_paths):
            most = {MULTIPART: MAX_MANY, JSON: MAX_MANY, TEXT: MAX_TEXT}
            max_bytes = most.get(media_type(headers), MAX_BYTES)
        self._requests += 1
        body = _LimitedBody(self, receive, max_bytes)
        try:
            body.admit(headers, is_crowded=self._requests > MAX_REQUESTS)
        except ApiError as error:
            await error.response()(scope, receive, send)
        else:
            await self._app(scope, body.receive, send)
        finally:
            self._requests -= 1
            self.reserved -= body.reserved


class _LimitedBody:
    """Receives a body, and raises when it becomes too large or takes too long."""

    def __init__(self, limits: BodyLimits, receive: Receive, max_bytes: int) -> None:
        self._limits, self._receive, self._max_bytes = limits, receive, max_bytes
        self._announced: int | None = None
        self._received, self._is_complete = 0, False
        self._deadline = asyncio.get_running_loop().time() + SECONDS
        self.reserved = 0

    def admit(self, headers: Headers, *, is_crowded: bool) -> None:
        """Reserve the bytes that a request announces, before reading any."""
        length = headers.get("content-length")
        if length is not None:
            if not length.isascii() or not length.isdigit():
                raise _bad_length("not a number of bytes")
            if "transfer-encoding" in headers:
                expected = "only one of the two"
                raise _bad_length("sent together with Transfer-Encoding", expected, close=True)
            self._announced = int(length[:20])
            if self._announced > self._max_bytes:
                raise _too_large(self._max_bytes)
        if is_crowded:
            raise too_busy()
        self._reserve(self._announced or 0)

    async def receive(self) -> Message:
        """Receive the next part of the body, as an ASGI message."""
        if self._is_complete:  # only a disconnect can follow
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            expected = f"all of it within {SECONDS:g} s"
            remedy = "send a smaller picture, or fewer at once"
            raise ApiError(
                408, "the body takes too long", expected=expected, remedy=remedy, close=True
            ) from None
        self._received += len(message.get("body", b""))
        self._is_complete = not message.get("more_body", False)
        if self._announced is not None and self._received > self._announced:
            raise _bad_length("more bytes than announced", close=True)
        if self._received > self._max_bytes:
            raise _too_large(self._max_bytes)
        self._reserve(self._received)
        return message

    def _reserve(self, total: int) -> None:
        more = max(0, total - self.reserved)
        budget = BUDGET if total <= SMALL else BUDGET - _FOR_SMALL
        if more and self._limits.reserved + more > budget:
            raise too_busy()
        self._limits.reserved += more
        self.reserved += more


def _bad_length(
    what: str, expected: str = "the bytes of the body", *, close: bool = False
) -> ApiError:
    remedy = "let your HTTP library write this header"
    return ApiError(
        400, what, where="Content-Length", expected=expected, remedy=remedy, close=close
    )


def _too_large(max_bytes: int) -> ApiError:
    what, most = "the body is too large", f"at most {max_bytes:,} bytes"
    remedy = "send fewer pictures at once" if max_bytes == MAX_MANY else "send a smaller one"
    return ApiError(413, what, expected=most, remedy=remedy, close=True)
