"""Read pictures in threads of the server's own process, with a reader that can be replaced."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

import cv2

from mnistry.reading import Reader
from mnistry.server import answers
from mnistry.server.errors import too_busy
from mnistry.server.tasks import Answer, Task
from mnistry.server.work import WorkQueue

if TYPE_CHECKING:
    from mnistry.forms.reading import FormReader

_QUEUE = 32  # quick tasks that may wait: about a tenth of a second of work
_PAUSE = 0.02  # seconds until the queue is looked at again


class InProcess:
    """The reader in use, and the queues of tasks: a `mnistry.server.batches.Backend`.

    The reader may be replaced at any time; a running request keeps the reader it started with.
    """

    at_once = ready = 1  # this process
    waiting = restarts = 0  # no other process is waited for, or replaced

    def __init__(self, reader: Reader, forms: "Mapping[str, FormReader] | None" = None) -> None:
        cv2.setNumThreads(1)  # requests run in parallel already
        self.reader, self._forms = reader, forms
        # One thread: reading holds the GIL half of the time, and several threads that compete for
        # it answer fewer requests per second than one.
        self.quick = WorkQueue(1, _QUEUE)
        # Separate, so that work that takes seconds does not delay work that takes milliseconds.
        self.slow = WorkQueue(2, _QUEUE // 4)

    def check_room(self, task: Task) -> None:
        """Raise `ApiError` 503 if a task's queue is full."""
        if self._queue(task).is_full:
            raise too_busy()

    async def run(self, task: Task) -> Answer:
        """Do a task, once there is room for it; see `mnistry.server.answers.answer`."""
        queue = self._queue(task)
        while queue.is_full:
            await asyncio.sleep(_PAUSE)
        return await queue.submit(answers.answer, self.reader, task, self._forms)

    async def close(self) -> None:
        """Cancel the waiting tasks."""
        self.quick.close()
        self.slow.close()

    def _queue(self, task: Task) -> WorkQueue:
        return self.quick if task.is_quick else self.slow
