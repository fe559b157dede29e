"""Run a program whose changes to a folder are counted, and let one of them fail; or cut the power.

`child.py` watches what Python does. This also sees what SQLite does: ``disk.c`` is compiled, and
loaded before the C library. From its log the folder can be rebuilt as it may be after the power is
cut: without all that was written and not yet flushed.
"""

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Change:
    """A change to the folder: its kind, paths below the folder, where it begins, and its data."""

    kind: str
    path: str
    other: str
    offset: int
    data: bytes


@functools.cache
def _library() -> Path:
    place = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    command = ["cc", "-shared", "-fPIC", "-O1", "-o", place / "disk.so"]
    subprocess.run([*command, Path(__file__).with_name("disk.c")], check=True)
    return place / "disk.so"


def run(
    command: Sequence[object], folder: Path, log: Path, at: int = 0, how: str = "log"
) -> subprocess.CompletedProcess[str]:
    """Run a program; the change `at` fails as `torture.child.HOWS` says, 0 for none."""
    watched = {
        "LD_PRELOAD": str(_library()),
        "DISK_FOLDER": str(folder.resolve()),
        "DISK_LOG": str(log),
        "DISK_AT": str(at),
        "DISK_HOW": how,
    }
    return subprocess.run(
        list(map(str, command)),
        cwd=ROOT,
        env={**os.environ, **watched},
        capture_output=True,
        text=True,
        timeout=300,
    )


def changes(log: Path, folder: Path) -> list[Change]:
    """Read a log."""
    found, content, at = [], log.read_bytes(), 0
    root = str(folder.resolve())
    while at < len(content):
        end = content.index(b"\n", at)
        kind, path, other, offset, size = content[at:end].decode().split("\t")
        at = end + 1 + int(size)
        names = (os.path.relpath(name, root) if name else "" for name in (path, other))
        found.append(Change(kind, *names, int(offset), content[end + 1 : at]))
    return found


@dataclass
class _File:
    """A file's content, and what of it has been flushed to the disk; None for a folder."""

    content: bytearray | None = field(default_factory=bytearray)
    flushed: bytes = b""


def cut_power(before: Path, log: Sequence[Change], folder: Path, *, names_at_once: bool) -> None:
    """Make the folder as it may be if the power is cut after the changes of a log.

    Parameters
    ----------
    before
        The folder as it was before the first change.
    log
        The changes up to the cut.
    folder
        Where to make it.
    names_at_once
        Whether new, changed and removed names are on the disk at once; otherwise only once their
        folder was flushed.
    """
    names: dict[str, _File] = {}
    for path in sorted(before.rglob("*")) if before.exists() else ():
        own = None if path.is_dir() else path.read_bytes()
        made = _File(None) if own is None else _File(bytearray(own), own)
        names[str(path.relative_to(before))] = made
    lasting = dict(names)
    for one in log:
        file = names.get(one.path)
        if one.kind == "create":
            names[one.path] = _File()
        elif one.kind == "mkdir":
            names.setdefault(one.path, _File(None))
        elif one.kind == "rename":
            names[one.other] = names.pop(one.path)
        elif one.kind == "unlink":
            names.pop(one.path, None)
        elif one.kind == "fsync" and (one.path == "." or (file and file.content is None)):
            lasting = {k: v for k, v in lasting.items() if os.path.dirname(k) != _below(one.path)}  # noqa: PTH120
            lasting |= {k: v for k, v in names.items() if os.path.dirname(k) == _below(one.path)}  # noqa: PTH120
        elif file is not None and file.content is not None:
            if one.kind == "fsync":
                file.flushed = bytes(file.content)
            elif one.kind == "cut":
                file.content[:] = file.content[: one.offset].ljust(one.offset, b"\0")
            else:
                file.content[:] = file.content.ljust(one.offset, b"\0")
                file.content[one.offset : one.offset + len(one.data)] = one.data
        if names_at_once:
            lasting = dict(names)
    for name, file in sorted(lasting.items()):
        if file.content is None:
            (folder / name).mkdir(exist_ok=True)
        elif (folder / name).parent.is_dir():
            (folder / name).write_bytes(file.flushed)


def _below(folder: str) -> str:
    return "" if folder == "." else folder
