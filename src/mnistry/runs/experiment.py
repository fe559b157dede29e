"""Run an experiment: train, save, evaluate, and write the run directory.

Only this module both trains and sees the test split: it uses the test images once, after training.
"""

import contextlib
import dataclasses
import datetime
import importlib.metadata
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
from numpy.typing import NDArray

from mnistry.augmentation import extra
from mnistry.concepts import steps_per_epoch
from mnistry.datasets.dataset import DIGITS, Dataset, Split, given_split
from mnistry.datasets.splits import Parts, hold_out
from mnistry.errors import DataError, DivergedError, ModelError, UsageError
from mnistry.evaluation.scorecard import Scorecard, Scores
from mnistry.networks import checks, export, keras_files, onnx_graph, zoo
from mnistry.recipes import Recipe
from mnistry.recipes.experiment import Experiment
from mnistry.recipes.optimizers import make_optimizer
from mnistry.runs import directory
from mnistry.runs.directory import DataIdentity, Run, Status
from mnistry.runs.scoring import score_split
from mnistry.system import files
from mnistry.training import checkpoints, fit, history, together
from mnistry.version import __version__


@dataclasses.dataclass(frozen=True)
class _Prepared:
    """What a training needs, made and checked before anything is written."""

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
    """Train a network, score it, and write everything to a new run directory.

    Parameters
    ----------
    experiment
        The recipe, the data's origin and the seed.
    dataset
        The data, loaded from that origin. Its training split must have labels. Its test split is
        used once, after the training.
    path
        The run directory; None means ``runs/<time>-<recipe>-s<seed>``.
    callbacks, on_progress
        As in `mnistry.train`.
    on_start
        Called once all arguments are checked and the directory is made.
    start_seconds
        Seconds spent before this call, to be included in the run's start duration.

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
    _check_stopping(experiment.recipe, prepared.parts)
    with _begun(prepared, path) as run:
        if on_start is not None:
            on_start()
        start_seconds += time.perf_counter() - began
        return _train(run, prepared, callbacks, on_progress, start_seconds)


@contextlib.contextmanager
def _begun(prepared: _Prepared, path: Path | None) -> Iterator[Run]:
    """Make a run directory with its record, and lock it during the block."""
    recipe, seed = prepared.experiment.recipe, prepared.experiment.seed
    with contextlib.ExitStack() as stack:
        if path is None:
            path = stack.enter_context(directory.claim(Path("runs"), recipe.name, seed))
        stack.enter_context(directory.begin(path))
        yield Run(
            path, Status.RUNNING, recipe, seed, DataIdentity.of(prepared.dataset),
            datetime.datetime.now().astimezone().isoformat(timespec="milliseconds"), _versions(),
        ).write()  # fmt: skip


def run_together(
    experiments: Sequence[Experiment],
    dataset: Dataset,
    paths: Sequence[Path | None],
    *,
    on_start: Callable[[], None] | None = None,
    on_progress: Callable[[history.Progress], None] | None = None,
    after_epoch: Callable[[int, Sequence[together.Training]], None] | None = None,
    start_seconds: float = 0.0,
) -> list[Run]:
    """Train networks in one program, and write a run directory for each.

    Parameters
    ----------
    experiments
        Experiments on the same data that `share_a_program`.
    dataset, on_start, start_seconds
        As in `run_experiment`.
    paths
        The run directory of each experiment, as in `run_experiment`.
    on_progress
        As in `mnistry.train`; the figures are means.
    after_epoch
        Called after each epoch with its number, from 1, and all trainings; it may stop some.

    Returns
    -------
    list of Run
        One for each experiment. Those that diverged or were stopped have that status. The seconds
        of compiling and training are those of all together.

    Raises
    ------
    DataError, UsageError, ResourceError
        As in `run_experiment`.
    """
    began = time.perf_counter()
    first = _prepare(experiments[0], dataset)
    _check_stopping(first.experiment.recipe, first.parts)
    prepared = [first, *(_prepare(one, dataset, first.parts) for one in experiments[1:])]
    with contextlib.ExitStack() as stack:
        runs = [
            stack.enter_context(_begun(one, path))
            for one, path in zip(prepared, paths, strict=True)
        ]
        if on_start is not None:
            on_start()
        start_seconds += time.perf_counter() - began
        trainings = [
            together.Training(one.model, one.experiment.seed, _stopping(one), run.checkpoint_folder)
            for one, run in zip(prepared, runs, strict=True)
        ]
        with contextlib.ExitStack() as failing:
            for run in runs:
                failing.enter_context(_status_on_failure(run))
            histories = together.train(
                trainings,
                first.parts,
                _settings(first.experiment.recipe),
                on_progress=on_progress,
                after_epoch=None
                if after_epoch is None
                else lambda epoch: after_epoch(epoch, trainings),
            )
        for number, training in enumerate(trainings):
            if training.error is not None or training.stopped:
                status = Status.INTERRUPTED if training.stopped else Status.DIVERGED
                runs[number] = dataclasses.replace(runs[number], status=status).write()
        # Those that are trained and not yet saved.
        trained = {n: run for n, run in enumerate(runs) if run.status == Status.RUNNING}
        stack.callback(_note_interrupted, trained.values())
        for number in list(trained):
            run = trained.pop(number)
            with _status_on_failure(run):
                runs[number] = _finish(run, prepared[number], histories[number], start_seconds)
        return runs


def _note_interrupted(runs: Iterable[Run]) -> None:
    """Note that these runs can be resumed: they are trained, but saving another run failed."""
    for run in runs:
        with contextlib.suppress(OSError):
            dataclasses.replace(run, status=Status.INTERRUPTED).write()


def resume(
    run: Run,
    dataset: Dataset,
    *,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    on_start: Callable[[], None] | None = None,
    on_progress: Callable[[history.Progress], None] | None = None,
    start_seconds: float = 0.0,
) -> Run:
    """Resume a run from its newest complete checkpoint; parameters as in `run_experiment`.

    Raises
    ------
    UsageError
        If the run is done or diverged.
    DataError
        If the data has changed.
    ResourceError
        If another training writes to the run.
    """
    began = time.perf_counter()
    check_resumable(run, dataset)
    prepared = _prepare(run.experiment, dataset)
    with directory.hold(run.path):
        run = dataclasses.replace(run, status=Status.RUNNING, versions=_versions()).write()
        if on_start is not None:
            on_start()
        start_seconds += time.perf_counter() - began
        return _train(run, prepared, callbacks, on_progress, start_seconds)


def finish(run: Run, dataset: Dataset) -> Run:
    """End an interrupted run where it stands: score and export its newest checkpoint's network.

    Raises
    ------
    UsageError
        If the run is done or diverged, or no epoch is done.
    DataError
        If the data has changed.
    ResourceError
        If another training writes to the run.
    """
    began = time.perf_counter()
    check_resumable(run, dataset)
    prepared = _prepare(run.experiment, dataset)
    with directory.hold(run.path):
        checkpoint, _ = checkpoints.newest(run.checkpoint_folder)
        if checkpoint is None or not checkpoint.epochs:
            what, remedy = "no epoch of this training is done", "resume it, or train a new one"
            raise UsageError(what, where=run.path, remedy=remedy)
        prepared.model.optimizer.build(prepared.model.trainable_variables)
        checkpoints.restore(checkpoint.without_metrics(), prepared.model, _stopping(prepared))
        seconds = sum(epoch.seconds for epoch in checkpoint.epochs)
        result = history.History(checkpoint.epochs, 0, 0.0, seconds)
        return _finish(run, prepared, result, time.perf_counter() - began)


def run_as_peer(experiment: Experiment, dataset: Dataset, path: Path) -> None:
    """Run this process's share of a distributed training; the main process writes the results.

    Collective: the main process must call `run_experiment` or `resume` at the same time, with the
    same experiment and dataset. The run directory is only read.
    """
    _fit(_prepare(experiment, dataset), directory.checkpoint_folder(path))


def check(experiment: Experiment, dataset: Dataset) -> None:
    """Raise any error that `run_experiment` would raise before it makes a directory."""
    recipe = experiment.recipe
    if recipe.model is None:
        zoo.check(
            recipe.network, recipe.units, recipe.depth, len(dataset.classes), recipe.activation,
            recipe.dropout,
        )  # fmt: skip
    parts = _hold_out(experiment, dataset)
    _check_stopping(recipe, parts)
    make_optimizer(recipe, _count_steps(recipe, parts.train))


def check_resumable(run: Run, dataset: Dataset) -> None:
    """Raise the error that `resume` would raise if the run has ended or the data has changed."""
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
        From ``uint8`` images to each class's probability; see `mnistry.build`.
    images
        Shape ``(n, 28, 28)`` or ``(n, 784)``, 0 to 255: an array, a list or a table of pandas.
    labels
        Shape ``(n,)``, from 0. MNIST's test split is recognised, and scored both with and
        without its disputed labels.

    Raises
    ------
    UsageError, ModelError
        If it is no model, takes other images, or gives no probabilities; raised before scoring.
    DataError
        If images or labels have the wrong shape, dtype or range.

    Warns
    -----
    Notice
        If the model does not scale its input.

    Examples
    --------
    >>> import mnistry, numpy as np
    >>> card = mnistry.evaluate(mnistry.build("linear"), np.zeros((10, 28, 28)) + 90, np.arange(10))
    >>> card.count, card.correct
    (10, 1)
    """
    checks.check_model(model)
    checks.check_input(model)
    count = model.output_shape[-1]
    split = given_split(images, labels, "images to evaluate", count)
    checks.check_output(model, split.images, needs_probabilities=True)
    classes = tuple(map(str, range(count)))
    return score_split(split, keras_files.predict(model, split.images), classes)


def _prepare(experiment: Experiment, dataset: Dataset, parts: Parts | None = None) -> _Prepared:
    """Make and compile the network, and check everything before anything is written."""
    recipe = experiment.recipe
    parts = parts or _hold_out(experiment, dataset)
    steps = _count_steps(recipe, parts.train)
    if recipe.model is None:
        model = zoo.build(
            recipe.network,
            seed=experiment.seed,
            units=recipe.units,
            depth=recipe.depth,
            activation=recipe.activation,
            dropout=recipe.dropout,
            classes=len(dataset.classes),
        )
    else:
        model = _own_model(recipe.model, recipe.model_digest, dataset, parts)
    fit.compile_model(model, make_optimizer(recipe, steps), recipe.loss)
    return _Prepared(experiment, dataset, parts, model)


def _own_model(path: str, digest: str | None, dataset: Dataset, parts: Parts) -> keras.Model:
    """Load the network that a recipe names by its file, and check that it can be exported."""
    if not Path(path).is_file():
        raise ModelError("no such file", where=path, expected="the .keras file to train")
    if files.sha256(Path(path)) != digest:
        raise ModelError(
            "is not the file that this training began with",
            where=path,
            expected=f"SHA-256 {digest}",
            remedy="restore it, or train a new run",
        )
    model = keras_files.load(path)
    count, wanted = model.output_shape[-1], len(dataset.classes)
    if count != wanted:
        raise ModelError(
            f"it has {count} classes", where=path, expected=f"{wanted}, as the data has"
        )
    checks.check_input(model)
    checks.check_output(model, parts.train.images, needs_probabilities=True)
    onnx_graph.to_onnx(model)
    return model


def _check_stopping(recipe: Recipe, parts: Parts) -> None:
    if recipe.early_stopping is not None and parts.validation is None:
        raise UsageError(
            "early stopping without validation images: the training loss keeps falling while "
            "unseen images are read worse",
            expected="images on which to see when to stop",
            remedy="--validation 0.1 sets a tenth aside",
        )


def _hold_out(experiment: Experiment, dataset: Dataset) -> Parts:
    if dataset.train is None or dataset.train.labels is None:
        raise DataError(
            "no labelled training images",
            where=dataset.source,
            expected="a label for each image: in a CSV file, a column named label",
            remedy="to predict labels, use mnistry predict",
        )
    recipe = experiment.recipe
    if (recipe.styled or recipe.non_digits) and dataset.classes != DIGITS:
        raise UsageError(
            f"the recipe {recipe.name} adds images of digits and of non-digits",
            expected="data whose classes are the digits 0 to 9",
            remedy="choose another recipe",
        )
    validation = dataset.validation
    if not recipe.validation and validation is not None and validation.labels is not None:
        return Parts(dataset.train, validation)
    return hold_out(dataset.train, recipe.validation, experiment.seed)


def _count_steps(recipe: Recipe, kept: Split) -> int:
    """Check the recipe for these images, and return the number of training steps."""
    _settings(recipe).check(len(kept.images))
    size = recipe.epoch_size(len(kept.images))
    return steps_per_epoch(size, recipe.batch_size) * recipe.epochs


def _settings(recipe: Recipe, seed: int = 0) -> fit.Settings:
    return fit.Settings(
        recipe.epochs, recipe.batch_size, recipe.distortion, recipe.plain_epoch_count, seed
    )


def _train(
    run: Run,
    prepared: _Prepared,
    callbacks: Sequence[keras.callbacks.Callback],
    on_progress: Callable[[history.Progress], None] | None,
    start_seconds: float,
) -> Run:
    def told(progress: history.Progress) -> None:
        _keep_history(run, progress)
        if on_progress is not None:
            on_progress(progress)

    with _status_on_failure(run):
        result = _fit(prepared, run.checkpoint_folder, callbacks, told)
        return _finish(run, prepared, result, start_seconds)


def _keep_history(run: Run, progress: history.Progress) -> None:
    """Write the figures of an epoch that is done: a training that is stopped later shows them."""
    if progress.finished is None:
        return
    before: tuple[history.Epoch, ...] = ()
    if progress.epoch > 1:
        try:
            before = run.epochs()[: progress.epoch - 1]
        except ModelError:  # an older mnistry, which wrote the history only at the end, began it
            return
    if len(before) == progress.epoch - 1:
        run.write_history((*before, progress.finished))


def _finish(run: Run, prepared: _Prepared, result: history.History, start_seconds: float) -> Run:
    """Save, score and export a trained network; return the run, done."""
    trained_at = time.perf_counter()
    run.write_history(result.epochs)
    keras_files.save(prepared.model, run.keras_path)
    scores = _score_and_export(prepared, run.onnx_path)
    run.write_notes(scores)
    run.write_scores(scores)
    seconds = {
        "start": start_seconds,
        "compile": result.compile_seconds,
        "fit": result.fit_seconds,
        "evaluate": time.perf_counter() - trained_at,
    }
    digests = {path.name: files.sha256(path) for path in (run.keras_path, run.onnx_path)}
    return dataclasses.replace(run, status=Status.DONE, seconds=seconds, digests=digests).write()


def _fit(
    prepared: _Prepared,
    checkpoint_folder: Path,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    on_progress: Callable[[history.Progress], None] | None = None,
) -> history.History:
    recipe, seed = prepared.experiment.recipe, prepared.experiment.seed
    more = None
    if recipe.styled or recipe.non_digits:
        more = extra.make(  # not from held-out images
            prepared.parts.train, styled=recipe.styled, non_digits=recipe.non_digits, seed=seed
        )
    return fit.train_parts(
        prepared.model,
        prepared.parts,
        _settings(recipe, seed),
        extra=more,
        callbacks=[*_stopping(prepared), *callbacks],
        on_progress=on_progress,
        checkpoint_folder=checkpoint_folder,
    )


def _stopping(prepared: _Prepared) -> list[keras.callbacks.Callback]:
    """Return the recipe's early stopping, if it has one."""
    patience = prepared.experiment.recipe.early_stopping
    if patience is None:
        return []
    watched = "loss" if prepared.parts.validation is None else "val_loss"
    return [keras.callbacks.EarlyStopping(watched, patience=patience, restore_best_weights=True)]


def _score_and_export(prepared: _Prepared, onnx_path: Path) -> Scores:
    """Score the network on every split, and export it to ONNX."""
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
        # A full disk must not hide the first error.
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
        # These draw and distort images.
        "numpy": importlib.metadata.version("numpy"),
        "opencv": _opencv_version(),
    }


def _opencv_version() -> str:
    try:
        return importlib.metadata.version("opencv-python-headless")
    except importlib.metadata.PackageNotFoundError:  # another build of OpenCV
        import cv2

        return cv2.__version__
