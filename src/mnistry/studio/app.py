"""The studio's routes, added to the server's application.

A route reads its request, calls another module and answers. `create` makes the whole application;
`serve` runs it.
"""

import contextlib
import dataclasses
import re
import secrets
import warnings
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from pydantic import AfterValidator
from pydantic_core import to_json
from starlette.responses import FileResponse, HTMLResponse, Response, StreamingResponse
from starlette.staticfiles import StaticFiles

from mnistry.errors import MnistryError, Notice
from mnistry.runs.directory import Run
from mnistry.server import app as server_app
from mnistry.server import docs
from mnistry.server import serve as server_loop
from mnistry.server.errors import ApiError, too_busy
from mnistry.server.guard import Access
from mnistry.server.in_process import InProcess
from mnistry.server.work import while_connected
from mnistry.studio import api, schemas, teaching, worker
from mnistry.studio.archive import Archive
from mnistry.studio.gallery import Gallery
from mnistry.studio.network import Network
from mnistry.studio.training import Event, Trainer, all_recipes, can_train
from mnistry.version import __version__

if TYPE_CHECKING:
    from mnistry.forms.reading import FormReader
    from mnistry.forms.review import Review

STATIC = Path(__file__).with_name("static")

_COMPARED = 20  # images on which a network's translation for JavaScript is compared with it
_MAX_FOLLOWERS = 16  # pages that follow a training at once
_INDICES = re.compile(r"\d{1,9}(,\d{1,9})*")

PNG: dict[int | str, dict[str, Any]] = {
    200: {"description": "A picture", "content": {"image/png": {}}}
}
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": "Events", "content": {"text/event-stream": {}}}
}


class Studio:
    """State shared by the routes: the network to start with, the folder of the runs, and a review.

    The review is that of a batch of forms, or None. `forms` are read from pictures, by name.
    """

    def __init__(
        self,
        network: Network,
        runs: Path,
        review: "Review | None" = None,
        forms: "Mapping[str, FormReader] | None" = None,
    ) -> None:
        self._first = self._network = network
        self.review, self.forms = review, tuple(forms or ())
        self.work = InProcess(network.reader, forms)
        self.archive, self.gallery = Archive(runs), Gallery()
        self.trainer = Trainer(runs)
        self.followers = 0  # pages that follow a training
        self.teaches = False
        self._classic: Network | None = None
        # The network that `for_page` translated last, and its translation.
        self._for_page: dict[Network, schemas.PageNetwork | None] = {}

    @property
    def network(self) -> Network:
        """The network in use by every page."""
        return self._network

    @network.setter
    def network(self, network: Network) -> None:
        self._network, self.work.reader = network, network.reader

    def to_explain(self, which: schemas.NetworkToExplain) -> Network:
        """Return the network in use, or the classic one, which is opened when first asked for."""
        if which == "chosen":
            return self.network
        if self._classic is None:
            self._classic = Network.classic()
        return self._classic

    def to_teach(self) -> Run | None:
        """Return the run to teach, or None for the built-in network.

        If the network in use was taught, return the run that it was taught from.
        """
        if self.network.is_shipped:
            return None
        if self.network.info.run is None:
            what, remedy = "the network in use is not one of the runs", "choose a run on page Runs"
            raise ApiError(409, what, remedy=remedy)
        run = self.archive.find(self.network.info.run)
        if run.taught is None:
            return run
        if not run.taught.start.startswith("run "):  # it is the built-in network
            return None
        return self.archive.with_network(run.taught.digest)

    def rename(self, old: str, new: str) -> None:
        """Take note of a run's new name, if its network is in use or was so at the start."""
        if self._first.info.run == old:
            self._first = self._first.renamed(new)
        if self.network.info.run == old:
            self.network = self.network.renamed(new)

    def for_page(self) -> schemas.PageNetwork | None:
        """Return the network in use, translated for JavaScript; None if it can only run here."""
        network = self.network
        if network not in self._for_page:
            self._for_page.clear()
            try:
                self._for_page[network] = network.for_page(self.gallery.sample(_COMPARED))
            except MnistryError:  # the sample is not installed
                self._for_page[network] = None
        return self._for_page[network]

    def open(self, run: str | None) -> Network:
        """Open a run's network by its name; None is the one that the studio started with."""
        return self._first if run is None else Network.from_run(self.archive.find(run))


def create(studio: Studio, access: Access | None = None) -> FastAPI:
    """Make the application: the server's, with the studio's pages and routes.

    `access` is who may send requests; None: programs on this machine.
    """
    app = api.create(
        access,
        picture_paths=("/api/teach",),
        title="mnistry studio",
        description="Read, explain and train handwritten-digit networks on this machine.",
        lifespan=_lifespan,
    )
    app.state.studio, app.state.backend = studio, studio.work
    app.router.routes += server_app.routes(studio.forms)
    app.state.forms, app.reads_pictures = studio.forms, True
    app.include_router(_api)
    app.add_api_route("/", _index, include_in_schema=False)
    app.add_api_route("/docs", _docs, include_in_schema=False)
    if studio.review is not None:
        from mnistry.studio.review import add_routes

        add_routes(app, studio.review, "/review")
    app.mount("/static", StaticFiles(directory=STATIC, check_dir=False))
    return app


def serve(
    studio: Studio,
    access: Access,
    port: int,
    *,
    on_ready: Callable[[str], None],
    say: Callable[[str], None],
) -> None:
    """Serve the studio until an interrupt or a termination.

    Then stops the running training, and with it the streams that follow it.

    Parameters
    ----------
    studio
        State shared by the routes.
    access
        Where to listen, and who may send requests. With a review, clients need a token in any case.
    port, on_ready
        As in `mnistry.server.serve.serve`, which also lists the errors.
    say
        Called with messages for the user at the end.
    """
    trainer = studio.trainer

    async def stop_training() -> None:
        if trainer.running is not None:
            say(f"stopping the training {trainer.running.run}")
        run = await trainer.close()
        if run is not None:
            say(
                f"interrupted; resume it with: mnistry train --resume {studio.archive.folder / run}"
            )

    if studio.review is not None:  # what people wrote is not for other users of this machine
        access = dataclasses.replace(access, token=access.token or secrets.token_urlsafe())
    server_loop.serve(
        create(studio, access), access, port, on_ready=on_ready, on_shutdown=stop_training
    )


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    # In the terminal nobody could tell which request a notice belongs to.
    warnings.simplefilter("ignore", Notice)
    yield
    await app.state.studio.trainer.close()
    await app.state.studio.work.close()


def _studio(request: Request) -> Studio:
    return cast(Studio, request.app.state.studio)


TheStudio = Annotated[Studio, Depends(_studio)]
_api = APIRouter(prefix="/api")


async def _index() -> FileResponse:
    return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})


async def _docs(request: Request) -> HTMLResponse:
    return HTMLResponse(docs.page(request.app.openapi()))


@_api.get("/status")
async def status(studio: TheStudio) -> schemas.StudioStatus:
    """Return the version, the network in use, and the current or last training."""
    return schemas.StudioStatus(
        version=__version__,
        network=studio.network.info,
        can_train=can_train(),
        training=studio.trainer.state,
        has_review=studio.review is not None,
        forms=list(studio.forms),
    )


@_api.post("/explain")
async def explain(
    request: Request, asked: schemas.ExplainRequest, studio: TheStudio
) -> schemas.Explanation:
    """Follow one image through the network in use, or through the classic one."""
    network = studio.to_explain(asked.network)
    return await studio.work.quick.run(request, network.explain, asked.image, asked.label)


@_api.get("/units/{number}")
async def unit(
    number: int, studio: TheStudio, network: schemas.NetworkToExplain = "chosen"
) -> schemas.Unit:
    """Return a node of a dense network's first layer."""
    asked = studio.to_explain(network)
    found = asked.unit(number)
    if found is None:
        count = asked.info.units
        raise ApiError(
            404,
            "no such node",
            where=f"unit {number}",
            expected="a dense network" if count is None else f"0 to {count - 1}",
            remedy="choose a run with a dense network" if count is None else None,
        )
    return found


@_api.get("/data")
async def data(
    request: Request, studio: TheStudio, selection: Annotated[schemas.Selection, Query()]
) -> schemas.Items:
    """List images of the dataset, with the predictions of the network in use."""
    return await studio.work.slow.run(request, studio.gallery.items, studio.network, selection)


def _indices(text: str) -> str:
    if not _INDICES.fullmatch(text) or text.count(",") >= schemas.MAX_SHEET:
        raise ValueError(f"expected up to {schemas.MAX_SHEET} numbers separated by commas")
    return text


@_api.get("/data/{split}/sheet.png", response_class=Response, responses=PNG)
async def sheet(
    request: Request,
    studio: TheStudio,
    split: schemas.SplitName,
    indices: Annotated[str, AfterValidator(_indices)],
    data: schemas.DataName | None = None,
) -> Response:
    """Draw images of the dataset in one row, dark ink on white, 28 pixels each."""
    numbers = [int(number) for number in indices.split(",")]
    drawn = await studio.work.slow.run(request, studio.gallery.sheet, data, split, numbers)
    return Response(drawn, media_type="image/png")


@_api.get("/data/{split}/{index}")
async def image(
    request: Request,
    studio: TheStudio,
    split: schemas.SplitName,
    index: int,
    data: schemas.DataName | None = None,
) -> schemas.LabelledImage:
    """Return one image of the dataset as numbers."""
    return await studio.work.slow.run(request, studio.gallery.image, data, split, index)


@_api.post("/train", status_code=202)
async def train(settings: schemas.TrainSettings, studio: TheStudio) -> schemas.Training:
    """Start a training, which continues when its page is closed."""
    return await studio.trainer.start(settings)


@_api.delete("/train")
async def stop(studio: TheStudio) -> schemas.Training:
    """Stop the running training, and keep its run."""
    return studio.trainer.stop()


@_api.get("/recipes")
async def recipes() -> list[schemas.RecipeSettings]:
    """List the recipes, with the settings that a training can change."""
    return all_recipes()


@_api.get("/train/events", response_class=StreamingResponse, responses=_STREAM)
async def events(request: Request, studio: TheStudio) -> StreamingResponse:
    """Stream a training's events, past ones first: `progress`, `epoch`, `done` and `failed`."""
    if studio.trainer.state is None:
        raise ApiError(404, "no training has been started", remedy="start a training")
    if studio.followers >= _MAX_FOLLOWERS:
        raise too_busy()
    last = request.headers.get("last-event-id", "")
    after = int(last) if last.isascii() and last.isdigit() and len(last) < 10 else 0
    return StreamingResponse(_stream(studio, after), media_type="text/event-stream")


async def _stream(studio: Studio, after: int) -> AsyncIterator[str]:
    studio.followers += 1
    try:
        async for event in studio.trainer.follow(after):
            yield ": no event\n\n" if event is None else _format_event(event)
    finally:
        studio.followers -= 1


def _format_event(event: Event) -> str:
    data = to_json(event.data, inf_nan_mode="null").decode()  # JSON has no NaN
    return f"id: {event.number}\nevent: {event.kind}\ndata: {data}\n\n"


@_api.get("/runs")
async def runs(request: Request, studio: TheStudio) -> schemas.Runs:
    """List the runs."""
    return await studio.work.slow.run(request, studio.archive.all, studio.network.info.run)


@_api.get("/runs/compare")
async def compare(request: Request, studio: TheStudio, a: str, b: str) -> schemas.RunComparison:
    """Compare two runs."""
    return await studio.work.slow.run(
        request, studio.archive.compare, a, b, studio.network.info.run
    )


@_api.get("/runs/{name}")
async def run(request: Request, studio: TheStudio, name: str) -> schemas.RunDetail:
    """Return a run's settings, epochs and scorecards."""
    return await studio.work.slow.run(request, studio.archive.detail, name, studio.network.info.run)


@_api.get("/network/javascript")
async def network(request: Request, studio: TheStudio) -> schemas.PageNetwork | None:
    """Return the network in use for the page to run; null if it can only run here."""
    return await studio.work.slow.run(request, studio.for_page)


@_api.patch("/runs/{name}")
async def rename(
    request: Request, name: str, wanted: schemas.RunName, studio: TheStudio
) -> schemas.RunDetail:
    """Give a run another name."""
    renamed = studio.trainer.rename(studio.archive.find(name), wanted.name)
    studio.rename(name, renamed.path.name)
    return await run(request, studio, renamed.path.name)


@_api.delete("/runs/{name}")
async def delete(request: Request, name: str, studio: TheStudio) -> schemas.Runs:
    """Delete a run, and list the others."""
    if studio.network.info.run == name:
        raise ApiError(409, "this network is in use", where=name, remedy="use another one first")
    studio.trainer.delete(studio.archive.find(name))
    return await runs(request, studio)


@_api.post("/runs/{name}/resume", status_code=202)
async def resume(name: str, studio: TheStudio) -> schemas.Training:
    """Resume an interrupted training."""
    return await studio.trainer.go_on(studio.archive.find(name), worker.RESUME)


@_api.post("/runs/{name}/finish", status_code=202)
async def finish(name: str, studio: TheStudio) -> schemas.Training:
    """Score and export an interrupted training's network as it is; the training ends with that."""
    return await studio.trainer.go_on(studio.archive.find(name), worker.FINISH)


@_api.post("/teach")
async def teach(request: Request, asked: schemas.Examples, studio: TheStudio) -> schemas.Lesson:
    """Teach the network in use from labelled digits; takes half a minute."""
    if studio.teaches:
        raise ApiError(409, "a network is being taught already", remedy="wait for it to end")
    studio.teaches = True
    try:
        work = teaching.teach(studio.archive.folder, studio.to_teach(), asked.examples)
        return await while_connected(request, work)
    finally:
        studio.teaches = False


@_api.put("/network")
async def choose(
    request: Request, choice: schemas.Choice, studio: TheStudio
) -> schemas.NetworkInfo:
    """Choose the network that every page uses from now on."""
    studio.network = await studio.work.slow.run(request, studio.open, choice.run)
    return studio.network.info
