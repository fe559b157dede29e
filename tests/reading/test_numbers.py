"""Numbers have a value only where it is beyond doubt."""

import pytest

from mnistry.reading.numbers import split, value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0), ("007", 7), ("-3", -3), ("+12", 12), ("12.5", 12.5), (".5", 0.5), ("-0.5", -0.5),
        ("12,5", 12.5), ("0,125", 0.125), ("1234,567", 1234.567),
        ("1,250.00", 1250.0), ("1.250,00", 1250.0), ("1,250,000", 1_250_000),
    ],
)  # fmt: skip
def test_value_of_a_plain_number(text: str, expected: float) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "text",
    ["", "-", ".", "?", "1?5", "18/12/2023", "18.12.2023", "12:30", "1,250", "727.", "368-",
     "8+5", "12,34.5", "1/2", "5 1/2", "--3", "1.2.3", "٣", "1_0"],
)  # fmt: skip
def test_no_value_where_it_is_in_doubt(text: str) -> None:
    assert value(text) is None


def test_options_decide_what_a_comma_means() -> None:
    assert value("1,250", decimal_comma=True) == 1.25
    assert value("1,250", thousands=True) == 1250
    assert value("12,5", thousands=True) is None
    assert value("1.250", decimal_comma=True) is None
    assert value("1.250", decimal_comma=True, thousands=True) == 1250
    assert value("1.250,5", decimal_comma=True) == 1250.5


def test_a_gap_parts_numbers_but_not_a_mixed_fraction() -> None:
    assert [token.text for token in split("  12 -3   4.5")] == ["12", "-3", "4.5"]
    assert [token.text for token in split("5 1/2 7")] == ["5 1/2", "7"]
    assert [token.text for token in split("-5 1/2")] == ["-5", "1/2"]
    line = "8 10"
    assert all(line[token.start : token.end] == token.text for token in split(line))
