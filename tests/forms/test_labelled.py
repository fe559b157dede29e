"""Labelled digits come from what people said, and from fields where one digit alone may stand."""

from decimal import Decimal
from pathlib import Path

import cv2
import numpy as np
import pytest

from mnistry import Reader
from mnistry.forms import batch
from mnistry.forms.definition import Form
from mnistry.forms.labelled import LabelledDigit, labelled
from mnistry.forms.loading import load
from mnistry.forms.reading import FormReader
from mnistry.forms.records import Decision
from mnistry.forms.rules import key
from mnistry.forms.store import Store
from tests.forms import filled

TOML = """\
title = "Digits"
[[field]]
name = "seven"
type = "digits"
length = 4
pattern = "7*"
[[field]]
name = "depth"
type = "decimal"
length = 4
decimals = 1
[[field]]
name = "patient"
type = "digits"
length = 3
private = true
"""
# "77 7" has three marks, each a 7 because of the pattern, though the field lacks a digit.
WRITTEN = {key("seven"): "77 7", key("depth"): " 125", key("patient"): "604"}


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(threads=1)


@pytest.fixture
def form(tmp_path: Path) -> Form:
    path = tmp_path / "FORM.toml"
    path.write_text(TOML, "utf-8")
    return load(path)


def digits_of(
    form: Form, reader: Reader, folder: Path, decisions: dict[str, Decision], **options
) -> tuple[list[LabelledDigit], int]:
    scan = folder / "scan.png"
    (page,) = filled.printed(form, WRITTEN, serial=3)
    cv2.imwrite(str(scan), filled.scan(page))
    with Store(folder / "batch") as store:
        batch.read(form, reader, store, [scan])
        for name, decision in decisions.items():
            store.decide(1, key(name), decision)
        found = labelled(FormReader(form, reader), store, **options)
    return list(found.digits), found.mismatched_fields


def test_only_what_is_known_is_labelled_and_each_mark_once(form, reader, tmp_path) -> None:
    found, _ = digits_of(form, reader, tmp_path, {})
    assert [(one.key[2], one.digit, one.number) for one in found] == [
        ("seven", "7", 1), ("seven", "7", 2), ("seven", "7", 3),
    ]  # fmt: skip


def test_a_decision_labels_the_marks_of_its_field_but_of_private_ones(
    form, reader, tmp_path
) -> None:
    decisions = {
        "depth": Decision("12.5", 12.5),
        "patient": Decision("604", "604"),
        "seven": Decision("77?7", None, "a character was not read"),
    }
    found, mismatched = digits_of(form, reader, tmp_path, decisions)
    assert [(one.key[2], one.digit) for one in found] == [
        ("depth", "1"), ("depth", "2"), ("depth", "5"),
    ]  # fmt: skip
    assert mismatched == 0


def test_a_field_that_an_audit_typed_differently_gives_no_label_until_a_review_decides(
    form, reader, tmp_path
) -> None:
    scan, at = tmp_path / "scan.png", key("depth")
    (page,) = filled.printed(form, WRITTEN, serial=3)
    cv2.imwrite(str(scan), filled.scan(page))
    with Store(tmp_path / "batch") as store:
        batch.read(form, reader, store, [scan])
        form_reader = FormReader(form, reader)

        def labels() -> str:
            found = labelled(form_reader, store).digits
            return "".join(one.digit for one in found if one.key == at)

        store.draw([(1, at, store.sheets()[0].answers[at].value)])
        store.audit(1, Decision("12.6", Decimal("12.6")))
        assert labels() == ""
        store.decide(1, at, Decision("12.5", Decimal("12.5")))
        assert labels() == "125"


def test_a_digit_looks_as_it_was_written(form, reader, tmp_path) -> None:
    written = [filled.digit(number).ravel() for number in range(10)]
    found, _ = digits_of(form, reader, tmp_path, {})
    for one in found:
        alike = [np.corrcoef(one.image.ravel(), other)[0, 1] for other in written]
        assert np.argmax(alike) == 7
        assert max(alike) > 0.7


def test_a_text_that_does_not_fit_the_marks_labels_nothing(form, reader, tmp_path) -> None:
    # 2.5 has two digits, but three marks were written.
    found, mismatched = digits_of(form, reader, tmp_path, {"depth": Decision("2.5", 2.5)})
    assert {one.key[2] for one in found} == {"seven"}
    assert mismatched == 1


def test_sheets_are_chosen_by_their_serial_numbers(form, reader, tmp_path) -> None:
    assert digits_of(form, reader, tmp_path, {}, serials=[1, 2])[0] == []
