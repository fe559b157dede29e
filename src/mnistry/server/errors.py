"""Map errors to HTTP statuses and JSON.

Every error body is a `mnistry.server.schemas.ErrorBody`. Knows nothing of routes.
"""

import re
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

    Parameters
    ----------
    status
        The HTTP status.
    what, where, expected, remedy
        What happened, which part of the request it concerns, what would have been right, and
        what the client can do.
    close
        Close the connection after the answer, instead of reading the rest of the body.
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
        return _response(self.status_code, self.error, dict(self.headers or {}))


def too_busy() -> ApiError:
    """Return the error for requests beyond the server's capacity."""
    return ApiError(503, "too many requests at once", remedy="ask again in a second")


def error_of(error: MnistryError) -> Error:
    """Return an error's parts without the server's paths; unprintable characters are replaced."""

    def shown(part: str | None) -> str | None:
        return printable(without_paths(part or "")) or None

    return Error(
        what=shown(error.what) or "the server cannot use one of its files",
        where=shown(error.where),
        expected=shown(error.expected),
        remedy=shown(error.remedy),
    )


def without_paths(text: str) -> str:
    """Return a text up to the clause that names a path: clients must not learn the server's files.

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
    app.add_exception_handler(MnistryError, _on_library_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)
    app.add_exception_handler(Exception, _on_bug)


def _response(status: int, error: Error, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(ErrorBody(error=error).model_dump(), status, headers)


async def _on_library_error(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, MnistryError):
        raise error
    # 400: the client's input is wrong. 409: the input is right, the server's state is not.
    status = 400 if isinstance(error, DataError | UsageError) else 409
    return _response(status, error_of(error))


async def _on_http_error(_: Request, error: Exception) -> JSONResponse:
    if isinstance(error, ApiError):
        return error.response()
    if not isinstance(error, HTTPException):
        raise error
    return _response(error.status_code, Error(what=error.detail), dict(error.headers or {}))


async def _on_invalid_request(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    first: dict[str, Any] = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return _response(400, Error(what=printable(first["msg"]), where=printable(where)))


async def _on_disconnect(_: Request, __: Exception) -> Response:
    return Response(status_code=400)  # nobody will read it


async def _on_bug(_: Request, __: Exception) -> JSONResponse:
    return _response(
        500,
        Error(what="internal error", remedy="the server's terminal says more; please report it"),
    )
