"""What a client sends: so many bytes in so many seconds, kept in memory and never in a file.

Knows nothing of what is done with it.
"""

import asyncio
from collections.abc import AsyncGenerator

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mnistry.images.decode import MAX_BYTES
from mnistry.studio.refusals import Refusal, busy

SECONDS = 30.0  # for a whole body: 10 MB over a telephone's uplink
MOST_AT_ONCE = 64
MAX_JSON = 1 << 16
_AROUND = 1 << 14  # what a form may add to the picture in it
_FORM = "multipart/form-data"


class Limits:
    """Bounds the size of a request's body, how long it takes, and how many are open at once.

    Parameters
    ----------
    app
        What gets the requests.
    pictures
        The paths that take a picture; others take a little JSON.
    """

    def __init__(self, app: ASGIApp, pictures: frozenset[str]) -> None:
        self._app, self._pictures = app, pictures
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = MAX_BYTES + _AROUND if scope["path"] in self._pictures else MAX_JSON
        refusal = self._refuse(Headers(scope=scope), most)
        if refusal is not None:
            await refusal.response()(scope, receive, send)
            return
        self._open += 1
        try:
            await self._app(scope, _Bounded(receive, most), send)
        finally:
            self._open -= 1

    def _refuse(self, headers: Headers, most: int) -> Refusal | None:
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            return Refusal(400, "no number of bytes", where="Content-Length")
        if int(length[:20]) > most:
            return _too_large(most)
        return busy() if self._open >= MOST_AT_ONCE else None


class _Bounded:
    """Receives a body, and refuses it when it grows too large or too slowly."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._most = receive, most
        self._bytes, self._whole = 0, False
        self._until = asyncio.get_running_loop().time() + SECONDS

    async def __call__(self) -> Message:
        if self._whole:  # all that can come is that the client is gone
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise Refusal(
                408, "the body takes too long", expected=f"all of it within {SECONDS:g} s"
            ) from None
        self._bytes += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._bytes > self._most:
            raise _too_large(self._most)
        return message


def _too_large(most: int) -> Refusal:
    expected = f"at most {most:,} bytes"
    return Refusal(413, "the body is too large", expected=expected, remedy="send a smaller one")


async def picture(request: Request) -> bytes:
    """Give the bytes of the picture that is a request's body, or the one file of its form.

    Raises
    ------
    Refusal
        If a form is malformed or has other parts.
    """
    body = await request.body()
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        return body
    try:
        form = await _InMemory(request.headers, _once(body), max_files=1, max_fields=0).parse()
    except MultiPartException as error:
        raise Refusal(
            400, error.message, where="the form", expected="one file, and nothing else"
        ) from error
    try:
        for _, part in form.multi_items():
            if isinstance(part, UploadFile):
                return await part.read()
    finally:
        await form.close()
    raise Refusal(400, "no file", where="the form", expected="one file, and nothing else")


class _InMemory(MultiPartParser):
    """Parses a form without temporary files: all of it is in memory already."""

    spool_max_size = MAX_BYTES + _AROUND + 1


async def _once(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body
