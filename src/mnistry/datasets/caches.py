"""The folders of downloaded datasets: our own cache, and Keras's, which is only read.

Knows nothing of the files in them.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from mnistry.errors import DataError, DownloadError
from mnistry.system.downloads import Progress, download
from mnistry.system.files import cache_dir

_Content = TypeVar("_Content")


def own() -> Path:
    """Return our folder of datasets; it is not created here."""
    return cache_dir() / "datasets"


def keras() -> Path:
    """Return Keras's folder of datasets: below ``$KERAS_HOME``, else ``~/.keras``."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path("~/.keras")).expanduser() / "datasets"


def find_or_download(
    name: str,
    read: Callable[[Path], _Content],
    origins: Sequence[str],
    *,
    sha256: str,
    max_bytes: int,
    progress: Progress | None,
) -> tuple[_Content, tuple[str, ...]]:
    """Read a file from our cache or Keras's, or download it into ours.

    `read` raises `DataError` if a file is damaged or the wrong one; the file is then kept and
    skipped, and a notice is returned too. The other parameters are those of
    `mnistry.system.downloads.download`.
    """
    ours = own() / name
    notices: list[str] = []
    for cached in (ours, keras() / name):
        try:
            if cached.exists():
                return read(cached), tuple(notices)
        except (DataError, OSError) as error:  # OSError: a folder that cannot be accessed
            notices.append(f"skipped {error}")
    try:
        download(origins, sha256=sha256, path=ours, max_bytes=max_bytes, progress=progress)
    except DownloadError as error:
        error.what = "; ".join([error.what, *notices])
        raise
    return read(ours), tuple(notices)
