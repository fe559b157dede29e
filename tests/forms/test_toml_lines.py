"""A mistake in TOML is reported on the line on which it stands."""

import pytest

from mnistry.errors import DataError
from mnistry.forms import toml_lines

TEXT = '''\
title = "Water"  # not [[field]]
note = """
two
lines"""

[[field]]
name = "a"
options = [
  "yes",  # ]
  "no",
]

[[field]]
name = "b"
[[table]]
columns = [
  {name = "c", type = "digits"},
  {name = "d", options = ["1",
     "2"], type = "choice"},
]
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 1),
        (("note",), 2),
        (("field", 0, "name"), 7),
        (("field", 0, "options"), 8),
        (("field", 0, "options", 1), 10),
        (("field", 1), 13),
        (("field", 1, "name"), 14),
        (("field", 1, "missing"), 13),
        (("table", 0, "columns", 0, "type"), 17),
        (("table", 0, "columns", 1), 18),
        (("table", 0, "columns", 1, "options", 1), 19),
        (("missing",), 1),
    ],
)
def test_a_value_is_found_on_its_line(path, line) -> None:
    assert toml_lines.Lines(TEXT, "").of(path) == line
    assert toml_lines.Lines(TEXT.replace("\n", "\r\n"), "").of(path) == line


def test_a_number_with_an_exponent_that_no_decimal_has_is_refused_with_its_line() -> None:
    text = f"a = 1\nb = 1e{'9' * 20}\nc = 2"
    with pytest.raises(DataError, match=r"F, line 2: the number 1e9+ has an exponent"):
        toml_lines.parse(text, "F")


def test_tables_under_tables_are_counted() -> None:
    lines = toml_lines.Lines("[[a]]\n[[a.b]]\n[[a.b]]\nc = 1\n[[a]]\n[[a.b]]\nc = 2\nd.e = 3", "")
    assert [lines.of(("a", 0, "b", 1, "c")), lines.of(("a", 1, "b", 0, "c"))] == [4, 7]
    assert lines.of(("a", 1, "b", 0, "d", "e")) == 8


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("title = Water", 1),
        ('a = "1"\nb = "2', 2),
        ('a = "1"\n\na = "2"\n', 3),
        ("a = [1,\n2\n", 3),
        ("a = " + "[" * 10_000, 1),
        ("a = " + "1" * 5000, 1),
    ],
)
def test_what_is_no_toml_is_refused_with_its_line(text, line) -> None:
    with pytest.raises(DataError, match=rf"FORM.toml, line {line}: not TOML"):
        toml_lines.parse(text, "FORM.toml")


def test_a_value_of_very_many_lines_is_refused_in_time() -> None:
    text = "a = 1\nb = [\n" + '"]",\n' * 40_000 + "]"
    with pytest.raises(DataError, match=r"FORM\.toml, line 2: a value of more than 200 lines"):
        toml_lines.Lines(text, "FORM.toml")
