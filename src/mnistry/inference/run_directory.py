"""Read a run directory's record, and find its ONNX file if that is as the run wrote it.

Knows nothing of the rest of a run; `mnistry.runs.directory` does.
"""

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from mnistry.errors import ModelError
from mnistry.inference import model_bytes
from mnistry.system import files

FORMAT = 1
RECORD, ONNX, DONE = "run.json", "model.onnx", "done"
_TRAIN_AGAIN = "train the run again"


class Network(NamedTuple):
    """An ONNX file, and the names of its classes; None if it is not a run's, and does not say."""

    file: Path
    classes: tuple[str, ...] | None


def find_network(path: str | os.PathLike[str]) -> Network:
    """Find the ONNX file that a path names: the file itself, or that of a run directory.

    Raises
    ------
    ModelError
        If it is neither, the run is not done, or its ONNX file has changed.

    Examples
    --------
    >>> find_network("model.onnx").file.name
    'model.onnx'
    """
    folder = Path(path)
    if folder.suffix.lower() == ".onnx" and not folder.is_dir():
        return Network(folder, None)
    record = read_record(path, f"a .onnx file, or a run directory with {RECORD}")
    try:
        adopted = record.get("adopted")
        source = None if adopted is None else adopted["source"]
        again = how_again(source, is_taught=record.get("taught") is not None)
        status, digest = record["status"], record["digests"].get(ONNX)
        classes = tuple(record["data"]["classes"])
    except (LookupError, TypeError, AttributeError) as error:
        raise damaged(folder, repr(error)) from error
    check_done(folder, status, again)
    check_digest(folder / ONNX, digest, again)
    return Network(folder / ONNX, classes)


def read_record(
    path: str | os.PathLike[str], expected: str = f"a run directory, with {RECORD}"
) -> dict[str, Any]:
    """Read the record of a run.

    Raises
    ------
    ModelError
        If there is none, or it is damaged or was written by a newer mnistry.
    """
    record = Path(path, RECORD)
    try:
        value = json.loads(record.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        error = model_bytes.refusal(path, expected)
        if (Path(path).parent / RECORD).is_file():
            error.remedy = f"give the run's folder: {Path(path).parent}"
        error.remedy = error.remedy or "list the runs with: mnistry runs list"
        raise error from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"cannot be read: {error}", where=record) from error
    version = value.pop("format", None) if isinstance(value, dict) else None
    if not isinstance(version, int):
        raise ModelError("not the record of a run", where=record)
    if version > FORMAT:
        raise ModelError(
            f"format {version} is newer than this mnistry's",
            where=record,
            expected=f"format {FORMAT}",
            remedy="install a newer mnistry",
        )
    return dict(value)


def damaged(folder: Path, why: object) -> ModelError:
    """Make the error for a record whose fields are not those of a run."""
    return ModelError(f"not the record of a run: {why}", where=folder / RECORD)


def how_again(adopted_from: str | None, *, is_taught: bool) -> str:
    """Say how to make a run again whose files are damaged."""
    if adopted_from is not None:
        return f"adopt {adopted_from} again, as another run"
    return "teach it again, as another run" if is_taught else _TRAIN_AGAIN


def check_done(folder: Path, status: str, again: str) -> None:
    """Raise `ModelError` unless a run is done; `again` says how it is made again."""
    if status != DONE:
        raise ModelError(
            f"the run is {status}: it has no results yet",
            where=folder,
            remedy=f"mnistry train --resume {folder}" if again == _TRAIN_AGAIN else again,
        )


def check_digest(path: Path, digest: str | None, again: str) -> None:
    """Raise `ModelError` unless a run's model file has this SHA-256; `again` as in `check_done`.

    ONNX Runtime loads a file with flipped bits without an error.
    """
    try:
        found = files.sha256(path)
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
        raise ModelError(what, where=path, remedy=again) from error
    if found != digest:
        raise ModelError(
            "damaged: it has changed since it was written",
            where=path,
            expected=f"SHA-256 {digest}",
            remedy=again,
        )
