"""Compare `mnistry serve` with the studio, of this build or another, on the same machine.

Server and client are processes of their own, connected over loopback; both servers take turns.
Prints the seconds from the start of the process to its first answer; the greatest rate of single
digits at which 99 % of the answers come within 100 ms of when each request was due; what 64
clients get that send each photo once and honour Retry-After; the bytes of an answer with 50
digits; and the memory of each worker after all that.

    python benchmarks/serve.py
    python benchmarks/serve.py --other old/src --photos handwriting/images --seconds 10 --rounds 5
"""

import argparse
import collections
import contextlib
import http.client
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import studio

import mnistry

SOURCE = Path(mnistry.__file__).parents[1]
CLIENTS = 64
_LATE = 0.1  # seconds
# Factors from one rate to the next: large steps first, then small ones.
_STEPS = (1.15, 1.05)
_PICTURE = studio.digits(56, 1)[0]


@dataclass(frozen=True)
class Served:
    """A running server: its address, the headers of requests, and its process."""

    address: str
    headers: dict[str, str]
    pid: int
    # For each answer 503 the thread that got it: one thread is one client.
    refused: list[int] = field(default_factory=list)

    def send(
        self, connection: http.client.HTTPConnection, picture: bytes, query: str = ""
    ) -> bytes:
        """Read a picture, again after Retry-After if it is refused; return the answer."""
        while True:
            connection.request("POST", f"/api/read{query}", picture, self.headers)
            response = connection.getresponse()
            body = response.read()
            if response.status != 503:
                return body
            self.refused.append(threading.get_ident())
            time.sleep(int(response.headers["Retry-After"]))

    def connect(self) -> http.client.HTTPConnection:
        """Open a connection."""
        return http.client.HTTPConnection(self.address, timeout=60)


@contextlib.contextmanager
def serving(command: str, source: Path) -> Iterator[tuple[Served, float]]:
    """Run a server; yield it, and the seconds to its first answer."""
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "mnistry", command, "--port", "0"],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(source)},
    ) as process:  # fmt: skip
        try:
            address = urlsplit(process.stdout.readline().strip() if process.stdout else "")
            token = address.query.removeprefix("token=")
            served = Served(address.netloc, {"Authorization": f"Bearer {token}"}, process.pid)
            served.send(served.connect(), _PICTURE, "")
            yield served, time.perf_counter() - began
        finally:
            process.terminate()


def late(served: Served, pictures: list[bytes], rate: float, seconds: float, query: str) -> float:
    """Send digits at a fixed rate; return the seconds within which 99 % were answered."""
    count = int(rate * seconds)
    numbers, lock, waits = iter(range(count)), threading.Lock(), list[float]()
    began = time.perf_counter() + 0.1

    def client() -> None:
        connection = served.connect()
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            due = began + number / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            connection.request("POST", f"/api/read{query}", pictures[number % 100], served.headers)
            response = connection.getresponse()
            response.read()
            wait = time.perf_counter() - due
            waits.append(wait if response.status == 200 else float("inf"))

    together(client, 32)
    return statistics.quantiles(waits, n=100)[98]


def together(client: object, count: int) -> None:
    """Run clients in threads, to their end."""
    threads = [threading.Thread(target=client) for _ in range(count)]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def greatest_rate(served: Served, pictures: list[bytes], seconds: float, query: str) -> float:
    """Return the greatest rate that is not late; each rate has two chances."""
    rate = 60.0
    for step in _STEPS:
        while any(late(served, pictures, step * rate, seconds, query) <= _LATE for _ in range(2)):
            rate *= step
    return rate


def all_photos(served: Served, photos: Sequence[bytes], query: str) -> str:
    """Let 64 clients send each photo once; say what they got."""
    waiting, lock = iter(photos), threading.Lock()
    times, kinds = list[float](), collections.Counter[str]()
    served.refused.clear()

    def client() -> None:
        connection, me = served.connect(), threading.get_ident()
        while True:
            with lock:
                photo = next(waiting, None)
            if photo is None:
                return
            refused, began = served.refused.count(me), time.perf_counter()
            try:
                answer = json.loads(served.send(connection, photo, query))
                kinds["error" if "error" in answer else "answered"] += 1
            except OSError as error:
                kinds[type(error).__name__] += 1
            if served.refused.count(me) == refused:
                times.append(time.perf_counter() - began)

    began = time.perf_counter()
    together(client, CLIENTS)
    p99 = statistics.quantiles(times, n=100)[98] if len(times) > 1 else float("nan")
    return (
        f"{dict(kinds)} in {time.perf_counter() - began:.1f} s, {len(served.refused)} times 503; "
        f"p99 of those not refused {p99:.2f} s"
    )


def fifty() -> bytes:
    """Return a page with 50 digits."""
    images = studio.sample(50).reshape(5, 10, 28, 28)
    page = np.zeros((5, 80, 10, 40), np.uint8)
    page[:, 20:48, :, 6:34] = images.transpose(0, 2, 1, 3)
    return studio.png(np.pad(page.reshape(400, 400), 40))


def megabytes(pid: int) -> list[float]:
    """Return the memory of a process, and of each process that it has started."""
    pids = [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    found = []
    for number in pids:
        lines = Path(f"/proc/{number}/smaps_rollup").read_text().splitlines()
        found.append(round(sum(int(x.split()[1]) for x in lines if x.startswith("Pss:")) / 1e3, 1))
    return found


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--other", type=Path, default=SOURCE, help="src of the studio's build")
    parser.add_argument("--photos", type=Path, help="a folder; default: 64 pages of 50 digits")
    parser.add_argument("--seconds", type=float, default=1.5, help="at each rate")
    parser.add_argument("--rounds", type=int, default=3, help="of starts and rates")
    arguments = parser.parse_args()
    names = [] if arguments.photos is None else sorted(arguments.photos.iterdir())
    photos = [path.read_bytes() for path in names if path.is_file()] or [fifty()] * CLIENTS
    builds = {"studio": (arguments.other, ""), "serve": (SOURCE, "?fields=text,numbers")}
    starts = collections.defaultdict(list)
    rates = collections.defaultdict(list)
    digits = studio.digits(56)
    for _ in range(arguments.rounds):
        for command, (source, query) in builds.items():
            with serving(command, source) as (served, seconds):
                starts[command].append(seconds)
                rates[command].append(greatest_rate(served, digits, arguments.seconds, query))
    for command, (source, query) in builds.items():
        with serving(command, source) as (served, _):
            print(command)
            print(f"  start to the first answer: {statistics.median(starts[command]):.2f} s")
            print(f"  {len(served.send(served.connect(), fifty(), query)):,} bytes for 50 digits")
            each = ", ".join(f"{rate:.0f}" for rate in rates[command])
            print(f"  {each} digits a second at p99 <= 100 ms, median "
                  f"{statistics.median(rates[command]):.0f}")  # fmt: skip
            print(f"  {len(photos)} photos: {all_photos(served, photos, query)}")
            print(f"  memory in MB, of each process: {megabytes(served.pid)}")


if __name__ == "__main__":
    main()
