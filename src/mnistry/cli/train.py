"""``mnistry train``: the classic experiment, or another, into a run directory."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnistry import recipes
from mnistry.cli import common, options, recipe_options
from mnistry.cli.framework import Command
from mnistry.errors import UsageError

if TYPE_CHECKING:
    from mnistry.datasets import Dataset
    from mnistry.evaluation.statistics import Spread
    from mnistry.recipes import Recipe
    from mnistry.recipes.experiment import Experiment
    from mnistry.runs.directory import Run

# When the process began: until here it has done nothing but compute.
_STARTED = time.perf_counter() - time.process_time()


@click.command(cls=Command)
@options.DATA
@recipe_options.RECIPE
@recipe_options.setting("network")
@recipe_options.setting("units")
@recipe_options.setting("depth")
@recipe_options.setting("optimizer")
@recipe_options.setting("loss")
@recipe_options.setting("learning_rate")
@recipe_options.setting("momentum")
@recipe_options.setting("epochs")
@recipe_options.setting("batch_size")
@recipe_options.setting("validation")
@recipe_options.setting("early_stopping")
@click.option(
    "--seed",
    metavar="N",
    type=int,
    help="Decides weights and order: the same seed, the same run.",
    show_default="0",
)
@click.option(
    "--seeds",
    metavar="N",
    type=click.IntRange(min=1),
    help="Train with N seeds, a run each.",
    show_default="1",
)
@click.option(
    "-o",
    "--output",
    metavar="RUN",
    type=options.PATH,
    help="The run directory to make; RUN-s0, … with seeds.",
    show_default="a new one in runs",
)
@click.option(
    "--resume",
    metavar="RUN",
    type=options.PATH,
    help="Go on with a run that was interrupted.",
)
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(min=1),
    help="Divide every batch among N workers of a Ray cluster.",
    show_default="none",
)
@click.option(
    "--ray",
    metavar="ADDRESS",
    help="Where the workers are; local: on this machine.",
    show_default="local, with --workers",
)
@options.TRANSPOSE
@options.JSON
def train(
    data: str | None,
    recipe: str | None,
    seed: int | None,
    seeds: int | None,
    output: Path | None,
    resume: Path | None,
    workers: int | None,
    ray: str | None,
    transpose: bool,
    as_json: bool,
    **changes: Any,
) -> None:
    """Train a network and score it; without options, the classic experiment.

    784 inputs, 512 ReLU, 10 softmax; RMSprop, categorical cross-entropy; 5 epochs in batches of
    128: about 98 % on images that it has never seen.
    """
    changes = {name: value for name, value in changes.items() if value is not None}
    if "loss" in changes:
        changes["loss"] = recipe_options.full_loss_name(changes["loss"])
    if ray is not None and workers is None:
        raise UsageError("--ray without --workers", remedy="say how many: --workers 4")
    others = (data, output, seed, seeds, recipe)
    if resume is not None and (changes or transpose or any(o is not None for o in others)):
        raise UsageError(
            "--resume goes on with the run's own settings",
            where=resume,
            remedy="leave out the other options",
        )
    from mnistry.datasets import Origin
    from mnistry.recipes.experiment import Experiment
    from mnistry.runs.directory import Run
    from mnistry.training import startup

    run = None if resume is None else Run.open(resume)
    if run is None:
        chosen = _recipe(recipe or "classic", changes)
        asked = Experiment(chosen, Origin(data, transpose), seed or 0)
        places = _places(output, asked.seed, seeds)
    else:
        asked, places = run.experiment, {}
    with startup.compiled_programs(), _cluster("local" if ray is None else ray, workers):
        startup.import_keras()
        dataset = common.load_dataset(asked.origin)
        runs = [] if run is None else [_resume(run, dataset, workers)]
        for number, path in places.items():
            start = 0.0 if runs else time.perf_counter() - _STARTED
            one = Experiment(asked.recipe, dataset.origin, number)
            runs.append(_new(one, dataset, path, start, workers))
    single = seeds in (None, 1)
    if as_json:
        common.print_json(_as_json(runs[0]) if single else _all_as_json(runs))
    elif single:
        _print(runs[0])
    else:
        _print_all(runs)
    common.finish(dataset)


@contextlib.contextmanager
def _cluster(address: str, workers: int | None) -> Iterator[None]:
    """Join a Ray cluster if there shall be workers."""
    if workers is None:
        yield
        return
    from mnistry.cluster import connection

    with common.quiet_libraries(), connection.connected(address):
        yield


def _recipe(name: str, changes: dict[str, Any]) -> "Recipe":
    import dataclasses

    found = recipes.find(name)
    changed = dataclasses.replace(found, **changes)
    return found if changed == found else dataclasses.replace(changed, name="custom")


def _places(output: Path | None, first: int, seeds: int | None) -> dict[int, Path | None]:
    """Give each seed its run directory, having made sure that none of them is taken."""
    numbers = range(first, first + (seeds or 1))
    if output is None:
        return dict.fromkeys(numbers)
    from mnistry.runs import directory

    single = len(numbers) == 1
    places = {
        seed: output if single else output.with_name(f"{output.name}-s{seed}") for seed in numbers
    }
    for path in places.values():
        directory.refuse_taken(path)
    return dict(places)


def _new(
    experiment: "Experiment",
    dataset: "Dataset",
    path: Path | None,
    start_seconds: float,
    workers: int | None,
) -> "Run":
    from mnistry.display.progress import ProgressBar
    from mnistry.runs import directory
    from mnistry.runs.experiment import run_experiment

    claim = directory.claim(Path("runs"), experiment.recipe.name, experiment.seed)
    with contextlib.nullcontext(path) if path else claim as path, _say_how_to_go_on(path):
        if workers is not None:
            return _train_by_workers(experiment, dataset, path, workers)
        return run_experiment(
            experiment,
            dataset,
            path=path,
            on_start=lambda: _announce(experiment.recipe, dataset),
            on_progress=ProgressBar(),
            start_seconds=start_seconds,
        )


def _resume(run: "Run", dataset: "Dataset", workers: int | None) -> "Run":
    from mnistry.display.progress import ProgressBar
    from mnistry.runs import experiment

    with _say_how_to_go_on(run.path):
        if workers is not None:
            experiment.check_resumable(run, dataset)
            return _train_by_workers(run.experiment, dataset, run.path, workers)
        return experiment.resume(
            run,
            dataset,
            on_start=lambda: _announce(run.recipe, dataset),
            on_progress=ProgressBar(),
            start_seconds=time.perf_counter() - _STARTED,
        )


def _train_by_workers(
    experiment: "Experiment", dataset: "Dataset", path: Path, workers: int
) -> "Run":
    from mnistry.cluster import data_parallel
    from mnistry.display.progress import ProgressBar
    from mnistry.runs.experiment import check

    check(experiment, dataset)  # what is refused is refused before workers start
    _announce(experiment.recipe, dataset)
    return data_parallel.train(experiment, path, workers, on_progress=ProgressBar())


@contextlib.contextmanager
def _say_how_to_go_on(path: Path) -> Iterator[None]:
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        from mnistry.runs.directory import checkpoint_folder

        if checkpoint_folder(path).is_dir():
            common.stderr().print(
                f"\ninterrupted; go on with: mnistry train --resume {path}", soft_wrap=True
            )
        raise


def _announce(recipe: "Recipe", dataset: "Dataset") -> None:
    """Say on stderr what is about to be trained, on what, and by which kind of descent."""
    if dataset.train is None:
        return
    from mnistry.concepts import gradient_descent_kind, steps_per_epoch
    from mnistry.datasets.splits import held_out_count

    labels = dataset.train.labels
    aside = 0 if labels is None else held_out_count(labels, recipe.validation)
    count = len(dataset.train.images) - aside
    steps = steps_per_epoch(count, recipe.batch_size)
    kind = gradient_descent_kind(recipe.batch_size, count)
    test = "no" if dataset.test is None else f"{len(dataset.test.images):,}"
    watched = f", {aside:,} set aside for validation" if aside else ""
    console = common.stderr()
    console.print(
        f"{dataset.name}: {count:,} training images{watched}, {test} test images", soft_wrap=True
    )
    distorted = "" if recipe.distortion is None else "; the images distorted anew in each epoch"
    console.print(
        f"recipe {recipe.name}: network {recipe.network}, {recipe.optimizer}{distorted}",
        soft_wrap=True,
    )
    console.print(
        f"{_some(recipe.epochs, 'epoch')} of {_some(steps, 'step')}; "
        f"{_some(recipe.batch_size, 'image')} a step: "
        f"{kind} gradient descent",
        soft_wrap=True,
    )


def _some(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("s" if count != 1 else "")


def _print(run: "Run") -> None:
    from mnistry.cli import report

    scores, last = run.scores(), run.epochs()[-1]
    console = common.stdout()
    rows = []
    if scores.test is not None:
        rows += [
            ("test accuracy", report.accuracy(scores.test)),
            ("test loss", report.loss(scores.test)),
            *report.gap(scores.test, scores.train, last),
        ]
    else:
        rows += [
            ("training accuracy", f"{scores.train.accuracy:.2%}  by the final weights"),
            ("test accuracy", "none: this data has no labelled test images"),
        ]
    seconds = ", ".join(f"{name} {value:.1f}" for name, value in run.seconds.items())
    rows += [("seconds", seconds), ("run", str(run.path))]
    console.print()
    console.print(report.facts(*rows))
    console.print(f"\nmore: mnistry evaluate {run.path}", style="bright_black", soft_wrap=True)


def _as_json(run: "Run") -> dict[str, Any]:
    import dataclasses

    scores = run.scores()
    test = scores.test
    return {
        "run": str(run.path),
        "recipe": dataclasses.asdict(run.recipe),
        "seed": run.seed,
        "data": run.data.to_json(),
        "epochs": [dataclasses.asdict(epoch) for epoch in run.epochs()],
        "test_loss": None if test is None else test.loss,
        "test_accuracy": None if test is None else test.accuracy,
        "test_accuracy_interval": None if test is None else list(test.interval),
        "train_loss": scores.train.loss,
        "train_accuracy": scores.train.accuracy,
        "seconds": dict(run.seconds),
    }


def _print_all(runs: list["Run"]) -> None:
    from mnistry.cli import report

    table = report.table("run", "seed", "test accuracy", "test loss (nats)")
    for run in runs:
        test = run.scores().test
        accuracy, loss = (
            ("–", "–") if test is None else (f"{test.accuracy:.2%}", f"{test.loss:.4f}")
        )
        table.add_row(str(run.path), str(run.seed), accuracy, loss)
    console = common.stdout()
    console.print()
    console.print(table)
    found = _spread(runs)
    if found is not None:
        low, high = found.interval
        console.print(
            f"\nmean {found.mean:.2%}, spread {found.deviation:.2%} from seed to seed "
            f"(standard deviation); 95 % interval of the mean: {low:.2%} to {high:.2%}",
            soft_wrap=True,
        )


def _all_as_json(runs: list["Run"]) -> dict[str, Any]:
    import dataclasses

    found = _spread(runs)
    return {
        "runs": [_as_json(run) for run in runs],
        "test_accuracy": None if found is None else dataclasses.asdict(found),
    }


def _spread(runs: list["Run"]) -> "Spread | None":
    from mnistry.evaluation.statistics import spread

    accuracies = [test.accuracy for run in runs if (test := run.scores().test) is not None]
    return spread(accuracies) if len(accuracies) > 1 else None
