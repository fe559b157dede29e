"""``mnistry export``: a run's network as one file."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mnistry.cli import common, options
from mnistry.cli.framework import Command
from mnistry.errors import UsageError

if TYPE_CHECKING:
    from mnistry.runs.directory import Run
    from mnistry.studio.one_file import OneFile

_ENDINGS = {"onnx": "onnx", "keras": "keras", "int8": "onnx", "html": "html"}


@click.command(cls=Command)
@click.argument(
    "run_path",
    metavar="[RUN]",
    required=False,
    type=options.PATH,
    help="A run directory; without it the built-in network, as .onnx or .html.",
)
@options.output("FILE", "The file to write.", required=True)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(tuple(_ENDINGS)),
    help="The file's format: for ONNX Runtime, for Keras, for ONNX Runtime in eight bits, smaller "
    "and faster, or as a page for any browser, which draws, reads and explains without a server.",
    show_default="by FILE's ending",
)
def export(run_path: Path | None, output: Path, file_format: str | None) -> None:
    """Copy a run's network to a file, after checking it against the run's record.

    With --format int8 the file is written only if at most one in a thousand held-out training
    images is answered differently.
    """
    from mnistry.runs.directory import Run

    common.check_output(output)
    ending = output.suffix.lower().removeprefix(".")
    # ONNX Runtime takes any name, but Keras and mnistry go by the ending.
    endings = [_ENDINGS[file_format]] if file_format else ["onnx", "keras", "html"]
    if ending not in endings:
        raise UsageError(
            f"the ending .{ending}" if ending else "a name without an ending",
            where=output,
            expected=" or ".join(f".{name}" for name in endings),
        )
    if run_path is None:
        content = _built_in(ending, file_format)
    elif ending == "keras":
        run = Run.open(run_path)
        content = run.checked(run.keras_path).read_bytes()
    elif ending == "html":
        content = _page(Run.open(run_path))
    elif file_format == "int8":
        content = _int8(Run.open(run_path))
    else:
        content = _with_notes(Run.open(run_path))
    common.write_output(output, content)


def _built_in(ending: str, file_format: str | None) -> bytes:
    """Return the built-in network, which has no Keras model."""
    from mnistry.datasets import Origin
    from mnistry.reading.built_in import SHIPPED, built_in_card
    from mnistry.studio import one_file

    if ending == "keras" or file_format == "int8":
        raise UsageError(
            f"the built-in network as {file_format or ending}",
            expected="--format onnx or html",
            remedy="name a run directory",
        )
    built_in_card()  # checks the file
    if ending == "onnx":
        return SHIPPED.read_bytes()
    return _report_page(one_file.of_built_in(common.load_dataset(Origin())))


def _page(run: "Run") -> bytes:
    """Return the page of a run's network."""
    from mnistry.studio import one_file

    return _report_page(one_file.of_run(run, common.load_own_data(run)))


def _report_page(made: "OneFile") -> bytes:
    """Print how the page's network differs from the original; return the page."""
    network, content = made.network, made.page.encode()
    common.say(
        f"html: {network.numbers:,} numbers in {network.bits} bits; {network.changed:,} of "
        f"{network.count:,} training images are answered differently, and no probability "
        f"changes by more than {network.difference:.4f}; {len(content) / 1e6:.2f} MB"
    )
    return content


def _with_notes(run: "Run") -> bytes:
    """Return a run's ONNX file; add the metadata that runs of earlier versions lack."""
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
