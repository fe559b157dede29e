"""``mnistry studio``: a web page to draw, read, look inside and train."""

from pathlib import Path
from typing import Annotated

import typer

from mnistry.cli import common
from mnistry.cli.read import Model
from mnistry.errors import UsageError

# What the studio's extra brings.
_EXTRA = {"anyio", "fastapi", "h11", "pydantic", "python_multipart", "starlette", "uvicorn"}


def studio(
    host: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Where to listen. Beyond this machine the address has a token in it, and all "
            "that is sent can be read on the way.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65_535, metavar="N", help="0 takes one that is free.")
    ] = 8000,
    model: Model = None,
    runs: Annotated[Path, typer.Option(metavar="DIR", help="Where the runs are.")] = Path("runs"),
) -> None:
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
        on_ready=typer.echo,
        say=lambda text: common.stderr().print(text, soft_wrap=True),
    )
