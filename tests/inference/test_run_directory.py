"""What a path is that should be a run or an ONNX file, and whether a run's file is as it was."""

import json
from pathlib import Path

import pytest

from mnistry.errors import ModelError
from mnistry.inference import run_directory
from mnistry.system import files

DIGITS = [str(digit) for digit in range(10)]
TRAINED, ADOPTED = None, {"source": "theirs.onnx", "digest": "12", "form": "0 to 1"}


def write_run(folder: Path, *, adopted=TRAINED, **changes: object) -> Path:
    folder.mkdir()
    onnx = folder / "model.onnx"
    onnx.write_bytes(b"\x08\x08")
    record = {
        "format": 1, "status": "done", "adopted": adopted, "data": {"classes": DIGITS},
        "digests": {"model.onnx": files.sha256(onnx)},
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record | changes))
    return folder


def said(path: Path | str) -> str:
    with pytest.raises(ModelError) as caught:
        run_directory.find_network(path)
    return str(caught.value)


def test_a_run_and_a_file_are_found(tmp_path) -> None:
    run = write_run(tmp_path / "run")
    found = run_directory.find_network(run)
    assert found == (run / "model.onnx", tuple(DIGITS))
    assert run_directory.find_network(found.file) == (found.file, None)


def test_what_is_neither_is_named(tmp_path, monkeypatch) -> None:
    expected = "expected a .onnx file, or a run directory with run.json"
    missing = said(tmp_path / "nope")
    assert missing.startswith(f"{tmp_path}/nope: no such file or folder; {expected}; list the runs")
    for path in (tmp_path, ".", ""):
        monkeypatch.chdir(tmp_path)
        assert f"a folder; {expected}; list the runs with: mnistry runs list" in said(path)
    assert said("https://example.org/runs/1").startswith("https://example.org/runs/1: a remote")
    (tmp_path / "net.pt").write_bytes(b"PK\x03\x04")
    assert "a .pt file" in said(tmp_path / "net.pt")
    saved = tmp_path / "my models"
    saved.mkdir()
    (saved / "saved_model.pb").write_bytes(b"")
    assert f"a SavedModel, which only TensorFlow opens; {expected}; convert it" in said(saved)
    assert f"--saved-model '{saved}' --output model.onnx" in said(saved)


def test_a_file_of_a_run_is_told_its_folder(tmp_path) -> None:
    run = write_run(tmp_path / "run")
    (run / "model.keras").write_bytes(b"PK\x03\x04")
    assert said(run / "model.keras").endswith(f"give the run's folder: {run}")


@pytest.mark.parametrize(
    ("adopted", "remedy"),
    [(TRAINED, "train the run again"), (ADOPTED, "adopt theirs.onnx again, as another run")],
)
def test_a_run_whose_model_has_changed_is_made_again_as_it_was(tmp_path, adopted, remedy) -> None:
    run = write_run(tmp_path / "run", adopted=adopted)
    (run / "model.onnx").write_bytes(b"\x08\x09")
    assert "damaged: it has changed since it was written" in said(run)
    assert said(run).endswith(remedy)
    (run / "model.onnx").unlink()
    assert said(run).endswith(f"model.onnx: cannot be read: No such file or directory; {remedy}")


@pytest.mark.parametrize(
    ("adopted", "remedy"),
    [(TRAINED, "mnistry train --resume "), (ADOPTED, "adopt theirs.onnx again, as another run")],
)
def test_a_run_that_is_not_done_has_no_network_yet(tmp_path, adopted, remedy) -> None:
    run = write_run(tmp_path / "run", adopted=adopted, status="running")
    assert f"the run is running: it has no results yet; {remedy}" in said(run)


@pytest.mark.parametrize("change", [{"digests": None}, {"data": {}}, {"adopted": 1}], ids=str)
def test_a_record_without_what_is_needed_is_refused(tmp_path, change) -> None:
    assert "run.json: not the record of a run" in said(write_run(tmp_path / "run", **change))


def test_fault_75_a_record_of_a_newer_version_is_refused(tmp_path) -> None:
    run = write_run(tmp_path / "run", format=2)
    assert said(run).endswith("expected format 1; install a newer mnistry")
