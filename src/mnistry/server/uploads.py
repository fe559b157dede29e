"""The pictures in a request: the body itself, the parts of an HTML form, or base64 in JSON.

Knows nothing of what is read in them.
"""

import base64
import binascii
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from mnistry.server.bodies import MAX_BYTES, MAX_MANY, MULTIPART, TEXT, URLENCODED, media_type
from mnistry.server.errors import ApiError
from mnistry.server.tasks import JSON

MAX_PICTURES = 100

T = TypeVar("T")

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?((?:;[^;,]*)*),", re.ASCII)
# The first field of a form that was sent as application/x-www-form-urlencoded.
_FIELD = re.compile(rb"[\w.%+\[\]-]{1,80}=")
_TYPES = ("image/", "application/pdf", "application/octet-stream")
_BASE64 = "base64 text, or a data URL of an image or a PDF, as canvas.toDataURL makes it"
_SEND_BYTES = "send the file's bytes as the body, or as a part of a form"


@dataclass(frozen=True)
class Upload:
    """The pictures of a request.

    Attributes
    ----------
    pictures
        The content of each, or why there is none.
    is_list
        Whether they were sent as a list, which may have one element.
    """

    pictures: Sequence[bytes | ApiError]
    is_list: bool


async def receive(request: Request) -> Upload:
    """Receive the pictures of a request.

    Raises
    ------
    ApiError
        400 if there is none, if there are more than `MAX_PICTURES`, or if an HTML form or JSON is
        malformed.
    """
    kind = media_type(request.headers)
    if kind == MULTIPART:
        return await _form(request)
    # Not `request.body()`, which would keep a second reference until the answer is sent.
    content = b"".join([chunk async for chunk in request.stream()])
    if not content:
        _refuse_count(0)
    if kind == JSON or content[:1] == b"{":  # as curl --data sends it; no picture begins so
        return _json(content)
    if kind == URLENCODED and _FIELD.match(content):
        raise ApiError(
            400,
            "a form without files",
            where="the body",
            expected=MULTIPART,
            remedy='<form enctype="multipart/form-data">, or curl -F image=@page.png',
        )
    if kind == TEXT or content[:5] == b"data:":
        return Upload([_decoded(content.decode("latin-1"), "the body")], is_list=False)
    return Upload([content], is_list=False)


async def _form(request: Request) -> Upload:
    """Return an HTML form's files and the texts that hold pictures, whatever their names are."""
    parser = _MemoryFormParser(
        request.headers,
        request.stream(),
        max_files=MAX_PICTURES,
        max_fields=MAX_PICTURES,
        max_part_size=MAX_MANY,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        if error.message.startswith("Too many"):
            _refuse_count(MAX_PICTURES + 1)
        boundary = "boundary" in error.message.lower()
        raise ApiError(
            400,
            "the boundary of the form's parts is missing" if boundary else "a malformed form",
            where="the body",
            expected=MULTIPART,
            remedy="let your HTTP library write the form and its Content-Type: "
            "curl -F image=@page.png",
        ) from error
    pictures: list[bytes | ApiError] = []
    try:
        for name, part in form.multi_items():
            if isinstance(part, UploadFile):
                if not part.filename and not part.size:  # no file was chosen in a browser
                    continue
                content = await part.read()
                pictures.append(content if len(content) <= MAX_BYTES else _too_large("a file"))
            else:
                pictures.append(_decoded(part, f"the field {name[:40]!r}"))
    finally:
        await form.close()
    return Upload(_counted(pictures), is_list=len(pictures) > 1)


def _json(content: bytes) -> Upload:
    try:
        sent = json.loads(content, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise ApiError(
            400,
            "not valid JSON",
            where="the body",
            expected='{"image": "…"} or {"images": ["…", "…"]}',
            remedy="use your language's JSON library",
        ) from error
    if isinstance(sent, dict) and sent.keys() == {"image"}:
        return Upload([_decoded(sent["image"], "image")], is_list=False)
    if isinstance(sent, dict) and sent.keys() == {"images"} and isinstance(sent["images"], list):
        images = _counted(sent["images"])
        return Upload([_decoded(one, f"images[{i}]") for i, one in enumerate(images)], is_list=True)
    raise ApiError(
        400,
        "unexpected JSON",
        where="the body",
        expected=f'{{"image": "…"}} or {{"images": ["…", "…"]}}, each {_BASE64}',
        remedy=_SEND_BYTES,
    )


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)  # NaN and infinity


def _counted(pictures: list[T]) -> list[T]:
    if not 1 <= len(pictures) <= MAX_PICTURES:
        _refuse_count(len(pictures))
    return pictures


def _refuse_count(count: int) -> NoReturn:
    raise ApiError(
        400,
        "too many pictures" if count else "no picture",
        where="the body",
        expected=f"1 to {MAX_PICTURES} pictures",
        remedy="send them in several requests" if count else _SEND_BYTES,
    )


def _decoded(text: object, where: str) -> bytes | ApiError:
    """Decode base64 or a data URL; return the error if it is neither."""
    if not isinstance(text, str):
        return ApiError(400, "not a text", where=where, expected=_BASE64, remedy=_SEND_BYTES)
    found = _DATA_URL.match(text[:200])
    if found is not None:
        kind = (found[1] or "application/octet-stream").lower()
        if not kind.startswith(_TYPES):
            what = f"a data URL of {kind}"
            return ApiError(400, what, where=where, expected=_BASE64, remedy=_SEND_BYTES)
        if not found[2].lower().endswith(";base64"):
            what = "a data URL that is not base64"
            return ApiError(400, what, where=where, expected=_BASE64, remedy=_SEND_BYTES)
        text = text[found.end() :]
    try:
        content = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if not content:
        return ApiError(400, "not base64", where=where, expected=_BASE64, remedy=_SEND_BYTES)
    if len(content) > MAX_BYTES:
        return _too_large(where)
    return content


def _too_large(where: str) -> ApiError:
    what, most = "the picture is too large", f"at most {MAX_BYTES:,} bytes"
    return ApiError(413, what, where=where, expected=most, remedy="send a smaller one")


class _MemoryFormParser(MultiPartParser):
    """Parses a form without temporary files."""

    spool_max_size = MAX_MANY + 1
