"""Map errors to HTTP statuses and JSON.

Every error body is a `mnistry.server.schemas.ErrorBody`. Knows nothing of routes.
"""

import re
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from mnistry.errors import DataError, MnistryError, UsageError, printable
from mnistry.server.schemas import Error, ErrorBody

RETRY_SECONDS = 1


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
    ) -> None:
        headers = {"Connection": "close"} if close else {}
        if status == 503:
            headers["Retry-After"] = str(RETRY_SECONDS)
        super().__init__(status, what, headers)
        self.error = Error(what=what, where=where, expected=expected, remedy=remedy)

    def response(self) -> JSONResponse:
        """Return the error as an HTTP response."""
        return _response(self.status_code, self.error, self.headers)


def too_busy() -> ApiError:
    """Return the error for requests beyond the server's capacity."""
    return ApiError(503, "too many requests at once", remedy="try again in a second")


def error_of(error: MnistryError) -> Error:
    """Return an error's parts without the server's paths, and with printable characters only."""

    def shown(part: str | None) -> str | None:
        return printable(without_paths(part or "")) or None

    return Error(
        what=shown(error.what) or "the server cannot use one of its files",
        where=shown(error.where),
        expected=shown(error.expected),
        remedy=shown(error.remedy),
    )


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


def add_handlers(app: FastAPI) -> None:
    """Make an application answer every error with an `ErrorBody`."""
    for kind in (MnistryError, HTTPException, RequestValidationError, ClientDisconnect, Exception):
        app.add_exception_handler(kind, _answer)


async def _answer(_: Request, error: Exception) -> Response:
    match error:
        case ApiError():
            return error.response()
        case HTTPException():
            return _response(error.status_code, Error(what=error.detail), error.headers)
        case MnistryError():
            # 400: the client's input is wrong. 409: the input is right, the server's state is not.
            return _response(
                400 if isinstance(error, DataError | UsageError) else 409, error_of(error)
            )
        case RequestValidationError():
            first: dict[str, Any] = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            return _response(400, Error(what=printable(first["msg"]), where=printable(where)))
        case ClientDisconnect():
            return Response(status_code=400)  # nobody will read it
    return _response(
        500, Error(what="internal error", remedy="see the server's terminal, and please report it")
    )


def _response(status: int, error: Error, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(ErrorBody(error=error).model_dump(), status, headers)
