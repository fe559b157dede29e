"""Read pictures with mnistry and with RapidOCR, and count what is exact and what is surely wrong.

RapidOCR runs in an environment of its own, which is made here. Pictures are those of a table with
the columns file, style and label (and lines, where a picture has several), or generated judging
lines, whose digits, writers, signs and layouts nothing was trained or chosen by.

    python benchmarks/rapidocr.py --labels LABELS.csv --images FOLDER
    python benchmarks/rapidocr.py --hands FOLDER --lines 2000
"""

import argparse
import csv
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import line_reader
import numpy as np
import peers

from mnistry import Reader
from mnistry.augmentation import paper
from mnistry.evaluation.statistics import wilson

PROGRAM = Path(__file__).parent / "programs" / "rapidocr_read.py"
# Signs that mnistry prints as `?`, because they are none that it reads.
OTHER = str.maketrans("×÷", "??")


class Picture(NamedTuple):
    """A picture file, its kind, and what is written in it, without spaces."""

    path: Path
    kind: str
    text: str


def labelled(table: Path, images: Path) -> list[Picture]:
    """List the pictures of a table."""
    with table.open(newline="", encoding="utf-8") as file:
        return [
            Picture(images / row["file"], row["style"], squeezed(row.get("lines") or row["label"]))
            for row in csv.DictReader(file)
        ]


def generated(folder: Path, hands: Path, count: int) -> Iterator[Picture]:
    """Write generated judging lines as PNG files."""
    source = line_reader.digits("judge", hands)
    random = np.random.default_rng(line_reader.SEEDS["judge"])
    for number in range(count):
        picture = paper.picture(source, random)
        path = folder / f"{number}.png"
        cv2.imwrite(str(path), picture.grey)
        yield Picture(path, picture.kind, squeezed(picture.text))


def squeezed(text: str) -> str:
    """Leave out what is white, and write signs that nobody reads as ``?``."""
    return "".join(text.split()).translate(OTHER)


def by_rapidocr(pictures: Sequence[Picture]) -> list[str]:
    """Read all pictures with RapidOCR."""
    answer = subprocess.run(
        [peers.python("rapidocr"), PROGRAM],
        input="\n".join(str(picture.path.resolve()) for picture in pictures),
        capture_output=True, check=True, text=True,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
    ).stdout  # fmt: skip
    return [squeezed("".join(json.loads(line)["lines"])) for line in answer.splitlines()]


def table(pictures: Sequence[Picture], answers: dict[str, list[str]]) -> str:
    """Write a Markdown table: a row a kind, two columns a reader."""
    names = [f"{name}: {what}" for name in answers for what in ("exact", "sure and wrong")]
    rows = [f"| kind | pictures | {' | '.join(names)} |", "|---|---|" + "---|" * len(names)]
    for kind in [*sorted({picture.kind for picture in pictures}), "all"]:
        chosen = [i for i, picture in enumerate(pictures) if kind in ("all", picture.kind)]
        cells = []
        for said in answers.values():
            right = [said[i] == pictures[i].text for i in chosen]
            sure = [said[i] != "" and "?" not in said[i] for i in chosen]
            wrong = sum(s and not r for s, r in zip(sure, right, strict=True))
            cells += [share(sum(right), len(chosen)), share(wrong, len(chosen))]
        rows.append(f"| {kind} | {len(chosen)} | {' | '.join(cells)} |")
    return "\n".join(rows)


def share(part: int, whole: int) -> str:
    """Write a count, and from 100 on its share with a 95 % interval."""
    if whole < 100:
        return f"{part}"
    low, high = wilson(part, whole)
    return f"{part} ({part / whole:.1%}, {low:.1%} to {high:.1%})"


def main() -> None:
    """Read all, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--images", type=Path, help="the folder of the labelled pictures")
    parser.add_argument("--hands", type=Path, help="the folder of other hands, to generate lines")
    parser.add_argument("--lines", type=int, default=2000)
    parser.add_argument("--without-rapidocr", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.labels:
            pictures = labelled(arguments.labels, arguments.images or arguments.labels.parent)
        else:
            pictures = list(generated(Path(folder), arguments.hands, arguments.lines))
        reader = Reader(threads=1)
        answers = {"mnistry": [squeezed(reader.read(one.path).text) for one in pictures]}
        if not arguments.without_rapidocr:
            answers["RapidOCR"] = by_rapidocr(pictures)
    print(table(pictures, answers))


if __name__ == "__main__":
    main()
