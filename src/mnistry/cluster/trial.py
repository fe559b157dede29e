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
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnistry.cluster import shared_folder
from mnistry.errors import DivergedError, MnistryError, ResourceError
from mnistry.recipes import Recipe
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
    recipe
        All that it is trained by, as JSON has it.
    seed
        Decides weights, order, and which images are set aside.
    """

    name: str
    settings: Mapping[str, Any]
    recipe: Mapping[str, Any]
    seed: int


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a sweep's trainings find their data and leave their runs; the same in all workers.

    Attributes
    ----------
    runs
        The folder of the run directories, which is there.
    mark
        A file that whoever sees the same folder sees.
    data, transpose
        As `mnistry.load` takes them.
    digests
        What the data must be.
    version
        What mnistry must be.
    """

    runs: str
    mark: str
    data: str
    transpose: bool
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
    trial, place = Trial(**config["trial"]), Place(**config["place"])
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
        dataset = _fit_for(place)
    except MnistryError as error:
        report(0, 0.0, UNFIT, f"{error} (on {socket.gethostname()})")
        return
    try:
        run = _perform(trial, dataset, place, on_progress)
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


def _fit_for(place: Place) -> "Dataset":
    """Give the data, if this worker has what the others have."""
    shared_folder.must_see(Path(place.mark), "a worker")
    if place.version != __version__:
        raise ResourceError(f"a worker has mnistry {__version__}", expected=place.version)
    dataset = load(place.data, place.transpose)
    if dict(place.digests) != dict(dataset.digests):
        raise ResourceError("a worker has other data", where=dataset.source)
    return dataset


def _perform(trial: Trial, dataset: "Dataset", place: Place, on_progress: Any) -> "Run":
    """Train, or go on from the newest checkpoint, or give what is done already."""
    from mnistry.system import cores
    from mnistry.training import startup

    # Many small trainings side by side are quicker than one after the other on all cores.
    cores.use_cores(1)
    with startup.compiled_programs():
        startup.import_keras()
        _forget_programs()
        from mnistry.runs import directory, experiment
        from mnistry.runs.directory import Run
        from mnistry.training import checkpoints

        path = Path(place.runs, trial.name)
        if path.exists():
            with directory.hold(path, wait=_PATIENCE):  # until a worker that was told to end has
                pass
        if not (path / "run.json").exists():
            return experiment.perform(
                Recipe.from_json(dict(trial.recipe)), dataset, seed=trial.seed, path=path,
                given=place.data, transpose=place.transpose, on_progress=on_progress,
            )  # fmt: skip
        run = Run.open(path)
        if run.status == "diverged":
            raise DivergedError("it diverged before", where=path)
        if run.status == "done":
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
def load(data: str, transpose: bool) -> "Dataset":
    """Load the data once a process, without its test split."""
    from mnistry import datasets

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dataclasses.replace(datasets.load(data, transpose=transpose), test=None)
