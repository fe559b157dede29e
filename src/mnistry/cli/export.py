"""``mnistry export``: a run's network as one file."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mnistry.cli import common, options
from mnistry.cli.framework import Command
from mnistry.errors import UsageError

if TYPE_CHECKING:
    from mnistry.runs.directory import Run

_ENDINGS = {"onnx": "onnx", "keras": "keras", "int8": "onnx"}


@click.command(cls=Command)
@options.RUN
@options.output("FILE", "The file to write.", required=True)
@click.option(
    "--format",
    "form",
    type=click.Choice(tuple(_ENDINGS)),
    help="The file's format: for ONNX Runtime, for Keras, or for ONNX Runtime in eight bits, "
    "smaller and faster.",
    show_default="by FILE's ending",
)
def export(run_path: Path, output: Path, form: str | None) -> None:
    """Copy a run's network to a file, after checking it against the run's record.

    With --format int8 the file is written only if at most one in a thousand held-out training
    images is answered differently.
    """
    from mnistry.runs.directory import Run

    common.check_output(output)
    ending = output.suffix.lower().removeprefix(".")
    # ONNX Runtime takes any name, but Keras and mnistry go by the ending.
    endings = [_ENDINGS[form]] if form else ["onnx", "keras"]
    if ending not in endings:
        raise UsageError(
            f"the ending .{ending}" if ending else "a name without an ending",
            where=output,
            expected=" or ".join(f".{name}" for name in endings),
        )
    run = Run.open(run_path)
    if ending == "keras":
        content = run.checked(run.keras_path).read_bytes()
    elif form == "int8":
        content = _int8(run)
    else:
        content = _with_notes(run)
    common.write_output(output, content)


def _with_notes(run: "Run") -> bytes:
    """Return a run's ONNX file; runs of earlier versions get their notes now."""
    from mnistry.inference import metadata

    source = run.checked(run.onnx_path)
    content = source.read_bytes()
    if metadata.read(content, str(source)):
        return content
    return metadata.add(content, run.notes(run.scores()))


def _int8(run: "Run") -> bytes:
    from mnistry.runs.compact import quantized

    dataset = common.load_own_data(run)
    with common.quiet_libraries():
        content, found = quantized(run, dataset)
    sizes = len(content) / 1e6, run.onnx_path.stat().st_size / 1e6
    common.say(
        f"int8: {found.changed:,} of {found.count:,} held-out training images are answered "
        f"differently; {found.speed:.1f} times as fast as float32 here (one thread, 1,000 images "
        f"at a time); {sizes[0]:.2f} instead of {sizes[1]:.2f} MB"
    )
    return content
