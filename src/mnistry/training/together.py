"""Train several networks at once, in one program: the same recipe with other seeds or rates.

A small network leaves processor cores idle: the single operations of a step are too short to be
shared among them. Here each operation is done for all networks. Every training is complete in
itself, with its own callbacks, checkpoints and figures; one that stops or diverges does not stop
the others.
"""

import dataclasses
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from mnistry.datasets.splits import Parts
from mnistry.errors import DivergedError
from mnistry.training.batches import epoch_order
from mnistry.training.callbacks import Guard, Records
from mnistry.training.engine import Engine
from mnistry.training.fit import SECONDS_A_PIECE, Settings, targets_for
from mnistry.training.history import Epoch, History, Progress
from mnistry.training.startup import cached_programs

Logs = dict[int, dict[str, float]]  # each training's metrics


class Training:
    """One of several trainings.

    Parameters
    ----------
    model
        Compiled. All must have the same layers, loss and optimizer; the values of their variables,
        such as weights and learning rate, may differ.
    seed
        Decides the order of its images.
    callbacks
        Of Keras; none may need every batch.
    checkpoint_folder
        Where to save its state; None saves none.

    Attributes
    ----------
    error
        None, unless its loss became infinite or not a number; the model then has the weights of the
        last epoch with a finite loss.
    stopped
        Whether `stop` ended it.
    """

    def __init__(
        self,
        model: keras.Model,
        seed: int,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        checkpoint_folder: Path | None = None,
    ) -> None:
        self.model, self.seed = model, seed
        self._callbacks, self._folder = callbacks, checkpoint_folder
        self.error: DivergedError | None = None
        self.stopped = False

    @property
    def is_active(self) -> bool:
        """Whether it goes on: it has neither diverged, nor did `stop` or a callback end it."""
        return self.error is None and not self.stopped and not self.model.stop_training

    @property
    def epochs(self) -> tuple[Epoch, ...]:
        """The figures of the epochs so far."""
        return tuple(self._records.finished)

    def stop(self) -> None:
        """End it after this epoch, with a checkpoint from which it can be resumed."""
        self.stopped = True
        self._records.save()

    def _begin(self, epochs: int, steps: int) -> None:
        self._records = Records(epochs, steps, self._callbacks, None, self._folder, None)
        self._hooks = keras.callbacks.CallbackList(
            [Guard(), *self._callbacks, self._records],
            add_history=True, model=self.model, epochs=epochs, steps=steps, verbose=0,
        )  # fmt: skip
        self.model.stop_training = False
        self._logs: dict[str, float] = {}
        self._hooks.on_train_begin()

    def _begin_epoch(self, epoch: int) -> None:
        self.model.reset_metrics()
        self._hooks.on_epoch_begin(epoch)

    def _end_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        self._logs = logs
        try:
            self._hooks.on_epoch_end(epoch, logs)
        except DivergedError as error:
            self.error = error

    def _end(self) -> None:
        if self.error is None and not self.stopped:
            # An optimizer that averages weights now replaces them by the averages.
            self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
            self._hooks.on_train_end(self._logs)


def train(
    trainings: Sequence[Training],
    parts: Parts,
    settings: Settings,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    after_epoch: Callable[[int], None] | None = None,
) -> list[History]:
    """Train compiled models at once, on the same images without distortion.

    Parameters
    ----------
    trainings
        At least two.
    parts
        The images to train on, and those to validate on.
    settings
        Those of every training; the seed is not used.
    on_progress
        Called about ten times a second, with the mean loss and accuracy.
    after_epoch
        Called with the number of each epoch, from 1, after its end. It may `stop` trainings.

    Returns
    -------
    list of History
        For each training; their seconds are those of all together.
    """
    started = time.perf_counter()
    models = [training.model for training in trainings]
    for model in models:
        model.optimizer.build(model.trainable_variables)
    kept, aside = parts
    watched = None if aside is None else (aside.images, targets_for(aside, models[0]))
    engine = Engine(models, kept.images, targets_for(kept, models[0]), settings.batch_size)
    with cached_programs():
        compile_seconds = engine.compile()
    for training in trainings:
        training._begin(settings.epochs, engine.steps)
    for epoch in range(settings.epochs):
        active = {n: training for n, training in enumerate(trainings) if training.is_active}
        if not active:
            break

        def report(logs: Logs, finished: Epoch | None = None, number: int = epoch + 1) -> None:
            if on_progress is not None:
                loss, accuracy = (
                    _mean(one[name] for one in logs.values()) for name in ("loss", "accuracy")
                )
                on_progress(
                    Progress(
                        number, settings.epochs, engine.step, engine.steps, loss, accuracy, finished
                    )
                )

        orders = [epoch_order(len(kept.images), training.seed, epoch) for training in trainings]
        engine.begin_epoch()
        try:
            logs = _run_epoch(engine, active, orders, epoch, report)
        except (KeyboardInterrupt, SystemExit):
            if engine.step < engine.steps:  # afterwards callbacks may have changed their state
                for training in active.values():
                    training._records.save(engine.step)
            raise
        if watched is not None:
            judged = engine.evaluate(*watched)
            for number in active:
                logs[number] |= {f"val_{name}": value for name, value in judged[number].items()}
        for number, training in active.items():
            training._end_epoch(epoch, logs[number])
        finished = [one.epochs[-1] for one in active.values() if one.error is None]
        if finished:
            report(logs, _mean_epoch(finished))
        if after_epoch is not None:
            after_epoch(epoch + 1)
    seconds = time.perf_counter() - started - compile_seconds
    for training in trainings:
        training._end()
    return [History(one.epochs, engine.steps, compile_seconds, seconds) for one in trainings]


def _run_epoch(
    engine: Engine,
    active: Mapping[int, Training],
    orders: Sequence[NDArray[np.int32]],
    epoch: int,
    report: Callable[[Logs], None],
) -> Logs:
    """Run an epoch's steps; return the last metrics of the active trainings."""
    for training in active.values():
        training._begin_epoch(epoch)
    engine.load_state()
    size = min(8, engine.steps)
    try:
        while True:
            began, step = time.perf_counter(), engine.step
            found = engine.run(orders, min(step + size, engine.steps))
            logs = {number: found[number] for number in active}
            if engine.step == engine.steps:
                return logs
            report(logs)
            pace = (engine.step - step) / (time.perf_counter() - began)
            size = max(1, round(pace * SECONDS_A_PIECE))
            for number, training in active.items():
                if training._records.save_is_due():
                    engine.store_state([number])
                    training._records.save(engine.step)
    finally:
        engine.store_state(list(active))


def _mean_epoch(epochs: Sequence[Epoch]) -> Epoch:
    names = [field.name for field in dataclasses.fields(Epoch)]
    return Epoch(*(_mean(getattr(epoch, name) for epoch in epochs) for name in names))


def _mean(values: Iterable[Any]) -> Any:
    """Return the mean; None if a value is None."""
    given = list(values)
    return None if None in given else statistics.fmean(given)
