"""``mnistry show``: images of a dataset as pictures or as matrices of numbers."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mnistry.cli import common, options
from mnistry.cli.framework import Command
from mnistry.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mnistry.datasets import Origin, Split

_FEW = 5  # images of a class


@click.command(cls=Command)
@click.argument(
    "numbers", metavar="[INDEX…]", type=int, nargs=-1, help="Which images, counted from 0."
)
@click.option("--index", metavar="N", type=int, multiple=True, help="The same; may be given again.")
@click.option(
    "--label",
    "names",
    metavar="CLASS",
    multiple=True,
    help=f"The first {_FEW} images of a class: --label 7 shows sevens; may be given again.",
)
@click.option(
    "--random",
    "count",
    metavar="[N]",
    type=click.IntRange(min=1),
    is_flag=False,
    flag_value=_FEW,
    help=f"N images, or {_FEW}, drawn at random, of the classes given with --label.",
)
@options.DATA
@click.option(
    "--split",
    type=options.SPLITS,
    default="train",
    help="Take them from the training or the test images.",
)
@click.option(
    "--crop",
    metavar="ROWS,COLUMNS",
    help="Show only a part, in NumPy's notation: 14:,14: is the lower right quarter.",
)
@click.option("--matrix", is_flag=True, help="Print the numbers instead of pictures.")
@options.output("FILE", "Write a PNG, SVG or PDF instead.")
@options.origin_beside_label
def show(
    numbers: tuple[int, ...],
    index: tuple[int, ...],
    names: tuple[str, ...],
    count: int | None,
    data: str | None,
    split: str,
    crop: str | None,
    matrix: bool,
    output: Path | None,
    origin: "Origin",
) -> None:
    """Show digits as pictures, in the terminal or in a file, or as matrices of numbers.

    Without an index, --label or --random: the first image of each class.
    """
    from mnistry.datasets import arrays

    # --label 10=0 changes labels, as in other commands.
    changes = tuple(name for name in names if "=" in name)
    origin = dataclasses.replace(origin, relabel=(*origin.relabel, *changes))
    names = tuple(name for name in names if "=" not in name)
    if output is not None:
        common.check_output(output)
        if matrix:
            what = "--matrix prints numbers; --output writes pictures"
            raise UsageError(what, remedy="choose one")
    given = (*numbers, *index)
    if given and (names or count):
        raise UsageError("an index with --label or --random", remedy="leave out one or the other")
    dataset = common.load_dataset(origin.at(data))
    chosen = common.choose_split(dataset, split)
    indices = given or _choose(chosen, dataset.classes, names, count)
    images, labels = chosen
    arrays.check_indices(indices, len(images))
    if crop is not None:
        images = arrays.crop(images, crop)
    console = common.stdout()
    if matrix:
        for number in indices:
            label = "" if labels is None else f", label {dataset.classes[labels[number]]}"
            console.print(f"image {number}{label}", style="bold")
            console.print(arrays.image_matrix(images[number]), soft_wrap=True)
    elif output is not None:
        from mnistry.display import plots

        plots.save(plots.digits(images, labels, indices, dataset.classes), output)
        common.say(f"wrote {output}")
    else:
        from mnistry.display.terminal import DigitPictures, halved

        if not given and not names and not count and crop is None:
            images = halved(images, indices)
        console.print(DigitPictures(images, labels, indices, dataset.classes))
        if numbers and not index:
            _hint(numbers, labels, dataset.classes)
    common.finish(dataset)


def _choose(
    split: "Split", classes: Sequence[str], names: Sequence[str], count: int | None
) -> list[int]:
    """Return the indices of a few images of these classes; without names, of all."""
    import numpy as np

    labels = split.labels
    if labels is None:
        if names:
            raise UsageError("--label: these images have no labels", remedy="give indices")
        pools = [np.arange(len(split.images))]
    elif names:
        numbers = [common.class_number(classes, name) for name in names]
        pools = [np.flatnonzero(labels == number) for number in numbers]
    elif count:
        pools = [np.arange(len(labels))]
    else:
        return [int(i) for i in np.unique(labels, return_index=True)[1]]
    if not count:
        return [int(i) for pool in pools for i in pool[:_FEW]]
    pool = np.concatenate(pools)
    if count > len(pool):
        raise UsageError(f"--random {count:,}", expected=f"at most {len(pool):,}, of these images")
    drawn = np.random.default_rng().choice(pool, count, replace=False)
    return [int(i) for i in drawn]


def _hint(
    numbers: Sequence[int], labels: "NDArray[np.integer] | None", classes: Sequence[str]
) -> None:
    """Say what an index is if classes may have been meant.

    That is so if every number is also a class's name, and no image shown has its number as label.
    """
    if labels is None or not all(str(number) in classes for number in numbers):
        return
    if any(str(number) == classes[labels[number]] for number in numbers):
        return
    first = numbers[0]
    common.note(f"{first} is an image's index; to see images of class {first}: --label {first}")
