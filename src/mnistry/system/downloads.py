"""Verified downloads: several origins, one lock, and a file that appears whole or not at all.

Knows nothing of what the files hold, nor of who shows the progress.
"""

import contextlib
import errno
import hashlib
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from mnistry.errors import CacheError, DownloadError, MnistryError, ResourceError, UsageError
from mnistry.system import files

if TYPE_CHECKING:
    import requests

Progress = Callable[[int, int | None], None]

CHUNK = 64 * 1024
HEAD = 512  # bytes of an answer that are looked at when it is not the file


def download(
    origins: Sequence[str],
    *,
    sha256: str,
    path: Path,
    max_bytes: int,
    progress: Progress | None = None,
    timeout: tuple[float, float] = (6.0, 10.0),
) -> None:
    """Fetch a file from the first origin that has it, and keep it only if its SHA-256 is right.

    Nothing is fetched if `path` already holds the file. Of several processes one downloads and
    the others wait for it. What stood at `path` before stays until the right file replaces it.

    Parameters
    ----------
    origins
        The addresses, ``http://`` or ``https://``, in the order in which they are tried.
    sha256
        The SHA-256 of the file, in hexadecimal.
    path
        Where it goes; the folder is made if need be.
    max_bytes
        An answer larger than this is broken off.
    progress
        Called with the bytes received from an origin so far and how many it announced, or None.
    timeout
        Seconds that an origin has to answer, the look-up of its name included, and the longest
        silence after that. With two origins, being offline is found out in twice the first.

    Raises
    ------
    DownloadError
        If no origin gave the file; the message has the reason for each.
    CacheError
        If the folder cannot be written.
    ResourceError
        If the disk is full.
    UsageError
        If the packages for it are not installed.
    """
    try:
        import filelock  # noqa: F401
        import pooch  # noqa: F401
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
                    answer = _receive(origin, max_bytes, timeout)
                    _write_verified(answer, file, sha256, progress)
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
    """Be the only process that writes `path`, and clear away what a killed one left beside it.

    Parameters
    ----------
    path
        A file that is written with `mnistry.system.files.atomic_write`; its folder is made if need
        be.
    wait
        Seconds to wait for another process; 0 gives up at once, -1 waits for ever.

    Raises
    ------
    ResourceError
        If another process still holds it after `wait` seconds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    holder = f"another process writes {path.name}"
    with files.lock(path.with_name(f".{path.name}.lock"), what=holder, wait=wait):
        files.remove_leftovers(path.parent, path.name)
        yield


class _OriginError(Exception):
    """Why one origin did not give the file."""


def _write_verified(
    answer: Iterator[tuple[bytes, int | None]],
    file: IO[bytes],
    sha256: str,
    progress: Progress | None,
) -> None:
    """Write an origin's answer to `file`; raise _OriginError if it is not the file wanted."""
    digest, received, head = hashlib.sha256(), 0, b""
    for chunk, total in answer:
        file.write(chunk)
        digest.update(chunk)
        received += len(chunk)
        head = head or chunk[:HEAD]
        if progress is not None:
            progress(received, total)
    if digest.hexdigest() == sha256:
        return
    if head.lstrip().lower().startswith((b"<!doctype html", b"<html")):
        raise _OriginError("the server sent a web page: does this network ask for a log-in?")
    raise _OriginError(
        f"{received:,} bytes with SHA-256 {digest.hexdigest()}, expected {sha256}: "
        "damaged on the way, or replaced"
    )


def _receive(
    origin: str, max_bytes: int, timeout: tuple[float, float]
) -> Iterator[tuple[bytes, int | None]]:
    """Yield an origin's answer piece by piece, each with the announced size or None."""
    transfer = _Transfer(max_bytes)
    threading.Thread(target=transfer.run, args=(origin, timeout), daemon=True).start()
    answer_wait, silence = timeout
    waiting_for, wait = "no answer", answer_wait
    try:
        while True:
            try:
                item = transfer.items.get(timeout=wait)
            except queue.Empty:
                raise _OriginError(f"{waiting_for} within {wait:g} s") from None
            if item is None:
                return
            if isinstance(item, Exception):
                raise _OriginError(_reason(item, transfer)) from item
            waiting_for, wait = "stalled: nothing more", silence
            if item:
                yield item, transfer.total
    finally:
        transfer.wanted = False


class _Transfer:
    """The file that pooch, in a thread, writes one origin's answer to; read through `items`.

    The thread is there for the time limits: those of requests begin anew with each of a host's
    addresses and leave out the look-up of its name, and together can take minutes when offline.
    """

    def __init__(self, max_bytes: int) -> None:
        self.items: queue.SimpleQueue[bytes | Exception | None] = queue.SimpleQueue()
        self.total: int | None = None
        self.received = 0
        self.wanted = True
        self._max_bytes = max_bytes
        self._response: requests.Response | None = None

    def run(self, origin: str, timeout: tuple[float, float]) -> None:
        """Put the answer's pieces into `items`, then None; or the exception that ended it."""
        import pooch

        fetch = pooch.HTTPDownloader(
            chunk_size=CHUNK,
            # Longer than the reader waits: these only end the thread after it has gone on.
            timeout=2 * max(timeout),
            headers={"Accept-Encoding": "identity"},
            hooks={"response": self._on_response},
        )
        try:
            fetch(origin, self, None)
            self.items.put(None)
        except Exception as error:  # handed to the reader's thread, which raises it
            self.items.put(error)
        finally:
            if self._response is not None:
                self._response.close()

    def _on_response(self, response: "requests.Response", **_: object) -> None:
        self._response = response
        # The digest is of the file as it is stored. A .gz that the server labels as "encoded"
        # would be unpacked on the way.
        response.raw.headers.pop("Content-Encoding", None)
        length = response.headers.get("Content-Length", "")
        self.total = int(length) if length.isdecimal() else None
        self.items.put(b"")

    def write(self, chunk: bytes) -> None:
        """Take a piece from pooch."""
        if not self.wanted:
            raise _OriginError("no longer wanted")
        self.received += len(chunk)
        if self.received > self._max_bytes:
            raise _OriginError(f"larger than the {self._max_bytes:,} bytes that are allowed")
        self.items.put(chunk)

    def flush(self) -> None:
        """Do nothing; pooch asks for it."""


def _reason(error: Exception, transfer: _Transfer) -> str:
    """Say in a few words why a transfer failed; an exception that is a bug is raised again."""
    import requests

    if isinstance(error, _OriginError):
        return str(error)
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP status {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        announced = "" if transfer.total is None else f": fewer than {transfer.total:,} bytes"
        return f"cut short{announced}"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy does not answer"
    if isinstance(error, requests.exceptions.SSLError):
        return "the server's certificate is not accepted"
    if isinstance(error, requests.ConnectionError):
        return "no connection: offline?"
    if isinstance(error, OSError | ValueError):
        return f"{type(error).__name__}: {error}"
    raise error


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
