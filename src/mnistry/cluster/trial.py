"""One training of a sweep, in a worker of a Ray cluster: an ordinary run, reported as it goes.

Knows nothing of the other trainings.
"""

import atexit
import dataclasses
import functools
import itertools
import os
import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from mnistry.cluster import shared_folder
from mnistry.datasets.dataset import Origin
from mnistry.errors import DivergedError, MnistryError, ResourceError
from mnistry.recipes.experiment import Experiment
from mnistry.training.history import Progress
from mnistry.version import __version__

if TYPE_CHECKING:
    from mnistry.datasets.dataset import Dataset
    from mnistry.runs.directory import Run

# What a worker reports: after how many epochs, the accuracy on the images that were set aside; how
# the training ended, if it did; and in words why it failed.
EPOCH, SCORE, END, WHY = "epoch", "val_accuracy", "end", "why"
DONE, DIVERGED, FAILED, UNFIT = "done", "diverged", "failed", "unfit"
_REMEMBERED = 20  # trainings of a worker whose programs stay in memory, 10 MB or so a network
_PATIENCE = 60.0  # seconds until a training that is stopped has saved its state
_started = itertools.count(1)
_training: list[threading.Thread] = []  # the newest of this process


@dataclasses.dataclass(frozen=True)
class Trial:
    """One training of a sweep.

    Attributes
    ----------
    name
        Its run's directory, below the folder of them all.
    settings
        What was varied.
    experiment
        All that it is trained by.
    """

    name: str
    settings: Mapping[str, Any]
    experiment: Experiment

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave."""
        return cls(value["name"], value["settings"], Experiment.from_json(value["experiment"]))


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a sweep's trainings leave their runs, and what workers must have in common.

    Attributes
    ----------
    runs
        The folder of the run directories, which is there.
    mark
        A file that whoever sees the same folder sees.
    digests
        What the data must be.
    version
        What mnistry must be.
    """

    runs: str
    mark: str
    digests: Mapping[str, str]
    version: str = __version__


def train(config: Mapping[str, Any]) -> None:
    """Train one trial, or go on with it, and report every epoch to Ray Tune.

    Parameters
    ----------
    config
        A `Trial` and a `Place`, as plain values.
    """
    from ray import tune

    # After two seconds, as it would be, Tune takes the next trial for lost too.
    os.environ.setdefault("TUNE_FUNCTION_THREAD_TIMEOUT_S", str(int(_PATIENCE)))
    _training[:] = [threading.current_thread()]
    trial, place = Trial.from_json(config["trial"]), Place(**config["place"])
    stopped = False

    def report(epoch: int, score: float | None, end: str | None = None, why: str = "") -> None:
        nonlocal stopped
        try:
            tune.report({EPOCH: epoch, SCORE: score, END: end, WHY: why})
        except SystemExit:
            stopped = True
            raise

    def on_progress(progress: Progress) -> None:
        # The last epoch is reported when all of the run is written: it may be stopped then.
        if progress.finished is not None and progress.epoch < progress.epochs:
            report(progress.epoch, progress.finished.val_accuracy)

    try:
        dataset = _load(trial.experiment.origin, place)
    except MnistryError as error:
        report(0, 0.0, UNFIT, f"{error} (on {socket.gethostname()})")
        return
    try:
        run = _run(trial, dataset, Path(place.runs, trial.name), on_progress)
    except DivergedError:
        report(0, 0.0, DIVERGED)
    except Exception as error:  # only for a worker that dies is there a next time
        if not stopped:  # nobody listens any more
            kind = "" if isinstance(error, MnistryError) else f"{type(error).__name__}: "
            report(0, 0.0, FAILED, f"{kind}{error}")
    else:
        epochs = run.epochs()
        report(len(epochs), epochs[-1].val_accuracy, DONE)


@atexit.register
def _let_it_save() -> None:
    """Wait for a training that was stopped: its process ends with Tune's interest in it."""
    for thread in _training:
        thread.join(_PATIENCE)


def _load(origin: Origin, place: Place) -> "Dataset":
    """Give the data, if this worker has what the others have."""
    shared_folder.must_see(Path(place.mark), "a worker")
    if place.version != __version__:
        raise ResourceError(f"a worker has mnistry {__version__}", expected=place.version)
    dataset = load(origin)
    if dict(place.digests) != dict(dataset.digests):
        raise ResourceError("a worker has other data", where=dataset.source)
    return dataset


def _run(trial: Trial, dataset: "Dataset", path: Path, on_progress: Any) -> "Run":
    """Train, or go on from the newest checkpoint, or give what is done already."""
    from mnistry.system import cores
    from mnistry.training import startup

    # Many small trainings side by side are quicker than one after the other on all cores.
    cores.use_cores(1)
    with startup.compiled_programs():
        startup.import_keras()
        _forget_programs()
        from mnistry.runs import directory, experiment
        from mnistry.runs.directory import Run, Status
        from mnistry.training import checkpoints

        if path.exists():
            with directory.hold(path, wait=_PATIENCE):  # until a worker that was told to end has
                pass
        if not Run.exists(path):
            return experiment.run_experiment(
                trial.experiment, dataset, path=path, on_progress=on_progress
            )
        run = Run.open(path)
        if run.status == Status.DIVERGED:
            raise DivergedError("it diverged before", where=path)
        if run.status == Status.DONE:
            return run
        state, _ = checkpoints.newest(run.checkpoint_folder)
        for number, epoch in enumerate(() if state is None else state.epochs, 1):
            on_progress(Progress(number, run.recipe.epochs, 0, 0, epoch.loss, 0.0, epoch))
        return experiment.resume(run, dataset, on_progress=on_progress)


def _forget_programs() -> None:
    """Every so many trainings, let go of what JAX compiled: it would keep all of it for ever."""
    if next(_started) % _REMEMBERED == 0:
        import jax

        jax.clear_caches()


@functools.lru_cache(maxsize=1)
def load(origin: Origin) -> "Dataset":
    """Load the data once a process, without its test split."""
    from mnistry import datasets

    return dataclasses.replace(datasets.load_origin(origin), test=None)
