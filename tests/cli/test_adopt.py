"""Adopting a network at the command line, and what works with its run afterwards."""

import hashlib
import json
import shutil
from pathlib import Path

import keras
import numpy as np
import onnxruntime
import pytest
from keras import layers
from PIL import Image

import mnistry
from mnistry.inference import metadata
from mnistry.networks import int8, onnx_graph
from mnistry.runs import scoring


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    """A network of floats from 0 to 1 that gives logits, by Keras and as ONNX with other names."""
    folder = tmp_path_factory.mktemp("models")
    images, labels = mnistry.load("sample").train
    model = keras.Sequential([keras.Input((784,)), layers.Dense(32, "relu"), layers.Dense(10)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(images.reshape(-1, 784) / 255, labels, epochs=10, batch_size=32, verbose=0)
    model.save(folder / "m.keras")
    image = keras.Input((28, 28), dtype="uint8", name="image")
    value = layers.Flatten()(layers.Rescaling(1 / 255)(image))
    for layer in model.layers:
        value = layer(value)
    proto = onnx_graph.to_onnx(keras.Model(image, value))
    text = proto.SerializeToString()
    (folder / "m.onnx").write_bytes(text.replace(b"probabilities", b"other_outputs"))
    return folder


@pytest.fixture
def adopted(mnistry_command, models) -> Path:
    """A run adopted from ONNX."""
    path = models / "from-onnx"
    if not path.exists():
        result = mnistry_command("adopt", models / "m.onnx", "-o", path, "--data", "sample")
        assert (result.code, result.err) == (0, "")
    return path


def test_a_network_of_keras_is_adopted_and_the_trials_are_shown(
    mnistry_command, models, tmp_path
) -> None:
    path = tmp_path / "run"
    result = mnistry_command("adopt", models / "m.keras", "-o", path, "--data", "sample")
    assert (result.code, result.err) == (0, "")
    assert "0 to 1, ink high, 784 in a row" in result.out
    assert "softmax is added" in result.out
    assert "and 8 others" in result.out
    run = mnistry.Run.open(path)
    assert (run.status, run.recipe, run.seed, run.adopted.source) == ("done", None, None, "m.keras")
    assert run.scores().test.count == 1000
    assert run.scores().test.accuracy > 0.8
    assert sorted(file.name for file in path.iterdir()) == [
        ".lock", "model.keras", "model.onnx", "run.json", "scorecard.json",
    ]  # fmt: skip
    assert mnistry_command("export", path, "-o", tmp_path / "ours.keras").code == 0
    _, (images, labels) = mnistry.load("sample")
    assert mnistry.evaluate(run.model(), images, labels).correct == run.scores().test.correct
    said = mnistry_command("ledger", path).err
    assert "explain, plot, read and export work with this run" in said


def test_json_names_all_that_was_tried(mnistry_command, models, tmp_path) -> None:
    result = mnistry_command(
        "adopt", models / "m.onnx", "-o", tmp_path / "run", "--data", "sample", "--json"
    )
    value = json.loads(result.out)
    # Ink high or low, transposed or not; uint8 has only one scale.
    assert len(value["tried"]) == 4
    assert value["tried"][0]["form"] == {
        "scale": "0 to 255", "inverted": False, "transposed": False, "shape": [28, 28],
    }  # fmt: skip
    assert value["test_accuracy"] > 0.8


def test_an_adopted_run_is_evaluated_listed_compared_plotted_and_explained(
    mnistry_command, adopted, finished_run
) -> None:
    evaluated = mnistry_command("evaluate", adopted)
    assert evaluated.code == 0
    assert "it is not known whether it was trained" in evaluated.out
    listed = mnistry_command("runs", "list", "--folder", adopted.parent)
    assert "adopted" in listed.out
    shown = mnistry_command("runs", "show", adopted)
    assert "m.onnx, SHA-256" in shown.out
    compared = mnistry_command("runs", "compare", adopted, finished_run.path, "--json")
    assert json.loads(compared.out)["count"] == 1000
    plotted = mnistry_command("plot", adopted)
    assert [Path(line).stem for line in plotted.out.split()] == [
        "confusion", "mistakes", "reliability",
    ]  # fmt: skip
    explained = mnistry_command("explain", adopted)
    assert explained.code == 0
    assert "An adopted network has no step of learning" in explained.out


def test_an_adopted_run_reads_pictures(mnistry_command, adopted, tmp_path) -> None:
    images, labels = mnistry.load("sample").test
    answers = scoring.predict(mnistry.Run.open(adopted), images)
    digit = images[labels == 3][answers[labels == 3, 3].argmax()]  # a clear one
    Image.fromarray(255 - np.kron(digit, np.ones((3, 3), np.uint8))).save(tmp_path / "3.png")
    assert mnistry_command("read", tmp_path / "3.png", "--model", adopted).out == "3\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("export", "-o", "x.keras"), "it has no Keras model, only ONNX"),
        (("ledger",), "it has no history of epochs"),
        (("train", "--resume"), "how it was trained is not known"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_what_an_adopted_run_lacks_is_said_in_one_line(
    mnistry_command, adopted, tmp_path, monkeypatch, arguments, said
) -> None:
    monkeypatch.chdir(tmp_path)
    command, *options = arguments
    # --resume takes the run as its value.
    parts = (command, *options, adopted) if command == "train" else (command, adopted, *options)
    result = mnistry_command(*parts)
    assert (result.code, result.out, result.err.count("\n")) == (5, "", 1)
    assert said in result.err
    assert "an adopted network from m.onnx" in result.err
    assert "read and export --format onnx work with this run" in result.err


@pytest.mark.parametrize("command", ["evaluate", "explain", "predict", "read"])
@pytest.mark.parametrize("name", ["m.keras", "m.onnx"])
def test_a_model_in_place_of_a_run_is_told_how_it_becomes_one(
    mnistry_command, models, tmp_path, command, name
) -> None:
    Image.fromarray(np.full((40, 40), 255, np.uint8)).save(tmp_path / "page.png")
    model = models / name
    arguments = {
        "predict": (model, "sample"), "read": (tmp_path / "page.png", "--model", model),
    }.get(command, (model,))  # fmt: skip
    result = mnistry_command(command, *arguments)
    assert (result.code, result.err.count("\n")) == (5, 1)
    assert f"mnistry adopt {model} -o RUN" in result.err


@pytest.mark.parametrize("command", ["evaluate", "read", "adopt"])
def test_a_saved_model_is_told_how_it_is_converted(mnistry_command, tmp_path, command) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"")
    Image.fromarray(np.full((40, 40), 255, np.uint8)).save(tmp_path / "page.png")
    saved = tmp_path / "saved"
    arguments = {
        "read": (tmp_path / "page.png", "--model", saved), "adopt": (saved, "-o", tmp_path / "r"),
    }.get(command, (saved,))  # fmt: skip
    result = mnistry_command(command, *arguments)
    assert (result.code, result.err.count("\n")) == (5, 1)
    assert "python -m tf2onnx.convert --saved-model" in result.err


def test_a_network_that_is_refused_leaves_nothing(mnistry_command, tmp_path) -> None:
    keras.Sequential([keras.Input((784,)), layers.Dense(10)]).save(tmp_path / "new.keras")
    run = tmp_path / "run"
    result = mnistry_command("adopt", tmp_path / "new.keras", "-o", run, "--data", "sample")
    assert (result.code, result.out) == (5, "")
    assert "it reads the digits in no input format" in result.err
    assert not run.exists()


def test_a_run_is_not_adopted(mnistry_command, adopted, tmp_path) -> None:
    result = mnistry_command("adopt", adopted, "-o", tmp_path / "run")
    assert result.code == 5
    assert f"it is a run already: mnistry evaluate {adopted}" in result.err


def test_a_run_that_exists_is_not_replaced(mnistry_command, adopted, models) -> None:
    before = (adopted / "run.json").read_bytes()
    result = mnistry_command("adopt", models / "m.onnx", "-o", adopted, "--data", "sample")
    assert result.code == 2
    assert result.err == f"mnistry: {adopted}: exists already; choose another -o\n"
    assert (adopted / "run.json").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("7.png", b"\x89PNG\r\n\x1a\n", "a picture or a PDF; expected a .keras, .h5 or .onnx file"),
        (
            "m.tflite",
            b"\x1c\0\0\0TFL3",
            "a TFLite model; expected a .keras, .h5 or .onnx file; con",
        ),
        ("m.pth", b"PK\x03\x04", "a .pth file; expected a .keras, .h5 or .onnx file; a pickle can"),
        ("m.txt", b"", "a .txt file; expected a .keras, .h5 or .onnx file"),
        ("m.keras", b"\x89HDF\r\n\x1a\n", "the content is an HDF5 file (.h5); expected a .keras"),
        ("m.h5", b"version https://git-lfs.github.com", "git lfs pull"),
        (None, None, "no such file or folder; expected a .keras, .h5 or .onnx file"),
    ],
    ids=str,
)
def test_the_file_is_looked_at_before_any_data(
    mnistry_command, tmp_path, name, content, said
) -> None:
    path = tmp_path / (name or "nothing")
    if content is not None:
        path.write_bytes(content)
    result = mnistry_command(
        "adopt", path, "-o", tmp_path / "run", "--data", tmp_path / "missing.npz"
    )
    assert (result.code, result.err.count("\n")) == (5, 1)
    assert result.err.startswith(f"mnistry: {path}: ")
    assert said in result.err


def test_without_test_images_nothing_is_said_of_final_weights(
    mnistry_command, models, tmp_path
) -> None:
    images, labels = mnistry.load("sample").train
    np.savez(tmp_path / "data.npz", x_train=images[:500], y_train=labels[:500])
    arguments = ("-o", tmp_path / "run", "--data", tmp_path / "data.npz")
    result = mnistry_command("adopt", models / "m.onnx", *arguments)
    assert result.code == 0
    assert "it is not known whether it was trained" in result.out
    assert "by the final weights" not in result.out


# Exports


def test_every_onnx_file_says_what_it_is(mnistry_command, adopted, finished_run, tmp_path) -> None:
    path = tmp_path / "net.onnx"
    assert mnistry_command("export", finished_run.path, "-o", path).code == 0
    notes = onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map
    test = finished_run.scores().test
    assert notes == {
        "run": "recipe small, seed 0",
        "data": "sample",
        "accuracy": f"{100 * test.accuracy:.2f} % of 1,000 test images of sample",
        "licence": "CC BY-SA 3.0",
        "version": f"mnistry {mnistry.__version__}",
    }
    path = tmp_path / "adopted.onnx"
    assert mnistry_command("export", adopted, "-o", path).code == 0
    notes = metadata.read(path.read_bytes())
    assert notes["run"].startswith("adopted from m.onnx, SHA-256 ")
    assert notes["licence"] == "that of the network it was adopted from"


def test_a_run_from_before_there_were_notes_gets_them_when_exported(
    mnistry_command, finished_run, tmp_path
) -> None:
    run = mnistry.Run.open(shutil.copytree(finished_run.path, tmp_path / "run"))
    added = metadata.add(b"", run.notes(run.scores()))
    plain = run.onnx_path.read_bytes().removesuffix(added)
    assert not metadata.read(plain)
    run.onnx_path.write_bytes(plain)
    record = json.loads((run.path / "run.json").read_text())
    record["digests"]["model.onnx"] = hashlib.sha256(plain).hexdigest()
    (run.path / "run.json").write_text(json.dumps(record))
    assert mnistry_command("export", run.path, "-o", tmp_path / "net.onnx").code == 0
    assert (tmp_path / "net.onnx").read_bytes() == plain + added


def test_int8_is_written_with_its_figures(
    mnistry_command, finished_run, tmp_path, monkeypatch
) -> None:
    path = tmp_path / "net.onnx"
    monkeypatch.setattr(int8, "MOST_CHANGED", 0.02)  # 8 of 400 images
    result = mnistry_command("export", finished_run.path, "--format", "int8", "-o", path)
    assert result.code == 0
    assert "of 400 held-out training images are answered differently" in result.err
    assert "times as fast as float32 here" in result.err
    notes = metadata.read(path.read_bytes())
    assert f"ONNX Runtime {onnxruntime.__version__}" in notes["quantization"]
    assert "of 400 held-out training images are answered differently" in notes["changed"]
    assert "times that of float32" in notes["speed"]
    assert notes["accuracy"].endswith("of sample before quantization")
    assert path.stat().st_size < 0.5 * finished_run.onnx_path.stat().st_size


def test_int8_of_other_endings_is_refused(mnistry_command, finished_run, tmp_path) -> None:
    for name in ("net.keras", "net.bin", "net"):
        result = mnistry_command(
            "export", finished_run.path, "--format", "int8", "-o", tmp_path / name
        )
        assert result.code == 2
        assert "expected .onnx" in result.err


def test_int8_that_answers_otherwise_is_not_written(
    mnistry_command, finished_run, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(int8, "MOST_CHANGED", -1)  # so that even no change is too much
    path = tmp_path / "net.onnx"
    result = mnistry_command("export", finished_run.path, "--format", "int8", "-o", path)
    assert (result.code, result.out, result.err.count("\n")) == (5, "", 1)
    assert "of 400 held-out training images differently" in result.err
    assert "--format onnx" in result.err
    assert not path.exists()


@pytest.mark.parametrize(
    ("kind", "said"),
    [("paper 255", "dark ink on light paper"), ("other classes", "its classes are even, odd")],
)
def test_images_that_are_not_digits_on_paper_of_0_are_refused(
    mnistry_command, models, tmp_path, kind, said
) -> None:
    images, labels = mnistry.load("sample").train
    images, labels = images[:400], labels[:400]
    if kind == "paper 255":
        images = 255 - images
    else:
        labels = np.where(labels % 2, "odd", "even")
    np.savez(tmp_path / "data.npz", x_train=images, y_train=labels)
    run = tmp_path / "run"
    result = mnistry_command("adopt", models / "m.onnx", "-o", run, "--data", tmp_path / "data.npz")
    assert result.code == 3
    assert said in result.err
    assert not run.exists()
