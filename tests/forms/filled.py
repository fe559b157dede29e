"""Sheets that tests draw: a blank page, filled with real digits, then scanned askew."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import mnistry
from mnistry.forms import layout, printing
from mnistry.forms.copies import Copy
from mnistry.forms.definition import Box, Form
from mnistry.forms.reading import key_of
from mnistry.forms.rules import Key
from mnistry.images import decode

Grey = NDArray[np.uint8]

SCALE = 8  # pixels of the drawn page for each millimetre
ROOM = 1.08  # width of a scan, in widths of the page on it; heights likewise
WIDTH, HEIGHT = 210, 297
BOXES = {
    "station": (20, 40, 24, 10),
    "count": (80, 40, 32, 10),
    "depth": (20, 80, 40, 12),
    "checked": (100, 80, 6, 6),
    "repeated": (130, 80, 6, 6),
}
CELLS = {"station": 3, "count": 4}
TOML = 'title = "Test"\ntemplate = "blank.png"\npage = "A4"\n' + "".join(
    f'[[field]]\nname = "{name}"\ntype = "{kind}"\nbox = {list(BOXES[name])}\n{more}\n'
    for name, kind, more in (
        ("station", "digits", "cells = 3"),
        ("count", "integer", "cells = 4"),
        ("depth", "digits", ""),
        ("checked", "tick", ""),
        ("repeated", "tick", ""),
    )
)


def write_form(folder: Path, more: str = "") -> Path:
    """Write FORM.toml and its template."""
    cv2.imwrite(str(folder / "blank.png"), blank())
    path = folder / "FORM.toml"
    path.write_text(TOML + more, "utf-8")
    return path


def blank() -> Grey:
    """Draw the blank page: a title, boxes with names, and something at the bottom."""
    page = np.full((HEIGHT * SCALE, WIDTH * SCALE), 255, np.uint8)
    _text(page, "Water samples", 20, 22, 1.6)
    for name, (x, y, width, height) in BOXES.items():
        _text(page, name, x, y - 2, 0.8)
        cells = CELLS.get(name, 1)
        for cell in range(cells):
            left = x + cell * width / cells
            _frame(page, left, y, width / cells, height)
    for number in range(6):
        _text(
            page,
            f"Remark {number + 1}: write clearly, and only in the boxes",
            20,
            120 + 25 * number,
            0.9,
        )
        _frame(page, 20 + 12 * number, 124 + 25 * number, 60, 12)
    return page


def _text(page: Grey, text: str, x: float, y: float, size: float) -> None:
    at = round(x * SCALE), round(y * SCALE)
    cv2.putText(page, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, 0, 2, cv2.LINE_AA)


def _frame(page: Grey, x: float, y: float, width: float, height: float) -> None:
    start, stop = (
        (round(x * SCALE), round(y * SCALE)),
        (round((x + width) * SCALE), round((y + height) * SCALE)),
    )
    cv2.rectangle(page, start, stop, 0, 3)


@functools.cache
def _digits() -> list[Grey]:
    """Return a clear digit of each kind from the sample of MNIST that is shipped."""
    images, labels = mnistry.load("sample").train
    return [images[np.flatnonzero(np.asarray(labels) == digit)[7]] for digit in range(10)]


def digit(number: int) -> Grey:
    """Return the digit that is written, ``uint8``, shape ``(28, 28)``."""
    return _digits()[number]


def fill(values: Mapping[str, Any], strength: float = 0.8, size: float = 7.0) -> Grey:
    """Fill the blank page: texts, with a space for an empty cell, and ticks.

    Parameters
    ----------
    values
        The text of a field, or True for a tick, by the field's name.
    strength
        How dark the ink is, 0 to 1.
    size
        Height of the digits' 28 pixels, in millimetres.
    """
    ink = np.zeros((HEIGHT * SCALE, WIDTH * SCALE), np.float32)
    for name, value in values.items():
        x, y, width, height = BOXES[name]
        if value is True:
            points = np.array([[x + 1, y + 3], [x + 2.5, y + 5], [x + 5, y + 1]]) * SCALE
            cv2.polylines(ink, [np.rint(points).astype(np.int32)], False, 1, 4, cv2.LINE_AA)
        elif value:
            # Without cells, the text begins 2 mm inside of its box.
            pitch = width / CELLS[name] if name in CELLS else 0.75 * size
            for number, character in enumerate(value):
                if character != " ":
                    middle = x + (number + 0.5) * pitch + (0 if name in CELLS else 2)
                    write(ink, _digits()[int(character)], middle, y + height / 2, size)
    return np.asarray(np.rint(blank() * (1 - strength * ink)), np.uint8)


def write(ink: NDArray[np.float32], digit: Grey, x: float, y: float, size: float) -> None:
    """Write a digit with its middle at x and y."""
    side = round(size * SCALE)
    large = cv2.resize(digit, (side, side), interpolation=cv2.INTER_CUBIC) / 255
    left, top = round(x * SCALE - side / 2), round(y * SCALE - side / 2)
    area = ink[top : top + side, left : left + side]
    np.maximum(area, np.clip(large, 0, 1), out=area)


def scan(page: Grey, angle: float = 1.0, scale: float = 0.9, seed: int = 0) -> Grey:
    """Scan a page: turned by some degrees, smaller, with a border and grain."""
    move = matrix(angle, scale)
    size = round(WIDTH * SCALE * scale * ROOM), round(HEIGHT * SCALE * scale * ROOM)
    seen = cv2.warpAffine(page, move, size, flags=cv2.INTER_AREA, borderValue=245).astype(float)
    seen += np.random.default_rng(seed).normal(0, 2, seen.shape)
    return np.asarray(np.clip(seen * 0.93 + 8, 0, 255), np.uint8)


def matrix(angle: float, scale: float) -> NDArray[np.float64]:
    """Return the affine map of `scan`, from pixels of the page to pixels of the scan."""
    middle = WIDTH * SCALE / 2, HEIGHT * SCALE / 2
    move = cv2.getRotationMatrix2D(middle, angle, scale)
    move[:, 2] += np.array(middle) * (scale * ROOM - 1)
    return np.asarray(move, np.float64)


def printed(form: Form, values: Mapping[Key, str], *, serial: int = 0) -> list[Grey]:
    """Print a form and fill its pages: texts, with a space for an empty cell, and ``x`` for ticks.

    Parameters
    ----------
    form
        The form.
    values
        The text of a field, by the field's key.
    serial
        The serial number printed on each page.

    Returns
    -------
    list of ndarray
        The pages, with `SCALE` pixels for each millimetre.
    """
    where = layout.place(form)
    pages = []
    for page, paper in zip(where.pages, _paper(form, serial), strict=True):
        ink = np.zeros(paper.shape, np.float32)
        for place in page.places:
            for character, box in zip(values.get(key_of(place), ""), place.boxes, strict=False):
                _mark(ink, character, box)
        pages.append(np.asarray(np.rint(paper * (1 - 0.8 * ink)), np.uint8))
    return pages


@functools.lru_cache(8)
def _paper(form: Form, serial: int) -> list[Grey]:
    """Print a form, and draw its pages."""
    where = layout.place(form)
    content = printing.print_form(form, where, [Copy(serial)])
    size = round(where.width * SCALE), round(where.height * SCALE)
    with decode.open_content(content, "form.pdf") as document:
        return [
            cv2.resize(
                document.page(page.number, luma=True).grey, size, interpolation=cv2.INTER_AREA
            )
            for page in where.pages
        ]


def _mark(ink: NDArray[np.float32], character: str, box: Box) -> None:
    if character == "x":
        points = np.array([[box.x + 1, box.y + 3], [box.x + 2, box.y + 4], [box.x + 4, box.y + 1]])
        cv2.polylines(ink, [np.rint(points * SCALE).astype(np.int32)], False, 1, 4, cv2.LINE_AA)
    elif character != " ":
        middle = box.x + box.width / 2, box.y + box.height / 2
        write(ink, _digits()[int(character)], *middle, 7.0)
