"""Limits on request bodies: their size, their duration, and how many are open at once.

Bodies are kept in memory and never in a file. Knows nothing of what is done with them.
"""

import asyncio

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mnistry.images.decode import MAX_BYTES
from mnistry.server.errors import ApiError, too_busy

SECONDS = 30.0  # for a whole body: 10 MB over a mobile phone's uplink
MAX_REQUESTS = 64
MAX_JSON = 1 << 16
_FORM_OVERHEAD = 1 << 14  # bytes that a form may add to the picture in it
_FORM = "multipart/form-data"


class BodyLimits:
    """Middleware that limits every request's body.

    Parameters
    ----------
    app
        What gets the requests.
    picture_paths
        The paths that take a picture; others take a little JSON.
    """

    def __init__(self, app: ASGIApp, picture_paths: frozenset[str]) -> None:
        self._app, self._picture_paths = app, picture_paths
        self._requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_picture = scope["path"] in self._picture_paths
        max_bytes = MAX_BYTES + _FORM_OVERHEAD if is_picture else MAX_JSON
        error = self._refuse(Headers(scope=scope), max_bytes)
        if error is not None:
            await error.response()(scope, receive, send)
            return
        self._requests += 1
        try:
            await self._app(scope, _LimitedBody(receive, max_bytes), send)
        finally:
            self._requests -= 1

    def _refuse(self, headers: Headers, max_bytes: int) -> ApiError | None:
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            return ApiError(400, "not a number of bytes", where="Content-Length")
        if int(length[:20]) > max_bytes:
            return _too_large(max_bytes)
        return too_busy() if self._requests >= MAX_REQUESTS else None


class _LimitedBody:
    """Receives a body, and raises when it becomes too large or takes too long."""

    def __init__(self, receive: Receive, max_bytes: int) -> None:
        self._receive, self._max_bytes = receive, max_bytes
        self._received, self._is_complete = 0, False
        self._deadline = asyncio.get_running_loop().time() + SECONDS

    async def __call__(self) -> Message:
        if self._is_complete:  # the only message that can follow is the disconnect
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise ApiError(
                408, "the body takes too long", expected=f"all of it within {SECONDS:g} s"
            ) from None
        self._received += len(message.get("body", b""))
        self._is_complete = not message.get("more_body", False)
        if self._received > self._max_bytes:
            raise _too_large(self._max_bytes)
        return message


def _too_large(max_bytes: int) -> ApiError:
    return ApiError(
        413,
        "the body is too large",
        expected=f"at most {max_bytes:,} bytes",
        remedy="send a smaller one",
    )


async def read_picture(request: Request) -> bytes:
    """Return the picture in a request: its body, or the one file of its form.

    Raises
    ------
    ApiError
        400 if a form is malformed or has other parts.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != _FORM:
        # Not `request.body()`, which would keep a second reference until the answer is sent.
        return b"".join([chunk async for chunk in request.stream()])
    parser = _MemoryFormParser(request.headers, request.stream(), max_files=1, max_fields=0)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise ApiError(
            400, error.message, where="the form", expected="one file, and nothing else"
        ) from error
    try:
        for _, part in form.multi_items():
            if isinstance(part, UploadFile):
                return await part.read()
    finally:
        await form.close()
    raise ApiError(400, "no file", where="the form", expected="one file, and nothing else")


class _MemoryFormParser(MultiPartParser):
    """Parses a form without temporary files."""

    spool_max_size = MAX_BYTES + _FORM_OVERHEAD + 1
