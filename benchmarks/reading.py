"""Measure reading: a process for one digit, a large photo, many arrays, and memory.

The photos are made here: three lines of MNIST's digits on grey paper, with a shadow and grain.

    python benchmarks/reading.py --rounds 9
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import processes
import results
from numpy.typing import NDArray
from PIL import Image

import mnistry
from mnistry import Reader
from mnistry.reading.built_in import SHIPPED

LINES = ("2046", "315", "7389")
BATCH = 1000  # arrays read at once
PAUSE = 0.3  # seconds
# A program that uses one core, and reads the picture once before it is timed.
ONE_CORE = """
import json, os, sys, time
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from mnistry import Reader
reader = Reader()
content = open(sys.argv[1], "rb").read()
text = reader.read(content).text
started = time.perf_counter()
reader.read(content)
print(json.dumps({"seconds": time.perf_counter() - started, "text": text}))
"""


def photo(height: int, width: int, images: NDArray[np.uint8], labels: NDArray[Any]) -> Image.Image:
    """Make a photo of dark digits, a tenth of its height, on unevenly lit paper."""
    side = height // 10
    ink = np.zeros((height, width), np.float32)
    for line, number in enumerate(LINES):
        for place, digit in enumerate(number):
            image = Image.fromarray(images[labels == int(digit)][0])
            large = image.resize((side, side), Image.Resampling.BICUBIC)
            top, left = (2 + 2 * line) * side, (1 + place) * side * 5 // 4
            ink[top : top + side, left : left + side] = np.asarray(large, np.float32) / 255
    light = np.linspace(1, 0.6, width, dtype=np.float32)
    grain = np.random.default_rng(0).normal(0, 5, (height, width)).astype(np.float32)
    grey = np.clip((220 - 170 * ink) * light + grain, 0, 255).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")  # as cameras write it


def write(folder: Path) -> dict[str, Path]:
    """Write the pictures: one digit, 12 megapixels, 25 megapixels."""
    images, labels = mnistry.load("sample").train
    pictures = {
        "digit": Image.fromarray(255 - images[labels == 7][0].repeat(4, 0).repeat(4, 1)),
        "12 megapixels": photo(3000, 4000, images, labels),
        "25 megapixels": photo(5000, 5000, images, labels),
    }
    paths = {}
    for name, picture in pictures.items():
        paths[name] = folder / (f"{name}.png" if name == "digit" else f"{name}.jpg")
        picture.save(paths[name])
    return paths


def must_be(expected: str, found: str) -> None:
    """Raise if the reading is wrong: a wrong reading may be quick."""
    if expected != found:
        raise RuntimeError(f"read {found!r} for {expected!r}")


def batch(reader: Reader, session: onnxruntime.InferenceSession) -> dict[str, float]:
    """Time reading many arrays at once, in turn with the network alone."""
    images, _ = mnistry.load("sample").train
    many = np.ascontiguousarray(images[:BATCH])
    return {
        "bare": seconds(lambda: session.run(None, {"image": many})),
        "ours": seconds(lambda: reader.read_many(many)),
    }


def seconds(work: Callable[[], object]) -> float:
    """Time a call, after the previous call's threads have stopped spinning."""
    time.sleep(PAUSE)
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure(paths: dict[str, Path]) -> dict[str, float]:
    """Measure each once."""
    lines = "\n".join(LINES)
    one = processes.run([processes.MNISTRY, "read", "--jsonl", paths["digit"]])
    must_be("7", one.value["text"])
    large = processes.run([sys.executable, "-c", ONE_CORE, paths["12 megapixels"]])
    must_be(lines, large.value["text"])
    largest = processes.run([processes.MNISTRY, "read", "--jsonl", paths["25 megapixels"]])
    must_be(lines, largest.value["text"])
    return {
        "process": one.seconds,
        "12 megapixels": large.value["seconds"],
        "25 megapixels, MB": largest.megabytes,
    }


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        # Else this process's peak memory would count as its children's.
        with ProcessPoolExecutor(1) as pool:
            paths = pool.submit(write, Path(name)).result()
        measured = [measure(paths) for _ in range(rounds + 1)][1:]
    reader, session = Reader(), onnxruntime.InferenceSession(SHIPPED)
    batches = [batch(reader, session) for _ in range(rounds + 1)][1:]
    results.save("reading", {"rounds": rounds, "measured": measured, "batches": batches})
    shares = [one["bare"] / one["ours"] for one in batches]
    medians = {field: statistics.median(one[field] for one in measured) for field in measured[0]}
    print(json.dumps({**medians, "batch of 1,000, share of bare speed": statistics.median(shares)}))


if __name__ == "__main__":
    main()
