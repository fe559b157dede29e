import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def test_digits_stand_side_by_side_with_index_and_label(mnistry_command, mnist_home) -> None:
    result = mnistry_command("show", 7, 18, 8, "--data", "mnist")
    assert result.code == 0
    assert "image 7, label 3" in result.out
    assert "image 18, label 6" in result.out
    assert "image 8, label 1" in result.out
    assert "█" in result.out


def labels(text: str) -> list[str]:
    return re.findall(r"label (\w+)", text)


def indices(text: str) -> list[int]:
    return [int(index) for index in re.findall(r"image (\d+),", text)]


def test_without_an_argument_one_of_each_class_is_shown(mnistry_command) -> None:
    result = mnistry_command("show", "--data", "sample")
    assert result.code == 0
    assert labels(result.out) == list("0123456789")
    assert len(result.out.splitlines()) < 25  # all of it fits into a small terminal


def test_an_index_that_is_also_a_class_is_explained_where_no_such_digit_is_shown(
    mnistry_command, mnist_home
) -> None:
    result = mnistry_command("show", 7, "--data", "mnist")
    assert labels(result.out) == ["3"]
    assert "note: 7 is an image's index; to see images of class 7: --label 7" in result.err
    assert "--label 4" in mnistry_command("show", 4, "--data", "mnist").err  # image 4 is a 9
    for plain in ((18,), ("--index", 7), (7, 18)):
        assert "--label" not in mnistry_command("show", *plain, "--data", "mnist").err, plain


def test_a_label_with_an_equals_sign_changes_labels_as_in_other_commands(
    mnistry_command, tmp_path: Path
) -> None:
    images = np.full((2, 28, 28), 40, np.uint8)
    np.savez(tmp_path / "ten.npz", images=images, labels=np.array([10, 3]))
    shown = mnistry_command(
        "show", "--data", tmp_path / "ten.npz", "--label", "10=0", "--label", "0", "--matrix"
    )
    assert shown.code == 0 and "image 0, label 0" in shown.out and "image 1" not in shown.out


def test_images_are_chosen_by_their_label(mnistry_command, mnist_home) -> None:
    result = mnistry_command("show", "--label", 7, "--data", "mnist")
    assert labels(result.out) == ["7"] * 5
    assert indices(result.out)[0] == 15  # the first seven of MNIST
    assert labels(mnistry_command("show", "--label", 7, "--label", 2).out) == ["7"] * 5 + ["2"] * 5


def test_random_images_are_others_each_time_and_all_different(mnistry_command) -> None:
    shown = [
        indices(mnistry_command("show", "--random", 4, "--data", "sample").out) for _ in range(3)
    ]
    assert [len(set(one)) for one in shown] == [4, 4, 4]
    assert len(set(map(tuple, shown))) > 1
    sevens = mnistry_command("show", "--random", 3, "--label", 7, "--data", "sample").out
    assert labels(sevens) == ["7"] * 3
    few = mnistry_command("show", "--random", "--label", 7, "--data", "sample").out
    assert labels(few) == ["7"] * 5


def test_a_class_is_chosen_by_its_name(mnistry_command, tmp_path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 28, 28)).astype(np.uint8)
    for number, image in enumerate(images):
        folder = tmp_path / "letters" / "train" / "AB"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number}.png")
    result = mnistry_command("show", "--label", "B", "--data", tmp_path / "letters")
    assert labels(result.out) == ["B", "B"]
    refused = mnistry_command("show", "--label", 7, "--data", tmp_path / "letters")
    assert refused.code == 2
    assert "no class is called '7'; expected one of A, B" in refused.err


def test_the_test_split_has_its_own_images(mnistry_command, mnist_home) -> None:
    assert "image 7, label 9" in mnistry_command("show", 7, "--split", "test").out


def test_the_matrix_is_the_28_rows_of_numbers_within_100_columns(
    mnistry_command, mnist_home
) -> None:
    lines = mnistry_command("show", 7, "--matrix").out.splitlines()
    assert max(map(len, lines)) <= 100
    rows = [line.split("|")[1].split() for line in lines if "|" in line]
    assert [len(row) for row in rows] == [28] * 28
    assert rows[5][11:16] == ["38", "43", "105", "255", "253"]


def test_a_crop_is_the_part_that_was_asked_for(mnistry_command, mnist_home) -> None:
    lines = mnistry_command("show", 7, "--matrix", "--crop", "14:,14:").out.splitlines()
    rows = [line.split("|")[1].split() for line in lines if "|" in line]
    assert len(rows) == 14
    assert rows[0][:5] == ["253", "252", "252", "252", "177"]


def test_a_png_is_written_whole(mnistry_command, mnist_home, tmp_path) -> None:
    result = mnistry_command("show", 7, 18, 8, "-o", tmp_path / "digits.png")
    assert result.code == 0
    with Image.open(tmp_path / "digits.png") as picture:
        assert picture.width > picture.height > 100


@pytest.mark.parametrize(
    "arguments",
    [
        (4000,),
        (-1,),
        (3, "--label", 3),
        (3, "--random", 3),
        ("--random", 4001),
        ("--random", 0),
        ("--label", "ten"),
        (0, "--crop", "30:,0:"),
        (0, "--crop", "__import__('os')"),
        (0, "-o", "x.docx"),
        (0, "-o", "no/such/folder/x.png"),
        (0, "--matrix", "-o", "x.png"),
    ],
    ids=str,
)
def test_what_cannot_be_shown_is_refused(mnistry_command, tmp_path, monkeypatch, arguments) -> None:
    monkeypatch.chdir(tmp_path)
    result = mnistry_command("show", "--data", "sample", *arguments)
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert not list(tmp_path.iterdir())
