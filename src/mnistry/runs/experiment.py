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
from mnistry.datasets.splits import hold_out
from mnistry.errors import DataError, DivergedError, UsageError
from mnistry.evaluation.scorecard import Scorecard, Scores
from mnistry.networks import export, keras_files, zoo
from mnistry.recipes import Recipe
from mnistry.recipes.optimizers import make_optimizer
from mnistry.runs import directory
from mnistry.runs.directory import DataIdentity, Run
from mnistry.runs.scoring import score_split
from mnistry.system import files
from mnistry.training import fit, history
from mnistry.version import __version__


def perform(
    recipe: Recipe,
    dataset: Dataset,
    *,
    seed: int = 0,
    path: Path | None = None,
    given: str | Path | None = None,
    transpose: bool = False,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    on_start: Callable[[], None] | None = None,
    on_progress: Callable[[history.Progress], None] | None = None,
    start_seconds: float = 0.0,
) -> Run:
    """Train by a recipe, score the result, and keep everything in a new run directory.

    Parameters
    ----------
    recipe
        What to train, and how.
    dataset
        Its training split must have labels; its test split is used once, after the training.
    seed
        Decides the initial weights, the order of the images, and which are set aside.
    path
        The run directory; None chooses ``runs/<time>-<recipe>-s<seed>``.
    given, transpose
        What loaded `dataset`, so that the run can find its data again.
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
    model, optimizer = _prepare(recipe, dataset, seed)
    with contextlib.ExitStack() as stack:
        if path is None:
            path = stack.enter_context(directory.claim(Path("runs"), recipe.name, seed))
        stack.enter_context(directory.begin(path))
        run = Run(
            path, "running", recipe, seed, DataIdentity.of(dataset, given, transpose),
            datetime.datetime.now().astimezone().isoformat(timespec="milliseconds"), _versions(),
        ).write()  # fmt: skip
        if on_start is not None:
            on_start()
        start_seconds += time.perf_counter() - began
        return _train(run, dataset, model, optimizer, callbacks, on_progress, start_seconds)


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
    model, optimizer = _prepare(run.recipe, dataset, run.seed)
    with directory.hold(run.path):
        run = dataclasses.replace(run, status="running", versions=_versions()).write()
        if on_start is not None:
            on_start()
        start_seconds += time.perf_counter() - began
        return _train(run, dataset, model, optimizer, (), on_progress, start_seconds)


def check(recipe: Recipe, dataset: Dataset, seed: int) -> None:
    """Raise what `perform` would raise before it makes a directory."""
    zoo.check(recipe.network, recipe.units, recipe.depth)
    make_optimizer(recipe, _steps(recipe, dataset, seed))


def check_resumable(run: Run, dataset: Dataset) -> None:
    """Raise what `resume` would raise of a run that is over, or of other data."""
    if run.status == "done":
        raise UsageError("this run is done", where=run.path, remedy="train a new one")
    if run.status == "diverged":
        raise UsageError(
            "this training diverged, and would do so again",
            where=run.path,
            remedy="train a new one with a smaller --learning-rate",
        )
    run.data.check(dataset)


def accompany(recipe: Recipe, dataset: Dataset, *, seed: int, path: Path) -> None:
    """Compute along, where JAX computes in several processes and the first performs or resumes.

    Parameters
    ----------
    recipe, dataset, seed
        As in the first process.
    path
        The run directory, which is only read.
    """
    model, optimizer = _prepare(recipe, dataset, seed)
    _fit(recipe, dataset, model, optimizer, seed, directory.checkpoint_folder(path))


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


def _prepare(
    recipe: Recipe, dataset: Dataset, seed: int
) -> tuple[keras.Model, keras.optimizers.Optimizer]:
    """Make network and optimizer, and find out what cannot work before anything is written."""
    steps = _steps(recipe, dataset, seed)
    model = zoo.build(recipe.network, seed=seed, units=recipe.units, depth=recipe.depth)
    return model, make_optimizer(recipe, steps)


def _steps(recipe: Recipe, dataset: Dataset, seed: int) -> int:
    """Give how many steps a training has, if it can be done on this data."""
    if seed < 0:
        raise UsageError(f"seed {seed}", expected="a whole number from 0")
    kept, _ = hold_out(Split(*_labelled(dataset)), recipe.validation, seed)
    fit.check(len(kept.images), recipe.epochs, recipe.batch_size)
    count = len(kept.images) + recipe.styled + recipe.non_digits
    return steps_per_epoch(count, recipe.batch_size) * recipe.epochs


def _train(
    run: Run,
    dataset: Dataset,
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    callbacks: Sequence[keras.callbacks.Callback],
    on_progress: Callable[[history.Progress], None] | None,
    start_seconds: float,
) -> Run:
    with _status_on_failure(run):
        result = _fit(
            run.recipe, dataset, model, optimizer, run.seed, run.checkpoint_folder,
            callbacks, on_progress,
        )  # fmt: skip
        trained = time.perf_counter()
        files.write_bytes(run.path / "history.csv", history.to_csv(result.epochs).encode())
        keras_files.save(model, run.keras_path)
        files.write_json(run.path / "scorecard.json", _judge(run, model, dataset).to_json())
        seconds = {
            "start": start_seconds,
            "compile": result.compile_seconds,
            "fit": result.fit_seconds,
            "evaluate": time.perf_counter() - trained,
        }
        digests = {path.name: files.sha256(path) for path in (run.keras_path, run.onnx_path)}
        return dataclasses.replace(run, status="done", seconds=seconds, digests=digests).write()


def _fit(
    recipe: Recipe,
    dataset: Dataset,
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    seed: int,
    checkpoint_folder: Path,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    on_progress: Callable[[history.Progress], None] | None = None,
) -> history.History:
    images, labels = _labelled(dataset)
    return fit.train(
        model,
        images,
        labels,
        optimizer=optimizer,
        loss=recipe.loss,
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        distortion=recipe.distortion,
        plain_epochs=round(recipe.plain_epochs * recipe.epochs),
        extra=_extra(recipe, images, labels, seed),
        validation=recipe.validation,
        seed=seed,
        callbacks=[*_early_stopping(recipe), *callbacks],
        on_progress=on_progress,
        checkpoint_folder=checkpoint_folder,
    )


def _judge(run: Run, model: keras.Model, dataset: Dataset) -> Scores:
    """Score the final weights on both splits; write the ONNX file that agrees with them."""
    train, test = dataset.train, dataset.test
    if test is not None and test.labels is None:
        test = None
    if train is None:
        raise DataError("no training images", where=dataset.source)
    kept, aside = hold_out(train, run.recipe.validation, run.seed)
    probabilities = export.export(model, run.onnx_path, (test or kept).images)

    def card(split: Split) -> Scorecard:
        known = split is (test or kept)
        answers = probabilities if known else keras_files.predict(model, split.images)
        return score_split(split, answers, dataset.classes)

    return Scores(
        None if test is None else card(test), card(kept), None if aside is None else card(aside)
    )


def _labelled(dataset: Dataset) -> tuple[NDArray[Any], NDArray[Any]]:
    if dataset.train is None or dataset.train.labels is None:
        raise DataError(
            "no labelled training images",
            where=dataset.source,
            expected="images with a label each: in a CSV, a column named label",
            remedy="to label such images, use mnistry predict",
        )
    return dataset.train.images, dataset.train.labels


def _extra(
    recipe: Recipe, images: NDArray[Any], labels: NDArray[Any], seed: int
) -> extra.ExtraImages | None:
    if not recipe.styled and not recipe.non_digits:
        return None
    # Made of nothing that is set aside.
    kept, _ = hold_out(Split(images, labels), recipe.validation, seed)
    return extra.make(kept, styled=recipe.styled, non_digits=recipe.non_digits, seed=seed)


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
        status = "failed"
        if isinstance(error, DivergedError):
            status, error.where = "diverged", str(run.path)
        elif isinstance(error, KeyboardInterrupt | SystemExit):
            status = "interrupted"
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
