"""The classic experiment from seed to seed: accuracy, repeatability, memory, and the start.

Each training is a process of its own, as a user starts it.

    python benchmarks/classic.py --seeds 5
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MNISTRY = str(Path(sys.executable).with_name("mnistry"))


def train(seed: int, folder: Path) -> dict:
    """Train with one seed; give what ``mnistry train --json`` says."""
    path = folder / f"{time.monotonic_ns()}"
    result = subprocess.run(
        [MNISTRY, "train", "--data", "mnist", "--seed", str(seed), "-o", path, "--json"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return json.loads(result.stdout)


def seconds_of(command: list[str]) -> float:
    """Time a command as a whole process."""
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    count = parser.parse_args().seeds
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        runs = [train(seed, folder) for seed in range(count)]
        print("seed  last epoch's running accuracy  test accuracy")
        for seed, run in enumerate(runs):
            print(f"{seed:4}  {run['epochs'][-1]['accuracy']:29.2%}  {run['test_accuracy']:13.2%}")
        tests = [run["test_accuracy"] for run in runs]
        print(f"mean {statistics.mean(tests):.2%}, spread {statistics.stdev(tests):.2%}")
        again = train(0, folder)
        same = [(Path(run["run"]) / "model.onnx").read_bytes() for run in (runs[0], again)]
        print("the same seed twice: weights", "identical" if same[0] == same[1] else "DIFFER")
        seconds = {
            part: statistics.median(run["seconds"][part] for run in runs)
            for part in runs[0]["seconds"]
        }
        print("median seconds:", ", ".join(f"{part} {s:.2f}" for part, s in seconds.items()))
        epoch = statistics.median(e["seconds"] for run in runs for e in run["epochs"])
        print(f"median seconds an epoch: {epoch:.2f}")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"peak memory of a training: {peak:.0f} MiB")
    start = statistics.median(seconds_of([MNISTRY, "--help"]) for _ in range(5))
    print(f"mnistry --help: {start:.2f} s (median of 5)")


if __name__ == "__main__":
    main()
