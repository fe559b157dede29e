"""Run the server with its workers.

The first worker loads its network while this process imports what it needs to answer clients.
"""

import asyncio
import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mnistry.server.workers import Workers

# Seconds that a shutdown waits for the requests that were accepted.
_GRACE = 60


@dataclasses.dataclass(frozen=True)
class Place:
    """Where and for whom a server answers: see `mnistry.server.guard.Access`.

    `port` is 0 for any free port. The addresses in `proxies` are believed about their clients.
    """

    host: str
    port: int
    names: Sequence[str] = ()
    origins: Sequence[str] = ()
    root_path: str = ""
    proxies: Sequence[str] = ()


def serve(
    place: Place,
    workers: int,
    settings: dict[str, Any],
    forms: Sequence[Path] = (),
    *,
    on_ready: Callable[[str], None],
    log: Callable[[str], None] | None = None,
) -> None:
    """Read pictures for clients until SIGINT or SIGTERM; then answer what was accepted.

    Parameters
    ----------
    place
        Where to listen, and who may send requests.
    workers
        The number of processes that read.
    settings
        Settings of `mnistry.Reader`.
    forms
        Definitions of forms; each is read under its file's name, without the ending.
    on_ready
        Called with the address to open, when the first worker is ready.
    log
        Called with a line of JSON for each request.

    Raises
    ------
    ModelError
        If the network cannot be used.
    ResourceError
        If the port is taken.
    UsageError
        If this machine has no such host or port, or a setting is wrong.
    """
    settings = {**settings, "forms": [str(path.absolute()) for path in forms]}
    names = [path.stem for path in forms]
    asyncio.run(_serve(place, Workers(workers, settings), names, on_ready, log))


async def _serve(
    place: Place,
    workers: Workers,
    forms: Sequence[str],
    on_ready: Callable[[str], None],
    log: Callable[[str], None] | None,
) -> None:
    await workers.launch_first()
    try:
        from mnistry.server import app, guard
        from mnistry.server import serve as server_loop

        access = guard.Access.listening_on(
            place.host, place.names, place.origins, always=True, root_path=place.root_path
        )
        application = app.create(workers, access, log, forms)
        settings = server_loop.config(application, grace=_GRACE, proxies=place.proxies)
        with server_loop.listen(place.host, place.port) as listener:
            await workers.start()
            # A token that the user chose is not printed.
            shown = (
                dataclasses.replace(access, token=None) if os.environ.get(guard.TOKEN) else access
            )
            address = server_loop.url(shown, listener.getsockname()[1])
            await server_loop.Server(settings, lambda: on_ready(address)).serve([listener])
    finally:
        await workers.close()
