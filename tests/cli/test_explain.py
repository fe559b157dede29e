import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mnistry
from mnistry.datasets import Origin, Split
from mnistry.explain import Explainer, learning, narrative
from mnistry.recipes.experiment import Experiment
from mnistry.runs import experiment
from mnistry.runs.directory import Run


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real five as a picture file, dark on light."""
    _, (images, labels) = mnistry.load("sample")
    path = tmp_path_factory.mktemp("pictures") / "five.png"
    Image.fromarray(255 - images[labels == 5][0]).save(path)
    return path


def test_an_image_is_followed_from_tensor_to_loss(mnistry_command, finished_run) -> None:
    result = mnistry_command("explain", finished_run.path, "--index", 3)
    assert result.code == 0
    for text in (
        "image 3 of the test images of sample", "labelled 9", "(28, 28)", "of the 32 nodes have",
        "logit v", "nats =", "bits", "backpropagation", "difference", "RMSprop", "slope predicts",
        "1,000 others", "1,000 training images of sample",
    ):  # fmt: skip
        assert text in result.out
    assert "█" in result.out
    assert max(map(len, result.out.splitlines())) <= 100


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_every_name_and_number_of_every_table_is_whole(
    mnistry_command, finished_run, monkeypatch, columns
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    out = mnistry_command("explain", finished_run.path, "--index", 0).out
    assert max(map(len, out.splitlines())) <= columns
    assert "…" not in out.replace("2.718…", "")

    (images, labels) = mnistry.load("sample").test
    told = Explainer(finished_run.onnx_path).explain(images[0], int(labels[0]))
    (others, their_labels) = mnistry.load("sample").train
    step = learning.learn(
        finished_run, told.network, images[0], int(labels[0]),
        Split(others[:1000], their_labels[:1000]),
    )  # fmt: skip
    tables = [
        part
        for section in [*narrative.forward(told, ""), *narrative.learning(step)]
        for part in section.parts
        if isinstance(part, narrative.Table)
    ]
    assert len(tables) == 6
    for table in tables:
        for row in table.rows:
            for cell in row:
                assert all(word in out for word in (cell.split() if table.words else [cell]))


def test_without_colours_the_page_with_pictures_is_offered_once(
    mnistry_command, finished_run
) -> None:
    out = mnistry_command("explain", finished_run.path).out
    assert out.count("-o PAGE.html") == 1
    assert "(12 pictures in colour)" in out


def test_json_is_one_object_with_the_forward_pass_and_the_step(
    mnistry_command, finished_run
) -> None:
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


def test_the_other_images_do_not_include_the_image_itself(mnistry_command, finished_run) -> None:
    (images, labels), _ = mnistry.load("sample")
    found = json.loads(
        mnistry_command(
            "explain", finished_run.path, "--index", 0, "--split", "train", "--json"
        ).out
    )
    from mnistry.explain import gradients

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
    assert "To see a step of learning too, give the image's class with --label" in " ".join(
        bare.out.split()
    )
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
    assert "the effect of a step of learning on other images is not shown" in found.err
    assert "gone.npz" in found.err


@pytest.fixture(scope="module")
def convolutions(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of a network that is not dense, on few images."""
    import dataclasses

    dataset = mnistry.load("sample")
    assert dataset.train is not None
    assert dataset.train.labels is not None
    few = Split(dataset.train.images[:64], dataset.train.labels[:64])
    return experiment.run_experiment(
        Experiment(
            mnistry.Recipe("few", network="convnet", epochs=1, batch_size=64), Origin("sample")
        ),
        dataclasses.replace(dataset, train=few, test=None),
        path=tmp_path_factory.mktemp("runs") / "convolutions",
    )


def test_other_networks_show_their_layers_and_a_step_of_learning(
    mnistry_command, convolutions, five
) -> None:
    result = mnistry_command("explain", convolutions.path, "--image", five, "--label", 5)
    assert result.code == 0
    for text in ("26 × 26 × 32", "each of its 32 filters is 3 × 3 weights", "Gradient times input",
                 "Grad-CAM: the 11 × 11 feature maps of convolution_2", "backpropagation",
                 "slope predicts", "RMSprop"):  # fmt: skip
        assert text in " ".join(result.out.split())


def test_the_image_is_one_whose_answer_is_right_but_not_sure(mnistry_command, finished_run) -> None:
    value = json.loads(mnistry_command("explain", finished_run.path, "--json").out)
    assert value["answer"] == value["label"]
    assert 0.5 <= max(value["probabilities"]) <= 0.95
    seven = json.loads(mnistry_command("explain", finished_run.path, "--label", 7, "--json").out)
    assert seven["answer"] == seven["label"] == 7
    assert 0.5 <= max(seven["probabilities"]) <= 0.95


def test_wrong_chooses_the_most_confident_mistake(mnistry_command, finished_run) -> None:
    value = json.loads(mnistry_command("explain", finished_run.path, "--wrong", "--json").out)
    first = finished_run.scores().test.mistakes[0]
    assert value["image_from"]["index"] == first.index
    assert (value["label"], value["answer"]) == (first.label, first.answer)


def test_without_keras_the_forward_pass_is_explained_and_the_remedy_named(
    mnistry_command, finished_run, monkeypatch
) -> None:
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
        (("--index", 0, "--label", 3), 2, "image 0 is labelled"),
        (("--label", 10), 2, "no class is called '10'; expected one of 0, 1"),
        (("--index", 1, "--wrong"), 2, "--wrong with --index"),
        (("--image", "no.png", "--wrong"), 2, "--image excludes"),
        (("--image", "no.png"), 3, "no.png: cannot be read"),
        (("--image", "no.png", "--index", 1), 2, "--image excludes"),
        (("--data", "nothing-of-that-name"), 3, "nothing-of-that-name"),
        (("--transpose",), 2, "--transpose without --data"),
        (("--image", "no.png", "--transpose"), 2, "--transpose without --data"),
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


@pytest.mark.parametrize(
    "name",
    ["model.keras", "model.onnx", "run.json", "history.csv", "scorecard.json", "MODEL.KERAS"],
)
def test_a_page_does_not_replace_a_file_of_the_run(
    mnistry_command, finished_run, tmp_path, name
) -> None:
    run = shutil.copytree(finished_run.path, tmp_path / "run")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    (tmp_path / "link").symlink_to(run)
    for folder in (run, tmp_path / "link", run / ".." / "run"):
        result = mnistry_command("explain", run, "-o", folder / name)
        assert result.code == 2
        assert "is a run's own file" in result.err
    checkpoint = next((run / "checkpoints").iterdir())
    assert mnistry_command("explain", run, "-o", checkpoint).code == 2
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_a_page_may_lie_beside_the_runs_files(mnistry_command, finished_run, tmp_path) -> None:
    run = shutil.copytree(finished_run.path, tmp_path / "run")
    for _ in range(2):
        assert mnistry_command("explain", run, "-o", run / "page.html").code == 0


def test_a_page_does_not_replace_what_it_is_made_from(
    mnistry_command, finished_run, five, tmp_path
) -> None:
    picture = Path(shutil.copy(five, tmp_path / "five.png"))
    data = tmp_path / "own.csv"
    data.write_text(",".join(["0"] * 784) + "\n")
    for option, path in (("--image", picture), ("--data", data)):
        before = path.read_bytes()
        result = mnistry_command("explain", finished_run.path, option, path, "-o", path)
        assert result.code == 2
        assert "is also an input" in result.err
        assert path.read_bytes() == before


def test_a_model_is_not_exported_onto_a_run(mnistry_command, finished_run, tmp_path) -> None:
    run = shutil.copytree(finished_run.path, tmp_path / "run")
    result = mnistry_command("export", finished_run.path, "-o", run / "model.onnx")
    assert result.code == 2


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
