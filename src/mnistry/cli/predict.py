"""``mnistry predict``: labels for images that have none, as Kaggle wants them."""

from pathlib import Path
from typing import Annotated

import typer

from mnistry.cli import common
from mnistry.errors import DataError


def predict(
    run_path: common.RunPath,
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="A name or a path, as for mnistry data.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE.csv", help="Write there instead of stdout."),
    ] = None,
    transpose: common.Transpose = False,
) -> None:
    """Write a CSV with a label for each image: ImageId from 1, Label.

    Of data with several splits the test images are labelled.
    """
    from mnistry.runs import scoring
    from mnistry.runs.directory import Run
    from mnistry.system import files

    if output is not None:
        common.check_output(output)
    run = Run.open(run_path)
    dataset = common.load_dataset(data, transpose)
    split = dataset.test or dataset.train
    if split is None:
        raise DataError("no images", where=dataset.source)
    answers = scoring.predict(run, split.images).argmax(axis=1)
    lines = ["ImageId,Label", *(f"{i},{label}" for i, label in enumerate(answers, start=1))]
    text = "\n".join(lines) + "\n"
    if output is None:
        typer.echo(text, nl=False)
    else:
        files.write_bytes(output, text.encode())
        common.stderr().print(f"wrote {len(answers):,} labels to {output}", soft_wrap=True)
    common.finish(dataset)
