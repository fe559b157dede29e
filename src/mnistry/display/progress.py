"""Show how far a training, a download, a reading or a sweep is.

Knows nothing of networks; a training gives `mnistry.training.history.Progress`, everything else
how much is done of how much. Writes to stderr.
"""

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console
from rich.text import Text

from mnistry.training.history import Progress

_WIDTH = 24

_Show = Callable[[int, int | None], None]


class ProgressBar:
    """Draws a bar an epoch with loss, accuracy and the time left.

    In a terminal and in a notebook the line of the running epoch is redrawn in place; anywhere
    else, as in a log file, there is one line an epoch and nothing in between.

    Parameters
    ----------
    console
        Where to draw; None draws to stderr.

    Examples
    --------
    ``mnistry.train(model, images, labels, on_progress=mnistry.ProgressBar())``
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._started, self._first, self._step = 0.0, 0, 0
        self._cell: Any = None

    @property
    def _live(self) -> bool:
        # Rich takes a log for a terminal where FORCE_COLOR is set, as many build servers do.
        return self._console.is_terminal and not self._console.is_dumb_terminal

    def __call__(self, progress: Progress) -> None:
        """Draw a moment of a training."""
        if progress.step <= self._step:
            self._cell = None  # another epoch, perhaps after one that was interrupted
        if progress.step <= self._step or self._step == 0:
            self._started, self._first = time.perf_counter(), progress.step
        self._step = 0 if progress.finished else progress.step
        line = self._line(progress)
        if self._console.is_jupyter:
            self._in_notebook(line, last=progress.finished is not None)
        elif self._live:
            # Erase what an interrupted or longer line has left, then draw over it.
            self._console.file.write("\r\x1b[K")
            end = "\n" if progress.finished else ""
            self._console.print(line, end=end, overflow="crop", no_wrap=True, crop=True)
        elif progress.finished:
            self._console.print(line, soft_wrap=True)

    def _line(self, progress: Progress) -> Text:
        part = progress.step / progress.steps
        head = f"epoch {progress.epoch:>{len(str(progress.epochs))}}/{progress.epochs}"
        tail = Text(f"loss {progress.loss:.4f}  accuracy {progress.accuracy:7.2%}")
        finished = progress.finished
        if finished is None:
            tail.append(f"  {self._left(progress):.0f} s left", "bright_black")
        else:
            if finished.val_loss is not None:
                tail.append(f"  val {finished.val_loss:.4f} {finished.val_accuracy:7.2%}")
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
        """Estimate the epoch's seconds left from its pace since it was first seen."""
        done = progress.step - self._first
        pace = (time.perf_counter() - self._started) / done if done else 0.0
        return pace * (progress.steps - progress.step)

    def _in_notebook(self, line: Text, *, last: bool) -> None:
        # A display that is updated in place leaves only its last state in the saved notebook.
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
    """Draw a bar on stderr while something is counted; a log file is left without.

    Parameters
    ----------
    what
        What is done: ``"downloading"``.
    in_bytes
        Whether bytes are counted: then they are shown in kB and MB, and their speed.

    Yields
    ------
    A function that is called with how much is done and how much there is, or None.
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
