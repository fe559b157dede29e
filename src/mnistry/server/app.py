"""The application: the routes that read pictures.

`create` makes an application that only reads pictures; the studio adds its own routes to it. The
same guard, limits and error handlers protect all of them. `mnistry.server.serve` runs it.
"""

import contextlib
import operator
import warnings
from collections.abc import AsyncIterator
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.responses import Response
from starlette.types import ASGIApp

from mnistry.errors import Notice
from mnistry.reading import Reader
from mnistry.server import errors, pictures, schemas
from mnistry.server.bodies import SMALL, BodyLimits, read_picture
from mnistry.server.guard import Access, Guard
from mnistry.server.work import WorkQueue
from mnistry.version import __version__

PICTURE_PATHS = frozenset({"/api/read", "/api/tables", "/api/doctor"})
PNG: dict[int | str, dict[str, Any]] = {
    200: {"description": "A picture", "content": {"image/png": {}}}
}
_ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "An error", "model": schemas.ErrorBody},
    503: {"description": "Too many requests: try again later", "model": schemas.ErrorBody},
}

_QUEUE = 32  # quick computations that may wait: about a tenth of a second of work

# FastAPI has no type for a body of raw bytes.
_BYTES = {"type": "string", "format": "binary"}
_FORM = {"type": "object", "properties": {"file": _BYTES}, "required": ["file"]}
_PICTURE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/octet-stream": {"schema": _BYTES},
            "image/*": {"schema": _BYTES},
            "multipart/form-data": {"schema": _FORM},
        },
    }
}


class Service:
    """State shared by the routes: the reader in use, and the queues of computations.

    The reader may be replaced at any time; a running request keeps the reader it started with.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        # One thread: reading holds the GIL half of the time, and several threads that compete for
        # it answer fewer requests per second than one.
        self.quick = WorkQueue(1, _QUEUE)
        # Separate, so that work that takes seconds does not delay work that takes milliseconds.
        self.slow = WorkQueue(2, _QUEUE // 4)

    def close(self) -> None:
        """Cancel the waiting computations."""
        self.quick.close()
        self.slow.close()


class _GuardedApp(FastAPI):
    """An application whose routes and middleware are all behind a `Guard`."""

    def __init__(self, access: Access, **settings: Any) -> None:
        super().__init__(**settings)
        self._access = access

    def build_middleware_stack(self) -> ASGIApp:
        # The outermost layer, so that even an internal error gets the security headers.
        return Guard(super().build_middleware_stack(), self._access)


def create(service: Service, access: Access | None = None) -> FastAPI:
    """Make an application that reads pictures.

    `access` says who may send requests; None lets in only programs on this machine.

    Examples
    --------
    >>> app = create(Service(Reader()))
    >>> [route for route in app.openapi()["paths"]]
    ['/api/read', '/api/tables', '/api/doctor']
    """

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # In the terminal nobody could tell which request a notice belongs to.
        warnings.simplefilter("ignore", Notice)
        yield
        service.close()

    app = guarded(
        access or Access(),
        title="mnistry",
        description="Read handwritten digits in pictures.",
        lifespan=lifespan,
    )
    app.state.service = service
    app.include_router(_api)
    return app


def guarded(access: Access, **settings: Any) -> FastAPI:
    """Make an application without routes, with the guard, the limits and the error handlers.

    `settings` are FastAPI's.
    """
    app = _GuardedApp(
        access,
        version=__version__,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        responses=_ERRORS,
        generate_unique_id_function=operator.attrgetter("name"),
        # Send no telemetry, whatever the environment variables say.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        **settings,
    )
    errors.add_handlers(app)
    app.add_middleware(BodyLimits, picture_paths=PICTURE_PATHS)
    return app


def _service(request: Request) -> Service:
    return cast(Service, request.app.state.service)


TheService = Annotated[Service, Depends(_service)]
_api = APIRouter(prefix="/api")


@_api.post("/read", openapi_extra=_PICTURE_BODY)
async def read(request: Request, service: TheService) -> schemas.Reading:
    """Read the digits in a picture: a photo, a scan or a drawing."""
    content = await read_picture(request)
    queue = service.quick if len(content) <= SMALL else service.slow
    return await queue.run(request, pictures.read, service.reader, content)


@_api.post("/tables", openapi_extra=_PICTURE_BODY)
async def tables(request: Request, service: TheService) -> schemas.Tables:
    """Read the ruled tables in a picture: rows and columns of numbers."""
    content = await read_picture(request)
    return await service.slow.run(request, pictures.tables, service.reader, content)


@_api.post("/doctor", response_class=Response, responses=PNG, openapi_extra=_PICTURE_BODY)
async def doctor(request: Request, service: TheService) -> Response:
    """Draw each step from a picture to its digits, and the reasons for each answer."""
    content = await read_picture(request)
    drawn = await service.slow.run(request, pictures.doctor_sheet, service.reader, content)
    return Response(drawn, media_type="image/png")
