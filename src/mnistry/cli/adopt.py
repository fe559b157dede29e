"""``mnistry adopt``: a network from elsewhere, as an ordinary run."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnistry.cli import common, options
from mnistry.cli.framework import Command
from mnistry.percent import percent

if TYPE_CHECKING:
    from mnistry.datasets import Origin
    from mnistry.networks.adopt import Adopted
    from mnistry.networks.form import Trial
    from mnistry.runs.directory import Run

_SHOWN = 8  # how many of the tried forms of input are printed
_WEAK = 0.9  # an accuracy below this is pointed out
# What a network's ten numbers are, by `Adopted.chosen.kind`.
_OUTPUTS = {
    "probabilities": "probabilities",
    "shares": "numbers whose sum is not 1: each is divided by the sum",
    "scores": "logits, or logarithms of probabilities: softmax is added",
}


@click.command(cls=Command)
@click.argument(
    "model",
    metavar="MODEL",
    type=options.PATH,
    help="A .keras, .h5 or .onnx file, trained anywhere.",
)
@options.output("RUN", "The run directory to make.", required=True)
@options.DATA
@options.origin
@options.JSON
def adopt(model: Path, output: Path, data: str | None, origin: "Origin", as_json: bool) -> None:
    """Find out what input somebody else's network wants, and make it an ordinary run.

    The network must take images of 28x28 or 32x32 pixels, with 1 or 3 channels, and give ten
    numbers for each. Every usual way of giving it images is tried on labelled digits: scale,
    inversion, layout, transposition. The run is scored, read with, compared and exported like one
    that was trained here.
    """
    from mnistry.runs import directory
    from mnistry.training import startup

    directory.refuse_taken(output)
    startup.import_keras()
    from mnistry.networks.adopt import open_network
    from mnistry.runs.adoption import adopt_as_run

    network = open_network(model)
    dataset = common.load_dataset(origin.at(data))
    run, adopted = adopt_as_run(network, dataset, output)
    for notice in adopted.notices:
        common.note(notice)
    if as_json:
        common.print_json(_as_json(run, adopted))
    else:
        _print(run, adopted)
    common.finish(dataset)


def _print(run: "Run", adopted: "Adopted") -> None:
    from mnistry.cli import report

    table = report.table("scale", "paper", "swapped", "layout", "images", "right", "loss", left=4)
    for trial in adopted.trials[:_SHOWN]:
        table.add_row(*_row(trial))
    console = common.stdout()
    console.print(table)
    left_out = len(adopted.trials) - _SHOWN
    if left_out > 0:
        console.print(f"and {left_out} others, with fewer right", style="bright_black")
    scores = run.scores()
    rows = [("input", str(adopted.chosen.form)), ("output", _OUTPUTS[adopted.chosen.kind])]
    console.print()
    console.print(report.facts(*rows, *report.run_scores(run), ("run", str(run.path))))
    card = scores.test or scores.train
    if card.accuracy < _WEAK:
        common.note(
            f"it reads only {percent(card.accuracy, places=1)} right; a classic network reads 98 %"
        )
    console.print(f"\nmore: mnistry evaluate {run.path}", style="bright_black", soft_wrap=True)


def _row(trial: "Trial") -> tuple[str, ...]:
    from mnistry.networks.form import LAYOUTS

    form = trial.form
    return (
        form.scale,
        "high" if form.inverted else "low",
        "yes" if form.transposed else "no",
        LAYOUTS[form.shape],
        f"{trial.count:,}",
        percent(trial.accuracy),
        f"{trial.loss:.3f}",
    )


def _as_json(run: "Run", adopted: "Adopted") -> dict[str, Any]:
    scores = run.scores()
    return {
        "run": str(run.path),
        "source": adopted.source,
        "sha256": adopted.digest,
        "data": run.data.to_json(),
        "tried": [dataclasses.asdict(trial) for trial in adopted.trials],
        "notices": list(adopted.notices),
        "test_accuracy": None if scores.test is None else scores.test.accuracy,
        "train_accuracy": scores.train.accuracy,
    }
