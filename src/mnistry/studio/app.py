"""The routes: what each address of the studio takes and gives.

A route reads its request, lets another module compute, and answers. `create` makes the whole
application; `mnistry.studio.server` runs it.
"""

import contextlib
import re
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.routing import APIRoute
from pydantic import AfterValidator
from pydantic_core import to_json
from starlette.responses import FileResponse, HTMLResponse, Response, StreamingResponse
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from mnistry.errors import Notice
from mnistry.studio import docs, refusals, schemas
from mnistry.studio.archive import Archive
from mnistry.studio.bodies import Limits, picture
from mnistry.studio.gallery import Gallery
from mnistry.studio.guard import Access, Guard
from mnistry.studio.network import Network
from mnistry.studio.refusals import Refusal
from mnistry.studio.training import Event, Trainer, can_train
from mnistry.studio.work import Work
from mnistry.version import __version__

STATIC = Path(__file__).with_name("static")
PICTURES = frozenset({"/api/read", "/api/doctor"})

_MOST_PAGES = 16  # that follow a training at once
_MOST_ON_A_SHEET = 200
_SMALL = 200_000  # bytes of a picture that is read in milliseconds
_QUEUE = 32  # quick computations that wait: what a tenth of a second can do
_INDICES = re.compile(r"\d{1,9}(,\d{1,9})*")

# What a picture's body may be; FastAPI has no type for a body of bytes.
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
_PNG: dict[int | str, dict[str, Any]] = {
    200: {"description": "A picture", "content": {"image/png": {}}}
}
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": "Events", "content": {"text/event-stream": {}}}
}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "What is wrong", "model": schemas.Problem},
    503: {"description": "Too much at once: ask again later", "model": schemas.Problem},
}


class Studio:
    """What the routes share.

    Parameters
    ----------
    network
        The one to begin with.
    runs
        The folder of the runs.
    """

    def __init__(self, network: Network, runs: Path) -> None:
        self.first = self.network = network
        self.archive, self.gallery = Archive(runs), Gallery()
        self.trainer = Trainer(runs)
        self.pages = 0  # that follow a training
        # One alone: half of what reading takes holds Python's lock, and threads that wait for it
        # by turns answer fewer requests a second than one does.
        self.quick = Work(1, _QUEUE)
        # Seconds of work must not stand in the way of milliseconds.
        self.slow = Work(2, _QUEUE // 4)

    def open(self, run: str | None) -> Network:
        """Open a run's network by its name; None is the one that the studio began with."""
        return self.first if run is None else Network.from_run(self.archive.find(run))

    async def close(self) -> str | None:
        """End all work; gives the name of the run that was cut short, if one was."""
        cut = await self.trainer.close()
        self.quick.close()
        self.slow.close()
        return cut


def create(studio: Studio, access: Access | None = None) -> ASGIApp:
    """Make the application.

    Parameters
    ----------
    studio
        What its routes share.
    access
        Who may ask; None lets this machine in.
    """

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # A notice is for those who ask, and would only stand in the terminal.
        warnings.simplefilter("ignore", Notice)
        yield
        await studio.close()

    app = FastAPI(
        title="mnistry studio",
        version=__version__,
        description="Read, explain and train handwritten-digit networks on this machine.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        # Nobody else is told of what is asked, whatever the environment has set up.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.studio = studio
    refusals.handle(app)
    app.include_router(_api)
    app.add_api_route("/", _index, include_in_schema=False)
    app.add_api_route("/api/docs", _docs, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=STATIC, check_dir=False))
    app.add_middleware(Limits, pictures=PICTURES)
    # Outside of all, so that even the answer to a fault of ours carries its headers.
    return Guard(app, access or Access())


def _name(route: APIRoute) -> str:
    return route.name


def _studio(request: Request) -> Studio:
    return cast(Studio, request.app.state.studio)


TheStudio = Annotated[Studio, Depends(_studio)]
_api = APIRouter(prefix="/api", responses=_PROBLEMS, generate_unique_id_function=_name)


async def _index() -> FileResponse:
    return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})


async def _docs(request: Request) -> HTMLResponse:
    return HTMLResponse(docs.page(request.app.openapi()))


@_api.get("/status")
async def status(studio: TheStudio) -> schemas.StudioStatus:
    """Give the version, the network in use, and the training that runs."""
    return schemas.StudioStatus(
        version=__version__,
        network=studio.network.info,
        can_train=can_train(),
        training=studio.trainer.state,
    )


@_api.post("/read", openapi_extra=_PICTURE_BODY)
async def read(request: Request, studio: TheStudio) -> schemas.Reading:
    """Read the digits in a picture: a photo, a scan or a drawing."""
    content = await picture(request)
    work = studio.quick if len(content) <= _SMALL else studio.slow
    return await work.do(request, studio.network.read, content)


@_api.post("/doctor", response_class=Response, responses=_PNG, openapi_extra=_PICTURE_BODY)
async def doctor(request: Request, studio: TheStudio) -> Response:
    """Draw why the digits of a picture are read as they are."""
    content = await picture(request)
    drawn = await studio.slow.do(request, studio.network.examine, content)
    return Response(drawn, media_type="image/png")


@_api.post("/explain")
async def explain(
    request: Request, asked: schemas.ExplainRequest, studio: TheStudio
) -> schemas.Explanation:
    """Follow one image through the network in use."""
    return await studio.quick.do(request, studio.network.explain, asked.image, asked.label)


@_api.get("/units/{number}")
async def unit(number: int, studio: TheStudio) -> schemas.Unit:
    """Give a node of a dense network's first layer."""
    found = studio.network.unit(number)
    if found is None:
        count = studio.network.info.units
        raise Refusal(
            404,
            "no such node",
            where=f"unit {number}",
            expected="a dense network" if count is None else f"0 to {count - 1}",
            remedy="choose a run of the dense network" if count is None else None,
        )
    return found


@_api.get("/data")
async def data(
    request: Request,
    studio: TheStudio,
    split: schemas.SplitName = "test",
    digit: Annotated[int | None, Query(ge=0, le=9)] = None,
    mistakes: bool = False,
    disputed: bool = False,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
    limit: Annotated[int, Query(ge=1, le=_MOST_ON_A_SHEET)] = 100,
) -> schemas.Items:
    """List images of the dataset, with what the network in use answers."""
    return await studio.slow.do(
        request,
        studio.gallery.items,
        studio.network,
        split,
        digit=digit,
        mistakes=mistakes,
        disputed=disputed,
        offset=offset,
        limit=limit,
    )


def _indices(text: str) -> str:
    if not _INDICES.fullmatch(text) or text.count(",") >= _MOST_ON_A_SHEET:
        raise ValueError(f"expected up to {_MOST_ON_A_SHEET} numbers with commas between them")
    return text


@_api.get("/data/{split}/sheet.png", response_class=Response, responses=_PNG)
async def sheet(
    request: Request,
    studio: TheStudio,
    split: schemas.SplitName,
    indices: Annotated[str, AfterValidator(_indices)],
) -> Response:
    """Draw images of the dataset in one row, dark ink on white, 28 pixels each."""
    numbers = [int(number) for number in indices.split(",")]
    drawn = await studio.slow.do(request, studio.gallery.sheet, split, numbers)
    return Response(drawn, media_type="image/png")


@_api.get("/data/{split}/{index}")
async def image(
    request: Request, studio: TheStudio, split: schemas.SplitName, index: int
) -> schemas.LabelledImage:
    """Give one image of the dataset as numbers."""
    return await studio.slow.do(request, studio.gallery.image, split, index)


@_api.post("/train", status_code=202)
async def train(settings: schemas.TrainSettings, studio: TheStudio) -> schemas.Training:
    """Begin a training; it goes on when its page is closed."""
    return await studio.trainer.start(settings)


@_api.delete("/train")
async def stop(studio: TheStudio) -> schemas.Training:
    """Stop the training that runs, and keep its run."""
    return studio.trainer.stop()


@_api.get("/train/events", response_class=StreamingResponse, responses=_STREAM)
async def events(request: Request, studio: TheStudio) -> StreamingResponse:
    """Follow a training: `progress`, `epoch`, `done` and `failed`, those of the past first."""
    if studio.trainer.state is None:
        raise Refusal(404, "no training has been started")
    if studio.pages >= _MOST_PAGES:
        raise refusals.busy()
    last = request.headers.get("last-event-id", "")
    after = int(last) if last.isascii() and last.isdigit() and len(last) < 10 else 0
    return StreamingResponse(_stream(studio, after), media_type="text/event-stream")


async def _stream(studio: Studio, after: int) -> AsyncIterator[str]:
    studio.pages += 1
    try:
        async for event in studio.trainer.follow(after):
            yield ": nothing new\n\n" if event is None else _written(event)
    finally:
        studio.pages -= 1


def _written(event: Event) -> str:
    data = to_json(event.data, inf_nan_mode="null").decode()  # JSON knows no NaN
    return f"id: {event.number}\nevent: {event.kind}\ndata: {data}\n\n"


@_api.get("/runs")
async def runs(request: Request, studio: TheStudio) -> schemas.Runs:
    """List the runs."""
    return await studio.slow.do(request, studio.archive.all, studio.network.info.run)


@_api.get("/runs/compare")
async def compare(request: Request, studio: TheStudio, a: str, b: str) -> schemas.RunComparison:
    """Put two runs side by side."""
    return await studio.slow.do(request, studio.archive.compare, a, b, studio.network.info.run)


@_api.get("/runs/{name}")
async def run(request: Request, studio: TheStudio, name: str) -> schemas.RunDetail:
    """Give a run's settings, epochs and scorecards."""
    return await studio.slow.do(request, studio.archive.detail, name, studio.network.info.run)


@_api.put("/network")
async def choose(
    request: Request, choice: schemas.Choice, studio: TheStudio
) -> schemas.NetworkInfo:
    """Choose the network that every page uses from now on."""
    studio.network = await studio.slow.do(request, studio.open, choice.run)
    return studio.network.info
