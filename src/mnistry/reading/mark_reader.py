"""Read the marks of a picture: each in MNIST's form, and the most probable way to split a line.

Finds a picture's marks and lines, brings every mark that may be a digit to MNIST's form, and reads
all of them in one batch. Knows digits alone: no signs, and no gaps between numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from mnistry.images.mnist_form import SIDE, Box, formed_box, normalise, padded_by
from mnistry.inference import onnx_session
from mnistry.reading import lattice, result
from mnistry.reading.ink import Ink
from mnistry.reading.lattice import Span
from mnistry.reading.reject import accepted
from mnistry.reading.result import CANDIDATES, Candidate, DetailedReading, Digit, Notation, Reading
from mnistry.reading.segment import Line, Piece, find_lines

# All spans together are read from at most this many pixels. If they have more, each box larger than
# an equal share is reduced to it.
_MOST_PIXELS = 1 << 21


@dataclass(frozen=True, eq=False)
class _Predictions:
    """The spans of a line, each in MNIST's form, and the network's output for each."""

    spans: Mapping[Span, Piece]
    forms: NDArray[np.uint8]
    probabilities: NDArray[np.float32]

    def settled(self, line: Line) -> "_Predictions":
        """Keep the spans that are surely more probable uncut than with any cut."""
        kept = [
            lattice.is_best(line, piece, answer)
            for piece, answer in zip(self.spans.values(), self.probabilities, strict=True)
        ]
        spans = {span: self.spans[span] for span in compress(self.spans, kept)}
        return _Predictions(spans, self.forms[kept], self.probabilities[kept])

    def __add__(self, other: "_Predictions") -> "_Predictions":
        return _Predictions(
            {**self.spans, **other.spans},
            np.concatenate([self.forms, other.forms]),
            np.concatenate([self.probabilities, other.probabilities]),
        )


def _no_predictions() -> _Predictions:
    return _Predictions({}, np.zeros((0, 28, 28), np.uint8), np.zeros((0, 10), np.float32))


class MarkReader:
    """Reads digits by their marks with one network.

    Parameters
    ----------
    session
        The network.
    threshold
        A digit whose best candidate is less probable than this is None.
    strict
        The same for a picture of MNIST's size that is not in its form.
    notation
        How numbers are written.
    """

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        threshold: float,
        strict: float,
        notation: Notation,
    ) -> None:
        self._session, self._threshold, self._strict = session, threshold, strict
        self._notation = notation

    def read(
        self,
        grey: NDArray[np.uint8],
        ink: Ink,
        size: tuple[int, int],
        lines: Sequence[Line] | None = None,
    ) -> DetailedReading:
        """Read a picture.

        Parameters
        ----------
        grey
            ``uint8``, shape ``(height, width)``.
        ink
            What was found in it.
        size
            Height and width of the upright picture, of which `grey` may be a reduced copy.
        lines
            What `find_lines` finds in the ink, if that is known.
        """
        if grey.shape == (SIDE, SIDE):
            return self._read_single(grey, ink)
        return self._read_marks(
            grey, ink, size, find_lines(ink.strength) if lines is None else lines
        )

    def read_formed(self, images: NDArray[np.uint8]) -> list[Reading]:
        """Read images that are in MNIST's form, ``uint8``, shape ``(n, 28, 28)``."""
        probabilities = onnx_session.probabilities(self._session, images)
        whole = (0, 0, SIDE, SIDE)
        digits = self.digits(probabilities, [whole] * len(images), self._threshold)
        return [self._reading([digit]) for digit in digits]

    def digits(
        self,
        probabilities: NDArray[np.floating],
        boxes: Sequence[Box],
        least: float | None = None,
        line: int = 0,
    ) -> list[Digit]:
        """Make a digit of each row of probabilities; one call for all rows is much quicker.

        Parameters
        ----------
        least
            A digit whose best candidate is less probable is None; by default the threshold.
        """
        least = self._threshold if least is None else least
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, :CANDIDATES]
        ranked = probabilities[np.arange(len(order))[:, None], order].tolist()
        digits = []
        for box, answers, confidences in zip(boxes, order.tolist(), ranked, strict=True):
            candidates = tuple(map(Candidate, answers, confidences))
            best = candidates[0]
            digit = best.digit if best.confidence >= least else None
            digits.append(Digit(digit, best.confidence, box, line, candidates))
        return digits

    def _read_single(self, grey: NDArray[np.uint8], ink: Ink) -> DetailedReading:
        """Read a picture of MNIST's size."""
        image = 255 - grey if ink.paper_is_light else grey
        size, alone = (SIDE, SIDE), image[np.newaxis]
        probabilities = onnx_session.probabilities(self._session, alone)
        box = formed_box(image)
        if box is not None:
            digits = self.digits(probabilities, [box], self._threshold)
            return DetailedReading(self._reading(digits), size, grey, ink, alone, probabilities)
        found = self._read_marks(grey, ink, size, find_lines(ink.strength))
        marks = found.reading.digits
        if not marks:
            return found
        if len(marks) == 1:  # read twice, so an answer must be probable both times
            probabilities = _of_both(probabilities, found.probabilities)
            alone, box = found.forms, marks[0].box
        digits = self.digits(probabilities, [box or (0, 0, SIDE, SIDE)], self._strict)
        if digits[0].digit is None and len(marks) > 1:
            return found
        digits = reject_marks(digits, size)
        return DetailedReading(self._reading(digits), size, grey, ink, alone, probabilities)

    def _read_marks(
        self, grey: NDArray[np.uint8], ink: Ink, size: tuple[int, int], lines: Sequence[Line]
    ) -> DetailedReading:
        """Read the marks of all lines."""
        wholes = self._predict([lattice.wholes(line) for line in lines], ink)
        settled = [one.settled(line) for one, line in zip(wholes, lines, strict=True)]
        longest = lattice.longest_run(
            [lattice.runs(line, one.spans) for line, one in zip(lines, settled, strict=True)]
        )
        rest = []
        for line, one in zip(lines, settled, strict=True):
            every = lattice.spans(line, one.spans, longest)
            rest.append({span: every[span] for span in every if span not in one.spans})
        found = settled
        if any(rest):
            more = self._predict(rest, ink)
            found = [one + other for one, other in zip(settled, more, strict=True)]
        scale = max(ink.strength.shape) / max(size)
        digits: list[Digit] = []
        read = [_no_predictions()]
        number = 0
        for line, one in zip(lines, found, strict=True):
            chosen = lattice.best(line, one.spans, one.probabilities)
            pieces = list(one.spans.values())
            boxes = [
                result.box_of(p.x, p.y, p.width, p.height, scale)
                for p in (pieces[i] for i in chosen)
            ]
            digits += self.digits(one.probabilities[chosen], boxes, self._threshold, number)
            read.append(_Predictions({}, one.forms[chosen], one.probabilities[chosen]))
            number += bool(chosen)
        return DetailedReading(
            self._reading(reject_marks(digits, size, scale, ink.unsure)), size, grey, ink,
            np.concatenate([one.forms for one in read]),
            np.concatenate([one.probabilities for one in read]),
        )  # fmt: skip

    def _predict(self, lines: Sequence[Mapping[Span, Piece]], ink: Ink) -> list[_Predictions]:
        """Convert the spans of all lines to MNIST's form, and read them in one batch."""
        images = to_forms([piece for spans in lines for piece in spans.values()], ink.strength)
        if not len(images):
            return [_no_predictions() for _ in lines]
        probabilities = onnx_session.probabilities(self._session, images)
        ends = np.cumsum([len(spans) for spans in lines]).tolist()
        return [
            _Predictions(
                spans, images[end - len(spans) : end], probabilities[end - len(spans) : end]
            )
            for spans, end in zip(lines, ends, strict=True)
        ]

    def _reading(self, digits: Sequence[Digit]) -> Reading:
        """Make a reading of digits alone."""
        count = digits[-1].line + 1 if digits else 0
        lines = [[digit for digit in digits if digit.line == i] for i in range(count)]
        return result.reading(lines, self._notation)


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


def reject_marks(
    digits: list[Digit], size: tuple[int, int], scale: float = 1.0, unsure: Sequence[Box] = ()
) -> list[Digit]:
    """Reject marks that the rest of the page shows are not digits, and those in unsure boxes."""
    sure = [digit.digit is not None for digit in digits]
    boxes, lines = [digit.box for digit in digits], [digit.line for digit in digits]
    kept = accepted(sure, boxes, lines, size, scale)
    return [
        digit
        if keep and not any(_is_within(digit.box, place, scale) for place in unsure)
        else replace(digit, digit=None)
        for digit, keep in zip(digits, kept, strict=True)
    ]


def _is_within(box: Box, place: Box, scale: float) -> bool:
    """Whether the middle of a box, in pixels of the picture, lies in a place of the ink."""
    x, y, width, height = place
    middle, level = scale * (box[0] + box[2] / 2), scale * (box[1] + box[3] / 2)
    return x <= middle <= x + width and y <= level <= y + height


def to_forms(pieces: Sequence[Piece], strength: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Convert pieces to MNIST's form, ``uint8``, shape ``(n, 28, 28)``.

    If their boxes have too many pixels in all, the larger ones are reduced first.
    """
    if not pieces:
        return np.zeros((0, SIDE, SIDE), np.uint8)
    pixels = sum(piece.mask.size for piece in pieces)
    most = None if pixels <= _MOST_PIXELS else _MOST_PIXELS // len(pieces)
    return np.stack([_form(piece, strength, most) for piece in pieces])


def _form(piece: Piece, strength: NDArray[np.float32], most: int | None) -> NDArray[np.uint8]:
    """Convert a piece's own ink, with its soft edge, to MNIST's form.

    Parameters
    ----------
    piece, strength
        The piece, and the ink of its picture.
    most
        Pixels to which its box is reduced if it has more.
    """
    own = padded_by(2, piece.mask.view(np.uint8))
    top, left = max(0, piece.y - 2), max(0, piece.x - 2)
    part = strength[top : piece.bottom + 2, left : piece.right + 2]
    row, column = top - (piece.y - 2), left - (piece.x - 2)
    own = own[row : row + part.shape[0], column : column + part.shape[1]]
    if most is not None and piece.mask.size > most:
        return normalise(_reduced_ink(own, part, float(np.sqrt(most / piece.mask.size))))
    return normalise(part * cv2.dilate(own, np.ones((3, 3), np.uint8)))


def _reduced_ink(
    own: NDArray[np.uint8], part: NDArray[np.float32], factor: float
) -> NDArray[np.float32]:
    """Reduce a piece's ink; thin strokes, made pale by averaging, get their full strength back."""
    rows, columns = (max(1, round(side * factor)) for side in part.shape)
    share = cv2.resize(255 * own, (columns, rows), interpolation=cv2.INTER_AREA)
    soft = cv2.dilate((share > 0).view(np.uint8), np.ones((3, 3), np.uint8))
    ink = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA) * soft
    return np.asarray(ink / max(float(ink.max()), 1e-3), np.float32)
