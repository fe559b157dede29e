"""Applications with typed routes: behind the server's guard, with our words for wrong values."""

import operator
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import Response

from mnistry.errors import printable
from mnistry.server import openapi
from mnistry.server.app import Guarded, protect
from mnistry.server.errors import ApiError
from mnistry.server.guard import Access
from mnistry.studio.schemas import ErrorBody
from mnistry.version import __version__

_ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "An error", "model": ErrorBody},
    503: {"description": "Too many requests: try again later", "model": ErrorBody},
}
# By pydantic's name for an error: what happened, and what was expected. A name in braces stands for
# one of the values that pydantic gives.
_WORDS = {
    "missing": ("it is missing", None),
    "extra_forbidden": ("there is no such field", None),
    "json_invalid": ("not valid JSON", "a JSON object"),
    "literal_error": ("another value", "{expected}"),
    "greater_than_equal": ("the number is too small", "at least {ge}"),
    "greater_than": ("the number is too small", "more than {gt}"),
    "less_than_equal": ("the number is too large", "at most {le}"),
    "finite_number": ("no finite number", "a finite number"),
    "int_type": ("no whole number", "a whole number"),
    "int_parsing": ("no whole number", "a whole number"),
    "int_parsing_size": ("the number is too large", "a smaller whole number"),
    "int_from_float": ("no whole number", "a whole number"),
    "float_type": ("no number", "a number"),
    "float_parsing": ("no number", "a number"),
    "bool_type": ("neither true nor false", "true or false"),
    "bool_parsing": ("neither true nor false", "true or false"),
    "string_type": ("not a text", "a text"),
    "string_too_long": ("the text is too long", "at most {max_length} characters"),
    "list_type": ("no list", "a list"),
    "too_short": ("the list is too short", "{min_length} elements"),
    "too_long": ("the list is too long", "{max_length} elements"),
    "model_attributes_type": ("no JSON object", "a JSON object"),
    "model_type": ("no JSON object", "a JSON object"),
}
_TIMES_255 = "multiply an image that was divided by 255 by 255 again, and round it"


class Api(Guarded, FastAPI):
    """An application whose routes and middleware are all behind a `Guard`.

    With `reads_pictures`, its description has the routes of `mnistry.server.app.routes` too.
    """

    reads_pictures = False

    def openapi(self) -> dict[str, Any]:
        """Return the description of all routes."""
        is_new = self.openapi_schema is None
        described = super().openapi()  # the same object every time
        if is_new and self.reads_pictures:
            described["paths"] = openapi.paths(self.state.forms) | described["paths"]
            described["components"]["schemas"] |= openapi.schemas()
        return described


def create(access: Access | None, picture_paths: tuple[str, ...] = (), **settings: Any) -> Api:
    """Make an application without routes.

    `access` says who may send requests; None lets in only programs on this machine. Requests at
    `picture_paths` may be as large as pictures. `settings` are FastAPI's.
    """
    app = Api(
        version=__version__,
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        responses=_ERRORS,
        generate_unique_id_function=operator.attrgetter("name"),
        # Send no telemetry, whatever the environment variables say.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        **settings,
    )
    protect(app, access, picture_paths)
    app.add_exception_handler(RequestValidationError, _invalid)
    return app


async def _invalid(_: Request, error: Exception) -> Response:
    first: dict[str, Any] = error.errors()[0] if isinstance(error, RequestValidationError) else {}
    return invalid(first).response()


def invalid(first: dict[str, Any]) -> ApiError:
    """Return the error for what pydantic says of a wrong value.

    Examples
    --------
    >>> found = {"type": "less_than_equal", "loc": ("body", "seed"), "ctx": {"le": 9}, "msg": ""}
    >>> invalid(found).error.what, invalid(found).error.where, invalid(found).error.expected
    ('the number is too large', 'seed', 'at most 9')
    """
    what, expected = _WORDS.get(first["type"], (first["msg"], None))
    remedy = "see /docs for all fields"
    source, *path = first["loc"]
    if first["type"].startswith("int_") and "image" in path:
        expected, remedy = "28 rows of 28 whole numbers, 0 for paper to 255 for ink", _TIMES_255
    if first["type"] == "value_error":
        what, expected = "another form", str(first["ctx"]["error"]).removeprefix("expected ")
    where = ".".join(map(str, path)) or str(source)
    return ApiError(
        400,
        printable(what),
        where=printable(where),
        expected=None if expected is None else expected.format(**first.get("ctx", {})),
        remedy=remedy,
    )
