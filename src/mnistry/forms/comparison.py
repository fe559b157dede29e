"""Compare a batch's values, as read or decided, with what somebody typed, field by field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import cv2

from mnistry.errors import DataError
from mnistry.forms import crops, output
from mnistry.forms.answers import OK, Answer, parse
from mnistry.forms.definition import Field, Form, Table
from mnistry.forms.output import Result
from mnistry.forms.rules import Key
from mnistry.forms.store import DIFFERENCES, Store
from mnistry.system.spreadsheets import spreadsheet_text

_YES = frozenset({"true", "1", "x", "yes", "ja", "oui", "si", "sí"})
_NO = frozenset({"false", "0", "", "no", "nein", "non"})


@dataclass(frozen=True)
class Difference:
    """A field whose value differs from what was typed.

    Attributes
    ----------
    sheet
        The sheet's number in the batch.
    file, page, serial
        Which sheet it is.
    at
        The field.
    read, typed
        Its value, as read or decided, with a ``?`` where it is not sure; and what was typed.
    was_ok
        Whether it was ok.
    """

    sheet: int
    file: str
    page: int
    serial: int | None
    at: Key
    read: str
    typed: str
    was_ok: bool

    def __str__(self) -> str:
        where = f"{self.file}, page {self.page}" if self.serial is None else f"serial {self.serial}"
        sure = ", read as sure" if self.was_ok else ""
        read, typed = self.read or "empty", self.typed or "empty"
        return f"{where}, {output.named(*self.at)}: read {read}, typed {typed}{sure}"

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON's types; rows of a table count from 1."""
        table, row, name = self.at
        where = {"table": table or None, "row": row + 1 if table else None, "name": name}
        return {
            "sheet": self.sheet, "file": self.file, "page": self.page, "serial": self.serial,
            **where, "read": self.read, "typed": self.typed, "was_ok": self.was_ok,
        }  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """The differences, and how many sheets and fields were compared."""

    sheets: int
    fields: int
    differences: tuple[Difference, ...]

    @property
    def sure(self) -> int:
        """How many fields that differ were read as sure."""
        return sum(one.was_ok for one in self.differences)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON's types."""
        return {
            "sheets": self.sheets,
            "fields": self.fields,
            "differences": [one.to_json() for one in self.differences],
        }


def compare(
    form: Form, store: Store, rows: Sequence[tuple[int, Mapping[str, str]]], where: str
) -> Comparison:
    """Compare a batch with rows that were typed.

    Parameters
    ----------
    form, store
        The batch.
    rows
        For each typed row its line in the file, and a dict with the form's names and ``serial``,
        or ``file`` and ``page``.
        A dict with ``row``, from 1, is a row of one of the form's tables. On a sheet with at least
        one typed row, the other rows of the table count as empty.
    where
        The name of the file with these rows, for messages. If several tables have the same columns,
        the name must end with the table's: ``OUT_catch.csv``.

    Raises
    ------
    DataError
        If a row names no sheet or row of the batch, or two rows name the same one, or no column is
        a field.
    """
    found = output.results(form, store)
    columns = set(rows[0][1]) if rows else set()
    table = _table_of(form, columns, where) if "row" in columns else None
    every = form.fields if table is None else table.columns
    entries = [entry for entry in every if entry.name in columns and entry.type != "text"]
    if not entries or not columns & {"serial", "file"}:
        raise DataError(
            "its columns are not those of the form", where=where,
            expected="serial or file, and names of fields",
            remedy="use the header that mnistry form export writes",
        )  # fmt: skip
    typed: dict[int, dict[int, Mapping[str, str]]] = {}
    sheets = {one.id: one for one in found}
    for number, row in rows:
        line = f"{where}, line {number}"
        sheet = _sheet_of(found, row, line).id
        place = -1 if table is None else _row_of(table, row, line)
        if place in typed.setdefault(sheet, {}):
            raise DataError(
                "a second row for the same sheet or table row", where=line,
                remedy="remove one of the two",
            )  # fmt: skip
        typed[sheet][place] = row
    count = 0
    differences = []
    for sheet, lines in typed.items():
        one = sheets[sheet]
        for place in [-1] if table is None else range(table.rows):
            for entry in entries:
                at = ("" if table is None else table.name, place, entry.name)
                answer, text = one.answers[at], lines.get(place, {}).get(entry.name, "").strip()
                count += 1
                if not _agrees(entry, answer, text):
                    differences.append(
                        Difference(
                            one.id, one.file, one.page, one.serial, at, output.shown(answer), text,
                            answer.status == OK,
                        )
                    )  # fmt: skip
    return Comparison(len(typed), count, tuple(differences))


def _table_of(form: Form, columns: set[str], where: str) -> Table | None:
    """Return the table to which columns belong; None if they are those of the sheets."""
    fitting = [one for one in form.tables if columns & {column.name for column in one.columns}]
    named = [one for one in fitting if Path(where).stem.endswith(f"_{one.name}")]
    if len(named or fitting) > 1:
        raise DataError(
            "its columns are those of several tables", where=where,
            remedy=f"name the file after its table: OUT_{fitting[0].name}.csv",
        )  # fmt: skip
    return next(iter(named or fitting), None)


def _row_of(table: Table, row: Mapping[str, str], where: str) -> int:
    """Return the row of the table, from 0."""
    text = row["row"].strip()
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= number <= table.rows:
        raise DataError(
            f"there is no row {text!r} in {table.name}", where=where, expected=f"1 to {table.rows}"
        )
    return number - 1


def _sheet_of(found: Sequence[Result], row: Mapping[str, str], where: str) -> Result:
    serial, file, page = (row.get(name, "").strip() for name in ("serial", "file", "page"))
    fitting = [
        one
        for one in found
        if (str(one.serial) == serial if serial else Path(one.file).name == Path(file).name)
        and (not page or bool(serial) or str(one.page) == page)
    ]
    if len(fitting) != 1:
        what = "no sheet of the batch" if not fitting else f"{len(fitting)} sheets of the batch"
        name = f"serial {serial}" if serial else f"file {file}" + (f", page {page}" if page else "")
        raise DataError(f"{name} is {what}", where=where, remedy="correct serial, file or page")
    return fitting[0]


def _agrees(entry: Field, answer: Answer, typed: str) -> bool:
    """Whether the typed text means the value, even if it is written differently."""
    value = answer.value
    if entry.type == "tick":
        return typed.lower() in (_YES if value else _NO)
    if not typed or value is None:
        return not typed and value is None
    if entry.type in ("integer", "decimal"):
        try:
            return Decimal(typed.replace(",", ".")) == Decimal(str(value))
        except InvalidOperation:
            return False
    if typed in (str(value), spreadsheet_text(str(value))):
        return True
    return entry.type in ("date", "time") and parse(entry, typed)[0] == value


def write_pictures(form: Form, store: Store, differences: Sequence[Difference]) -> None:
    """Write a picture of each field that differs: ``differences/SHEET.NAME.png`` in the batch.

    Private fields have no pictures, and are hidden in those of other fields.
    """
    if store.folder is None:
        return
    private = crops.PrivateFields(form)
    folder = store.folder / DIFFERENCES
    sheets = {sheet.id: sheet for sheet in store.sheets()}
    for one in differences:
        sheet, at = sheets[one.sheet], one.at
        answer = None if at in private else sheet.answers.get(at)
        page = next((p for p in sheet.pages if answer and p.page == answer.page), None)
        seen = None if page is None else crops.decoded(store, page)
        if seen is None:
            continue
        part = crops.of_field(seen, sheet, at, private)
        folder.mkdir(mode=0o700, exist_ok=True)
        target = folder / f"{output.file_name(one.sheet, at)}.png"
        target.write_bytes(cv2.imencode(".png", part)[1].tobytes())
        target.chmod(0o600)
