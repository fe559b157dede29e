"""Forms are made at the command line."""

import sys
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image

from mnistry.forms import checks
from mnistry.forms.loading import load

EXAMPLES = Path(__file__).parents[2] / "examples" / "forms"
FORMS = sorted(path.name for path in EXAMPLES.glob("*.toml"))


def pages(path: Path) -> int:
    document = pypdfium2.PdfDocument(path)
    try:
        return len(document)
    finally:
        document.close()


def test_the_command_alone_tells_the_steps(mnistry_command) -> None:
    told = mnistry_command("form")
    assert told.code == 0
    assert [line[0] for line in told.out.splitlines() if line[0] != " "] == [
        "1",
        "2",
        "3",
        "4",
        "5",
    ]


@pytest.mark.parametrize("name", FORMS)
def test_an_example_is_printed(name, mnistry_command, tmp_path: Path) -> None:
    output = tmp_path / "form.pdf"
    made = mnistry_command("form", "make", EXAMPLES / name, "-o", output)
    assert made.code == 0, made.err
    assert f"wrote {output}" in made.err
    assert pages(output) == (2 if name == "race-results.toml" else 1)


def test_copies_are_numbered_or_named(mnistry_command, tmp_path: Path) -> None:
    output = tmp_path / "form.pdf"
    form = EXAMPLES / "race-results.toml"
    assert mnistry_command("form", "make", form, "-o", output, "--copies", 3).code == 0
    assert pages(output) == 6
    pupils = EXAMPLES / "pupils.csv"
    assert mnistry_command("form", "make", form, "-o", output, "--each", pupils).code == 0
    assert pages(output) == 6
    content = output.read_bytes()
    both = mnistry_command("form", "make", form, "-o", output, "--each", pupils, "--copies", 3)
    assert both.code == 2
    assert "--copies and --each exclude each other" in both.err
    many = mnistry_command("form", "make", form, "-o", output, "--copies", 10_001)
    assert many.code == 2
    assert "10,001 copies; expected at most 10,000" in many.err
    assert output.read_bytes() == content


@pytest.mark.parametrize("package", ["fpdf", "uharfbuzz", "re2", "stdnum"])
def test_a_missing_package_is_named_with_its_extra(
    package, mnistry_command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    checks.compiled.cache_clear()
    checks.check_names.cache_clear()
    form, output = tmp_path / "FORM.toml", tmp_path / "form.pdf"
    field = '[[field]]\nname = "a"\ntype = "digits"\nlength = 4\n'
    form.write_text(f'title = "t"\n{field}pattern = "1+"\ncheck = "luhn"')
    made = mnistry_command("form", "make", form, "-o", output)
    assert made.code == 2
    assert f"needs {package}, which is not installed; pip install 'mnistry[forms]'" in made.err
    assert not output.exists()


def test_what_is_wrong_is_told_and_nothing_is_written(mnistry_command, tmp_path: Path) -> None:
    form, output = tmp_path / "FORM.toml", tmp_path / "form.pdf"
    form.write_text('title = "t"\n[[field]]\nname = "a"\ntype = "digits"\nlength = 40')
    made = mnistry_command("form", "make", form, "-o", output)
    assert made.code == 3
    assert made.err.startswith(f"mnistry: {form}, line 3: a field of 279 mm where 186 mm are free")
    assert not output.exists()
    assert mnistry_command("form", "make", form, "-o", form).code == 2
    assert form.read_text().startswith("title")


def test_a_blank_gives_a_first_definition(mnistry_command, tmp_path: Path) -> None:
    blank, output = tmp_path / "blank.pdf", tmp_path / "FORM.toml"
    assert mnistry_command("form", "make", EXAMPLES / "water-samples.toml", "-o", blank).code == 0
    picture = tmp_path / "fields.png"
    made = mnistry_command("form", "fields", blank, "-o", output, "--picture", picture)
    assert made.code == 0, made.err
    assert "18 fields and 1 table found" in made.err
    form = load(output)
    assert form.template == blank
    assert len(form.fields) == 18
    with Image.open(picture) as drawn:
        colours = {colour for _, colour in drawn.getcolors(1 << 24)}
    assert (220, 0, 0) in colours
    content = output.read_bytes()
    again = mnistry_command("form", "fields", blank, "-o", output)
    assert again.code == 2
    assert "exists already" in again.err
    assert output.read_bytes() == content
    assert mnistry_command("form", "fields", output, "-o", tmp_path / "new.toml").code == 3
