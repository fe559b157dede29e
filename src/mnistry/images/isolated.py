"""Decode files in another process, with a limit of time and of memory.

A damaged file can crash PDFium and libheif, or keep them busy without end; that ends only the other
process, `mnistry.images.decoder_process`. One process is kept for the next file.
"""

import atexit
import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any, cast

from mnistry.errors import ResourceError

# The module that decodes a file, by the ending of the file's name.
_MODULES = {".pdf": "pypdfium2", ".heic": "pi_heif", ".heif": "pi_heif"}
# Seconds for opening a file, and for decoding a page.
MAX_SECONDS = 20.0
_PROGRAM = Path(__file__).with_name("decoder_process.py")


class DecodingError(Exception):
    """The other process could not decode the file, or it has ended.

    Attributes
    ----------
    reason
        Why it could not.
    is_refused
        Whether the page would take too much time or memory; otherwise it is damaged.
    """

    def __init__(self, reason: str, *, is_refused: bool) -> None:
        super().__init__(reason)
        self.reason, self.is_refused = reason, is_refused


class Opened:
    """A file that is open in the other process.

    Parameters
    ----------
    kind
        ``"pdf"`` or ``"heic"``.
    source
        The content of a file, or its path; then parts of it are read as they are needed.
    settings
        Other values for the decoder of this kind.

    Attributes
    ----------
    facts
        What the decoder said of the file.

    Raises
    ------
    DecodingError
        If it cannot be opened.
    """

    def __init__(self, kind: str, source: bytes | Path, **settings: Any) -> None:
        self._asked = {"open": kind, "path": None, **settings}
        self._content = b""
        if isinstance(source, bytes):
            self._asked["bytes"], self._content = len(source), source
        else:
            self._asked["path"] = str(source.absolute())
        self._process: _Process | None = None
        try:
            self.facts = self._opened()
        except BaseException:
            self.close()
            raise

    def ask(self, **asked: Any) -> tuple[dict[str, Any], bytes]:
        """Decode a page, or list fields; return the decoder's answer, and a page's pixels.

        Raises
        ------
        DecodingError
            If it is damaged, or takes too much time or memory.
        """
        if self._process is None:  # it ended at another page
            self._opened()
        return self._ask(asked, b"")

    def close(self) -> None:
        """Leave the process to the next file."""
        if self._process is not None:
            _keep(self._process, {"close": True})
        self._process = None

    def _opened(self) -> dict[str, Any]:
        self._process = _start()
        return self._ask(self._asked, self._content)[0]

    def _ask(self, asked: dict[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
        process = cast(_Process, self._process)
        answer, pixels = process.ask(asked, content)
        if process.has_ended:
            self._process = None
        if "error" in answer:
            raise DecodingError(answer["error"], is_refused=answer.get("refused", False))
        return answer, pixels


class _Process:
    """A process that decodes."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        try:
            self._process = subprocess.Popen(  # noqa: S603 (our own program)
                [sys.executable, "-P", "-S", _PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        except OSError as error:
            raise ResourceError(
                f"no process can be started to decode a file: {error.strerror}",
                where=sys.executable,
            ) from error

    @property
    def has_ended(self) -> bool:
        """Whether it has been killed."""
        return self._process.returncode is not None

    def ask(self, asked: dict[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
        """Send a request; return the answer, and a page's pixels."""
        timer = threading.Timer(MAX_SECONDS, self._process.kill)
        timer.start()
        try:
            self.tell(asked, content)
            into = cast(IO[bytes], self._process.stdout)
            answer: dict[str, Any] = json.loads(into.readline())
            pixels = into.read(answer.get("bytes", 0))
            if len(pixels) == answer.get("bytes", 0):
                return answer, pixels
        except (OSError, ValueError):  # it has died
            pass
        finally:
            late = not timer.is_alive()
            timer.cancel()
            timer.join()
        self.end()
        what = f"it takes longer than {MAX_SECONDS:g} s" if late else "it takes too much memory"
        return {"error": f"{what}, or its decoder fails", "refused": True}, b""

    def tell(self, asked: dict[str, Any], content: bytes = b"") -> None:
        """Send a request."""
        out = cast(IO[bytes], self._process.stdin)
        out.write(json.dumps(asked).encode() + b"\n" + content)
        out.flush()

    def end(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


_lock = threading.Lock()
_idle: list[_Process] = []  # one at most, for the next file


def prepare(name: str) -> None:
    """Start the process before a file is opened, if the file's name says that it will be needed.

    It starts and imports its decoder while the caller does something else. What fails here fails
    again when the file is opened.
    """
    module = _MODULES.get(Path(name).suffix.lower())
    if module is not None:
        with contextlib.suppress(ResourceError):
            _keep(_start(), {"import": module})


def _start() -> _Process:
    """Return an idle process, or a new one."""
    with _lock:
        if _idle and _idle[0].owner == os.getpid():
            return _idle.pop()
    return _Process()


def _keep(process: _Process, asked: dict[str, Any]) -> None:
    """Keep a process for the next file, with a request that has no answer; or end it."""
    with _lock:
        if not _idle and process.owner == os.getpid():
            try:
                process.tell(asked)
            except OSError:  # it has died
                process.end()
            else:
                _idle.append(process)
            return
    process.end()


@atexit.register
def _end_idle() -> None:
    with _lock:
        while _idle:
            process = _idle.pop()
            if process.owner == os.getpid():
                process.end()
