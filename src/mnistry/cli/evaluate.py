"""``mnistry evaluate``: the scorecard of a run."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnistry.cli import common, options
from mnistry.cli.framework import Command
from mnistry.errors import MnistryError
from mnistry.percent import confidence

if TYPE_CHECKING:
    from mnistry.datasets import Dataset, Origin, Split
    from mnistry.evaluation.scorecard import Scorecard
    from mnistry.runs.directory import Run


@click.command(cls=Command)
@options.RUN
@options.OWN_DATA
@options.origin
@options.JSON
def evaluate(run_path: Path, data: str | None, origin: "Origin", as_json: bool) -> None:
    """Score a run on its own test images, or on other images with --data."""
    from mnistry.datasets import checks
    from mnistry.runs import scoring
    from mnistry.runs.directory import Run

    run = Run.open(run_path)
    trained_on: Dataset | None = None
    if data is None:
        dataset = trained_on = common.load_own_data(run)
    else:
        dataset = common.load_other_data(run, origin.at(data))
        with contextlib.suppress(MnistryError):  # other data can be scored without it
            trained_on = common.load_own_data(run)
    dataset = scoring.with_classes_of(run, dataset)
    name, split = scoring.choose_split(dataset)
    own = data is None and name == "test"
    if trained_on is not None and trained_on.train is not None and not own:
        for notice in checks.in_both(trained_on.train.images, split.images):
            common.note(notice)
    card = scoring.score_run(run, split)
    if as_json:
        common.print_json(
            {
                "run": str(run.path),
                "data": dataset.name,
                "source": dataset.source,
                "split": name,
                **card.to_json(),
                "gap": run.scores().gap if own else None,
            }
        )
    else:
        _print(run, dataset, name, split, card, own)
    common.finish(dataset)


def _print(
    run: "Run", dataset: "Dataset", name: str, split: "Split", card: "Scorecard", own: bool
) -> None:
    from mnistry.cli import report
    from mnistry.display.terminal import DigitPictures

    console = common.stdout()
    rows: list[tuple[str, Any]] = [
        ("run", str(run.path)),
        ("scored on", f"{card.count:,} {name} images of {dataset.name}"),
        *report.score(name, card),
    ]
    if own and run.taught is None:
        trained = run.recipe is not None
        rows.append(report.gap(card, run.scores().train, is_trained=trained))
    rows.append(("confidence", report.calibration(card)))
    if card.undisputed is not None:
        without = f"without {len(card.disputed)} images whose label is disputed"
        rows.append(("undisputed", f"{report.accuracy(card.undisputed)} {without}"))
    console.print(report.facts(*rows))
    report.print_scorecard(console, card)
    surest = card.mistakes[:6]
    if surest:
        console.print("\nmost confident mistakes", style="bold")
        indices = [mistake.index for mistake in surest]
        console.print(DigitPictures(split.images, split.labels, indices, dataset.classes))
        for mistake in surest:
            console.print(
                f"image {mistake.index}: {dataset.classes[mistake.answer]} with "
                f"{confidence(mistake.confidence)}, labelled {dataset.classes[mistake.label]}"
            )
