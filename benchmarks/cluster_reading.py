"""Measure bulk reading by a Ray cluster on this machine: pictures per second, and memory.

The pictures are training images of the sample, twice as large, as PNG in a Parquet table. A cluster
reads all of them, timed from the start of the reading until the last table is written. Before and
after each cluster, a single process reads some with one `mnistry.Reader`. Efficiency is the
cluster's rate divided by its cores and by the mean rate of the two single processes. Memory is the
peak of the driver and all workers together, without shared memory; it is measured with a tenth of
the pictures too.

    python benchmarks/cluster_reading.py
    python benchmarks/cluster_reading.py --pictures 20000 --rounds 1
"""

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
from PIL import Image

import mnistry
from mnistry.system.cores import cores as available_cores

CORES = tuple(count for count in (1, 2, 4) if count <= available_cores())
BARE = 6000  # pictures that a single process reads


def write_pictures(path: Path, count: int) -> None:
    """Write a table of pictures."""
    (images, _), _ = mnistry.load("sample")
    files = []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(255 - np.kron(image, np.ones((2, 2), np.uint8))).save(file, "PNG")
        files.append(file.getvalue())
    schema = pyarrow.schema([("image", pyarrow.binary())])
    with pyarrow.parquet.ParquetWriter(path, schema) as table:
        for start in range(0, count, 2000):
            rows = [files[n % len(files)] for n in range(start, min(start + 2000, count))]
            table.write_table(pyarrow.table({"image": rows}, schema))


def bare(table: Path, count: int) -> None:
    """Read the first pictures in this process; print pictures per second."""
    import cv2

    cv2.setNumThreads(1)
    reader = mnistry.Reader(threads=1)
    rows = pyarrow.parquet.read_table(table).column(0)[:count].to_pylist()
    reader.read(rows[0])
    began = time.perf_counter()
    for row in rows:
        reader.read(row)
    print(json.dumps({"rate": count / (time.perf_counter() - began)}))


def by_cluster(table: Path, cores: int) -> None:
    """Read a table by a cluster; print pictures per second, and memory."""
    from mnistry.cluster import bulk_reading, connection

    with (
        tempfile.TemporaryDirectory() as out,
        connection.connected("local", cores=cores),
    ):
        ended, most = threading.Event(), [0]
        watch = threading.Thread(target=_watch_memory, args=(ended, most))
        watch.start()
        began = time.perf_counter()
        done = bulk_reading.read([str(table)], Path(out), bulk_reading.Settings(), cores=cores)
        seconds = time.perf_counter() - began
        ended.set()
        watch.join()
    print(json.dumps({"rate": done.pictures / seconds, "megabytes": most[0] / 1e6}))


def _watch_memory(ended: threading.Event, most: list[int]) -> None:
    while not ended.wait(0.5):
        own = 0
        for process in Path("/proc").glob("[0-9]*"):
            try:
                name = (process / "cmdline").read_bytes()
                if int(process.name) == os.getpid() or b"ray::" in name[:5]:
                    own += _own_memory(process)
            except OSError:  # it has ended
                continue
        most[0] = max(most[0], own)


def _own_memory(process: Path) -> int:
    fields = (process / "statm").read_text().split()
    return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")  # resident, not shared


def ask(*arguments: object) -> dict[str, float]:
    """Measure something in a process of its own."""
    result = subprocess.run(
        [sys.executable, __file__, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True,
    )  # fmt: skip
    found: dict[str, float] = json.loads(result.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only:
        what, table, number = given.only
        (bare if what == "bare" else by_cluster)(Path(table), int(number))
        return
    with tempfile.TemporaryDirectory() as folder:
        whole, tenth = Path(folder, "whole.parquet"), Path(folder, "tenth.parquet")
        write_pictures(whole, given.pictures)
        write_pictures(tenth, given.pictures // 10)
        alone = [ask("--only", "bare", whole, BARE)["rate"]]
        found: dict[int, list[dict[str, float]]] = {cores: [] for cores in CORES}
        small = []
        for _ in range(given.rounds):
            for cores in CORES:
                one = ask("--only", "cluster", whole, cores)
                alone.append(ask("--only", "bare", whole, BARE)["rate"])
                one["efficiency"] = one["rate"] / cores / statistics.mean(alone[-2:])
                found[cores].append(one)
                print(cores, one, round(alone[-1]), flush=True)
            small.append(ask("--only", "cluster", tenth, CORES[-1])["megabytes"])
    print(f"{given.pictures:,} pictures, {given.rounds} rounds: medians (minimum to maximum)")
    print(f"bare: {spread(alone)} pictures a second")
    for cores, ones in found.items():
        rates, parts, megabytes = (
            [one[name] for one in ones] for name in ("rate", "efficiency", "megabytes")
        )
        print(
            f"{cores} cores: {spread(rates)} a second, efficiency {spread(parts, '.0%')}, "
            f"{spread(megabytes)} MB"
        )
    print(f"{CORES[-1]} cores, a tenth of the pictures: {spread(small)} MB")


def spread(values: list[float], form: str = ",.0f") -> str:
    """Format the median, with minimum and maximum in brackets."""
    median, least, most = (format(f(values), form) for f in (statistics.median, min, max))
    return f"{median} ({least} to {most})"


if __name__ == "__main__":
    main()
