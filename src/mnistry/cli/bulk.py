"""``mnistry read --ray``: pictures in bulk, by a Ray cluster."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mnistry.cli import common
from mnistry.errors import IncompleteError, UsageError

if TYPE_CHECKING:
    pass


def read_in_bulk(
    paths: list[str], output: Path, address: str, model: Path | None, threshold: float | None
) -> None:
    """Read pictures into Parquet tables, and say how many."""
    from mnistry.cluster import bulk_reading, connection
    from mnistry.display.progress import counted
    from mnistry.reading import Reader

    if "-" in paths:
        raise UsageError("--ray reads no standard input", remedy="write it to a file")
    Reader(model, threshold=threshold)  # what is refused is refused before anything is started
    settings = bulk_reading.Settings(None if model is None else model.read_bytes(), threshold)
    with (
        common.quiet_libraries(),
        connection.connected(address) as cores,
        counted("reading") as show,
    ):
        done = bulk_reading.read(paths, output, settings, cores=cores, on_progress=show)
    now = done.pictures - done.before
    click.echo(f"{now:,} pictures read, {done.before:,} were before: {output}")
    for failure in done.failed:
        common.stderr().print(failure, soft_wrap=True)
    if done.failures:
        raise IncompleteError(
            f"{done.failures:,} of {done.pictures:,} pictures could not be read; the rest was",
            where=output,
            remedy="read them into another folder when they are mended; of those that could not be "
            "opened there is no row: the same command tries them again",
        )
