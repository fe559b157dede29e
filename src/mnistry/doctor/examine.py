"""Explain how a picture was read: each digit at every stage, and what would change its answer.

The network reads the image of every stage and of every small change. Nothing is guessed. Knows
nothing of what the picture really shows, and draws nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistry.doctor import stages
from mnistry.doctor.changes import small_changes
from mnistry.doctor.prototypes import Prototype, nearest
from mnistry.images.sources import Source
from mnistry.percent import confidence
from mnistry.reading.ink import Ink
from mnistry.reading.reader import Reader
from mnistry.reading.result import Digit, Reading

MOST = 12  # digits that get a case

Image = NDArray[np.uint8]


def format_answer(digit: Digit) -> str:
    """Write an answer with its confidence; for an uncertain one, ``?`` and the best candidate."""
    sure = confidence(digit.confidence)
    if digit.digit is None:
        return f"?  ({digit.candidates[0].digit}: {sure})"
    return f"{digit}  {sure}"


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the network reads in one image of a stage or a change.

    Attributes
    ----------
    name
        The stage's or the change's name.
    digit
        The answer; its box is the whole image.
    image
        ``uint8``, shape ``(28, 28)``, 0 for paper to 255 for ink.
    size
        A change's size, as in `mnistry.doctor.changes.Change`; None for a stage.
    """

    name: str
    digit: Digit
    image: Image = field(repr=False)
    size: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return all but the image, as JSON's types."""
        answer = {"digit": self.digit.digit, "confidence": self.digit.confidence}
        size = {} if self.size is None else {"size": self.size}
        return {"name": self.name, **size, **answer}


@dataclass(frozen=True)
class Decision:
    """The stage that decided what was read.

    Attributes
    ----------
    stage
        Its name.
    ailment
        What was wrong before it.
    before, after
        The answers before and after it; None for ``?``.
    """

    stage: str
    ailment: str
    before: int | None
    after: int | None

    def __str__(self) -> str:
        before, after = ("?" if one is None else str(one) for one in (self.before, self.after))
        return f"{before} became {after} by “{self.stage}”: {self.ailment}"


@dataclass(frozen=True, eq=False)
class Case:
    """The explanation of one digit.

    Attributes
    ----------
    number
        Its number in the picture, in reading order, from 1.
    digit
        What was read.
    stages
        From the digit cut out of the picture to MNIST's form. The last one is what was read.
    mattered
        The last stage that changed the answer: the answer stayed the same from there on. None if no
        stage changed it. In a picture of one digit, the stages of `Diagnosis.naive` count too.
    nearest
        The prototype most like the image that was read, for each of the digit's candidates.
    changes
        For each other answer, ``?`` included, the smallest change of the image that was read which
        leads to that answer. The smallest change comes first.
    """

    number: int
    digit: Digit
    stages: tuple[Prediction, ...]
    mattered: "Decision | None"
    nearest: tuple[Prototype, ...]
    changes: tuple[Prediction, ...]

    @property
    def decision(self) -> str:
        """What decided, in words; also if nothing did."""
        alone = self.stages[-1].digit.digit
        answer = "?" if alone is None else alone
        if alone != self.digit.digit:
            return f"what decided: the network that reads whole lines; this image alone is {answer}"
        if self.mattered is not None:
            return f"what decided: {self.mattered}"
        return f"what decided: no step; every image is read as {answer}"

    def to_json(self) -> dict[str, Any]:
        """Return all but the images, as JSON's types."""
        return {
            "number": self.number,
            "stages": [stage.to_json() for stage in self.stages],
            "mattered": None if self.mattered is None else self.mattered.ailment,
            "nearest": [{"label": p.label, "distance": p.distance} for p in self.nearest],
            "changes": [change.to_json() for change in self.changes],
        }


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """The explanation of one picture.

    Attributes
    ----------
    reading
        What was read.
    naive
        The whole picture resized, and inverted if its border is light.
    cases
        One for each digit, in reading order; of more than `MOST` digits, the least certain.
    size, picture, ink
        The `size`, `grey` and `ink` of `mnistry.reading.result.DetailedReading`.
    photo, photo_size
        The `picture` and `picture_size` of the same: the photo as it was given, or None.
    """

    reading: Reading
    naive: tuple[Prediction, ...]
    cases: tuple[Case, ...]
    size: tuple[int, int]
    picture: Image = field(repr=False)
    ink: Ink = field(repr=False)
    photo: Image | None = field(default=None, repr=False)
    photo_size: tuple[int, int] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return all but the images, as JSON's types."""
        return {
            **self.reading.to_json(),
            "paper_is_light": self.ink.paper_is_light,
            "naive": [stage.to_json() for stage in self.naive],
            "cases": [case.to_json() for case in self.cases],
        }


def examine(reader: Reader, picture: Source, page: int | None = None) -> Diagnosis:
    """Read a picture and explain its digits.

    Parameters
    ----------
    reader
        The reader to explain.
    picture, page
        As `Reader.read` takes them.

    Raises
    ------
    DataError
        If it is not an image, or is an array whose type or shape `Reader.read` does not take.
    """
    detail = reader.read_in_detail(picture, page=page)
    reading, ink, forms = detail.reading, detail.ink, detail.forms
    least_sure = np.argsort([digit.confidence for digit in reading.digits], kind="stable")
    before = stages.naive(detail.grey if detail.picture is None else detail.picture)
    scale = max(detail.grey.shape) / max(detail.size)
    cases = []
    for i in sorted(least_sure[:MOST].tolist()):
        digit = reading.digits[i]
        way = stages.of_digit(detail.grey, ink, stages.scaled(digit.box, scale), forms[i])
        whole = before + way if len(reading.digits) == 1 else way
        predictions = _predict(reader, way)
        cases.append(
            Case(
                i + 1,
                digit,
                predictions,
                _what_mattered(whole, _predict(reader, whole)),
                nearest(forms[i], [candidate.digit for candidate in digit.candidates]),
                _other_answers(reader, predictions[-1]),
            )
        )
    return Diagnosis(
        reading, _predict(reader, before), tuple(cases), detail.size, detail.grey, ink,
        detail.picture, detail.picture_size,
    )  # fmt: skip


def _predict(reader: Reader, way: Sequence[stages.Stage]) -> tuple[Prediction, ...]:
    answers = reader.read_many(np.stack([stage.image for stage in way]))
    return tuple(
        Prediction(stage.name, answer.digits[0], stage.image)
        for stage, answer in zip(way, answers, strict=True)
    )


def _what_mattered(way: Sequence[stages.Stage], read: Sequence[Prediction]) -> Decision | None:
    """Find the last stage that changed the answer."""
    decided = None
    for stage, (before, after) in zip(way[1:], pairwise(read), strict=True):
        if before.digit.digit != after.digit.digit:
            decided = Decision(stage.name, stage.ailment, before.digit.digit, after.digit.digit)
    return decided


def _other_answers(reader: Reader, read: Prediction) -> tuple[Prediction, ...]:
    """Try every small change, and keep the smallest one for each other answer."""
    tried = small_changes(read.image)
    answers = reader.read_many(np.stack([change.image for change in tried]))
    predictions = [
        Prediction(change.name, answer.digits[0], change.image, change.size)
        for change, answer in zip(tried, answers, strict=True)
    ]
    found: dict[int | None, Prediction] = {}
    # By the size of the change, then by confidence, the highest first.
    for prediction in sorted(predictions, key=lambda p: (p.size or 0.0, -p.digit.confidence)):
        found.setdefault(prediction.digit.digit, prediction)
    found.pop(read.digit.digit, None)
    return tuple(found.values())
