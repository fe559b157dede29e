"""FORM.toml becomes a form, or its mistakes are told with their lines."""

import datetime
import json
import re
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from mnistry.errors import DataError
from mnistry.forms import keys, loading
from mnistry.forms.definition import Box, Rule
from tests.forms.conftest import WHOLE


def test_a_form_is_as_its_file_says(form_of) -> None:
    form = form_of(WHOLE)
    assert form.size == (210, 297)
    entries = form.entries()
    assert list(entries) == [
        "station", "day", "start", "end", "depth", "adults", "total", "weather",
        "catch.species", "catch.count",
    ]  # fmt: skip
    # Lengths follow from what may be written: 120.5, 999, -20, DD.MM.YYYY, HH:MM.
    lengths = [one.length for one in form.fields]
    assert lengths == [3, 8, 4, 4, 4, 3, 3, 0]
    assert entries["day"].minimum == datetime.date(2026, 1, 1)
    assert entries["depth"].maximum == Decimal("120.5")
    assert entries["station"].line == 4
    assert entries["catch.count"].line == 41
    assert form.rules == (
        Rule("sum", ("adults", "catch.count"), "total"),
        Rule("before", ("start", "end")),
        Rule("unique", ("serial", "station")),
    )
    assert form.rules[0].line == 43


def test_the_version_changes_with_boxes_and_not_with_rules(form_of) -> None:
    version = form_of(WHOLE).version
    assert re.fullmatch("[0-9a-f]{8}", version)
    for old, new in (
        ("required = true", "private = true"),
        ("max = 120.5", "max = 130.5"),
        ('before = ["start", "end"]', 'before = ["end", "start"]'),
        ("min = 2026-01-01", ""),
    ):
        assert form_of(WHOLE.replace(old, new)).version == version, old
    for old, new in (
        ("length = 3\n", "length = 4\n"),
        ("rows = 12", "rows = 13"),
        ('"dry", "rain"', '"rain", "dry"'),
        ("DD.MM.YYYY", "MM.DD.YYYY"),
        ("max = 999", "max = 9999"),
        ('name = "start"', 'name = "start"\nlabel = "begun"'),
    ):
        assert form_of(WHOLE.replace(old, new)).version != version, old


FIELD = 'title = "t"\n[[field]]\nname = "a"\n'
TEMPLATE = 'title = "t"\ntemplate = "blank.png"\n'
MISTAKES = [
    # text, line, words of the message
    ("", 1, '"title" is missing'),
    ('title = "t"', 1, "without fields"),
    ('title = 7\n[[field]]\nname = "a"\ntype = "tick"', 1, "title = 7; expected a text in quotes"),
    (f'title = "{"t" * 81}"', 1, "of 1 to 80 characters"),
    ('title = "t"\npage = "A3"', 2, 'page = "A3"; expected "A4" or "letter"'),
    ('title = "t"\nfield = 3', 2, "a list of"),
    ('title = "t"\ncell = [6, 4]\n[[field]]\nname = "a"\ntype = "tick"', 2, "at least 5"),
    ('title = "t"\nfont = "no.ttf"\n[[field]]\nname = "a"\ntype = "tick"', 2, "there is no file"),
    (FIELD, 2, '"type" is missing'),
    (FIELD + 'type = "digit"', 4, 'type = "digit"; expected "digits" or'),
    (FIELD + 'type = "digits"\nlenght = 3', 5, 'no key "lenght"; .* write "length"'),
    (FIELD + 'type = "digits"', 2, '"length" is missing'),
    (FIELD + 'type = "digits"\nlength = 0', 5, "a whole number from 1 to 40"),
    (FIELD + 'type = "digits"\nlength = true', 5, "a whole number"),
    (FIELD + 'type = "digits"\nlength = 2\nmax = 5', 6, 'max is for "integer", "decimal"'),
    (FIELD + 'type = "digits"\nlength = 2\nbox = [1, 1, 9, 9]', 6, "without a template"),
    (FIELD + 'type = "digits"\nlength = 2\npattern = "(1"', 6, "pattern: missing"),
    (FIELD + 'type = "digits"\nlength = 9\npattern = "(1+)+\\\\1"', 6, "pattern: .*RE2"),
    (FIELD + 'type = "digits"\nlength = 9\ncheck = "lun"', 6, "such as luhn"),
    (FIELD + 'type = "digits"\nlength = 9\ncheck = "os.path"', 6, "not a module of python-stdnum"),
    (FIELD + 'type = "digits"\nin = "no.csv"', 5, "no.csv: no such file"),
    (FIELD + 'type = "digits"\nlength = 2\nin = "list.csv"', 6, "a value with 3 digits for 2"),
    (FIELD + 'type = "digits"\nin = "words.csv"', 5, "words.csv, line 3: other characters"),
    (FIELD + 'type = "digits"\nlength = 1\nnone = "--"', 6, "does not fit in 1 box"),
    (FIELD + 'type = "digits"\nlength = 1\nnone = "x"', 6, "digits or - "),
    (FIELD + 'type = "integer"\nmin = 5\nmax = 2', 5, "min = 5 is more than max = 2"),
    (FIELD + 'type = "integer"\nmax = 2.5', 5, "max = 2.5; expected a whole number"),
    (FIELD + 'type = "integer"\nmax = 2024-01-01', 5, "expected a whole number"),
    (FIELD + 'type = "integer"\nmax = nan', 5, "max = NaN"),
    (FIELD + 'type = "decimal"\nmax = 1e999999999', 5, r"max = 1E\+999999999; expected a number"),
    (FIELD + 'type = "integer"\nlength = 2\nmin = -10', 6, "does not fit in 2 boxes"),
    (FIELD + 'type = "decimal"\nlength = 3', 2, '"decimals" is missing'),
    (FIELD + 'type = "decimal"\nlength = 3\ndecimals = 3', 6, "expected at most 2"),
    (FIELD + 'type = "date"', 2, "a date needs a format"),
    (FIELD + 'type = "date"\nformat = "DD.MM"', 5, "YYYY or YY, MM and DD"),
    (FIELD + 'type = "date"\nformat = "DD..MM.YY"', 5, "YYYY or YY"),
    (FIELD + 'type = "date"\nformat = "DD.MM.YY"\nmax = 5', 6, "a date without quotes"),
    (FIELD + 'type = "time"\nformat = "HH.DD"', 5, "expected HH:MM or HH:MM:SS"),
    (FIELD + 'type = "choice"', 2, '"options" is missing'),
    (FIELD + 'type = "choice"\noptions = ["1", "1"]', 5, '"1" occurs twice'),
    (FIELD + 'type = "tick"\n[[field]]\nname = "A"\ntype = "tick"', 6, "used before"),
    (FIELD + 'type = "tick"\n[[field]]\nname = "\u00e9"\ntype = "tick"\n[[field]]\n'
     'name = "e\u0301"\ntype = "tick"', 9, "used before"),
    (FIELD.replace('"a"', '"file"') + 'type = "tick"', 3, "a column that every result has"),
    (FIELD.replace('"a"', '"Serial"') + 'type = "tick"', 3, "a column that every result has"),
    (FIELD.replace("[[field]]", "[field]") + 'type = "tick"', 2, r"\[field\].*; write \[\[field"),
    (
        'title = "t"\n[[table]]\nname = "Codebook"\nrows = 2\n'
        'columns = [{name = "a", type = "tick"}]',
        3,
        "a table that every result has",
    ),
    (
        'title = "t"\n[[table]]\nname = "t"\nrows = 2\ncolumns = [\n{name = "a", type = "tick"},\n'
        '{name = "row", type = "tick"}]',
        7,
        "a column that the rows of every table have",
    ),
    (FIELD.replace('"a"', '"=1+1"') + 'type = "tick"', 3, "letters, digits, _ and -"),
    (
        'title = "t"\n[[table]]\nname = "t"\nrows = 2\ncolumns = [\n{name = "a", type = "tick"},\n'
        '{name = "b", type = "digits"}]',
        7,
        '"length" is missing',
    ),
    (
        'title = "t"\n[[table]]\nname = "t"\nrows = 500\ncolumns = [\n'
        '{name = "a", type = "digits", length = 40},\n{name = "b", type = "tick"}]',
        3,
        "20,500 boxes up to here; expected at most 20,000",
    ),
    (WHOLE.replace('"start", "end"]', '"start", "ende"]'), 46, 'no field "ende"; write "end"'),
    (WHOLE.replace('"start", "end"]', '"start", "total"]'), 46, 'about "total", of type "integer"'),
    (WHOLE.replace('"start", "end"]', '"start"]'), 46, "two or more"),
    (WHOLE.replace('equals = "total"', ""), 42, 'add equals = "…"'),
    (WHOLE.replace('equals = "total"', 'equals = "catch.count"'), 43, "occurs twice"),
    (WHOLE.replace('equals = "total"', 'equals = "catch.species"'), 44, "digits"),
    (WHOLE + '[[rule]]\nless = ["adults", "catch.count"]', 50, "about several tables"),
    (WHOLE + '[[rule]]\nless = ["adults", "total"]\nbefore = ["start", "end"]', 49, "one of sum"),
    (TEMPLATE + '[[field]]\nname = "a"\ntype = "digits"', 3, '"box" is missing'),
    (
        TEMPLATE + '[[field]]\nname = "a"\ntype = "digits"\nbox = [205, 9, 9, 9]',
        6,
        "4.0 mm outside of its page; expected a place on 210 by 297 mm",
    ),
    (TEMPLATE + '[[field]]\nname = "a"\ntype = "tick"\npage = 2\nbox = [5, 9, 9, 9]', 6, "page 2"),
    (
        TEMPLATE + '[[field]]\nname = "a"\ntype = "tick"\nbox = [20, 9, 9, 9]\n'
        '[[field]]\nname = "b"\ntype = "tick"\nbox = [28, 17, 9, 9]',
        10,
        'a box that overlaps one of "a"',
    ),
    (TEMPLATE + 'note = "x"\n[[field]]\nname = "a"\ntype = "tick"\nbox = [20, 9, 9, 9]', 3, "note"),
    (
        TEMPLATE + '[[field]]\nname = "a"\ntype = "choice"\noptions = ["1", "2"]\n'
        "boxes = [[1, 1, 5, 5], [8, 1, 5, 5], [15, 1, 5, 5]]",
        7,
        "3 boxes for 2 options",
    ),
    (
        TEMPLATE + '[[table]]\nname = "a"\nrows = 2\nbox = [20, 9, 90, 9]\n'
        'columns = [{name = "b", type = "tick", width = 40}]',
        7,
        "columns that fill it",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "words"), MISTAKES)
def test_fault_117_a_mistake_is_told_with_its_line(
    text, line, words, form_of, tmp_path: Path
) -> None:
    Image.new("L", (420, 594), 255).save(tmp_path / "blank.png", dpi=(50.8, 50.8))
    (tmp_path / "list.csv").write_text("no,a\n1,17\n2,049\n")
    (tmp_path / "words.csv").write_text("17\n18\nx\n")
    with pytest.raises(DataError) as error:
        form_of(text)
    where = re.escape(f"{tmp_path / 'FORM.toml'}, line {line}: ")
    assert re.match(f"{where}.*{words}", str(error.value)), error.value
    assert error.value.exit_code == 3


def test_a_rule_of_order_may_name_a_date_and_a_time(form_of) -> None:
    form = form_of(WHOLE.replace('"start", "end"]', '"start", "day"]'))  # a time, and a date
    assert Rule("before", ("start", "day")) in form.rules


def test_a_name_may_have_combining_marks(form_of) -> None:
    (one,) = form_of(FIELD.replace('"a"', '"हिन्दी"') + 'type = "tick"').fields
    assert one.name == "हिन्दी"


def test_the_lines_of_other_mistakes_are_told_too(form_of) -> None:
    with pytest.raises(DataError, match=r"line 5: .*; there are more on lines 6, 7"):
        form_of(FIELD + 'type = "digits"\nlength = 99\nmaxx = 5\nx = 1')


def test_a_list_gives_the_values_and_the_length(form_of, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("no,a\n1,17\n2,０49\n", "utf-8")
    (one,) = form_of(FIELD + 'type = "digits"\nin = "list.csv"').fields
    assert one.listed == ("17", "049")  # full-width digits are digits
    assert one.length == 3


def test_a_template_gives_the_paper(form_of, tmp_path: Path) -> None:
    Image.new("L", (420, 594), 255).save(tmp_path / "blank.png", dpi=(50.8, 50.8))
    text = TEMPLATE + '[[field]]\nname = "a"\ntype = "digits"\ncells = 3\nbox = [20, 9, 18, 8]'
    form = form_of(text)
    assert form.size == pytest.approx((210, 297), abs=0.1)
    assert form.template_pages == 1
    assert form.fields[0].length == 3
    assert form.fields[0].box == Box(20, 9, 18, 8)
    version = form.version
    Image.new("L", (420, 594), 254).save(tmp_path / "blank.png", dpi=(50.8, 50.8))
    assert form_of(text).version != version


def test_a_picture_without_resolution_needs_its_paper(form_of, tmp_path: Path) -> None:
    Image.new("L", (210, 297), 255).save(tmp_path / "blank.png")
    text = TEMPLATE + '[[field]]\nname = "a"\ntype = "tick"\nbox = [20, 9, 18, 8]'
    with pytest.raises(DataError, match=r'line 2: .*add page = "A4"'):
        form_of(text)
    assert form_of(f'page = "A4"\n{text}').size == (210, 297)
    with pytest.raises(DataError, match="not the shape of 297 by 210"):
        form_of(f'page = "A4"\nlandscape = true\n{text}')


def test_large_and_broken_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "FORM.toml"
    with pytest.raises(DataError, match="no such file"):
        loading.load(path)
    path.write_bytes(b"#" * (loading.MAX_BYTES + 1))
    with pytest.raises(DataError, match="too large a file; expected at most 200 kB"):
        loading.load(path)
    path.write_bytes(b'title = "a"\nnote = "\xe4"')
    with pytest.raises(DataError, match="line 2: a character that is not UTF-8"):
        loading.load(path)


def test_fault_117_patterns_and_check_digits_are_checked(form_of) -> None:
    one, two = form_of(
        FIELD + 'type = "digits"\nlength = 9\npattern = "(1|11)*2"\n'
        '[[field]]\nname = "b"\ntype = "digits"\nlength = 9\ncheck = "verhoeff"'
    ).fields
    assert one.matches("112")
    assert not one.matches("1121")
    assert not one.matches("1" * 100_000)  # a backtracking matcher would not end
    assert two.has_right_check_digit("2363")
    assert not two.has_right_check_digit("2364")


def test_editors_get_the_same_keys() -> None:
    schema = json.loads(json.dumps(keys.schema()))
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    refused = [
        not validator.is_valid(tomllib.loads(text))
        for text, _, words in MISTAKES
        if words.startswith(('no key "lenght"', '"title" is missing', '"type" is missing'))
    ]
    assert refused == [True] * 3
    values = tomllib.loads(WHOLE)
    values["field"][1]["min"] = str(values["field"][1]["min"])  # JSON has no dates
    assert validator.is_valid(values)
    shipped = Path(__file__).parents[2] / "docs" / "static" / "form.schema.json"
    assert json.loads(shipped.read_text("utf-8")) == schema  # else: write it anew


def test_the_example_of_the_documentation_is_a_form(form_of) -> None:
    page = (Path(__file__).parents[2] / "docs" / "forms.md").read_text("utf-8")
    (text,) = re.findall(r"^```toml\n(.*?)^```$", page, re.M | re.S)
    assert len(form_of(text).entries()) == 4
