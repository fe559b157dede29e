"""A sheet is held against its form's rules."""

from collections.abc import Callable
from typing import Any

import pytest

from mnistry.forms import rules
from mnistry.forms.answers import CHECK, OK, Answer
from mnistry.forms.definition import Form
from mnistry.forms.rules import key

Make = Callable[[str], Form]

SUM = """
title = "Birds"
[[field]]
name = "adults"
type = "integer"
length = 2
[[field]]
name = "children"
type = "integer"
length = 2
[[field]]
name = "total"
type = "integer"
length = 2
[[rule]]
sum = ["adults", "children"]
equals = "total"
"""


def sure(value: Any) -> Answer:
    return Answer(str(value), value, 0.999, OK)


def unsure(*candidates: tuple[str, float]) -> Answer:
    return Answer("?", int(candidates[0][0]), 0.5, CHECK, "a character is not sure", candidates)


def sheet(**answers: Answer) -> dict[rules.Key, Answer]:
    return {key(name): answer for name, answer in answers.items()}


def test_a_sum_that_does_not_agree_is_told_and_checked(form_of: Make) -> None:
    found = rules.check(form_of(SUM), sheet(adults=sure(9), children=sure(4), total=sure(12)))
    assert found.problems == ("total is 12, adults + children are 13",)
    assert {answer.status for answer in found.answers.values()} == {CHECK}
    assert found.answers[key("total")].value == 12  # a sure reading is never changed


def test_a_sum_decides_between_two_candidates(form_of: Make) -> None:
    total = unsure(("13", 0.6), ("18", 0.4))
    found = rules.check(form_of(SUM), sheet(adults=sure(9), children=sure(9), total=total))
    answer = found.answers[key("total")]
    assert (answer.status, answer.value, found.problems) == (OK, 18, ())
    assert "only one of 2 candidates" in (answer.why or "")


def test_fault_122_no_rule_decides_where_two_candidates_fit_or_none_does(form_of: Make) -> None:
    form = form_of('title = "T"\n[[field]]\nname = "n"\ntype = "integer"\nlength = 2\nmax = 20')
    both = rules.check(form, sheet(n=unsure(("13", 0.6), ("18", 0.4)))).answers[key("n")]
    none = rules.check(form, sheet(n=unsure(("33", 0.6), ("38", 0.4)))).answers[key("n")]
    one = rules.check(form, sheet(n=unsure(("73", 0.6), ("13", 0.4)))).answers[key("n")]
    # The only candidate that fits is too improbable to be taken.
    rare = rules.check(form, sheet(n=unsure(("73", 0.98), ("13", 0.02)))).answers[key("n")]
    assert [answer.status for answer in (both, none, one, rare)] == [CHECK, CHECK, OK, CHECK]
    assert one.value == 13


def test_two_fields_that_are_not_sure_stay_so(form_of: Make) -> None:
    two = unsure(("13", 0.6), ("18", 0.4))
    found = rules.check(form_of(SUM), sheet(adults=two, children=sure(0), total=two))
    assert found.answers[key("total")].status == CHECK


def test_a_check_digit_decides(form_of: Make) -> None:
    form = form_of(
        'title = "T"\n[[field]]\nname = "n"\ntype = "digits"\nlength = 4\ncheck = "luhn"'
    )
    doubt = unsure(("7894", 0.6), ("7898", 0.4))
    answer = rules.check(form, sheet(n=doubt)).answers[key("n")]
    assert (answer.value, answer.status) == ("7898", OK)


ORDER = """
title = "T"
[[field]]
name = "start"
type = "time"
[[field]]
name = "end"
type = "time"
[[table]]
name = "range"
rows = 2
columns = [
  {name = "low", type = "integer", length = 2},
  {name = "high", type = "integer", length = 2},
]
[[rule]]
before = ["start", "end"]
[[rule]]
less = ["range.low", "range.high"]
[[rule]]
unique = ["range.low"]
"""


def test_orders_hold_in_the_sheet_and_in_each_row(form_of: Make) -> None:
    answers = sheet(start=sure("10:30"), end=sure("09:15"))
    for row, (low, high) in enumerate([(1, 5), (1, 1)]):
        answers["range", row, "low"], answers["range", row, "high"] = sure(low), sure(high)
    found = rules.check(form_of(ORDER), answers)
    assert found.problems == (
        "start is 10:30, which is not earlier than end, 09:15",
        "range, row 2: low is 1, which is not less than high, 1",
        "range: rows 1 and 2 have the same values",
    )
    statuses = {at: answer.status for at, answer in found.answers.items()}
    assert statuses["range", 0, "low"] == OK
    assert statuses["range", 1, "high"] == statuses[key("start")] == CHECK


@pytest.mark.parametrize(("total", "problems"), [(11, 0), (12, 1)])
def test_a_sum_over_rows(form_of: Make, total: int, problems: int) -> None:
    form = form_of(
        'title = "T"\n[[field]]\nname = "all"\ntype = "integer"\nlength = 2\n'
        '[[table]]\nname = "catch"\nrows = 2\n'
        'columns = [{name = "count", type = "integer", length = 2}]\n'
        '[[rule]]\nsum = ["catch.count"]\nequals = "all"'
    )
    answers = sheet(all=sure(total))
    answers["catch", 0, "count"], answers["catch", 1, "count"] = sure(4), sure(7)
    assert len(rules.check(form, answers).problems) == problems
