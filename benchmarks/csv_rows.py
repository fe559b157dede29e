"""Compare how long this build and another take to read 60,000 rows of CSV.

Their processes take turns. Prints medians, and the median of the rounds' ratios.

    python benchmarks/csv_rows.py --other old/src
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import mnistry

SOURCE = Path(mnistry.__file__).parents[1]
PROGRAM = """
import json, pathlib, sys, time
from mnistry.datasets import csv
before, start = time.process_time(), time.perf_counter()
dataset = csv.read(pathlib.Path(sys.argv[1]))
wall, processor = time.perf_counter() - start, time.process_time() - before
print(json.dumps([wall, processor, sorted(dataset.digests.values())]))
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--other", type=Path, metavar="SRC", help="another build's src folder")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="default: 7")
    asked = parser.parse_args()
    builds = [SOURCE] if asked.other is None else [SOURCE, asked.other]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "train.csv")
        images, labels = mnistry.load("mnist").train  # type: ignore[misc]
        with path.open("w") as file:
            file.write(",".join(["label", *(f"pixel{i}" for i in range(784))]) + "\n")
            for image, label in zip(images.reshape(-1, 784).tolist(), labels, strict=True):
                file.write(f"{label},{','.join(map(str, image))}\n")
        rounds = [[_read(path, build) for build in builds] for _ in range(asked.rounds)]
    if any(build[-1] != rounds[0][0][-1] for each in rounds for build in each):
        raise SystemExit("the builds read different arrays")
    for column, name in enumerate(("wall clock, s", "processor, s")):
        medians = [
            statistics.median(each[column] for each in build) for build in zip(*rounds, strict=True)
        ]
        ratio = statistics.median(each[0][column] / each[-1][column] for each in rounds)
        print(f"{name:14}", *(f"{median:7.2f}" for median in medians), f"  {ratio:.2f} x")


def _read(path: Path, source: Path) -> list[Any]:
    command = [sys.executable, "-c", PROGRAM, str(path)]
    environment = os.environ | {"PYTHONPATH": str(source)}
    output = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
    measured: list[Any] = json.loads(output)
    return measured


if __name__ == "__main__":
    main()
