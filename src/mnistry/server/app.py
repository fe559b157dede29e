"""The application: the routes that read pictures.

`create` returns an application that reads pictures and nothing else; the studio adds its own
routes to it. Whatever is added stands behind the same guard, limits and error handlers.
`mnistry.server.serve` runs it.
"""

import contextlib
import warnings
from collections.abc import AsyncIterator
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.types import ASGIApp

from mnistry.errors import Notice
from mnistry.reading import Reader
from mnistry.server import errors, pictures, schemas
from mnistry.server.bodies import SMALL, BodyLimits, read_picture
from mnistry.server.guard import Access, Guard
from mnistry.server.work import WorkQueue
from mnistry.version import __version__

PICTURE_PATHS = frozenset({"/api/read", "/api/doctor"})
PNG: dict[int | str, dict[str, Any]] = {
    200: {"description": "A picture", "content": {"image/png": {}}}
}
ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "An error", "model": schemas.ErrorBody},
    503: {"description": "Too many requests: ask again later", "model": schemas.ErrorBody},
}

_QUEUE = 32  # quick computations that may wait: about a tenth of a second of work

# FastAPI has no type for a body of bytes.
_PICTURE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            "image/*": {"schema": {"type": "string", "format": "binary"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "string", "format": "binary"}},
                    "required": ["file"],
                }
            },
        },
    }
}


class Service:
    """What the routes share: the reader in use, and the queues of computations.

    Parameters
    ----------
    reader
        Reads the pictures. It may be replaced at any time: a request that has begun keeps the
        reader that it began with.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        # One thread: half of what reading takes holds Python's lock, and threads that wait for it
        # by turns answer fewer requests a second than one does.
        self.quick = WorkQueue(1, _QUEUE)
        # Work that takes seconds must not hold up work that takes milliseconds.
        self.slow = WorkQueue(2, _QUEUE // 4)

    def close(self) -> None:
        """Cancel the computations that wait."""
        self.quick.close()
        self.slow.close()


class _GuardedApp(FastAPI):
    """An application behind a `Guard`, whatever routes and middleware are added to it."""

    def __init__(self, access: Access, **settings: Any) -> None:
        super().__init__(**settings)
        self._access = access

    def build_middleware_stack(self) -> ASGIApp:
        # Outside everything else, so that even an internal error carries the guard's headers.
        return Guard(super().build_middleware_stack(), self._access)


def create(service: Service, access: Access | None = None) -> FastAPI:
    """Make an application that reads pictures.

    Parameters
    ----------
    service
        What its routes share.
    access
        Who may ask; None lets this machine in.

    Examples
    --------
    >>> app = create(Service(Reader()))
    >>> [route for route in app.openapi()["paths"]]
    ['/api/read', '/api/doctor']
    """

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # The API returns notices to those who ask; in the terminal nobody could place them.
        warnings.simplefilter("ignore", Notice)
        yield
        service.close()

    app = _GuardedApp(
        access or Access(),
        title="mnistry",
        version=__version__,
        description="Read handwritten digits in pictures.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        # No request is reported to anybody, whatever the environment has set up.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.service = service
    errors.add_handlers(app)
    app.include_router(_api)
    app.add_middleware(BodyLimits, picture_paths=PICTURE_PATHS)
    return app


def operation_id(route: APIRoute) -> str:
    """Name an operation of the OpenAPI description after its function."""
    return route.name


def _service(request: Request) -> Service:
    return cast(Service, request.app.state.service)


TheService = Annotated[Service, Depends(_service)]
_api = APIRouter(prefix="/api", responses=ERRORS, generate_unique_id_function=operation_id)


@_api.post("/read", openapi_extra=_PICTURE_BODY)
async def read(request: Request, service: TheService) -> schemas.Reading:
    """Read the digits in a picture: a photo, a scan or a drawing."""
    content = await read_picture(request)
    queue = service.quick if len(content) <= SMALL else service.slow
    return await queue.run(request, pictures.read, service.reader, content)


@_api.post("/doctor", response_class=Response, responses=PNG, openapi_extra=_PICTURE_BODY)
async def doctor(request: Request, service: TheService) -> Response:
    """Draw why the digits of a picture are read as they are."""
    content = await read_picture(request)
    drawn = await service.slow.run(request, pictures.doctor_sheet, service.reader, content)
    return Response(drawn, media_type="image/png")
