"""One line of a page, made of its marks or of the characters read in it, with digits' images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mnistry.images.mnist_form import stroke_width
from mnistry.reading import result
from mnistry.reading.combine import UNUSUAL, ReadLine
from mnistry.reading.components import components
from mnistry.reading.result import CANDIDATES, Candidate, Digit, Sign

# Marks are apart if this part of their height is between them.
_GAP = 0.3
# A minus is at least this part of a digit's height wide.
_MINUS = 0.3


@dataclass(frozen=True, eq=False)
class Row:
    """A line, its first and last row in the ink, and each digit's network input and output."""

    top: float
    bottom: float
    marks: Sequence[Digit | Sign]
    forms: NDArray[np.uint8]
    probabilities: NDArray[np.float32]

    @property
    def is_mostly_sure(self) -> bool:
        """Whether more than half of its marks are sure; in a word, fewer marks look like digits."""
        texts = [str(mark) for mark in self.marks if str(mark) != " "]
        return 2 * texts.count("?") < len(texts)

    def unsure(self) -> "Row":
        """Return it with ``?`` for every mark."""
        marks = [
            replace(mark, digit=None) if isinstance(mark, Digit) else mark for mark in self.marks
        ]
        return replace(self, marks=marks)

    def is_beside(self, line: ReadLine) -> bool:
        """Whether a line lies in its rows."""
        return line.is_beside(self.top, self.bottom)

    def is_apart(self, ink: NDArray[np.uint8]) -> bool:
        """Whether its marks are separate strokes, far apart, and all the ink in its rows."""
        boxes = np.array([mark.box for mark in self.marks])
        gaps = boxes[1:, 0] - (boxes[:-1, 0] + boxes[:-1, 2])
        return len(self.strokes(ink)) == len(boxes) and bool(
            (gaps >= _GAP * np.median(boxes[:, 3])).all()
        )

    def strokes(self, ink: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return the boxes of the separate strokes in its rows."""
        top = int(self.top)
        rows = ink[top : int(self.bottom) + 1]
        found = components(rows)
        large = found.boxes[found.areas > stroke_width(rows.view(bool)) ** 2 / 2]
        return np.asarray(large + np.array([0, top, 0, 0]), np.float64)

    def is_all_ink(self, ink: NDArray[np.uint8], scale: float) -> bool:
        """Whether no stroke that is as wide as a minus lies beside its marks, at their height.

        Where lines slope, the feet of the line above may lie in its rows.
        """
        boxes = scale * np.array([mark.box for mark in self.marks], float)
        strokes = self.strokes(ink)
        strokes = strokes[strokes[:, 2] >= _MINUS * np.median(boxes[:, 3])]
        away = np.abs(
            (strokes[:, :2] + strokes[:, 2:] / 2)[:, None] - boxes[:, :2] - boxes[:, 2:] / 2
        )
        is_inside = np.all(2 * away <= boxes[:, 2:], axis=2).any(axis=1)
        nearest = away[:, :, 0].argmin(axis=1)
        is_level = away[np.arange(len(strokes)), nearest, 1] <= boxes[nearest, 3]
        return bool(np.all(is_inside | ~is_level))

    def spaced(self) -> "Row":
        """Put spaces where two marks are further apart than usual."""
        marks: list[Digit | Sign] = list(self.marks[:1])
        boxes = np.array([mark.box for mark in self.marks])
        apart = np.diff(boxes[:, 0] + boxes[:, 2] / 2)
        for mark, distance in zip(self.marks[1:], apart.tolist(), strict=True):
            if distance > UNUSUAL * np.median(apart):
                x, y, width, height = marks[-1].box
                marks.append(Sign(" ", marks[-1].confidence, (x + width, y, 1, height)))
            marks.append(mark)
        return replace(self, marks=marks)


def row_of(line: ReadLine, scale: float) -> Row:
    """Convert a line's characters to digits and signs; `result.reading` sets the line's number.

    The ink has `scale` times as many pixels in each direction as the picture: see `result.box_of`.
    """
    marks: list[Digit | Sign] = []
    answers = iter(line.probabilities)
    shown = []
    for one, (x, y, width, height) in zip(line.characters, line.boxes.tolist(), strict=True):
        box = result.box_of(x, y, width, height, scale)
        answer = None if one.text == " " else next(answers)
        is_digit = str(one) in "0123456789?"
        if answer is not None:
            shown.append(is_digit)
        if answer is None or not is_digit:
            marks.append(Sign(one.text, one.confidence, box))
            continue
        guess = int(one.text) if one.text.isdigit() else -1
        own = float(answer[guess]) if guess >= 0 else 0.0
        # The other nine digits share what the confidence leaves.
        others = (1 - one.confidence) / max(1 - own, 1e-9)
        answer = np.where(np.arange(10) == guess, one.confidence, others * answer)
        ranked = np.argsort(-answer, kind="stable")[:CANDIDATES].tolist()
        candidates = tuple(Candidate(other, float(answer[other])) for other in ranked)
        digit = guess if one.is_sure and guess >= 0 else None
        marks.append(Digit(digit, candidates[0].confidence, box, 0, candidates))
    return Row(line.top, line.bottom, marks, line.forms[shown], line.probabilities[shown])
