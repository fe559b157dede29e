"""What the API answers when it does not: the library's errors, as status and JSON.

Every such body is a `mnistry.studio.schemas.Problem`. Knows nothing of routes.
"""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from mnistry.errors import DataError, MnistryError, UsageError, printable
from mnistry.studio.schemas import Error, Problem

RETRY_SECONDS = 1

_CLOSES = {408, 413}  # what the client has yet to send is not waited for


class Refusal(HTTPException):
    """A request that is not answered, with the status that says why."""

    def __init__(
        self,
        status: int,
        what: str,
        *,
        where: str | None = None,
        expected: str | None = None,
        remedy: str | None = None,
    ) -> None:
        headers = {"Connection": "close"} if status in _CLOSES else {}
        if status == 503:
            headers["Retry-After"] = str(RETRY_SECONDS)
        super().__init__(status, what, headers)
        self.error = Error(what=what, where=where, expected=expected, remedy=remedy)

    def response(self) -> JSONResponse:
        """Give it as an answer."""
        return _response(self.status_code, self.error, dict(self.headers or {}))


def busy() -> Refusal:
    """Refuse what is more than can be done soon."""
    return Refusal(503, "too much is asked at once", remedy="ask again in a second")


def error_of(error: MnistryError) -> Error:
    """Give an error's parts; characters that no screen shows are replaced."""
    parts = (error.what, error.where, error.expected, error.remedy)
    names = ("what", "where", "expected", "remedy")
    return Error(**{name: printable(part) for name, part in zip(names, parts, strict=True) if part})


def handle(app: FastAPI) -> None:
    """Let an application answer every error as a `Problem`."""
    app.add_exception_handler(MnistryError, _on_library_error)
    app.add_exception_handler(HTTPException, _on_refusal)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(ClientDisconnect, _on_leaving)
    app.add_exception_handler(Exception, _on_fault)


def _response(status: int, error: Error, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(Problem(error=error).model_dump(), status, headers)


async def _on_library_error(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, MnistryError):
        raise error
    # What the client gave is wrong; or it is right, and something here is in its way.
    status = 400 if isinstance(error, DataError | UsageError) else 409
    return _response(status, error_of(error))


async def _on_refusal(_: Request, error: Exception) -> JSONResponse:
    if isinstance(error, Refusal):
        return error.response()
    if not isinstance(error, HTTPException):
        raise error
    return _response(error.status_code, Error(what=error.detail), dict(error.headers or {}))


async def _on_invalid(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    first: dict[str, Any] = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return _response(400, Error(what=printable(first["msg"]), where=printable(where)))


async def _on_leaving(_: Request, __: Exception) -> Response:
    return Response(status_code=400)  # nobody is there to read it


async def _on_fault(_: Request, __: Exception) -> JSONResponse:
    return _response(
        500, Error(what="a fault in the studio", remedy="its terminal says more; please report it")
    )
