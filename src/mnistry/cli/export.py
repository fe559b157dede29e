"""``mnistry export``: a run's network as one file."""

from pathlib import Path

import click

from mnistry.cli import common, options
from mnistry.cli.framework import Command
from mnistry.errors import UsageError

_FORMATS = ("onnx", "keras")


@click.command(cls=Command)
@options.RUN
@options.output("FILE", "The file to write.", required=True)
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    help="The file's format: for ONNX Runtime, or for Keras.",
    show_default="by FILE's ending",
)
def export(run_path: Path, output: Path, form: str | None) -> None:
    """Copy a run's network to a file, after checking it against the run's record."""
    from mnistry.runs.directory import Run

    common.check_output(output)
    ending = output.suffix.lower().removeprefix(".")
    # ONNX Runtime takes any name, but Keras and mnistry go by the ending.
    if ending not in _FORMATS or form not in (None, ending):
        raise UsageError(
            f"the ending .{ending}" if ending else "a name without an ending",
            where=output,
            expected=" or ".join(f".{name}" for name in ([form] if form else _FORMATS)),
        )
    run = Run.open(run_path)
    source = run.checked(run.onnx_path if ending == "onnx" else run.keras_path)
    common.write_output(output, source.read_bytes())
