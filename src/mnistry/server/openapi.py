"""The description of the routes that read pictures, in OpenAPI 3.1.

It is written by hand, because pydantic would make up half of the time that the server takes to
start. A test checks the server's answers against it.
"""

from collections.abc import Sequence
from typing import Any

from mnistry.server.tasks import FIELDS, FORM, fields_of
from mnistry.version import __version__

_NUMBER, _INTEGER, _TEXT = {"type": "number"}, {"type": "integer"}, {"type": "string"}
_TEXT_OR_NULL = {"type": ["string", "null"]}
_BOX = {
    "type": "array", "items": _INTEGER, "minItems": 4, "maxItems": 4,
    "description": "x, y, width and height in pixels of the upright page",
}  # fmt: skip
_QUAD = {
    "type": ["array", "null"], "items": {"type": "array", "items": _NUMBER},
    "description": "its corners in pixels of the picture, from the upper left one clockwise",
}  # fmt: skip
_CONFIDENCE = {"type": "number", "minimum": 0, "maximum": 1}
_VALUE = {
    "type": ["number", "null"],
    "description": "null if the text has a ? in it, or is not a decimal number",
}
_PLACE: dict[str, Any] = {"box": _BOX, "line": _INTEGER, "quad": _QUAD}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(items: dict[str, Any], description: str = "") -> dict[str, Any]:
    return {"type": "array", "items": items, "description": description}


def _object(
    description: str, optional: tuple[str, ...] = (), /, **properties: dict[str, Any]
) -> dict[str, Any]:
    """Describe an object, all of whose keys are required but the optional ones."""
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": [name for name in properties if name not in optional],
    }


_READING = {
    "lines": _list(_TEXT, "each written line: digits, signs, ? for a mark that is not certain"),
    "text": {**_TEXT, "description": "the lines, joined by line feeds"},
    "digits": _list(_ref("Digit"), "the digits in reading order"),
    "numbers": _list(_ref("Number"), "the numbers of all lines, in reading order"),
    "width": {**_INTEGER, "description": "of the upright page"},
    "height": {**_INTEGER, "description": "of the upright page"},
    "picture": _list(_INTEGER, "width and height of the picture in which the page was found"),
    "turned": {**_INTEGER, "description": "degrees clockwise by which it was turned"},
    "corners": {**_QUAD, "description": "of a sheet that was found in it and brought flat"},
    "notes": _list(_TEXT, "what the user should know of how it was read"),
    "preview": {**_TEXT, "description": "the grey picture, reduced, as a data URL; if asked for"},
}
_SCHEMAS: dict[str, Any] = {
    "Error": _object(
        "What happened, where, what was expected, and the remedy.",
        what=_TEXT, where=_TEXT_OR_NULL, expected=_TEXT_OR_NULL, remedy=_TEXT_OR_NULL,
    ),
    "ErrorBody": _object("The body of every error.", error=_ref("Error")),
    "Candidate": _object(
        "A possible answer for a digit.", digit=_INTEGER, confidence=_CONFIDENCE
    ),
    "Digit": _object(
        "A digit; null if it is too uncertain. With the field details it also has the "
        "network's input (28 rows of 28 values), ten probabilities, and the loss in bits for each "
        "class.",
        ("quad", "image", "probabilities", "bits"),
        digit={"type": ["integer", "null"], "minimum": 0, "maximum": 9},
        confidence=_CONFIDENCE, candidates=_list(_ref("Candidate")), **_PLACE,
        image=_list(_list(_INTEGER)), probabilities=_list(_NUMBER), bits=_list(_NUMBER),
    ),
    "Number": _object(
        "A number as it was written, and its value.",
        ("quad",), text=_TEXT, value=_VALUE, confidence=_CONFIDENCE, **_PLACE,
    ),
    "Cell": _object(
        "A cell of a table; its text is empty if nothing is written in it.",
        text=_TEXT, value=_VALUE, confidence=_CONFIDENCE, box=_BOX,
    ),
    "Table": _object(
        "A ruled table: its rows from top to bottom, each with its cells.",
        box=_BOX, rows=_list(_list(_ref("Cell"))),
    ),
    "Reading": _object("What was read on a page.", tuple(_READING), **_READING),
    "Tables": _object(
        "The tables of a page.", ("tables", "width", "height"),
        tables=_list(_ref("Table")), width=_INTEGER, height=_INTEGER,
    ),
    "Field": _object(
        "A field. Its status is ok, empty, or check: a person should look at it, and why says why.",
        text=_TEXT, value={"description": "a number, text, true, false or null"},
        confidence=_CONFIDENCE, status={"enum": ["ok", "check", "empty"]}, why=_TEXT_OR_NULL,
        box=_list(_NUMBER, "x, y, width and height on paper, in millimetres"), page=_INTEGER,
    ),
    "Sheet": _object(
        "A page of a form. A table is a list of rows of fields.",
        ("form", "form_page", "serial", "turned", "fields", "problems"),
        form=_TEXT, form_page=_INTEGER, serial={"type": ["integer", "null"]}, turned=_INTEGER,
        fields={"type": "object"}, problems=_list(_TEXT),
    ),
    "Images": _object(
        "Pictures as base64 text, or as data URLs of images or PDFs: image for one, images for a "
        "list.",
        ("image", "images"), image=_TEXT, images=_list(_TEXT),
    ),
}  # fmt: skip
_FILE = {"type": "string", "format": "binary"}
_BODY = {
    "required": True,
    "content": {
        "application/octet-stream": {"schema": _FILE},
        "image/*": {"schema": _FILE},
        "application/pdf": {"schema": _FILE},
        "multipart/form-data": {
            "schema": {"type": "object", "additionalProperties": _FILE, "minProperties": 1}
        },
        "application/json": {"schema": _ref("Images")},
        "text/plain": {"schema": _TEXT},
    },
}
# What each route does, and the schema of its answer; without a schema it answers a PNG.
_ROUTES = {
    "read": (
        "Read the digits and numbers in pictures: photos, scans, drawings and PDFs.",
        "Reading",
    ),
    "tables": ("Read the ruled tables in pictures: rows and columns of numbers.", "Tables"),
    "forms": ("Read pages of this form: what each field says, and what is wrong with it.", "Sheet"),
    "doctor": ("Draw each step from a picture to its digits, and the reasons for each answer.", ""),
}
_SEVERAL = (
    "The answer to one page is an object. The answer to several pages or pictures, or to a list, "
    "is an object with results: for each page the picture's index from 0, the page's number from "
    "1, and the same keys, or an error."
)


def describe(forms: Sequence[str], root_path: str) -> dict[str, Any]:
    """Return the description of a server at this path that reads the forms with these names."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "mnistry",
            "version": __version__,
            "description": "Read handwritten digits and numbers in pictures.",
        },
        "servers": [{"url": root_path or "/"}],
        "paths": paths(forms),
        "components": {
            "schemas": _SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def schemas() -> dict[str, Any]:
    """Return the JSON schemas of requests and answers, by name."""
    return _SCHEMAS


def paths(forms: Sequence[str] = ()) -> dict[str, Any]:
    """Return the description of each route, by its path."""
    kinds = [*FIELDS, *(FORM + name for name in forms)]
    return {f"/api/{kind}": {"post": _operation(kind)} for kind in kinds}


def _operation(kind: str) -> dict[str, Any]:
    summary, answer = _ROUTES["forms" if kind.startswith(FORM) else kind]
    errors = {"application/json": {"schema": _ref("ErrorBody")}}
    return {
        "summary": summary,
        "description": f"{summary} {_SEVERAL}" if answer else summary,
        "operationId": kind.replace("/", "_"),
        "parameters": _parameters(kind) if answer else [],
        "requestBody": _BODY,
        "responses": {
            "200": {"description": "What was read", "content": _content(answer)},
            "4XX": {"description": "An error", "content": errors},
            "503": {"description": "Too many requests: try again later", "content": errors},
        },
    }


def _content(answer: str) -> dict[str, Any]:
    if not answer:
        return {"image/png": {}}
    item = _object(
        "", ("page", "error"), index=_INTEGER, page={"type": ["integer", "null"]},
        error=_ref("Error"),
    )  # fmt: skip
    results = _object("", results=_list({"allOf": [item, _ref(answer)]}))
    return {"application/json": {"schema": {"anyOf": [results, _ref(answer)]}}}


def _parameters(kind: str) -> list[dict[str, Any]]:
    return [
        {
            "name": "fields",
            "in": "query",
            "description": f"the keys of the answer: some of {', '.join(fields_of(kind))}, or all",
            "schema": {"type": "string"},
            "example": ",".join(fields_of(kind)[:2]),
        },
        {
            "name": "pages",
            "in": "query",
            "description": "the pages of a PDF or a TIFF that are read: 1,3-5,8-",
            "schema": {"type": "string"},
            "example": "1",
        },
    ]
