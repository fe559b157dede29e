"""Labelled digits are cut out of forms at the command line."""

import stat
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from mnistry.datasets import Origin, load_origin
from mnistry.forms.loading import load
from mnistry.forms.rules import key
from tests.forms import filled

TOML = 'title = "Class"\n' + "".join(
    f'[[field]]\nname = "row{digit}"\ntype = "digits"\nlength = 3\npattern = "{digit}*"\n'
    for digit in (0, 8)
)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A form, and a scanned sheet of it with the number 5."""
    path = tmp_path / "FORM.toml"
    path.write_text(TOML, "utf-8")
    (page,) = filled.printed(load(path), {key("row0"): "000", key("row8"): "88 "}, serial=5)
    target = tmp_path / "scan.png"
    cv2.imwrite(str(target), filled.scan(page))
    return target


def test_a_class_sheet_becomes_labelled_digits(
    mnistry_command: Callable, scan: Path, tmp_path: Path
) -> None:
    target = tmp_path / "digits"
    made = mnistry_command("form", "digits", tmp_path / "FORM.toml", scan, "-o", target)
    assert (made.code, made.out) == (0, "")
    assert f"wrote {target}: 5 digits" in made.err
    assert "no examples of 1, 2, 3" in made.err
    assert sorted(str(path.relative_to(target)) for path in target.glob("*/*")) == [
        "0/sheet1-serial5.row0.1.png", "0/sheet1-serial5.row0.2.png", "0/sheet1-serial5.row0.3.png",
        "8/sheet1-serial5.row8.1.png", "8/sheet1-serial5.row8.2.png",
    ]  # fmt: skip
    assert stat.S_IMODE(target.stat().st_mode) == 0o700
    dataset = load_origin(Origin(str(target), fit=True))  # as mnistry teach reads it
    assert [dataset.classes[label] for label in dataset.train.labels] == ["0"] * 3 + ["8"] * 2


def test_two_sheets_with_one_serial_number_keep_all_their_digits(
    mnistry_command: Callable, scan: Path, tmp_path: Path
) -> None:
    form, target = tmp_path / "FORM.toml", tmp_path / "digits"
    (page,) = filled.printed(load(form), {key("row0"): "0", key("row8"): "888"}, serial=5)
    cv2.imwrite(str(tmp_path / "other.png"), filled.scan(page))
    made = mnistry_command("form", "digits", form, scan, tmp_path / "other.png", "-o", target)
    assert "9 digits" in made.err
    assert len(list(target.glob("*/*.png"))) == 9


def test_what_gives_no_labels_is_told(
    mnistry_command: Callable, scan: Path, tmp_path: Path
) -> None:
    form, folder, target = tmp_path / "FORM.toml", tmp_path / "batch", tmp_path / "digits"
    assert mnistry_command("form", "read", form, scan, "--batch", folder).code == 0
    other = mnistry_command("form", "digits", folder, "--sheets", "1-4", "-o", target)
    assert (other.code, target.exists()) == (3, False)
    assert "no labelled digits" in other.err
    wrong = mnistry_command("form", "digits", folder, "--sheets", "four", "-o", target)
    assert "--sheets: 'four' names no sheets" in wrong.err
    assert mnistry_command("form", "digits", form, "-o", target).code == 2
    mnistry_command("form", "forget", folder)
    assert mnistry_command("form", "digits", folder, "-o", target).code == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["FORM.toml", "batch", "scan.png"]
