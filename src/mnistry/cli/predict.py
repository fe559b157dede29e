"""``mnistry predict``: labels for unlabelled images, in Kaggle's format."""

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mnistry.cli import common, options
from mnistry.cli.framework import Command
from mnistry.errors import DataError

if TYPE_CHECKING:
    from mnistry.datasets import Origin


@click.command(cls=Command)
@options.RUN
@click.argument("data", metavar="DATA", help="A name or a path, as for mnistry data.")
@options.output("FILE.csv", "The file to write.", show_default="stdout")
@options.origin
def predict(run_path: Path, data: str, output: Path | None, origin: "Origin") -> None:
    """Write a label for each image as CSV, with the columns ImageId (from 1) and Label.

    For a folder of pictures without classes the columns are file and label. If the data has several
    splits, only the test images get labels.
    """
    from mnistry.runs import scoring
    from mnistry.runs.directory import Run
    from mnistry.system import files
    from mnistry.system.spreadsheets import spreadsheet_text

    if output is not None:
        common.check_output(output)
    run = Run.open(run_path)
    dataset = common.load_other_data(run, origin.at(data))
    split = dataset.test or dataset.train
    if split is None:
        raise DataError("no images", where=dataset.source)
    answers = scoring.predict(run, split.images).argmax(axis=1)
    labels = [spreadsheet_text(run.data.classes[answer]) for answer in answers]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    if split is dataset.test and dataset.test_files:
        table.writerow(("file", "label"))
        table.writerows(zip(map(spreadsheet_text, dataset.test_files), labels, strict=True))
    else:
        table.writerow(("ImageId", "Label"))
        table.writerows(enumerate(labels, start=1))
    if output is None:
        click.echo(text.getvalue(), nl=False)
    else:
        files.write_bytes(output, text.getvalue().encode())
        common.say(f"wrote {len(answers):,} labels to {output}")
    common.finish(dataset)
