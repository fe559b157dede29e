"""``mnistry studio``: a web page to draw, read, look inside and train."""

from pathlib import Path

import click

from mnistry.cli import common, options
from mnistry.cli.framework import Command
from mnistry.errors import UsageError

# What the studio's extra brings.
_EXTRA = {"anyio", "fastapi", "h11", "pydantic", "python_multipart", "starlette", "uvicorn"}


@click.command(cls=Command)
@click.option(
    "--host",
    metavar="NAME",
    default="127.0.0.1",
    help="Where to listen. Beyond this machine the address has a token in it, and all that is "
    "sent can be read on the way.",
)
@click.option(
    "--port",
    metavar="N",
    type=click.IntRange(0, 65_535),
    default=8000,
    help="0 takes one that is free.",
)
@options.MODEL
@click.option(
    "--runs", metavar="DIR", type=options.PATH, default="runs", help="Where the runs are."
)
def studio(host: str, port: int, model: str | None, runs: Path) -> None:
    """Serve a page on which to draw digits, look inside the network, and train another.

    Everything stays on this machine; pictures are never stored. A training goes on when the page
    is closed, and stops, to be gone on with, when this command ends.
    """
    try:
        from mnistry.studio.app import Studio, serve
        from mnistry.studio.network import Network
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        raise UsageError(
            f"this command needs {error.name}, which is not installed",
            remedy="pip install 'mnistry[studio]'",
        ) from error
    network = Network.shipped() if model is None else Network.from_path(model)
    serve(
        Studio(network, runs),
        host,
        port,
        on_ready=click.echo,
        say=lambda text: common.stderr().print(text, soft_wrap=True),
    )
