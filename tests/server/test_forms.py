"""Forms that the server reads by their names."""

import json
from pathlib import Path

import pytest

from mnistry import Reader
from mnistry.errors import DataError, UsageError
from mnistry.server import answers, form_answers
from mnistry.server.tasks import FORM_FIELDS, Task
from tests.forms import filled
from tests.serving import png


@pytest.fixture
def form(tmp_path: Path) -> Path:
    return filled.write_form(tmp_path)


def test_a_page_of_a_form_has_its_fields(form: Path, reader: Reader) -> None:
    forms = form_answers.load([str(form)], reader)
    sheet = filled.scan(filled.fill({"station": "049", "count": " 317", "checked": True}), 1)
    answered = answers.answer(reader, Task("forms/FORM", png(sheet), 1, FORM_FIELDS), forms)
    found = json.loads(answered.body)
    assert (found["form"], found["form_page"], found["problems"]) == ("Test", 1, [])
    fields = found["fields"]
    assert (fields["station"]["value"], fields["count"]["value"]) == ("049", 317)
    assert (fields["checked"]["value"], fields["repeated"]["value"]) == (True, False)
    assert fields["station"]["box"] == [20, 40, 24, 10]


def test_a_page_of_several_has_only_its_own_fields(tmp_path: Path, reader: Reader) -> None:
    path = tmp_path / "two.toml"
    field = '[[field]]\nname = "a{}"\nlabel = "Number {}"\ntype = "digits"\nlength = 3\n'
    path.write_text('title = "Two"\n' + "".join(field.format(i, i) for i in range(200)))
    forms = form_answers.load([str(path)], reader)
    pages = filled.printed(forms["two"].form, {})
    assert len(pages) > 1
    answered = answers.answer(reader, Task("forms/two", png(pages[1]), 1, FORM_FIELDS), forms)
    found = json.loads(answered.body)
    assert (found["form_page"], found["problems"]) == (2, [])
    assert "a199" in found["fields"]
    assert "a0" not in found["fields"]


def test_forms_have_the_names_of_their_files(form: Path, reader: Reader) -> None:
    assert list(form_answers.load([str(form)], reader)) == ["FORM"]
    with pytest.raises(UsageError, match="two forms are called FORM"):
        form_answers.load([str(form), str(form)], reader)
    with pytest.raises(UsageError, match="cannot be part of a URL"):
        form_answers.load([str(form.rename(form.with_name("a {b}.toml")))], reader)


def test_a_form_called_read_is_not_used_for_plain_pictures(
    form: Path, reader: Reader, drawing: bytes
) -> None:
    forms = form_answers.load([str(form.rename(form.with_name("read.toml")))], reader)
    answer = answers.answer(reader, Task("read", drawing, fields=("text",)), forms)
    assert json.loads(answer.body) == {"text": "4"}


def test_what_is_no_page_of_the_form_is_an_error(
    form: Path, reader: Reader, drawing: bytes
) -> None:
    forms = form_answers.load([str(form)], reader)
    with pytest.raises(DataError, match="not a page of this form") as caught:
        answers.answer(reader, Task("forms/FORM", drawing, 1, FORM_FIELDS), forms)
    assert caught.value.expected == "a page of Test"
