"""Files written whole or not at all, locks, and the cache folder.

Knows nothing of the files' contents.
"""

import contextlib
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from mnistry.errors import ResourceError

_TOKEN_BYTES = 6
_TEMPORARY = re.compile(rf"\.(.+)\.[0-9a-f]{{{2 * _TOKEN_BYTES}}}\.tmp")


def cache_dir() -> Path:
    """Return the folder for downloads and caches: ``$MNISTRY_HOME``, else the platform's.

    The folder is not created here.
    """
    home = os.environ.get("MNISTRY_HOME")
    if home:
        return Path(home).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("mnistry", appauthor=False)


@contextlib.contextmanager
def atomic_write(path: Path, mode: int = 0o666) -> Iterator[IO[bytes]]:
    """Open a binary file that replaces `path` only when the block ends without an error.

    The bytes go to a temporary file beside `path`, which is flushed to the disk and renamed; then
    the folder is flushed. After a crash at any moment `path` has its old or its new content, never
    a part of it.

    Parameters
    ----------
    path
        The file to write; its folder must exist.
    mode
        The file's permissions, less those that the process's umask withholds.

    Examples
    --------
    >>> target = Path(getfixture("tmp_path")) / "note.txt"
    >>> with atomic_write(target) as file:
    ...     _ = file.write(b"whole")
    >>> target.read_bytes()
    b'whole'
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(_TOKEN_BYTES)}.tmp")
    try:
        with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in (None, str(temporary)):
            error.filename = str(path)  # for messages: if the disk is full, the system names none
        raise
    fsync_folder(path.parent)


def path_text(path: str | Path) -> str:
    r"""Return a path as text; bytes in it that are not UTF-8 are written as ``\xff``.

    The system's names are bytes. A process in the C locale knows no other characters than ASCII.

    Examples
    --------
    >>> path_text(os.fsdecode(b"gr\xc3\xb6\xdfe.png"))
    'grö\\xdfe.png'
    """
    text = os.fspath(path)
    if text.isascii():
        return text  # without a copy
    return os.fsencode(text).decode("utf-8", "backslashreplace")


def leftover_of(name: str) -> str | None:
    """Return the target's name if `name` is a temporary file of `atomic_write`, else None.

    Examples
    --------
    >>> leftover_of(".run.json.0123456789ab.tmp"), leftover_of("run.json"), leftover_of(".my.tmp")
    ('run.json', None, None)
    """
    match = _TEMPORARY.fullmatch(name)
    return None if match is None else match[1]


def remove_leftovers(folder: Path, name: str | None = None) -> None:
    """Remove temporary files that killed processes left in a folder: of `name`, or of every file.

    Call only while holding the folder's lock.
    """
    for path in folder.iterdir() if folder.is_dir() else ():
        target = leftover_of(path.name)
        if target is not None and name in (None, target):
            path.unlink(missing_ok=True)


def fsync_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk, where the platform can (Windows cannot)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with atomic_write(path) as file:
        file.write(content)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all; NaN and infinity are refused."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_bytes(path, (text + "\n").encode())


@contextlib.contextmanager
def lock(path: Path, *, what: str, wait: float = 0.0) -> Iterator[None]:
    """Hold the lock file `path` during the block; the system releases it if the process dies.

    Parameters
    ----------
    path
        The lock file; made if missing, and left behind.
    what
        Who holds it, for the message: ``"another training writes to this run"``.
    wait
        Seconds to wait for it; 0 gives up at once, -1 waits without limit.

    Raises
    ------
    ResourceError
        If it is still held after `wait` seconds.
    """
    import filelock

    try:
        with filelock.FileLock(path, timeout=wait):
            yield
    except filelock.Timeout:
        raise ResourceError(what, where=path.parent, remedy="wait for it to end") from None


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
