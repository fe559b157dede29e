"""Checkpoints: the whole state of a training in one file, written atomically.

Weights, optimizer, seed generators, callbacks and the figures so far are saved together, all from
the same moment. Knows nothing of how a training is resumed.
"""

import dataclasses
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np
from numpy.typing import NDArray

from mnistry.errors import UsageError
from mnistry.system import files
from mnistry.training.history import Epoch

KEPT = 2  # the newest checkpoints of a training; `save` deletes older ones
# Epochs done and steps of the next one: the names sort by time.
_NAME = re.compile(r"(\d{8})-(\d{8})\.npz")
# The types of some entries of a file's record, as JSON has them.
_KINDS = {"step": int, "seconds": float, "stopped": bool, "callbacks": list}
# The attributes in which Keras's stateful callbacks keep their state between epochs.
_MEMORY: dict[type, tuple[str, ...]] = {
    keras.callbacks.EarlyStopping: ("wait", "stopped_epoch", "best", "best_epoch"),
    keras.callbacks.ModelCheckpoint: ("best",),
    keras.callbacks.ReduceLROnPlateau: ("wait", "best", "cooldown_counter"),
}


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """One complete state, after an epoch or in the middle of one.

    Attributes
    ----------
    epochs
        The figures of the epochs done.
    step, seconds
        How many steps of the next epoch are done, and how long they took.
    stopped
        Whether a callback had asked to stop.
    arrays
        Weights, optimizer variables, the running metrics of an epoch that has begun, and
        callbacks' weights, by name.
    callbacks
        The state of each stateful callback, in order.
    """

    epochs: tuple[Epoch, ...]
    step: int
    seconds: float
    stopped: bool
    arrays: Mapping[str, NDArray[Any]]
    callbacks: Sequence[Mapping[str, Any]]

    def without_metrics(self) -> Self:
        """Return a checkpoint with the same weights, as if no step of the next epoch were done.

        It has no running metrics, so it suits a model that will not continue that epoch.
        """
        kept = {name: a for name, a in self.arrays.items() if not name.startswith("metric_")}
        return dataclasses.replace(self, step=0, arrays=kept)


def variables(model: keras.Model) -> list[keras.Variable]:
    """Return every variable that a training changes: the model's and the optimizer's."""
    return [*model.variables, *model.optimizer.variables]


def take(
    model: keras.Model,
    epochs: Iterable[Epoch],
    callbacks: Sequence[keras.callbacks.Callback],
    *,
    step: int = 0,
    seconds: float = 0.0,
) -> Checkpoint:
    """Copy the state of a compiled model and of its callbacks; see `Checkpoint`."""
    arrays = {name: np.array(v.numpy()) for name, v in _by_name(model, step).items()}
    stateful = _stateful(callbacks)
    for i, callback in enumerate(stateful):
        for j, weight in enumerate(getattr(callback, "best_weights", None) or ()):
            arrays[f"best_{i}_{j}"] = np.array(weight)
    memories = [
        {name: _plain(getattr(callback, name)) for name in _memory(callback)}
        for callback in stateful
    ]
    return Checkpoint(tuple(epochs), step, seconds, bool(model.stop_training), arrays, memories)


def restore(
    checkpoint: Checkpoint, model: keras.Model, callbacks: Sequence[keras.callbacks.Callback]
) -> None:
    """Restore a state into a model and callbacks made in the same way as those it came from.

    Raises
    ------
    UsageError
        If it came from another network or optimizer, or from other callbacks.
    """
    stateful = _stateful(callbacks)
    if len(stateful) != len(checkpoint.callbacks):
        raise UsageError(
            f"{len(stateful)} stateful callbacks",
            expected=f"{len(checkpoint.callbacks)}, as in the training to resume",
        )
    shapes = {name: array.shape for name, array in checkpoint.arrays.items()}
    named = _by_name(model, checkpoint.step)
    expected = {name: tuple(variable.shape) for name, variable in named.items()}
    for i in range(len(stateful)):
        if f"best_{i}_0" in shapes:
            expected |= {f"best_{i}_{j}": tuple(w.shape) for j, w in enumerate(model.weights)}
    if shapes != expected or any(
        set(memory) != set(_memory(callback))
        for callback, memory in zip(stateful, checkpoint.callbacks, strict=True)
    ):
        raise UsageError(
            "the checkpoint is of another network, optimizer or callbacks",
            expected="one of the training to resume",
        )
    for name, variable in named.items():
        variable.assign(checkpoint.arrays[name])
    model.stop_training = checkpoint.stopped
    for i, (callback, memory) in enumerate(zip(stateful, checkpoint.callbacks, strict=True)):
        for name, value in memory.items():
            setattr(callback, name, value)
        best = [name for name in checkpoint.arrays if name.startswith(f"best_{i}_")]
        if best:
            callback.best_weights = [checkpoint.arrays[f"best_{i}_{j}"] for j in range(len(best))]


def _by_name(model: keras.Model, step: int) -> dict[str, keras.Variable]:
    """Name the variables of a checkpoint; within an epoch the running metrics are among them."""
    metrics = model.metrics_variables if step else []
    named = {f"variable_{i}": variable for i, variable in enumerate(variables(model))}
    return named | {f"metric_{i}": variable for i, variable in enumerate(metrics)}


def save(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, whole or not at all, and delete all but the last two.

    The last checkpoint that was written between two epochs is kept as well, because ``model.fit``
    cannot resume within an epoch.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record = {
        "epochs": [dataclasses.asdict(epoch) for epoch in checkpoint.epochs],
        "step": checkpoint.step,
        "seconds": checkpoint.seconds,
        "stopped": checkpoint.stopped,
        "variables": sum(name.startswith("variable_") for name in checkpoint.arrays),
        "callbacks": checkpoint.callbacks,
    }
    buffer = io.BytesIO()
    text = np.frombuffer(json.dumps(record).encode(), np.uint8)
    np.savez(buffer, allow_pickle=False, record=text, **checkpoint.arrays)
    name = f"{len(checkpoint.epochs):08d}-{checkpoint.step:08d}.npz"
    files.write_bytes(folder / name, buffer.getvalue())
    paths = _paths(folder)
    between = [path for path in paths if _is_between_epochs(path)][-1:]
    for old in paths[:-KEPT]:
        if old not in between:
            old.unlink(missing_ok=True)


def newest(folder: Path, *, between_epochs: bool = False) -> tuple[Checkpoint | None, list[Path]]:
    """Read the newest undamaged checkpoint.

    Parameters
    ----------
    folder
        Where they are; it may be missing.
    between_epochs
        Whether to ignore checkpoints within an epoch.

    Returns
    -------
    checkpoint, damaged
        The checkpoint, or None if there is no undamaged one; and the newer, damaged files.
    """
    damaged: list[Path] = []
    for path in reversed(_paths(folder)):
        if between_epochs and not _is_between_epochs(path):
            continue
        try:
            return _read(path), damaged
        # The error depends on which bit is flipped; NumPy and zipfile do not document them all.
        except Exception:
            damaged.append(path)
    return None, damaged


def _read(path: Path) -> Checkpoint:
    # Opened here: NumPy leaves a damaged file open.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        # Reading each member checks its CRC.
        arrays = {name: archive[name] for name in archive.files}
    record = json.loads(arrays.pop("record").tobytes())
    if not {f"variable_{i}" for i in range(record["variables"])} <= arrays.keys():
        raise ValueError("variables are missing")
    # NumPy returns bytes for a member that does not begin like an array.
    if any(getattr(array, "dtype", np.dtype(str)).kind not in "fiub" for array in arrays.values()):
        raise TypeError("an array is not of numbers")
    if not all(isinstance(record[name], kind) for name, kind in _KINDS.items()):
        raise TypeError("the record is not a checkpoint's")
    numbers = [value for memory in record["callbacks"] for value in memory.values()]
    if not all(value is None or isinstance(value, int | float) for value in numbers):
        raise TypeError("a callback's state is not a number")
    epochs = tuple(Epoch(**epoch) for epoch in record["epochs"])
    return Checkpoint(
        epochs, record["step"], record["seconds"], record["stopped"], arrays, record["callbacks"]
    )


def _is_between_epochs(path: Path) -> bool:
    return path.stem.endswith("-00000000")


def _paths(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))


def _stateful(callbacks: Sequence[keras.callbacks.Callback]) -> list[keras.callbacks.Callback]:
    return [callback for callback in callbacks if _memory(callback)]


def _memory(callback: keras.callbacks.Callback) -> tuple[str, ...]:
    for kind, names in _MEMORY.items():
        if isinstance(callback, kind):
            return names
    return ()


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic | np.ndarray) else value
