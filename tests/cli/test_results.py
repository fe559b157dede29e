"""The commands that look at finished runs."""

import csv
import dataclasses
import json
import re
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import mnistry
from mnistry import recipes
from mnistry.reading.built_in import SHIPPED


def test_evaluate_prints_the_whole_scorecard(mnistry_command, finished_run) -> None:
    result = mnistry_command("evaluate", finished_run.path)
    assert result.code == 0
    for text in (
        "1,000 test images of sample", "95 % interval", "nats", "bits", "gap", "confidence",
        "calibration", "precision", "most confused", "most confident mistakes", "labelled",
    ):  # fmt: skip
        assert text in result.out


def test_evaluate_on_other_data_says_which(mnistry_command, finished_run, mnist_home) -> None:
    value = json.loads(
        mnistry_command("evaluate", finished_run.path, "--data", "mnist", "--json").out
    )
    assert (value["data"], value["split"], value["count"]) == ("mnist", "test", 10_000)
    assert value["undisputed"]["count"] == 9_985
    assert value["gap"] is None


def test_evaluate_loads_no_keras(finished_run) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from mnistry import cli\n"
        f"sys.argv = ['mnistry', 'evaluate', {str(finished_run.path)!r}]\n"
        "try: cli.main()\n"
        "except SystemExit as end: assert not end.code\n"
        "assert not {'keras', 'jax', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_other_data_is_scored_though_the_runs_own_is_gone(
    mnistry_command, finished_run, tmp_path
) -> None:
    shutil.copytree(finished_run.path, tmp_path / "run")
    record = tmp_path / "run" / "run.json"
    value = json.loads(record.read_text())
    value["data"]["given"] = str(tmp_path / "gone.npz")
    record.write_text(json.dumps(value))
    assert mnistry_command("evaluate", tmp_path / "run").code == 3
    scored = mnistry_command("evaluate", tmp_path / "run", "--data", "sample", "--json")
    assert (scored.code, json.loads(scored.out)["count"]) == (0, 1000)


@pytest.fixture
def counted_from_one(finished_run, tmp_path) -> tuple[Path, Path]:
    """A run on a file where 10 stands for zero, and that file."""
    _, (images, labels) = mnistry.load("sample")
    path = tmp_path / "from_one.npz"
    np.savez(path, images=images, labels=np.where(labels == 0, 10, labels))
    shutil.copytree(finished_run.path, tmp_path / "run")
    record = tmp_path / "run" / "run.json"
    value = json.loads(record.read_text())
    value["data"] |= {"given": str(path), "relabel": ["10=0"]}
    record.write_text(json.dumps(value))
    return tmp_path / "run", path


def test_a_runs_own_file_is_read_as_for_the_training(
    mnistry_command, finished_run, counted_from_one, monkeypatch
) -> None:
    run, path = counted_from_one
    monkeypatch.chdir(path.parent)
    result = mnistry_command("evaluate", run, "--data", f"./{path.name}", "--json")
    assert "read as the run's own data: --relabel 10=0" in result.err
    own = json.loads(mnistry_command("evaluate", finished_run.path, "--json").out)
    assert json.loads(result.out)["accuracy"] == own["accuracy"]
    assert mnistry_command("predict", run, path).code == 0
    assert mnistry_command("explain", run, "--data", path, "--split", "train").code == 0
    assert "--relabel 10=0" in mnistry_command("runs", "show", run).out
    # Options that are given replace the run's own: counted from 1, hardly a label is right.
    given = mnistry_command("evaluate", run, "--data", path, "--labels-from", "1", "--json")
    assert json.loads(given.out)["accuracy"] < 0.2


def test_other_data_is_read_as_it_is_and_the_runs_options_are_named(
    mnistry_command, counted_from_one, unlabelled, tmp_path
) -> None:
    run, path = counted_from_one
    shutil.copy(path, tmp_path / "other.npz")
    refused = mnistry_command("evaluate", run, "--data", tmp_path / "other.npz")
    assert refused.code == 3
    assert "the run's own data is read with --relabel 10=0: add that" in refused.err
    result = mnistry_command("evaluate", run, "--data", tmp_path / "other.npz", "--label", "10=0")
    assert result.code == 0
    assert "own data" not in result.err
    with np.load(path) as arrays:
        np.savez(tmp_path / "zero.npz", images=arrays["images"], labels=arrays["labels"] % 10)
    result = mnistry_command("evaluate", run, "--data", tmp_path / "zero.npz")
    assert result.code == 0
    assert "note: the run's own data is read with --relabel 10=0" in result.err
    # Data without labels needs no --relabel, nor does a dataset that has a name of its own.
    assert "own data" not in mnistry_command("predict", run, unlabelled).err
    assert "own data" not in mnistry_command("evaluate", run, "--data", "sample").err


@pytest.fixture
def unlabelled(tmp_path) -> Path:
    _, (images, _) = mnistry.load("sample")
    path = tmp_path / "test.csv"
    rows = [[f"pixel{i}" for i in range(784)], *images[:20].reshape(20, 784).tolist()]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_predict_writes_what_kaggle_wants(
    mnistry_command, finished_run, unlabelled, tmp_path
) -> None:
    out = tmp_path / "answers.csv"
    assert mnistry_command("predict", finished_run.path, unlabelled, "-o", out).code == 0
    lines = out.read_text().splitlines()
    _, (images, _) = mnistry.load("sample")
    expected = finished_run.model().predict(images[:20], verbose=0).argmax(axis=1)
    assert lines == ["ImageId,Label", *(f"{i},{n}" for i, n in enumerate(expected, start=1))]
    assert mnistry_command("predict", finished_run.path, unlabelled).out == out.read_text()


def test_fault_29_unlabelled_images_are_neither_trained_on_nor_scored(
    mnistry_command, finished_run, unlabelled
) -> None:
    assert mnistry_command("train", "--data", unlabelled).code == 3
    assert mnistry_command("evaluate", finished_run.path, "--data", unlabelled).code == 3


def test_export_copies_a_model_that_works(mnistry_command, finished_run, tmp_path) -> None:
    assert mnistry_command("export", finished_run.path, "-o", tmp_path / "net.onnx").code == 0
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    answer = session.run(None, {"image": np.zeros((1, 28, 28), np.uint8)})[0]
    assert answer.sum() == pytest.approx(1)
    result = mnistry_command(
        "export", finished_run.path, "--format", "keras", "-o", tmp_path / "net.keras"
    )
    assert result.code == 0
    assert (tmp_path / "net.keras").read_bytes() == finished_run.keras_path.read_bytes()


def test_export_writes_a_page_and_says_what_fewer_bits_change(
    mnistry_command, finished_run, tmp_path
) -> None:
    result = mnistry_command("export", finished_run.path, "-o", tmp_path / "net.html")
    assert result.code == 0
    assert re.search(
        r"html: 25,450 numbers in 16 bits; \d+ of 400 training images are answered "
        r"differently, and no probability changes by more than 0\.00\d\d; 0\.\d\d MB",
        result.err,
    )
    assert (tmp_path / "net.html").read_text("utf-8").startswith("<!doctype html>")


def test_export_without_a_run_takes_the_built_in_network(mnistry_command, tmp_path) -> None:
    assert mnistry_command("export", "-o", tmp_path / "net.onnx").code == 0
    assert (tmp_path / "net.onnx").read_bytes() == SHIPPED.read_bytes()
    result = mnistry_command("export", "-o", tmp_path / "net.keras")
    assert result.code == 2
    assert "the built-in network as keras; expected --format onnx or html; name a run" in result.err


def test_runs_are_listed_shown_and_compared(mnistry_command, finished_run) -> None:
    folder = finished_run.path.parent
    listed = mnistry_command("runs", "list", "--folder", folder)
    assert "small" in listed.out
    assert "done" in listed.out
    shown = mnistry_command("runs", "show", finished_run.path).out
    assert "rmsprop" in shown
    assert "test accuracy" in shown
    value = json.loads(
        mnistry_command("runs", "compare", finished_run.path, finished_run.path, "--json").out
    )
    assert value["p_value"] == 1
    assert "no significant difference" in value["verdict"]


@pytest.mark.parametrize(
    "arguments",
    [("evaluate",), ("plot",), ("runs", "show"), ("export", "-o", "x.onnx")],
    ids=lambda arguments: arguments[0],
)
def test_a_folder_that_is_no_run_is_a_model_error(
    mnistry_command, tmp_path, monkeypatch, arguments
) -> None:
    monkeypatch.chdir(tmp_path)
    result = mnistry_command(*arguments, tmp_path)
    assert result.code == 5
    assert "a folder; expected a run directory" in result.err
    assert not list(tmp_path.iterdir())


def test_the_ending_of_a_file_chooses_its_format(mnistry_command, finished_run, tmp_path) -> None:
    assert mnistry_command("export", finished_run.path, "-o", tmp_path / "net.keras").code == 0
    assert (tmp_path / "net.keras").read_bytes() == finished_run.keras_path.read_bytes()


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("net.tflite", (), "the ending .tflite; expected .onnx or .keras or .html"),
        ("net", (), "a name without an ending; expected .onnx or .keras or .html"),
        ("net.onnx", ("--format", "keras"), "the ending .onnx; expected .keras"),
        ("net.tflite", ("--format", "onnx"), "the ending .tflite; expected .onnx"),
        ("net.onnx", ("--format", "html"), "the ending .onnx; expected .html"),
    ],
)
def test_an_ending_of_another_format_is_refused(
    mnistry_command, finished_run, tmp_path, name, options, expected
) -> None:
    result = mnistry_command("export", finished_run.path, *options, "-o", tmp_path / name)
    assert (result.code, list(tmp_path.iterdir())) == (2, [])
    assert expected in result.err


@pytest.mark.parametrize("command", ["export", "predict"])
def test_a_folder_is_no_place_for_a_file(mnistry_command, finished_run, tmp_path, command) -> None:
    data = ("sample",) if command == "predict" else ()
    result = mnistry_command(command, finished_run.path, *data, "-o", tmp_path)
    assert (result.code, result.err.count("\n")) == (2, 1)


def test_runs_that_are_listed_as_json_are_one_object(mnistry_command, finished_run) -> None:
    listed = mnistry_command("runs", "list", "--folder", finished_run.path.parent, "--json")
    (run,) = json.loads(listed.out)["runs"]
    assert run["status"] == "done"


@pytest.mark.parametrize("form", ["onnx", "keras"])
def test_a_damaged_model_is_not_exported(mnistry_command, finished_run, tmp_path, form) -> None:
    shutil.copytree(finished_run.path, tmp_path / "run")
    path = tmp_path / "run" / f"model.{form}"
    path.write_bytes(path.read_bytes()[:-100])
    result = mnistry_command("export", tmp_path / "run", "-o", tmp_path / f"out.{form}")
    assert result.code == 5
    assert not (tmp_path / f"out.{form}").exists()


@pytest.mark.parametrize("name", recipes.NAMES)
def test_runs_show_prints_a_run_of_every_recipe(
    mnistry_command, finished_run, tmp_path, name
) -> None:
    recipe = recipes.find(name)
    dataclasses.replace(
        finished_run, path=tmp_path, recipe=recipe, status="interrupted", digests={}
    ).write()
    result = mnistry_command("runs", "show", tmp_path)
    assert result.code == 0, result.err
    out = " ".join(result.out.split())
    assert f"recipe {name} " in out
    if recipe.distortion is not None:
        assert f"distortion rotation {recipe.distortion.rotation:g}, scale " in out
        assert "None" not in out
        assert ("pen thinnest" in out) == (recipe.distortion.pen is not None)
