"""``mnistry doctor``: explain, in text and in one picture, why digits are read as they are."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mnistry.cli import common, options
from mnistry.cli.framework import Command
from mnistry.cli.read import notices, open_reader
from mnistry.errors import UsageError, counted_noun, printable
from mnistry.percent import confidence

if TYPE_CHECKING:
    from mnistry.doctor.examine import Case, Diagnosis

_CHANGES = 3  # how many changes that would change its answer are printed for a digit
_WIDTH = 34  # the column of names, in characters


@click.command(cls=Command)
@click.argument("path", metavar="FILE", type=options.PATH, help="A picture or a PDF.")
@click.option(
    "--page",
    metavar="N",
    type=click.IntRange(1),
    help="The page to show.",
    show_default="the first",
)
@options.output(
    "PICTURE.png",
    "The picture to draw.",
    show_default="FILE's name with -doctor.png, in this folder",
)
@options.MODEL
@options.THRESHOLD
@options.JSON
def doctor(
    path: Path,
    page: int | None,
    output: Path | None,
    model: str | None,
    threshold: float | None,
    as_json: bool,
) -> None:
    """Show why digits are read as they are, from the photo to the 28x28 image.

    Prints its findings and draws them as one picture: each step and what the
    network reads in it, the most similar of MNIST's prototypes, and the smallest
    change that would change the answer.
    """
    drawn = _own_name(path) if output is None else output
    if drawn.suffix.lower() != ".png":
        raise UsageError("not a PNG file", where=drawn, expected="a name ending in .png")
    common.check_output(drawn, path)
    from mnistry.doctor import sheet
    from mnistry.doctor.examine import examine
    from mnistry.system import files

    reader = open_reader(model, threshold=threshold)
    with notices():
        diagnosis = examine(reader, path, page)
    files.write_bytes(drawn, sheet.png(diagnosis, path.name))
    if as_json:
        common.print_json({"file": str(path), "picture": str(drawn), **diagnosis.to_json()})
    else:
        _print(path, diagnosis)
    common.say(f"wrote {drawn}")


def _own_name(path: Path) -> Path:
    """Return the default name.

    Raise `UsageError` if a file of that name exists and this command did not draw it.
    """
    drawn = Path(f"{path.stem}-doctor.png")
    if drawn.exists() and not _is_drawn(drawn):
        raise UsageError("exists already", where=drawn, remedy="choose another name with -o")
    return drawn


def _is_drawn(path: Path) -> bool:
    """Return whether this command drew a file."""
    from PIL import Image

    from mnistry.doctor import sheet

    try:
        with Image.open(path, formats=("PNG",)) as image:
            return image.info.get("Software") == sheet.MADE_BY
    except (OSError, SyntaxError, ValueError):  # Pillow's errors about other files
        return False


def _print(path: Path, diagnosis: "Diagnosis") -> None:
    from mnistry.doctor.examine import format_answer

    reading = diagnosis.reading
    paper = "light" if diagnosis.ink.paper_is_light else "dark"
    click.echo(f"{printable(str(path))}: {' / '.join(reading.lines) or 'no digit'}")
    click.echo(f"{counted_noun(len(reading.digits), 'digit')} on {paper} paper")
    for note in reading.notes:
        click.echo(f"note: {note}")
    click.echo()
    click.echo("the naive way: the whole picture")
    for stage in diagnosis.naive:
        click.echo(f"  {stage.name:{_WIDTH}}{format_answer(stage.digit)}")
    if len(diagnosis.cases) < len(reading.digits):
        click.echo(f"\nthe {len(diagnosis.cases)} least certain digits")
    for case in diagnosis.cases:
        _print_case(case)


def _print_case(case: "Case") -> None:
    from mnistry.doctor.examine import format_answer

    others = ", ".join(f"{c.digit}  {confidence(c.confidence)}" for c in case.digit.candidates[1:])
    click.echo(f"\ndigit {case.number}: {format_answer(case.digit)}, then {others}")
    for stage in case.stages:
        click.echo(f"  {stage.name:{_WIDTH}}{format_answer(stage.digit)}")
    decided, _, why = case.decision.partition(": ")
    click.echo(f"  {decided:{_WIDTH}}{why}")
    near = ", ".join(f"{found.label} ({found.distance:.2f} away)" for found in case.nearest)
    click.echo(f"  {'nearest of the prototypes':{_WIDTH}}{near}")
    click.echo(f"  what would change it{'' if case.changes else ': nothing that was tried'}")
    for change in case.changes[:_CHANGES]:
        click.echo(f"    {change.name:{_WIDTH - 2}}{format_answer(change.digit)}")
