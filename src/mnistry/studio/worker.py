"""The process that trains for the studio: ``python -m mnistry.studio.worker``.

It reads one line of JSON, ``{"task": …, "path": …, "experiment": …}``, from standard input: what to
do, the run's folder, and an `Experiment`. It writes one line of JSON for each event to standard
output. When its input is closed, because the training is stopped or the studio has ended, it stops
as at Ctrl-C: the run is kept and can be resumed. Knows nothing of HTTP.
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

from mnistry import datasets
from mnistry.errors import DivergedError, MnistryError
from mnistry.recipes.experiment import Experiment
from mnistry.runs.directory import Run, Status
from mnistry.training.history import Progress

INTERRUPTED = 130
TRAIN, RESUME, FINISH = "train", "resume", "finish"
_FIRST_STEPS = 128  # of the training: each of these steps is reported
_PAUSE = 0.1  # seconds between two reports after the first steps
_SECONDS_TO_STOP = 3.0  # after which a training that was told to stop is interrupted in any case


class Reporter:
    """Writes events to a stream at a limited rate, and stops the training if nothing reads them.

    Set `stops` to stop the training at its next report, where its whole state can be saved.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self.stops = threading.Event()
        self._last = self._started = 0.0
        self._first = 0

    def write(self, event: str, **values: Any) -> None:
        """Write one event; raise `KeyboardInterrupt` if the stream's reader has ended."""
        try:
            self._stream.write(json.dumps({"event": event, "data": values}) + "\n")
            self._stream.flush()
        except OSError:
            raise KeyboardInterrupt from None

    def __call__(self, progress: Progress) -> None:
        """Report progress: of the first steps, at each epoch's end, and else once in `_PAUSE`."""
        if self.stops.is_set():
            raise KeyboardInterrupt
        now = time.monotonic()
        done = (progress.epoch - 1) * progress.steps + progress.step
        if not self._started:
            self._started, self._first = now, done
        if progress.finished is None and done > _FIRST_STEPS and now < self._last + _PAUSE:
            return
        self._last = now
        pace = (now - self._started) / max(1, done - self._first)
        self.write(
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
            self.write("epoch", epoch=progress.epoch, **dataclasses.asdict(progress.finished))


def main() -> int:
    """Run the task on standard input, and return the exit code."""
    # Keep libraries' output apart from the events.
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    reporter = Reporter(events)
    try:
        task = json.loads(sys.stdin.readline())
        path = Path(task["path"])
        threading.Thread(target=_wait_for_end, args=(reporter.stops,), daemon=True).start()
        _work(task["task"], Experiment.from_json(task["experiment"]), path, reporter)
        reporter.write("done", run=path.name, status=Status.DONE)
    except KeyboardInterrupt:
        return INTERRUPTED
    except MnistryError as error:
        with contextlib.suppress(OSError):
            path.rmdir()  # only succeeds if nothing was written
        status = Status.DIVERGED if isinstance(error, DivergedError) else Status.FAILED
        parts = {name: getattr(error, name) for name in ("what", "where", "expected", "remedy")}
        reporter.write("failed", error=parts, status=status)
        return error.exit_code
    return 0


def _wait_for_end(stops: threading.Event) -> None:
    sys.stdin.read()
    stops.set()
    time.sleep(_SECONDS_TO_STOP)
    _thread.interrupt_main()  # no report came: the training compiles, or a step takes long


def _work(task: str, experiment: Experiment, path: Path, reporter: Reporter) -> None:
    from mnistry.training import startup

    started = time.perf_counter()
    with startup.compiled_programs():
        startup.import_keras()
        from mnistry.runs import experiment as experiments
        from mnistry.training import checkpoints

        dataset = datasets.load_origin(experiment.origin)
        start_seconds = time.perf_counter() - started
        if task == TRAIN:
            experiments.run_experiment(
                experiment, dataset, path=path, on_progress=reporter, start_seconds=start_seconds
            )
            return
        run = Run.open(path)
        before, _ = checkpoints.newest(run.checkpoint_folder)
        for number, epoch in enumerate(() if before is None else before.epochs, start=1):
            reporter.write("epoch", epoch=number, **dataclasses.asdict(epoch))
        if task == FINISH:
            experiments.finish(run, dataset)
        else:
            experiments.resume(run, dataset, on_progress=reporter, start_seconds=start_seconds)


if __name__ == "__main__":
    sys.exit(main())
