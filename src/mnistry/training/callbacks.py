"""The two Keras callbacks that every training has: `Guard` and `Records`.

They are the same whether the steps run in the compiled engine or in ``model.fit``.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mnistry.errors import DivergedError, UsageError
from mnistry.training import checkpoints
from mnistry.training.history import Epoch, Progress

Logs = Mapping[str, float] | None
# A checkpoint is due _INTERVAL seconds after the last one, or earlier: as soon as the seconds that
# the last one took are less than _SAVING_SHARE of the seconds since.
_INTERVAL = 10.0
_SAVING_SHARE = 0.005
_BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")


class Guard(keras.callbacks.Callback):  # type: ignore[misc]
    """Stops a training if an epoch's loss is not finite; restores the weights before that epoch.

    It comes before the caller's callbacks, so that none of them keeps the diverged weights as the
    best.
    """

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:  # noqa: ARG002
        """Copy the weights that the epoch begins with."""
        self._good = [np.array(variable.numpy()) for variable in checkpoints.variables(self.model)]

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Raise `DivergedError` if a loss is infinite or not a number."""
        for name, value in (logs or {}).items():
            if name in ("loss", "val_loss") and not math.isfinite(value):
                good = zip(checkpoints.variables(self.model), self._good, strict=True)
                for variable, weights in good:
                    variable.assign(weights)
                raise DivergedError(
                    f"{name} became {value} in epoch {epoch + 1}",
                    remedy="try a smaller learning rate; the state before that epoch is kept",
                )


class Records(keras.callbacks.Callback):  # type: ignore[misc]
    """Records each epoch's metrics, reports progress and writes the checkpoints.

    It comes after the caller's callbacks, so that a checkpoint holds what they decided.

    Parameters
    ----------
    epochs, steps
        The maximum number of epochs, and the steps per epoch.
    others
        The caller's callbacks, whose state is saved in a checkpoint.
    on_progress
        Called with each `Progress`.
    folder
        Where checkpoints are written; None writes none.
    checkpoint
        The state to resume from; None starts a new training.
    """

    def __init__(
        self,
        epochs: int,
        steps: int,
        others: Sequence[keras.callbacks.Callback],
        on_progress: Callable[[Progress], None] | None,
        folder: Path | None,
        checkpoint: checkpoints.Checkpoint | None,
    ) -> None:
        super().__init__()
        self.finished = [] if checkpoint is None else list(checkpoint.epochs)
        self._epochs, self._steps, self._others = epochs, steps, others
        self._on_progress, self._folder, self._checkpoint = on_progress, folder, checkpoint
        self._last_save_ended = self._save_seconds = 0.0

    @property
    def first_step(self) -> int:
        """The number of steps already done in the epoch at which the training resumes."""
        return 0 if self._checkpoint is None else self._checkpoint.step

    @property
    def stopped(self) -> bool:
        """Whether a callback had stopped the training before the checkpoint."""
        return self._checkpoint is not None and self._checkpoint.stopped

    def on_train_begin(self, logs: Logs = None) -> None:  # noqa: ARG002
        """Restore the checkpoint; without one, write the first.

        The caller's callbacks have already reset themselves: their `on_train_begin` came first.
        """
        if self._checkpoint is not None:
            checkpoints.restore(self._checkpoint, self.model, self._others)
        else:
            self.save()
        self._ended = time.perf_counter()
        if self._checkpoint is not None:
            self._ended -= self._checkpoint.seconds

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Record the epoch's metrics, save the state if that is due, then report progress."""
        logs = logs or {}
        before, self._ended = self._ended, time.perf_counter()
        finished = Epoch(
            logs["loss"],
            logs.get("accuracy", math.nan),
            logs.get("val_loss"),
            logs.get("val_accuracy"),
            self._ended - before,
        )
        self.finished.append(finished)
        last = len(self.finished) == self._epochs or self.model.stop_training
        saved = last or self.save_is_due()
        if saved:
            self.save()
        try:
            self.report(epoch, self._steps, logs, finished)
        except (KeyboardInterrupt, SystemExit):
            if not saved:
                self.save()
            raise

    def report(
        self, epoch: int, step: int, logs: Mapping[str, float], finished: Epoch | None = None
    ) -> None:
        """Report how far the training has got; `epoch` counts from 0."""
        if self._on_progress is not None:
            accuracy = logs.get("accuracy", math.nan)
            self._on_progress(
                Progress(
                    epoch + 1, self._epochs, step, self._steps, logs["loss"], accuracy, finished
                )
            )

    def save_is_due(self) -> bool:
        """Whether there is enough unsaved work to be worth the time of a checkpoint."""
        since = time.perf_counter() - self._last_save_ended
        interval = min(_INTERVAL, self._save_seconds / _SAVING_SHARE)
        return self._folder is not None and since > interval

    def save(self, step: int = 0) -> None:
        """Write a checkpoint after the finished epochs and `step` steps of the next."""
        if self._folder is None:
            return
        started = time.perf_counter()
        seconds = started - self._ended if step else 0.0
        checkpoint = checkpoints.take(
            self.model, self.finished, self._others, step=step, seconds=seconds
        )
        checkpoints.save(self._folder, checkpoint)
        self._last_save_ended = time.perf_counter()
        self._save_seconds = self._last_save_ended - started


def check_callbacks(callbacks: Any, *, has_validation: bool) -> None:
    """Check that these are callbacks that can work, before anything is trained.

    Raises
    ------
    UsageError
        If one is not a Keras callback, or watches validation images and there are none.
    """
    if not isinstance(callbacks, list | tuple):
        raise UsageError(
            f"callbacks is of type {type(callbacks).__name__}",
            expected="a list of Keras callbacks",
            remedy="put it in brackets: callbacks=[callback]",
        )
    for one in callbacks:
        name = one.__name__ if isinstance(one, type) else type(one).__name__
        if isinstance(one, type) and issubclass(one, keras.callbacks.Callback):
            what = f"the callback {name} is a class"
            raise UsageError(what, expected="an object", remedy=f"make one: {name}()")
        if not isinstance(one, keras.callbacks.Callback):
            raise UsageError(
                f"a callback of type {name}",
                expected="one of Keras's, or of a class of yours derived from "
                "keras.callbacks.Callback",
                remedy="a function becomes one with keras.callbacks.LambdaCallback("
                "on_epoch_end=function)",
            )
        watched = str(getattr(one, "monitor", ""))
        is_used = getattr(one, "save_best_only", True)  # only ModelCheckpoint has it
        if watched.startswith("val_") and is_used and not has_validation:
            raise UsageError(
                f"{name} watches {watched}, and there are no validation images",
                remedy=f'give validation=0.1, or {name}(monitor="{watched.removeprefix("val_")}")',
            )


def wants_batches(callback: keras.callbacks.Callback) -> bool:
    """Return whether a callback needs a hook that is called for every batch.

    `keras.callbacks.ModelCheckpoint` overrides one, but needs it only if its ``save_freq`` is a
    number of batches.

    Examples
    --------
    >>> wants_batches(keras.callbacks.EarlyStopping())
    False
    >>> wants_batches(keras.callbacks.LambdaCallback(on_train_batch_end=print))
    True
    """
    if type(callback) is keras.callbacks.ModelCheckpoint and callback.save_freq == "epoch":
        return False
    return any(_overrides(callback, hook) for hook in _BATCH_HOOKS)


def _overrides(callback: Any, hook: str) -> bool:
    # A LambdaCallback holds its hooks as attributes of the instance, which have no __func__.
    method = getattr(getattr(callback, hook), "__func__", None)
    return method is not getattr(keras.callbacks.Callback, hook)
