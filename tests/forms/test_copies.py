"""A list gives copies with names and serial numbers."""

import re
from pathlib import Path

import pytest

from mnistry.errors import DataError
from mnistry.forms import copies
from mnistry.forms.copies import Copy


def of(path: Path, text: str) -> tuple[Copy, ...]:
    path.write_text(text, "utf-8")
    return copies.of_list(path)


def test_a_row_gives_a_copy(tmp_path: Path) -> None:
    path = tmp_path / "LIST.csv"
    assert of(path, 'Name,Class\n"Lovelace, Ada",3b\n\nEmmy,\n') == (
        Copy(1, "Lovelace, Ada · 3b"),
        Copy(2, "Emmy"),
    )
    assert of(path, "\ufeffSerial,Name\n40,Ada\n7,Emmy\n") == (Copy(40, "Ada"), Copy(7, "Emmy"))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_list_of_any_spreadsheet_gives_its_serial_numbers(separator, newline, tmp_path) -> None:
    rows = [("serial", '"name; first, last"'), ("40", '"Lovelace, Ada"'), ("", ""), ("7", "Emmy")]
    text = newline.join(separator.join(row) for row in rows)
    (tmp_path / "LIST.csv").write_text(text, "utf-8", newline="")
    found = copies.of_list(tmp_path / "LIST.csv")
    assert found == (Copy(40, "Lovelace, Ada"), Copy(7, "Emmy"))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_list_that_excel_saved_as_unicode_text_is_read(encoding, tmp_path: Path) -> None:
    path = tmp_path / "LIST.txt"
    path.write_bytes("\ufeffserial\tname\r\n40\tসুমি\r\n".encode(encoding))
    assert copies.of_list(path) == (Copy(40, "সুমি"),)
    path.write_bytes("\ufeffserial\tname\r\n40\t".encode(encoding) + b"a")
    with pytest.raises(DataError, match="line 2: a character that is not UTF-16"):
        copies.of_list(path)


def test_a_first_line_that_tells_excel_the_separator_is_no_heading(tmp_path: Path) -> None:
    path = tmp_path / "LIST.csv"
    text = "sep=;\r\nserial;name, first\r\n40;Ada\r\n"
    assert of(path, text) == (Copy(40, "Ada"),)
    with pytest.raises(DataError, match='line 4: serial "x"'):
        of(path, text + "x;Emmy\r\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ": no rows"),
        ("Name\n\n", ": no rows"),
        ("serial,name\n1,Ada\n1,Emmy\n", ", line 3: serial 1 is on line 2 too"),
        ("serial,name\nx,Ada\n", ', line 2: serial "x"; expected a whole number'),
        ("serial,name\n0,Ada\n", ', line 2: serial "0"'),
        ("serial\n99999999999\n", ", line 2: serial"),
        ("name\nLovelace, Ada\n", ", line 2: 2 values under 1 headings"),
        (f"name\n{'a' * 121}\n", ", line 2: a row that cannot be printed"),
        ("name,name\nAda,Berg\n", ', line 1: two columns have the heading "name"'),
        ("1,Ada\n2,Emmy\n", ", line 1: a number among the headings"),
        ("name,\nAda,3b\n", ", line 2: 2 values under 1 headings"),
        ('name\n"a\nb"\n', ", line 3: a row that cannot be printed"),
        ("name\n" + "a\n" * 10_001, ", line 10002: too many rows; expected at most 10,000"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused_with_its_line(text, words, tmp_path) -> None:
    path = tmp_path / "LIST.csv"
    with pytest.raises(DataError, match=re.escape(f"{path}{words}")):
        of(path, text)
