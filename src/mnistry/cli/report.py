"""Scores as text, for ``mnistry train``, ``evaluate`` and ``runs``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from mnistry.errors import printable
from mnistry.percent import percent

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from mnistry.evaluation.scorecard import Score, Scorecard
    from mnistry.runs.directory import Run


_NAME = 24  # characters; a longer name, such as a path, may be folded


class FittingTable(Table):
    """A table that is printed as a list, a cell on each line, if its columns do not fit.

    Rich would make the names narrower and cut the numbers off.
    """

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        if self.least_width <= options.max_width:
            yield from super().__rich_console__(console, options)
            return
        names = [str(column.header) for column in self.columns]
        rows = zip(*(column.cells for column in self.columns), strict=True)
        for row, (first, *cells) in zip(self.rows, rows, strict=True):
            yield Text(str(first), row.style or "", overflow="fold")
            for name, cell in zip(names[1:], cells, strict=True):
                text = f"  {name}: {cell}"
                if cell_len(text) > options.max_width:
                    text = f"  {name}:\n  {cell}"
                yield Text(text, row.style or "", overflow="fold")

    @property
    def least_width(self) -> int:
        """The narrowest width, in characters, at which every name, word and number is whole."""
        gaps = 3 * (len(self.columns) - 1)  # a space and the padding of both neighbours
        names, *others = ([str(text) for text in (c.header, *c.cells)] for c in self.columns)
        width = min(_longest(names), _NAME) + gaps
        for column, texts in zip(self.columns[1:], others, strict=True):
            if column.no_wrap:
                width += _longest(texts)
            else:
                width += min(_longest(" ".join(texts).split()), _NAME)
        return width


def _longest(texts: Sequence[str]) -> int:
    return max(map(cell_len, texts), default=0)


def table(*headings: str, left: int = 1) -> FittingTable:
    """Make a table whose first `left` columns hold words and the others numbers."""
    made = FittingTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for number, heading in enumerate(headings):
        words = number < left
        made.add_column(
            heading, justify="left" if words else "right", no_wrap=not words, overflow="fold"
        )
    return made


def facts(*rows: tuple[str, str]) -> Table:
    """Lay out names and their values in two columns."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for row in rows:
        table.add_row(*map(printable, row))
    return table


def accuracy(score: "Score") -> str:
    """Format an accuracy with its 95 % interval."""
    low, high = score.interval
    return f"{percent(score.accuracy)}  (95 % interval: {percent(low)} to {percent(high)})"


def score(split: str, card: "Score") -> list[tuple[str, str]]:
    """Make the rows with accuracy and loss; the loss in nats and in bits."""
    bits = f"{card.loss:.4f} nats = {card.loss_bits:.4f} bits per image"
    return [(f"{split} accuracy", accuracy(card)), (f"{split} loss", bits)]


def gap(test: "Scorecard", train: "Scorecard", *, is_trained: bool) -> tuple[str, str]:
    """Make the row with the accuracy on the training images, and the generalisation gap.

    An adopted network is not known to be trained on these images, so there is no gap.
    """
    name, text = _training_accuracy(train, is_trained=is_trained)
    if not is_trained:
        return name, text
    points = (train.accuracy - test.accuracy) * 100
    return name, f"{text}  (gap to the test images: {points:+.2f} points)"


def run_scores(run: "Run") -> list[tuple[str, str]]:
    """Make the rows with the scores of a run that is done."""
    scores = run.scores()
    if scores.test is None:
        return [
            _training_accuracy(scores.train, is_trained=run.adopted is None),
            ("test accuracy", "none: this data has no labelled test images"),
        ]
    if run.taught is not None:
        return score("test", scores.test)
    trained = run.recipe is not None
    return [*score("test", scores.test), gap(scores.test, scores.train, is_trained=trained)]


def _training_accuracy(card: "Scorecard", *, is_trained: bool) -> tuple[str, str]:
    what = "" if is_trained else "  (it is not known whether it was trained on these images)"
    return "training accuracy", f"{percent(card.accuracy)}{what}"


def by_class(card: "Scorecard") -> Table:
    """Lay out the score of each class."""
    made = table("class", "images", "precision", "recall", "F1", "loss (bits)")
    for row in card.by_class:
        made.add_row(
            row.name,
            f"{row.images:,}",
            _percent(row.precision),
            _percent(row.recall),
            _percent(row.f1),
            "–" if row.loss_bits is None else f"{row.loss_bits:.4f}",
        )
    return made


def confused(card: "Scorecard", most: int = 8) -> Table:
    """Lay out the pairs of label and answer that were confused most often."""
    made = table("label", "answer", "times", left=2)
    for pair in card.most_confused[:most]:
        made.add_row(card.classes[pair.label], card.classes[pair.answer], str(pair.count))
    return made


def calibration(card: "Scorecard") -> str:
    """Format the accuracy of the most confident answers, and the calibration error."""
    sure = [part for part in card.bins if part.count][-1]
    return (
        f"of {sure.count:,} answers with {percent(sure.low, places=0)} confidence or more, "
        f"{percent(sure.accuracy or 0.0)} are right  "
        f"(calibration error: {percent(card.calibration_error)})"
    )


def print_scorecard(console: "Console", card: "Scorecard") -> None:
    """Print the tables of a scorecard."""
    console.print("\nclass by class", style="bold")
    console.print(by_class(card))
    if card.mistakes:
        console.print("\nmost confused", style="bold")
        console.print(confused(card))


def _percent(value: float | None) -> str:
    return "–" if value is None else percent(value)
