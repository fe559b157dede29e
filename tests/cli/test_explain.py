import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mnistry
from mnistry import experiment
from mnistry.datasets import Split
from mnistry.runs import Run


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real five as a picture file, dark on light."""
    _, (images, labels) = mnistry.load("sample")
    path = tmp_path_factory.mktemp("pictures") / "five.png"
    Image.fromarray(255 - images[labels == 5][0]).save(path)
    return path


def test_an_image_is_told_from_tensor_to_loss(mnistry_command, finished_run) -> None:
    result = mnistry_command("explain", finished_run.path, "--index", 3)
    assert result.code == 0
    for text in (
        "image 3 of the test images of sample", "labelled 9", "(28, 28)", "of the 32 nodes have",
        "logit v", "nats =", "bits", "backpropagation", "by trying", "RMSprop", "slope predicts",
        "1,000 others",
    ):  # fmt: skip
        assert text in result.out
    assert "█" in result.out
    assert max(map(len, result.out.splitlines())) <= 100


@pytest.mark.parametrize("columns", [80, 120])
def test_no_table_is_cut_off(mnistry_command, finished_run, monkeypatch, columns) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = mnistry_command("explain", finished_run.path).out.splitlines()
    assert max(map(len, lines)) <= columns
    assert not any("…" in line and "2.718…" not in line for line in lines)


def test_json_is_one_object_with_the_way_and_the_step(mnistry_command, finished_run) -> None:
    result = mnistry_command(
        "explain", finished_run.path, "--index", 3, "--split", "train", "--json"
    )
    value = json.loads(result.out)
    images, labels = mnistry.load("sample").train
    assert value["image_from"]["split"] == "train"
    assert value["image"] == images[3].tolist()
    assert value["label"] == labels[3] == value["learning"]["label"]
    assert len(value["layers"][0]["sums"]) == 32
    assert value["learning"]["before"] == pytest.approx(value["cost"]["nats"])
    assert value["learning"]["others"] == 1000


def test_the_others_are_without_the_image_itself(mnistry_command, finished_run) -> None:
    (images, labels), _ = mnistry.load("sample")
    found = json.loads(
        mnistry_command("explain", finished_run.path, "--split", "train", "--json").out
    )
    from mnistry.explain import Explainer, gradients

    network = Explainer(finished_run.onnx_path).network
    assert network is not None
    mean = gradients.mean_loss(network, Split(images[1:1001], labels[1:1001]), "")
    assert found["learning"]["table"]["others"][0] == pytest.approx(mean)


def test_a_page_is_written_whole(mnistry_command, finished_run, tmp_path) -> None:
    result = mnistry_command("explain", finished_run.path, "-o", tmp_path / "page.html")
    assert (result.code, result.out) == (0, "")
    assert "wrote" in result.err
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert text.endswith("</html>\n")
    assert "<svg" in text
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_a_picture_is_explained_without_a_step_until_its_label_is_known(
    mnistry_command, finished_run, five
) -> None:
    bare = mnistry_command("explain", finished_run.path, "--image", five)
    assert bare.code == 0
    assert "it was inverted" in bare.err
    assert "with --label, to see a step" in " ".join(bare.out.split())
    assert "RMSprop" not in bare.out
    value = json.loads(
        mnistry_command("explain", finished_run.path, "--image", five, "--label", 5, "--json").out
    )
    assert value["image_from"] == {"file": str(five), "inverted": True}
    assert value["learning"]["label"] == value["label"] == 5
    assert np.array(value["image"])[0].max() == 0  # paper is 0


def test_a_picture_is_explained_though_the_runs_data_is_gone(
    mnistry_command, finished_run, five, tmp_path
) -> None:
    run = shutil.copytree(finished_run.path, tmp_path / "run")
    value = json.loads((run / "run.json").read_text())
    value["data"]["given"] = str(tmp_path / "gone.npz")
    (run / "run.json").write_text(json.dumps(value))
    assert mnistry_command("explain", run).code == 3
    found = mnistry_command("explain", run, "--image", five, "--label", 5, "--json")
    assert json.loads(found.out)["learning"]["table"]["others"] is None


@pytest.fixture(scope="module")
def convolutions(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of a network that is not dense, on few images."""
    import dataclasses

    dataset = mnistry.load("sample")
    assert dataset.train is not None
    assert dataset.train.labels is not None
    few = Split(dataset.train.images[:64], dataset.train.labels[:64])
    return experiment.perform(
        mnistry.Recipe("few", network="convnet", epochs=1, batch_size=64),
        dataclasses.replace(dataset, train=few, test=None),
        path=tmp_path_factory.mktemp("runs") / "convolutions",
        given="sample",
    )


def test_other_networks_show_their_layers(mnistry_command, convolutions, five) -> None:
    result = mnistry_command("explain", convolutions.path, "--image", five, "--label", 5)
    assert result.code == 0
    assert "26 × 26 × 32" in result.out
    assert "for networks of dense layers alone" in result.out


def test_without_keras_the_way_forward_is_told(mnistry_command, finished_run, monkeypatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *more: None if name == "keras" else find(name, *more),
    )
    result = mnistry_command("explain", finished_run.path)
    assert result.code == 0
    assert "logit v" in result.out
    assert "pip install 'mnistry[train]'" in " ".join(result.out.split())


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--index", 1000), 2, "there is no image 1000"),
        (("--index", -1), 2, "there is no image -1"),
        (("--label", 3), 2, "image 0 is labelled"),
        (("--label", 10), 2, "'--label'"),
        (("--image", "no.png"), 3, "no.png: cannot be read"),
        (("--image", "no.png", "--index", 1), 2, "--image is a picture of its own"),
        (("--data", "nothing-of-that-name"), 3, "nothing-of-that-name"),
        (("-o", "no/such/folder/page.html"), 2, "no such folder"),
    ],
    ids=str,
)
def test_what_cannot_be_explained_is_one_line(
    mnistry_command, finished_run, tmp_path, monkeypatch, arguments, code, said
) -> None:
    monkeypatch.chdir(tmp_path)
    result = mnistry_command("explain", finished_run.path, *arguments)
    assert (result.code, result.out) == (code, "")
    assert said in result.err
    assert result.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_picture_of_another_size_is_refused(mnistry_command, finished_run, tmp_path) -> None:
    Image.new("L", (300, 200)).save(tmp_path / "photo.png")
    result = mnistry_command("explain", finished_run.path, "--image", tmp_path / "photo.png")
    assert result.code == 3
    assert "300x200" in result.err


@pytest.mark.parametrize("spoil", ["running", "no model", "swapped", "nothing there"])
def test_a_run_without_its_model_is_refused(mnistry_command, finished_run, tmp_path, spoil) -> None:
    run = shutil.copytree(finished_run.path, tmp_path / "run")
    record = run / "run.json"
    if spoil == "running":
        record.write_text(json.dumps({**json.loads(record.read_text()), "status": "running"}))
    elif spoil == "no model":
        (run / "model.onnx").unlink()
    elif spoil == "swapped":
        (run / "model.onnx").write_bytes(b"\0" + (run / "model.onnx").read_bytes())
    else:
        shutil.rmtree(run)
    result = mnistry_command("explain", run, "-o", tmp_path / "page.html")
    assert result.code == 5
    assert result.err.count("\n") == 1
    assert not (tmp_path / "page.html").exists()
