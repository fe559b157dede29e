"""Verified downloads: several origins, one lock, and a file that appears whole or not at all.

Knows nothing of the files' contents or of how progress is shown.
"""

import contextlib
import errno
import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from mnistry.errors import CacheError, DownloadError, MnistryError, ResourceError, UsageError
from mnistry.system import files

Progress = Callable[[int, int | None], None]

CHUNK = 64 * 1024
PAGES = (b"<!doctype html", b"<html")  # how a web page begins


def download(
    origins: Sequence[str],
    *,
    sha256: str,
    path: Path,
    max_bytes: int,
    progress: Progress | None = None,
    timeout: tuple[float, float] = (3.0, 10.0),
) -> None:
    """Fetch a file from the first origin that has it, and keep it only if its SHA-256 is right.

    Fetches nothing if `path` already holds the file. If several processes call this, one downloads
    and the others wait. An older file at `path` stays until the right one replaces it.

    Parameters
    ----------
    origins
        The addresses, ``http://`` or ``https://``, in the order in which they are tried.
    sha256
        The SHA-256 of the file, in hexadecimal.
    path
        Where to write it; a missing folder is made.
    max_bytes
        A download is stopped when it is larger than this.
    progress
        Called with the number of bytes received so far and the number announced, or None.
    timeout
        Seconds to wait for a connection, and then for each next piece.

    Raises
    ------
    DownloadError
        If no origin delivered the file; the message has the reason for each.
    CacheError
        If the folder cannot be written.
    ResourceError
        If the disk is full.
    UsageError
        If the packages for downloads are not installed.
    """
    try:
        import filelock  # noqa: F401
        import requests  # noqa: F401
    except ModuleNotFoundError as error:
        raise UsageError(
            f"downloading needs the package {error.name}", remedy="pip install 'mnistry[train]'"
        ) from None
    with _folder_errors(path.parent), sole_writer(path, wait=-1):
        if path.is_file() and files.sha256(path) == sha256:
            return
        reasons = []
        for origin in origins:
            try:
                with files.atomic_write(path) as file:
                    got = _receive(origin, file, max_bytes, progress, timeout)
                    if got != sha256:
                        raise _OriginError(
                            f"its SHA-256 is {got}, expected {sha256}; it was not kept: "
                            "damaged on the way, or replaced at its origin"
                        )
            except _OriginError as error:
                reasons.append(f"{origin} ({error})")
            else:
                return
    raise DownloadError(
        "not downloaded: " + ", ".join(reasons),
        where=path.name,
        remedy="check the network connection (behind a proxy, set HTTPS_PROXY), "
        f"or put the file at {path}",
    )


@contextlib.contextmanager
def sole_writer(path: Path, *, wait: float) -> Iterator[None]:
    """Hold the lock for writing `path`, and remove what a killed process left beside it.

    The file is written with `mnistry.system.files.atomic_write`; a missing folder is made. `wait`
    and the error are those of `mnistry.system.files.lock`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    holder = f"another process is writing {path.name}"
    with files.lock(path.with_name(f".{path.name}.lock"), what=holder, wait=wait):
        files.remove_leftovers(path.parent, path.name)
        yield


class _OriginError(Exception):
    """The reason why one origin did not deliver the file."""


def _receive(
    origin: str,
    file: IO[bytes],
    max_bytes: int,
    progress: Progress | None,
    timeout: tuple[float, float],
) -> str:
    """Write an origin's answer to `file`, and return its SHA-256."""
    import requests
    from urllib3.exceptions import HTTPError, ReadTimeoutError

    connecting, silence = timeout
    digest, received, total = hashlib.sha256(), 0, None
    try:
        with requests.get(
            origin, stream=True, timeout=timeout, headers={"Accept-Encoding": "identity"}
        ) as answer:
            if not answer.ok:
                raise _OriginError(f"HTTP status {answer.status_code} {answer.reason}")
            length = answer.headers.get("Content-Length", "")
            total = int(length) if length.isdecimal() else None
            # The digest is of the stored file: requests itself would unpack a .gz that the server
            # labels as "encoded".
            for chunk in answer.raw.stream(CHUNK, decode_content=False):
                if not received and chunk[:512].lstrip().lower().startswith(PAGES):
                    raise _OriginError(
                        "the server sent a web page: does this network need a log-in?"
                    )
                received += len(chunk)
                if received > max_bytes:
                    raise _OriginError(f"larger than the {max_bytes:,} bytes that are allowed")
                file.write(chunk)
                digest.update(chunk)
                if progress is not None:
                    progress(received, total)
    except requests.ConnectTimeout as error:
        raise _OriginError(f"no connection within {connecting:g} s: offline?") from error
    except requests.ReadTimeout as error:
        raise _OriginError(f"no answer within {silence:g} s") from error
    except requests.exceptions.ProxyError as error:
        raise _OriginError("the proxy does not answer") from error
    except requests.exceptions.SSLError as error:
        raise _OriginError("the server's certificate is not accepted") from error
    except requests.ConnectionError as error:
        raise _OriginError("no connection: offline?") from error
    except requests.RequestException as error:
        raise _OriginError(f"{type(error).__name__}: {error}") from error
    except ReadTimeoutError as error:
        raise _OriginError(f"stalled: no more data within {silence:g} s") from error
    except HTTPError as error:
        announced = "" if total is None else f": fewer than {total:,} bytes"
        raise _OriginError(f"cut short{announced}") from error
    return digest.hexdigest()


@contextlib.contextmanager
def _folder_errors(folder: Path) -> Iterator[None]:
    """Turn the system's errors about a folder into ours."""
    try:
        yield
    except MnistryError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ResourceError(
                "the disk is full", where=folder, remedy="free some space, or set MNISTRY_HOME"
            ) from error
        raise CacheError(
            f"cannot be written: {error.strerror or error}",
            where=folder,
            remedy="set MNISTRY_HOME to a folder that can be written",
        ) from error
