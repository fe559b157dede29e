"""Draw the pages of PDFs with PDFium, at the resolution of the scan on them; list form fields.

PDFium works in another process (`mnistry.images.pdf_process`) with a limit of time and of memory.
Nothing in a document is run or fetched: PDFium is built without JavaScript and XFA, and neither
links, attachments nor forms' actions are looked at.
"""

import atexit
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from mnistry.errors import DataError, ResourceError

# Seconds for opening a document, and for drawing a page.
MAX_SECONDS = 20.0
_PROGRAM = Path(__file__).with_name("pdf_process.py")


class Pdf:
    """An open PDF.

    Parameters
    ----------
    source
        A whole file, or the path of one, whose pages are read as they are needed.
    where
        Its name, for messages.
    max_pixels
        The most pixels that a page is drawn with, and that a picture on it may have.

    Attributes
    ----------
    count
        The number of its pages.

    Raises
    ------
    DataError
        If it is encrypted or damaged.
    """

    def __init__(self, source: bytes | Path, where: str, max_pixels: int) -> None:
        self._source, self._where, self._max_pixels = source, where, max_pixels
        self._process: _Process | None = None
        try:
            self.count = self._opened()[1]
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Leave the process to the next document."""
        if self._process is not None:
            _keep(self._process)
        self._process = None

    def draw(
        self, number: int, side: int | None
    ) -> tuple[NDArray[np.uint8], tuple[int, int], float]:
        """Draw a page.

        Parameters
        ----------
        number
            From 1.
        side
            If the longer side has twice as many pixels or more, the page is drawn at a half, a
            quarter or an eighth of its size. None draws it whole.

        Returns
        -------
        pixels, size, dpi
            ``uint8``, shape ``(rows, columns, 3)``: red, green, blue; the page's height and width
            at the scan's resolution; that resolution.

        Raises
        ------
        DataError
            If the page is damaged, or takes too much time or memory to draw.
        """
        process = self._process or self._opened()[0]
        answer, pixels = self._ask(process, {"page": number - 1, "side": side}, number)
        height, width = answer["size"]
        shape = answer["rows"], answer["columns"], 3
        return np.frombuffer(pixels, np.uint8).reshape(shape), (height, width), answer["dpi"]

    def fields(self) -> list[dict[str, Any]]:
        """List the form fields: the dicts of `mnistry.images.pdf_process`, boxes in points.

        Raises
        ------
        DataError
            If the document is damaged, or has too many.
        """
        process = self._process or self._opened()[0]
        answer, _ = self._ask(process, {"fields": True}, None)
        fields: list[dict[str, Any]] = answer["fields"]
        return fields

    def _opened(self) -> "tuple[_Process, int]":
        """Open the document; after its process has ended, in another one."""
        self._process = process = _start(self._max_pixels)
        if isinstance(self._source, bytes):
            asked = {"open": None, "bytes": len(self._source)}
            answer, _ = self._ask(process, asked, None, self._source)
        else:
            answer, _ = self._ask(process, {"open": str(self._source.absolute())}, None)
        return process, answer["count"]

    def _ask(
        self, process: "_Process", asked: dict[str, Any], number: int | None, content: bytes = b""
    ) -> tuple[dict[str, Any], bytes]:
        where = self._where if number is None else f"{self._where}, page {number}"
        answer, pixels = process.ask(asked, content)
        if "error" not in answer:
            return answer, pixels
        if process.has_ended:
            self._process = None
        said = answer["error"]
        if "password" in said:
            raise DataError(
                "encrypted: it needs a password",
                where=where,
                remedy="open it with the password and print it to a new PDF",
            )
        what = said if answer.get("refused") else f"a damaged PDF: {said}"
        raise DataError(what, where=where, remedy="print it to a new PDF, at a lower resolution")


class _Process:
    """A process that draws pages."""

    def __init__(self, max_pixels: int) -> None:
        self.key = os.getpid(), max_pixels
        try:
            self._process = subprocess.Popen(  # noqa: S603 (our own program)
                [sys.executable, "-P", "-S", _PROGRAM, str(max_pixels)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        except OSError as error:
            raise ResourceError(
                f"no process can be started to draw PDFs: {error.strerror}", where=sys.executable
            ) from error

    @property
    def has_ended(self) -> bool:
        """Whether it has been given up."""
        return self._process.returncode is not None

    def ask(self, asked: dict[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
        """Send a request; return the answer, and a page's pixels."""
        timer = threading.Timer(MAX_SECONDS, self._process.kill)
        timer.start()
        try:
            out, into = cast(IO[bytes], self._process.stdin), cast(IO[bytes], self._process.stdout)
            out.write(json.dumps(asked).encode() + b"\n" + content)
            out.flush()
            answer: dict[str, Any] = json.loads(into.readline())
            size = 3 * answer.get("rows", 0) * answer.get("columns", 0)
            pixels = into.read(size)
            if len(pixels) == size:
                return answer, pixels
        except (OSError, ValueError):  # it has died
            pass
        finally:
            late = not timer.is_alive()
            timer.cancel()
            timer.join()
        self.end()
        what = f"it takes longer than {MAX_SECONDS:g} s" if late else "it takes too much memory"
        return {"error": f"{what}, or PDFium fails", "refused": True}, b""

    def end(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


_lock = threading.Lock()
_idle: list[_Process] = []  # one at most, for the next document


def _start(max_pixels: int) -> _Process:
    """Return an idle process, or a new one."""
    with _lock:
        if _idle and _idle[0].key == (os.getpid(), max_pixels):
            return _idle.pop()
    return _Process(max_pixels)


def _keep(process: _Process) -> None:
    with _lock:
        if not _idle and process.key[0] == os.getpid():
            _idle.append(process)
            return
    process.end()


@atexit.register
def _end_idle() -> None:
    with _lock:
        while _idle:
            process = _idle.pop()
            if process.key[0] == os.getpid():
                process.end()
