"""Run the studio or the server as a process of its own, and send it requests."""

import contextlib
import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_TERMINATED = 128 + signal.SIGTERM
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Served:
    """A running studio or server.

    Attributes
    ----------
    pid, host, port, token
        Its process, the address that it listens on, and the token for requests.
    said
        What it wrote to stderr; empty until its end.
    """

    pid: int
    host: str
    port: int
    token: str | None
    said: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        """Send one request over a new connection; return status and body."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        if self.token is not None:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        with contextlib.closing(connection):
            connection.request(method, path, body or None, headers)
            response = connection.getresponse()
            return response.status, response.read()

    def json(self, path: str) -> Any:
        """Return the JSON at a path."""
        return json.loads(self.ask("GET", path)[1])

    def children(self) -> list[int]:
        """Return the numbers of the processes that it has started: a server's workers."""
        path = Path("/proc", str(self.pid), "task", str(self.pid), "children")
        return [int(number) for number in path.read_text().split()]

    def taken(self, pid: int | None = None) -> dict[str, int]:
        """Return a process's memory in bytes, and its numbers of files and threads; by default its.

        Of a process that has ended, all are 0.
        """
        process = Path("/proc", str(pid or self.pid))
        try:
            lines = (process / "status").read_text().splitlines()
        except OSError:
            lines = []
        if not any(line.startswith("VmRSS") for line in lines):
            return {"bytes": 0, "files": 0, "threads": 0}
        status = dict(line.split(":", 1) for line in lines)
        return {
            "bytes": int(status["VmRSS"].split()[0]) << 10,
            "files": len(list((process / "fd").iterdir())),
            "threads": int(status["Threads"]),
        }


@contextlib.contextmanager
def studio(runs: Path) -> Iterator[Served]:
    """Run a studio on a free port while the block runs; raise if SIGTERM does not end it."""
    with _serving("studio", "--runs", str(runs)) as served:
        yield served


@contextlib.contextmanager
def server(*options: str) -> Iterator[Served]:
    """Run `mnistry serve` with more options, as `studio` does."""
    with _serving("serve", *options) as served:
        yield served


@contextlib.contextmanager
def _serving(*arguments: str) -> Iterator[Served]:
    with subprocess.Popen(
        [sys.executable, "-m", "mnistry", *arguments, "--port", "0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        served = None
        try:
            address = urlsplit(process.stdout.readline().strip() if process.stdout else "")
            token = address.query.removeprefix("token=") or None
            served = Served(process.pid, address.hostname or "", address.port or 0, token)
            yield served
        finally:
            process.terminate()
            _, said = process.communicate(timeout=60)
            if served is not None:
                served.said.append(said)
            if process.returncode != _TERMINATED:
                raise AssertionError(f"ended with {process.returncode}: {said[-2000:]}")
