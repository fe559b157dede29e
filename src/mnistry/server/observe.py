"""Counts of requests for Prometheus, and the access log.

Knows nothing of routes but their paths.
"""

import bisect
import collections
import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Upper bounds of the histogram's buckets, in seconds.
_BOUNDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)

# What each metric is, for those who choose it in a list.
_HELP = {
    "mnistry_requests_total": "Requests that were answered, by path and status.",
    "mnistry_request_seconds": "Seconds from a request's headers to the end of its answer.",
    "mnistry_workers_ready": "Processes that can read.",
    "mnistry_tasks_waiting": "Pages that wait for a process.",
    "mnistry_worker_restarts_total": "Processes that have been replaced.",
}


class Observer:
    """Middleware that counts requests and the time that each took, and logs them.

    Parameters
    ----------
    paths
        The paths that are counted by their own names.
    log
        Called with a line of JSON for each request; None logs nothing. Neither a query, which may
        have a token, nor what was sent or read is in it.

    Attributes
    ----------
    app
        The application, to be set before the first request.
    """

    app: ASGIApp

    def __init__(self, paths: frozenset[str], log: Callable[[str], None] | None) -> None:
        self._paths, self._log = paths, log
        self._statuses = collections.Counter[tuple[str, int]]()
        # Of each path: the sum, and a count for each bucket (the last is +Inf).
        self._times: dict[str, list[float]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        status, received, sent = 500, 0, 0

        async def counted_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message

        async def counted_send(message: Message) -> None:
            nonlocal status, sent
            status = message.get("status", status)
            sent += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, counted_receive, counted_send)
        finally:
            seconds = time.perf_counter() - began
            path = scope["path"] if scope["path"] in self._paths else "other"
            self._statuses[path, status] += 1
            times = self._times.setdefault(path, [0.0] * (len(_BOUNDS) + 2))
            times[0] += seconds
            times[1 + bisect.bisect_left(_BOUNDS, seconds)] += 1
            if self._log is not None:
                client = scope.get("client")
                line = {
                    "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                    "client": client and client[0], "method": scope["method"],
                    "path": scope["path"][:200], "status": status, "seconds": round(seconds, 4),
                    "received": received, "sent": sent,
                }  # fmt: skip
                self._log(json.dumps(line))

    def metrics(self, gauges: Mapping[str, float], counters: Mapping[str, float]) -> str:
        """Return all counts, and these other values, as Prometheus reads them."""
        lines = [*self._requests(), *self._histogram()]
        for kind, values in (("gauge", gauges), ("counter", counters)):
            for name, value in values.items():
                lines += [*_head(name, kind), f"{name} {value}"]
        return "\n".join([*lines, ""])

    def _requests(self) -> Iterator[str]:
        yield from _head("mnistry_requests_total", "counter")
        for (path, status), count in sorted(self._statuses.items()):
            yield f'mnistry_requests_total{{path="{path}",status="{status}"}} {count}'

    def _histogram(self) -> Iterator[str]:
        name = "mnistry_request_seconds"
        yield from _head(name, "histogram")
        for path, (total, *counts) in sorted(self._times.items()):
            for bound, count in zip((*_BOUNDS, "+Inf"), itertools.accumulate(counts), strict=True):
                yield f'{name}_bucket{{path="{path}",le="{bound}"}} {count:.0f}'
            yield f'{name}_sum{{path="{path}"}} {total:.6f}'
            yield f'{name}_count{{path="{path}"}} {sum(counts):.0f}'


def _head(name: str, kind: str) -> tuple[str, str]:
    return f"# HELP {name} {_HELP[name]}", f"# TYPE {name} {kind}"
