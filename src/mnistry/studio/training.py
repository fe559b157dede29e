"""One training at a time, in a process of its own: how the server starts, follows and stops it.

The process outlives every page that shows it, but not the server: when its standard input is
closed, however the server ends, it stops and keeps its run.
Knows nothing of requests.
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

from mnistry.datasets import Origin
from mnistry.errors import MnistryError, UsageError
from mnistry.recipes import Recipe
from mnistry.recipes.experiment import Experiment
from mnistry.runs import directory
from mnistry.server.errors import ApiError, error_of
from mnistry.studio import worker
from mnistry.studio.schemas import Training, TrainSettings

HEARTBEAT = 15.0  # seconds of silence on a stream, after which a comment is sent
_MAX_EVENTS = 10_000  # kept for pages that are opened later
_GRACE = 30.0  # seconds in which a training that is asked to stop must have saved itself


@dataclasses.dataclass(frozen=True)
class Event:
    """An event of a training: its number, its kind, and its values."""

    number: int
    kind: str
    data: dict[str, Any]


class Trainer:
    """Starts, follows and stops trainings.

    Parameters
    ----------
    folder
        Where runs are made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._events: collections.deque[Event] = collections.deque(maxlen=_MAX_EVENTS)
        self._numbers = itertools.count(1)
        self._news = asyncio.Event()
        self._closed = False
        self._state: Training | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def state(self) -> Training | None:
        """The training that runs, or the last one; None before the first."""
        return self._state

    @property
    def running(self) -> bool:
        """Whether a training runs."""
        return self._state is not None and self._state.status == "running"

    async def start(self, settings: TrainSettings) -> Training:
        """Start a training.

        Raises
        ------
        UsageError
            If the network has no such settings.
        ApiError
            409 if a training runs, or Keras and JAX are not installed.
        """
        if self.running or self._closed:
            raise ApiError(409, "a training runs already", remedy="wait for its end, or stop it")
        if not can_train():
            raise ApiError(
                409,
                "this installation reads only: Keras and JAX are missing",
                remedy="pip install 'mnistry[train]'",
            )
        if settings.network != "dense" and (settings.units, settings.depth) != (512, 1):
            raise UsageError(
                f"{settings.network} has no units or depth to choose", expected="the dense network"
            )
        experiment = _experiment(settings)
        with directory.claim(self._folder, experiment.recipe.name, experiment.seed) as path:
            # Set before anything is awaited: else two requests could both start a training.
            self._state = Training(
                run=path.name,
                status="running",
                epoch=1,
                epochs=settings.epochs,
                step=0,
                steps=None,
                started=datetime.datetime.now().astimezone().isoformat(timespec="milliseconds"),
                settings=settings,
            )
            self._events.clear()
            self._process = None
            try:
                self._process = await _start_process(experiment, path)
            except OSError as error:
                self._end("failed", error={"what": f"no process can be started: {error.strerror}"})
                raise ApiError(409, f"no process can be started: {error.strerror}") from error
        self._watch = asyncio.create_task(self._follow_process(self._process))
        return self._state

    def stop(self) -> Training:
        """Ask the training to stop; its `done` event says when it has.

        Raises
        ------
        ApiError
            409 if no training runs.
        """
        if not self.running or self._state is None:
            raise ApiError(409, "no training runs")
        if self._process is None or self._process.stdin is None:
            raise ApiError(409, "its process is only just started", remedy="ask again")
        self._process.stdin.close()
        return self._state

    async def close(self) -> str | None:
        """Stop the training, end every stream, and return the name of the interrupted run."""
        self._closed = True
        cut = self._state.run if self._state is not None and self.running else None
        if self._watch is not None and self._process is not None:
            if cut is not None:
                self.stop()
            try:  # after its `done` the process may need a moment to end
                await asyncio.wait_for(asyncio.shield(self._watch), _GRACE)
            except TimeoutError:
                self._process.kill()
                await self._watch
        self._wake()
        return cut

    async def follow(self, after: int = 0) -> AsyncIterator[Event | None]:
        """Yield every event after that number, past ones first, up to the last.

        None stands for `HEARTBEAT` seconds without an event.
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
        if not self.running or self._state is None:
            return
        if code == worker.INTERRUPTED:
            self._end("interrupted", run=self._state.run)
        else:
            self._end(
                "failed",
                error={
                    "what": f"the training's process ended unexpectedly, with code {code}",
                    "remedy": "the server's terminal may say more",
                },
            )

    def _take(self, message: dict[str, Any]) -> None:
        kind, data = message["event"], message["data"]
        if kind in ("done", "failed"):
            if "error" in data:
                data["error"] = error_of(MnistryError(**data["error"])).model_dump()
            self._end(data.pop("status"), **data)
            return
        if kind == "progress" and self._state is not None:
            values = {name: data[name] for name in ("epoch", "epochs", "step", "steps")}
            self._state = self._state.model_copy(update=values)
        self._tell(kind, data)

    def _end(self, status: str, **data: Any) -> None:
        if self._state is not None:
            self._state = self._state.model_copy(update={"status": status})
        self._tell("failed" if "error" in data else "done", {**data, "status": status})

    def _tell(self, kind: str, data: dict[str, Any]) -> None:
        self._events.append(Event(next(self._numbers), kind, data))
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def can_train() -> bool:
    """Return whether Keras, JAX and onnx are installed, without importing them."""
    return all(importlib.util.find_spec(name) is not None for name in ("keras", "jax", "onnx"))


def _experiment(settings: TrainSettings) -> Experiment:
    recipe = Recipe(**settings.model_dump(exclude={"seed", "data"}))
    if recipe != Recipe():
        recipe = dataclasses.replace(recipe, name="custom")
    return Experiment(recipe, Origin(settings.data), settings.seed)


async def _start_process(experiment: Experiment, path: Path) -> asyncio.subprocess.Process:
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
        task = {"path": str(path), "experiment": experiment.to_json()}
        process.stdin.write((json.dumps(task) + "\n").encode())
        with contextlib.suppress(
            ConnectionError
        ):  # the process has ended: `_follow_process` reports it
            await process.stdin.drain()
    return process


def _separate_group() -> dict[str, Any]:
    """Keep the terminal's Ctrl-C from the process: the server gets it, and stops the process."""
    if os.name == "nt":
        return {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    return {"start_new_session": True}
