"""``mnistry train``: the classic experiment, or another, into a run directory."""

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnistry import recipes
from mnistry.cli import advice, common, options, recipe_options
from mnistry.cli.framework import Command
from mnistry.errors import DivergedError, ModelError, UsageError, counted_noun
from mnistry.percent import percent

if TYPE_CHECKING:
    import keras

    from mnistry.datasets import Dataset, Origin
    from mnistry.evaluation.statistics import Spread
    from mnistry.recipes import Recipe
    from mnistry.recipes.experiment import Experiment
    from mnistry.runs.directory import Run

# Networks with quick steps: in batches of fewer than `_LARGE_BATCH` images a step takes less time
# than the workers need to exchange its gradients, 4 to 15 ms (docs/cluster-results.md).
_QUICK = ("dense", "linear", "strided")
_LARGE_BATCH = 1024
# About when the process began, on the clock of `time.perf_counter`: until here the process has
# hardly waited, so the processor time that it used is the time that has passed.
_STARTED = time.perf_counter() - time.process_time()


@click.command(cls=Command)
@options.DATA
@recipe_options.settings("recipe", "network", "units", "depth", "activation", "dropout")
@click.option(
    "--model",
    metavar="FILE.keras",
    type=options.PATH,
    help="Train this network of your own further, instead of one by its name.",
)
@recipe_options.settings("optimizer", "loss", "learning_rate")
@click.option(
    "--schedule",
    type=click.Choice(tuple(recipe_options.SCHEDULES)),
    help="How the learning rate changes: not at all, falling along a cosine, or one-cycle, which "
    "first rises for a tenth of the steps.",
    show_default="the recipe's; classic: constant",
)
@recipe_options.settings("momentum", "weight_decay", "epochs", "batch_size")
@click.option(
    "--distort",
    metavar="F",
    type=click.FloatRange(min=0),
    help="Distort the training images anew in each epoch: 1 as the recipe classic-plus, 0.5 half "
    "as far, 0 not at all.",
    show_default="the recipe's; classic: 0",
)
@recipe_options.settings("validation", "early_stopping")
@click.option(
    "--callback",
    "callback_names",
    type=click.Choice(("csv", "tensorboard")),
    multiple=True,
    help="Keras's CSVLogger, which writes RUN/log.csv, or its TensorBoard, which writes "
    "RUN/tensorboard and needs TensorFlow; may be given again.",
    show_default="none",
)
@click.option(
    "--seed",
    metavar="N",
    type=int,
    help="Decides the initial weights and the order of the images: the same seed, the same run.",
    show_default="0",
)
@click.option(
    "--seeds",
    metavar="N",
    type=click.IntRange(min=1),
    help="Train with N seeds, from --seed on, each with a run of its own; at the same time if the "
    "images are not distorted.",
    show_default="1",
)
@options.output(
    "RUN",
    "The run directory to make; with --seeds RUN-s0, RUN-s1, ….",
    show_default="a new one in runs",
)
@click.option("--resume", metavar="RUN", type=options.PATH, help="Resume an interrupted run.")
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(min=1),
    help="Divide every batch among N workers of a Ray cluster.",
    show_default="none",
)
@click.option("--ray", metavar="ADDRESS", help=options.RAY, show_default="local, with --workers")
@options.origin
@options.JSON
def train(
    data: str | None,
    recipe: str | None,
    model: Path | None,
    schedule: str | None,
    distort: float | None,
    callback_names: tuple[str, ...],
    seed: int | None,
    seeds: int | None,
    output: Path | None,
    resume: Path | None,
    workers: int | None,
    ray: str | None,
    origin: "Origin",
    as_json: bool,
    **changes: Any,
) -> None:
    """Train a network and score it; without options, the classic experiment.

    That is: 784 inputs, 512 ReLU, 10 softmax; RMSprop, categorical cross-entropy; 5 epochs in
    batches of 128. The network reads about 98 % of images that it has never seen.
    """
    changes = _changes(changes, model, schedule, distort)
    if callback_names and workers is not None:
        raise UsageError("--callback with --workers", remedy="leave out one or the other")
    if "tensorboard" in callback_names and find_spec("tensorflow") is None:
        what = "Keras's TensorBoard callback needs tensorflow, which is not installed"
        raise UsageError(what, remedy="pip install tensorflow, or take --callback csv")
    if ray is not None and workers is None:
        raise UsageError("--ray without --workers", remedy="say how many: --workers 4")
    from mnistry.datasets.dataset import AS_IS

    others = (data, output, seed, seeds, recipe)
    if resume is not None and (changes or origin != AS_IS or any(o is not None for o in others)):
        what = "--resume uses the run's own settings"
        raise UsageError(what, where=resume, remedy="leave out the other options")
    from mnistry.recipes.experiment import Experiment, share_a_program
    from mnistry.runs.directory import Run
    from mnistry.training import startup

    run = None if resume is None else Run.open(resume)
    if run is None:
        chosen = recipes.find(recipe or "classic").changed(**changes)
        wanted = Experiment(chosen, origin.at(data), seed or 0)
        places = _places(output, wanted.seed, seeds)
    else:
        wanted, places = run.experiment, {}
    with startup.compiled_programs(), _cluster("local" if ray is None else ray, workers):
        startup.import_keras()
        dataset = common.load_dataset(wanted.origin)
        runs = [] if run is None else [_resume(run, dataset, workers, callback_names)]
        if run is None and "batch_size" not in changes:
            wanted = _with_fitting_batches(wanted, dataset)
        several = [Experiment(wanted.recipe, dataset.origin, number) for number in places]
        if several and workers is None and not callback_names and share_a_program(several):
            runs = _new_together(several, dataset, list(places.values()))
        else:
            for one in several:
                # The time that the process took to start counts for the first run alone.
                start = 0.0 if runs else time.perf_counter() - _STARTED
                runs.append(_new(one, dataset, places[one.seed], start, workers, callback_names))
    single = seeds in (None, 1)
    if as_json:
        common.print_json(_as_json(runs[0]) if single else _all_as_json(runs))
    elif single:
        _print(runs[0])
    else:
        _print_all(runs)
    for finished in runs:
        if to_try := advice.if_nothing_learned(finished):
            common.note(to_try)
        elif single and not as_json:
            common.stdout().print(advice.next_commands(finished), soft_wrap=True)
    common.finish(dataset)


@contextlib.contextmanager
def _cluster(address: str, workers: int | None) -> Iterator[None]:
    """Connect to a Ray cluster during the block, if workers are wanted."""
    if workers is None:
        yield
        return
    from mnistry.cluster import connection

    with common.quiet_libraries(), connection.connected(address):
        yield


def _changes(
    settings: dict[str, Any], model: Path | None, schedule: str | None, distort: float | None
) -> dict[str, Any]:
    """Return the recipe's settings that the options change."""
    changes = {name: value for name, value in settings.items() if value is not None}
    if "loss" in changes:
        changes["loss"] = recipe_options.full_loss_name(changes["loss"])
    if schedule is not None:
        changes["warmup"] = recipe_options.SCHEDULES[schedule]
    if distort is not None:
        from mnistry.augmentation.distort import Distortion

        changes["distortion"] = Distortion().times(distort) if distort else None
    if model is not None:
        from mnistry.system import files

        own = {"network", "units", "depth", "activation", "dropout"} & changes.keys()
        if own:
            what = f"--model with --{min(own)}: the file says what the network is"
            raise UsageError(what, remedy="leave out one or the other")
        if not model.is_file():
            raise ModelError("no such file", where=model, expected="a .keras file")
        changes |= {"model": str(model.resolve()), "model_digest": files.sha256(model)}
    return changes


def _with_fitting_batches(experiment: "Experiment", dataset: "Dataset") -> "Experiment":
    """Lower the batch size if an epoch of few images would have very few steps, and say so."""
    from mnistry.datasets.splits import held_out_count

    recipe = experiment.recipe
    if dataset.train is None or dataset.train.labels is None:
        return experiment
    labels = dataset.train.labels
    count = len(labels) - held_out_count(labels, recipe.validation) + recipe.styled
    size = advice.batch_size(recipe.batch_size, count)
    if size == recipe.batch_size:
        return experiment
    common.note(
        f"{counted_noun(count, 'training image')}: batches of {size} instead of "
        f"{recipe.batch_size}; --batch-size decides otherwise"
    )
    return dataclasses.replace(experiment, recipe=recipe.changed(batch_size=size))


def _places(output: Path | None, first: int, seeds: int | None) -> dict[int, Path | None]:
    """Return each seed's run directory (None: a new one in runs); raise if one exists already."""
    numbers = range(first, first + (seeds or 1))
    if output is None:
        return dict.fromkeys(numbers)
    from mnistry.runs import directory

    places: dict[int, Path | None] = {}
    for seed in numbers:
        single = len(numbers) == 1
        path = output if single else output.with_name(f"{output.name}-s{seed}")
        directory.refuse_taken(path)
        places[seed] = path
    return places


def _new(
    experiment: "Experiment",
    dataset: "Dataset",
    path: Path | None,
    start_seconds: float,
    workers: int | None,
    callback_names: Sequence[str],
) -> "Run":
    from mnistry.display.progress import ProgressBar
    from mnistry.runs import directory
    from mnistry.runs.experiment import run_experiment

    claim = directory.claim(Path("runs"), experiment.recipe.name, experiment.seed)
    place = contextlib.nullcontext(path) if path else claim
    with place as path, _hint_if_interrupted(path):
        if workers is not None:
            return _train_by_workers(experiment, dataset, path, workers)
        return run_experiment(
            experiment,
            dataset,
            path=path,
            callbacks=_callbacks(callback_names, path),
            on_start=lambda: _announce(experiment.recipe, dataset),
            on_progress=ProgressBar(),
            start_seconds=start_seconds,
        )


def _new_together(
    experiments: "list[Experiment]", dataset: "Dataset", paths: "list[Path | None]"
) -> "list[Run]":
    """Train with all seeds in one program; raise if one diverged, once the others are saved."""
    from mnistry.display.progress import ProgressBar
    from mnistry.runs import directory
    from mnistry.runs.directory import Status
    from mnistry.runs.experiment import run_together

    recipe = experiments[0].recipe

    def announce() -> None:
        _announce(recipe, dataset)
        common.say(f"{len(experiments)} seeds at once: loss and accuracy are means over them")

    with contextlib.ExitStack() as stack:
        made = [
            path or stack.enter_context(directory.claim(Path("runs"), recipe.name, one.seed))
            for one, path in zip(experiments, paths, strict=True)
        ]
        with _hint_if_interrupted(made[0]):
            runs = run_together(
                experiments,
                dataset,
                made,
                on_start=announce,
                on_progress=ProgressBar(),
                start_seconds=time.perf_counter() - _STARTED,
            )
    diverged = [run for run in runs if run.status == Status.DIVERGED]
    if diverged:
        raise DivergedError(
            f"the loss became infinite or not a number with {len(diverged)} of {len(runs)} seeds",
            where=diverged[0].path,
            remedy="try a smaller learning rate; the other seeds' runs are done",
        )
    return runs


def _resume(
    run: "Run", dataset: "Dataset", workers: int | None, callback_names: Sequence[str]
) -> "Run":
    from mnistry.display.progress import ProgressBar
    from mnistry.runs import experiment

    with _hint_if_interrupted(run.path):
        if workers is not None:
            experiment.check_resumable(run, dataset)
            return _train_by_workers(run.experiment, dataset, run.path, workers)
        return experiment.resume(
            run,
            dataset,
            callbacks=_callbacks(callback_names, run.path),
            on_start=lambda: _announce(run.experiment.recipe, dataset),
            on_progress=ProgressBar(),
            start_seconds=time.perf_counter() - _STARTED,
        )


def _train_by_workers(
    experiment: "Experiment", dataset: "Dataset", path: Path, workers: int
) -> "Run":
    from mnistry.cluster import data_parallel
    from mnistry.display.progress import ProgressBar
    from mnistry.runs.experiment import check

    check(experiment, dataset)  # refuses wrong settings before workers start
    recipe = experiment.recipe
    if recipe.model is None and recipe.network in _QUICK and recipe.batch_size < _LARGE_BATCH:
        common.note(
            f"one process is quicker here: a step of the network {recipe.network} with "
            f"{recipe.batch_size} images takes less time than the workers need to exchange its "
            "gradients; leave out --workers"
        )
    _announce(experiment.recipe, dataset)
    return data_parallel.train(experiment, path, workers, on_progress=ProgressBar())


def _callbacks(names: Sequence[str], path: Path) -> "list[keras.callbacks.Callback]":
    """Make Keras's callbacks, which write into the run directory."""
    import keras

    made: list[keras.callbacks.Callback] = []
    if "csv" in names:
        made.append(keras.callbacks.CSVLogger(path / "log.csv", append=True))
    if "tensorboard" in names:
        made.append(keras.callbacks.TensorBoard(str(path / "tensorboard"), write_graph=False))
    return made


def _hint_if_interrupted(path: Path) -> contextlib.AbstractContextManager[None]:
    from mnistry.runs.directory import checkpoint_folder

    hint = f"resume with: mnistry train --resume {path}"
    return common.hint_if_interrupted(checkpoint_folder(path), hint)


def _announce(recipe: "Recipe", dataset: "Dataset") -> None:
    """Print to stderr what will be trained, on what, and by which kind of gradient descent."""
    if dataset.train is None:
        return
    from mnistry.concepts import gradient_descent_kind, steps_per_epoch
    from mnistry.datasets.splits import held_out_count

    labels = dataset.train.labels
    aside = 0 if labels is None else held_out_count(labels, recipe.validation)
    count = len(dataset.train.images) - aside
    own = None if recipe.validation else dataset.validation
    size = recipe.epoch_size(count)
    steps = counted_noun(steps_per_epoch(size, recipe.batch_size), "step")
    kind = gradient_descent_kind(recipe.batch_size, size)
    test = "no" if dataset.test is None else f"{len(dataset.test.images):,}"
    watched = f", {aside:,} set aside for validation" if aside else ""
    if own is not None and own.labels is not None:
        watched = f", {len(own.images):,} validation images"
    distorted = "" if recipe.distortion is None else "; the images distorted anew in each epoch"
    plain = recipe.plain_epoch_count
    if distorted and plain:
        distorted += f" but the last {plain}" if plain > 1 else " but the last"
    common.say(f"{dataset.name}: {count:,} training images{watched}, {test} test images")
    network = recipe.network if recipe.model is None else recipe.model
    common.say(f"recipe {recipe.name}: network {network}, {recipe.optimizer}{distorted}")
    common.say(
        f"{counted_noun(recipe.epochs, 'epoch')} of {steps}; "
        f"{counted_noun(recipe.batch_size, 'image')} per step: {kind} gradient descent"
    )


def _print(run: "Run") -> None:
    from mnistry.cli import report

    seconds = ", ".join(f"{name} {value:.1f}" for name, value in run.seconds.items())
    rows = [*report.run_scores(run), ("seconds", seconds), ("run", str(run.path))]
    if kept := advice.kept_epoch(run):
        rows.insert(-2, ("early stopping", kept))
    console = common.stdout()
    console.print()
    console.print(report.facts(*rows))
    console.print()


def _as_json(run: "Run") -> dict[str, Any]:
    scores = run.scores()
    test = scores.test
    return {
        "run": str(run.path),
        "recipe": dataclasses.asdict(run.experiment.recipe),
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
        figures = ("–", "–") if test is None else (percent(test.accuracy), f"{test.loss:.4f}")
        table.add_row(str(run.path), str(run.seed), *figures)
    console = common.stdout()
    console.print()
    console.print(table)
    found = _spread(runs)
    if found is not None:
        low, high = found.interval
        console.print(
            f"\n{len(runs)} seeds: mean {percent(found.mean)}, spread {percent(found.deviation)} "
            f"from seed to seed (standard deviation); 95 % interval of the mean: {percent(low)} to "
            f"{percent(high)}",
            soft_wrap=True,
        )


def _all_as_json(runs: list["Run"]) -> dict[str, Any]:
    found = _spread(runs)
    return {
        "runs": [_as_json(run) for run in runs],
        "test_accuracy": None if found is None else dataclasses.asdict(found),
    }


def _spread(runs: list["Run"]) -> "Spread | None":
    from mnistry.evaluation.statistics import spread

    accuracies = [test.accuracy for run in runs if (test := run.scores().test) is not None]
    return spread(accuracies) if len(accuracies) > 1 else None
