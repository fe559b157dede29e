"""Batches become tables in which a doubtful value never looks like a sure one."""

import csv
import datetime
import io
import json
import re
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from mnistry.errors import DataError, UsageError
from mnistry.forms import comparison, form_json, output
from mnistry.forms.answers import CHECK, EMPTY, OK, Answer
from mnistry.forms.definition import Field, Form
from mnistry.forms.records import Decision, NewPage
from mnistry.forms.rules import key
from mnistry.forms.store import Store

TOML = """
title = "Water"
[[field]]
name = "station"
type = "digits"
length = 3
[[field]]
name = "depth"
type = "decimal"
length = 4
decimals = 2
min = 0
[[field]]
name = "day"
type = "date"
format = "YYYY-MM-DD"
[[field]]
name = "site"
type = "choice"
options = ["=1+1", "b"]
[[field]]
name = "done"
type = "tick"
[[table]]
name = "catch"
rows = 2
columns = [{name = "count", type = "integer", length = 2}]
[[rule]]
unique = ["station"]
"""
VALUES = {
    "station": "049", "depth": Decimal("3.50"), "day": "2024-02-29", "site": "=1+1", "done": True,
}  # fmt: skip


@pytest.fixture
def form(form_of: Callable[[str], Form]) -> Form:
    return form_of(TOML)


def store_of(*sheets: dict[str, Any]) -> Store:
    """Make a batch of sheets with `VALUES`, some replaced by other values or whole Answers."""
    store = Store(None)
    for number, other in enumerate(sheets, 1):
        answers = {}
        for name, value in {**VALUES, **other}.items():
            is_answer = isinstance(value, Answer)
            answers[key(name)] = value if is_answer else Answer(str(value), value, 1.0, OK)
        answers["catch", 0, "count"] = Answer("-7", -7, 1.0, OK)
        answers["catch", 1, "count"] = Answer("", None, 1.0, EMPTY)
        file = store.add_file(f"scan{number}.png", str(number))
        store.add_page(file, NewPage(1, 1, number, 0, answers, None, (), None, None))
    return store


DOUBT = Answer("?49", "149", 0.5, CHECK, "a character is not sure")


def rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode())))


def test_fault_123_csv_has_a_row_a_sheet_and_no_formula(form: Form, tmp_path: Path) -> None:
    found = output.results(form, store_of({}, {"station": DOUBT, "done": False}))
    files = output.files(form, found, tmp_path / "out.csv")
    assert [path.name for path in files] == ["out.csv", "out_catch.csv", "out_codebook.csv"]
    head, first, second = rows(files[tmp_path / "out.csv"])
    assert head == ["file", "page", "serial", *VALUES, "problems"]
    assert first == ["scan1.png", "1", "1", "049", "3.50", "2024-02-29", "'=1+1", "true", ""]
    assert second[3:8] == ["?49", "3.50", "2024-02-29", "'=1+1", "false"]
    assert second[8] == "station: a character is not sure"
    assert rows(files[tmp_path / "out_catch.csv"])[1] == ["scan1.png", "1", "1", "1", "-7"]
    assert len(rows(files[tmp_path / "out_catch.csv"])) == 3  # empty rows are left out


def test_a_doubt_without_a_question_mark_gets_one() -> None:
    assert output.shown(Answer("12", 12, 0.9, CHECK, "a sum does not agree")) == "12?"


def test_parquet_has_types_and_nothing_that_is_not_sure(form: Form, tmp_path: Path) -> None:
    found = output.results(form, store_of({}, {"station": DOUBT}))
    for path, content in output.files(form, found, tmp_path / "out.parquet").items():
        path.write_bytes(content)
    table = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert [row["station"] for row in table] == ["049", None]
    assert (table[0]["depth"], table[0]["day"].isoformat(), table[0]["done"]) == (
        3.5,
        "2024-02-29",
        True,
    )
    assert pq.read_table(tmp_path / "out_catch.parquet").to_pylist()[0]["count"] == -7


def test_fault_123_xlsx_has_numbers_as_numbers_and_no_formula(form: Form, tmp_path: Path) -> None:
    found = output.results(form, store_of({}))
    path = tmp_path / "out.xlsx"
    path.write_bytes(output.files(form, found, path)[path])
    with zipfile.ZipFile(path) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        texts = re.findall(r"<t[^>]*>([^<]*)</t>", book.read("xl/sharedStrings.xml").decode())
        names = re.findall(r'<sheet name="([^"]*)"', book.read("xl/workbook.xml").decode())
    assert "<f>" not in sheet
    assert names == ["sheets", "catch", "codebook"]
    assert {"049", "=1+1"} <= set(texts)
    assert "<v>3.5</v>" in sheet
    assert '<c r="H2" t="b"><v>1</v></c>' in sheet  # column H is "done", and row 2 the sheet


def test_json_lines_are_as_promised(form: Form) -> None:
    found = output.results(form, store_of({"station": DOUBT}))
    (line,) = map(json.loads, output.json_lines(form, found))
    assert list(line) == ["file", "page", "form", "serial", "fields", "problems", "error"]
    assert line["fields"]["depth"]["value"] == 3.5
    assert line["fields"]["station"]["status"] == "check"
    assert line["fields"]["catch"][0]["count"]["value"] == -7
    assert set(line["fields"]["day"]) == {
        "text", "value", "confidence", "status", "why", "box", "page",
    }  # fmt: skip


def test_what_must_be_unique_is_told(form: Form) -> None:
    found = output.results(form, store_of({}, {}))
    assert found[1].problems == ("station: the same as scan1.png, page 1",)
    assert found[1].to_check == [key("station")]


def test_a_decision_counts_and_what_it_breaks_is_told(form: Form) -> None:
    store = store_of({}, {"station": DOUBT})
    store.decide(store.sheets()[1].id, key("station"), Decision("049", "049"))
    found = output.results(form, store)
    assert found[1].answers[key("station")].value == "049"
    assert found[1].problems == ("station: the same as scan1.png, page 1",)
    assert found[1].to_check == []  # a person has looked at it


def test_fault_119_a_missing_page_is_told(form_of: Callable[[str], Form]) -> None:
    many = "".join(f'[[field]]\nname = "text{n}"\ntype = "text"\nlength = 20\n' for n in range(60))
    form = form_of(f'title = "Long"\n{many}')
    with Store(None) as store:
        first = {key("text0"): Answer("", None, 1.0, EMPTY)}
        store.add_page(
            store.add_file("a.png", "a"), NewPage(1, 1, 5, 0, first, None, (), None, None)
        )
        (found,) = output.results(form, store)
    assert found.problems[0] == "page 2 is missing"
    assert found.answers[key("text59")].status == CHECK


def test_no_format_rounds_a_number_or_moves_a_date() -> None:
    values = (12345678901234567890, Decimal("1234567890123456.78"), "1899-12-31")
    kinds = ("integer", "decimal", "date")
    table = output.Table(
        "",
        (*((kind, Field(kind, kind, kind)) for kind in kinds), ("problems", None)),
        ((*(Answer(str(value), value, 1.0, OK) for value in values), "x" * 40_000),),
    )
    (row,) = pq.read_table(io.BytesIO(output.write_parquet(table))).to_pylist()
    assert row["integer"] == "12345678901234567890"
    assert row["decimal"] == "1234567890123456.78"
    assert row["date"] == datetime.date(1899, 12, 31)
    book = output.write_xlsx([table], output.Table("codebook", (("name", None),), ()))
    with zipfile.ZipFile(io.BytesIO(book)) as files:
        texts = files.read("xl/sharedStrings.xml").decode()
    for value in (*map(str, values), "x" * 30_000):  # Excel's cells hold 32,767 characters
        assert value in texts


def test_a_workbook_has_a_sheet_for_each_table_of_any_name() -> None:
    names = [
        "",
        "sheets",
        "history",
        "Samples_of_the_northern_rivers_a",
        "samples_of_the_northern_rivers_b",
    ]
    every = [output.Table(name, (("page", None),), ()) for name in names]
    book = output.write_xlsx(every, output.Table("codebook", (("name", None),), ()))
    with zipfile.ZipFile(io.BytesIO(book)) as files:
        assert sum("worksheets/sheet" in name for name in files.namelist()) == len(names) + 1


def test_a_workbook_with_too_many_rows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "_MOST_ROWS", 2)
    table = output.Table("", (("page", None),), ((1,), (2,), (3,)))
    with pytest.raises(UsageError, match=r"a table of 3 rows; .*write \.csv or \.parquet"):
        output.write_xlsx([table], output.Table("codebook", (("name", None),), ()))


def test_another_ending_is_refused(form: Form, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="xlsx"):
        output.files(form, [], tmp_path / "out.doc")


def test_a_form_survives_being_kept(form: Form) -> None:
    assert form_json.loads(form_json.dumps(form)) == form


def test_what_was_typed_is_compared(form: Form) -> None:
    store = store_of({}, {"station": DOUBT, "depth": Decimal("4.25")})
    typed = [
        {"serial": "1", "station": "049", "depth": "3,5", "done": "yes", "day": "2024-02-29"},
        {"serial": "2", "station": "149", "depth": "4.26", "done": "1", "day": ""},
    ]
    found = comparison.compare(form, store, list(enumerate(typed, 2)), "typed.csv")
    # 2 sheets of 4 typed fields; both differences below were read as sure.
    assert (found.sheets, found.fields, found.sure) == (2, 8, 2)
    assert [str(one) for one in found.differences] == [
        "serial 2, depth: read 4.25, typed 4.26, read as sure",
        "serial 2, day: read 2024-02-29, typed empty, read as sure",
    ]
    with pytest.raises(DataError, match=r"typed.csv, line 2: serial 9 is no sheet"):
        comparison.compare(form, store, [(2, {"serial": "9", "station": "1"})], "typed.csv")
    with pytest.raises(DataError, match="columns"):
        comparison.compare(form, store, [(2, {"station": "1"})], "typed.csv")


def test_a_table_that_was_typed_is_compared_row_by_row(form: Form) -> None:
    store = store_of({}, {})
    typed = [
        {"serial": "1", "row": "1", "count": "-7"},
        {"serial": "2", "row": "2", "count": "12"},
    ]
    found = comparison.compare(form, store, list(enumerate(typed, 2)), "typed.csv")
    assert (found.sheets, found.fields) == (2, 4)  # each sheet has 2 rows with a count
    assert [str(one) for one in found.differences] == [
        "serial 2, catch, row 1, count: read -7, typed empty, read as sure",
        "serial 2, catch, row 2, count: read empty, typed 12",
    ]
    first = found.differences[0].to_json()
    assert (first["table"], first["row"], first["name"]) == ("catch", 1, "count")
    for wrong, message in (
        ([{"serial": "1", "row": "3", "count": "1"}], "there is no row '3' in catch"),
        ([typed[0], typed[0]], "line 3: a second row for the same sheet or table row"),
        ([{"serial": "1", "row": "1", "mass": "1"}], "columns"),
    ):
        with pytest.raises(DataError, match=message):
            comparison.compare(form, store, list(enumerate(wrong, 2)), "typed.csv")
