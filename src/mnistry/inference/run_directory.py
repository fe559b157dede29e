"""Find the ONNX file in a run directory, and check that it is the one that the run wrote.

Knows nothing of the rest of a run; `mnistry.runs.directory` does.
"""

import json
import os
from pathlib import Path

from mnistry.errors import ModelError
from mnistry.system import files

RECORD, ONNX = "run.json", "model.onnx"


def onnx_file(path: str | os.PathLike[str]) -> Path:
    """Return the path of a run's ONNX file; any path that is not a folder is returned as it is.

    Raises
    ------
    ModelError
        If a folder is not a run's, the run is not done, or its ONNX file has changed.

    Examples
    --------
    >>> onnx_file("model.onnx").name
    'model.onnx'
    """
    folder = Path(path)
    if not folder.is_dir():
        return folder
    record = folder / RECORD
    try:
        run = json.loads(record.read_text(encoding="utf-8"))
        status, digest = run["status"], run["digests"].get(ONNX)
    except FileNotFoundError:
        raise ModelError(
            "not a run directory", where=folder, expected=f"a folder with {RECORD}"
        ) from None
    except (OSError, ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
        raise ModelError(f"not the record of a run: {error!r}", where=record) from error
    if status != "done":
        raise ModelError(
            f"the run is {status}: it has no results yet",
            where=folder,
            remedy=f"mnistry train --resume {folder}",
        )
    check_digest(folder / ONNX, digest)
    return folder / ONNX


def check_digest(path: Path, digest: str | None, remedy: str = "train the run again") -> None:
    """Raise `ModelError` unless a model file has this SHA-256.

    ONNX Runtime loads a file with flipped bits without an error.
    """
    try:
        found = files.sha256(path)
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror}", where=path) from error
    if found != digest:
        raise ModelError(
            "damaged: it has changed since it was written",
            where=path,
            expected=f"SHA-256 {digest}",
            remedy=remedy,
        )
