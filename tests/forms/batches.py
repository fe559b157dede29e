"""Sheets whose answers a test chooses; each picture has a rectangle in place of every field."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from mnistry.forms import layout
from mnistry.forms.answers import CHECK, OK, Answer
from mnistry.forms.definition import Form
from mnistry.forms.loading import load
from mnistry.forms.reading import KEPT_SCALE, around, key_of
from mnistry.forms.records import NewPage
from mnistry.forms.rules import key
from mnistry.forms.store import Store

TOML = """\
title = "Catch"
[[field]]
name = "station"
type = "digits"
length = 3
[[field]]
name = "patient"
type = "digits"
length = 3
private = true
[[field]]
name = "adults"
type = "integer"
max = 99
[[field]]
name = "young"
type = "integer"
max = 99
[[field]]
name = "total"
type = "integer"
max = 99
[[field]]
name = "weather"
type = "choice"
options = ["dry", "rain"]
[[rule]]
sum = ["adults", "young"]
equals = "total"
"""

# Shades of the rectangles in the pictures: of a private field, and of any other field.
PRIVATE, OPEN = 130, 60
UNSURE = Answer("?49", "049", 0.8, CHECK, "a character is not sure", (("049", 0.8), ("149", 0.2)))
CONTESTED = Answer(
    "1?", 12, 0.5, CHECK, "a character is not sure", (("12", 0.5), ("17", 0.5)), is_contested=True
)


def write_form(folder: Path) -> Form:
    """Write FORM.toml and load it."""
    path = folder / "FORM.toml"
    path.write_text(TOML, "utf-8")
    return load(path)


def answers(**others: Answer) -> dict[str, Answer]:
    """Return the answers of a sheet: all sure, 12 + 4 = 16; `others` replace some of them."""
    sure = {
        "station": Answer("049", "049", 1.0, OK), "patient": Answer("777", "777", 1.0, OK),
        "adults": Answer("12", 12, 1.0, OK), "young": Answer("4", 4, 1.0, OK),
        "total": Answer("16", 16, 1.0, OK), "weather": Answer("dry", "dry", 1.0, OK),
    }  # fmt: skip
    return sure | others


def add(form: Form, store: Store, number: int, said: Mapping[str, Answer]) -> None:
    """Add a sheet with these answers; if it was added before, replace what was read from it."""
    (page,) = layout.place(form).pages
    seen = np.full((297 * KEPT_SCALE, 210 * KEPT_SCALE), 255, np.uint8)
    found = {}
    for place in page.places:
        box = around(place.boxes)
        left, top = round(box.x * KEPT_SCALE), round(box.y * KEPT_SCALE)
        shade = PRIVATE if place.field.private else OPEN
        seen[top : round(box.bottom * KEPT_SCALE), left : round(box.right * KEPT_SCALE)] = shade
        where = (box.x, box.y, box.width, box.height)
        name = key_of(place)[2]
        answer = said[name]
        found[key(name)] = Answer(
            answer.text, answer.value, answer.confidence, answer.status, answer.why,
            answer.candidates, where, 1, answer.is_contested,
        )  # fmt: skip
    picture = cv2.imencode(".jpg", seen)[1].tobytes()
    new = NewPage(1, 1, number, 0, found, None, (), None, picture)
    store.add_page(store.add_file(f"scan{number}.png", str(number)), new)
