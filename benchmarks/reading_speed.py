"""Compare the processor time of reading, on one core, with another build's.

The pictures are drawn here: a large photo, a page with frames, and a page of long lines. Give a
folder to read its pictures too, with their mean. The builds' processes take turns.

    python benchmarks/reading_speed.py --other old/src --pictures photos/
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import reading
from numpy.typing import NDArray
from PIL import Image, ImageDraw

import mnistry

SOURCE = Path(mnistry.__file__).parents[1]
PROGRAM = """
import json, os, sys, time
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from mnistry import Reader
reader = Reader(threads=1)
contents = [open(path, "rb").read() for path in sys.argv[1:]]
reader.read(contents[0])
started = time.process_time()
for content in contents:
    reader.read(content)
print(json.dumps(1000 * (time.process_time() - started) / len(contents)))
"""


def framed(images: NDArray[np.uint8]) -> Image.Image:
    """Draw 420 digits, each in a frame."""
    page = np.full((1200, 1200), 255, np.uint8)
    for place in range(420):
        top, left = 30 + place // 21 * 57, 20 + place % 21 * 55
        page[top : top + 45, left : left + 47] = 60
        page[top + 2 : top + 43, left + 2 : left + 45] = 255
        digit = Image.fromarray(images[place]).resize((34, 34), Image.Resampling.BICUBIC)
        page[top + 5 : top + 39, left + 6 : left + 40] = 255 - np.asarray(digit)
    return Image.fromarray(page)


def long_lines() -> Image.Image:
    """Draw 150 wavy lines that nearly cross the page."""
    page = Image.new("L", (1400, 1200), 255)
    draw = ImageDraw.Draw(page)
    x = np.arange(150, 1250, 5)
    for i in range(150):
        y = 8 + 7.8 * i + 1.5 * np.sin(x / 40 + i)
        draw.line(list(zip(x.tolist(), y.tolist(), strict=True)))
    return page


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--other", type=Path, metavar="SRC", help="another build's src folder")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="a folder of pictures")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="default: 5")
    asked = parser.parse_args()
    builds = [SOURCE] if asked.other is None else [SOURCE, asked.other]
    images, labels = mnistry.load("sample").train  # type: ignore[misc]
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for name, picture in {
            "12 megapixels": reading.photo(3000, 4000, images, labels),
            "420 frames": framed(images),
            "150 long lines": long_lines(),
        }.items():
            files[name] = [Path(folder, f"{name}.png")]
            picture.save(files[name][0])
        if asked.pictures is not None:
            files["the folder"] = sorted(asked.pictures.iterdir())
        for name, paths in files.items():
            rounds = [[_read(paths, build) for build in builds] for _ in range(asked.rounds)]
            medians = [statistics.median(build) for build in zip(*rounds, strict=True)]
            ratio = statistics.median(each[0] / each[-1] for each in rounds)
            shown = " ".join(f"{median:8.1f}" for median in medians)
            print(f"{name:16} {shown} ms a picture  {ratio:.2f} x", flush=True)


def _read(paths: list[Path], source: Path) -> float:
    command = [sys.executable, "-c", PROGRAM, *map(str, paths)]
    environment = os.environ | {"PYTHONPATH": str(source)}
    output = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
    return float(json.loads(output))


if __name__ == "__main__":
    main()
