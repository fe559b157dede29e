"""One training of a sweep in a worker of a Ray cluster: an ordinary run that reports each epoch.

Knows nothing of the other trainings.
"""

import atexit
import dataclasses
import functools
import itertools
import os
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mnistry import datasets
from mnistry.cluster import shared_folder
from mnistry.datasets.dataset import Dataset, Origin
from mnistry.errors import DivergedError, MnistryError, ResourceError
from mnistry.recipes.experiment import Experiment
from mnistry.runs import directory
from mnistry.runs.directory import Run, Status
from mnistry.training.history import Progress
from mnistry.version import __version__

# What a worker reports: EPOCH, the number of epochs; SCORE, the accuracy on the held-out images;
# END, how the training ended (None while it goes on); and WHY it failed.
EPOCH, SCORE, END, WHY = "epoch", "val_accuracy", "end", "why"
# The values of END. UNFIT: this worker could train no trial, for example without the data.
DONE, DIVERGED, FAILED, UNFIT = "done", "diverged", "failed", "unfit"
_REMEMBERED = 20  # trainings whose compiled programs stay in memory, about 10 MB for each network
_SECONDS_TO_SAVE = 60.0  # seconds for a stopped training to save its state
_started = itertools.count(1)
_training: list[threading.Thread] = []  # the thread of this process's newest training


@dataclasses.dataclass(frozen=True)
class Trial:
    """One training of a sweep.

    Attributes
    ----------
    name
        The name of its run directory.
    settings
        The settings that vary, with their values.
    experiment
        The recipe with these settings, the data's origin and the seed.
    """

    name: str
    settings: Mapping[str, Any]
    experiment: Experiment


@dataclasses.dataclass(frozen=True)
class Place:
    """The folder of a sweep's runs, and what must be equal in all workers.

    Attributes
    ----------
    runs
        The existing folder for the run directories.
    mark
        A marker file in the shared folder.
    digests
        SHA-256 of each array of the data.
    version
        The version of mnistry.
    """

    runs: str
    mark: str
    digests: Mapping[str, str]
    version: str = __version__


def train(config: Mapping[str, Any]) -> None:
    """Train one trial, or resume it, and report every epoch to Ray Tune.

    `config` has a `Trial` as ``"trial"``, and a `Place` as ``"place"``.
    """
    from ray import tune

    # How long Tune waits for a stopped training to end. With the default of two seconds, it would
    # count the next trial as lost too.
    os.environ.setdefault("TUNE_FUNCTION_THREAD_TIMEOUT_S", str(int(_SECONDS_TO_SAVE)))
    _training[:] = [threading.current_thread()]
    trial, place = config["trial"], config["place"]
    stopped = False

    def report(epoch: int, score: float | None, end: str | None = None, why: str = "") -> None:
        nonlocal stopped
        try:
            tune.report({EPOCH: epoch, SCORE: score, END: end, WHY: why})
        except SystemExit:
            stopped = True
            raise

    def on_progress(progress: Progress) -> None:
        # A report may end the training, so the last epoch is reported when the run is written.
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
    except Exception as error:  # Tune retries a trial only if its worker dies
        if not stopped:  # after a stop Tune no longer accepts reports
            report(0, 0.0, FAILED, reason(error))
    else:
        epochs = run.epochs()
        report(len(epochs), epochs[-1].val_accuracy, DONE)


def reason(error: Exception) -> str:
    """Return why a training failed: the error's message, with its type if it is not ours."""
    return str(error) if isinstance(error, MnistryError) else f"{type(error).__name__}: {error}"


@atexit.register
def _let_it_save() -> None:
    """Let a stopped training save its state before the process ends."""
    for thread in _training:
        thread.join(_SECONDS_TO_SAVE)


def _load(origin: Origin, place: Place) -> Dataset:
    """Load the data, and check that all workers have the same folder, version and data."""
    shared_folder.check_visible(Path(place.mark), "a worker")
    if place.version != __version__:
        raise ResourceError(f"a worker has mnistry {__version__}", expected=place.version)
    dataset = load(origin)
    if dict(place.digests) != dict(dataset.digests):
        raise ResourceError("a worker has different data", where=dataset.source)
    return dataset


def _run(trial: Trial, dataset: Dataset, path: Path, on_progress: Any) -> Run:
    """Run a trial on one core."""
    from mnistry.system import cores
    from mnistry.training import startup

    # Many small trainings in parallel are quicker than one after the other on all cores.
    cores.use_cores(1)
    with startup.compiled_programs():
        startup.import_keras()
        _forget_programs()
        return run_or_resume(trial, dataset, path, on_progress)


def run_or_resume(
    trial: Trial,
    dataset: Dataset,
    path: Path,
    on_progress: Callable[[Progress], None] | None = None,
) -> Run:
    """Train a trial, or resume it from its newest checkpoint, or return the run if it is done.

    Raises
    ------
    DivergedError
        If it diverges, or did so before.
    """
    from mnistry.runs import experiment
    from mnistry.training import checkpoints

    if path.exists():
        with directory.hold(path, wait=_SECONDS_TO_SAVE):  # wait for a stopped worker to release it
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
    epochs = run.experiment.recipe.epochs
    for number, epoch in enumerate(() if state is None else state.epochs, 1):
        if on_progress is not None:
            on_progress(Progress(number, epochs, 0, 0, epoch.loss, 0.0, epoch))
    return experiment.resume(run, dataset, on_progress=on_progress)


def _forget_programs() -> None:
    """Clear JAX's compiled programs after every `_REMEMBERED` trainings."""
    if next(_started) % _REMEMBERED == 0:
        import jax

        jax.clear_caches()


@functools.lru_cache(maxsize=1)
def load(origin: Origin) -> Dataset:
    """Load the data without its test split, once in each process."""
    return dataclasses.replace(datasets.load_origin(origin), test=None)
