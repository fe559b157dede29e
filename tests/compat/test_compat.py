"""What the build before the redesign left behind (see make.py) still opens, scores and goes on."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import mnistry
from mnistry.cluster import connection
from tests.cli.conftest import mnistry_command

__all__ = ["mnistry_command"]

MADE = Path(__file__).parent / "made"
SAID = json.loads((MADE / "said.json").read_text())


def test_a_run_of_the_build_before_opens_with_its_history_and_scores(mnistry_command) -> None:
    run = mnistry.Run.open(MADE / "done")
    assert (run.status, run.recipe.units, run.seed, run.data.name) == ("done", 12, 3, "sample")
    assert len(run.epochs()) == 12
    test = run.scores().test
    assert test is not None
    assert test.correct == SAID["evaluate"]["correct"]
    shown = mnistry_command("runs", "show", MADE / "done")
    assert shown.code == 0, shown.err
    assert "87.60%" in shown.out.replace(" %", "%")


def test_a_run_of_the_build_before_scores_the_same(mnistry_command) -> None:
    result = mnistry_command("evaluate", MADE / "done", "--json")
    assert result.code == 0, result.err
    value = json.loads(result.out)
    # The weights are the file's; only the order of a sum differs from processor to processor.
    assert value["loss"] == pytest.approx(SAID["evaluate"]["loss"], abs=1e-5)
    assert {name: value[name] for name in ("count", "correct", "confusion")} == {
        name: SAID["evaluate"][name] for name in ("count", "correct", "confusion")
    }


@pytest.mark.parametrize("name", ["exported.onnx", "exported.keras"])
def test_a_run_of_the_build_before_exports_a_network_of_the_same_answers(
    mnistry_command, tmp_path: Path, name: str
) -> None:
    result = mnistry_command("export", MADE / "done", "-o", tmp_path / name)
    assert result.code == 0, result.err
    _, (images, _) = mnistry.load("sample")
    old, new = (_answers(folder / name, images) for folder in (MADE, tmp_path))
    np.testing.assert_allclose(new, old, atol=1e-6)


def test_files_exported_by_the_build_before_answer_as_they_were_scored() -> None:
    _, (images, labels) = mnistry.load("sample")
    for name in ("exported.onnx", "exported.keras"):
        right = int((_answers(MADE / name, images).argmax(axis=1) == labels).sum())
        assert right == SAID["evaluate"]["correct"]


def test_a_digit_is_read_with_a_network_of_the_build_before() -> None:
    _, (images, _) = mnistry.load("sample")
    picture = np.pad(255 - images[0], 20, constant_values=255)
    reading = mnistry.Reader(model=MADE / "exported.onnx").read(picture)
    assert len(reading.digits) == 1


def test_a_training_cut_off_in_an_epoch_by_the_build_before_goes_on_where_it_was(
    mnistry_command, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(MADE / "cut", tmp_path / "cut"))
    result = mnistry_command("train", "--resume", run, "--json")
    assert result.code == 0, result.err
    value = json.loads(result.out)
    # The first two epochs are the checkpoint's; in the others a processor's rounding adds up.
    for i, (epoch, whole) in enumerate(zip(value["epochs"], SAID["whole"], strict=True)):
        for name in ("loss", "val_loss"):
            assert epoch[name] == pytest.approx(whole[name], rel=1e-6 if i < 2 else 0.1)
    assert mnistry.Run.open(run).status == "done"


def test_a_sweep_of_the_build_before_trains_nothing_twice(
    mnistry_command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "connected", lambda _: pytest.fail("nothing needs a cluster"))
    out = Path(shutil.copytree(MADE / "sweep", tmp_path / "sweep"))
    ended, table = ((out / name).read_text() for name in ("ended.jsonl", "results.csv"))
    settings = ("--data", "sample", "--units", "2,4", "--epochs", "1", "--batch-size", "400")
    result = mnistry_command("sweep", *settings, "-o", out)
    assert result.code == 0, result.err
    assert (out / "ended.jsonl").read_text() == ended
    assert (out / "results.csv").read_text() == table
    assert not list((out / "runs").iterdir())


def _answers(path: Path, images: np.ndarray) -> np.ndarray:
    if path.suffix == ".onnx":
        session = onnxruntime.InferenceSession(path)
        return np.asarray(session.run(None, {"image": images})[0])
    from mnistry.networks import keras_files

    return np.asarray(keras_files.load(path).predict(images, verbose=0))
