"""Measure the studio: its start, the time to read a drawing, and single digits under load.

Client and server are processes of their own, connected over loopback. Prints the seconds from the
start of the process to its first answer; the milliseconds from sending a drawing, or a picture of
one digit, to its answer, one at a time; and, for digits sent at a fixed rate, the milliseconds from
the moment when each was due, and how often each HTTP status was returned.

    python benchmarks/studio.py
    python benchmarks/studio.py --rate 200 --seconds 60 --pixels 56
"""

import argparse
import collections
import contextlib
import http.client
import io
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

import mnistry

DRAWING = (480, 640)  # height and width of the page's pad
CONNECTIONS = 64


@contextlib.contextmanager
def studio() -> Iterator[tuple[str, float]]:
    """Run a studio; yield its address and the seconds to its first answer."""
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "mnistry", "studio", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    ) as it:
        try:
            address = urlsplit(it.stdout.readline().strip() if it.stdout else "").netloc
            connection = http.client.HTTPConnection(address)
            connection.request("GET", "/api/status")
            connection.getresponse().read()
            yield address, time.perf_counter() - began
        finally:
            it.terminate()


def png(image: np.ndarray) -> bytes:
    """Write an image as PNG, dark ink on white."""
    file = io.BytesIO()
    Image.fromarray(255 - image).save(file, "PNG")
    return file.getvalue()


def sample(count: int) -> np.ndarray:
    """Return training images."""
    (images, _), _ = mnistry.load("sample")
    return images[:count]


def digits(pixels: int, count: int = 100) -> list[bytes]:
    """Return training images as pictures of this size, with a margin of an eighth."""
    images = sample(count)
    edge = pixels // 8
    side = pixels - 2 * edge
    enlarged = (np.array(Image.fromarray(image).resize((side, side))) for image in images)
    return [png(np.pad(image, edge)) for image in enlarged]


def drawings(count: int = 100) -> list[bytes]:
    """Return training images enlarged to most of the page's pad."""
    images = sample(count)
    pads = np.zeros((count, *DRAWING), np.uint8)
    for pad, image in zip(pads, images, strict=True):
        pad[80:400, 160:480] = Image.fromarray(image).resize((320, 320), Image.Resampling.BICUBIC)
    return [png(pad) for pad in pads]


def ask(connection: http.client.HTTPConnection, picture: bytes) -> int:
    """Send a picture; return the status."""
    connection.request("POST", "/api/read", picture, {"Content-Type": "image/png"})
    response = connection.getresponse()
    response.read()
    return response.status


def one_after_the_other(address: str, pictures: list[bytes]) -> list[float]:
    """Return the seconds that each picture took."""
    connection = http.client.HTTPConnection(address)
    ask(connection, pictures[0])
    seconds = []
    for picture in pictures:
        began = time.perf_counter()
        if ask(connection, picture) != 200:
            raise SystemExit("the studio did not answer")
        seconds.append(time.perf_counter() - began)
    return seconds


def under_load(
    address: str, pictures: list[bytes], rate: float, seconds: float
) -> tuple[list[float], collections.Counter[int]]:
    """Send pictures at a fixed rate; return the seconds since each was due, and the statuses."""
    latencies: list[float] = []
    statuses: collections.Counter[int] = collections.Counter()
    numbers = iter(range(int(rate * seconds)))
    lock = threading.Lock()
    began = time.perf_counter() + 0.2

    def client() -> None:
        connection = http.client.HTTPConnection(address)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            due = began + number / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            status = ask(connection, pictures[number % len(pictures)])
            with lock:
                latencies.append(time.perf_counter() - due)
                statuses[status] += 1

    threads = [threading.Thread(target=client) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return latencies, statuses


def quantiles(seconds: list[float]) -> str:
    """Format quantiles in milliseconds."""
    hundredths = statistics.quantiles(seconds, n=100, method="inclusive")
    median, p95, p99 = (1000 * hundredths[k - 1] for k in (50, 95, 99))
    return f"median {median:.1f} ms, p95 {p95:.1f}, p99 {p99:.1f}, most {1000 * max(seconds):.1f}"


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=200, help="requests a second")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--pixels", type=int, default=56, help="of a single digit's picture")
    arguments = parser.parse_args()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"{cores} cores for server and client together")
    with studio() as (address, started):
        print(f"start to the first answer: {started:.2f} s")
        print(f"a drawing to its answer: {quantiles(one_after_the_other(address, drawings()))}")
        small = digits(arguments.pixels)
        print(f"a single digit to its answer: {quantiles(one_after_the_other(address, small))}")
        latencies, statuses = under_load(address, small, arguments.rate, arguments.seconds)
        print(
            f"{arguments.rate:g} single digits a second for {arguments.seconds:g} s: "
            f"{quantiles(latencies)}; statuses {dict(statuses)}"
        )


if __name__ == "__main__":
    main()
