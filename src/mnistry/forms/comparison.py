"""Compare what was read with what somebody typed, field by field."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mnistry.errors import DataError
from mnistry.forms import crops, output
from mnistry.forms.answers import OK, Answer, parse
from mnistry.forms.definition import Box, Field, Form
from mnistry.forms.output import Result
from mnistry.forms.rules import key
from mnistry.forms.store import DIFFERENCES, Store

_MARGIN = 3.0  # millimetres round a field, in its picture
_YES = frozenset({"true", "1", "x", "yes", "ja", "oui", "si", "sí"})
_NO = frozenset({"false", "0", "", "no", "nein", "non"})


@dataclass(frozen=True)
class Difference:
    """A field that was read and typed differently.

    Attributes
    ----------
    sheet
        The sheet's number in the batch.
    file, page, serial
        Which sheet it is.
    name
        The field.
    read, typed
        What was read, with a ``?`` unless it is sure; and what was typed.
    was_ok
        Whether it was read as sure.
    """

    sheet: int
    file: str
    page: int
    serial: int | None
    name: str
    read: str
    typed: str
    was_ok: bool

    def __str__(self) -> str:
        where = f"{self.file}, page {self.page}" if self.serial is None else f"serial {self.serial}"
        sure = ", read as sure" if self.was_ok else ""
        read, typed = self.read or "empty", self.typed or "empty"
        return f"{where}, {self.name}: read {read}, typed {typed}{sure}"


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
            "differences": [asdict(one) for one in self.differences],
        }


def compare(form: Form, store: Store, rows: Sequence[Mapping[str, str]], where: str) -> Comparison:
    """Compare a batch with rows that were typed.

    Parameters
    ----------
    form, store
        The batch.
    rows
        A dict for each typed row, with the form's names and ``serial``, or ``file`` and ``page``.
    where
        The name of their file, for messages.

    Raises
    ------
    DataError
        If a row names no sheet of the batch, or no column is a field.
    """
    found = output.results(form, store)
    columns = set(rows[0]) if rows else set()
    entries = [entry for entry in form.fields if entry.name in columns and entry.type != "text"]
    if not entries or not columns & {"serial", "file"}:
        raise DataError(
            "its columns are not those of the form", where=where,
            expected="serial or file, and names of fields",
            remedy="take the header of mnistry form export",
        )  # fmt: skip
    differences = []
    for number, row in enumerate(rows, 2):
        one = _sheet_of(found, row, f"{where}, line {number}")
        for entry in entries:
            answer, typed = one.answers[key(entry.name)], row[entry.name].strip()
            if not _agrees(entry, answer, typed):
                differences.append(
                    Difference(
                        one.id, one.file, one.page, one.serial, entry.name, output.shown(answer),
                        typed, answer.status == OK,
                    )
                )  # fmt: skip
    return Comparison(len(rows), len(rows) * len(entries), tuple(differences))


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
    """Whether what was typed is what was read, if perhaps written otherwise."""
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
    if typed == str(value):
        return True
    return entry.type in ("date", "time") and parse(entry, typed)[0] == value


def write_pictures(form: Form, store: Store, differences: Sequence[Difference]) -> None:
    """Write a picture of each field that differs: ``differences/SHEET_NAME.png`` in the batch.

    There are no pictures of private fields, and in those of others they are hidden.
    """
    if store.folder is None:
        return
    private = crops.PrivateFields(form)
    folder = store.folder / DIFFERENCES
    sheets = {sheet.id: sheet for sheet in store.sheets()}
    for one in differences:
        sheet, at = sheets[one.sheet], key(one.name)
        answer = None if at in private else sheet.answers.get(at)
        page = next((p for p in sheet.pages if answer and p.page == answer.page), None)
        content = None if page is None else store.picture(page)
        if content is None or answer is None:
            continue
        decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
        if decoded is None:
            continue
        picture = np.asarray(decoded, np.uint8)
        box = Box(*answer.box)
        crops.hide(picture, private.boxes(sheet, answer.page, other_than=at), box)
        wide, high = box.width + 2 * _MARGIN, box.height + 2 * _MARGIN
        part = crops.part(picture, Box(box.x - _MARGIN, box.y - _MARGIN, wide, high))
        folder.mkdir(mode=0o700, exist_ok=True)
        target = folder / f"{one.sheet}_{one.name}.png"
        target.write_bytes(cv2.imencode(".png", part)[1].tobytes())
        target.chmod(0o600)
