"""Judge how tables are read: generated tables, and pages without a table.

Digits are those of writers that no network was trained on (25 to 30 of pendigits) and the last of
MNIST's training images. Spaces inside a cell are not counted. A cell with a letter is right with a
`?` in it; it is sure and wrong if it is wrong without a `?`.

    python benchmarks/hands_data.py HANDS
    python benchmarks/tables.py --hands HANDS --tables 1000 --without 300
"""

import argparse
import collections
import json
import time
from pathlib import Path

import cv2
import numpy as np

import mnistry
from mnistry.augmentation import hands, lines, tables
from mnistry.augmentation.tables import TablePicture
from mnistry.reading import Reader, Table

SEED = 5
MNIST = slice(55_000, 60_000)


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hands", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--tables", type=int, default=1000, metavar="N")
    parser.add_argument("--without", type=int, default=300, metavar="N")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    train = mnistry.load("mnist").train
    digits = lines.load_digits(
        given.hands, train.images[MNIST], np.asarray(train.labels)[MNIST], hands.JUDGE, judge=True
    )
    reader = Reader(threads=1)
    counts: collections.Counter[str] = collections.Counter()
    seconds = []
    for i in range(given.tables):
        picture = tables.picture(digits, np.random.default_rng([SEED, i]))
        start = time.process_time()
        found = reader.read_tables(picture.grey)
        seconds.append(time.process_time() - start)
        counts += judged(picture, found)
    for i in range(given.without):
        page = tables.without_table(digits, np.random.default_rng([SEED + 1, i]))
        counts["found where there is none"] += bool(reader.read_tables(page))
    cells, read = max(1, counts["cells"]), max(1, counts["cells of right shape"])
    figures = {
        "tables": given.tables,
        "right shape": counts["right shape"] / max(1, given.tables),
        "cells": counts["cells"],
        "cells right": counts["right"] / cells,
        "cells right where the shape is": counts["right"] / read,
        "sure and wrong where the shape is right": counts["sure and wrong"] / read,
        "pictures without a table": given.without,
        "found where there is none": counts["found where there is none"] / max(1, given.without),
        "seconds of one core, median": float(np.median(seconds)) if seconds else None,
    }
    print(json.dumps(figures, indent=1))


def judged(picture: TablePicture, found: list[Table]) -> "collections.Counter[str]":
    """Count what is right; where the shape is wrong, no cell is."""
    cells = sum(map(len, picture.rows))
    counts = collections.Counter({"cells": cells})
    shapes = [(len(table.rows), len(table.rows[0])) for table in found]
    if shapes != [(len(picture.rows), len(picture.rows[0]))]:
        return counts
    counts["right shape"], counts["cells of right shape"] = 1, cells
    for expected, row in zip(picture.rows, found[0].rows, strict=True):
        for text, cell in zip(expected, row, strict=True):
            read = cell.text.replace(" ", "")
            is_right = "?" in read if "?" in text else read == text
            counts["right"] += is_right
            counts["sure and wrong"] += not is_right and "?" not in read
    return counts


if __name__ == "__main__":
    main()
