"""A process that reads pictures for the server: ``python -m mnistry.server.worker``.

`mnistry.server.workers` starts it. A message is a line of JSON. The first on stdin has the settings
of a `mnistry.Reader`, and the paths of forms; its answer is ``{}``, or an error that prevents the
start. Every later message is a `Task`, and every answer to it an `Answer` or an error. The line's
``bytes`` says how many bytes, of the picture or of the answer, follow the line. The process ends
when stdin is closed. No picture is kept.
"""

import functools
import gc
import json
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import IO, Any

import cv2

from mnistry.errors import DataError, MnistryError, Notice
from mnistry.reading import Reader
from mnistry.server import answers
from mnistry.server.tasks import Answer, Task


def main() -> None:
    """Answer messages until stdin is closed."""
    # The server decides when its workers end: it still needs them after Ctrl-C, or a SIGTERM that
    # the system sends to every process of a service.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    warnings.simplefilter("ignore", Notice)
    cv2.setNumThreads(1)  # each core has a worker
    # Only answers go to stdout. What libraries write to stdout or stderr, of damaged files, is
    # dropped.
    out, log = os.fdopen(os.dup(1), "wb"), os.fdopen(os.dup(2), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    settings = json.loads(sys.stdin.buffer.readline())
    paths = settings.pop("forms", ())
    forms = {}
    try:
        reader = Reader(threads=1, **settings)
        if paths:
            from mnistry.server import form_answers

            forms = form_answers.load(paths, reader)
    except MnistryError as error:
        _send(out, _error(error))
        return
    # The garbage collector need not look at what is loaded, because it stays, and seldom at the
    # rest, because reading creates no reference cycles.
    gc.freeze()
    gc.set_threshold(50_000)
    _send(out, {})
    while line := sys.stdin.buffer.readline():
        header = json.loads(line)
        task = Task(content=sys.stdin.buffer.read(header.pop("bytes")), **header)
        _answer(functools.partial(answers.answer, reader, task, forms), out, log)


def _answer(work: Callable[[], Answer], out: IO[bytes], log: IO[str]) -> None:
    try:
        done = work()
    except MnistryError as error:
        _send(out, _error(error))
    except MemoryError:
        _send(out, _error(DataError("not enough memory for it", remedy="send a smaller copy")))
    except Exception:
        traceback.print_exc(file=log)
        log.flush()
        _send(out, {"error": None})
    else:
        _send(out, {"media_type": done.media_type, "pages": done.pages}, done.body)


def _error(error: MnistryError) -> dict[str, Any]:
    parts = {name: getattr(error, name) for name in ("what", "where", "expected", "remedy")}
    return {"error": parts, "exit_code": error.exit_code}


def _send(out: IO[bytes], header: dict[str, Any], body: bytes = b"") -> None:
    out.write(json.dumps({**header, "bytes": len(body)}).encode() + b"\n" + body)
    out.flush()


if __name__ == "__main__":
    main()
