"""Train one network with several workers of a Ray cluster, each computing a part of every batch.

Ray Train starts the workers. If one dies, it restarts them all, and they resume from the newest
checkpoint. The main worker, of rank 0, writes an ordinary run directory.
"""

import contextlib
import hashlib
import importlib.metadata
import json
import socket
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mnistry import datasets
from mnistry.cluster import shared_folder
from mnistry.cluster.connection import import_ray, last_line
from mnistry.errors import DivergedError, MnistryError, ResourceError, UsageError
from mnistry.recipes.experiment import Experiment
from mnistry.runs import directory
from mnistry.runs.directory import Run, Status
from mnistry.training.history import Progress
from mnistry.version import __version__

_TRIES = 3  # for a training whose workers die
_STARTS = 10  # attempts to place the workers; Ray Train waits a minute each time
_POLL = 0.2  # seconds between two progress requests
_SCORING_LIMIT = 3600  # seconds for the main worker to score the network while the others wait
_SECONDS_TO_RELEASE = 30.0  # seconds for stopped workers to release the run


def train(
    experiment: Experiment,
    path: Path,
    workers: int,
    *,
    on_progress: Callable[[Progress], None] | None = None,
) -> Run:
    """Train with workers of the Ray cluster to which this process is connected.

    The result equals that of training in one process, except for the order of floating-point sums.

    Parameters
    ----------
    experiment
        What to train. Every worker loads the dataset from its origin.
    path
        The run directory, in a folder that all workers share: a new run, or one to resume.
    workers
        Number of workers. Each gets the same number of cores.
    on_progress
        As in `mnistry.train`.

    Raises
    ------
    UsageError
        If the cluster has fewer cores than workers, or Keras's backend is not JAX.
    ResourceError
        If workers died on every try, could not be placed, or do not see the folder. The newest
        checkpoint is kept.
    MnistryError
        Any error that the training itself raises.
    """
    ray = import_ray("train")
    import keras
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.v2.jax import JaxTrainer

    if keras.backend.backend() != "jax":
        raise UsageError(
            f"Keras's backend is {keras.backend.backend()}", expected="jax, to train with workers"
        )
    cores = cores_each(
        [node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]], workers
    )
    here = {"ray.io/node-id": ray.get_runtime_context().get_node_id()}
    board = ray.remote(num_cpus=0, label_selector=here)(_Board).remote()
    absolute = path.resolve()  # workers may have another working directory
    with (
        tempfile.TemporaryDirectory() as unused,  # for Ray's own records
        shared_folder.marked(absolute.parent) as mark,
        _status_on_failure(experiment, absolute),
    ):
        trainer = JaxTrainer(
            _work,
            train_loop_config={
                "experiment": experiment,
                "path": absolute,
                "board": board,
                "cores": cores,
                "mark": mark,
            },
            scaling_config=ScalingConfig(num_workers=workers, resources_per_worker={"CPU": cores}),
            run_config=RunConfig(
                name="run",
                storage_path=unused,
                failure_config=FailureConfig(
                    max_failures=_TRIES - 1, controller_failure_limit=_STARTS - 1
                ),
            ),
        )
        try:
            failed = _fit(trainer, board, on_progress)
            refused = ray.get(board.error.remote())
        except ray.exceptions.RayError as error:
            raise _failed("the cluster", error, path) from error
        if refused is not None and (failed is not None or _is_final(refused)):
            raise refused
        if failed is not None:
            raise _failed("the workers", failed, path) from failed
    return Run.open(path)


def _failed(who: str, error: BaseException, path: Path) -> ResourceError:
    return ResourceError(
        f"{who} failed: {last_line(str(error))}",
        where=path,
        remedy=f"continue with: mnistry train --resume {path}",
    )


def _is_final(error: MnistryError | None) -> bool:
    """Return whether a retry would raise the same error; a `ResourceError` may not recur."""
    return error is not None and not isinstance(error, ResourceError)


@contextlib.contextmanager
def _status_on_failure(experiment: Experiment, path: Path) -> Iterator[None]:
    """Record how a training ended if the main worker could not."""
    try:
        yield
    except BaseException as error:
        status = Status.FAILED
        if isinstance(error, KeyboardInterrupt | SystemExit):
            status = Status.INTERRUPTED
            import_ray().shutdown()  # ends the workers
        # Only the first error is raised.
        with contextlib.suppress(MnistryError, OSError):
            if Run.open(path).experiment == experiment:
                directory.note_end(path, status, wait=_SECONDS_TO_RELEASE)
        raise


def _fit(
    trainer: Any, board: Any, on_progress: Callable[[Progress], None] | None
) -> BaseException | None:
    """Let Ray train, and report the progress; return the error if it failed."""
    ray = import_ray()
    failed: list[BaseException] = []

    def fit() -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                trainer.fit()
        except BaseException as error:  # for the main thread
            failed.append(error)

    # In a thread of its own: in the main thread Ray Train would replace the handler of Ctrl-C.
    fitting = threading.Thread(target=fit, daemon=True)
    fitting.start()
    while fitting.is_alive():
        fitting.join(_POLL)
        for progress in ray.get(board.take.remote()):
            if on_progress is not None:
                on_progress(progress)
    return failed[0] if failed else None


def cores_each(nodes: Sequence[float], workers: int) -> int:
    """Return the largest number of cores that every worker can have.

    Parameters
    ----------
    nodes
        Number of cores of each node.
    workers
        Number of workers. The cores of one worker are all on one node.

    Raises
    ------
    UsageError
        If there are fewer cores than workers.

    Examples
    --------
    >>> cores_each([4, 4], workers=2), cores_each([4, 4, 4], workers=2), cores_each([4], workers=3)
    (4, 4, 1)
    """
    for cores in range(int(max(nodes, default=0)), 0, -1):
        if sum(int(node) // cores for node in nodes) >= workers:
            return cores
    raise UsageError(
        f"{workers} workers", expected=f"1 to {sum(map(int, nodes))}, the cores of the cluster"
    )


class _Board:
    """An actor that keeps the workers' progress and error until the driver fetches them."""

    def __init__(self) -> None:
        self._progress: list[Progress] = []
        self._error: MnistryError | None = None

    def tell(self, progress: Progress) -> None:
        if self._progress and not self._progress[-1].finished:
            self._progress.pop()
        self._progress.append(progress)

    def take(self) -> list[Progress]:
        taken, self._progress = self._progress, []
        return taken

    def fail(self, error: MnistryError) -> None:
        if not _is_final(self._error):
            self._error = error

    def error(self) -> MnistryError | None:
        return self._error


def _work(config: dict[str, Any]) -> None:
    """Run one worker."""
    import ray
    from ray.train import get_context

    board, rank = config["board"], get_context().get_world_rank()
    if _is_final(ray.get(board.error.remote())):
        return
    try:
        shared_folder.check_visible(config["mark"], f"worker {rank}")
        _train(config["experiment"], config["path"], config["cores"], board.tell.remote)
    except MnistryError as error:
        if rank and isinstance(error, DivergedError):
            return  # the main worker reports it, after writing the run's status
        ray.get(board.fail.remote(error))
        raise


def _train(
    experiment: Experiment, path: Path, cores: int, on_progress: Callable[[Progress], None]
) -> None:
    from ray.train import get_context
    from ray.train.collective import broadcast_from_rank_zero

    from mnistry.system.cores import use_cores
    from mnistry.training import startup

    rank, count = get_context().get_world_rank(), get_context().get_world_size()
    dataset = datasets.load_origin(experiment.origin)
    mine = _identity(dataset.digests)
    before = Run.open(path) if Run.exists(path) else None
    if before is not None and before.experiment != experiment:
        raise UsageError("exists already", where=path, remedy="choose another -o")
    done = before is not None and before.status == Status.DONE
    main = broadcast_from_rank_zero({"address": _free_address(), "has": mine, "done": done})
    if main["done"]:
        return  # nothing is left to do: a worker died after the last file was written
    if mine != main["has"]:
        raise ResourceError(f"worker {rank} has {mine}", expected=f"{main['has']}, as worker 0 has")
    with contextlib.ExitStack() as stack:
        use_cores(cores)
        stack.enter_context(startup.compiled_programs())
        import jax

        jax.distributed.initialize(
            main["address"], count, rank,
            coordinator_bind_address=main["address"] if rank == 0 else None,
            shutdown_timeout_seconds=_SCORING_LIMIT,
        )  # fmt: skip
        startup.import_keras()
        from mnistry.runs.experiment import resume, run_as_peer, run_experiment

        if rank:
            run_as_peer(experiment, dataset, path)
        elif before is not None:
            resume(before, dataset, on_progress=on_progress)
        else:
            run_experiment(experiment, dataset, path=path, on_progress=on_progress)
        jax.distributed.shutdown()


def _identity(digests: Any) -> dict[str, str]:
    """Return what must be equal in all workers: versions, and a digest of the data."""
    data = hashlib.sha256(json.dumps(dict(digests), sort_keys=True).encode()).hexdigest()
    versions = {name: importlib.metadata.version(name) for name in ("keras", "jax")}
    return {"mnistry": __version__, **versions, "data": data[:16]}


def _free_address() -> str:
    """Return this node's address with a port that is free now."""
    from ray.util import get_node_ip_address

    with socket.socket() as probe:
        probe.bind(("", 0))
        return f"{get_node_ip_address()}:{probe.getsockname()[1]}"
