"""``mnistry teach``: folders and tables in, figures and a run out."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import mnistry
from mnistry.reading import Reader
from mnistry.runs import teaching
from mnistry.training import teach


@pytest.fixture(autouse=True)
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, count in (("_REHEARSED", 120), ("_NON_DIGITS", 20), ("_JUDGED", 60)):
        monkeypatch.setattr(teaching, name, count)
    monkeypatch.setattr(teach, "_COPIES", 60)


@pytest.fixture(scope="module")
def slanted() -> tuple[np.ndarray, np.ndarray]:
    """Digits that the built-in network often misreads, in MNIST's form."""
    images, labels = mnistry.load("sample").test
    matrix = np.array([[0.8, -0.75, 13.5 - 13.5 * 0.05], [0.5, 0.8, 13.5 - 13.5 * 1.3]])
    return np.array([cv2.warpAffine(one, matrix, (28, 28)) for one in images[400:500]]), labels[
        400:500
    ]


def on_paper(image: np.ndarray) -> Image.Image:
    """Draw a digit four times as large, dark on a light page."""
    large = cv2.resize(image, (112, 112), interpolation=cv2.INTER_CUBIC)
    return Image.fromarray(np.pad(255 - large, 20, constant_values=255))


def test_a_folder_of_pictures_teaches_a_run_that_read_uses(
    mnistry_command, tmp_path: Path, slanted: tuple[np.ndarray, np.ndarray]
) -> None:
    images, labels = slanted
    for number in range(60):
        folder = tmp_path / "anna" / str(labels[number])
        folder.mkdir(parents=True, exist_ok=True)
        on_paper(images[number]).save(folder / f"{number}.png")
    done = mnistry_command("teach", tmp_path / "anna", "-o", tmp_path / "run")
    assert done.code == 0, done.err
    assert "examples read wrongly" in done.out
    assert "all examples count as one writer's" in done.err
    assert "has no vote on digits" in done.err
    number = next(
        i for i in range(60, 100)
        if Reader().read(np.asarray(on_paper(images[i]))).text != str(labels[i])
        and Reader(tmp_path / "run").read(np.asarray(on_paper(images[i]))).text == str(labels[i])
    )  # fmt: skip
    picture = tmp_path / "digit.png"
    on_paper(images[number]).save(picture)
    read = mnistry_command("read", "--model", tmp_path / "run", picture)
    assert read.out.split() == [str(labels[number])]
    shown = mnistry_command("runs", "show", tmp_path / "run")
    assert "taught from" in shown.out
    exported = mnistry_command("export", tmp_path / "run", "-o", tmp_path / "hand.onnx")
    assert exported.code == 0
    resumed = mnistry_command("train", "--resume", tmp_path / "run")
    assert resumed.code != 0
    assert resumed.err.count("\n") == 1


def test_what_the_studio_saves_of_two_writers_is_read(
    mnistry_command, tmp_path: Path, slanted: tuple[np.ndarray, np.ndarray]
) -> None:
    images, labels = slanted
    for name, rows in (("anna", slice(0, 30)), ("ben", slice(30, 60))):
        table = np.column_stack([labels[rows], images[rows].reshape(30, -1)])
        header = "label," + ",".join(f"pixel{i}" for i in range(784))
        np.savetxt(tmp_path / f"{name}.csv", table, "%d", ",", header=header, comments="")
    tables = [tmp_path / "anna.csv", tmp_path / "ben.csv"]
    done = mnistry_command("teach", *tables, "--json", "-o", tmp_path / "run")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert (found["examples"], found["writers"], found["better"]) == (60, 2, True)
    assert found["after"]["wrong"] < found["before"]["wrong"]
    assert "one writer" not in done.err


def test_wrong_labels_are_said_and_nothing_is_written(mnistry_command, tmp_path: Path) -> None:
    images, labels = mnistry.load("sample").test
    (tmp_path / "anna.csv").write_text(
        "file,label\n" + "".join(f"{i}.png,{(labels[i] + 1) % 10}\n" for i in range(12))
    )
    for number in range(12):
        on_paper(images[number]).save(tmp_path / f"{number}.png")
    done = mnistry_command("teach", tmp_path / "anna.csv", "-o", tmp_path / "run")
    assert done.code == 3
    assert "are the labels right?" in done.err.splitlines()[-1]
    assert "--keep" in done.err.splitlines()[-1]
    assert not (tmp_path / "run").exists()


def test_other_labels_than_digits_are_refused(mnistry_command, tmp_path: Path) -> None:
    for name in ("A", "B"):
        (tmp_path / "letters" / name).mkdir(parents=True)
        on_paper(mnistry.load("sample").test.images[0]).save(tmp_path / "letters" / name / "0.png")
    done = mnistry_command("teach", tmp_path / "letters", "-o", tmp_path / "run")
    assert done.code == 3
    assert "a label is 'A'; expected digits, 0 to 9" in done.err
