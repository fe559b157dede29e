"""What characters mean, by the field's type; and when a person must look."""

from decimal import Decimal
from typing import Any

import pytest

from mnistry.forms.answers import CHECK, EMPTY, OK, of_characters, of_choice, of_tick, parse
from mnistry.forms.characters import Characters, ReadPlace
from mnistry.forms.definition import Field


def places(text: str, unsure: str = "") -> Characters:
    """Read a text; characters of `unsure` are not sure and may be a 7 instead."""
    found = []
    for character in text:
        if character == " ":
            found.append(ReadPlace())
        elif character in unsure:
            found.append(ReadPlace(((character, 0.7), ("7", 0.3)), 0.7, False))
        else:
            found.append(ReadPlace(((character, 1.0),), 0.999))
    return Characters(tuple(found))


DIGITS = Field("n", "n", "digits", length=3)
INTEGER = Field("n", "n", "integer", length=4)
DECIMAL = Field("n", "n", "decimal", length=4, decimals=2)
DATE = Field("n", "n", "date", length=8, format="DD.MM.YYYY")
TIME = Field("n", "n", "time", length=4, format="HH:MM")


@pytest.mark.parametrize(
    ("entry", "text", "value", "status"),
    [
        (DIGITS, "049", "049", OK),
        (DIGITS, "49 ", "49", CHECK),  # short
        (DIGITS, "4 9", None, CHECK),  # a gap
        (DIGITS, "   ", None, EMPTY),
        (INTEGER, "12  ", 12, OK),
        (INTEGER, " 12 ", 12, OK),
        (INTEGER, "  12", 12, OK),
        (INTEGER, " -12", -12, OK),
        (INTEGER, "1 2 ", None, CHECK),
        (INTEGER, "1/2 ", None, CHECK),
        (DECIMAL, " 312", Decimal("3.12"), OK),
        (DECIMAL, "31  ", None, CHECK),  # the decimals are missing
        (DECIMAL, "313 ", None, CHECK),
        (DECIMAL, "  12", None, CHECK),  # nothing before the point
        (DATE, "29022024", "2024-02-29", OK),
        (DATE, "29022023", None, CHECK),  # there is no such day
        (DATE, "  022024", None, CHECK),  # a part is blank
        (TIME, "2359", "23:59", OK),
        (TIME, "2460", None, CHECK),
        (DIGITS, "---", None, CHECK),
    ],
)
def test_a_comb_has_its_value_or_is_checked(
    entry: Field, text: str, value: Any, status: str
) -> None:
    answer = of_characters(entry, places(text), is_comb=True)
    assert (answer.value, answer.status) == (value, status)


@pytest.mark.parametrize(
    ("entry", "text", "value"),
    [
        (Field("n", "n", "decimal"), "26.257", Decimal("26.257")),
        (Field("n", "n", "decimal", decimals=2), "1,50", Decimal("1.50")),
        (Field("n", "n", "decimal", decimals=2), "1,5", None),
        (Field("n", "n", "decimal", decimals=2), "150", None),
        (Field("n", "n", "decimal"), "26 257", None),
        (Field("n", "n", "decimal"), "1.2.3", None),
        (Field("n", "n", "digits", length=3), "12", "12"),
        (DATE, "1.2.2024", "2024-02-01"),
        (Field("n", "n", "date", format="DD.MM.YY"), "010269", "2069-02-01"),
        (TIME, "7:05", "07:05"),
        (INTEGER, "１２", 12),  # full-width digits
    ],
)
def test_a_text_has_its_value(entry: Field, text: str, value: Any) -> None:
    assert parse(entry, text)[0] == value


def test_a_dash_is_no_digit_unless_it_has_a_meaning() -> None:
    meant = Field("n", "n", "digits", length=3, none="-")
    doubts = ("a line is drawn across cells",)
    line = Characters((ReadPlace(),) * 3, doubts, is_struck_through=True)
    for found in (places("-  "), line):
        assert of_characters(DIGITS, found, is_comb=True).status == CHECK
        answer = of_characters(meant, found, is_comb=True)
        assert (answer.status, answer.value, answer.text) == (OK, None, "-")


def test_a_dash_that_is_not_sure_has_no_meaning() -> None:
    meant = Field("n", "n", "digits", length=3, none="-")
    assert of_characters(meant, places("-  ", unsure="-"), is_comb=True).status == CHECK


def test_a_character_that_is_not_sure_is_shown_as_such() -> None:
    answer = of_characters(DIGITS, places("149", unsure="1"), is_comb=True)
    assert (answer.text, answer.value, answer.status) == ("?49", "149", CHECK)
    assert [text for text, _ in answer.candidates] == ["149", "749"]


def test_a_doubt_leaves_no_candidates_for_rules() -> None:
    found = Characters(places("149", unsure="1").places, ("a mark lies in two cells",))
    answer = of_characters(DIGITS, found, is_comb=True)
    assert (answer.status, answer.candidates) == (CHECK, ())


def test_fault_121_ticks_and_choices() -> None:
    # Shares of the box that have ink: 0.009 may be dirt or a tick, 0.8 a box that is crossed out.
    assert [of_tick(ink).status for ink in (0, 0.001, 0.009, 0.02, 0.3, 0.8)] == [
        OK, OK, CHECK, OK, OK, CHECK,
    ]  # fmt: skip
    assert [of_tick(ink).value for ink in (0, 0.001, 0.02, 0.3)] == [False, False, True, True]
    choice = Field("c", "c", "choice", options=("a", "b"))
    yes, no = of_tick(0.3), of_tick(0.0)
    assert of_choice(choice, [no, yes]).value == "b"
    assert of_choice(choice, [no, no]).status == EMPTY
    both = of_choice(choice, [yes, yes])
    assert (both.status, both.value) == (CHECK, None)
    assert of_choice(choice, [yes, of_tick(0.009)]).status == CHECK


def test_what_is_required_and_empty_is_checked() -> None:
    required = Field("n", "n", "digits", length=3, required=True)
    assert of_characters(required, places("   "), is_comb=True).status == CHECK
