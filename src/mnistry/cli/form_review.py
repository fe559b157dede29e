"""``mnistry form review`` and ``audit``: a person looks at fields in the browser."""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mnistry.cli import common, options
from mnistry.cli.form_read import DIR, RISK, open_batch
from mnistry.cli.framework import Command
from mnistry.errors import counted_noun, printable

if TYPE_CHECKING:
    from mnistry.forms.review import Audit

REVIEWER = click.option(
    "--reviewer",
    metavar="NAME",
    help="Who decides; kept with each decision.",
    show_default="your login name",
)


def login_name() -> str:
    """Return the name of the user; empty if there is none."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # a user without a name, as in containers
        return ""


@click.command(cls=Command)
@DIR
@RISK
@click.option(
    "--second",
    is_flag=True,
    help="Show the fields that somebody else decided, and hide what they decided. Where you "
    "differ, a third person decides in mnistry form review.",
)
@REVIEWER
@options.PORT
def review(folder: Path, risk: str | None, second: bool, reviewer: str | None, port: int) -> None:
    """Look at the fields that are to be checked, in the browser, until Ctrl-C.

    Pages that were not recognised come first: you say which page of the form
    each of them is, and click on four of its points. Then each field is shown
    as a picture. Enter confirms what was read; where the readings disagree or a
    rule is broken, type what is written. Each decision is kept before the next
    field is shown, and is never changed by reading again.
    """
    from mnistry.forms import risk as of_risk
    from mnistry.forms.review import Review
    from mnistry.studio.review import serve

    asked = None if risk is None else of_risk.parse(risk)
    store, form = open_batch(folder)
    with store:
        if risk is not None:
            of_risk.keep(store, asked)
        who = login_name() if reviewer is None else reviewer
        session = Review(form, store, who, second=second)
        pages, fields = session.counts
        if pages:
            common.say(f"{counted_noun(pages, 'page')} to be placed")
        common.say(f"{counted_noun(fields, 'field')} to be looked at")
        if session.unseen:
            common.note(f"{session.unseen:,} more to be checked, of which there is no picture")
        if session.unseen_pages:
            pages_aside = counted_noun(session.unseen_pages, "page")
            common.note(
                f"{pages_aside} set aside cannot be placed: the files are not where they were"
            )
        if pages or fields:
            serve(session, port, on_ready=click.echo)


@click.command(cls=Command)
@DIR
@click.option(
    "--fields",
    metavar="N",
    type=click.IntRange(1, 100_000),
    default=750,
    help="The size of the sample. If none of 750 fields is wrong, fewer than 40 in 10,000 of all "
    "are, with 95 % confidence.",
)
@REVIEWER
@options.PORT
@options.JSON
def audit(folder: Path, fields: int, reviewer: str | None, port: int, as_json: bool) -> None:
    """Find out how many ok fields are wrong: type a random sample of them.

    The fields are drawn from every sheet and shown in the browser without what
    was read. Run it again to go on; the report follows at the end.
    """
    from mnistry.forms.review import Audit
    from mnistry.studio.review import serve

    store, form = open_batch(folder)
    with store:
        session = Audit(form, store, login_name() if reviewer is None else reviewer)
        session.draw(fields)
        left = len(session.names())
        if left:
            common.say(f"{counted_noun(left, 'field')} to be typed")
        try:
            if left:
                serve(session, port, on_ready=common.say)
        finally:  # Ctrl-C ends the server
            _report(session, as_json=as_json)


def _report(session: "Audit", *, as_json: bool) -> None:
    from mnistry.evaluation.statistics import exact
    from mnistry.studio.review import summary

    found = session.report()
    if as_json:
        low, high = exact(len(found.wrong), found.counted) if found.counted else (0.0, 1.0)
        differences = [{"field": at, "read": read, "typed": said} for at, read, said in found.wrong]
        common.print_json(
            {
                "drawn": found.drawn, "typed": found.typed, "unreadable": found.unreadable,
                "wrong": len(found.wrong), "low": low, "high": high, "differences": differences,
            }
        )  # fmt: skip
        return
    for name, read, typed in found.wrong:
        click.echo(printable(f"{name}: read {read}, typed {typed}"))
    if found.typed < found.drawn:
        common.note(f"{found.drawn - found.typed:,} of {found.drawn:,} are not typed yet")
    if found.unreadable:
        common.note(f"{found.unreadable:,} could not be read by a person, and are not counted")
    click.echo(summary(found))
    if found.wrong:
        common.note("mnistry form review shows those that nobody has decided yet")
