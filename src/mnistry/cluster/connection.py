"""Connect to a Ray cluster, or start one on this machine for the duration of a block.

Anybody who can connect to a Ray cluster can run any code on it, so a token is required unless
``RAY_AUTH_MODE`` says otherwise. Ray's usage statistics are not sent.
"""

import contextlib
import importlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

from mnistry.errors import ResourceError, UsageError
from mnistry.version import __version__

LOCAL = "local"
_SECONDS_TO_ANSWER = 5.0  # seconds to wait until the head of a cluster answers
# Ray reads these when it is first imported. Most of them turn off output that is not for our users.
_ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ENABLE_AUTO_CONNECT": "0",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",  # a process more, for notices that we do not use
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


@contextlib.contextmanager
def connected(address: str, *, cores: int | None = None) -> Iterator[int]:
    """Connect to a Ray cluster during the block.

    Parameters
    ----------
    address
        ``"local"`` starts a cluster on this machine; ``HOST:PORT`` is the address of a cluster's
        head; ``"auto"`` is the cluster that this machine belongs to.
    cores
        Number of cores for a local cluster; None means all.

    Yields
    ------
    int
        Number of cores of the cluster.

    Raises
    ------
    UsageError
        If Ray is not installed, or the address is not valid.
    ResourceError
        If no cluster answers, it does not accept our token, it has no cores, or it fails during
        the block.
    """
    if not address or "://" in address:
        raise UsageError(f"--ray {address!r}", expected=f"{LOCAL}, auto, or HOST:PORT")
    ray = import_ray()
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == LOCAL:
        options |= {"include_dashboard": False, "num_cpus": cores}
    try:
        _check_listening(address)
        with _signals_kept():
            ray.init(address, **options)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise ResourceError(
            f"no Ray cluster: {_first_line(error)}",
            where=address,
            expected=f"{LOCAL}, or the address that ray start --head printed",
            remedy="check that it runs, and that ~/.ray/auth_token on this machine has its token",
        ) from error
    try:
        found = int(ray.cluster_resources().get("CPU", 0))
        if not found:
            raise ResourceError(
                "the cluster has no cores", where=address, remedy="wait until its workers run"
            )
        yield found
    except ray.exceptions.RayError as error:
        raise ResourceError(
            f"the cluster failed: {_first_line(error)}",
            where=address,
            remedy="check that it runs, and repeat the command: finished work is kept",
        ) from error
    finally:
        ray.shutdown()


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Restore the signal handlers that Ray replaces."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its type if the message is empty."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def last_line(text: str) -> str:
    r"""Return the last line of Ray's report of a failure: the reason, below the traceback.

    Examples
    --------
    >>> last_line("Traceback\n  where it was\nValueError: why\n")
    'ValueError: why'
    """
    return text.strip().rpartition("\n")[2].strip()


def worker_deaths() -> tuple[type[Exception], ...]:
    """Return the errors of a task whose worker, or its machine, died at each try."""
    errors = import_ray().exceptions
    return (
        errors.WorkerCrashedError, errors.OutOfMemoryError, errors.NodeDiedError,
        errors.LocalRayletDiedError,
    )  # fmt: skip


def worker_failed(why: str) -> ResourceError:
    """Return the error for a worker that cannot work."""
    return ResourceError(
        f"a worker cannot work: {why}",
        expected=f"mnistry {__version__} on all machines, and the same paths to the same files",
        remedy="fix it, and repeat the command: finished work is kept",
    )


def _check_listening(address: str) -> None:
    """Raise OSError at once if no server listens at the address; Ray would try for minutes."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), _SECONDS_TO_ANSWER).close()


def import_ray(*parts: str) -> Any:
    """Import Ray, and parts of it, with our settings; those in the environment take precedence.

    Raises
    ------
    UsageError
        If Ray is not installed.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        import pyarrow  # noqa: F401
        import ray

        for part in parts:
            importlib.import_module(f"ray.{part}")
    except ModuleNotFoundError as error:
        raise UsageError(
            f"a cluster needs the package {error.name}", remedy="pip install 'mnistry[ray]'"
        ) from None
    logging.getLogger("ray").setLevel(logging.ERROR)
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # we report failures ourselves
    return ray
