"""``mnistry studio``: a web page to draw and read digits, look inside networks, and train them."""

import contextlib
from pathlib import Path

import click

from mnistry.cli import common, options
from mnistry.cli.form_review import login_name
from mnistry.cli.framework import Command
from mnistry.errors import UsageError


@click.command(cls=Command)
@options.HOST
@options.PORT
@options.ALLOW_HOST
@options.ALLOW_ORIGIN
@options.MODEL
@click.option(
    "--runs", metavar="DIR", type=options.PATH, default="runs", help="The folder with the runs."
)
@click.option(
    "--batch",
    metavar="DIR",
    type=options.PATH,
    help="Offer the review of this batch of forms too, as mnistry form review does; on this "
    "machine only, and the page's address has a token in it.",
)
@click.option(
    "--form",
    "forms",
    metavar="FORM.toml",
    type=options.PATH,
    multiple=True,
    help="Offer to read pictures as pages of this form; may be given again.",
)
def studio(
    host: str,
    port: int,
    allow_host: tuple[str, ...],
    allow_origin: tuple[str, ...],
    model: str | None,
    runs: Path,
    batch: Path | None,
    forms: tuple[Path, ...],
) -> None:
    """Serve a web page on which to draw digits, look inside the network, and train another.

    Everything stays on this machine; pictures are never stored. A training continues when the page
    is closed. It stops when this command ends, and can be resumed.

    If others than this machine can reach it, the page's address has a token in
    it. Connections are not encrypted.
    """
    from mnistry.studio.app import Studio, serve
    from mnistry.studio.network import Network

    # After the studio, so that the error for a missing FastAPI names the remedy.
    from mnistry.server.guard import Access, is_loopback  # isort: skip

    if batch is not None and not is_loopback(host):
        raise UsageError("--batch is for this machine alone", remedy="leave out --host")
    access = Access.listening_on(host, allow_host, allow_origin, command="mnistry studio")
    network = Network.shipped() if model is None else Network.from_path(model, runs)
    readers = None
    if forms:
        from mnistry.server import form_answers

        readers = form_answers.load(map(str, forms), network.reader)
    with contextlib.ExitStack() as stack:
        review = None
        if batch is not None:
            from mnistry.cli.form_read import open_batch
            from mnistry.forms.review import Review

            store, form = open_batch(batch)
            review = Review(form, stack.enter_context(store), login_name())
        serve(
            Studio(network, runs, review, readers),
            access,
            port,
            on_ready=click.echo,
            say=common.say,
        )
