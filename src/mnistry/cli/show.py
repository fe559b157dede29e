"""``mnistry show``: images of a dataset as pictures or as matrices of numbers."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mnistry.cli import common, options
from mnistry.cli.framework import Command
from mnistry.errors import UsageError

if TYPE_CHECKING:
    from mnistry.datasets import Origin


@click.command(cls=Command)
@click.argument(
    "indices",
    metavar="INDEX…",
    type=int,
    nargs=-1,
    required=True,
    help="Which images, counted from 0.",
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
@options.form
def show(
    indices: tuple[int, ...],
    data: str | None,
    split: str,
    crop: str | None,
    matrix: bool,
    output: Path | None,
    form: "Origin",
) -> None:
    """Show digits as pictures, in the terminal or in a file, or as matrices of numbers."""
    from mnistry.datasets import arrays

    if output is not None:
        common.check_output(output)
        if matrix:
            what = "--matrix prints numbers; --output writes pictures"
            raise UsageError(what, remedy="choose one")
    dataset = common.load_dataset(form.at(data))
    images, labels = common.choose_split(dataset, split)
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
        common.say(f"wrote {output}")
    else:
        from mnistry.display.terminal import DigitPictures

        console.print(DigitPictures(images, labels, indices, dataset.classes))
    common.finish(dataset)
