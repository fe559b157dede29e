"""``mnistry form make`` and ``mnistry form fields``: a form as a PDF, and a first FORM.toml."""

from pathlib import Path

import click

from mnistry.cli import common, options
from mnistry.cli.framework import Command
from mnistry.errors import UsageError, counted_noun


@click.command(cls=Command)
@click.argument("definition", metavar="FORM.toml", type=options.PATH, help="What it asks for.")
@options.output("FORM.pdf", "Where to write the PDF.", required=True)
@click.option(
    "--copies",
    metavar="N",
    type=click.IntRange(1),
    help="Print N copies, with the serial numbers 1 to N.",
    show_default="one, without a number",
)
@click.option(
    "--each",
    metavar="LIST.csv",
    type=options.PATH,
    help="Print a copy for each row of a CSV file with headings, with the row's values on it. "
    "Serial numbers are in its column serial, or 1, 2, 3 …",
)
def make(definition: Path, output: Path, copies: int | None, each: Path | None) -> None:
    """Print a form as a PDF (PDF/A), at its true size.

    The boxes are light orange, which scanners drop. Print it at 100 %, not fitted to the page.
    """
    from mnistry.forms import copies as of_copies
    from mnistry.forms.layout import place
    from mnistry.forms.loading import load
    from mnistry.forms.printing import print_form

    common.check_output(output, definition, each)
    if copies is not None and each is not None:
        raise UsageError("--copies and --each exclude each other", remedy="give one of them")
    form = load(definition)
    layout = place(form)
    printed = [of_copies.Copy()]
    if each is not None:
        printed = list(of_copies.of_list(each))
    elif copies is not None:
        printed = list(of_copies.numbered(copies))
    content = print_form(form, layout, printed)
    common.write_output(output, content)
    pages = counted_noun(len(layout.pages) * len(printed), "page")
    common.say(f"{pages}, version {form.version}; print at 100 %, not fitted to the page")


@click.command(cls=Command)
@click.argument("blank", metavar="BLANK", type=options.PATH, help="A PDF, or a picture of paper.")
@options.output("FORM.toml", "Where to write the definition.", required=True)
@click.option(
    "--picture",
    metavar="FILE.png",
    type=options.PATH,
    help="Draw the fields with their names over the blank's first page, to see which is which.",
)
def fields(blank: Path, output: Path, picture: Path | None) -> None:
    """Find the fields of an existing form on paper, and write a first FORM.toml.

    A PDF with fields to fill in tells their names, boxes and choices. Otherwise closed boxes, combs
    and grids are found by their lines; name them yourself.
    """
    from mnistry.forms import fields as of_fields

    common.check_output(output, blank)
    if picture is not None:
        common.check_output(picture, blank, output)
    if output.exists():
        raise UsageError("exists already", where=output, remedy="choose another name")
    found = of_fields.find(blank)
    drawn = None if picture is None else of_fields.draw(found, 1)
    common.write_output(output, of_fields.to_toml(found, output).encode())
    if picture is not None and drawn is not None:
        common.write_output(picture, drawn)
    if found.overlapping:
        common.note(
            f"{counted_noun(len(found.overlapping), 'field')} left out that overlap others; see "
            "the lines that begin with #"
        )
    counts = [counted_noun(len(found.fields), "field")]
    if found.tables:
        counts.append(counted_noun(len(found.tables), "table"))
    common.say(
        f"{' and '.join(counts)} found; correct the names and types, and add what is missing"
    )
