"""``mnistry predict``: labels for unlabelled images, in Kaggle's format."""

from pathlib import Path

import click

from mnistry.cli import common, options
from mnistry.cli.framework import Command
from mnistry.errors import DataError


@click.command(cls=Command)
@options.RUN
@click.argument("data", metavar="DATA", help="A name or a path, as for mnistry data.")
@options.output("FILE.csv", "The file to write.", show_default="stdout")
@options.TRANSPOSE
def predict(run_path: Path, data: str, output: Path | None, transpose: bool) -> None:
    """Write a label for each image as CSV, with the columns ImageId (from 1) and Label.

    If the data has several splits, only the test images get labels.
    """
    from mnistry.datasets import Origin
    from mnistry.runs import scoring
    from mnistry.runs.directory import Run
    from mnistry.system import files

    if output is not None:
        common.check_output(output)
    run = Run.open(run_path)
    dataset = common.load_dataset(Origin(data, transpose))
    split = dataset.test or dataset.train
    if split is None:
        raise DataError("no images", where=dataset.source)
    answers = scoring.predict(run, split.images).argmax(axis=1)
    lines = ["ImageId,Label", *(f"{i},{label}" for i, label in enumerate(answers, start=1))]
    text = "\n".join(lines) + "\n"
    if output is None:
        click.echo(text, nl=False)
    else:
        files.write_bytes(output, text.encode())
        common.say(f"wrote {len(answers):,} labels to {output}")
    common.finish(dataset)
