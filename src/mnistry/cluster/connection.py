"""Join a Ray cluster, or start one on this machine for as long as it is needed.

Whoever reaches a Ray cluster can run any code on it, so a token is asked for unless
``RAY_AUTH_MODE`` says otherwise; and nobody is told that it is used.
"""

import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

from mnistry.errors import ResourceError, UsageError

LOCAL = "local"
_PATIENCE = 5.0  # seconds
# Ray reads these when it is first imported. What it says of itself is not for our users.
_ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_DATA_LOG_LEVEL": "ERROR",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ENABLE_AUTO_CONNECT": "0",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


@contextlib.contextmanager
def connected(address: str, *, cores: int | None = None) -> Iterator[int]:
    """Use a Ray cluster while the block runs.

    Parameters
    ----------
    address
        ``"local"`` starts one on this machine; else that of a cluster's head, ``HOST:PORT``, or
        ``"auto"`` for the one that this machine belongs to.
    cores
        How many cores a local one may use; None takes all.

    Yields
    ------
    int
        The cores of the cluster.

    Raises
    ------
    UsageError
        If Ray is not installed, or the address is none.
    ResourceError
        If no cluster answers there, it does not accept our token, it has no cores, or it fails
        while the block runs.
    """
    if not address or "://" in address:
        raise UsageError(f"--ray {address!r}", expected=f"{LOCAL}, auto, or HOST:PORT")
    ray = import_ray()
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == LOCAL:
        options |= {"include_dashboard": False, "num_cpus": cores}
    try:
        _knock(address)
        with _signals_kept():
            ray.init(address, **options)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise ResourceError(
            f"no Ray cluster: {_first_line(error)}",
            where=address,
            expected=f"{LOCAL}, or the address that ray start --head printed",
            remedy="see that it runs, and that its token is in ~/.ray/auth_token here too",
        ) from error
    try:
        found = int(ray.cluster_resources().get("CPU", 0))
        if not found:
            raise ResourceError(
                "the cluster has no cores", where=address, remedy="wait until its workers are there"
            )
        yield found
    except ray.exceptions.RayError as error:
        raise ResourceError(
            f"the cluster failed: {_first_line(error)}",
            where=address,
            remedy="see that it runs, and give the same command again: what was done is kept",
        ) from error
    finally:
        ray.shutdown()


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Let a termination mean what it meant before: Ray puts a handler of its own in its place."""
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
    """Give the first line of what an error says; its kind, if it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def last_line(text: str) -> str:
    r"""Give the last line of what Ray tells of a failure: the reason, below the traceback.

    Examples
    --------
    >>> last_line("Traceback\n  where it was\nValueError: why\n")
    'ValueError: why'
    """
    return text.strip().rpartition("\n")[2].strip()


def _knock(address: str) -> None:
    """Raise OSError at once where nobody listens: Ray would try for minutes."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), _PATIENCE).close()


def import_ray() -> Any:
    """Import Ray with our settings where the environment has none."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.data
    except ModuleNotFoundError as error:
        raise UsageError(
            f"a cluster needs the package {error.name}", remedy="pip install 'mnistry[ray]'"
        ) from None
    logging.getLogger("ray").setLevel(logging.ERROR)
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # what fails is told by us
    return ray
