"""From the ink of a page that is upright to its lines, by both networks.

Each written line is read as a whole. Where that is not certain, its marks are read too, each by
itself, and both results are joined.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from mnistry.images.mnist_form import stroke_width
from mnistry.inference import onnx_session
from mnistry.reading import combine, result
from mnistry.reading.built_in import THRESHOLD
from mnistry.reading.combine import Judgement, ReadLine, SpelledLine
from mnistry.reading.enclosures import find_enclosures
from mnistry.reading.ink import Ink
from mnistry.reading.line_reader import Strip, cut, find_strips
from mnistry.reading.mark_reader import MarkReader, reject_marks, to_forms
from mnistry.reading.result import DetailedReading, Digit, Notation, Reading
from mnistry.reading.rows import Row, row_of
from mnistry.reading.rules import without_rules
from mnistry.reading.segment import find_broken, find_lines, is_single_mark

# Ink of this strength is a mark.
INK = 0.4
# Strokes apart are one digit only if each network reads it with at least this probability.
_SURELY_ONE = 0.97


@dataclass(frozen=True, eq=False)
class Networks:
    """The networks of a reader, ready to run; see `Reader.networks`.

    Attributes
    ----------
    digits, lines
        The network for single digits, and the one for whole lines.
    judgement
        Combines their probabilities.
    alone
        None if both networks decide which digit a character is. Else the digit network alone
        decides, and a digit less probable than this is a ``?``.
    """

    digits: onnxruntime.InferenceSession
    lines: onnxruntime.InferenceSession
    judgement: Judgement
    alone: float | None

    def answer(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the digit network's probabilities, ``(n, 10)``, for images in MNIST's form."""
        return onnx_session.probabilities(self.digits, images)

    def confirmed(self, spelled: Sequence[SpelledLine]) -> list[ReadLine | None]:
        """Let the digit network confirm lines that were spelled; None where nothing is written."""
        return combine.confirmed(spelled, self.answer, self.judgement, alone=self.alone)

    def read_strips(self, strips: Sequence[Strip]) -> list[ReadLine | None]:
        """Read lines that are cut out already; None where nothing is written."""
        return self.confirmed(combine.spell_strips(strips, self.lines))


@dataclass(frozen=True, eq=False)
class InkReader:
    """Reads the ink of upright pages. Threads may share it.

    Attributes
    ----------
    networks
        What it reads with.
    marks
        Reads marks, each by itself.
    notation
        How numbers are written.
    """

    networks: Networks
    marks: MarkReader
    notation: Notation

    def read(self, grey: NDArray[np.uint8], ink: Ink, size: tuple[int, int]) -> DetailedReading:
        """Read whole lines, and also marks where that leaves a doubt.

        Parameters
        ----------
        grey, ink
            The page, and its ink.
        size
            Rows and columns of the picture that boxes are given in.
        """
        scale = max(ink.strength.shape) / max(size)
        around = find_enclosures(ink.strength)
        ink = replace(ink, strength=around.strength, unsure=around.unsure)
        strips = find_strips(ink.strength, around.frames)
        spelled = combine.spell_strips(strips, self.networks.lines)
        marked = find_lines(ink.strength)
        by_marks: DetailedReading | None = None
        if is_single_mark(marked):
            by_marks = self.marks.read(grey, ink, size, marked)
            if self._is_single(by_marks.reading, spelled):
                return self._single(by_marks, spelled)
        read = [line for line in self.networks.confirmed(spelled) if line is not None]
        is_settled = (
            bool(read)
            and by_marks is None
            and all(
                any(line.is_sure and line.is_beside(one.top, one.bottom) for line in read)
                for one in marked
            )
        )
        if is_settled:
            rows = [row_of(line, scale) for line in read]
        else:
            by_marks = by_marks or self.marks.read(grey, ink, size, marked)
            if not read:
                return by_marks
            if self._is_single(by_marks.reading, spelled):
                return self._single(by_marks, spelled)
            rows = self._joined(read, by_marks, scale)
        rows.sort(key=lambda row: row.top)
        digits = [
            replace(mark, line=i)
            for i, row in enumerate(rows)
            for mark in row.marks
            if isinstance(mark, Digit)
        ]
        kept = iter(reject_marks(digits, size, scale, ink.unsure))
        lines = [
            [next(kept) if isinstance(mark, Digit) else mark for mark in row.marks] for row in rows
        ]
        return DetailedReading(
            result.reading(lines, self.notation), size, grey, ink,
            np.concatenate([row.forms for row in rows]),
            np.concatenate([row.probabilities for row in rows]),
        )  # fmt: skip

    def _is_single(self, marks: Reading, spelled: Sequence[SpelledLine]) -> bool:
        """Whether there is one mark, in which the line reader sees no second character clearly."""
        if len(marks.digits) != 1:
            return False
        known = [one.confidence for line in spelled for one in line.characters if one.text != " "]
        return len(known) < 2 or sorted(known)[-2] < self.networks.judgement.other

    def _single(self, by_marks: DetailedReading, spelled: Sequence[SpelledLine]) -> DetailedReading:
        """Read a single digit by both networks' probabilities."""
        if by_marks.reading.digits[0].confidence < THRESHOLD:
            return by_marks  # the digit network has learned what is not a digit
        if len(spelled) != 1 or [one.text.isdigit() for one in spelled[0].characters] != [True]:
            return by_marks
        if self.networks.alone is not None or by_marks.ink.unsure:
            return by_marks
        both = self.networks.judgement.of_marks(by_marks.probabilities, spelled[0].as_digits)
        digits = self.marks.digits(both, [by_marks.reading.digits[0].box])
        return replace(
            by_marks, reading=result.reading([digits], self.notation), probabilities=both
        )

    def _joined(
        self, read: Sequence[ReadLine], by_marks: DetailedReading, scale: float
    ) -> list[Row]:
        """Join the lines in `read` with those by marks.

        Marks vote on the digits of an unsure line. A line that only the marks show is kept.
        """
        marks = by_marks.reading
        found = []
        for i in range(len(marks.lines)):
            numbers = [k for k, digit in enumerate(marks.digits) if digit.line == i]
            own = [marks.digits[k] for k in numbers]
            found.append(
                Row(
                    scale * min(digit.box[1] for digit in own),
                    scale * max(digit.box[1] + digit.box[3] for digit in own),
                    own, by_marks.forms[numbers], by_marks.probabilities[numbers],
                )
            )  # fmt: skip
        ink = _without_frames(by_marks.ink.strength)
        # For each line read whole, the numbers of the rows of marks beside it: several lines may
        # have the same row, because strips may cut a sloping line in two.
        beside = [[i for i, row in enumerate(found) if row.is_beside(line)] for line in read]
        clear = {
            i
            for i, row in enumerate(found)
            if self._is_clear(
                row,
                [line for line, rows in zip(read, beside, strict=True) if i in rows],
                ink,
            )
        }
        rows = [row.spaced() if i in clear else row for i, row in enumerate(found)]
        kept = [
            row
            for i, row in enumerate(rows)
            if i in clear
            or not any(i in near or line.holds(row.top, row.bottom)
                       for line, near in zip(read, beside, strict=True))
        ]  # fmt: skip
        for line, near in zip(read, beside, strict=True):
            if clear.isdisjoint(near):
                row = row_of(line, scale)
                if not line.is_sure and len(near) == 1:
                    row = self._voted(line, row, found[near[0]], ink, scale)
                kept.append(row if row.is_mostly_sure else row.unsure())
        return kept

    def _is_clear(self, row: Row, read: Sequence[ReadLine], ink: NDArray[np.uint8]) -> bool:
        """Whether a line is clearer by its marks: sure digits, far apart, and no other ink or sign.

        Parameters
        ----------
        row
            The line by its marks.
        read
            The lines in these rows, read whole.
        ink
            The ink without frames.
        """
        if all(line.is_sure for line in read):
            return False
        has_signs = not {one.text for line in read for one in line.spelled} <= set("0123456789? ")
        if has_signs and len(read) == 1:
            return False
        is_read = all(str(mark) != "?" for mark in row.marks)
        return is_read and row.is_apart(ink)

    def _voted(
        self,
        line: ReadLine,
        own: Row,
        row: Row,
        ink: NDArray[np.uint8],
        scale: float,
    ) -> Row:
        """Let marks vote on a line, if marks and line reader find as many digits, and nothing else.

        Parameters
        ----------
        line, own
            The line as read whole.
        row
            The same line by its marks.
        ink, scale
            The ink without frames, and its pixels for each of the picture.
        """
        texts = {one.text for one in line.spelled}
        if self.networks.alone is not None or not texts <= set("0123456789? "):
            return own
        found = sum(one.text != " " and not one.is_missed for one in line.characters)
        if not len(row.marks) == len(line.as_digits) == found:
            return own
        if not row.is_all_ink(ink, scale):  # such as a minus
            return own
        both = self.networks.judgement.of_marks(row.probabilities, line.as_digits)
        boxes = [mark.box for mark in row.marks]
        voted = iter(self.marks.digits(both, boxes, self.networks.judgement.sure))
        marks, forms, probabilities = list(own.marks), own.forms.copy(), own.probabilities.copy()
        number = place = 0
        for i, one in enumerate(line.characters):
            if one.text == " ":
                continue
            if not one.is_missed:
                marks[i] = next(voted)
                forms[number], probabilities[number] = row.forms[place], both[place]
                place += 1
            number += 1
        return replace(own, marks=marks, forms=forms, probabilities=probabilities)

    def as_one_digit(self, found: DetailedReading) -> DetailedReading | None:
        """Read all ink as one digit with gaps, if there is a doubt and both networks are clear."""
        ink = found.ink
        if "?" not in found.reading.text or ink.unsure or self.networks.alone is not None:
            return None
        whole = find_broken(ink.strength)
        strip = None if whole is None else cut(ink.strength, whole.y, whole.bottom)
        if whole is None or strip is None:
            return None
        (spelled,) = combine.spell_strips([strip], self.networks.lines)
        forms = to_forms([whole], ink.strength)
        probabilities = self.networks.answer(forms)
        (best,) = probabilities.argmax(axis=1).tolist()
        if [one.text for one in spelled.characters] != [str(best)]:
            return None
        if min(float(probabilities.max()), spelled.characters[0].confidence) < _SURELY_ONE:
            return None
        both = self.networks.judgement.of_marks(probabilities, spelled.as_digits)
        scale = max(ink.strength.shape) / max(found.size)
        box = result.box_of(whole.x, whole.y, whole.width, whole.height, scale)
        reading = result.reading([self.marks.digits(both, [box])], self.notation)
        return replace(found, reading=reading, forms=forms, probabilities=both)


def _without_frames(strength: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return 1 where there is ink that belongs to no frame.

    Only the whole picture shows what is a frame: in the rows of one line, a 1 goes from edge to
    edge like the wall of a box.
    """
    ink = strength > INK
    return without_rules(ink.view(np.uint8), max(1.5, stroke_width(ink)), frames=True)
