"""Show the progress of a training, a download, a reading or a sweep on stderr.

A training reports `mnistry.training.history.Progress`; everything else reports how much is done
and how much there is. Knows nothing of networks.
"""

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console
from rich.text import Text

from mnistry.percent import percent
from mnistry.training.history import Progress

_WIDTH = 24  # of a bar, in characters


class ProgressBar:
    """Draw a bar for each epoch, with loss, accuracy and the time left.

    In a terminal and in a notebook, the line of the running epoch is updated in place. Elsewhere,
    as in a log file, one line is written after each epoch.

    Parameters
    ----------
    console
        Where to draw; None means stderr.

    Examples
    --------
    ``mnistry.train(model, images, labels, on_progress=mnistry.ProgressBar())``
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._step = 0  # the step of the last report; 0 between two epochs
        self._started, self._first = 0.0, 0  # time and step of the epoch's first report
        self._cell: Any = None  # a notebook's display of the running epoch

    @property
    def _live(self) -> bool:
        # With FORCE_COLOR, which many build servers set, Rich takes a log file for a terminal;
        # TERM=dumb then shows that lines cannot be updated in place.
        return self._console.is_terminal and not self._console.is_dumb_terminal

    def __call__(self, progress: Progress) -> None:
        """Draw the progress of a training."""
        was_interrupted = progress.step <= self._step  # the epoch before did not reach its end
        if was_interrupted:
            self._cell = None
        if was_interrupted or self._step == 0:
            self._started, self._first = time.perf_counter(), progress.step
        self._step = 0 if progress.finished else progress.step
        line = self._line(progress)
        if self._console.is_jupyter:
            self._in_notebook(line, last=progress.finished is not None)
        elif self._live:
            # Erase the last line, which may have been longer.
            self._console.file.write("\r\x1b[K")
            end = "\n" if progress.finished else ""
            self._console.print(line, end=end, overflow="crop", no_wrap=True, crop=True)
        elif progress.finished:
            self._console.print(line, soft_wrap=True)

    def _line(self, progress: Progress) -> Text:
        part = progress.step / progress.steps
        head = f"epoch {progress.epoch:>{len(str(progress.epochs))}}/{progress.epochs}"
        tail = Text(f"loss {progress.loss:.4f}  accuracy {percent(progress.accuracy):>8}")
        finished = progress.finished
        if finished is None:
            tail.append(f"  {self._left(progress):.0f} s left", "bright_black")
        else:
            if finished.val_loss is not None:
                accuracy = percent(finished.val_accuracy or 0.0)
                tail.append(f"  val {finished.val_loss:.4f} {accuracy:>8}")
            tail.append(f"  {finished.seconds:.2f} s", "bright_black")
        if not self._live and not self._console.is_jupyter:
            return Text(f"{head}: ").append_text(tail)
        steps = f" {progress.step:>{len(str(progress.steps))}}/{progress.steps}  "
        room = self._console.width - len(head) - len(steps) - len(tail) - 1
        width = max(0, min(_WIDTH, room))
        filled = math.floor(part * width)
        line = Text(head + " ").append("━" * filled, "green" if finished else "cyan")
        return line.append("┄" * (width - filled), "bright_black").append(steps).append_text(tail)

    def _left(self, progress: Progress) -> float:
        """Estimate the seconds left in the epoch from its pace since the first report."""
        done = progress.step - self._first
        pace = (time.perf_counter() - self._started) / done if done else 0.0
        return pace * (progress.steps - progress.step)

    def _in_notebook(self, line: Text, *, last: bool) -> None:
        # A saved notebook keeps only the last state of a display that is updated in place.
        from IPython.display import display

        bundle = {"text/plain": line.plain}
        if self._cell is None:
            self._cell = display(bundle, raw=True, display_id=True)
        else:
            self._cell.update(bundle, raw=True)
        if last:
            self._cell = None


@contextlib.contextmanager
def counted(
    what: str = "", *, in_bytes: bool = False
) -> Iterator[Callable[[int, int | None], None]]:
    """Draw a bar on stderr while work is counted, if stderr is a terminal.

    Yields a function to call with how much is done and how much there is, or None if that is
    unknown. With `in_bytes`, kB and MB are shown, with the speed.
    """
    from rich import progress

    columns: list[progress.ProgressColumn] = [progress.BarColumn()]
    if in_bytes:
        columns += [progress.DownloadColumn(), progress.TransferSpeedColumn()]
    else:
        columns.append(progress.MofNCompleteColumn())
    console = Console(stderr=True, highlight=False, markup=False)
    with progress.Progress(
        progress.TextColumn(what), *columns, progress.TimeRemainingColumn(),
        console=console, transient=True, disable=not console.is_terminal, redirect_stdout=False,
    ) as bar:  # fmt: skip
        task = bar.add_task(what, total=None, visible=False)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=True)
