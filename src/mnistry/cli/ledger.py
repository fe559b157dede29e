"""``mnistry ledger``: how much a run's network has learned, and still does not know, in bits."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mnistry.cli import common, options
from mnistry.cli.framework import Command

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.measure import Measurement
    from rich.table import Table

    from mnistry.evaluation.ledger import Entry, Ledger

# For the solid and the shaded part of a bar: its colour, as in the figures visible on white and on
# black; and its character, which for encodings with ASCII only is another.
_COLOURS = "#0072B2", "#D55E00"
_BLOCKS, _ASCII = ("█", "▒"), ("#", "-")
_EIGHTHS = ("", *"▏▎▍▌▋▊▉")  # the end of a solid part: 0 to 7 eighths of a character
_WIDEST_BAR = 48  # characters
_MOST_EPOCHS = 20  # rows of the table of epochs, beside the best epoch

_NOT_SEEN = {
    "test": "images that it has never seen",
    "validation": "the images set aside, which it was not trained on",
}


@click.command(cls=Command)
@options.RUN
@options.JSON
def ledger(run_path: Path, as_json: bool) -> None:
    """Show in bits how much a run's network has learned and how much it still does not know.

    An image costs log2(10) = 3.32 bits if the network knows nothing, and 0 if it knows all. The
    costs are shown for training and test images, by epoch and by class.
    """
    from mnistry.cli import report
    from mnistry.evaluation.ledger import Ledger
    from mnistry.runs.directory import Run

    run = Run.open(run_path)
    book = Ledger.of(run.epochs(), run.scores(), run.experiment.recipe.loss)
    if as_json:
        common.print_json({"run": str(run.path), "data": run.data.name, **book.to_json()})
        return
    console = common.stdout()
    console.print(report.facts(("run", str(run.path)), ("data", run.data.name)))
    console.print("\ncost of an image in bits (yes-or-no questions)", style="bold")
    console.print(_whole(book))
    if book.split is None:
        console.print(
            "All its images were trained on, so the cost of other images is not known; "
            "mnistry train --validation 0.1 sets some aside."
        )
    console.print("\nby epoch", style="bold")
    _print_epochs(console, book)
    console.print("\nclass by class", style="bold")
    _print_classes(console, book)


def _whole(book: "Ledger") -> "Table":
    """Lay out the figures over all images: each with its bar and a sentence."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(ratio=1)
    table.add_column(ratio=3)
    full = max(book.nothing, book.left)
    gap = max(0.0, book.gap or 0.0)

    def add(name: str, bits: float, sentence: str, shaded: float = 0.0) -> None:
        table.add_row(name, f"{bits:.4f}", _Bar(bits - shaded, shaded, full), sentence)

    each = f"log2({book.classes}): each of {book.classes} answers is as likely as any other"
    add("knows nothing", book.nothing, each)
    if book.nothing - book.frequencies >= 0.01:  # otherwise almost equal
        known = "knows only how often each class occurs in the training images"
        add("class frequencies", book.frequencies, known)
    table.add_row("learned", f"{-book.learned:+.4f}", "", _learned(book))
    if book.split is not None:
        sentence = f"still unknown about {_NOT_SEEN[book.split]}: {_questions(book.left)}"
        add(f"{book.split} images", book.left, sentence, gap)
    sentence = f"still unknown about those it was trained on: {_questions(book.train)}"
    add("training images", book.train, sentence)
    if book.gap is not None:
        table.add_row("difference", f"{book.gap:+.4f}", _Bar(0, gap, full), _gap(book))
    return table


def _learned(book: "Ledger") -> str:
    if book.learned <= 0:
        return "nothing useful: its answers are confident and wrong, which is worse than guessing"
    part = math.floor(1000 * book.learned / book.nothing) / 10  # 99.96 % is not 100 %
    whose = "images that it was trained on" if book.split is None else _NOT_SEEN[book.split]
    return f"{part:.1f} % of all that there is to know about {whose}"


def _gap(book: "Ledger") -> str:
    if book.gap is None or book.gap <= 0:
        return "unseen images cost no more than training images: no generalisation gap"
    others = " and, in MNIST, to other writers" if book.split == "test" else ""
    return f"the generalisation gap: unseen images cost more, partly due to chance{others}"


def _questions(bits: float) -> str:
    """Express bits as a number of yes-or-no questions.

    Examples
    --------
    >>> _questions(1.5), _questions(0.09)
    ('1.5 yes-or-no questions per image', 'one yes-or-no question every 11 images')
    """
    if bits > 2 / 3:  # for fewer bits, 1 / bits is at least 1.5, which rounds to 2 images or more
        return f"{bits:.1f} yes-or-no questions per image"
    return f"one yes-or-no question every {1 / bits:,.0f} images" if bits else "nothing"


def _print_epochs(console: "Console", book: "Ledger") -> None:
    if not book.epochs:
        console.print(
            f"This network was trained on {book.loss.replace('_', ' ')}: a mean over its "
            f"{book.classes} outputs, each scored separately. That is not a number of bits "
            "per image, and is not shown here. All other figures come from the network's "
            "probabilities and can be compared with other networks'."
        )
        return
    best = book.best_epoch
    _explain(
        console, 0,
        "training: the mean over an epoch, taken while the weights were still changing, on the "
        "images as the training saw them",
    )  # fmt: skip
    if best is None:
        console.print("No images were set aside to compare it with: mnistry train --validation 0.1")
    else:
        _explain(
            console, 1,
            "the extra cost of validation images (set aside), after the epoch. Early on they may "
            "cost less. Where training falls and validation rises, the network overfits: it "
            "memorises its images",
        )  # fmt: skip
    shown = _some(len(book.epochs), best)
    console.print(
        _entries("epoch", None if best is None else "validation", [book.epochs[i] for i in shown])
    )
    if len(shown) < len(book.epochs):
        console.print(f"{len(shown)} of {len(book.epochs)} epochs; --json gives all")
    if best is not None:
        console.print(
            f"The images set aside cost least after epoch {best} of {len(book.epochs)}: "
            f"{book.epochs[best - 1].unseen:.4f} bits."
        )


def _print_classes(console: "Console", book: "Ledger") -> None:
    _explain(console, 0, "training images, by the final weights")
    if book.split is not None:
        _explain(console, 1, f"the extra cost of {book.split} images")
    console.print(_entries("class", book.split, book.by_class))
    gaps = [(entry.gap, entry.name) for entry in book.by_class if entry.gap is not None]
    if gaps and max(gaps)[0] > 0:
        gap, name = max(gaps)
        console.print(
            f"The largest difference: {name}, {gap:.4f} bits per image. A class has fewer images "
            "than the whole set, so chance plays a larger part."
        )


def _explain(console: "Console", part: int, text: str) -> None:
    """Print what a part of a bar means: 0 is the solid part, 1 the shaded part."""
    from rich.text import Text

    glyph = _glyphs(console.options)[part]
    console.print(Text.assemble((glyph, _COLOURS[part]), " ", text))


def _some(count: int, best: int | None) -> list[int]:
    """Choose epochs at equal distances, with the first, the last and the best."""
    if count <= _MOST_EPOCHS:
        return list(range(count))
    chosen = {round(k * (count - 1) / (_MOST_EPOCHS - 1)) for k in range(_MOST_EPOCHS)}
    return sorted(chosen if best is None else chosen | {best - 1})


def _entries(what: str, split: str | None, entries: Sequence["Entry"]) -> "Table":
    """Lay out a row for each entry; the bars share one scale."""
    from mnistry.cli import report

    costs = [cost for entry in entries for cost in (entry.train, entry.unseen) if cost is not None]
    full = max(costs) or 1.0
    others = () if split is None else (split, "difference")
    table = report.table(what, "training", *others)
    table.add_column(f"0 to {full:.2f} bits")
    for entry in entries:
        cells = [_figure(entry.train)]
        if split is not None:
            cells += [_figure(entry.unseen), _figure(entry.gap, "+")]
        table.add_row(entry.name, *cells, _Bar(entry.train or 0, max(0, entry.gap or 0), full))
    return table


def _figure(bits: float | None, sign: str = "") -> str:
    return "–" if bits is None else f"{bits:{sign}.4f}"


def _glyphs(options: "ConsoleOptions") -> tuple[str, str]:
    return _ASCII if options.ascii_only else _BLOCKS


@dataclasses.dataclass(frozen=True)
class _Bar:
    """A bar of two parts; `full` bits, more than 0, fill the available width."""

    solid: float
    shaded: float
    full: float

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        from rich.text import Text

        solid, shaded = _glyphs(options)
        scale = options.max_width / self.full
        if options.ascii_only:
            first = solid * round(self.solid * scale)
        else:
            whole, eighths = divmod(round(8 * self.solid * scale), 8)
            tiny = bool(self.solid) and not whole  # even a tiny part is visible
            first = solid * whole + _EIGHTHS[max(tiny, eighths)]
        length = round((self.solid + self.shaded) * scale) if self.shaded else 0
        rest = shaded * (length - len(first))
        yield Text.assemble((first, _COLOURS[0]), (rest, _COLOURS[1]), no_wrap=True)

    def __rich_measure__(self, console: "Console", options: "ConsoleOptions") -> "Measurement":
        from rich.measure import Measurement

        return Measurement(min(12, options.max_width), min(_WIDEST_BAR, options.max_width))
