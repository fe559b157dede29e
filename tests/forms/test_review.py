"""What a person decides is kept at once, counts, and is changed by nothing else."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from mnistry.errors import UsageError
from mnistry.forms import output
from mnistry.forms.answers import CHECK, EMPTY, OK, Answer
from mnistry.forms.definition import Field, Form
from mnistry.forms.reading import KEPT_SCALE
from mnistry.forms.review import Audit, Review, interpret
from mnistry.forms.rules import key
from mnistry.forms.store import Store
from tests.forms import batches
from tests.forms.batches import CONTESTED, UNSURE


@pytest.fixture
def form(tmp_path: Path) -> Form:
    return batches.write_form(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "batch"


@pytest.fixture
def store(form: Form, folder: Path) -> Iterator[Store]:
    """Three sheets: a digit that is not sure, networks that disagree, and a sum that is wrong."""
    with Store(folder) as opened:
        batches.add(form, opened, 1, batches.answers(station=UNSURE))
        batches.add(form, opened, 2, batches.answers(adults=CONTESTED))
        batches.add(form, opened, 3, batches.answers(total=Answer("18", 18, 1.0, OK)))
        yield opened


def typed(session: Review | Audit, name: str, text: str, *, insists: bool = False):
    return session.decide(name, text, confirmed=False, insists=insists)


def exported(form: Form, store: Store, sheet: int, name: str) -> Answer:
    return output.results(form, store)[sheet - 1].answers[key(name)]


def test_only_what_is_to_be_checked_is_shown(form: Form, store: Store) -> None:
    assert Review(form, store, "eva").names() == [
        "1//-1/station", "3//-1/adults", "3//-1/young", "3//-1/total",
    ]  # fmt: skip


def test_a_rule_that_leaves_one_candidate_needs_no_person(form: Form, store: Store) -> None:
    # 12 + 4 = 16, so the contested field of sheet 2 is not shown.
    assert exported(form, store, 2, "adults").value == 12
    batches.add(form, store, 2, batches.answers(adults=CONTESTED, total=Answer("", None, 1, EMPTY)))
    assert "2//-1/adults" in Review(form, store, "eva").names()


def test_an_agreed_reading_is_preset_with_its_candidates(form: Form, store: Store) -> None:
    view = Review(form, store, "eva").view("1//-1/station")
    assert (view.preset, view.candidates) == ("049", (("049", 0.8), ("149", 0.2)))
    assert (view.label, view.where) == ("station", "serial 1 (scan1.png, page 1)")


def test_readings_that_disagree_or_break_a_rule_are_not_told_before(
    form: Form, store: Store
) -> None:
    batches.add(form, store, 2, batches.answers(adults=CONTESTED, total=Answer("", None, 1, EMPTY)))
    late = Answer("100", 100, 1.0, CHECK, "it is more than 99")
    batches.add(form, store, 4, batches.answers(young=late))
    review = Review(form, store, "eva")
    for name in ("2//-1/adults", "3//-1/total", "4//-1/young"):
        view = review.view(name)
        assert (view.preset, view.candidates, view.read, view.why) == (None, (), None, None)
    typed(review, "2//-1/adults", "17")
    assert review.view("2//-1/adults").read == "1?"


def test_a_decision_counts_and_the_reading_stays(form: Form, store: Store, folder: Path) -> None:
    review = Review(form, store, "eva")
    step = review.decide("1//-1/station", "049", confirmed=True, insists=False)
    assert (step.removed, step.said) == (("1//-1/station",), "station: 049, read as ?49")
    typed(review, "1//-1/station", "149")
    assert exported(form, store, 1, "station").value == "149"
    assert store.sheets()[0].answers[key("station")].text == "?49"
    with sqlite3.connect(folder / "batch.sqlite") as database:
        kept = database.execute("SELECT text, how, who FROM decisions").fetchall()
    database.close()
    assert kept == [("049", "confirmed", "eva"), ("149", "typed", "eva")]


def test_fault_124_a_decision_is_on_disk_before_the_next_field(
    form: Form, store: Store, folder: Path
) -> None:
    review = Review(form, store, "eva")
    typed(review, "1//-1/station", "149")
    with Store(folder) as other:  # as after a crash: nothing of the first process is used
        again = Review(form, other, "eva")
        assert "1//-1/station" not in again.names()
        assert again.undo().about == "1//-1/station"
    assert typed(review, "3//-1/total", "16").added == ("1//-1/station",)


def test_undo_brings_back_the_decision_before(form: Form, store: Store) -> None:
    review = Review(form, store, "eva")
    typed(review, "1//-1/station", "149")
    typed(review, "1//-1/station", "249")
    typed(Review(form, store, "tom"), "3//-1/total", "16")
    assert review.undo().about == "1//-1/station"  # and not Tom's
    assert exported(form, store, 1, "station").value == "149"
    step = review.undo()
    assert step.added == ("1//-1/station",)
    assert exported(form, store, 1, "station").status == CHECK
    assert review.undo().about is None


def test_one_decision_may_settle_a_sum(form: Form, store: Store) -> None:
    step = typed(Review(form, store, "eva"), "3//-1/total", "16")
    assert set(step.removed) == {"3//-1/adults", "3//-1/young", "3//-1/total"}


def test_what_was_decided_is_changed_by_no_other_field_and_no_reading(
    form: Form, store: Store
) -> None:
    review = Review(form, store, "eva")
    typed(review, "3//-1/total", "16")
    step = typed(review, "3//-1/adults", "13")  # the sum is wrong again
    assert step.added == ("3//-1/young",)
    batches.add(form, store, 3, batches.answers(total=CONTESTED))
    for name, value in (("total", 16), ("adults", 13)):
        answer = exported(form, store, 3, name)
        assert (answer.value, answer.status) == (value, OK)
    assert output.results(form, store)[2].problems == ("total is 16, adults + young are 17",)


def test_what_breaks_a_rule_is_kept_only_when_it_is_said_twice(form: Form, store: Store) -> None:
    review = Review(form, store, "eva")
    assert typed(review, "3//-1/total", "160").asks == "it is more than 99"
    assert typed(review, "1//-1/station", "14").asks == "it has 2 of 3 digits"
    assert store.sheets()[2].decisions == {}
    typed(review, "3//-1/total", "160", insists=True)
    assert exported(form, store, 3, "total").value == 160
    assert "total: it is more than 99" in output.results(form, store)[2].problems


def test_what_nobody_can_read_stays_marked_and_is_not_shown_again(form: Form, store: Store) -> None:
    review = Review(form, store, "eva")
    assert typed(review, "1//-1/station", "?").asks is None
    assert "1//-1/station" not in review.names()
    answer = exported(form, store, 1, "station")
    assert (output.shown(answer), answer.status) == ("?", CHECK)


def test_another_process_may_add_sheets(form: Form, store: Store, folder: Path) -> None:
    review = Review(form, store, "eva")
    with Store(folder) as other:
        batches.add(form, other, 4, batches.answers(station=UNSURE))
    assert typed(review, "1//-1/station", "049").added == ("4//-1/station",)


@pytest.mark.parametrize(
    "name", ["", "1//-1/none", "9//-1/station", "1//--1/station", "../../etc/passwd"]
)
def test_a_field_that_is_not_there_is_refused(name: str, form: Form, store: Store) -> None:
    with pytest.raises(UsageError, match="no such field"):
        Review(form, store, "eva").crop(name)


def private_part(review: Review, name: str) -> float:
    """The area of a crop that shows a private field, in square millimetres."""
    content = np.frombuffer(review.crop(name), np.uint8)
    seen = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE).astype(int)
    return float((abs(seen - batches.PRIVATE) < 8).sum() / KEPT_SCALE**2)


def test_a_private_field_is_seen_in_its_own_picture_alone(form: Form, store: Store) -> None:
    review = Review(form, store, "eva")
    assert private_part(review, "1//-1/patient") > 3 * 6 * 8  # three boxes of 6 by 8 mm
    assert private_part(review, "1//-1/station") < 3
    assert private_part(review, "1//-1/adults") < 3
    assert private_part(review, "1//-1/patient") > 3 * 6 * 8  # the page itself is not changed


@pytest.mark.parametrize(
    ("entry", "text", "value", "problem"),
    [
        (Field("a", "a", "tick"), "1", True, None),
        (Field("a", "a", "tick"), "", False, None),
        (Field("a", "a", "tick"), "7", None, "it is not 1 or 0"),
        (Field("a", "a", "choice", options=("b", "1", "c")), "1", "1", None),
        (Field("a", "a", "choice", options=("b", "1", "c")), "3", "c", None),
        (Field("a", "a", "choice", options=("b", "1")), "0", None, None),
        (Field("a", "a", "choice", options=("b",)), "9", None, "it is not the number of an option"),
        (Field("a", "a", "integer"), " ", None, None),
        (Field("a", "a", "integer", none="-"), "-", None, None),
        (Field("a", "a", "integer"), "-", None, "it is not a whole number"),
        (Field("a", "a", "date", format="DD.MM.YYYY"), "14062026", "2026-06-14", None),
        (Field("a", "a", "date", format="DD.MM.YY"), "310226", None, "there is no such date"),
        (Field("a", "a", "text"), "net torn", "net torn", None),
    ],
)  # fmt: skip
def test_what_is_typed_means(entry: Field, text: str, value: object, problem: str | None) -> None:
    decision, _ = interpret(entry, text)
    assert (decision.value, decision.problem) == (value, problem)


def test_the_printed_point_need_not_be_typed_if_all_boxes_are() -> None:
    entry = Field("a", "a", "decimal", length=3, decimals=1)
    assert str(interpret(entry, "125")[0].value) == "12.5"
    assert str(interpret(entry, "12,5")[0].value) == "12.5"
    assert interpret(entry, "12")[0].problem == "it has no decimals"


def test_an_audit_draws_ok_fields_and_shows_no_reading(form: Form, store: Store) -> None:
    audit = Audit(form, store, "eva")
    audit.draw(5)
    names = audit.names()
    assert len(set(names)) == 5
    to_check = set(Review(form, store, "eva").names())
    assert not to_check & set(names)
    view = audit.view(names[0])
    assert (view.preset, view.candidates, view.read, view.why) == (None, (), None, None)
    again = Audit(form, store, "eva")
    again.draw(5)
    assert again.names() == names  # goes on where it was
    again.draw(1000)
    everything = [one for found in output.results(form, store) for one in found.answers.values()]
    assert len(again.names()) == sum(one.status == OK for one in everything)


def test_an_audit_counts_what_was_wrong_and_sends_it_to_review(form: Form, store: Store) -> None:
    audit = Audit(form, store, "eva")
    audit.draw(1000)
    right = {"station": "049", "patient": "777", "adults": "12", "young": "4", "total": "16",
             "weather": "1"}  # fmt: skip
    for name in audit.names():
        typed(audit, name, right[name.split("/")[-1]])
    # Of 3 sheets with 6 fields, 4 fields are to be checked: 1 of sheet 1, and 3 of sheet 3.
    assert (audit.report().counted, audit.report().wrong) == (14, ())
    typed(audit, "1//-1/total", "17")
    typed(audit, "1//-1/weather", "?")
    report = audit.report()
    assert (report.typed, report.unreadable, report.counted) == (14, 1, 13)
    assert report.wrong == (("serial 1 (scan1.png, page 1), total", "16", "17"),)
    review = Review(form, store, "eva")
    assert "1//-1/total" in review.names()
    assert review.view("1//-1/total").preset is None
    typed(review, "1//-1/total", "16")  # the slip was the audit's
    assert Audit(form, store, "eva").report().wrong == ()


def test_a_dispute_is_not_settled_by_the_rule_that_chose_the_reading(
    form: Form, store: Store
) -> None:
    audit = Audit(form, store, "eva")
    audit.draw(1000)
    assert "2//-1/adults" in audit.names()  # 12, the only candidate that fits the sum
    typed(audit, "2//-1/adults", "17")
    assert "2//-1/adults" in Review(form, store, "eva").names()


def test_an_audit_takes_back_what_was_typed_last(form: Form, store: Store) -> None:
    audit = Audit(form, store, "eva")
    audit.draw(3)
    first = audit.names()[0]
    typed(audit, first, "?")
    assert audit.undo().added == (first,)
    assert first in audit.names()
    assert audit.undo().about is None


def test_an_audit_without_a_sure_field_is_refused(form: Form, folder: Path) -> None:
    with Store(folder) as store, pytest.raises(UsageError, match="no field is ok"):
        Audit(form, store, "eva").draw(10)


def test_a_second_review_shows_what_others_decided_and_nothing_about_it(
    form: Form, store: Store
) -> None:
    eva = Review(form, store, "eva")
    eva.decide("1//-1/station", "049", confirmed=True, insists=False)
    assert Review(form, store, "eva", second=True).names() == []
    ben = Review(form, store, "ben", second=True)
    assert ben.names() == ["1//-1/station"]
    view = ben.view("1//-1/station")
    assert (view.preset, view.read, view.decided, view.candidates) == (None, None, None, ())
    step = typed(ben, "1//-1/station", "049")
    assert (step.removed, step.said) == (("1//-1/station",), "typed 049")
    assert exported(form, store, 1, "station").value == "049"
    assert Review(form, store, "tom", second=True).names() == []


def test_fault_125_where_two_reviewers_differ_a_third_person_decides(
    form: Form, store: Store
) -> None:
    name = "1//-1/station"
    typed(Review(form, store, "eva"), name, "049")
    ben = Review(form, store, "ben", second=True)
    typed(ben, name, "149")
    answer = exported(form, store, 1, "station")
    assert (answer.status, answer.why) == (CHECK, "a character is not sure; two reviewers differ")
    assert name not in Review(form, store, "eva").names()
    assert name not in Review(form, store, "ben").names()
    tom = Review(form, store, "tom")
    assert name in tom.names()
    view = tom.view(name)
    assert (view.preset, view.read, view.decided) == (None, None, None)
    typed(tom, name, "149")
    assert exported(form, store, 1, "station").value == "149"
    assert tom.undo().about == name
    assert exported(form, store, 1, "station").status == CHECK
    assert ben.undo().added == (name,)
    assert exported(form, store, 1, "station").value == "049"
