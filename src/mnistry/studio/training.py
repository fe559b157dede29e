"""Start, follow and stop a training in a process of its own, one at a time.

The training continues when its page is closed. It ends with the server, however that ends: when its
standard input is closed, the process stops and keeps its run. Knows nothing of requests.
"""

import asyncio
import collections
import contextlib
import dataclasses
import datetime
import importlib.util
import itertools
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from mnistry import recipes
from mnistry.augmentation.distort import Distortion
from mnistry.datasets import Origin
from mnistry.errors import MnistryError, UsageError
from mnistry.recipes.experiment import Experiment
from mnistry.runs import directory
from mnistry.runs.directory import Run, Status
from mnistry.server.errors import ApiError, error_of
from mnistry.studio import worker
from mnistry.studio.schemas import RecipeSettings, Training, TrainSettings

HEARTBEAT = 15.0  # seconds without an event after which a stream sends a comment
_MAX_EVENTS = 10_000  # kept for pages that are opened later
_GRACE = 30.0  # seconds that a training has to save itself before it is killed


@dataclasses.dataclass(frozen=True)
class Event:
    """An event of a training: its number, kind and values."""

    number: int
    kind: str
    data: dict[str, Any]


class Trainer:
    """Starts, follows and stops trainings, whose run directories are made in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.state: Training | None = None  # the running one, or the last
        self._folder = folder
        self._events: collections.deque[Event] = collections.deque(maxlen=_MAX_EVENTS)
        self._numbers = itertools.count(1)
        self._news = asyncio.Event()
        self._closed = False
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def running(self) -> Training | None:
        """The running training; None if there is none."""
        state = self.state
        return state if state is not None and state.status == Status.RUNNING else None

    async def start(self, settings: TrainSettings) -> Training:
        """Start a training.

        Raises
        ------
        UsageError
            If the network has no such settings.
        ApiError
            409 if a training is running, if the packages for training are not installed, or if no
            process can be started.
        """
        self._check_free()
        experiment = _experiment(settings)
        recipe = experiment.recipe
        if recipe.network != "dense" and (recipe.units, recipe.depth) != (512, 1):
            raise UsageError(
                f"the units and depth of {recipe.network} are fixed", expected="the dense network"
            )
        with directory.claim(self._folder, recipe.name, experiment.seed) as path:
            return await self._begin(path, experiment, worker.TRAIN)

    async def go_on(self, run: Run, task: str) -> Training:
        """Resume an interrupted training, or end it where it stands: `worker.RESUME` or `FINISH`.

        Raises
        ------
        ModelError
            If the run's network was adopted or taught.
        ApiError
            409 as for `start`, or if the run has ended.
        """
        self._check_free()
        experiment = run.experiment
        if run.status in (Status.DONE, Status.DIVERGED):
            remedy = "start a new training"
            raise ApiError(
                409, f"this training is {run.status}", expected="an interrupted one", remedy=remedy
            )
        return await self._begin(run.path, experiment, task)

    def rename(self, run: Run, name: str) -> Run:
        """Rename a run, as `directory.rename` does; its events have the new name too."""
        check_can_train()
        renamed = directory.rename(run, name)
        if self.state is not None and self.state.run == run.path.name:
            self._update(run=name)
            for event in self._events:
                if "run" in event.data:
                    event.data["run"] = name
        return renamed

    def delete(self, run: Run) -> None:
        """Delete a run, as `directory.delete` does; if it is the last training, forget that."""
        check_can_train()
        directory.delete(run)
        if self.state is not None and self.state.run == run.path.name:
            self.state = None
            self._events.clear()

    def _check_free(self) -> None:
        if self.running or self._closed:
            remedy = "wait for it to end, or stop it"
            raise ApiError(409, "a training is already running", remedy=remedy)
        check_can_train()

    async def _begin(self, path: Path, experiment: Experiment, task: str) -> Training:
        # Set the state before anything is awaited: else two requests could both start a training.
        self.state = Training(
            run=path.name,
            status=Status.RUNNING,
            epoch=1,
            epochs=experiment.recipe.epochs,
            step=0,
            steps=None,
            started=datetime.datetime.now().astimezone().isoformat(timespec="milliseconds"),
            settings=dataclasses.asdict(experiment.recipe),
        )
        self._events.clear()
        self._process = None
        try:
            self._process = await _start_process(experiment, path, task)
        except OSError as error:
            what = f"no process can be started: {error.strerror}"
            self._end(Status.FAILED, error={"what": what})
            raise ApiError(409, what, remedy="end other programs, and try again") from error
        self._watch = asyncio.create_task(self._follow_process(self._process))
        return self.state

    def stop(self) -> Training:
        """Ask the training to stop; it sends its `done` event when it has stopped.

        Raise `ApiError` 409 if no training is running.
        """
        if (running := self.running) is None:
            raise ApiError(409, "no training is running", remedy="start a training")
        if self._process is None or self._process.stdin is None:
            raise ApiError(409, "the training is still starting", remedy="try again")
        self._process.stdin.close()
        return running

    async def close(self) -> str | None:
        """Stop the training, end every stream, and return the name of the interrupted run."""
        self._closed = True
        interrupted = self.running
        if self._watch is not None and self._process is not None:
            if interrupted is not None:
                self.stop()
            try:  # the process may end a moment after its `done`
                await asyncio.wait_for(asyncio.shield(self._watch), _GRACE)
            except TimeoutError:
                self._process.kill()
                await self._watch
        self._wake()
        return None if interrupted is None else interrupted.run

    async def follow(self, after: int = 0) -> AsyncIterator[Event | None]:
        """Yield the events, past and future, whose number is above `after`, to the training's end.

        Yields None after every `HEARTBEAT` seconds without an event.
        """
        while True:
            news = self._news
            missed = [event for event in self._events if event.number > after]
            for event in missed:
                yield event
                after = event.number
                if event.kind in ("done", "failed"):
                    return
            if missed:
                continue
            if self._closed:
                return
            try:
                await asyncio.wait_for(news.wait(), HEARTBEAT)
            except TimeoutError:
                yield None

    async def _follow_process(self, process: asyncio.subprocess.Process) -> None:
        if process.stdout is not None:
            async for line in process.stdout:
                self._take(json.loads(line))
        code = await process.wait()
        if (running := self.running) is None:
            return
        if code == worker.INTERRUPTED:
            self._end(Status.INTERRUPTED, run=running.run)
        else:
            what = f"the training's process ended unexpectedly, with code {code}"
            self._end(Status.FAILED, error={"what": what, "remedy": "see the server's terminal"})

    def _take(self, message: dict[str, Any]) -> None:
        kind, data = message["event"], message["data"]
        if kind in ("done", "failed"):
            if "error" in data:
                data["error"] = dataclasses.asdict(error_of(MnistryError(**data["error"])))
            self._end(Status(data.pop("status")), **data)
            return
        if kind == "progress":
            self._update(**{name: data[name] for name in ("epoch", "epochs", "step", "steps")})
        self._publish(kind, data)

    def _end(self, status: Status, **data: Any) -> None:
        self._update(status=status)
        self._publish("failed" if "error" in data else "done", {**data, "status": status})

    def _update(self, **values: Any) -> None:
        if self.state is not None:
            self.state = self.state.model_copy(update=values)

    def _publish(self, kind: str, data: dict[str, Any]) -> None:
        self._events.append(Event(next(self._numbers), kind, data))
        self._wake()

    def _wake(self) -> None:
        """Let every `follow` that waits go on; later waits need a new `_news`."""
        self._news.set()
        self._news = asyncio.Event()


def can_train() -> bool:
    """Return whether Keras, JAX and onnx are installed; does not import them."""
    return all(importlib.util.find_spec(name) is not None for name in ("keras", "jax", "onnx"))


def check_can_train() -> None:
    """Raise `ApiError` 409 unless `can_train`."""
    if not can_train():
        what = "this installation cannot train: Keras and JAX are missing"
        raise ApiError(409, what, remedy="pip install 'mnistry[train]'")


def all_recipes() -> list[RecipeSettings]:
    """Return the recipes' settings."""
    found = []
    for recipe in map(recipes.find, recipes.NAMES):
        values = dataclasses.asdict(recipe)
        known = {name: values[name] for name in RecipeSettings.model_fields if name in values}
        found.append(RecipeSettings(**known, distort=_factor(recipe.distortion)))
    return found


def _factor(distortion: Distortion | None) -> float | None:
    """Return how many times as far as usual a distortion goes; None if it is of another kind."""
    if distortion is None:
        return 0.0
    usual = Distortion()
    factor = distortion.rotation / usual.rotation
    return factor if usual.times(factor) == distortion else None


def _experiment(settings: TrainSettings) -> Experiment:
    given = settings.model_dump(exclude={"recipe", "seed", "data"}, exclude_unset=True)
    if "distort" in given:
        factor = given.pop("distort")
        given["distortion"] = Distortion().times(factor) if factor else None
    recipe = recipes.find(settings.recipe).changed(**given)
    return Experiment(recipe, Origin(settings.data), settings.seed)


async def _start_process(
    experiment: Experiment, path: Path, task: str
) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # imports nothing from the working directory
        "-m",
        worker.__name__,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        **_separate_group(),
    )
    if process.stdin is not None:
        line = {"task": task, "path": str(path), "experiment": experiment.to_json()}
        process.stdin.write((json.dumps(line) + "\n").encode())
        with contextlib.suppress(ConnectionError):  # `_follow_process` reports an ended process
            await process.stdin.drain()
    return process


def _separate_group() -> dict[str, Any]:
    """Return options that keep Ctrl-C from the process; the server stops the training."""
    if os.name == "nt":
        return {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    return {"start_new_session": True}
