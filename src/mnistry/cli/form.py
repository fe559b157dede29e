"""``mnistry form``: forms on paper, printed, filled in by hand, and read."""

import click

from mnistry.cli import form_digits, form_make, form_read, form_review
from mnistry.cli.framework import Group

_STEPS = """\
1. Define  what it asks for, in FORM.toml: write it, or begin with a blank that you have:
             mnistry form fields BLANK.pdf -o FORM.toml
2. Print   mnistry form make FORM.toml -o FORM.pdf --copies 30
             at 100 %, not fitted to the page; then let people fill it in
3. Read    mnistry form read FORM.toml scans/ --batch DIR
             photos, or scans in grey with 300 dots per inch
4. Check   mnistry form review DIR
             in the browser: what was not sure, or breaks a rule
5. Use     mnistry form export DIR -o OUT.csv
             mnistry form audit DIR tells how many values that seemed sure are wrong\
"""


@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
def form(context: click.Context) -> None:
    """Print forms, and read what people wrote in them."""
    if context.invoked_subcommand is None:
        click.echo(_STEPS)


for command in (
    form_make.make, form_make.fields, form_read.read, form_read.export, form_read.compare,
    form_read.forget, form_review.review, form_review.audit,
    form_digits.digits,
):  # fmt: skip
    form.add_command(command)
