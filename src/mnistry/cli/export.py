"""``mnistry export``: a run's network as one file to take away."""

from pathlib import Path

import click

from mnistry.cli import common, options
from mnistry.cli.framework import Command
from mnistry.errors import UsageError

_FORMATS = ("onnx", "keras")


@click.command(cls=Command)
@options.RUN
@click.option(
    "-o", "--output", metavar="FILE", type=options.PATH, required=True, help="Where to write."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    help="For ONNX Runtime, or for Keras.",
    show_default="by FILE's ending, or onnx",
)
def export(run_path: Path, output: Path, form: str | None) -> None:
    """Copy a run's network to a file, checked against the run's record."""
    from mnistry.runs.directory import Run
    from mnistry.system import files

    common.check_output(output)
    ending = output.suffix.lower().removeprefix(".")
    if form is None:
        form = "keras" if ending == "keras" else "onnx"
    elif ending in _FORMATS and ending != form:
        raise UsageError(
            f"a {form} file called .{ending}", where=output, remedy=f"--format {ending}"
        )
    run = Run.open(run_path)
    source = run.checked(run.onnx_path if form == "onnx" else run.keras_path)
    files.write_bytes(output, source.read_bytes())
    common.stderr().print(f"wrote {output}", soft_wrap=True)
