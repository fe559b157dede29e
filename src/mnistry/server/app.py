"""The application: the routes that read pictures.

`create` makes an application that only reads pictures; the studio adds `routes` to its own. The
same guard, limits and error handlers protect both. `mnistry.server.serve` runs them.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from mnistry.errors import UsageError, printable
from mnistry.images.page_numbers import PageNumbers
from mnistry.server import batches, docs, errors, openapi, uploads
from mnistry.server.batches import Backend, ReadRequest
from mnistry.server.bodies import BodyLimits
from mnistry.server.errors import ApiError
from mnistry.server.guard import Access, Guard
from mnistry.server.observe import Observer
from mnistry.server.tasks import DETAILS, FIELDS, FORM, PREVIEW, fields_of
from mnistry.server.work import while_connected

_PREFIX = "/api/"
_STATIC = Path(__file__).with_name("static")
_FILES = ("docs.js", "example.png")


class Guarded(Starlette):
    """An application whose routes and middleware are all behind a `Guard`."""

    access = Access()
    observer: Observer | None = None

    def build_middleware_stack(self) -> ASGIApp:
        """Put the guard outermost, so that even an internal error gets the security headers.

        Outside of it is only the observer, if there is one, which counts what the guard refuses.
        """
        guarded = Guard(super().build_middleware_stack(), self.access)
        if self.observer is None:
            return guarded
        self.observer.app = guarded
        return self.observer


def protect(app: Guarded, access: Access | None, picture_paths: tuple[str, ...] = ()) -> None:
    """Give an application its guard, the limits and the error handlers.

    `access` says who may send requests; None lets in only programs on this machine. Requests at
    `picture_paths`, beside those of `routes`, may be as large as pictures.
    """
    app.access = access or Access()
    # The address of a redirection would lack the root path.
    app.router.redirect_slashes = False
    errors.add_handlers(app)
    own = tuple(_PREFIX + kind for kind in (*FIELDS, FORM))
    app.add_middleware(BodyLimits, picture_paths=(*own, *picture_paths))


def create(
    backend: Backend,
    access: Access | None = None,
    log: Callable[[str], None] | None = None,
    forms: Sequence[str] = (),
) -> Guarded:
    """Make an application that reads pictures.

    Parameters
    ----------
    backend
        Reads them.
    access
        As for `protect`.
    log
        As for `Observer`.
    forms
        The names of the forms that the backend can read.

    Examples
    --------
    >>> [route.path for route in routes()]
    ['/api/read', '/api/tables', '/api/doctor']
    """
    known = [
        *routes(forms),
        Route("/", _docs),
        Route("/docs", _docs),
        *(Route(f"/{name}", _file) for name in _FILES),
        Route("/openapi.json", _openapi),
        Route("/metrics", _metrics),
        Route("/healthz", _healthz),
        Route("/readyz", _readyz),
    ]
    app = Guarded(routes=known)
    app.state.backend, app.state.forms = backend, forms
    protect(app, access)
    app.observer = Observer(frozenset(route.path for route in known), log)
    return app


def routes(forms: Sequence[str] = ()) -> list[Route]:
    """Return the routes that read pictures with the application's ``state.backend``."""
    kinds = [*FIELDS, *(FORM + name for name in forms)]
    return [Route(_PREFIX + kind, _read, methods=["POST"]) for kind in kinds]


async def _healthz(_: Request) -> Response:
    return Response("up\n", media_type="text/plain")


async def _readyz(request: Request) -> Response:
    if request.app.state.backend.ready:
        return Response("ready\n", media_type="text/plain")
    raise ApiError(503, "no worker is ready", remedy="try again in a few seconds")


async def _metrics(request: Request) -> Response:
    backend: Backend = request.app.state.backend
    gauges = {"mnistry_workers_ready": backend.ready, "mnistry_tasks_waiting": backend.waiting}
    counters = {"mnistry_worker_restarts_total": backend.restarts}
    text = request.app.observer.metrics(gauges, counters)
    return Response(text, media_type="text/plain; version=0.0.4")


async def _docs(request: Request) -> Response:
    return HTMLResponse(docs.page(_description(request), can_run=True))


async def _file(request: Request) -> Response:
    return FileResponse(_STATIC / request.scope["path"].removeprefix("/"))


async def _openapi(request: Request) -> Response:
    return JSONResponse(_description(request))


def _description(request: Request) -> dict[str, Any]:
    return openapi.describe(request.app.state.forms, request.app.access.root_path)


async def _read(request: Request) -> Response:
    kind = request.scope["path"].removeprefix(_PREFIX)
    wanted = _read_request(kind, request.query_params)
    upload = await uploads.receive(request)
    if kind == "doctor" and upload.is_list:
        raise ApiError(400, "several pictures", expected="one", remedy="send one at a time")
    backend: Backend = request.app.state.backend
    answer = await while_connected(request, batches.read(backend, wanted, upload))
    return Response(answer.body, media_type=answer.media_type)


def _read_request(kind: str, query: QueryParams) -> ReadRequest:
    """Read a request's query: which keys its answer should have, and which pages are read."""
    known = ("fields", "pages") if fields_of(kind) else ()
    for name in query:
        if name not in known:
            raise ApiError(
                400,
                f"no such parameter: {printable(name[:40])!r}",
                where="the address",
                expected=" and ".join(known) or "none",
                remedy="leave it out",
            )
    try:
        pages = _joined(query, "pages")
        numbers = None if pages is None else PageNumbers.parse(pages)
    except UsageError as error:
        error.where, error.remedy = "pages", "leave it out, or choose others"
        raise
    return ReadRequest(kind, _fields(kind, _joined(query, "fields")), numbers)


def _joined(query: QueryParams, name: str) -> str | None:
    """Return a parameter that may be repeated, as HTTP libraries send a list; None without it."""
    return ",".join(query.getlist(name)) if name in query else None


def _fields(kind: str, text: str | None) -> tuple[str, ...]:
    """Return the keys that an answer should have, in their order; without details by default."""
    possible = fields_of(kind)
    if text is None:
        return tuple(name for name in possible if name not in (DETAILS, PREVIEW))
    names = {name.strip() for name in text.split(",")}
    if "all" in names:
        names = names - {"all"} | set(possible) - {PREVIEW}
    for name in sorted(names - set(possible)):
        raise ApiError(
            400,
            f"no such field: {printable(name[:40])!r}",
            where="fields",
            expected=f"some of {', '.join(possible)}, or all",
            remedy="choose among these, with commas between them",
        )
    if DETAILS in names:
        names.add("digits")
    return tuple(name for name in possible if name in names)
