"""``mnistry data``: where a dataset came from, and what its arrays are."""

import dataclasses
from typing import TYPE_CHECKING

import click

from mnistry.cli import common, options
from mnistry.cli.framework import Command

if TYPE_CHECKING:
    import numpy as np
    from rich.table import Table

    from mnistry.datasets import Dataset, Origin


@click.command(cls=Command)
@click.argument(
    "name",
    metavar="[NAME|PATH]",
    required=False,
    help="mnist, fashion-mnist, sample, or a path; without it MNIST, or offline the sample.",
)
@options.origin
@options.JSON
def data(name: str | None, origin: "Origin", as_json: bool) -> None:
    """Print where a dataset came from, its shapes, axes, dtype, range, classes and licence."""
    dataset = common.load_dataset(origin.at(name))
    if as_json:
        common.print_json(_facts(dataset))
    else:
        _print(dataset)
    common.finish(dataset)


def _facts(dataset: "Dataset") -> dict[str, object]:
    from mnistry.datasets.arrays import describe

    counts = _images_a_class(dataset)
    return {
        "name": dataset.name,
        "source": dataset.source,
        "licence": dataset.licence,
        "classes": list(dataset.classes),
        "arrays": [
            dataclasses.asdict(describe(name, array)) | {"sha256": dataset.digests[name]}
            for name, array in dataset.arrays().items()
        ],
        "images_a_class": {split: numbers.tolist() for split, numbers in counts.items()},
        "extra": {split: list(columns) for split, columns in dataset.extra.items()},
        "notices": list(dataset.notices),
        "failures": list(dataset.failures),
    }


def _images_a_class(dataset: "Dataset") -> "dict[str, np.ndarray]":
    import numpy as np

    return {
        name: np.bincount(split.labels, minlength=len(dataset.classes))
        for name, split in dataset.splits().items()
        if split.labels is not None
    }


def _print(dataset: "Dataset") -> None:
    from mnistry.cli import report

    console = common.stdout()
    console.print(
        report.facts(("name", dataset.name), ("from", dataset.source), ("licence", dataset.licence))
    )
    console.print()
    console.print(_arrays(dataset))
    for split, columns in dataset.extra.items():
        console.print(f"\n{split} images also have: {', '.join(columns)}", soft_wrap=True)
    counts = _images_a_class(dataset)
    if counts:
        console.print()
        console.print(_classes(dataset, counts))
    heading = "the first image of each class" if counts else "each of the first images"
    console.print(f"\n{heading}, at half its size\n")
    console.print(_preview(dataset))


def _arrays(dataset: "Dataset") -> "Table":
    from mnistry.cli import report
    from mnistry.datasets.arrays import describe

    table = report.table("array", "rank", "axes", "shape", "dtype", "range", "MB", left=6)
    for name, array in dataset.arrays().items():
        facts = describe(name, array)
        table.add_row(
            name,
            str(facts.ndim),
            ", ".join(facts.axes),
            str(facts.shape),
            facts.dtype,
            f"{facts.smallest} to {facts.largest}",
            f"{facts.nbytes / 1e6:.2f}",
        )
    return table


def _classes(dataset: "Dataset", counts: "dict[str, np.ndarray]") -> "Table":
    from mnistry.cli import report

    table = report.table("class", *(f"{split} images" for split in counts))
    for label, name in enumerate(dataset.classes):
        table.add_row(name, *(f"{counts[split][label]:,}" for split in counts))
    table.add_section()
    table.add_row("all", *(f"{counts[split].sum():,}" for split in counts))
    return table


def _preview(dataset: "Dataset") -> object:
    import numpy as np

    from mnistry.display.terminal import DigitPictures, halved

    split = dataset.train or dataset.test
    if split is None:
        return ""
    if split.labels is None:
        indices = np.arange(min(10, len(split.images)))
    else:
        _, indices = np.unique(split.labels, return_index=True)
    chosen = [int(index) for index in indices]
    return DigitPictures(halved(split.images, chosen), split.labels, chosen, dataset.classes)
