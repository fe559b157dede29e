"""Errors as HTTP statuses and JSON: what happened, where, what was expected, and the remedy.

Knows nothing of routes.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from mnistry.errors import DataError, MnistryError, UsageError, printable
from mnistry.server.tasks import JSON

_SEND_PICTURE = "send a picture or a PDF"
_LOOK_UP = "look it up at /docs"


@dataclass(frozen=True)
class Error:
    """What happened, where, what was expected, and the remedy."""

    what: str
    where: str | None = None
    expected: str | None = None
    remedy: str | None = None

    def to_json(self) -> str:
        """Return the body of an answer with this error."""
        return json.dumps({"error": asdict(self)}, separators=(",", ":"))


class ApiError(HTTPException):
    """An HTTP error with the parts of a `mnistry.errors.MnistryError`.

    With `close` the connection ends after the answer, and the rest of the body is not read.
    """

    def __init__(
        self,
        status: int,
        what: str,
        *,
        where: str | None = None,
        expected: str | None = None,
        remedy: str | None = None,
        close: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        headers = {**(headers or {}), **({"Connection": "close"} if close else {})}
        super().__init__(status, what, headers)
        self.error = Error(what=what, where=where, expected=expected, remedy=remedy)

    def response(self) -> Response:
        """Return the error as an HTTP response."""
        return _response(self.status_code, self.error, self.headers)


def too_busy(seconds: int = 1) -> ApiError:
    """Return the error for requests beyond the server's capacity, for which there is room later."""
    return ApiError(
        503,
        "too many requests at once",
        expected="fewer of them",
        remedy=f"try again in {seconds} s",
        headers={"Retry-After": str(seconds)},
    )


def error_of(error: MnistryError) -> Error:
    """Return an error's parts for a client: printable, and without the server's paths.

    A remedy such as `mnistry doctor FILE` is left out: a client has no such file. Other commands
    stay, for whoever runs the server.
    """

    def shown(part: str | None) -> str | None:
        return printable(without_paths(part or "")) or None

    return Error(
        what=shown(error.what) or "the server cannot use one of its files",
        where=shown(error.where),
        expected=shown(error.expected),
        remedy=shown(_for_clients(error.remedy)),
    )


def _for_clients(remedy: str | None) -> str | None:
    if remedy is None or "mnistry " not in remedy or "FILE" not in remedy:
        return remedy
    clauses = re.split("; |, and ", remedy)
    return "; ".join(one for one in clauses if "mnistry " not in one) or _SEND_PICTURE


def status_of(error: MnistryError) -> int:
    """Return 400 if the input is wrong, 409 if it is right and the server's state is not."""
    return 400 if isinstance(error, DataError | UsageError) else 409


def without_paths(text: str) -> str:
    """Cut a text off before the clause that names a path, to hide the server's files from clients.

    Examples
    --------
    >>> without_paths("cannot be read: no such file: '/home/eva/model.onnx'")
    'cannot be read: no such file'
    >>> without_paths("/home/eva/model.onnx")
    ''
    """
    separator = re.search(r"[/\\]", text)
    if separator is None:
        return text
    ends = [end.start() for end in re.finditer(r"[.:;] ", text[: separator.start()])]
    return text[: ends[-1]] if ends else ""


def add_handlers(app: Starlette) -> None:
    """Make an application answer every error with an `Error`."""
    for kind in (MnistryError, HTTPException, ClientDisconnect, Exception):
        app.add_exception_handler(kind, _answer)


async def _answer(request: Request, error: Exception) -> Response:
    match error:
        case ApiError():
            return error.response()
        case HTTPException(status_code=404):
            return _response(404, Error("no such path", None, "a path in /docs", _LOOK_UP))
        case HTTPException(status_code=405):
            allowed = (error.headers or {}).get("Allow", "")
            what = f"{printable(request.method)} is not possible here"
            return _response(405, Error(what, None, allowed or None, _LOOK_UP), error.headers)
        case HTTPException():
            return _response(error.status_code, Error(error.detail), error.headers)
        case MnistryError():
            return _response(status_of(error), error_of(error))
        case ClientDisconnect():
            return Response(status_code=400)  # nobody will read it
    remedy = "see the server's terminal, and please report it"
    return _response(500, Error("internal error", remedy=remedy))


def _response(status: int, error: Error, headers: Mapping[str, str] | None = None) -> Response:
    return Response(error.to_json(), status, headers, JSON)
