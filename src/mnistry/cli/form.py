"""``mnistry form``: forms on paper, printed, filled in by hand, and read."""

import click

from mnistry.cli import form_make, form_read
from mnistry.cli.framework import Group

_STEPS = """\
1. Define  what it asks for, in FORM.toml
2. Print   mnistry form make FORM.toml -o FORM.pdf --copies 30
             at 100 %, not fitted to the page; then let people fill it in
3. Read    mnistry form read FORM.toml scans/ -o OUT.csv
             photos, or scans in grey with 300 dots per inch
4. Check   what OUT.csv marks as uncertain, or as breaking a rule\
"""


@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
def form(context: click.Context) -> None:
    """Print forms, and read what people wrote in them."""
    if context.invoked_subcommand is None:
        click.echo(_STEPS)


form.add_command(form_make.make)
for command in (form_read.read, form_read.export, form_read.compare, form_read.forget):
    form.add_command(command)
