"""Score how other people's handwriting is read: pictures in the folder MNISTRY_HANDWRITING.

The folder has pictures in ``images``, and ``labels.csv`` with the columns file, kind (digit or
number), style, writer and label. A space in a label starts a new line. ``?`` counts as wrong.

    MNISTRY_HANDWRITING=FOLDER python benchmarks/handwriting.py
"""

import argparse
import csv
import dataclasses
import os
import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from mnistry.evaluation.statistics import wilson
from mnistry.reading import Reader

VARIABLE = "MNISTRY_HANDWRITING"
# Pictures are grouped by their long side in pixels, up to each of these limits.
SIZES = (64, 400, 1600, 100_000)


@dataclasses.dataclass(frozen=True)
class Answer:
    """A picture's label and its reading, both as lines."""

    file: str
    kind: str
    style: str
    writer: str
    size: int
    label: tuple[str, ...]
    read: tuple[str, ...]

    @property
    def right(self) -> bool:
        """Whether all of it was read correctly."""
        return self.label == self.read


def answers(folder: Path, reader: Reader) -> list[Answer]:
    """Read all pictures of a folder."""
    found = []
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            detail = reader.read_in_detail(folder / "images" / row["file"])
            label, read = tuple(row["label"].split(" ")), detail.reading.lines
            size = next(size for size in SIZES if max(detail.size) <= size)
            place = row["file"], row["kind"], row["style"], row["writer"]
            found.append(Answer(*place, size, label, read))
    return found


def edits(a: str, b: str) -> int:
    """Count the characters to insert, delete or replace to change one text into the other.

    V. Levenshtein: Binary codes capable of correcting deletions, insertions, and reversals, 1966.
    """
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, start=1):
        before, row[0] = row[0], i
        for j, other in enumerate(b, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (letter != other))
    return row[-1]


def characters_right(found: Sequence[Answer]) -> float:
    """Return the share of characters that were read correctly: the mean over writers."""
    shares = []
    for writer in {answer.writer for answer in found}:
        texts = [("\n".join(a.label), "\n".join(a.read)) for a in found if a.writer == writer]
        wrong = sum(edits(label, read) for label, read in texts)
        shares.append(1 - wrong / sum(len(label) for label, _ in texts))
    return statistics.mean(shares)


def lines_right(found: Iterable[Answer]) -> tuple[int, int]:
    """Return how many lines were read without an error, and how many there are."""
    right = whole = 0
    for answer in found:
        whole += len(answer.label)
        if len(answer.label) == len(answer.read):
            right += sum(a == b for a, b in zip(answer.label, answer.read, strict=True))
    return right, whole


def share(found: Sequence[Answer]) -> str:
    """Format how many were read correctly, with the 95 % interval."""
    right = sum(answer.right for answer in found)
    low, high = wilson(right, len(found))
    return f"{right} of {len(found)}: {right / len(found):.1%} ({low:.1%} to {high:.1%})"


def print_groups(found: Sequence[Answer], name: str, key: Callable[[Answer], object]) -> None:
    """Print the share of each group."""
    for group in sorted({key(answer) for answer in found}, key=str):
        print(f"  {name} {group}: {share([answer for answer in found if key(answer) == group])}")


def main() -> None:
    """Read all pictures, and print the scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="a network other than the built-in one")
    model = parser.parse_args().model
    if VARIABLE not in os.environ:
        print(f"skipped: {VARIABLE} names no folder of pictures")
        return
    found = answers(Path(os.environ[VARIABLE]), Reader(model))
    digits = [answer for answer in found if answer.kind == "digit"]
    numbers = [answer for answer in found if answer.kind == "number"]
    print(f"single digits: {share(digits)}")
    print_groups(digits, "style", lambda answer: answer.style)
    print_groups(digits, "long side up to", lambda answer: answer.size)
    right, whole = lines_right(numbers)
    print(f"numbers: {characters_right(numbers):.1%} of the characters, the mean over writers")
    print(f"  lines: {right} of {whole}: {right / whole:.1%}")
    for answer in found:
        if not answer.right:
            print(f"wrong: {answer.file}: {' '.join(answer.label)} read as {' '.join(answer.read)}")


if __name__ == "__main__":
    main()
