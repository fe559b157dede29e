"""Write a batch's audit trail: each value with the picture of its field, in a ZIP.

``values.csv`` has a row for each field, with what was read, what a person decided, who
and when, and names the picture. Private fields are not in it.
"""

import csv
import datetime
import io
import zipfile
from typing import IO

from mnistry.forms import crops, output
from mnistry.forms.definition import Form
from mnistry.forms.store import Store
from mnistry.images.pixels import jpeg
from mnistry.system.spreadsheets import spreadsheet_text

_COLUMNS = (
    "file", "page", "serial", "table", "row", "field", "value", "status", "why", "read",
    "confidence", "decided", "by", "at", "picture",
)  # fmt: skip
_QUALITY = 85


def write(form: Form, store: Store, target: IO[bytes]) -> int:
    """Write the audit file of a batch.

    Returns
    -------
    int
        The number of fields without a picture, as after ``mnistry form forget``.
    """
    private = crops.PrivateFields(form)
    results = {one.id: one for one in output.results(form, store)}
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(_COLUMNS)
    missing = 0
    with zipfile.ZipFile(target, "w") as archive:  # JPEGs are not compressed once more
        for sheet in store.sheets():
            if sheet.id not in results:
                continue
            one = results[sheet.id]
            pages = {
                page.page: crops.decoded(store, page)
                for page in sheet.pages if page.page is not None
            }  # fmt: skip
            for at, answer in one.answers.items():
                if at in private:
                    continue
                table, row, name = at
                seen, picture = pages.get(answer.page) if at in sheet.answers else None, ""
                if seen is None:
                    missing += 1
                else:
                    part = crops.of_field(seen, sheet, at, private)
                    picture = f"pictures/{output.file_name(sheet.id, at)}.jpg"
                    archive.writestr(picture, jpeg(part, _QUALITY))
                machine, decision = sheet.answers.get(at), sheet.decisions.get(at)
                decided = (
                    ("", "", "") if decision is None
                    else (decision.how, decision.who, _moment(decision.at))
                )  # fmt: skip
                cells = (
                    one.file, one.page, one.serial, table, row + 1 if table else "", name,
                    output.shown(answer), answer.status, answer.why or "",
                    "" if machine is None else output.shown(machine),
                    "" if machine is None else round(machine.confidence, 4), *decided, picture,
                )  # fmt: skip
                rows.writerow(
                    ""
                    if cell is None
                    else spreadsheet_text(cell)
                    if isinstance(cell, str)
                    else cell
                    for cell in cells
                )
        archive.writestr("values.csv", text.getvalue(), zipfile.ZIP_DEFLATED)
    return missing


def _moment(seconds: float) -> str:
    """Return a moment in ISO 8601, in UTC."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="seconds")
