"""Processes that read pictures, and the queue of tasks before them.

A worker that dies, because the system ends it or a picture meets a fault in a library, is replaced,
and its task is done again by another one. Knows nothing of HTTP but how an overload is answered.
"""

import asyncio
import collections
import contextlib
import dataclasses
import itertools
import json
import logging
import math
import os
import sys
from asyncio.subprocess import PIPE, Process
from typing import Any, Self

from mnistry.errors import DataError, MnistryError, ModelError, ResourceError, UsageError
from mnistry.server.tasks import Answer, Task

# The longest time in seconds that a worker may take for a task, and to start.
MAX_SECONDS = 60.0
# How often a task is tried at most: again each time that its worker dies.
_TRIES = 3
# A task is refused if it would have to wait for more seconds than this.
_MOST_WAIT = 0.5
# Tasks that take more than milliseconds are queued as if they had come so many seconds later.
_GIVES_WAY = 0.3
# The first estimate of a task's seconds is `_LEAST_GUESS`, and `_FOR_A_BYTE` for each byte, but at
# most `_MOST_GUESS`. A photo takes 0.1 s a megapixel, which is 50 to 300 kB.
_LEAST_GUESS, _FOR_A_BYTE, _MOST_GUESS = 0.005, 5e-7, 0.3
_RATE = 0.2  # the weight of each new measurement in a size's estimate
_PAUSE = 1.0  # seconds before a worker is started again that could not start
_BY_ITSELF = 0.5  # seconds in which a worker ends once its stdin is closed
_LINE = 1 << 16  # bytes of a worker's line, at most
_log = logging.getLogger(__name__)
_ERRORS = {kind.exit_code: kind for kind in (UsageError, DataError, ModelError, ResourceError)}


# Tasks that take about as long have the same size: their kind, and how many binary digits their
# number of bytes has. So 600 and 1000 bytes count as equal, 600 and 1200 do not.
_Size = tuple[str, int]


class _DiedError(Exception):
    """A worker has ended before its answer."""


@dataclasses.dataclass(eq=False)
class _Job:
    """A task in the queue, its result, and how often it was tried."""

    task: Task
    result: asyncio.Future[Answer]
    tries: int = 0


class Workers:
    """Workers with one reader each. All methods are for one event loop.

    Parameters
    ----------
    count
        The number of processes.
    settings
        Settings of `mnistry.Reader`, as JSON has them.
    """

    def __init__(self, count: int, settings: dict[str, Any]) -> None:
        self.at_once = count
        self.restarts = 0
        self._settings = settings
        self._jobs: asyncio.PriorityQueue[tuple[float, int, _Job]] = asyncio.PriorityQueue()
        self._numbers = itertools.count()
        self._seconds: dict[_Size, float] = {}  # what a task of a size takes
        self._unanswered = collections.Counter[_Size]()
        self._running: list[asyncio.Task[None]] = []
        self._alive: set[_Worker] = set()

    @property
    def ready(self) -> int:
        """The number of workers that have loaded their networks."""
        return len(self._alive)

    @property
    def waiting(self) -> int:
        """The number of tasks in the queue."""
        return self._jobs.qsize()

    async def launch_first(self) -> None:
        """Start the first worker, and do not wait for it."""
        self._first = await _Worker.launch()

    async def start(self) -> None:
        """Wait until the first worker is ready, and start the others.

        Raises
        ------
        MnistryError
            If it cannot start.
        """
        first = await self._first.wait_until_ready(self._settings)
        self._running = [
            asyncio.create_task(self._work(first if number == 0 else None))
            for number in range(self.at_once)
        ]

    async def close(self) -> None:
        """End the workers."""
        if not self._running:
            await self._first.end()
        for running in self._running:
            running.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def check_room(self, _: Task) -> None:
        """Raise `ApiError` 503 if another task would have to wait for too long."""
        seconds = sum(self._seconds[size] * count for size, count in self._unanswered.items())
        wait = seconds / self.at_once
        if wait > _MOST_WAIT:
            raise _too_busy(wait - _MOST_WAIT)

    async def run(self, task: Task) -> Answer:
        """Do a task; if this is cancelled while it waits, it is never done.

        Raises
        ------
        MnistryError
            As in `mnistry.server.answers.answer`; a `DataError` also if the task takes too long,
            or ends worker after worker.
        RuntimeError
            If there is a fault in the program, which the worker has written to stderr.
        """
        job = _Job(task, asyncio.get_running_loop().create_future())
        size = _size(task)
        self._seconds.setdefault(size, _first_guess(task))
        self._unanswered[size] += 1
        try:
            self._put(job)
            return await job.result
        finally:
            self._unanswered[size] -= 1

    def _put(self, job: _Job) -> None:
        due = asyncio.get_running_loop().time() + (0.0 if job.task.is_quick else _GIVES_WAY)
        self._jobs.put_nowait((due, next(self._numbers), job))

    async def _work(self, worker: "_Worker | None") -> None:
        """Keep one worker alive, and give it one task after the other."""
        try:
            while True:
                if worker is None:
                    worker = await self._restarted()
                self._alive.add(worker)
                job = (await self._jobs.get())[-1]
                if job.result.done():  # its client has gone
                    continue
                if not await self._perform(job, worker):
                    await self._end(worker)
                    worker = None
                    self.restarts += 1
        finally:
            if worker is not None:
                await self._end(worker)

    async def _end(self, worker: "_Worker") -> None:
        self._alive.discard(worker)
        await worker.end()

    async def _restarted(self) -> "_Worker":
        tries = 0
        while True:
            tries += 1
            try:
                return await (await _Worker.launch()).wait_until_ready(self._settings)
            except MnistryError as error:
                # A worker that was killed while it started is no reason to refuse waiting tasks.
                if isinstance(error, ResourceError) and tries < _TRIES:
                    continue
                _log.error("a worker cannot be started: %s", error)
                while not self._alive and not self._jobs.empty():
                    _fail(self._jobs.get_nowait()[-1], _too_busy(_PAUSE))
                await asyncio.sleep(_PAUSE)

    async def _perform(self, job: _Job, worker: "_Worker") -> bool:
        """Let a worker do a task; return whether the worker can do another one."""
        clock = asyncio.get_running_loop().time
        job.tries += 1
        began = clock()
        try:
            async with asyncio.timeout(MAX_SECONDS):
                answer = await worker.ask(job.task)
        except TimeoutError:
            _fail(job, DataError(f"it takes longer than {MAX_SECONDS:g} s", where="the image",
                                 remedy="send a smaller copy of it"))  # fmt: skip
            return False
        except _DiedError:
            if job.tries < _TRIES:
                self._put(job)
            else:
                _fail(job, DataError(f"the process that read it died, {_TRIES} times",
                                     where="the image", remedy="save it anew"))  # fmt: skip
            return False
        except (MnistryError, RuntimeError) as error:
            _fail(job, error)
        else:
            if not job.result.done():
                job.result.set_result(answer)
        size = _size(job.task)
        self._seconds[size] += _RATE * (clock() - began - self._seconds[size])
        return True


def _size(task: Task) -> _Size:
    return task.kind, len(task.content).bit_length()


def _first_guess(task: Task) -> float:
    return min(_LEAST_GUESS + _FOR_A_BYTE * len(task.content), _MOST_GUESS)


def _too_busy(seconds: float) -> Exception:
    from mnistry.server.errors import too_busy  # it loads Starlette, and a worker is started first

    return too_busy(math.ceil(seconds))


def _fail(job: _Job, error: Exception) -> None:
    if not job.result.done():
        job.result.set_exception(error)


class _Worker:
    """A process that reads: `mnistry.server.worker`."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    async def launch(cls) -> "_Worker":
        """Start a process."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        try:
            return cls(
                await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-m", "mnistry.server.worker"),
                    stdin=PIPE, stdout=PIPE, limit=_LINE, env=environment,
                )
            )  # fmt: skip
        except OSError as error:
            what = f"no process can be started to read with: {error.strerror}"
            raise ResourceError(what, where=sys.executable) from error

    async def wait_until_ready(self, settings: dict[str, Any]) -> Self:
        """Wait until it can read, and return it; raise `MnistryError` if it cannot."""
        try:
            async with asyncio.timeout(MAX_SECONDS):
                await self._exchange(json.dumps(settings).encode() + b"\n")
        except (_DiedError, TimeoutError) as error:
            await self.end()
            raise ResourceError(
                "a process that reads ended before it was ready",
                remedy="give it more memory, or choose fewer --workers",
            ) from error
        except BaseException:
            await self.end()
            raise
        return self

    async def ask(self, task: Task) -> Answer:
        """Let it do a task."""
        header = {
            "kind": task.kind, "page": task.page, "fields": task.fields,
            "bytes": len(task.content),
        }  # fmt: skip
        found, body = await self._exchange(json.dumps(header).encode() + b"\n", task.content)
        return Answer(body, found["media_type"], found["pages"])

    async def _exchange(self, *message: bytes) -> tuple[dict[str, Any], bytes]:
        """Send a message, and receive the answer."""
        into, out = self._process.stdin, self._process.stdout
        if into is None or out is None:
            raise _DiedError
        try:
            into.writelines(message)
            await into.drain()
            line = await out.readline()
            header: dict[str, Any] = json.loads(line)
            body = await out.readexactly(header["bytes"])
        except (OSError, ValueError, asyncio.IncompleteReadError) as error:
            raise _DiedError from error
        if "error" not in header:
            return header, body
        if header["error"] is None:
            raise RuntimeError("a worker failed; see its traceback above")
        raise _ERRORS.get(header["exit_code"], MnistryError)(**header["error"])

    async def end(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(_BY_ITSELF):
                await self._process.wait()
        except TimeoutError:
            # Killed only now: if the process has died by itself, `kill` would take its exit code
            # from asyncio, which complains.
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
