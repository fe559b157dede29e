import pytest
from PIL import Image


def test_digits_stand_side_by_side_with_index_and_label(mnistry_command, mnist_home) -> None:
    result = mnistry_command("show", 7, 18, 8, "--data", "mnist")
    assert result.code == 0
    assert "image 7, label 3" in result.out
    assert "image 18, label 6" in result.out
    assert "image 8, label 1" in result.out
    assert "█" in result.out


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
