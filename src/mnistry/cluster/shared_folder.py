"""A folder that every worker must see: a mark in it tells whether one looks into another.

Knows nothing of Ray.
"""

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path

from mnistry.errors import ResourceError


@contextlib.contextmanager
def marked(folder: Path) -> Iterator[Path]:
    """Leave a mark in a folder while the block runs; the folder is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder.resolve() / f".seen-{secrets.token_hex(4)}"
    mark.touch()
    try:
        yield mark
    finally:
        mark.unlink(missing_ok=True)


def must_see(mark: Path, worker: str) -> None:
    """Raise `ResourceError` where the mark is not seen."""
    if not mark.exists():
        raise ResourceError(
            f"{worker} does not see it",
            where=mark.parent,
            expected="a folder that all machines of the cluster share",
            remedy="choose an -o in one",
        )
