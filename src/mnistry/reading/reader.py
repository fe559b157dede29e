"""From a picture to the digits written in it.

A `Reader` loads its network once. It finds a picture's ink and lines, brings every mark that may be
a digit to MNIST's form, reads all of them in one batch, and takes the most probable split of
each line. Knows nothing of training, and never imports Keras.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.errors import DataError, ModelError, UsageError
from mnistry.images import decode
from mnistry.images.mnist_form import SIDE, Box, formed_box, normalise, padded_by
from mnistry.inference import onnx_session
from mnistry.reading import lattice
from mnistry.reading.ink import LONG_SIDE, Ink, find_ink
from mnistry.reading.lattice import Span
from mnistry.reading.reject import accepted
from mnistry.reading.segment import Line, Piece, find_lines
from mnistry.system import files

# The built-in network, and its card.
SHIPPED = Path(__file__).with_name("digits.onnx")
CARD = SHIPPED.with_suffix(".json")
# The threshold of a network that has no card.
THRESHOLD = 0.5
_DIGITS = 10
_CANDIDATES = 3


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
        0 to 9, or None if the best candidate is too uncertain or the mark is not a digit.
    confidence
        Probability of the best candidate, 0 to 1.
    box
        ``(x, y, width, height)`` in pixels of the upright picture.
    line
        The number of its line, from 0.
    candidates
        The three most probable digits, the most probable first.
    """

    digit: int | None
    confidence: float
    box: Box
    line: int
    candidates: tuple[Candidate, ...]

    def __str__(self) -> str:
        return "?" if self.digit is None else str(self.digit)


@dataclass(frozen=True)
class Reading:
    """What was read in one picture.

    Attributes
    ----------
    lines
        A string for each written line, with ``?`` for a `Digit` whose `digit` is None.
    text
        The lines, joined by line feeds.
    digits
        The digits in reading order.
    """

    lines: tuple[str, ...]
    text: str
    digits: tuple[Digit, ...]

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON's types."""
        return {
            "lines": list(self.lines),
            "text": self.text,
            "digits": [{**asdict(digit), "box": list(digit.box)} for digit in self.digits],
        }


@dataclass(frozen=True, eq=False)
class DetailedReading:
    """A reading, with its intermediate results.

    Attributes
    ----------
    reading
        The result.
    size
        Height and width of the upright picture, in the pixels of the boxes.
    grey
        ``uint8``, shape ``(height, width)``: the grey values that were read. Those of a large
        JPEG are a reduced copy, smaller than `size`.
    ink
        The ink that was found.
    forms
        ``uint8``, shape ``(digits, 28, 28)``: the network's input for each digit.
    probabilities
        ``float32``, shape ``(digits, 10)``: the network's output for each digit.
    """

    reading: Reading
    size: tuple[int, int]
    grey: NDArray[np.uint8] = field(repr=False)
    ink: Ink
    forms: NDArray[np.uint8] = field(repr=False)
    probabilities: NDArray[np.float32] = field(repr=False)


@dataclass(frozen=True, eq=False)
class _Predictions:
    """The spans of a line, each in MNIST's form, and the network's output for each."""

    spans: Mapping[Span, Piece]
    forms: NDArray[np.uint8]
    probabilities: NDArray[np.float32]

    def is_enough(self, line: Line) -> bool:
        """Whether no other span of the line could be part of a more probable path."""
        if lattice.whole(line) is None:
            return True
        (piece,) = self.spans.values()
        return lattice.is_best(piece, self.probabilities[0])


def _no_predictions() -> _Predictions:
    return _Predictions({}, np.zeros((0, 28, 28), np.uint8), np.zeros((0, 10), np.float32))


class Reader:
    """Reads digits from pictures with one network. Threads may share it.

    Parameters
    ----------
    model
        An ``.onnx`` file of the contract in `mnistry.inference.onnx_session`, or its content;
        None takes the built-in network.
    threshold
        0 to 1. A digit whose best candidate is less probable than this is None. By default the
        built-in network takes the thresholds of its card: a stricter one for a picture of 28x28
        pixels that is not in MNIST's form, because it may show anything. Other networks take 0.5,
        as only one answer can be above it.
    threads
        Threads that the network computes with; None takes one for each core. Idle threads wait in
        busy loops, so 1 is quicker if many pictures are read at once.

    Raises
    ------
    ModelError
        If the model cannot be used, or the built-in one is damaged.
    UsageError
        If the threshold is not a probability.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | bytes | None = None,
        *,
        threshold: float | None = None,
        threads: int | None = None,
    ) -> None:
        if threshold is not None and not 0 <= threshold <= 1:
            raise UsageError(f"a threshold of {threshold}", expected="a probability, 0 to 1")
        usual = _card_thresholds() if model is None else (THRESHOLD, THRESHOLD)
        self._threshold, self._strict = usual if threshold is None else (threshold, threshold)
        self._session = onnx_session.open_session(
            SHIPPED if model is None else model, threads=threads
        )
        count = onnx_session.classes(self._session)
        if count != _DIGITS:
            raise ModelError(
                f"it tells {count} classes apart",
                where="the ONNX model" if isinstance(model, bytes) else str(model),
                expected="the ten digits, to read numbers with",
                remedy="to label single images: mnistry predict RUN DATA",
            )

    def read(self, image: str | os.PathLike[str] | bytes | NDArray[np.uint8]) -> Reading:
        """Read one picture.

        Parameters
        ----------
        image
            An image file, its content, or its grey values: ``uint8``, shape ``(height, width)``,
            dark on light or light on dark, 28x28 to 25 megapixels.

        Raises
        ------
        DataError
            If it is not an image, or not an array of that type and shape.
        """
        return self.read_in_detail(image).reading

    def read_in_detail(
        self, image: str | os.PathLike[str] | bytes | NDArray[np.uint8]
    ) -> DetailedReading:
        """Read one picture, and return intermediate results too; see `read`.

        A picture in MNIST's form is read as it is. Another picture of 28x28 pixels is read both as
        it is and by its marks.
        """
        grey, size = _grey(image)
        ink = find_ink(grey)
        if grey.shape == (SIDE, SIDE):
            return self._read_single(grey, ink)
        return self._read_marks(grey, ink, size)

    def _read_single(self, grey: NDArray[np.uint8], ink: Ink) -> DetailedReading:
        """Read a picture of MNIST's size."""
        image = 255 - grey if ink.paper_is_light else grey
        size, alone = (SIDE, SIDE), image[np.newaxis]
        probabilities = onnx_session.probabilities(self._session, alone)
        box = formed_box(image)
        if box is not None:
            digits = self._digits(probabilities, [box], self._threshold)
            return DetailedReading(_reading(digits), size, grey, ink, alone, probabilities)
        found = self._read_marks(grey, ink, size)
        marks = found.reading.digits
        if not marks:
            return found
        if len(marks) == 1:  # read twice, so an answer must be probable both times
            probabilities = _of_both(probabilities, found.probabilities)
            alone, box = found.forms, marks[0].box
        digits = self._digits(probabilities, [box or (0, 0, SIDE, SIDE)], self._strict)
        if digits[0].digit is None and len(marks) > 1:
            return found
        return DetailedReading(
            _reading(_reject_marks(digits, size)), size, grey, ink, alone, probabilities
        )

    def _read_marks(
        self, grey: NDArray[np.uint8], ink: Ink, size: tuple[int, int]
    ) -> DetailedReading:
        """Split ink into lines and marks, and read them."""
        lines = find_lines(ink.strength)
        found = self._predict([lattice.whole(line) or lattice.spans(line) for line in lines], ink)
        doubtful = [i for i, one in enumerate(found) if not one.is_enough(lines[i])]
        again = self._predict([lattice.spans(lines[i]) for i in doubtful], ink)
        for i, one in zip(doubtful, again, strict=True):
            found[i] = one
        scale = max(ink.strength.shape) / max(size)
        digits: list[Digit] = []
        read = [_no_predictions()]
        number = 0
        for line, one in zip(lines, found, strict=True):
            chosen = lattice.best(line, one.spans, one.probabilities)
            pieces = list(one.spans.values())
            boxes = [_box(pieces[i], scale) for i in chosen]
            digits += self._digits(one.probabilities[chosen], boxes, self._threshold, number)
            read.append(_Predictions({}, one.forms[chosen], one.probabilities[chosen]))
            number += bool(chosen)
        return DetailedReading(
            _reading(_reject_marks(digits, size, scale)), size, grey, ink,
            np.concatenate([one.forms for one in read]),
            np.concatenate([one.probabilities for one in read]),
        )  # fmt: skip

    def _predict(self, lines: Sequence[Mapping[Span, Piece]], ink: Ink) -> list[_Predictions]:
        """Convert the spans of all lines to MNIST's form, and read them in one batch."""
        forms = [_form(piece, ink.strength) for spans in lines for piece in spans.values()]
        if not forms:
            return [_no_predictions() for _ in lines]
        images = np.stack(forms)
        probabilities = onnx_session.probabilities(self._session, images)
        ends = np.cumsum([len(spans) for spans in lines]).tolist()
        return [
            _Predictions(
                spans, images[end - len(spans) : end], probabilities[end - len(spans) : end]
            )
            for spans, end in zip(lines, ends, strict=True)
        ]

    def read_many(self, images: NDArray[np.uint8]) -> list[Reading]:
        """Read images that are in MNIST's form already: as they are, and much quicker.

        Parameters
        ----------
        images
            ``uint8``, shape ``(n, 28, 28)``, 0 for paper to 255 for ink; one digit in each.
        """
        _check(images, 3)
        if images.shape[1:] != (28, 28):
            raise DataError(f"images of shape {images.shape[1:]}", expected="(28, 28)")
        probabilities = onnx_session.probabilities(self._session, images)
        whole = (0, 0, *images.shape[:0:-1])
        digits = self._digits(probabilities, [whole] * len(images), self._threshold)
        return [_reading([digit]) for digit in digits]

    def _digits(
        self,
        probabilities: NDArray[np.floating],
        boxes: Sequence[Box],
        least: float,
        line: int = 0,
    ) -> list[Digit]:
        """Make a digit of each row of probabilities; one call for all rows is much quicker."""
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, :_CANDIDATES]
        ranked = np.take_along_axis(probabilities, order, axis=1).tolist()
        digits = []
        for box, answers, confidences in zip(boxes, order.tolist(), ranked, strict=True):
            candidates = tuple(map(Candidate, answers, confidences))
            best = candidates[0]
            digit = best.digit if best.confidence >= least else None
            digits.append(Digit(digit, best.confidence, box, line, candidates))
        return digits


def _of_both(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the geometric mean of two readings' probabilities, scaled to rows that sum to 1.

    Examples
    --------
    >>> _of_both(np.float32([[0.9, 0.1]]), np.float32([[0.4, 0.6]])).round(2).tolist()[0][0] > 0.7
    True
    >>> _of_both(np.float32([[1, 0]]), np.float32([[0, 1]])).tolist()  # certain, and at odds
    [[0.5, 0.5]]
    """
    both = np.sqrt(one.astype(np.float64) * other + np.finfo(np.float32).tiny)
    return np.asarray(both / both.sum(axis=1, keepdims=True), np.float32)


def _reject_marks(digits: list[Digit], size: tuple[int, int], scale: float = 1.0) -> list[Digit]:
    """Reject marks that the rest of the page shows are not digits."""
    sure = [digit.digit is not None for digit in digits]
    boxes, lines = [digit.box for digit in digits], [digit.line for digit in digits]
    kept = accepted(sure, boxes, lines, size, scale)
    return [
        digit if keep else replace(digit, digit=None)
        for digit, keep in zip(digits, kept, strict=True)
    ]


def _card_thresholds() -> tuple[float, float]:
    """Check the built-in network against its card, and return the card's two thresholds.

    The second is for pictures of MNIST's size that are not in its form. The digest is checked
    because ONNX Runtime loads a file with flipped bits without an error.
    """
    try:
        card = json.loads(CARD.read_text("utf-8"))
        expected = card["file"]["sha256"]
        thresholds = float(card["threshold"]), float(card["threshold_unformed"])
        found = files.sha256(SHIPPED)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _broken(f"the built-in network, or its card, cannot be read: {error}") from error
    if found != expected:
        raise _broken(f"damaged: its SHA-256 is {found}", expected=expected)
    return thresholds


def _broken(what: str, expected: str | None = None) -> ModelError:
    return ModelError(
        what, where=SHIPPED, expected=expected, remedy="install mnistry again, or give a model"
    )


def _reading(digits: list[Digit]) -> Reading:
    lines = [""] * (digits[-1].line + 1 if digits else 0)
    for digit in digits:
        lines[digit.line] += str(digit)
    return Reading(tuple(lines), "\n".join(lines), tuple(digits))


def _grey(
    image: str | os.PathLike[str] | bytes | NDArray[np.uint8],
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Return grey values, reduced if they are a large JPEG's, and the upright picture's size."""
    if isinstance(image, np.ndarray):
        _check(image, 2)
        return image, (image.shape[0], image.shape[1])
    if isinstance(image, bytes):
        return decode.decode_reduced(image, "the image", LONG_SIDE)
    path = Path(image)
    return decode.decode_reduced(decode.read_content(path), str(path), LONG_SIDE)


def _check(image: NDArray[np.generic], ndim: int) -> None:
    what = f"an array of {image.dtype}, shape {image.shape}"
    if image.dtype.kind == "f" and image.size and image.max() <= 1:
        raise DataError(
            f"{what}, with no value above 1",
            expected="uint8, 0 to 255",
            remedy="give the 0–255 image; the network divides by itself",
        )
    if image.dtype != np.uint8 or image.ndim != ndim or not image.size:
        raise DataError(
            what, expected=f"uint8 of {ndim} axes", remedy="give grey values from 0 to 255"
        )


def _form(piece: Piece, strength: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Convert a piece's own ink, with its soft edge, to MNIST's form."""
    own = cv2.dilate(padded_by(2, piece.mask.astype(np.uint8)), np.ones((3, 3), np.uint8))
    top, left = max(0, piece.y - 2), max(0, piece.x - 2)
    part = strength[top : piece.bottom + 2, left : piece.right + 2]
    row, column = top - (piece.y - 2), left - (piece.x - 2)
    return normalise(part * own[row : row + part.shape[0], column : column + part.shape[1]])


def _box(piece: Piece, scale: float) -> Box:
    x, y, width, height = piece.x, piece.y, piece.width, piece.height
    left, top = int(x / scale), int(y / scale)
    return left, top, max(1, round(width / scale)), max(1, round(height / scale))
