"""``mnistry show``: images of a dataset as pictures or as matrices of numbers."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mnistry.cli import common
from mnistry.errors import UsageError


class SplitName(StrEnum):
    """The part of a dataset to look at."""

    train = "train"
    test = "test"


def show(
    indices: Annotated[
        list[int], typer.Argument(metavar="INDEX…", help="Which images, counted from 0.")
    ],
    data: common.Data = None,
    split: Annotated[
        SplitName, typer.Option(help="Take them from the training or the test images.")
    ] = SplitName.train,
    crop: Annotated[
        str | None,
        typer.Option(
            metavar="ROWS,COLUMNS",
            help="Cut out a part, in NumPy's notation: 14:,14: is the lower right quarter.",
        ),
    ] = None,
    matrix: Annotated[
        bool, typer.Option("--matrix", help="Print the numbers instead of pictures.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write a PNG, SVG or PDF instead."),
    ] = None,
    transpose: common.Transpose = False,
) -> None:
    """Show digits as pictures, in the terminal or in a file, or as the numbers that they are."""
    from mnistry.datasets import arrays

    if output is not None:
        common.check_output(output)
        if matrix:
            raise UsageError(
                "--matrix prints numbers; --output writes pictures", remedy="choose one"
            )
    dataset = common.load_dataset(data, transpose)
    chosen = dataset.test if split is SplitName.test else dataset.train
    if chosen is None:
        raise UsageError(
            f"this data has no {split} images",
            where=dataset.source,
            remedy=f"--split {'train' if split is SplitName.test else 'test'}",
        )
    images, labels = chosen
    arrays.check_indices(indices, len(images))
    if crop is not None:
        images = arrays.crop(images, crop)
    console = common.stdout()
    if matrix:
        for index in indices:
            label = "" if labels is None else f", label {dataset.classes[labels[index]]}"
            console.print(f"image {index}{label}", style="bold")
            console.print(arrays.image_matrix(images[index]), soft_wrap=True)
    elif output is not None:
        from mnistry.display import plots

        plots.save(plots.digits(images, labels, indices, dataset.classes), output)
        common.stderr().print(f"wrote {output}", soft_wrap=True)
    else:
        from mnistry.display.terminal import DigitPictures

        console.print(DigitPictures(images, labels, indices, dataset.classes))
    common.finish(dataset)
