"""``mnistry serve``: read pictures for other programs, over HTTP."""

import functools
from pathlib import Path

import click

from mnistry.cli import options
from mnistry.cli.framework import Command
from mnistry.system.cores import cores


@click.command(cls=Command)
@options.HOST
@options.PORT
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(1, 1024),
    help="Read with N processes. Each takes 80 to 300 MB.",
    show_default="one for each core",
)
@options.ALLOW_HOST
@options.ALLOW_ORIGIN
@click.option(
    "--root-path",
    metavar="PATH",
    default="",
    help="The path at which a proxy serves it: /digits.",
)
@click.option(
    "--proxy",
    "proxies",
    metavar="ADDRESS",
    multiple=True,
    help="Trust X-Forwarded-For and X-Forwarded-Proto from this address or network; may be given "
    "again.",
)
@click.option(
    "--access-log",
    is_flag=True,
    help="Write a line of JSON for each request to stderr; without anything that was sent or read.",
)
@click.option(
    "--form",
    "forms",
    metavar="FORM.toml",
    type=options.PATH,
    multiple=True,
    help="Read this form at /api/forms/FORM, the file's name without .toml; may be given again.",
)
@options.MODEL
@options.THRESHOLD
@options.DECIMAL_COMMA
@options.THOUSANDS
def serve(
    host: str,
    port: int,
    workers: int | None,
    allow_host: tuple[str, ...],
    allow_origin: tuple[str, ...],
    root_path: str,
    proxies: tuple[str, ...],
    access_log: bool,
    forms: tuple[Path, ...],
    model: str | None,
    threshold: float | None,
    decimal_comma: bool,
    thousands: bool,
) -> None:
    """Serve the HTTP API for other programs: numbers, tables and forms from pictures.

    Every request needs a token, as Authorization: Bearer TOKEN: that of the
    printed address, or of the environment variable MNISTRY_TOKEN. Connections
    are not encrypted; a proxy can do that. Pictures are never stored.
    """
    from mnistry.server.main import Place, serve

    place = Place(host, port, allow_host, allow_origin, root_path, proxies)
    settings = {
        "model": model,
        "threshold": threshold,
        "decimal_comma": decimal_comma,
        "thousands": thousands,
    }
    log = functools.partial(click.echo, err=True) if access_log else None
    serve(place, workers or cores(), settings, forms, on_ready=click.echo, log=log)
