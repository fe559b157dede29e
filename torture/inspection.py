"""Check a run directory with other libraries instead of mnistry's own code."""

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import onnxruntime


def unsound(run: Path) -> list[str]:
    """List the damaged files of a run directory; the run may be in any state."""
    return [
        f"{path.relative_to(run)}: {problem}"
        for path in sorted(run.rglob("*"))
        if path.is_file() and not path.name.startswith(".") and (problem := _problem(path))
    ]


def _problem(path: Path) -> str | None:
    try:
        if path.suffix in (".npz", ".keras"):
            with zipfile.ZipFile(path) as archive:
                return archive.testzip()
        elif path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        elif path.suffix == ".csv":
            rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
            return None if len({len(row) for row in rows}) == 1 else "rows of several lengths"
        elif path.suffix == ".onnx":
            onnxruntime.InferenceSession(path)
        else:
            return "unknown file"
    except Exception as error:
        return repr(error)
    return None


def outcome(run: Path) -> dict[str, Any] | None:
    """Return a training's results, without times; None if it is not done."""
    record = json.loads((run / "run.json").read_text())
    if record["status"] != "done":
        return None
    with zipfile.ZipFile(run / "model.keras") as archive:
        weights = _arrays(archive.read("model.weights.h5"))
    last = max((run / "checkpoints").glob("*.npz"))
    with np.load(last) as arrays:
        state = {name: arrays[name].tobytes() for name in arrays.files if name != "record"}
    with (run / "history.csv").open() as file:
        rows = [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]
    return {
        "onnx": (run / "model.onnx").read_bytes(),
        "weights": weights,
        "state": state,
        "history": rows,
        "scores": json.loads((run / "scorecard.json").read_text()),
    }


def _arrays(content: bytes) -> dict[str, bytes]:
    """Return the arrays of an HDF5 file; the file itself also contains the time."""
    found = {}

    def note(name: str, entry: h5py.Dataset | h5py.Group) -> None:
        if isinstance(entry, h5py.Dataset):
            found[name] = entry[()].tobytes()

    with h5py.File(io.BytesIO(content)) as file:
        file.visititems(note)
    return found
