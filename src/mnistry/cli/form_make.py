"""``mnistry form make`` and ``mnistry form fields``: a form as a PDF, and a first FORM.toml."""

from pathlib import Path

import click

from mnistry.cli import common, options
from mnistry.cli.framework import Command
from mnistry.errors import UsageError

_MAX_COPIES = 10_000


@click.command(cls=Command)
@click.argument("definition", metavar="FORM.toml", type=options.PATH, help="What it asks for.")
@options.output("FORM.pdf", "Where to write the PDF.", required=True)
@click.option(
    "--copies",
    metavar="N",
    type=click.IntRange(1, _MAX_COPIES),
    help="Print N copies, with the serial numbers 1 to N.",
    show_default="one, without a number",
)
@click.option(
    "--each",
    metavar="LIST.csv",
    type=options.PATH,
    help="Print a copy for each row of a CSV file with headings, with what is in the row; its "
    "column serial has the numbers, or they are 1, 2, 3 …",
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
    pages = common.counted_noun(len(layout.pages) * len(printed), "page")
    common.say(f"{pages}, version {form.version}; print at 100 %, not fitted to the page")
