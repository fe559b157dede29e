"""``mnistry runs``: list, show and compare runs."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnistry.cli import common, options
from mnistry.cli.framework import Group
from mnistry.errors import counted_noun, printable
from mnistry.percent import percent

if TYPE_CHECKING:
    from mnistry.runs.directory import Run


@click.group(cls=Group)
def runs() -> None:
    """List, show and compare runs."""


@runs.command("list")
@options.FOLDER
@options.JSON
def list_runs(folder: Path, as_json: bool) -> None:
    """List the runs in a folder with their scores, the oldest first."""
    from mnistry.cli import report
    from mnistry.runs import directory

    found, broken = directory.find_all(folder)
    for error in broken:
        common.say(str(error), style="yellow")
    if as_json:
        common.print_json({"runs": [_summary(run) for run in found]})
        return
    if not found:
        common.say(f"no runs in {folder}; mnistry train makes one")
        return
    table = report.table("run", "recipe", "data", "status", "seed", "epochs", "accuracy", left=4)
    for run in found:
        accuracy = _summary(run)["test_accuracy"]
        table.add_row(
            *map(printable, (str(run.path), _summary(run)["recipe"], run.data.name)),
            run.status,
            "–" if run.seed is None else str(run.seed),
            "–" if run.recipe is None else str(run.recipe.epochs),
            "–" if accuracy is None else percent(accuracy),
        )
    common.stdout().print(table)


@runs.command("show")
@options.RUN
@options.JSON
def show_run(run_path: Path, as_json: bool) -> None:
    """Show a run's settings, data, versions and score."""
    from mnistry.cli import report
    from mnistry.runs.directory import Run, Status

    run = Run.open(run_path)
    if as_json:
        common.print_json({**run.to_json(), **_summary(run)})
        return
    rows = [
        ("run", str(run.path)),
        ("status", run.status),
        ("created", run.created),
        ("data", f"{run.data.name} from {run.data.source}"),
        *([("read with", run.data.origin.typed())] if run.data.origin.typed() else []),
        *_origin(run),
        ("versions", ", ".join(f"{name} {version}" for name, version in run.versions.items())),
    ]
    if run.status == Status.DONE:
        rows += report.run_scores(run)
    common.stdout().print(report.facts(*rows))


@runs.command("compare")
@click.argument("first", metavar="RUN", type=options.PATH, help="A run directory.")
@click.argument("second", metavar="RUN", type=options.PATH, help="Another run directory.")
@options.JSON
def compare_runs(first: Path, second: Path, as_json: bool) -> None:
    """Test with McNemar's test whether two runs differ on the same test images."""
    from mnistry.cli import report
    from mnistry.runs import directory

    a, b = directory.Run.open(first), directory.Run.open(second)
    comparison = directory.compare(a, b)
    if as_json:
        common.print_json(
            {
                "runs": [str(a.path), str(b.path)],
                "test_accuracy": [_summary(run)["test_accuracy"] for run in (a, b)],
                **dataclasses.asdict(comparison),
                "verdict": comparison.verdict,
            }
        )
        return
    cards = [run.scores().test for run in (a, b)]
    rows = [
        (f"{letter}  {run.path}", "" if card is None else report.accuracy(card))
        for letter, run, card in zip("AB", (a, b), cards, strict=True)
    ]
    p_value = comparison.p_value
    rows += [
        ("both wrong", f"{comparison.both:,} of {comparison.count:,} images"),
        ("only A wrong", f"{comparison.only_a:,}"),
        ("only B wrong", f"{comparison.only_b:,}"),
        ("p", f"{p_value:.4f}" if p_value >= 1e-4 else "below 0.0001"),
        ("test", "McNemar's, exact"),
        ("verdict", comparison.verdict),
    ]
    common.stdout().print(report.facts(*rows))


def _summary(run: "Run") -> dict[str, Any]:
    return {"run": str(run.path), **run.summary()}


def _origin(run: "Run") -> list[tuple[str, str]]:
    """Return rows that say how a run's network was made."""
    if run.adopted is not None:
        return [
            ("adopted from", f"{run.adopted.source}, SHA-256 {run.adopted.digest}"),
            ("its input", run.adopted.form),
        ]
    if run.taught is not None:
        taught = run.taught
        return [
            ("taught from", f"{taught.start}, SHA-256 {taught.digest}"),
            (
                "examples",
                f"{taught.examples:,}, of {counted_noun(taught.writers, 'writer')}",
            ),
            ("wrong before", f"{taught.wrong_before:,} of the examples"),
            ("wrong after", f"{taught.wrong_after:,}, each by a network taught without it"),
        ]
    recipe = dataclasses.asdict(run.experiment.recipe)
    return [
        ("seed", str(run.seed)),
        ("recipe", recipe.pop("name")),
        *((name.replace("_", " "), _setting(v)) for name, v in recipe.items() if v is not None),
    ]


def _setting(value: Any) -> str:
    if isinstance(value, dict):
        parts = value.items()
        return ", ".join(f"{name} {_setting(part)}" for name, part in parts if part is not None)
    return f"{value:g}" if isinstance(value, float) else str(value)
