"""The keys of FORM.toml, and the types of their values.

They are one JSON Schema: editors use it to complete and check FORM.toml, and `mistakes` checks a
file by it. `mnistry.forms.loading` checks whether the values make sense together.
"""

import datetime
import difflib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mnistry.forms.definition import PAGES
from mnistry.forms.toml_lines import Path

TYPES = ("digits", "integer", "decimal", "date", "time", "choice", "tick", "text")
MAX_CELLS, MAX_OPTIONS = 40, 30
MAX_ROWS, MAX_COLUMNS = 500, 30  # of a table
MAX_FIELDS, MAX_PAGES = 1000, 50
_MOST = 10**MAX_CELLS  # bounds must lie between -_MOST and _MOST: no comb holds more digits
MAX_TEXT, MAX_TITLE = 300, 80
_NAME = r"^\w[\w-]{0,63}$"

Schema = dict[str, Any]


def _text(about: str, **more: Any) -> Schema:
    limits = {"minLength": 1, "maxLength": MAX_TEXT}
    return {"type": "string", **limits, "description": about, **more}


def _whole(about: str, least: int, most: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most, "description": about}


def _flag(about: str) -> Schema:
    return {"type": "boolean", "description": about}


def _list(item: Schema, about: str, least: int, most: int) -> Schema:
    limits = {"minItems": least, "maxItems": most}
    return {"type": "array", "items": item, **limits, "description": about}


def _bound(about: str) -> Schema:
    return {"type": ["number", "string"], "description": f"{about}: a number, a date or a time."}


_LENGTH = {"type": "number", "minimum": 0, "maximum": 2000}
_BOX = _list(_LENGTH, "x, y, width and height in millimetres from the top left corner.", 4, 4)
_NAMES = _list(_text("A field, or table.column."), "Fields, or table.column.", 1, 50)

_NAME_AND_LABEL: dict[str, Schema] = {
    "name": _text("The column's name in the result.", pattern=_NAME),
    "label": _text("What is printed; the name, if it is missing."),
}
# A field, and a column of a table.
_ENTRY: dict[str, Schema] = {
    **_NAME_AND_LABEL,
    "type": {"enum": list(TYPES), "description": "What is written there."},
    "length": _whole("The number of boxes, including decimals.", 1, MAX_CELLS),
    "decimals": _whole("Boxes after the printed decimal point.", 1, 10),
    "options": _list(_text("An answer."), "The answers of a choice.", 2, MAX_OPTIONS),
    "cells": _whole("With a template: equal boxes side by side; 0: written freely.", 0, MAX_CELLS),
    "min": _bound("The least value"),
    "max": _bound("The greatest value"),
    "pattern": _text("A regular expression (RE2) that the whole text matches."),
    "required": _flag("Whether an empty field is a problem."),
    "check": _text('The check digit: "luhn", or the name of a module of python-stdnum.'),
    "format": _text('The order of a date or a time: "YYYY-MM-DD", "DD.MM.YY", "HH:MM".'),
    "in": _text("A CSV file whose first column, or column of this name, lists the values."),
    "none": _text('What is written where there is no value: "-".'),
    "private": _flag(
        "Whether the field is left out of the pictures of compare, and hidden beside other fields."
    ),
}
FIELD: dict[str, Schema] = {
    **_ENTRY,
    "page": _whole("With a template: the page, from 1.", 1, MAX_PAGES),
    "box": {**_BOX, "description": f"With a template: {_BOX['description']}"},
    "boxes": _list(
        _BOX, "With a template: a box for each option, or each character.", 1, MAX_CELLS
    ),
}
COLUMN: dict[str, Schema] = {
    **_ENTRY,
    "width": {**_LENGTH, "description": "With a template: the column's width in millimetres."},
    "boxes": _list(
        _BOX, "With a template: its boxes in the first row, as of a field.", 1, MAX_CELLS
    ),
}
TABLE: dict[str, Schema] = {
    **_NAME_AND_LABEL,
    "rows": _whole("The number of rows.", 1, MAX_ROWS),
    "page": _whole("With a template: the page, from 1.", 1, MAX_PAGES),
    "box": {**_BOX, "description": "With a template: the whole grid, without its headings."},
}
RULE: dict[str, Schema] = {
    "sum": {**_NAMES, "description": "Numbers whose sum another field has."},
    "equals": _text("The field that has the sum."),
    "before": {**_NAMES, "description": "Dates or times, each earlier than the next."},
    "less": {**_NAMES, "description": "Numbers, each less than the next."},
    "unique": {**_NAMES, "description": 'Fields, or "serial", that differ from sheet to sheet.'},
}
FORM: dict[str, Schema] = {
    "title": _text("The form's title, printed on every page.", maxLength=MAX_TITLE),
    "note": _text("What is printed under the title, such as how to write."),
    "page": {"enum": list(PAGES), "description": "The paper's size."},
    "landscape": _flag("Whether the paper is in landscape orientation."),
    "template": _text("Paper that exists already: a PDF or a picture of it."),
    "font": _text("A TTF or OTF file for all texts."),
    "cell": _list(
        {"type": "number", "minimum": 4, "maximum": 20},
        "The width and height of a box in millimetres, from 4 by 5.", 2, 2,
    ),
}  # fmt: skip


def schema() -> Schema:
    """Return the JSON Schema of FORM.toml.

    Examples
    --------
    >>> sorted(schema()["properties"])[:4]
    ['cell', 'field', 'font', 'landscape']
    """
    column = _object(COLUMN, "name", "type")
    table = _object(TABLE, "name", "rows", "columns")
    table["properties"]["columns"] = _list(
        column, "The columns, from left to right.", 1, MAX_COLUMNS
    )
    form = _object(FORM, "title")
    form["properties"] |= {
        "field": _list(
            _object(FIELD, "name", "type"), "The fields, in their order.", 0, MAX_FIELDS
        ),
        "table": _list(table, "Tables, below the fields.", 0, 50),
        "rule": _list(_object(RULE), "What must hold between fields.", 0, 200),
    }
    draft = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": draft, "title": "FORM.toml of mnistry form", **form}


def _object(keys: dict[str, Schema], *required: str) -> Schema:
    return {
        "type": "object",
        "properties": dict(keys),
        "required": list(required),
        "additionalProperties": False,
    }


@dataclass(frozen=True)
class Mistake:
    """Something wrong with the value at a path of keys; the rest is as in `MnistryError`."""

    at: Path
    what: str
    expected: str | None = None
    remedy: str | None = None


def mistakes(value: Any, wanted: Schema, at: Path = ()) -> Iterator[Mistake]:
    """Yield every place where a value, read by `toml_lines.parse`, does not fit a schema.

    Examples
    --------
    >>> for mistake in mistakes({"title": 7, "titel": "Water"}, schema()):
    ...     print(mistake.at, mistake.what)
    ('title',) title = 7
    ('titel',) there is no key "titel"
    """
    if wanted.get("type") == "object" and isinstance(value, dict):
        yield from _mistakes_of_table(value, wanted, at)
    elif "items" in wanted and isinstance(value, list) and _has_length(value, wanted):
        for number, item in enumerate(value):
            yield from mistakes(item, wanted["items"], (*at, number))
    elif not _fits(value, wanted):
        key = next((one for one in reversed(at) if isinstance(one, str)), "FORM.toml")
        if isinstance(value, dict) and wanted.get("items", {}).get("type") == "object":
            yield Mistake(at, f"[{key}] occurs once or more", None, f"write [[{key}]]")
        else:
            yield Mistake(at, f"{key} = {_shown(value)}", _expected(wanted))


def _mistakes_of_table(values: dict[str, Any], wanted: Schema, at: Path) -> Iterator[Mistake]:
    known = wanted["properties"]
    for key, value in values.items():
        if key in known:
            yield from mistakes(value, known[key], (*at, key))
        else:
            near = difflib.get_close_matches(key, known, 1)
            remedy = f'write "{near[0]}"' if near else "remove it"
            yield Mistake((*at, key), f'there is no key "{key}"', ", ".join(known), remedy)
    for key in wanted["required"]:
        if key not in values:
            yield Mistake(at, f'"{key}" is missing', None, f"add {key} = {_example(known[key])}")


def _fits(value: Any, wanted: Schema) -> bool:
    """Whether a value that is neither a table nor a list fits."""
    if "enum" in wanted:
        return value in wanted["enum"]
    kind = wanted["type"]
    if kind == "string":
        fitting = isinstance(value, str) and value.isprintable()
        return (
            fitting
            and wanted["minLength"] <= len(value) <= wanted["maxLength"]
            and re.search(wanted.get("pattern", ""), _without_marks(value)) is not None
        )
    if kind == "boolean":
        return isinstance(value, bool)
    is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    if kind == ["number", "string"]:
        is_time = isinstance(value, datetime.date | datetime.time)
        fits = is_number and Decimal(value).is_finite() and -_MOST < value < _MOST
        return is_time or fits
    if kind in ("number", "integer"):
        is_kind = is_number and (kind == "number" or isinstance(value, int))
        return is_kind and wanted["minimum"] <= value <= wanted["maximum"]
    return False


def _without_marks(text: str) -> str:
    r"""Return a text without combining marks, which \w does not match though letters have them."""
    return "".join(one for one in text if unicodedata.category(one)[0] != "M")


def _has_length(value: list[Any], wanted: Schema) -> bool:
    return bool(wanted["minItems"] <= len(value) <= wanted["maxItems"])


def _expected(wanted: Schema) -> str:
    if "enum" in wanted:
        return " or ".join(f'"{one}"' for one in wanted["enum"])
    kind = wanted["type"]
    if kind == "string":
        if "pattern" in wanted:
            return "letters, digits, _ and -, at most 64, in quotes"
        return f"a text in quotes, on one line, of 1 to {wanted['maxLength']} characters"
    if kind == "array":
        least, most = wanted["minItems"], wanted["maxItems"]
        many = f"{least}" if least == most else f"{least} to {most}"
        return f"a list of {many} in [ ]"
    if kind in ("number", "integer"):
        noun = "a whole number" if kind == "integer" else "a number"
        return f"{noun} from {wanted['minimum']} to {wanted['maximum']}"
    return {
        "boolean": "true or false",
        "object": "a table, with a line like [[field]] before its keys",
    }.get(str(kind), "a number, a date (2026-01-31) or a time (08:30:00), without quotes")


def _example(wanted: Schema) -> str:
    if "enum" in wanted:
        return f'"{wanted["enum"][0]}"'
    return {"string": '"…"', "integer": "12"}.get(wanted["type"], "[…]")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else f"{text[:40]}…"
