"""The process that trains for the studio: ``python -m mnistry.studio.worker``.

It is given one line of JSON, a `Task`, on its standard input, and says how far it is by one line of
JSON for each `Event` on its standard output. When its input ends, because the training shall stop
or because the studio is no more, it stops as at Ctrl-C: the run is kept and can be gone on with.
Knows nothing of HTTP.
"""

import _thread
import contextlib
import dataclasses
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

from mnistry.errors import DivergedError, MnistryError
from mnistry.training.history import Progress

INTERRUPTED = 130
_PAUSE = 0.1  # seconds between two reports


@dataclasses.dataclass(frozen=True)
class Task:
    """What to train, as plain values.

    Attributes
    ----------
    path
        The run directory to make.
    recipe
        Fields of `mnistry.Recipe`.
    seed, data
        As `mnistry train` takes them.
    """

    path: str
    recipe: dict[str, Any]
    seed: int
    data: str | None


class Reporter:
    """Writes events, not too many, and stops the training where nobody reads them.

    Parameters
    ----------
    stream
        Where to.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._said = self._started = 0.0
        self._first = 0

    def say(self, event: str, **values: Any) -> None:
        """Write one event.

        Raises
        ------
        KeyboardInterrupt
            If nobody reads any more.
        """
        try:
            self._stream.write(json.dumps({"event": event, "data": values}) + "\n")
            self._stream.flush()
        except OSError:
            raise KeyboardInterrupt from None

    def __call__(self, progress: Progress) -> None:
        """Report a moment of a training, unless another was just reported."""
        now = time.monotonic()
        done = (progress.epoch - 1) * progress.steps + progress.step
        if not self._started:
            self._started, self._first = now, done
        if progress.finished is None and now < self._said + _PAUSE:
            return
        self._said = now
        pace = (now - self._started) / max(1, done - self._first)
        self.say(
            "progress",
            epoch=progress.epoch,
            epochs=progress.epochs,
            step=progress.step,
            steps=progress.steps,
            loss=progress.loss,
            accuracy=progress.accuracy,
            seconds_left=pace * (progress.epochs * progress.steps - done),
        )
        if progress.finished is not None:
            self.say("epoch", epoch=progress.epoch, **dataclasses.asdict(progress.finished))


def main() -> int:
    """Train what standard input asks for, and give the exit code."""
    # What libraries print must not come among the events.
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    reporter = Reporter(events)
    try:
        task = Task(**json.loads(sys.stdin.readline()))
        threading.Thread(target=_wait_for_end, daemon=True).start()
        _train(task, reporter)
        reporter.say("done", run=Path(task.path).name, status="done")
    except KeyboardInterrupt:
        return INTERRUPTED
    except MnistryError as error:
        with contextlib.suppress(OSError):  # it was refused before anything was written
            Path(task.path).rmdir()
        status = "diverged" if isinstance(error, DivergedError) else "failed"
        names = ("what", "where", "expected", "remedy")
        parts = {name: getattr(error, name) for name in names}
        reporter.say("failed", error=parts, status=status)
        return error.exit_code
    return 0


def _wait_for_end() -> None:
    sys.stdin.read()
    _thread.interrupt_main()


def _train(task: Task, reporter: Reporter) -> None:
    from mnistry.training import startup

    started = time.perf_counter()
    with startup.compiled_programs():
        startup.import_keras()
        from mnistry import Recipe, datasets
        from mnistry.runs import experiment

        recipe = Recipe(**task.recipe)
        classic = Recipe()
        experiment.perform(
            classic if recipe == classic else dataclasses.replace(recipe, name="custom"),
            datasets.load(task.data),
            seed=task.seed,
            path=Path(task.path),
            given=task.data,
            on_progress=reporter,
            start_seconds=time.perf_counter() - started,
        )


if __name__ == "__main__":
    sys.exit(main())
