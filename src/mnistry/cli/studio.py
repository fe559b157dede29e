"""``mnistry studio``: a web page to draw and read digits, look inside networks, and train them."""

from pathlib import Path

import click

from mnistry.cli import common, options
from mnistry.cli.framework import Command


@click.command(cls=Command)
@click.option(
    "--host",
    metavar="NAME",
    default="127.0.0.1",
    help="The address to listen on. If other machines can reach it, the page's address has a token "
    "in it; what is sent is not encrypted.",
)
@click.option(
    "--port",
    metavar="N",
    type=click.IntRange(0, 65_535),
    default=8000,
    help="The port to listen on; 0 chooses a free one.",
)
@options.MODEL
@click.option(
    "--runs", metavar="DIR", type=options.PATH, default="runs", help="The folder with the runs."
)
def studio(host: str, port: int, model: str | None, runs: Path) -> None:
    """Serve a web page on which to draw digits, look inside the network, and train another.

    Everything stays on this machine; pictures are never stored. A training continues when the page
    is closed. It stops when this command ends, and can be resumed.
    """
    from mnistry.studio.app import Studio, serve
    from mnistry.studio.network import Network

    network = Network.shipped() if model is None else Network.from_path(model)
    serve(Studio(network, runs), host, port, on_ready=click.echo, say=common.say)
