"""Download and verify digits by people who are not in MNIST, to train and judge by.

Three sets of the UCI Machine Learning Repository, CC BY 4.0: the training parts of the pen strokes
by 30 writers (number 81) and of the scanned bitmaps (80), and all of Semeion (178). Written as
``pendigits.npz``, ``optdigits.npz`` and ``semeion.npz``, which `mnistry.augmentation.hands` reads.
Needs ``gzip`` to unpack the files that UCI keeps in the old ``compress`` format.

    python benchmarks/hands_data.py FOLDER
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from mnistry.errors import DownloadError, MnistryError, ResourceError
from mnistry.system import files

Arrays = dict[str, NDArray[np.generic]]

_UCI = "https://archive.ics.uci.edu/ml/machine-learning-databases"
_MAX_BYTES = 16 << 20


def pen_digits(text: str) -> Arrays:
    """Parse UNIPEN text: for each digit a comment (digit, writer, number), then strokes of points.

    Returns
    -------
    dict
        ``points``, shape ``(n, 2)``; ``stroke_lengths``; ``strokes_per_digit``; ``labels``;
        ``writers``.
    """
    points: list[list[int]] = []
    lengths: list[int] = []
    strokes: list[int] = []
    people: list[tuple[int, int]] = []
    for line in text.splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == ".COMMENT":
            people.append((int(words[1]), int(words[2])))
            strokes.append(0)
        elif words[0] == ".PEN_DOWN":
            strokes[-1] += 1
            lengths.append(0)
        elif not words[0].startswith("."):
            points.append([int(word) for word in words])
            lengths[-1] += 1
    labels, writers = np.array(people, np.uint8).T
    return {
        "points": np.array(points, np.int16),
        "stroke_lengths": np.array(lengths, np.uint16),
        "strokes_per_digit": np.array(strokes, np.uint8),
        "labels": labels,
        "writers": writers,
    }


def optical_digits(text: str) -> Arrays:
    """Parse bitmaps of 32 lines of 32 characters, each followed by its label."""
    rows: list[list[int]] = []
    labels: list[int] = []
    for line in map(str.strip, text.splitlines()):
        if len(line) == 32 and set(line) <= {"0", "1"}:
            rows.append([int(pixel) for pixel in line])
        elif line.isdigit() and rows and len(rows) == 32 * (len(labels) + 1):
            labels.append(int(line))
    images = np.array(rows, np.uint8).reshape(-1, 32, 32)
    return {"images": images, "labels": np.array(labels, np.uint8)}


def semeion(text: str) -> Arrays:
    """Parse lines of 256 pixels and ten numbers, of which the label's is 1."""
    table = np.array([line.split() for line in text.splitlines() if line.strip()], float)
    images = table[:, :256].astype(np.uint8).reshape(-1, 16, 16)
    return {"images": images, "labels": table[:, 256:].argmax(1).astype(np.uint8)}


# What the built-in networks are trained on, as they and their cards name it.
DATA = {
    "MNIST": "training images, by Yann LeCun, Corinna Cortes and Christopher J. C. Burges, "
    "CC BY-SA 3.0",
    "pendigits": "writers 1 to 20, by E. Alpaydin and F. Alimoglu, UCI 81, CC BY 4.0",
    "optdigits": "by E. Alpaydin and C. Kaynak, UCI 80, CC BY 4.0",
    "semeion": "by Tactile Srl, Brescia, UCI 178, CC BY 4.0",
}
LICENCE = "CC BY-SA 3.0"
# The address, the function that parses it, and the SHA-256 of all its arrays, ordered by name.
SOURCES: dict[str, tuple[str, Callable[[str], Arrays], str]] = {
    "pendigits": (
        "pendigits/pendigits-orig.tra.Z",
        pen_digits,
        "e2120f0a2996a184e43e07222ce48aac233aad9885dd74c345b7c008c78304b3",
    ),
    "optdigits": (
        "optdigits/optdigits-orig.tra.Z",
        optical_digits,
        "9d039a3ee4ef6630981d235d91103e19ed7c01091d9fd75bcd79a3390c6c59ac",
    ),
    "semeion": (
        "semeion/semeion.data",
        semeion,
        "54c1d3afff3084ec57faa4bf48e78aeed59bc71eb5fd9049014d6e62fa72b611",
    ),
}


def digest(arrays: Arrays) -> str:
    """Return the SHA-256 of arrays: names, types, shapes and values."""
    found = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        found.update(f"{name} {array.dtype.str} {array.shape}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def unpacked(content: bytes) -> str:
    """Return a file's text, unpacked if it is compressed."""
    if content[:2] == b"\x1f\x9d":
        gzip = shutil.which("gzip")
        if gzip is None:
            raise ResourceError("gzip is not installed", remedy="install it")
        content = subprocess.run(
            [gzip, "-dc"], input=content, capture_output=True, check=True
        ).stdout
    return content.decode("ascii")


def downloaded(address: str) -> bytes:
    """Return what stands at an address; raise DownloadError if it cannot be had."""
    try:
        with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310
            content: bytes = answer.read(_MAX_BYTES)
    except OSError as error:
        raise DownloadError(
            f"cannot be downloaded: {error}", where=address,
            remedy="check the network, and run this again",
        ) from error  # fmt: skip
    return content


def name_in(proto: onnx.ModelProto) -> None:
    """Write into a network what it was trained on, and its licence."""
    helper.set_model_props(proto, {"data": "; ".join(DATA.values()), "licence": LICENCE})


def main() -> None:
    """Download, parse, verify and write all three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, (address, parse, sha256) in SOURCES.items():
        arrays = parse(unpacked(downloaded(f"{_UCI}/{address}")))
        found = digest(arrays)
        if found != sha256:
            raise DownloadError(
                f"its digits are not the expected ones: SHA-256 {found}",
                where=f"{_UCI}/{address}", expected=sha256, remedy="look for a mirror of the file",
            )  # fmt: skip
        with files.atomic_write(folder / f"{name}.npz") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        print(f"{folder / name}.npz: {len(arrays['labels']):,} digits")


if __name__ == "__main__":
    try:
        main()
    except MnistryError as error:
        sys.exit(f"error: {error}")
