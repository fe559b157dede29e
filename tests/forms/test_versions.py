"""Sheets of an older version of a form are read as they were printed, and shown as the newest."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mnistry import Reader
from mnistry.errors import DataError
from mnistry.forms import batch, crops, form_json, output, versions
from mnistry.forms.answers import CHECK, EMPTY, OK, Answer
from mnistry.forms.definition import Form
from mnistry.forms.loading import load
from mnistry.forms.placement import Placement
from mnistry.forms.reading import FormReader
from mnistry.forms.records import Decision, NewPage
from mnistry.forms.review import Review
from mnistry.forms.rules import key
from mnistry.forms.store import Store
from mnistry.reading.page import mapped
from tests.forms import filled

OLD = """\
title = "Printed"
[[field]]
name = "station"
type = "digits"
length = 3
[[field]]
name = "depth"
type = "integer"
length = 3
[[field]]
name = "weather"
type = "choice"
options = ["sun", "rain"]
[[field]]
name = "secret"
type = "digits"
length = 3
private = true
"""
NEW = """\
title = "Printed"
[[field]]
name = "boat"
type = "integer"
max = 99
required = true
[[field]]
name = "station"
type = "digits"
length = 3
pattern = "0.."
[[field]]
name = "depth"
type = "digits"
length = 3
[[field]]
name = "weather"
type = "choice"
options = ["sun", "snow"]
"""
RULE = """\
[[rule]]
less = ["boat", "depth"]
"""
VALUES = {key("station"): "149", key("depth"): "317", key("weather"): " x"}


@pytest.fixture
def forms(tmp_path: Path) -> tuple[Form, Form]:
    """The older and the newest version."""
    found = []
    for name, text in (("OLD.toml", OLD), ("FORM.toml", NEW)):
        path = tmp_path / name
        path.write_text(text, "utf-8")
        found.append(load(path))
    return found[0], found[1]


def save(path: Path, form: Form, values: dict, serial: int) -> Path:
    (sheet,) = filled.printed(form, values, serial=serial)
    cv2.imwrite(str(path), filled.scan(sheet, scale=0.8))
    return path


def test_fault_118_a_sheet_of_an_older_version_is_read_by_that_version(
    forms: tuple[Form, Form], tmp_path: Path
) -> None:
    old, new = forms
    scan = save(tmp_path / "1.png", old, VALUES, 7)
    later = save(tmp_path / "2.png", new, {key("boat"): "12", key("station"): "049"}, 7)
    with Store(tmp_path / "batch") as store:
        versions.keep(store, old)
        versions.keep(store, new)
        batch.read(new, Reader(threads=1), store, [scan, later])
        assert store.set_aside() == []
        first, second = output.results(new, store)
        assert first.problems == (f"it is of version {old.version}, which lacks boat",)
        assert {at[2]: (one.value, one.status) for at, one in first.answers.items()} == {
            "boat": (None, EMPTY), "station": ("149", CHECK), "depth": (None, CHECK),
            "weather": (None, CHECK),
        }  # fmt: skip
        assert first.answers[key("depth")].text == "317"
        assert first.answers[key("depth")].why.endswith("it was of type integer")
        assert (second.serial, second.answers[key("station")].value) == (7, "049")
        assert second.problems[:1] == ("the serial 7 is on another sheet too",)


def test_a_page_placed_by_hand_is_read_by_the_version_for_which_it_was_placed(
    forms: tuple[Form, Form],
) -> None:
    old, new = forms
    (sheet,) = filled.printed(old, VALUES, serial=7)
    grey = filled.scan(sheet, scale=0.8)
    on_page = np.array([[10, 10], [200, 10], [200, 287], [10, 287]], float)
    move = np.vstack([filled.matrix(1.0, 0.8), [0, 0, 1]]) @ np.diag([filled.SCALE] * 2 + [1])
    points = np.hstack([on_page, mapped(on_page, move) / grey.shape[::-1]])
    said = Placement(1, 7, tuple(map(tuple, points.tolist())), old.paper, "eva")
    reader = FormReader(new, Reader(threads=1), {old.version: old})
    found = reader.read_placed(grey, said)
    assert (found.paper, found.answers[key("depth")].value) == (old.paper, 317)
    unknown = reader.read_placed(grey, replace(said, paper="0" * 8))
    assert "for another version of FORM.toml" in (unknown.problem or "")


def page(form: Form, number: int = 1, **fields: Answer) -> NewPage:
    answers = {key(name): one for name, one in fields.items()}
    return NewPage(1, number, 7, 0, answers, None, (), None, None, (), form.paper)


def test_what_an_older_version_means_in_the_newest(forms: tuple[Form, Form]) -> None:
    old, new = forms
    sure = Answer("149", "149", 1.0, OK, box=(20, 40, 18, 8))
    with Store(None) as store:
        versions.remember(store, old)
        versions.remember(store, replace(old, title="Another"))
        assert versions.older(store, old) == {}
        (older,) = versions.older(store, new).values()
        assert older.version == old.version
        assert [one.pattern for one in older.fields] == ["0..", None, None, None]
        store.add_page(
            store.add_file("a", "a"),
            page(old, station=sure, depth=Answer("", None, 1, EMPTY), secret=sure,
                 weather=Answer("sun", "sun", 1, OK)),
        )  # fmt: skip
        (one,) = output.results(new, store)
        assert {at[2]: (a.value, a.status) for at, a in one.answers.items()} == {
            "boat": (None, EMPTY), "station": ("149", OK), "depth": (None, EMPTY),
            "weather": ("sun", OK),
        }  # fmt: skip
        # A field that the newest form lacks is hidden, as it may be private; others are hidden
        # where they were printed on this sheet, not where the newest form has them.
        (sheet,) = store.sheets()
        boxes = crops.PrivateFields(new).boxes(sheet, 1, other_than=key("station"))
        assert [box.edges for box in boxes] == [sure.box]


def test_what_was_decided_of_another_type_is_looked_at_again(
    forms: tuple[Form, Form], tmp_path: Path
) -> None:
    old, new = forms
    read = Answer("317", 317, 1.0, OK, box=(20, 40, 18, 8))
    with Store(tmp_path / "batch") as store:
        versions.remember(store, old)
        added = replace(page(old, depth=read), picture=b"picture")
        store.add_page(store.add_file("a", "a"), added)
        store.decide(1, key("depth"), Decision("311", 311, who="eva"))
        assert output.results(old, store)[0].answers[key("depth")].value == 311
        (one,) = output.results(new, store)
        assert "it was decided when the field was of another type" in one.answers[key("depth")].why
        assert output.files(new, [one], tmp_path / "out.parquet")
        review = Review(new, store, "eva")
        assert "1//-1/depth" in review.names()
        review.decide("1//-1/depth", "311", confirmed=False, insists=False)
        assert output.results(new, store)[0].answers[key("depth")].value == "311"


def test_rules_with_fields_that_a_version_lacks_are_not_applied(
    forms: tuple[Form, Form], tmp_path: Path
) -> None:
    old, _ = forms
    path = tmp_path / "RULE.toml"
    numbers = NEW.replace('"depth"\ntype = "digits"', '"depth"\ntype = "integer"')
    path.write_text(numbers + RULE, "utf-8")
    new = load(path)
    with Store(None) as store:
        versions.remember(store, old)
        store.add_page(store.add_file("a", "a"), page(old, depth=Answer("3", 3, 1.0, OK)))
        assert output.results(new, store)[0].answers[key("depth")].status == OK


def test_pages_of_two_versions_are_two_sheets(forms: tuple[Form, Form]) -> None:
    old, new = forms
    with Store(None) as store:
        store.add_page(store.add_file("a", "a"), page(old))
        store.add_page(store.add_file("b", "b"), page(new, 2))
        store.add_page(store.add_file("c", "c"), page(old, 2))
        assert [[one.file for one in sheet.pages] for sheet in store.sheets()] == [
            ["a", "c"],
            ["b"],
        ]


def test_a_form_that_is_remembered_and_damaged_is_told(forms: tuple[Form, Form]) -> None:
    old, new = forms
    with Store(None) as store:
        versions.keep(store, old)
        versions.keep(store, new)
        assert form_json.loads(store.meta("form") or "").version == new.version
        assert set(versions.older(store, new)) == {old.version}
        store.set_meta("form x", "{")
        with pytest.raises(DataError, match="remembers"):
            versions.older(store, new)
