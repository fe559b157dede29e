"""Run a mnistry command on a disk that fails, or kill it, at a chosen change to the disk.

Every change that the command makes to a folder has a number and a name, such as ``5 replace
run/run.json``. The changes, and the epochs and steps that a training reports, are written to a log,
one JSON object a line.

    python -m torture.child --folder work --log log.jsonl -- train --data sample -o work/run
    python -m torture.child --folder work --log log.jsonl --at 5 --how kill -- train …
"""

import argparse
import builtins
import errno
import functools
import io
import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# What can happen at a change.
HOWS = (
    "kill",  # the process is killed before it
    "torn",  # the process is killed when half of the bytes are written
    "ENOSPC",  # the disk is full from then on
    "EIO",  # this change fails, and no other
    "short",  # this write writes half of the bytes, and says so
)
_TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]+\.tmp")


class Disk:
    """Counts the changes below a folder, and makes the change `at` fail in the way `how`."""

    def __init__(self, folder: Path, log: Path, at: int, how: str) -> None:
        self.folder, self.at, self.how = str(folder.resolve()), at, how
        self.count = 0
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._write = os.write

    def note(self, **entry: Any) -> None:
        """Add a line to the log; it is kept even if the process is killed."""
        self._write(self._log, json.dumps({"time": time.time(), **entry}).encode() + b"\n")

    def name(self, path: Any) -> str | None:
        """Return a file's name within the folder; for a temporary file, its final name."""
        try:
            whole = os.path.abspath(os.fsdecode(path))  # noqa: PTH100  (pathlib is being watched)
        except TypeError:
            return None
        if not whole.startswith(self.folder + os.sep):
            return None
        head, tail = os.path.split(os.path.relpath(whole, self.folder))
        temporary = _TEMPORARY.fullmatch(tail)
        return os.path.join(head, temporary[1] if temporary else tail)  # noqa: PTH118

    def change(self, kind: str, name: str, write: Callable[[float], Any]) -> Any:
        """Make a change, or make it fail; `write` makes the given part of it, 0 to 1."""
        self.count += 1
        self.note(number=self.count, change=f"{kind} {name}")
        if self.at and self.how == "ENOSPC" and self.count >= self.at and kind != "unlink":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self.count != self.at:
            return write(1.0)
        if self.how == "EIO":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if self.how in ("torn", "short") and kind == "write":
            done = write(0.5)
            if self.how == "short":
                return done
        if self.how in ("kill", "torn"):
            os.kill(os.getpid(), signal.SIGKILL)
        return write(1.0)


def watch(disk: Disk) -> None:
    """Replace Python's file functions by ones that report to the disk."""
    plain_open = io.open

    class Raw(io.FileIO):
        def write(self, data: Any) -> int:
            name = disk.name(self.name)
            part = memoryview(data).cast("B")
            if name is None:
                return super().write(part)
            return disk.change(
                "write", name, lambda share: io.FileIO.write(self, part[: round(share * len(part))])
            )

    def watched_open(
        file: Any, mode: str = "r", buffering: int = -1, encoding: Any = None, errors: Any = None,
        newline: Any = None, closefd: bool = True, opener: Any = None,
    ) -> Any:  # fmt: skip
        name = None if isinstance(file, int) else disk.name(file)
        if name is None or not set(mode) & set("wax+"):
            return plain_open(file, mode, buffering, encoding, errors, newline, closefd, opener)
        plain = mode.replace("b", "").replace("t", "")
        raw = disk.change("open", name, lambda _: Raw(file, plain, closefd, opener))
        if buffering == 0:
            return raw
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors, newline)

    builtins.open = io.open = watched_open  # type: ignore[assignment]
    for kind in ("replace", "rename", "unlink", "remove", "mkdir", "rmdir"):
        setattr(os, kind, _counted(disk, kind, getattr(os, kind)))
    plain_os_open, plain_fsync = os.open, os.fsync

    def os_open(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        name = disk.name(path) if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) else None
        if name is None:
            return plain_os_open(path, flags, *rest, **named)
        return disk.change("open", name, lambda _: plain_os_open(path, flags, *rest, **named))

    os.open = os_open

    def fsync(descriptor: Any) -> None:
        number = descriptor if isinstance(descriptor, int) else descriptor.fileno()
        name = disk.name(os.readlink(f"/proc/self/fd/{number}"))  # noqa: PTH115
        if name is None:
            plain_fsync(descriptor)
        else:
            disk.change("fsync", name, lambda _: plain_fsync(descriptor))

    os.fsync = fsync  # type: ignore[assignment]


def _counted(disk: Disk, kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(path: Any, *rest: Any, **named: Any) -> Any:
        name = disk.name(rest[0] if kind in ("replace", "rename") and rest else path)
        if name is None:
            return function(path, *rest, **named)
        return disk.change(kind, name, lambda _: function(path, *rest, **named))

    return call


def report_steps(disk: Disk, often: bool) -> None:
    """Log a training's progress; if `often`, save a checkpoint after every piece of an epoch."""
    from mnistry.training import startup

    plain_import = startup.import_keras

    def import_keras() -> None:
        plain_import()
        _watch_training(disk, often)

    startup.import_keras = import_keras


def _watch_training(disk: Disk, often: bool) -> None:
    from mnistry.training import callbacks, fit

    plain = callbacks.Records.report

    def report(self: Any, epoch: int, step: int, *rest: Any, **named: Any) -> None:
        disk.note(epoch=epoch + (step == self._steps), step=step % self._steps)
        plain(self, epoch, step, *rest, **named)

    callbacks.Records.report = report  # type: ignore[method-assign]
    if often:
        callbacks._INTERVAL = fit.SECONDS_A_PIECE = 0.0


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--at", type=int, default=0, help="which change fails; 0: none")
    parser.add_argument("--how", choices=HOWS, default="kill")
    parser.add_argument("--often", action="store_true", help="save after every piece of an epoch")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    disk = Disk(arguments.folder, arguments.log, arguments.at, arguments.how)
    from mnistry import cli

    if arguments.command[0] == "train":
        report_steps(disk, arguments.often)
    watch(disk)
    sys.argv = ["mnistry", *arguments.command]
    cli.main()


if __name__ == "__main__":
    main()
