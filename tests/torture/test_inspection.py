import shutil
from pathlib import Path

import keras
import pytest

import mnistry
from torture.inspection import outcome, unsound


@pytest.mark.parametrize(
    "name",
    ["run.json", "model.keras", "model.onnx", "scorecard.json", "history.csv", "checkpoints/*.npz"],
)
def test_a_file_that_is_cut_off_is_found(
    finished_run: "mnistry.Run", tmp_path: Path, name: str
) -> None:
    run = shutil.copytree(finished_run.path, tmp_path / "run")
    assert unsound(run) == []
    path = max(run.glob(name))
    path.write_bytes(path.read_bytes()[: -path.stat().st_size // 3])
    assert [problem.partition(":")[0] for problem in unsound(run)] == [str(path.relative_to(run))]


def test_another_onnx_file_gives_another_outcome(
    finished_run: "mnistry.Run", tmp_path: Path
) -> None:
    run = shutil.copytree(finished_run.path, tmp_path / "run")
    assert outcome(run) == outcome(finished_run.path) is not None
    content = bytearray((run / "model.onnx").read_bytes())
    content[-1] ^= 1
    (run / "model.onnx").write_bytes(content)
    assert outcome(run) != outcome(finished_run.path)


def test_other_weights_only_in_the_keras_file_give_another_outcome(
    finished_run: "mnistry.Run", tmp_path: Path
) -> None:
    run = shutil.copytree(finished_run.path, tmp_path / "run")
    model = keras.models.load_model(run / "model.keras")
    model.save(run / "model.keras")  # only the times in the file change
    assert outcome(run) == outcome(finished_run.path)
    model.set_weights([weight + 1 for weight in model.get_weights()])
    model.save(run / "model.keras")
    assert outcome(run) != outcome(finished_run.path)
