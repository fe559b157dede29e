"""Train one network by several workers of a Ray cluster, each with its part of every batch.

Ray Train starts the workers, and all of them again when one dies. The first of them writes the run
directory, an ordinary one; from the newest checkpoint in it they all go on.
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

from mnistry.cluster import shared_folder
from mnistry.cluster.connection import import_ray, last_line
from mnistry.errors import DivergedError, MnistryError, ResourceError, UsageError
from mnistry.recipes.experiment import Experiment
from mnistry.runs import directory
from mnistry.runs.directory import Run, Status
from mnistry.training.history import Progress
from mnistry.version import __version__

_TRIES = 3  # of a training whose workers die
_STARTS = 10  # of workers for which there is no room: Ray Train waits a minute each time
_LOOK = 0.2  # seconds between two looks at how far it is
_LONGEST_END = 3600  # seconds in which the first worker judges the network, and the others wait
_PATIENCE = 30.0  # seconds until workers that were told to end have done so


def train(
    experiment: Experiment,
    path: Path,
    workers: int,
    *,
    on_progress: Callable[[Progress], None] | None = None,
) -> Run:
    """Train by workers of the Ray cluster to which this process is connected.

    The history is that of one process, but for the order in which sums are taken.

    Parameters
    ----------
    experiment
        What; every worker must find its data. Its origin is one of a dataset that was loaded.
    path
        The run directory, which every worker must find: a new one, or one that goes on.
    workers
        How many. They share the cluster's cores evenly.
    on_progress
        As in `mnistry.train`.

    Raises
    ------
    UsageError
        If the cluster has fewer cores than workers, or Keras has another backend than JAX.
    ResourceError
        If workers died every time, there was no room for them, or they do not see the folder. What
        was trained is kept.
    MnistryError
        What the training itself raises.
    """
    ray = import_ray()
    import keras
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.v2.jax import JaxTrainer

    if keras.backend.backend() != "jax":
        raise UsageError(
            f"Keras's backend is {keras.backend.backend()}", expected="jax, to train by workers"
        )
    cores = cores_each(
        [node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]], workers
    )
    here = {"ray.io/node-id": ray.get_runtime_context().get_node_id()}
    board = ray.remote(num_cpus=0, label_selector=here)(_Board).remote()
    absolute = path.resolve()  # workers may be anywhere
    with (
        tempfile.TemporaryDirectory() as unused,  # Ray's notes: the run directory says it all
        shared_folder.marked(absolute.parent) as mark,
        _ended(experiment, absolute),
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
        remedy=f"go on with: mnistry train --resume {path}",
    )


def _is_final(error: MnistryError | None) -> bool:
    """Say whether workers would raise this again: a folder may come back, a lock be freed."""
    return error is not None and not isinstance(error, ResourceError)


@contextlib.contextmanager
def _ended(experiment: Experiment, path: Path) -> Iterator[None]:
    """Write down how a training ended where the first worker no longer could."""
    try:
        yield
    except BaseException as error:
        status = Status.FAILED
        if isinstance(error, KeyboardInterrupt | SystemExit):
            status = Status.INTERRUPTED
            import_ray().shutdown()  # ends the workers
        # What went wrong first counts.
        with contextlib.suppress(MnistryError, OSError):
            if Run.open(path).experiment == experiment:
                directory.note_end(path, status, wait=_PATIENCE)
        raise


def _fit(
    trainer: Any, board: Any, on_progress: Callable[[Progress], None] | None
) -> BaseException | None:
    """Let Ray train, and tell meanwhile how far it is; give what it failed with."""
    ray = import_ray()
    failed: list[BaseException] = []

    def fit() -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                trainer.fit()
        except BaseException as error:  # given to the main thread
            failed.append(error)

    # In a thread of its own: Ray Train would take over what Ctrl-C does.
    fitting = threading.Thread(target=fit, daemon=True)
    fitting.start()
    while fitting.is_alive():
        fitting.join(_LOOK)
        for progress in ray.get(board.take.remote()):
            if on_progress is not None:
                on_progress(progress)
    return failed[0] if failed else None


def cores_each(nodes: Sequence[float], workers: int) -> int:
    """Give the most cores that each of some workers can have.

    Parameters
    ----------
    nodes
        Each node's cores.
    workers
        How many; one worker's cores are all of one node.

    Raises
    ------
    UsageError
        If there is not even one core for each.

    Examples
    --------
    >>> cores_each([4, 4], workers=2), cores_each([4, 4, 4], workers=2), cores_each([4], workers=3)
    (4, 4, 1)
    """
    for cores in range(int(max(nodes, default=0)), 0, -1):
        if sum(int(node) // cores for node in nodes) >= workers:
            return cores
    raise UsageError(
        f"{workers} workers",
        expected=f"1 to {sum(map(int, nodes))}, the cores of the cluster",
    )


class _Board:
    """An actor: what the first worker tells, until the driver takes it."""

    def __init__(self) -> None:
        self._told: list[Progress] = []
        self._error: MnistryError | None = None

    def tell(self, progress: Progress) -> None:
        if self._told and not self._told[-1].finished:
            self._told.pop()
        self._told.append(progress)

    def take(self) -> list[Progress]:
        told, self._told = self._told, []
        return told

    def fail(self, error: MnistryError) -> None:
        if not _is_final(self._error):
            self._error = error

    def error(self) -> MnistryError | None:
        return self._error


def _work(config: dict[str, Any]) -> None:
    """Be one of the workers."""
    import ray
    from ray.train import get_context

    board, rank = config["board"], get_context().get_world_rank()
    if _is_final(ray.get(board.error.remote())):
        return
    try:
        shared_folder.must_see(config["mark"], f"worker {rank}")
        _train(
            config["experiment"],
            config["path"],
            config["cores"],
            lambda progress: board.tell.remote(progress),
        )
    except MnistryError as error:
        if rank and isinstance(error, DivergedError):
            return  # the first says so, when it has written it down
        ray.get(board.fail.remote(error))
        raise


def _train(
    experiment: Experiment, path: Path, cores: int, on_progress: Callable[[Progress], None]
) -> None:
    from ray.train import get_context
    from ray.train.collective import broadcast_from_rank_zero

    from mnistry import datasets
    from mnistry.system.cores import use_cores
    from mnistry.training import startup

    rank, count = get_context().get_world_rank(), get_context().get_world_size()
    dataset = datasets.load_origin(experiment.origin)
    mine = _identity(dataset.digests)
    before = Run.open(path) if Run.exists(path) else None
    if before is not None and before.experiment != experiment:
        raise UsageError("exists already", where=path, remedy="choose another -o")
    done = before is not None and before.status == Status.DONE
    first = broadcast_from_rank_zero({"at": _free_address(), "has": mine, "done": done})
    if first["done"]:
        return  # whoever died had told nobody yet
    if mine != first["has"]:
        raise ResourceError(
            f"worker {rank} has {mine}", expected=f"{first['has']}, as worker 0 has"
        )
    with contextlib.ExitStack() as stack:
        use_cores(cores)
        stack.enter_context(startup.compiled_programs())
        import jax

        jax.distributed.initialize(
            first["at"], count, rank,
            coordinator_bind_address=first["at"] if rank == 0 else None,
            shutdown_timeout_seconds=_LONGEST_END,
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
    """Say in short what must be the same in all workers."""
    data = hashlib.sha256(json.dumps(dict(digests), sort_keys=True).encode()).hexdigest()
    versions = {name: importlib.metadata.version(name) for name in ("keras", "jax")}
    return {"mnistry": __version__, **versions, "data": data[:16]}


def _free_address() -> str:
    """Give this node's address with a port that is free now."""
    from ray.util import get_node_ip_address

    with socket.socket() as probe:
        probe.bind(("", 0))
        return f"{get_node_ip_address()}:{probe.getsockname()[1]}"
