"""Fit a network to arrays: epochs, batches, validation, callbacks, checkpoints.

It never receives a test split. On Keras's JAX backend the steps run in the compiled
engine. On other backends, and with callbacks that need every batch, they run in ``model.fit``, over
the same batches in the same order.
"""

import dataclasses
import logging
import math
import numbers
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from numpy.typing import NDArray

from mnistry.augmentation.distort import Distortion
from mnistry.augmentation.extra import ExtraImages
from mnistry.concepts import one_hot, steps_per_epoch
from mnistry.datasets.dataset import Images, Split, given_split
from mnistry.datasets.splits import Parts, hold_out
from mnistry.errors import Notice, ResourceError, UsageError, counted_noun
from mnistry.networks import checks
from mnistry.recipes.recipe import LOSSES, OPTIMIZERS, Recipe
from mnistry.system.cores import divide_processor
from mnistry.training import checkpoints, processes
from mnistry.training.batches import EVALUATION_BATCH, Batches, epoch_images
from mnistry.training.callbacks import Guard, Records, check_callbacks, wants_batches
from mnistry.training.history import History, Progress
from mnistry.training.startup import cached_programs

if TYPE_CHECKING:
    from mnistry.training.engine import Engine

log = logging.getLogger(__name__)

# Short enough for a smooth progress bar, long enough to cost nothing.
SECONDS_A_PIECE = 0.1
_CLASSIC = Recipe()


def train(
    model: keras.Model,
    images: NDArray[Any],
    labels: NDArray[Any],
    *,
    optimizer: str | keras.optimizers.Optimizer = _CLASSIC.optimizer,
    loss: str = _CLASSIC.loss,
    epochs: int = _CLASSIC.epochs,
    batch_size: int = _CLASSIC.batch_size,
    distortion: Distortion | None = None,
    plain_epochs: int = 0,
    extra: ExtraImages | None = None,
    validation: float = 0.0,
    seed: int = 0,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    on_progress: Callable[[Progress], None] | None = None,
    checkpoint_folder: Path | None = None,
) -> History:
    """Compile a network and fit it; the defaults are the classic experiment's, as in `Recipe`.

    Parameters
    ----------
    model
        Takes ``uint8`` images ``(n, 28, 28)``, gives ten probabilities: see `mnistry.build`.
        A model that is compiled already keeps its optimizer, loss and metrics.
    images
        Shape ``(n, 28, 28)`` or ``(n, 784)``, 0 for paper to 255 for ink: an array, a list or a
        table of pandas. *Not* divided by 255: the network does that.
    labels
        Shape ``(n,)``, 0 to 9.
    optimizer
        A Keras optimizer, or its name for Keras's default settings.
    loss
        ``"categorical_crossentropy"``, ``"sparse_categorical_crossentropy"``,
        ``"binary_crossentropy"`` or ``"mean_squared_error"``.
    epochs, batch_size
        How often every image is used; images per step.
    distortion
        How far to distort the images, differently in each epoch; None uses them as they are.
    plain_epochs
        How many of the last epochs use the images without distortion.
    extra
        More images to train on, with their own targets: see `mnistry.augmentation.extra`. The
        running loss and accuracy count them too. A non-digit's target is the same for every class;
        the accuracy takes the first class as its label, so only the answer 0 counts as right.
    validation
        The share of the images, 0 to below 1, to set aside for validation: the same share of every
        class, drawn by `seed`.
    seed
        Decides the order of the images, their distortion, and which are set aside. The same
        seed, on the same machine and from the same weights, gives the same weights, bit for bit.
    callbacks
        Any Keras callbacks. One that overrides a hook for every batch makes the training run
        in ``model.fit``.
    on_progress
        Called with a `mnistry.training.history.Progress` about ten times a second, and at the end
        of each epoch. Within an epoch the weights are in the engine, so use `model` only in a
        callback's hooks for epochs.
    checkpoint_folder
        The folder in which to save the state. It is saved when the training ends or is interrupted,
        and at least every ten seconds, within an epoch too; with ``model.fit``, only between
        epochs. If a state is there, the training resumes from it. None saves none.

    Returns
    -------
    History
        The figures of every epoch. The trained weights are in `model`.

    Raises
    ------
    DataError
        If images or labels have the wrong shape, dtype or range.
    ModelError
        If the model takes other images, or gives no probabilities. Logits are accepted if it was
        compiled with a loss that has ``from_logits=True``. Raised before the first step.
    UsageError
        If a setting is out of its range.
    DivergedError
        If the loss becomes infinite or not a number; `model` keeps the weights of the last
        epoch with a finite loss.

    Warns
    -----
    Notice
        If the model is compiled already and another optimizer or loss is given; if it does not
        scale its input, or does not end with softmax but gives numbers from 0 to 1, as sigmoid
        does.

    Notes
    -----
    Where JAX computes in several processes (``jax.distributed.initialize``), each must make the
    same call: every batch is divided among them, and all end with the same weights.

    In one process a large dense layer is divided among up to four cores. JAX must be told so
    before it computes anything: `mnistry.build` does that, and so does this function. If JAX has
    computed something before (creating a Keras model with weights is enough), the layer is not
    divided, and the weights differ in their last digits from those of ``mnistry train``.

    Examples
    --------
    >>> import mnistry
    >>> images = np.zeros((100, 28, 28), np.uint8)
    >>> labels = np.arange(100) % 10
    >>> model = mnistry.build("linear")
    >>> history = mnistry.train(model, images, labels, epochs=2, batch_size=50)
    >>> history.steps, len(history.epochs)
    (2, 2)
    """
    divide_processor()
    checks.check_model(model)
    classes = model.output_shape[-1]
    split = given_split(images, labels, "training data", classes)
    settings = Settings(epochs, batch_size, distortion, plain_epochs, seed)
    settings.check_types()
    check_callbacks(callbacks, has_validation=bool(validation))
    if on_progress is not None and not callable(on_progress):
        what = f"on_progress is of type {type(on_progress).__name__}"
        raise UsageError(what, expected="a function, such as mnistry.ProgressBar()")
    parts = hold_out(split, validation, seed)
    settings.check(len(parts.train.images))
    checks.check_input(model)
    if not model.compiled:
        compile_model(model, optimizer, loss)
    elif _asks_for_others(model, optimizer, loss):
        warnings.warn(
            "the model is compiled already, perhaps by an earlier training: it keeps its optimizer "
            "and loss; for others, call model.compile(…) first",
            Notice,
            stacklevel=2,
        )
    checks.check_output(model, parts.train.images, needs_probabilities=False)
    return train_parts(
        model,
        parts,
        settings,
        extra=extra,
        callbacks=callbacks,
        on_progress=on_progress,
        checkpoint_folder=checkpoint_folder,
    )


def _asks_for_others(
    model: keras.Model, optimizer: str | keras.optimizers.Optimizer, loss: str
) -> bool:
    """Return whether arguments of `train` differ from its defaults and from a compiled model's."""
    name = type(model.optimizer).__name__.lower()
    is_other_optimizer = optimizer not in (_CLASSIC.optimizer, model.optimizer, name)
    return is_other_optimizer or loss not in (_CLASSIC.loss, model.loss)


@dataclasses.dataclass(frozen=True)
class Settings:
    """How images are trained on; see `train`."""

    epochs: int
    batch_size: int
    distortion: Distortion | None
    plain_epochs: int
    seed: int

    def check_types(self) -> None:
        """Raise `UsageError` if a setting that must be a whole number is not one."""
        for name in ("epochs", "batch_size", "plain_epochs", "seed"):
            value = getattr(self, name)
            if not isinstance(value, numbers.Integral):
                what = f"{name.replace('_', ' ')} {value!r}"
                raise UsageError(what, expected="a whole number")

    def check(self, count: int) -> None:
        """Raise `UsageError` if `count` images cannot be trained on with these settings."""
        if self.epochs < 1:
            raise UsageError(f"epochs {self.epochs}", expected="a whole number from 1")
        if not 0 <= self.plain_epochs <= self.epochs:
            raise UsageError(
                f"plain epochs {self.plain_epochs}", expected=f"0 to {self.epochs}, of the epochs"
            )
        if self.seed < 0:
            raise UsageError(f"seed {self.seed}", expected="a whole number from 0")
        if not 1 <= self.batch_size <= count:
            size = max(1, count // 16)
            steps = counted_noun(steps_per_epoch(count, size), "step")
            raise UsageError(
                f"batch size {self.batch_size:,} for {counted_noun(count, 'training image')}",
                expected=f"1 (stochastic gradient descent) to {count:,} (batch gradient descent)",
                remedy=f"with a batch size of {size} an epoch has {steps}",
            )


def train_parts(
    model: keras.Model,
    parts: Parts,
    settings: Settings,
    *,
    extra: ExtraImages | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    on_progress: Callable[[Progress], None] | None = None,
    checkpoint_folder: Path | None = None,
) -> History:
    """Fit a compiled model to images already split for validation; otherwise like `train`.

    The settings must have been checked already, for this number of images.

    Raises
    ------
    UsageError
        If a callback needs ``model.fit`` and JAX computes in several processes, or there are extra
        images and the loss is sparse.
    DivergedError
        As in `train`.
    """
    kept, aside = parts
    epochs, batch_size, seed = settings.epochs, settings.batch_size, settings.seed
    model.optimizer.build(model.trainable_variables)
    all_images, targets = _with_extra(kept, extra, model)
    started = time.perf_counter()
    watched = None if aside is None else (aside.images, targets_for(aside, model))
    reason = why_fit(callbacks)
    checkpoint = (
        None if checkpoint_folder is None else _newest(checkpoint_folder, reason is not None)
    )
    records = Records(
        epochs, steps_per_epoch(len(all_images), batch_size), callbacks, on_progress,
        checkpoint_folder if processes.is_main_process() else None, checkpoint,
    )  # fmt: skip
    done = len(records.finished)
    distorted = max(epochs - settings.plain_epochs - done, 0)
    with epoch_images(all_images, settings.distortion, distorted, seed, done) as images_by_epoch:
        if reason is None:
            engine, compile_seconds = _compiled(model, all_images, targets, batch_size, records)
            # The first distorted images were made while the steps were compiled.
            batches = Batches(targets, batch_size, seed, images_by_epoch, done)
            _run_epochs(engine, model, batches, watched, epochs, callbacks, records)
        else:
            if processes.process_count() > 1:
                raise UsageError(reason, expected="a training in a single process")
            log.warning("training runs in model.fit: %s", reason)
            compile_seconds = 0.0
            batches = Batches(targets, batch_size, seed, images_by_epoch, done)
            _fit(model, batches, watched, epochs, callbacks, records)
    seconds = time.perf_counter() - started
    return History(
        tuple(records.finished), len(batches), compile_seconds, seconds - compile_seconds
    )


def compile_model(model: keras.Model, optimizer: Any, loss: str) -> None:
    """Compile a model, and raise `UsageError` if Keras does not know optimizer or loss."""
    try:
        keras.losses.get(loss)  # compile does not check it
    except ValueError as error:
        expected = "one of " + ", ".join(LOSSES) + ", or another of Keras's"
        raise UsageError(f"loss {loss!r}", expected=expected) from error
    try:
        model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"])
    except ValueError as error:
        expected = "a Keras optimizer or its name: " + ", ".join(OPTIMIZERS)
        raise UsageError(f"optimizer {optimizer!r}", expected=expected) from error


def _compiled(
    model: keras.Model, images: Images, targets: NDArray[Any], batch_size: int, records: Records
) -> tuple["Engine", float]:
    """Return the compiled engine, and the seconds that compiling took."""
    from mnistry.training.engine import Engine

    _must_begin_together(records)
    engine = Engine([model], images, targets, batch_size)
    with cached_programs():
        return engine, engine.compile()


def _run_epochs(
    engine: "Engine",
    model: keras.Model,
    batches: Batches,
    watched: tuple[Images, NDArray[Any]] | None,
    epochs: int,
    callbacks: Sequence[keras.callbacks.Callback],
    records: Records,
) -> None:
    """Run the epochs in the compiled engine."""
    every = keras.callbacks.CallbackList(
        [Guard(), *callbacks, records],
        add_history=True, model=model, epochs=epochs, steps=engine.steps, verbose=0,
    )  # fmt: skip
    model.stop_training = False
    every.on_train_begin()
    logs: dict[str, float] = {}
    first = len(records.finished)
    for epoch in range(first, epochs):
        if model.stop_training:
            break
        engine.begin_epoch(records.first_step if epoch == first else 0)
        try:
            logs = _run_epoch(engine, batches, every, epoch, records)
        except (KeyboardInterrupt, SystemExit):
            if engine.step < engine.steps:  # afterwards callbacks may have changed their state
                records.save(engine.step)
            raise
        if watched is not None and math.isfinite(logs["loss"]):
            judged = model.evaluate(
                *watched, batch_size=EVALUATION_BATCH, verbose=0, return_dict=True, callbacks=every
            )
            for name, value in processes.broadcast(judged).items():
                logs[f"val_{name}"] = float(value)
        every.on_epoch_end(epoch, logs)
    # As in model.fit: an optimizer that averages weights now replaces them by the averages.
    model.optimizer.finalize_variable_values(model.trainable_variables)
    every.on_train_end(logs)


def _must_begin_together(records: Records) -> None:
    begins = np.array([len(records.finished), records.first_step])
    first = processes.broadcast(begins)
    if not np.array_equal(begins, first):
        raise ResourceError(
            f"this process would begin after {begins[0]} epochs and {begins[1]} steps",
            expected=f"{first[0]} and {first[1]}, as in the first process",
            remedy="give all processes access to the same checkpoints",
        )


def _run_epoch(
    engine: "Engine",
    batches: Batches,
    every: keras.callbacks.CallbackList,
    epoch: int,
    records: Records,
) -> dict[str, float]:
    """Run an epoch's steps while the engine holds the state; return the last metrics."""
    if not engine.step:
        every.model.reset_metrics()
    every.on_epoch_begin(epoch)
    engine.load_state()
    try:
        return _run_in_pieces(engine, batches, epoch, records)
    finally:
        engine.store_state()


def _run_in_pieces(
    engine: "Engine", batches: Batches, epoch: int, records: Records
) -> dict[str, float]:
    """Run an epoch in pieces of equal time, with a report after each but the last.

    The first epoch begins with a piece of one step, and each piece is at most twice as long as the
    one before: most is learned in the first steps.
    """
    batches.begin(epoch)
    engine.set_images(batches.images)
    size = 1 if epoch == 0 else min(8, engine.steps)
    while True:
        started, step = time.perf_counter(), engine.step
        (logs,) = engine.run([batches.order], min(step + size, engine.steps))
        if engine.step == engine.steps or not math.isfinite(logs["loss"]):
            return logs
        records.report(epoch, engine.step, logs)
        pace = (engine.step - step) / (time.perf_counter() - started)
        most = 2 * size if epoch == 0 else engine.steps
        size = int(processes.broadcast(min(most, max(1, round(pace * SECONDS_A_PIECE)))))
        if records.save_is_due():
            engine.store_state()
            records.save(engine.step)


def _fit(
    model: keras.Model,
    batches: Batches,
    watched: tuple[Images, NDArray[Any]] | None,
    epochs: int,
    callbacks: Sequence[keras.callbacks.Callback],
    records: Records,
) -> None:
    model.fit(
        batches,
        epochs=epochs,
        initial_epoch=epochs if records.stopped else len(records.finished),
        shuffle=False,  # Batches shuffles
        verbose=0,
        validation_data=watched,
        validation_batch_size=EVALUATION_BATCH,
        callbacks=[_EveryBatch(batches, records), Guard(), *callbacks, records],
    )


class _EveryBatch(keras.callbacks.Callback):  # type: ignore[misc]
    """Does for ``model.fit`` what the compiled loop does around an epoch's steps."""

    def __init__(self, batches: Batches, records: Records) -> None:
        super().__init__()
        self._batches, self._records = batches, records
        self._epoch, self._reported = 0, 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        self._epoch = epoch
        self._batches.begin(epoch)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        now = time.perf_counter()
        if now - self._reported > SECONDS_A_PIECE and batch + 1 < len(self._batches):
            self._reported = now
            self._records.report(self._epoch, batch + 1, logs)


def targets_for(split: Split, model: keras.Model) -> NDArray[Any]:
    """Return the targets that a compiled model's loss takes: a row for each image."""
    # A sparse loss takes the labels themselves, the others one-hot rows.
    loss = keras.losses.get(model.loss)
    name = getattr(loss, "__name__", type(loss).__name__)
    labels = np.asarray(split.labels)
    if "sparse" in name.lower():
        return labels.astype(np.int32)
    classes: int = model.output_shape[-1]
    return one_hot(labels, classes)


def _with_extra(
    split: Split, extra: ExtraImages | None, model: keras.Model
) -> tuple[Images, NDArray[Any]]:
    """Return all images to train on, the extra ones last, and a target for each."""
    targets = targets_for(split, model)
    if extra is None:
        return split.images, targets
    if targets.ndim == 1:
        raise UsageError(
            "extra images with a sparse loss, which takes only labels",
            expected="categorical_crossentropy",
        )
    return np.concatenate([split.images, extra.images]), np.concatenate([targets, extra.targets])


def why_fit(callbacks: Sequence[keras.callbacks.Callback]) -> str | None:
    """Return why a training must run in ``model.fit``; None if it can run in the engine."""
    if keras.backend.backend() != "jax":
        return f"Keras's backend is {keras.backend.backend()}"
    for callback in callbacks:
        if wants_batches(callback):
            return f"{type(callback).__name__} overrides a hook for every batch"
    return None


def _newest(folder: Path, between_epochs: bool) -> checkpoints.Checkpoint | None:
    checkpoint, damaged = checkpoints.newest(folder, between_epochs=between_epochs)
    for path in damaged:
        log.warning("%s is damaged: resuming from the checkpoint before it", path)
    if between_epochs and checkpoint is not None:
        newest, _ = checkpoints.newest(folder)
        if newest is not None and newest.step:
            log.warning("model.fit resumes at the start of epoch %d", len(checkpoint.epochs) + 1)
    return checkpoint
