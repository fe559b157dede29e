"""``mnistry export``: a run's network as one file to take away."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mnistry.cli import common
from mnistry.errors import UsageError


class Format(StrEnum):
    """A file format for networks."""

    onnx = "onnx"
    keras = "keras"


def export(
    run_path: common.RunPath,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Where to.")],
    form: Annotated[
        Format | None,
        typer.Option(
            "--format", help="For ONNX Runtime, or for Keras; else by FILE's ending, or onnx."
        ),
    ] = None,
) -> None:
    """Copy a run's network to a file, checked against the run's record."""
    from mnistry.runs.directory import Run
    from mnistry.system import files

    common.check_output(output)
    ending = output.suffix.lower().removeprefix(".")
    if form is None:
        form = Format.keras if ending == "keras" else Format.onnx
    elif ending in list(Format) and ending != form:
        raise UsageError(
            f"a {form} file called .{ending}", where=output, remedy=f"--format {ending}"
        )
    run = Run.open(run_path)
    source = run.checked(run.onnx_path if form is Format.onnx else run.keras_path)
    files.write_bytes(output, source.read_bytes())
    common.stderr().print(f"wrote {output}", soft_wrap=True)
