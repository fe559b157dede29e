"""``mnistry studio``: a web page to draw and read digits, look inside networks, and train them."""

from pathlib import Path

import click

from mnistry.cli import common, options
from mnistry.cli.framework import Command


@click.command(cls=Command)
@options.HOST
@options.PORT
@options.ALLOW_HOST
@options.ALLOW_ORIGIN
@options.MODEL
@click.option(
    "--runs", metavar="DIR", type=options.PATH, default="runs", help="The folder with the runs."
)
def studio(
    host: str,
    port: int,
    allow_host: tuple[str, ...],
    allow_origin: tuple[str, ...],
    model: str | None,
    runs: Path,
) -> None:
    """Serve a web page on which to draw digits, look inside the network, and train another.

    Everything stays on this machine; pictures are never stored. A training continues when the page
    is closed. It stops when this command ends, and can be resumed.

    If others than this machine can reach it, the page's address has a token in
    it. What is sent is not encrypted.
    """
    from mnistry.studio.app import Studio, serve
    from mnistry.studio.network import Network

    from mnistry.server.guard import Access  # isort: skip (FastAPI is to be missed first)

    access = Access.listening_on(host, allow_host, allow_origin, command="mnistry studio")
    network = Network.shipped() if model is None else Network.from_path(model)
    serve(Studio(network, runs), access, port, on_ready=click.echo, say=common.say)
