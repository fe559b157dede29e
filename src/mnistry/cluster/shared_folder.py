"""Check that every worker sees the same folder, by a marker file in it.

Knows nothing of Ray.
"""

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path

from mnistry.errors import ResourceError


@contextlib.contextmanager
def marked(folder: Path) -> Iterator[Path]:
    """Keep a marker file in a folder during the block; make the folder if it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder.resolve() / f".seen-{secrets.token_hex(4)}"
    mark.touch()
    try:
        yield mark
    finally:
        mark.unlink(missing_ok=True)


def check_visible(mark: Path, worker: str) -> None:
    """Raise `ResourceError` if this machine does not see the marker file."""
    if not mark.exists():
        raise ResourceError(
            f"{worker} does not see this folder",
            where=mark.parent,
            expected="a folder that all machines of the cluster share",
            remedy="choose an -o in such a folder",
        )
