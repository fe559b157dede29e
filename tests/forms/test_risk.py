"""A batch's risk decides how sure a field must be, and nothing else about it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mnistry.errors import UsageError
from mnistry.forms import output, risk
from mnistry.forms.answers import CHECK, OK, Answer
from mnistry.forms.definition import Form
from mnistry.forms.records import Decision
from mnistry.forms.review import Review
from mnistry.forms.rules import key
from mnistry.forms.store import Store
from tests.forms import batches
from tests.forms.batches import CONTESTED, UNSURE

# By the curve in `risk`, 5/10000 needs a confidence of 0.9992, and 90/10000 one of 0.871.
SURE = Answer("049", "049", 0.985, OK)


@pytest.fixture
def form(tmp_path: Path) -> Form:
    return batches.write_form(tmp_path)


@pytest.fixture
def store(form: Form, tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "batch") as opened:
        batches.add(form, opened, 1, batches.answers(station=SURE))
        likely = replace(UNSURE, confidence=0.93)
        batches.add(form, opened, 2, batches.answers(station=likely, young=CONTESTED))
        yield opened


def statuses(form: Form, store: Store) -> list[str]:
    return [one.answers[key("station")].status for one in output.results(form, store)]


def test_a_smaller_risk_leaves_more_to_look_at_and_a_larger_one_less(
    form: Form, store: Store
) -> None:
    assert statuses(form, store) == [OK, CHECK]
    risk.keep(store, risk.parse("5/10000"))
    assert statuses(form, store) == [CHECK, CHECK]
    risk.keep(store, risk.parse("90/10000"))
    assert statuses(form, store) == [OK, OK]
    assert output.results(form, store)[1].answers[key("station")].text == "049"
    assert output.results(form, store)[1].answers[key("young")].status == CHECK
    risk.keep(store, risk.parse("usual"))
    assert statuses(form, store) == [OK, CHECK]


def test_what_is_not_sure_enough_is_shown_with_its_reading(form: Form, store: Store) -> None:
    risk.keep(store, risk.parse("5/10000"))
    view = Review(form, store, "eva").view("1//-1/station")
    assert (view.preset, view.why) == ("049", "it is not sure enough for the risk")


def test_a_risk_changes_neither_decisions_nor_choices(form: Form, store: Store) -> None:
    store.decide(1, key("station"), Decision("149", "149"))
    sure = Answer("dry", "dry", 0.999, OK)
    batches.add(form, store, 3, batches.answers(weather=sure))
    risk.keep(store, risk.parse("4/10000"))
    results = output.results(form, store)
    assert (results[0].answers[key("station")].value, results[0].to_check) == ("149", [])
    assert results[2].answers[key("weather")].status == OK


@pytest.mark.parametrize("text", ["0", "1", "-1/3", "4/0", "few", "1e-3", "1/100000"])
def test_a_risk_that_is_no_fraction_or_outside_of_the_curve_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--risk.*/10000"):
        risk.parse(text)
