"""Put the studio, or the server, under load for ten minutes, and measure its resources.

Quick clients send single digits at a fixed rate, and ask for pages in between. Sixty slow clients
hold a connection each: some send headers byte by byte, some a body, some request much and read
nothing. The process's memory, files and threads are measured during the load and after it. Of the
server, whose workers are measured too, one is killed five times.

    python -m torture.load
    python -m torture.load --seconds 30
    python -m torture.load --server
    python -m torture load server
"""

import argparse
import collections
import contextlib
import http.client
import io
import json
import os
import select
import signal
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import mnistry
from torture.processes import Served, server, studio

RATE = 60  # requests a second of all quick clients
SLOW = 60  # slow clients
_CLIENTS = 16
_WARM = 60.0  # seconds before the first measurement: by then each request was sent once
_PATIENCE = 60.0  # seconds that a slow client stays if the server does not end it
_EVERY = 2.0  # seconds between two measurements
_REQUESTS = [
    ("GET", "/api/status"), ("GET", "/"), ("GET", "/api/runs"), ("GET", "/api/data"),
    ("GET", "/api/data/test/7"), ("GET", "/api/units/3"),
]  # fmt: skip
_OF_THE_SERVER = [("GET", "/readyz"), ("GET", "/"), ("GET", "/metrics"), ("GET", "/openapi.json")]
_KILLED = 5  # times that a worker of the server is killed


def pictures() -> list[bytes]:
    """Return a hundred training images as PNG, and one file that is not a picture."""
    (images, _), _ = mnistry.load("sample")
    files = []
    for image in images[:100]:
        file = io.BytesIO()
        Image.fromarray(255 - np.kron(image, np.ones((2, 2), np.uint8))).save(file, "PNG")
        files.append(file.getvalue())
    return [*files, b"no picture"]


class Load:
    """Quick clients, which send at a fixed rate, and slow ones, which hold connections."""

    def __init__(self, served: Served, rate: float) -> None:
        self.statuses = collections.Counter[str]()
        self.latencies: list[float] = []
        self.ended_by_server = 0
        self._served, self._ended, self._lock = served, threading.Event(), threading.Lock()
        self._rate, self._number, self._began = rate, 0, time.perf_counter()
        self._token = {} if served.token is None else {"Authorization": f"Bearer {served.token}"}
        self._head = "".join(f"{name}: {value}\r\n" for name, value in self._token.items())
        self.wrong: list[str] = []
        self._texts: dict[int, str] = {}
        self._pictures = pictures()
        slow = [self._slow_head, self._slow_body, self._slow_taker]
        self._threads = [
            threading.Thread(target=what, daemon=True)
            for what in [self._quick] * _CLIENTS + slow * (SLOW // len(slow))
        ]

    def start(self) -> None:
        """Start all clients."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop all clients, and wait for their end."""
        self._ended.set()
        for thread in self._threads:
            thread.join(30)

    def _quick(self) -> None:
        connection = http.client.HTTPConnection(self._served.host, self._served.port, timeout=60)
        while not self._ended.is_set():
            with self._lock:
                number = self._number
                self._number += 1
            due = self._began + number / self._rate
            self._ended.wait(max(0.0, due - time.perf_counter()))
            try:
                if number % 4:
                    method, path, body = "POST", "/api/read", self._pictures[number % 101]
                else:
                    requests = _REQUESTS if self._served.token is None else _OF_THE_SERVER
                    (method, path), body = requests[number // 4 % len(requests)], None
                connection.request(method, path, body, self._token)
                response = connection.getresponse()
                answer = response.read()
                status = str(response.status)
                self._compare(number, method, status, answer)
            except (OSError, http.client.HTTPException) as error:
                status = type(error).__name__
                connection.close()
            with self._lock:
                self.statuses[status] += 1
                self.latencies.append(time.perf_counter() - due)
        connection.close()

    def _compare(self, number: int, method: str, status: str, answer: bytes) -> None:
        """Note an answer to a picture that is not the first one's."""
        if method == "POST" and status == "200":
            text = json.loads(answer)["text"]
            if self._texts.setdefault(number % 101, text) != text:
                self.wrong.append(text)

    def _slowly(self, head: bytes, send: bytes) -> None:
        """Connect, send headers, then a byte at a time, and read nothing; repeat."""
        while not self._ended.is_set():
            leaves = time.perf_counter() + _PATIENCE
            with (
                contextlib.suppress(OSError),
                socket.create_connection(
                    (self._served.host, self._served.port), timeout=1
                ) as connection,
            ):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
                connection.sendall(head)
                while not _is_closed(connection) and time.perf_counter() < leaves:
                    if self._ended.wait(0.5):
                        return
                    connection.sendall(send)
            with self._lock:
                self.ended_by_server += time.perf_counter() < leaves

    def _slow_head(self) -> None:
        self._slowly(b"POST /api/read HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ", b"x")

    def _slow_body(self) -> None:
        host = f"{self._served.host}:{self._served.port}"
        head = f"POST /api/read HTTP/1.1\r\nHost: {host}\r\n{self._head}"
        head += "Content-Length: 5000000\r\n\r\n"
        self._slowly(head.encode(), b"x")

    def _slow_taker(self) -> None:
        host = f"{self._served.host}:{self._served.port}"
        # A large answer that needs no computation: the queue stays free for the quick clients.
        head = f"GET /openapi.json HTTP/1.1\r\nHost: {host}\r\n{self._head}\r\n"
        self._slowly(head.encode() * 20, b"")


def _is_closed(connection: socket.socket) -> bool:
    """Return whether the server has closed a connection, without reading from it."""
    poll = select.poll()
    poll.register(connection, select.POLLRDHUP)  # and, unasked, errors
    return bool(poll.poll(0))


def watch(served: Served, seconds: float) -> tuple[list[dict[str, int]], int]:
    """Measure the processes every few seconds, and kill workers; return how many were killed."""
    looks: list[dict[str, int]] = []
    began, killed = time.perf_counter(), 0
    while (passed := time.perf_counter() - began) < seconds:
        workers = served.children()
        if workers and killed < _KILLED and passed > (killed + 1) * seconds / (_KILLED + 1):
            os.kill(workers[0], signal.SIGKILL)
            killed += 1
            time.sleep(_EVERY)
            continue
        looks.append(_taken(served))
        time.sleep(_EVERY)
    return looks, killed


def _taken(served: Served) -> dict[str, int]:
    """Measure all processes together."""
    each = [served.taken(), *map(served.taken, served.children())]
    return {what: sum(one[what] for one in each) for what in each[0]}


def _median(looks: Sequence[dict[str, int]], what: str) -> float:
    return statistics.median(look[what] for look in looks)


def campaign(
    seconds: float = 600, *, of_the_server: bool = False, rate: float = RATE
) -> dict[str, Any]:
    """Put the studio under load; return its resources in the first and last sixth, and after."""
    with (
        tempfile.TemporaryDirectory() as place,
        server() if of_the_server else studio(Path(place, "runs")) as served,
    ):
        load = Load(served, rate)
        load.start()
        time.sleep(min(_WARM, seconds / 2))
        looks, killed = watch(served, seconds)
        load.stop()
        time.sleep(3)
        after = _taken(served)
    sixth = max(1, len(looks) // 6)
    scales: dict[str, Callable[[float], float]] = {
        "bytes": lambda n: round(n / 1e6, 1), "files": round, "threads": round
    }  # fmt: skip
    taken = {
        what: [
            scale(n)
            for n in (_median(looks[:sixth], what), _median(looks[-sixth:], what), after[what])
        ]
        for what, scale in scales.items()
    }
    taken["MB"] = taken.pop("bytes")
    hundredths = statistics.quantiles(load.latencies, n=100)
    return {
        "seconds": seconds,
        "answers": dict(load.statuses),
        "slow clients ended": load.ended_by_server,
        "answers that changed": len(load.wrong),
        "workers killed": killed,
        "median and p99, ms": [round(1000 * hundredths[k - 1], 1) for k in (50, 99)],
        "first sixth, last sixth, after": taken,
        "said": served.said[0][-500:],
    }


def main() -> None:
    """Run the campaign, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--server", action="store_true", help="mnistry serve instead of the studio")
    asked = parser.parse_args()
    print(json.dumps(campaign(asked.seconds, of_the_server=asked.server), indent=2))


if __name__ == "__main__":
    main()
