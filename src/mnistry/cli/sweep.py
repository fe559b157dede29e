"""``mnistry sweep``: train with many settings, and rank them."""

import dataclasses
import shlex
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnistry import recipes
from mnistry.cli import common, options, recipe_options
from mnistry.cli.framework import Command
from mnistry.errors import IncompleteError, counted_noun
from mnistry.percent import percent

if TYPE_CHECKING:
    from mnistry.cluster.sweep import Result
    from mnistry.datasets import Origin

    # Each combination of settings, with the results of its seeds; the best first.
    Groups = list[tuple[Mapping[str, Any], list[Result]]]

_SHOWN = 10  # how many settings, and how many reasons for failures, are printed


@click.command(cls=Command)
@options.DATA
@recipe_options.settings("recipe")
@recipe_options.settings("network", "units", "depth", "optimizer", several=True)
@recipe_options.settings("learning_rate", "momentum", "batch_size", several=True)
@recipe_options.settings("epochs")
@click.option(
    "--validation",
    metavar="F",
    type=float,
    default=0.1,
    help="The share of the training images to set aside, on which settings are compared.",
)
@click.option(
    "--trials",
    metavar="N",
    type=int,
    help="Draw N combinations at random.",
    show_default="every combination",
)
@click.option(
    "--seeds", metavar="N", type=int, default=1, help="Train each combination with N seeds."
)
@click.option("--ray", metavar="ADDRESS", default="local", help=options.RAY)
@options.output("OUT", "The folder for runs, table and figure.", default="sweep")
@options.origin
@options.JSON
def sweep(
    data: str | None,
    recipe: str | None,
    epochs: int | None,
    validation: float,
    trials: int | None,
    seeds: int,
    ray: str,
    output: Path,
    origin: "Origin",
    as_json: bool,
    **texts: str | None,
) -> None:
    """Train with many settings, and compare them on images that were set aside.

    VALUES are separated by commas (32,128,512), or a range (0.1..0.9); :log makes the range
    logarithmic (1e-4..1e-2:log). Trainings that fall behind are stopped early. The test images are
    not used. Repeat the command to resume an interrupted sweep.
    """
    from mnistry.cluster import connection, plan
    from mnistry.cluster import sweep as sweeps
    from mnistry.display.progress import counted
    from mnistry.recipes.experiment import Experiment
    from mnistry.training import startup

    varied = {name: plan.parse(name, text) for name, text in texts.items() if text is not None}
    fixed: dict[str, Any] = {"validation": validation}
    if epochs is not None:
        fixed["epochs"] = epochs
    chosen = dataclasses.replace(recipes.find(recipe or "classic"), **fixed)
    configurations = plan.configurations(varied, trials)
    experiment = Experiment(chosen, origin.at(data))
    sweeps.make_trials(experiment, configurations, seeds)  # refuses before anything is downloaded
    dataset = common.load_dataset(experiment.origin)
    planned = sweeps.make_trials(Experiment(chosen, dataset.origin), configurations, seeds)
    hint = common.hint_if_interrupted(output, "repeat the command to resume")
    here = ray == connection.LOCAL and (
        sweeps.is_finished(planned, output) or sweeps.can_run_here(planned)
    )
    place = startup.compiled_programs() if here else connection.connected(ray)
    with common.quiet_libraries(), hint, place:
        startup.import_keras()  # after Ray has started its processes: JAX warns otherwise
        sweeps.check(planned, dataset)  # refuses wrong settings before anything is trained
        trainings = counted_noun(len(planned), "training")
        common.say(f"{trainings} of at most {counted_noun(chosen.epochs, 'epoch')}")
        with counted("training") as show:
            outcome = sweeps.run(planned, dataset, output, here=here, on_progress=show)
    groups = sweeps.by_settings(outcome.results)
    figure, table = _draw(groups, output / "sweep.png"), output / sweeps.RESULTS
    best = _command_for(groups[0][0], dataset.origin, recipe, epochs)
    if as_json:
        common.print_json({**_as_json(groups, output, table, figure), "train": best})
    else:
        _print(groups, output)
        drawn = "" if figure is None else f"figure  {figure}\n"
        common.stdout().print(f"\n{drawn}table   {table}\n")
        common.stdout().print("train the best on all training images, and test it once")
        common.stdout().print(f"  {best}", soft_wrap=True)
    for name, why in list(outcome.failures.items())[:_SHOWN]:
        common.say(f"{name}: {why}")
    if len(outcome.results) < len(planned):
        raise IncompleteError(
            f"{len(planned) - len(outcome.results):,} of {len(planned):,} trainings failed",
            where=output,
            remedy="repeat the command: it tries them again",
        )
    common.finish(dataset)


def _command_for(
    settings: Mapping[str, Any], origin: "Origin", recipe: str | None, epochs: int | None
) -> str:
    """Return the command that trains with these settings and five seeds, to show the spread."""
    given = {"data": origin.data, "recipe": recipe, "epochs": epochs, **settings, "seeds": 5}
    options = [
        f"--{name.replace('_', '-')} {shlex.quote(str(value))}"
        for name, value in given.items()
        if value is not None
    ]
    return " ".join(filter(None, ["mnistry train", *options, origin.typed()]))


def _draw(groups: "Groups", path: Path) -> Path | None:
    """Draw the figure, and return its path; None if no setting varies."""
    from mnistry.display import plots

    drawn = plots.sweep(
        [settings for settings, _ in groups],
        [[result.accuracy for result in group] for _, group in groups],
        [any(result.end != "done" for result in group) for _, group in groups],
    )
    if drawn is None:
        return None
    plots.save(drawn, path)
    return path


def _print(groups: "Groups", output: Path) -> None:
    from rich.table import Table

    names = list(groups[0][0])
    table = Table(box=None, pad_edge=False)
    for name in (*names, "accuracy", "± sd", "seeds", "epochs", "the best run"):
        table.add_column(name, justify="left" if name in ("network", "optimizer") else "right")
    for settings, group in groups[:_SHOWN]:
        accuracies = [result.accuracy for result in group]
        spread = percent(statistics.stdev(accuracies)) if len(group) > 1 else ""
        epochs = sorted({result.epochs for result in group})
        best = max(group, key=lambda result: result.accuracy)
        table.add_row(
            *(str(settings[name]) for name in names),
            percent(statistics.mean(accuracies)),
            spread,
            str(len(group)),
            f"{epochs[0]}" if len(epochs) == 1 else f"{epochs[0]} to {epochs[-1]}",
            str(output / "runs" / best.trial.name),
        )
    common.stdout().print(table)
    if len(groups) > _SHOWN:
        common.stdout().print(f"and {len(groups) - _SHOWN:,} more")


def _as_json(groups: "Groups", output: Path, table: Path, figure: Path | None) -> dict[str, Any]:
    def of(result: "Result") -> dict[str, Any]:
        return {
            "run": str(output / "runs" / result.trial.name),
            "seed": result.trial.experiment.seed,
            "epochs": result.epochs,
            "end": result.end,
            "validation_accuracy": result.accuracy,
        }

    return {
        "table": str(table),
        "figure": None if figure is None else str(figure),
        "settings": [
            {
                "settings": dict(settings),
                "validation_accuracy": statistics.mean(one.accuracy for one in group),
                "trainings": [of(result) for result in group],
            }
            for settings, group in groups
        ],
    }
