"""A recipe, data and a seed in; a finished run directory out.

The one place where training and the test split meet, in this order: train, save, and only then
look at the test images, once.
"""

import contextlib
import dataclasses
import datetime
import importlib.metadata
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
from numpy.typing import NDArray

from mnistry.augmentation import extra
from mnistry.concepts import steps_per_epoch
from mnistry.datasets.dataset import Dataset, Split, as_split
from mnistry.datasets.splits import Parts, hold_out
from mnistry.errors import DataError, DivergedError, UsageError
from mnistry.evaluation.scorecard import Scorecard, Scores
from mnistry.networks import export, keras_files, zoo
from mnistry.recipes import Recipe
from mnistry.recipes.experiment import Experiment
from mnistry.recipes.optimizers import make_optimizer
from mnistry.runs import directory
from mnistry.runs.directory import DataIdentity, Run, Status
from mnistry.runs.scoring import score_split
from mnistry.system import files
from mnistry.training import fit, history
from mnistry.version import __version__


@dataclasses.dataclass(frozen=True)
class _Prepared:
    """All that a training needs, made and checked before anything is written."""

    experiment: Experiment
    dataset: Dataset
    parts: Parts
    model: keras.Model


def run_experiment(
    experiment: Experiment,
    dataset: Dataset,
    *,
    path: Path | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    on_start: Callable[[], None] | None = None,
    on_progress: Callable[[history.Progress], None] | None = None,
    start_seconds: float = 0.0,
) -> Run:
    """Train by a recipe, score the result, and keep everything in a new run directory.

    Parameters
    ----------
    experiment
        What to train, and how.
    dataset
        What was loaded from the experiment's origin. Its training split must have labels; its test
        split is used once, after the training.
    path
        The run directory; None chooses ``runs/<time>-<recipe>-s<seed>``.
    callbacks, on_progress
        As in `mnistry.train`.
    on_start
        Called when nothing is left to be refused.
    start_seconds
        What passed before this call, for the report.

    Raises
    ------
    DataError
        If there are no labelled training images.
    UsageError, ResourceError
        If the directory exists or cannot be made.
    DivergedError
        If the loss becomes infinite or not a number. The run keeps its last complete state.
    """
    began = time.perf_counter()
    prepared = _prepare(experiment, dataset)
    recipe, seed = experiment.recipe, experiment.seed
    with contextlib.ExitStack() as stack:
        if path is None:
            path = stack.enter_context(directory.claim(Path("runs"), recipe.name, seed))
        stack.enter_context(directory.begin(path))
        run = Run(
            path, Status.RUNNING, recipe, seed, DataIdentity.of(dataset),
            datetime.datetime.now().astimezone().isoformat(timespec="milliseconds"), _versions(),
        ).write()  # fmt: skip
        if on_start is not None:
            on_start()
        start_seconds += time.perf_counter() - began
        return _train(run, prepared, callbacks, on_progress, start_seconds)


def resume(
    run: Run,
    dataset: Dataset,
    *,
    on_start: Callable[[], None] | None = None,
    on_progress: Callable[[history.Progress], None] | None = None,
    start_seconds: float = 0.0,
) -> Run:
    """Go on with a run from its newest complete checkpoint.

    Raises
    ------
    UsageError
        If the run is done, or diverged.
    DataError
        If the data is not what it was.
    ResourceError
        If another training writes to it.
    """
    began = time.perf_counter()
    check_resumable(run, dataset)
    prepared = _prepare(run.experiment, dataset)
    with directory.hold(run.path):
        run = dataclasses.replace(run, status=Status.RUNNING, versions=_versions()).write()
        if on_start is not None:
            on_start()
        start_seconds += time.perf_counter() - began
        return _train(run, prepared, (), on_progress, start_seconds)


def run_as_peer(experiment: Experiment, dataset: Dataset, path: Path) -> None:
    """Run this process's share of a distributed training, which the main process writes down.

    Collective: the main process must call `run_experiment` or `resume` meanwhile.

    Parameters
    ----------
    experiment, dataset
        As in the main process.
    path
        The run directory, which is only read.
    """
    _fit(_prepare(experiment, dataset), directory.checkpoint_folder(path))


def check(experiment: Experiment, dataset: Dataset) -> None:
    """Raise what `run_experiment` would raise before it makes a directory."""
    recipe = experiment.recipe
    zoo.check(recipe.network, recipe.units, recipe.depth)
    make_optimizer(recipe, _count_steps(recipe, _set_aside(experiment, dataset).kept))


def check_resumable(run: Run, dataset: Dataset) -> None:
    """Raise what `resume` would raise of a run that is over, or of other data."""
    if run.status == Status.DONE:
        raise UsageError("this run is done", where=run.path, remedy="train a new one")
    if run.status == Status.DIVERGED:
        raise UsageError(
            "this training diverged, and would do so again",
            where=run.path,
            remedy="train a new one with a smaller --learning-rate",
        )
    run.data.check(dataset)


def evaluate(model: keras.Model, images: NDArray[Any], labels: NDArray[Any]) -> Scorecard:
    """Score a Keras model on labelled images.

    Parameters
    ----------
    model
        Takes ``uint8`` images, gives ten probabilities; see `mnistry.build`.
    images
        Shape ``(n, 28, 28)`` or ``(n, 784)``, 0 to 255.
    labels
        Shape ``(n,)``, 0 to 9. MNIST's own test labels are recognised, and scored with and
        without the disputed ones.

    Examples
    --------
    >>> import mnistry, numpy as np
    >>> card = mnistry.evaluate(mnistry.build("linear"), np.zeros((10, 28, 28)) + 9, np.arange(10))
    >>> card.count, card.correct
    (10, 1)
    """
    split = as_split(images, labels, "images to evaluate")
    return score_split(split, keras_files.predict(model, split.images))


def _prepare(experiment: Experiment, dataset: Dataset) -> _Prepared:
    """Make the network, and find out what cannot work before anything is written."""
    recipe = experiment.recipe
    parts = _set_aside(experiment, dataset)
    steps = _count_steps(recipe, parts.kept)
    model = zoo.build(recipe.network, seed=experiment.seed, units=recipe.units, depth=recipe.depth)
    fit.compile_model(model, make_optimizer(recipe, steps), recipe.loss)
    return _Prepared(experiment, dataset, parts, model)


def _set_aside(experiment: Experiment, dataset: Dataset) -> Parts:
    if dataset.train is None or dataset.train.labels is None:
        raise DataError(
            "no labelled training images",
            where=dataset.source,
            expected="images with a label each: in a CSV, a column named label",
            remedy="to label such images, use mnistry predict",
        )
    return hold_out(dataset.train, experiment.recipe.validation, experiment.seed)


def _count_steps(recipe: Recipe, kept: Split) -> int:
    """Give how many steps a training has, if it can be done on these images."""
    _settings(recipe).check(len(kept.images))
    count = len(kept.images) + recipe.styled + recipe.non_digits
    return steps_per_epoch(count, recipe.batch_size) * recipe.epochs


def _settings(recipe: Recipe, seed: int = 0) -> fit.Settings:
    return fit.Settings(
        recipe.epochs,
        recipe.batch_size,
        recipe.distortion,
        round(recipe.plain_epochs * recipe.epochs),
        seed,
    )


def _train(
    run: Run,
    prepared: _Prepared,
    callbacks: Sequence[keras.callbacks.Callback],
    on_progress: Callable[[history.Progress], None] | None,
    start_seconds: float,
) -> Run:
    with _status_on_failure(run):
        result = _fit(prepared, run.checkpoint_folder, callbacks, on_progress)
        trained = time.perf_counter()
        run.write_history(result.epochs)
        keras_files.save(prepared.model, run.keras_path)
        run.write_scores(_judge(prepared, run.onnx_path))
        seconds = {
            "start": start_seconds,
            "compile": result.compile_seconds,
            "fit": result.fit_seconds,
            "evaluate": time.perf_counter() - trained,
        }
        digests = {path.name: files.sha256(path) for path in (run.keras_path, run.onnx_path)}
        return dataclasses.replace(
            run, status=Status.DONE, seconds=seconds, digests=digests
        ).write()


def _fit(
    prepared: _Prepared,
    checkpoint_folder: Path,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    on_progress: Callable[[history.Progress], None] | None = None,
) -> history.History:
    recipe, seed = prepared.experiment.recipe, prepared.experiment.seed
    more = None
    if recipe.styled or recipe.non_digits:
        more = extra.make(  # of nothing that is set aside
            prepared.parts.kept, styled=recipe.styled, non_digits=recipe.non_digits, seed=seed
        )
    return fit.train_parts(
        prepared.model,
        prepared.parts,
        _settings(recipe, seed),
        extra=more,
        callbacks=[*_early_stopping(recipe), *callbacks],
        on_progress=on_progress,
        checkpoint_folder=checkpoint_folder,
    )


def _judge(prepared: _Prepared, onnx_path: Path) -> Scores:
    """Score the final weights on every part; write the ONNX file that agrees with them."""
    model, dataset = prepared.model, prepared.dataset
    kept, aside = prepared.parts
    test = dataset.test
    if test is not None and test.labels is None:
        test = None
    probabilities = export.export(model, onnx_path, (test or kept).images)

    def card(split: Split) -> Scorecard:
        known = split is (test or kept)
        answers = probabilities if known else keras_files.predict(model, split.images)
        return score_split(split, answers, dataset.classes)

    return Scores(
        None if test is None else card(test), card(kept), None if aside is None else card(aside)
    )


def _early_stopping(recipe: Recipe) -> list[keras.callbacks.Callback]:
    if recipe.early_stopping is None:
        return []
    watched = "val_loss" if recipe.validation else "loss"
    return [
        keras.callbacks.EarlyStopping(
            watched, patience=recipe.early_stopping, restore_best_weights=True
        )
    ]


@contextlib.contextmanager
def _status_on_failure(run: Run) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        status = Status.FAILED
        if isinstance(error, DivergedError):
            status, error.where = Status.DIVERGED, str(run.path)
        elif isinstance(error, KeyboardInterrupt | SystemExit):
            status = Status.INTERRUPTED
        # A full disk must not hide what went wrong first.
        with contextlib.suppress(OSError):
            dataclasses.replace(run, status=status).write()
        raise


def _versions() -> dict[str, str]:
    backend = keras.backend.backend()
    return {
        "python": platform.python_version(),
        "mnistry": __version__,
        "keras": keras.__version__,
        "backend": backend,
        backend: importlib.metadata.version(backend),
    }
