"""What a reader returns: the digits, the numbers and the lines of a picture."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistry.images.mnist_form import Box
from mnistry.reading import numbers
from mnistry.reading.ink import Ink

# Four points, x and y.
Quad = tuple[tuple[float, float], ...]

# How many candidates a digit has.
CANDIDATES = 3


@dataclass(frozen=True)
class Candidate:
    """One possible answer for a digit, and its probability, 0 to 1."""

    digit: int
    confidence: float


@dataclass(frozen=True)
class Digit:
    """One digit of a picture.

    Attributes
    ----------
    digit
        0 to 9, or None if it is too uncertain or the mark is not a digit.
    confidence
        Probability that `digit` is right, or that the best candidate is if `digit` is None. 0 to 1.
    box
        ``(x, y, width, height)`` in pixels of the upright page.
    line
        The number of its line, from 0.
    candidates
        The three most probable digits, the most probable first.
    quad
        The box's corners in pixels of the picture itself, from the upper left one clockwise, if
        the page was turned or flattened; else None.
    """

    digit: int | None
    confidence: float
    box: Box
    line: int
    candidates: tuple[Candidate, ...]
    quad: Quad | None = None

    def __str__(self) -> str:
        return "?" if self.digit is None else str(self.digit)


@dataclass(frozen=True)
class Number:
    """One number of a picture: what stands between two gaps of a line.

    Attributes
    ----------
    text
        Its characters as written: digits, the signs ``- + . , / :``, and ``?``.
    value
        What it is, or None if that is not certain: if the text has a ``?``, is no decimal number,
        or has a comma that could separate thousands or decimals.
    confidence
        Probability that every character is right, 0 to 1.
    box
        ``(x, y, width, height)`` in pixels of the upright page.
    line
        The number of its line, from 0.
    quad
        As of `Digit`.
    """

    text: str
    value: int | float | None
    confidence: float
    box: Box
    line: int
    quad: Quad | None = None


@dataclass(frozen=True)
class Reading:
    """What was read in one picture.

    Attributes
    ----------
    lines
        A string for each written line: digits, the signs ``- + . , / :``, ``?`` for a mark that
        is too uncertain or none of these, and one space between numbers that stand apart.
    text
        The lines, joined by line feeds.
    digits
        The digits in reading order; signs are not among them.
    numbers
        The numbers in reading order.
    turned
        Degrees clockwise by which the picture was turned to be upright: 0, 90, 180 or 270.
    corners
        The corners of the page in pixels of the picture, from the page's upper left one clockwise,
        if a sheet was found in it and brought flat; else None.
    notes
        What the user should know of how it was read.
    """

    lines: tuple[str, ...]
    text: str
    digits: tuple[Digit, ...]
    numbers: tuple[Number, ...] = ()
    turned: int = 0
    corners: Quad | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON's types; a digit or number has a ``quad`` only if it has one."""
        return {
            "turned": self.turned,
            "corners": self.corners and [list(point) for point in self.corners],
            "lines": list(self.lines),
            "text": self.text,
            "digits": [_json_of(digit) for digit in self.digits],
            "numbers": [_json_of(number) for number in self.numbers],
            "notes": list(self.notes),
        }


def _json_of(found: Digit | Number) -> dict[str, Any]:
    value = {**vars(found), "box": list(found.box)}
    if isinstance(found, Digit):
        value["candidates"] = [dict(vars(one)) for one in found.candidates]
    quad = value.pop("quad")
    return value if quad is None else {**value, "quad": [list(point) for point in quad]}


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes
    ----------
    text
        What is written in it: digits, the signs ``- + . , / :``, and ``?`` for what is unclear;
        empty if nothing is. Of merged cells, the first has the text.
    value
        What it is, or None; see `Number.value`.
    confidence
        Probability that every character is right, 0 to 1; 1 if it is empty.
    box
        ``(x, y, width, height)`` in pixels of the upright picture.
    """

    text: str
    value: int | float | None
    confidence: float
    box: Box


@dataclass(frozen=True)
class Table:
    """One table of a picture.

    Attributes
    ----------
    box
        ``(x, y, width, height)`` in pixels of the upright picture.
    rows
        Its rows from top to bottom, each with its cells from left to right.
    """

    box: Box
    rows: tuple[tuple[Cell, ...], ...]

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON's types."""
        rows = [[{**asdict(cell), "box": list(cell.box)} for cell in row] for row in self.rows]
        return {"box": list(self.box), "rows": rows}


@dataclass(frozen=True, eq=False)
class DetailedReading:
    """A reading, with the intermediate results that led to it.

    Attributes
    ----------
    reading
        What was read.
    size
        Height and width of the upright page, in the pixels of the boxes.
    grey
        ``uint8``, shape ``(height, width)``: the grey values that were read. Those of a large
        JPEG are a reduced copy, smaller than `size`.
    ink
        What was taken for ink.
    forms
        ``uint8``, shape ``(digits, 28, 28)``: the network's input for each digit.
    probabilities
        ``float32``, shape ``(digits, 10)``: the network's output for each digit.
    picture, picture_size
        Like `grey` and `size`, but of the picture as it was given; None if `grey` is that already,
        neither cut out, turned nor painted over.
    """

    reading: Reading
    size: tuple[int, int]
    grey: NDArray[np.uint8] = field(repr=False)
    ink: Ink
    forms: NDArray[np.uint8] = field(repr=False)
    probabilities: NDArray[np.float32] = field(repr=False)
    picture: NDArray[np.uint8] | None = field(default=None, repr=False)
    picture_size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Sign:
    """A character of a line that is no digit: a sign, or the space between numbers."""

    text: str
    confidence: float
    box: Box

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Notation:
    """How numbers are written: see `mnistry.reading.numbers.value`."""

    decimal_comma: bool = False
    thousands: bool = False


def reading(lines: Sequence[Sequence[Digit | Sign]], notation: Notation) -> Reading:
    """Make a reading of lines, each a sequence of digits and signs from left to right."""
    texts = tuple("".join(map(str, line)) for line in lines)
    found = []
    for i, (text, line) in enumerate(zip(texts, lines, strict=True)):
        for token in numbers.split(text):
            marks = line[token.start : token.end]
            confidence = float(math.prod(mark.confidence for mark in marks))
            value = numbers.value(
                token.text, decimal_comma=notation.decimal_comma, thousands=notation.thousands
            )
            found.append(Number(token.text, value, confidence, _around(marks), i))
    digits = tuple(
        mark if mark.line == i else replace(mark, line=i)
        for i, line in enumerate(lines)
        for mark in line
        if isinstance(mark, Digit)
    )
    return Reading(texts, "\n".join(texts), digits, tuple(found))


def _around(marks: Sequence[Digit | Sign]) -> Box:
    """Return the box around all marks."""
    x, y = min(mark.box[0] for mark in marks), min(mark.box[1] for mark in marks)
    right = max(mark.box[0] + mark.box[2] for mark in marks)
    bottom = max(mark.box[1] + mark.box[3] for mark in marks)
    return x, y, right - x, bottom - y


def box_of(x: float, y: float, width: float, height: float, scale: float) -> Box:
    """Convert a box of the ink, which has `scale` pixels for each of the picture's."""
    left, top = int(x / scale), int(y / scale)
    return left, top, max(1, round(width / scale)), max(1, round(height / scale))
