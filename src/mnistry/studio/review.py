"""The page on which a person reviews or audits a batch of forms, and its routes.

In a review that is also where a person places the pages that were set aside.

Knows nothing of forms: `mnistry.forms.review` decides what is shown and keeps what is typed. All
routes run in the server's event loop, one after the other, as the batch demands.
"""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, FastAPI, Request
from pydantic import Field
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

from mnistry.errors import UsageError
from mnistry.evaluation.statistics import exact
from mnistry.forms.placing import POINTS, PageView
from mnistry.forms.review import Audit, Report, Review, Step, View
from mnistry.server import serve as server_loop
from mnistry.server.guard import Access
from mnistry.studio import api
from mnistry.studio.schemas import Answer, RequestBody

_STATIC = Path(__file__).with_name("static")
_JPEG: dict[int | str, dict[str, Any]] = {
    200: {"description": "A picture", "content": {"image/jpeg": {}}}
}


class Start(Answer):
    """The pages and fields to be looked at, in their order; and what an audit has found."""

    kind: str
    title: str
    names: list[str]
    summary: str | None


class DecisionBody(RequestBody):
    """What stands in a field; see `mnistry.forms.review.Review.decide`."""

    name: Annotated[str, Field(max_length=300)]
    text: Annotated[str, Field(max_length=500)]
    confirmed: bool = False
    insists: bool = False


# One of a point's four numbers: x and y on the form, in millimetres, and x and y in the scan, as
# shares of its width and height.
Place = Annotated[float, Field(ge=-1e4, le=1e4, allow_inf_nan=False)]


class PlacingBody(RequestBody):
    """Where a page lies, or that it is none of the form.

    See `mnistry.forms.review.Review.place`.
    """

    name: Annotated[str, Field(max_length=300)]
    page: int | None
    serial: int | None = None
    points: Annotated[tuple[tuple[Place, Place, Place, Place], ...], Field(max_length=POINTS)] = ()
    insists: bool = False


def create(session: Review | Audit, access: Access | None = None) -> FastAPI:
    """Make the application of a review or an audit.

    `access` is who may send requests; None: programs on this machine.
    """
    app = api.create(
        access,
        title=f"mnistry form {session.kind}",
        description="Look at the fields of forms.",
    )
    add_routes(app, session, "/")
    app.mount("/static", StaticFiles(directory=_STATIC, check_dir=False))
    return app


def add_routes(app: FastAPI, session: Review | Audit, path: str) -> None:
    """Add the page of a review or an audit, at `path`, and its routes to an application."""
    app.state.session = session
    app.include_router(_api)
    app.add_api_route(path, _page, include_in_schema=False)


def serve(session: Review | Audit, port: int, *, on_ready: Callable[[str], None]) -> None:
    """Serve a review or an audit on this machine until an interrupt or a termination.

    The batch is for its owner alone, so other users of this machine need the token, too.
    Parameters are those of `mnistry.server.serve.serve`, which also lists the errors.
    """
    access = Access(token=secrets.token_urlsafe())
    server_loop.serve(create(session, access), access, port, on_ready=on_ready)


def summary(report: Report) -> str:
    """Say what an audit has found, with an interval.

    Examples
    --------
    >>> summary(Report(750, 750, 0))
    '0 of 750 fields wrong: in 10,000 fields 0 to 39.9 (95 % interval)'
    """
    if not report.counted:
        return "no field could be compared yet"
    wrong = len(report.wrong)
    low, high = (
        f"{10_000 * limit:,.1f}".removesuffix(".0") for limit in exact(wrong, report.counted)
    )
    return (
        f"{wrong:,} of {report.counted:,} fields wrong: in 10,000 fields {low} to {high} "
        "(95 % interval)"
    )


def _session(request: Request) -> Review | Audit:
    return cast("Review | Audit", request.app.state.session)


Quarters = Annotated[int, Field(ge=0, le=3)]
TheSession = Annotated[Review | Audit, Depends(_session)]
_api = APIRouter(prefix="/api/review")


def _review(session: Review | Audit) -> Review:
    if isinstance(session, Audit):
        raise UsageError("an audit places no pages")
    return session


async def _page() -> FileResponse:
    return FileResponse(_STATIC / "review.html", headers={"Cache-Control": "no-cache"})


@_api.get("")
async def start(session: TheSession) -> Start:
    """Return which fields are to be looked at."""
    found = summary(session.report()) if isinstance(session, Audit) else None
    return Start(kind=session.kind, title=session.title, names=session.names(), summary=found)


@_api.get("/field")
async def field(session: TheSession, name: str) -> View:
    """Return a field; without what was read, if that is not to be shown yet."""
    return session.view(name)


@_api.get("/crop.jpg", response_class=Response, responses=_JPEG)
async def crop(session: TheSession, name: str) -> Response:
    """Draw a field and what is round it."""
    return Response(session.crop(name), media_type="image/jpeg")


@_api.post("/decisions")
async def decide(session: TheSession, body: DecisionBody) -> Step:
    """Keep what a person says that stands in a field; it is on disk before the answer."""
    return session.decide(body.name, body.text, confirmed=body.confirmed, insists=body.insists)


@_api.get("/page")
async def page(session: TheSession, name: str) -> PageView:
    """Return a page that was set aside, and the pages of the form."""
    return _review(session).placing.view(name)


@_api.get("/scan.jpg", response_class=Response, responses=_JPEG)
async def scan(session: TheSession, name: str, quarters: Quarters = 0) -> Response:
    """Draw the scan of a page that was set aside."""
    return Response(_review(session).placing.scan(name, quarters), media_type="image/jpeg")


@_api.get("/blank.jpg", response_class=Response, responses=_JPEG)
async def blank(session: TheSession, page: int) -> Response:
    """Draw a page of the form."""
    return Response(_review(session).placing.blank(page), media_type="image/jpeg")


@_api.post("/pages")
async def place(session: TheSession, body: PlacingBody) -> Step:
    """Read a page where a person says that it lies; that is on disk before the answer."""
    return _review(session).place(
        body.name, body.page, body.serial, body.points, insists=body.insists
    )


@_api.post("/undo")
async def undo(session: TheSession) -> Step:
    """Take back the last decision."""
    return session.undo()
