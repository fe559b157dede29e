"""Turn a batch into tables: JSON lines, CSV, Parquet and XLSX, with a codebook.

Rules that bind several fields or several sheets are applied here, to what was read and corrected.
A cell that is not sure has a ``?`` in text formats and is empty in the others, and the column
``problems`` names its field: a doubtful value never looks like a sure one.
"""

import csv
import datetime
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from mnistry.errors import UsageError
from mnistry.forms import layout, risk, rules
from mnistry.forms.answers import CHECK, EMPTY, OK, Answer, rule_broken
from mnistry.forms.definition import Field, Form
from mnistry.forms.records import Decision, OlderVersion, Page, Sheet
from mnistry.forms.rules import Key, key, keys_of
from mnistry.forms.store import Store
from mnistry.system.spreadsheets import spreadsheet_text

_KEYS = ("file", "page", "serial")
FORMATS = (".csv", ".parquet", ".xlsx")
_MOST_DIGITS = 15  # of a number that a double keeps exactly
_MOST_OF_INTEGER = 18  # digits of a whole number that 64 bits keep exactly
_FIRST_DATE = "1900-03-01"  # Excel counts earlier days of 1900 wrongly, and has none before
# Within Excel's limits: characters of a sheet's name, rows of a sheet, characters of a cell.
_MOST_OF_SHEET_NAME = 31
_MOST_ROWS = 1_000_000
_MOST_CHARACTERS = 32_000


@dataclass(frozen=True)
class Result:
    """A sheet after rules and corrections.

    Attributes
    ----------
    id
        Its number in the batch.
    file, page
        Where its first page was found.
    serial
        Its printed number, if it has one.
    answers
        What each field says. A person's decision stands, whatever the rules say.
    problems
        What a person should know about the sheet.
    decided
        The fields that a person decided.
    """

    id: int
    file: str
    page: int
    serial: int | None
    answers: dict[Key, Answer]
    problems: tuple[str, ...]
    decided: frozenset[Key] = frozenset()

    @property
    def to_check(self) -> list[Key]:
        """The fields that a person must look at."""
        return [at for at, answer in self.answers.items() if answer.status == CHECK]


def results(form: Form, store: Store) -> list[Result]:
    """Apply the form's rules to all sheets of a batch."""
    pages = pages_of(form)
    found = [result(form, sheet, pages) for sheet in risk.sheets(form, store)]
    return unique(form, [one for one in found if one is not None])


def pages_of(form: Form) -> set[int]:
    """Return the numbers of the pages that have fields."""
    return {page.number for page in layout.place(form).pages if page.places}


def result(form: Form, sheet: Sheet, pages: set[int]) -> Result | None:
    """Apply the form's rules to one sheet, but not those against other sheets; see `unique`.

    `pages` are the form's pages that have fields. Return None if no page of the sheet was placed.
    """
    placed = [page for page in sheet.pages if page.page is not None]
    if not placed:
        return None
    known = {**{at: _not_given() for at in keys_of(form)}, **sheet.answers}
    answers = {at: known[at] for at in keys_of(form)}
    for at in sheet.disputed & answers.keys():
        answers[at] = replace(
            answers[at].doubted("another value was typed in an audit"), is_contested=True
        )
    for at in sheet.differing & answers.keys():
        answers[at] = replace(answers[at].doubted("two reviewers differ"), is_contested=True)
    entries = form.entries()
    for at, decision in sheet.decisions.items():
        if at in answers and not _is_of_type(entries[rules.name_of(at)], decision.value):
            answers[at] = answers[at].doubted("it was decided when the field was of another type")
    decided = {
        at: _decided(answers[at], decision)
        for at, decision in sheet.decisions.items()
        if at in answers
        and at not in sheet.differing
        and _is_of_type(entries[rules.name_of(at)], decision.value)
    }
    answers.update(decided)
    older = sheet.older
    checked = rules.check(form if older is None else _applicable(form, older), answers)
    expected = pages if older is None else older.pages
    missing = sorted(expected - {page.page for page in placed if page.page is not None})
    problems = [f"page {number} is missing" for number in missing]
    if older is not None:
        lacks = f", which lacks {', '.join(older.lacks)}" if older.lacks else ""
        problems.append(f"it is of version {older.version}{lacks}")
    problems += [problem for page in placed for problem in page.problems]
    problems += checked.problems
    for at, answer in decided.items():
        broken = _broken(entries[rules.name_of(at)], answer)
        if broken:
            problems.append(f"{named(*at)}: {broken}")
    first = min(placed, key=lambda page: page.page or 0)
    return Result(
        sheet.id, first.file, first.number, sheet.serial, checked.answers | decided,
        tuple(problems), frozenset(decided),
    )  # fmt: skip


def _applicable(form: Form, older: OlderVersion) -> Form:
    """Return a form with only the rules between fields that an older version has too."""
    rules = (
        rule
        for rule in form.rules
        if not {*rule.names, *([rule.equals] if rule.equals else [])} & set(older.lacks)
    )
    return replace(form, rules=tuple(rules))


def _not_given() -> Answer:
    """Return the answer of a field whose page was not given."""
    return Answer("", None, 0.0, CHECK, "its page is missing")


def _decided(answer: Answer, decision: Decision) -> Answer:
    status = OK if decision.text or decision.value is not None else EMPTY
    why = f"{decision.how} by a person"
    if decision.problem is not None:
        status, why = CHECK, f"{decision.problem}, {why}"
    return replace(
        answer, text=decision.text, value=decision.value, confidence=1.0, status=status, why=why,
        candidates=(),
    )  # fmt: skip


def _is_of_type(entry: Field, value: Any) -> bool:
    """Whether a field may have a decided value: its type may have changed since."""
    if value is None:
        return True
    if entry.type == "tick":
        return isinstance(value, bool)
    if entry.type in ("integer", "decimal"):
        kinds = int if entry.type == "integer" else int | float | Decimal
        return isinstance(value, kinds) and not isinstance(value, bool)
    if entry.type == "choice":
        return value in entry.options
    if entry.type == "date":
        return (
            isinstance(value, str)
            and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value) is not None
        )
    return isinstance(value, str)


def _broken(entry: Field, answer: Answer) -> str | None:
    """Return which rule of its field a decided answer breaks, if it has a value."""
    has_value = entry.is_read and answer.status == OK
    return rule_broken(entry, answer.value) if has_value else None


def unique(form: Form, found: list[Result]) -> list[Result]:
    """Apply the ``unique`` rules to all sheets together; `found` is changed and returned."""
    for rule in form.rules:
        if rule.kind != "unique" or any("." in name for name in rule.names):
            continue
        seen: dict[tuple[Any, ...], Result] = {}
        for number, one in enumerate(found):
            values = tuple(
                one.serial if name == "serial" else one.answers[key(name)].value
                for name in rule.names
            )
            if None in values:
                continue
            if values in seen:
                other = seen[values]
                names = ", ".join(rule.names)
                problem = f"{names}: the same as {other.file}, page {other.page}"
                answers = dict(one.answers)
                for name in rule.names:
                    if name != "serial" and key(name) not in one.decided:
                        answers[key(name)] = answers[key(name)].doubted("not unique")
                found[number] = replace(one, answers=answers, problems=(*one.problems, problem))
            else:
                seen[values] = one
    return found


def json_lines(form: Form, found: Sequence[Result]) -> Iterator[str]:
    """Yield a line of JSON for each sheet."""
    for one in found:
        fields: dict[str, Any] = {
            entry.name: one.answers[key(entry.name)].to_json() for entry in form.fields
        }
        for table in form.tables:
            fields[table.name] = [
                {
                    column.name: one.answers[table.name, row, column.name].to_json()
                    for column in table.columns
                }
                for row in range(table.rows)
            ]
        value = {
            "file": one.file, "page": one.page, "form": form.title, "serial": one.serial,
            "fields": fields, "problems": list(one.problems), "error": None,
        }  # fmt: skip
        yield json.dumps(value, allow_nan=False)


def json_error(form: Form, page: Page) -> str:
    """Return the line of JSON for a page that could not be placed."""
    value = {
        "file": page.file, "page": page.number, "form": form.title, "serial": None, "fields": {},
        "problems": [], "error": page.problem,
    }  # fmt: skip
    return json.dumps(value, allow_nan=False)


@dataclass(frozen=True)
class Table:
    """A table of results: the sheets, or the rows of a form's table.

    Attributes
    ----------
    name
        ``""`` for the sheets.
    columns
        Its columns; keys and ``problems`` have no `Field`.
    rows
        An `Answer` for a field, a plain value otherwise.
    """

    name: str
    columns: tuple[tuple[str, Field | None], ...]
    rows: tuple[tuple[Any, ...], ...]


def tables(form: Form, found: Sequence[Result]) -> list[Table]:
    """Arrange results as tables: one of the sheets, and one for each table of the form."""
    sheets = Table(
        "",
        (*((name, None) for name in _KEYS), *((one.name, one) for one in form.fields),
         ("problems", None)),
        tuple(
            (one.file, one.page, one.serial,
             *(one.answers[key(entry.name)] for entry in form.fields), _problems(one))
            for one in found
        ),
    )  # fmt: skip
    every = [sheets]
    for table in form.tables:
        rows = [
            (one.file, one.page, one.serial, row + 1,
             *(one.answers[table.name, row, column.name] for column in table.columns))
            for one in found
            for row in range(table.rows)
            if any(_is_written(one.answers[table.name, row, c.name]) for c in table.columns)
        ]  # fmt: skip
        columns = (
            *((name, None) for name in (*_KEYS, "row")),
            *((column.name, column) for column in table.columns),
        )
        every.append(Table(table.name, columns, tuple(rows)))
    return every


def _is_written(answer: Answer) -> bool:
    """Whether there is anything in a field; a box without a tick is blank."""
    return answer.status != EMPTY and (answer.status == CHECK or answer.value is not False)


def _problems(one: Result) -> str:
    """Return a sheet's problems, and the fields that are to be checked, as one text."""
    messages = list(one.problems)
    for (table, row, name), answer in one.answers.items():
        if answer.status == CHECK:
            messages.append(f"{named(table, row, name)}: {answer.why or 'not sure'}")
    return "; ".join(dict.fromkeys(messages))


def named(table: str, row: int, name: str) -> str:
    """Return what a field is called in messages.

    Examples
    --------
    >>> named("catch", 0, "count"), named("", -1, "station")
    ('catch, row 1, count', 'station')
    """
    return f"{table}, row {row + 1}, {name}" if table else name


def file_name(sheet: int | str, at: Key) -> str:
    """Return the name, without an ending, of a file about a field; names of fields have no point.

    Examples
    --------
    >>> file_name(2, ("catch", 0, "count")), file_name(2, ("", -1, "station"))
    ('2.catch.1.count', '2.station')
    """
    table, row, name = at
    return ".".join([str(sheet), *([table, str(row + 1)] if table else []), name])


def shown(answer: Answer) -> str:
    """Return an answer as text; with a ``?`` in it unless it is sure.

    Examples
    --------
    >>> shown(Answer("049", "049", 1.0, OK)), shown(Answer("12", 12, 0.9, CHECK, "a sum"))
    ('049', '12?')
    """
    if answer.status == CHECK:
        return answer.text if "?" in answer.text else f"{answer.text}?"
    if answer.value is None:
        return ""
    return str(answer.value).lower() if isinstance(answer.value, bool) else str(answer.value)


def write_csv(table: Table) -> bytes:
    """Write a table as CSV (RFC 4180), in UTF-8."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([name for name, _ in table.columns])
    for row in table.rows:
        writer.writerow([_csv_cell(value) for value in row])
    return text.getvalue().encode()


def _csv_cell(value: Any) -> str:
    if isinstance(value, Answer):
        is_number = isinstance(value.value, int | Decimal) and value.status != CHECK
        return shown(value) if is_number else spreadsheet_text(shown(value))
    return "" if value is None else spreadsheet_text(str(value))


def _plain(value: Any) -> Any:
    """Return a cell's value for typed formats; None if it is not sure."""
    if not isinstance(value, Answer):
        return value
    return None if value.status == CHECK else value.value


def _is_long(value: Any, most: int) -> bool:
    """Whether a value is a number of more than `most` digits."""
    is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    return is_number and len(Decimal(value).as_tuple().digits) > most


def write_parquet(table: Table) -> bytes:
    """Write a table as Parquet: decimals as doubles, dates as dates.

    A column of numbers that have too many digits for their type is one of texts.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {
        "integer": pa.int64(), "decimal": pa.float64(), "tick": pa.bool_(), "date": pa.date32(),
    }  # fmt: skip
    columns, names = [], []
    for index, (name, entry) in enumerate(table.columns):
        values = [_plain(row[index]) for row in table.rows]
        if entry is None:
            kind = pa.int64() if name in ("page", "serial", "row") else pa.string()
        else:
            kind = kinds.get(entry.type, pa.string())
        if any(
            _is_long(value, _MOST_OF_INTEGER if kind == pa.int64() else _MOST_DIGITS)
            for value in values
        ):
            kind, values = pa.string(), [None if value is None else str(value) for value in values]
        elif entry is not None and entry.type == "decimal":
            values = [None if value is None else float(value) for value in values]
        if entry is not None and entry.type == "date":
            values = [
                None if value is None else datetime.date.fromisoformat(value) for value in values
            ]
        columns.append(pa.array(values, kind))
        names.append(name)
    target = io.BytesIO()
    pq.write_table(pa.table(columns, names=names), target)
    return target.getvalue()


def write_xlsx(every: Sequence[Table], codebook: Table) -> bytes:
    """Write tables as sheets of a workbook: numbers as numbers, and no formula ever.

    What Excel cannot keep is a text: a number of more than 15 digits, a date before March 1900.

    Raises
    ------
    UsageError
        If a table has too many rows.
    """
    import xlsxwriter

    target = io.BytesIO()
    options = {
        "in_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
        "strings_to_numbers": False,
    }  # fmt: skip
    with xlsxwriter.Workbook(target, options) as book:
        date = book.add_format({"num_format": "yyyy-mm-dd"})
        text = book.add_format({"num_format": "@"})
        taken = {"history"}  # Excel keeps this name for itself
        for table in (*every, codebook):
            if len(table.rows) > _MOST_ROWS:
                raise UsageError(
                    f"a table of {len(table.rows):,} rows", expected=f"at most {_MOST_ROWS:,}",
                    remedy="write .csv or .parquet",
                )  # fmt: skip
            sheet = book.add_worksheet(_sheet_name(table.name or "sheets", taken))
            for column, (name, _) in enumerate(table.columns):
                sheet.write_string(0, column, name)
            for number, row in enumerate(table.rows, 1):
                for column, cell in enumerate(row):
                    _write_cell(sheet, number, column, cell, table.columns[column][1], date, text)
            sheet.freeze_panes(1, 0)
    return target.getvalue()


def _sheet_name(name: str, taken: set[str]) -> str:
    """Return a name of a sheet, unlike those that are taken, and add it to them in lower case."""
    made, number = name[:_MOST_OF_SHEET_NAME], 1
    while made.lower() in taken:
        number += 1
        made = f"{name[: _MOST_OF_SHEET_NAME - 4]}_{number}"
    taken.add(made.lower())
    return made


def _write_cell(
    sheet: Any, row: int, column: int, cell: Any, entry: Field | None, date: Any, text: Any
) -> None:
    value = _plain(cell)
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, column, value)
    elif isinstance(value, int | Decimal) and not _is_long(value, _MOST_DIGITS):
        sheet.write_number(row, column, float(value))
    elif entry is not None and entry.type == "date" and value >= _FIRST_DATE:
        sheet.write_datetime(row, column, datetime.datetime.fromisoformat(value), date)
    else:
        kept = str(value)
        if len(kept) > _MOST_CHARACTERS:
            kept = f"{kept[: _MOST_CHARACTERS - 1]}…"
        sheet.write_string(row, column, kept, text)


def codebook(form: Form) -> Table:
    """Describe each column: table, name, type, format, limits, options, and whether required."""
    names = ("table", "name", "label", "type", "format", "min", "max", "options", "required")
    rows = [
        (table, entry.name, entry.label, entry.type, entry.format,
         *(None if bound is None else str(bound) for bound in (entry.minimum, entry.maximum)),
         ", ".join(entry.options) or None, "yes" if entry.required else "no")
        for table, entries in [("", form.fields), *((t.name, t.columns) for t in form.tables)]
        for entry in entries
    ]  # fmt: skip
    return Table("codebook", tuple((name, None) for name in names), tuple(rows))


def files(form: Form, found: Sequence[Result], target: Path) -> Mapping[Path, bytes]:
    """Return the files of an export and their content, by the target's ending.

    A table of the form ``catch`` is a sheet of an ``.xlsx``, and otherwise a file of its own:
    ``OUT_catch.csv``. A codebook is added.

    Raises
    ------
    UsageError
        If the target's name has another ending.
    """
    every, described = tables(form, found), codebook(form)
    ending = target.suffix.lower()
    if ending not in FORMATS:
        raise UsageError(
            f"its name ends with {target.suffix or 'nothing'}", where=target,
            expected=", ".join(FORMATS),
        )  # fmt: skip
    if ending == ".xlsx":
        return {target: write_xlsx(every, described)}
    write = write_csv if ending == ".csv" else write_parquet
    written = {_beside(target, table.name): write(table) for table in every}
    written[_beside(target, described.name).with_suffix(".csv")] = write_csv(described)
    return written


def _beside(target: Path, name: str) -> Path:
    return target.with_name(f"{target.stem}_{name}{target.suffix}") if name else target
