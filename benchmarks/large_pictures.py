"""Measure reading a photo of 48 megapixels and an A4 page at 600 dpi in a PDF: time and memory.

Each is read by `mnistry read` in a process of its own. The pictures are made here, like those of
`benchmarks/reading.py`. The PDF's page is a scan. Another process draws that page; the memory shown
is that of the larger of the two processes.

    python benchmarks/large_pictures.py --rounds 5
"""

import argparse
import os
import statistics
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import processes
import reading

import mnistry


def write(folder: Path) -> dict[str, Path]:
    """Write both pictures."""
    images, labels = mnistry.load("sample").train
    photo, page = folder / "photo.jpg", folder / "page.pdf"
    reading.photo(6000, 8000, images, labels).save(photo)
    reading.photo(7016, 4960, images, labels).convert("L").save(page, resolution=600)
    return {"JPEG of 48 megapixels": photo, "PDF of A4 at 600 dpi": page}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="default: 5")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        # Else this process's peak memory would count as its children's.
        with ProcessPoolExecutor(1) as pool:
            paths = pool.submit(write, Path(name)).result()
        for what, path in paths.items():
            before = os.times()
            found = [
                processes.run([processes.MNISTRY, "read", "--jsonl", path]) for _ in range(rounds)
            ]
            after = os.times()
            busy = sum(after[2:4]) - sum(before[2:4])  # of the children, as user and as system
            for one in found:
                reading.must_be("\n".join(reading.LINES), one.value["text"])
            seconds = statistics.median(one.seconds for one in found)
            megabytes = max(one.megabytes for one in found)
            print(f"{what}: {seconds:.2f} s, processor {busy / rounds:.2f} s, {megabytes:.0f} MB")


if __name__ == "__main__":
    main()
