"""Why a digit was read as it was: each stage as the network reads it, and what would change it.

Computed, not guessed: the network is asked about every stage and every change. Knows nothing of
what the picture really shows, and draws nothing.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistry.doctor import stages
from mnistry.doctor.changes import small_changes
from mnistry.doctor.prototypes import Prototype, nearest
from mnistry.reading.ink import Ink
from mnistry.reading.reader import Digit, Reader, Reading

MOST = 12  # digits that are looked at closely

Image = NDArray[np.uint8]


def percent(part: float) -> str:
    """Write a part of 1, as ``"97.5 %"``."""
    return f"{part:.1%}".replace("%", " %")


def said(digit: Digit) -> str:
    """Write an answer, and an uncertain one's best guess."""
    sure = percent(digit.confidence)
    if digit.digit is None:
        return f"?  ({digit.candidates[0].digit}: {sure})"
    return f"{digit}  {sure}"


@dataclass(frozen=True, eq=False)
class Asked:
    """What the network reads in an image.

    Attributes
    ----------
    name
        What was done to make it: a stage's name, or a change's.
    digit
        The answer; its box is the whole image.
    image
        ``uint8``, shape ``(28, 28)``, 0 for paper to 255 for ink.
    size
        Of a change, as in `mnistry.doctor.changes.Change`.
    """

    name: str
    digit: Digit
    image: Image = field(repr=False)
    size: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Give it without its image."""
        answer = {"digit": self.digit.digit, "confidence": self.digit.confidence}
        size = {} if self.size is None else {"size": self.size}
        return {"name": self.name, **size, **answer}


@dataclass(frozen=True, eq=False)
class Case:
    """One digit.

    Attributes
    ----------
    number
        Which of the picture's digits it is, in reading order, from 1.
    digit
        What was read.
    stages
        From the digit cut out to MNIST's form, which was read.
    mattered
        What was wrong before the last stage that changed the answer, the `Diagnosis.naive` ones
        included where this is the only digit; None if no stage did.
    nearest
        The prototypes that look most like the form, the nearest first.
    changes
        For each other answer that a small change of the form leads to, ``?`` too, the smallest
        such change; the smallest of all first.
    """

    number: int
    digit: Digit
    stages: tuple[Asked, ...]
    mattered: str | None
    nearest: tuple[Prototype, ...]
    changes: tuple[Asked, ...]

    def to_json(self) -> dict[str, Any]:
        """Give it in dicts, lists, numbers and strings, without images."""
        return {
            "number": self.number,
            "stages": [stage.to_json() for stage in self.stages],
            "mattered": self.mattered,
            "nearest": [{"label": p.label, "distance": p.distance} for p in self.nearest],
            "changes": [change.to_json() for change in self.changes],
        }


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """What happened to a picture.

    Attributes
    ----------
    reading
        What was read.
    naive
        The whole picture resized, and inverted where its border is light.
    cases
        Its digits; of more than `MOST` the least sure, in reading order.
    size
        Height and width of the upright picture, in the pixels of the digits' boxes.
    picture
        ``uint8``, shape ``(height, width)``: the grey values that were read, fewer than `size` of
        a large JPEG.
    ink
        What was taken for ink.
    """

    reading: Reading
    naive: tuple[Asked, ...]
    cases: tuple[Case, ...]
    size: tuple[int, int]
    picture: Image = field(repr=False)
    ink: Ink = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Give it in dicts, lists, numbers and strings, without images."""
        return {
            **self.reading.to_json(),
            "paper_is_light": self.ink.paper_is_light,
            "naive": [stage.to_json() for stage in self.naive],
            "cases": [case.to_json() for case in self.cases],
        }


def examine(reader: Reader, picture: str | os.PathLike[str] | bytes | Image) -> Diagnosis:
    """Follow the digits of a picture from its pixels to the network.

    Parameters
    ----------
    reader
        What reads it.
    picture
        As `Reader.read` takes it: an image file, its content, or its grey values.

    Raises
    ------
    DataError
        If it is no image, or no array of that type and shape.
    """
    look = reader.look(picture)
    reading, ink, forms = look.reading, look.ink, look.forms
    least_sure = np.argsort([digit.confidence for digit in reading.digits], kind="stable")
    before = stages.naive(look.grey)
    scale = max(look.grey.shape) / max(look.size)
    cases = []
    for i in sorted(least_sure[:MOST].tolist()):
        digit = reading.digits[i]
        way = stages.of_digit(look.grey, ink, stages.scaled(digit.box, scale), forms[i])
        whole = before + way if len(reading.digits) == 1 else way
        asked = _ask(reader, way)
        cases.append(
            Case(
                i + 1,
                digit,
                asked,
                _what_mattered(whole, _ask(reader, whole)),
                nearest(forms[i]),
                _other_answers(reader, asked[-1]),
            )
        )
    return Diagnosis(reading, _ask(reader, before), tuple(cases), look.size, look.grey, ink)


def _ask(reader: Reader, way: Sequence[stages.Stage]) -> tuple[Asked, ...]:
    answers = reader.read_many(np.stack([stage.image for stage in way]))
    return tuple(
        Asked(stage.name, answer.digits[0], stage.image)
        for stage, answer in zip(way, answers, strict=True)
    )


def _what_mattered(way: Sequence[stages.Stage], asked: Sequence[Asked]) -> str | None:
    """Find the stage after which the answer stayed as it is in the end."""
    for stage, before, after in zip(way[:0:-1], asked[-2::-1], asked[:0:-1], strict=True):
        if before.digit.digit != after.digit.digit:
            return stage.ailment
    return None


def _other_answers(reader: Reader, form: Asked) -> tuple[Asked, ...]:
    """Try every small change, and keep for each other answer the smallest."""
    tried = small_changes(form.image)
    answers = reader.read_many(np.stack([change.image for change in tried]))
    asked = [
        Asked(change.name, answer.digits[0], change.image, change.size)
        for change, answer in zip(tried, answers, strict=True)
    ]
    found: dict[int | None, Asked] = {}
    for one in sorted(asked, key=_rank):
        found.setdefault(one.digit.digit, one)
    found.pop(form.digit.digit, None)
    return tuple(found.values())


def _rank(asked: Asked) -> tuple[float, float]:
    """Put the smaller change first, and of equal ones that with the surer answer."""
    return asked.size or 0.0, -asked.digit.confidence
