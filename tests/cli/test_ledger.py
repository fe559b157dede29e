"""``mnistry ledger``: what it prints, and what it says where something is missing."""

import dataclasses
import importlib
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from mnistry.evaluation.ledger import Ledger
from mnistry.runs.directory import Run

# In mnistry.cli the name is the command's function.
command = importlib.import_module("mnistry.cli.ledger")


@pytest.fixture
def copy(finished_run: Run, tmp_path: Path) -> Run:
    shutil.copytree(finished_run.path, tmp_path / "run")
    return Run.open(tmp_path / "run")


def rewrite(run: Run, **cards: object) -> None:
    path = run.path / "scorecard.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | cards))


def retrain(run: Run, **settings: object) -> None:
    dataclasses.replace(run, recipe=dataclasses.replace(run.recipe, **settings)).write()


def flat(text: str) -> str:
    return " ".join(text.split())


def test_the_ledger_says_each_figure_and_what_it_means(mnistry_command, finished_run) -> None:
    result = mnistry_command("ledger", finished_run.path)
    assert result.code == 0
    scores = finished_run.scores()
    for text in (
        "3.3219", "log2(10)", f"{scores.test.loss_bits:.4f}", f"{scores.train.loss_bits:.4f}",
        "has never seen", "was trained on", "yes-or-no question", "epoch", "validation",
        f"{scores.test.by_class[8].loss_bits:.4f}", f"{scores.train.by_class[8].loss_bits:.4f}",
        f"{scores.test.loss_bits - scores.train.loss_bits:+.4f}",
    ):  # fmt: skip
        assert text in flat(result.out)
    # About 360 training images of each class: as good as equal.
    assert "class frequencies" not in result.out


def test_a_gap_is_named_and_only_a_rising_validation_loss_is_called_overfitting(
    mnistry_command, finished_run
) -> None:
    out = flat(mnistry_command("ledger", finished_run.path).out)
    assert out.count("generalisation gap") == 1
    assert "chance" in out
    assert "other writers" in out
    assert out.count("overfit") == 1
    assert "training falls and validation rises, the network overfits" in out
    assert out.count("memorises") == 1


@pytest.mark.parametrize(
    ("split", "unseen", "text"),
    [
        ("test", 0.5, "other writers"),
        ("validation", 0.5, "generalisation gap"),
        ("test", 0.25, "no generalisation gap"),
        ("test", 0.125, "no generalisation gap"),
    ],
)
def test_a_gap_is_explained_by_its_sign_and_its_images(split, unseen, text) -> None:
    book = Ledger(10, 3.3, 0.25, unseen, split, (), "categorical_crossentropy", ())
    said = command._gap(book)
    assert text in said
    # Images set aside are by the writers of the training images.
    assert ("writers" in said) == (text == "other writers")


@pytest.mark.parametrize("columns", [80, 120])
def test_no_line_is_wider_than_the_terminal_and_no_figure_cut_off(
    mnistry_command, finished_run, monkeypatch, columns
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = mnistry_command("ledger", finished_run.path).out.splitlines()
    assert max(map(len, lines)) <= columns
    assert not any("…" in line for line in lines)


def test_json_is_one_object_with_all_figures(mnistry_command, finished_run) -> None:
    value = json.loads(mnistry_command("ledger", finished_run.path, "--json").out)
    scores = finished_run.scores()
    assert value["run"] == str(finished_run.path)
    assert value["data"] == "sample"
    assert value["test"] == scores.test.loss_bits
    assert value["by_class"][3]["train"] == scores.train.by_class[3].loss_bits
    assert [epoch["epoch"] for epoch in value["epochs"]] == [1, 2]


def test_without_test_images_those_set_aside_take_their_place(mnistry_command, copy) -> None:
    rewrite(copy, test=None)
    out = flat(mnistry_command("ledger", copy.path).out)
    assert "validation images" in out
    assert "images set aside, which it was not trained on" in out
    assert "test images" not in out


def test_without_unseen_images_the_option_that_sets_some_aside_is_named(
    mnistry_command, copy
) -> None:
    rewrite(copy, test=None, validation=None)
    path = copy.path / "history.csv"
    rows = [row.split(",") for row in path.read_text().splitlines()]
    for row in rows[1:]:
        row[3:5] = "", ""  # val_loss and val_accuracy
    path.write_text("".join(",".join(row) + "\n" for row in rows))
    out = flat(mnistry_command("ledger", copy.path).out)
    assert "All its images were trained on" in out
    assert out.count("--validation 0.1") == 2
    assert "difference" not in out
    assert "generalisation gap" not in out


def test_a_binary_loss_is_not_called_bits_per_image(mnistry_command, copy) -> None:
    retrain(copy, loss="binary_crossentropy")
    out = flat(mnistry_command("ledger", copy.path).out)
    assert "trained on binary crossentropy" in out
    assert "not a number of bits per image" in out
    assert f"{copy.scores().test.loss_bits:.4f}" in out
    value = json.loads(mnistry_command("ledger", copy.path, "--json").out)
    assert (value["epochs"], value["loss"]) == ([], "binary_crossentropy")


# Added to 360 images of 0: 40 lower the entropy by less than 0.01 bits, which is left out.
@pytest.mark.parametrize(("more", "shown"), [(100_000, True), (40, False)])
def test_uneven_classes_have_a_line_for_knowing_only_their_frequencies(
    mnistry_command, copy, more, shown
) -> None:
    train = json.loads((copy.path / "scorecard.json").read_text())["train"]
    train["confusion"][0][0] += more
    train["by_class"][0]["images"] += more
    train["count"] += more
    train["correct"] += more
    rewrite(copy, train=train)
    out = flat(mnistry_command("ledger", copy.path).out)
    assert ("class frequencies" in out) == shown
    assert ("knows only how often each class occurs" in out) == shown


def test_an_unfinished_run_says_how_to_go_on(mnistry_command, copy) -> None:
    dataclasses.replace(copy, status="interrupted").write()
    result = mnistry_command("ledger", copy.path)
    assert (result.code, result.err.count("\n")) == (5, 1)
    assert "--resume" in result.err
    assert not result.out


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("history.csv", ""),
        ("history.csv", "epoch,loss,accuracy,val_loss,val_accuracy,seconds\n1,0.5,0.9,nine"),
        ("history.csv", "epoch,loss,accuracy,val_loss,val_accuracy,seconds\n1,,0.9,,,1\n"),
        ("scorecard.json", "{"),
        ("scorecard.json", "{}"),
    ],
)
def test_a_damaged_run_is_one_line(mnistry_command, copy, name, content) -> None:
    (copy.path / name).write_text(content)
    for arguments in ((), ("--json",)):
        result = mnistry_command("ledger", copy.path, *arguments)
        assert (result.code, result.err.count("\n"), result.out) == (5, 1, "")


def test_a_long_training_shows_some_epochs_with_the_best_among_them() -> None:
    assert command._some(20, None) == list(range(20))
    shown = command._some(200, 17)
    assert {0, 16, 199} <= set(shown)
    assert len(shown) == 21


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        (3.32, "3.3 yes-or-no questions per image"),
        (0.67, "0.7 yes-or-no questions per image"),
        (0.66, "one yes-or-no question every 2 images"),
        (0.09, "one yes-or-no question every 11 images"),
        (0.0, "nothing"),
    ],
)
def test_bits_are_said_as_questions(bits, text) -> None:
    assert command._questions(bits) == text


def bar(solid: float, shaded: float, full: float = 1.0, encoding: str = "utf-8") -> str:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    Console(file=file, width=10, color_system=None).print(command._Bar(solid, shaded, full))
    file.seek(0)
    return file.read().rstrip("\n")


def test_a_bar_is_as_long_as_its_share_and_shows_the_smallest_part() -> None:
    assert bar(0.5, 0.3) == "█████▒▒▒"
    assert bar(0.55, 0) == "█████▌"
    assert bar(1, 0) == "█" * 10
    assert bar(0.001, 0.4) == "▏▒▒▒"
    assert bar(0, 0.4) == "▒▒▒▒"
    assert bar(0, 0) == ""
    assert bar(1.5, 0.5, full=2.5) == "██████▒▒"


def test_without_block_characters_a_bar_is_ascii() -> None:
    assert bar(0.5, 0.3, encoding="ascii") == "#####---"
    assert bar(0.55, 0, encoding="ascii") == "######"


def test_the_ledger_loads_nothing_heavy(finished_run) -> None:
    code = (
        "import sys; from mnistry import cli\n"
        f"sys.argv = ['mnistry', 'ledger', {str(finished_run.path)!r}]\n"
        "try: cli.main()\n"
        "except SystemExit as end: assert not end.code\n"
        "assert not {'keras', 'jax', 'matplotlib', 'onnxruntime'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
