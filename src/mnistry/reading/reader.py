"""From a picture to the digits, signs and numbers written in it.

A `Reader` loads its networks once. It finds a picture's ink and reads each written line as a whole.
Where that is not certain, it reads the line's marks too, each by itself, and joins both results.
Knows nothing of training, and never imports Keras.
"""

import importlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from mnistry.errors import DataError, ModelError, UsageError
from mnistry.images import sources
from mnistry.images.mnist_form import SIDE, Box, stroke_width
from mnistry.images.page_tasks import LINES_SIDE, TABLES_SIDE
from mnistry.images.sources import Source
from mnistry.inference import line_session, onnx_session, run_directory
from mnistry.reading import built_in, combine, result, turn
from mnistry.reading.built_in import THRESHOLD, built_in_judgement, thresholds_of
from mnistry.reading.combine import UNUSUAL, Judgement, ReadLine, SpelledLine
from mnistry.reading.components import components
from mnistry.reading.enclosures import find_enclosures
from mnistry.reading.ink import Ink, find_ink
from mnistry.reading.line_reader import CHARACTERS, Strip, cut, find_strips
from mnistry.reading.margin import with_margin
from mnistry.reading.mark_reader import MarkReader, reject_marks, to_forms
from mnistry.reading.page import MOST_SHEETS, Page, flattened, levelled, turned
from mnistry.reading.result import (
    CANDIDATES,
    Candidate,
    DetailedReading,
    Digit,
    Notation,
    Reading,
    Sign,
    Table,
)  # fmt: skip
from mnistry.reading.rules import without_rules
from mnistry.reading.segment import find_broken, find_lines, is_single_mark

# Ink of this strength is a mark; marks are apart if this part of their height is between them.
_INK, _GAP = 0.4, 0.3
# A minus is at least this part of a digit's height wide.
_MINUS = 0.3
_DIGITS = tuple("0123456789")
_SMALL_WRITING = (
    "marks much smaller than the digits were left out; if they are digits, cut them out and read "
    "them by themselves"
)
_NO_DIGIT = "what stands out is lines, specks, or cut off by the edge"
# A page is turned if it has so many digits; fewer, but several, are worth a note.
_ENOUGH, _SEVERAL = 8, 4
# And if its marks and digits are known better by this much in all, and by that much each.
_LEAST_GAIN, _GAIN = 5.0, 0.3
# A mark is clearly better known in one direction than in another from this difference on. At least
# so many are so in the direction that a page is turned to, and that many times as many as not.
_CLEAR, _FOR_IT, _MORE = 1.0, 3, 2
# A page with more marks than this is read in one other direction at most, else in two.
_MANY = 64
# Marks less high than this part of the digits read are left out. A note says so if they have at
# least this height in pixels, and there are at least this many of them.
_LITTLE, _LEGIBLE, _A_FEW = 0.4, 9, 2
# Digits that are turned upside down, to see whether they are known so.
_SAMPLE = 24
# Strokes apart are one digit only if each network reads it with at least this probability.
_SURELY_ONE = 0.97
# A page is looked at again if more than this part of it was not read.
_DOUBT = 0.25


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
        None; or the least probability at which the digit network alone decides.
    """

    digits: onnxruntime.InferenceSession
    lines: onnxruntime.InferenceSession
    judgement: Judgement
    alone: float | None

    def answer(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the digit network's probabilities, ``(n, 10)``, for images in MNIST's form."""
        return onnx_session.probabilities(self.digits, images)


class Reader:
    """Reads digits, signs and numbers from pictures. Threads may share it.

    Parameters
    ----------
    model
        A run directory, or an ``.onnx`` file of the contract in `mnistry.inference.onnx_session`,
        or its content; None takes the built-in network.
    threshold
        0 to 1. A digit whose best candidate is less probable than this is None. By default the
        built-in network takes the thresholds of its card: a stricter one for a picture of 28x28
        pixels that is not in MNIST's form, because it may show anything. A taught network takes
        those of the network that it began with, others 0.5, above which no two answers can be.
    threads
        Threads that the network computes with; None takes one for each core. Idle threads wait in
        busy loops, so 1 is quicker where many pictures are read at once.
    decimal_comma
        For `Number.value`: whether a comma separates decimals, and a point thousands.
    thousands
        Whether thousands are separated: by the comma, or with `decimal_comma` by the point.

    Attributes
    ----------
    model
        As given: another process makes the same reader with it.

    Raises
    ------
    ModelError
        If the model cannot be used, or a built-in one is damaged.
    UsageError
        If the threshold is not a probability.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | bytes | None = None,
        *,
        threshold: float | None = None,
        threads: int | None = None,
        decimal_comma: bool = False,
        thousands: bool = False,
    ) -> None:
        if threshold is not None and not 0 <= threshold <= 1:
            raise UsageError(f"a threshold of {threshold}", expected="a probability, 0 to 1")
        self.model = model
        where, classes = "the ONNX model", None
        if not (model is None or isinstance(model, bytes)):
            where = os.fspath(model)
            model, classes = run_directory.find_network(model)
        self._session = onnx_session.open_session(
            built_in.SHIPPED if model is None else model, threads=threads
        )
        count = onnx_session.classes(self._session)
        if count != len(_DIGITS) or classes not in (None, _DIGITS):
            raise ModelError(
                f"its {count} classes are not the ten digits",
                where=where,
                expected="a network trained on digits, to read numbers with",
                remedy="to label single images: mnistry predict "
                f"{'RUN' if classes is None else where} DATA",
            )
        usual = thresholds_of(model)
        least = usual if threshold is None else (threshold, threshold)
        judgement = built_in_judgement()
        self._line_session = line_session.open_session(
            built_in.LINES, 1 + len(CHARACTERS), threads=threads
        )
        self._judgement = judgement if threshold is None else replace(judgement, sure=threshold)
        # The judgement was measured with the built-in network; another one decides alone.
        self._alone = None if model is None else least[0]
        self._notation = Notation(decimal_comma, thousands)
        self._marks = MarkReader(self._session, *least, self._notation)

    @property
    def networks(self) -> Networks:
        """Its networks, for what is not a picture of lines: the fields of forms."""
        return Networks(self._session, self._line_session, self._judgement, self._alone)

    def read(self, image: Source, *, page: int | None = None) -> Reading:
        """Read one picture, or one page of a document.

        Parameters
        ----------
        image
            A path; the content of a picture file or a PDF, as bytes; a file open for reading bytes;
            an image of Pillow; or an array: of ``uint8``, other integers or ``bool``, shape
            ``(height, width)`` or, with colours, ``(height, width, 3)``, or 4 with transparency.
            Dark on light or light on dark, from 28x28 pixels.
        page
            The page's number, from 1; None takes the first, with a `Notice` if there are more.

        Raises
        ------
        DataError
            If it is none of these, or cannot be decoded.

        Examples
        --------
        >>> Reader().read(np.zeros((100, 100), bool)).text
        ''
        """
        return self.read_in_detail(image, page=page).reading

    def read_all(self, *images: Source) -> Iterator[Reading]:
        """Read every page of pictures and documents, in order.

        Parameters
        ----------
        images
            Each as for `read`.

        Yields
        ------
        Reading
            One for each page, as soon as it is read.

        Raises
        ------
        DataError
            At the first page that cannot be decoded; `read` reads any other page by its number.
        """
        for image in images:
            for page in sources.pages(image, LINES_SIDE):
                yield self.read(page)

    def read_in_detail(self, image: Source, *, page: int | None = None) -> DetailedReading:
        """Read one picture, and return intermediate results too; see `read`.

        A picture in MNIST's form is read as it is. Another picture of 28x28 pixels is read both as
        it is and by its marks.
        """
        decoded = sources.one_page(image, LINES_SIDE, page)
        if decoded.grey.shape == (SIDE, SIDE):
            found = self._marks.read(decoded.grey, find_ink(decoded.grey), decoded.size)
        else:
            found = self._read_page(decoded.grey, decoded.size)
            if _is_unclear(found):
                tables = importlib.import_module("mnistry.tables")  # tables imports this package
                found = tables.with_tables(self, decoded, found)
        if found.reading.lines:
            return found
        is_blank = not (found.ink.strength > _INK).any()
        why = "nothing stands out from the paper" if is_blank else _NO_DIGIT
        notes = (*found.reading.notes, f"no digit found: {why}")
        return replace(found, reading=replace(found.reading, notes=notes))

    def read_many(self, images: NDArray[np.uint8]) -> list[Reading]:
        """Read images that are in MNIST's form already: as they are, and much quicker.

        Parameters
        ----------
        images
            ``uint8``, shape ``(n, 28, 28)``, 0 for paper to 255 for ink; one digit in each.
        """
        _check(images)
        if images.shape[1:] != (SIDE, SIDE):
            raise DataError(f"images of shape {images.shape[1:]}", expected="(28, 28)")
        return self._marks.read_formed(images)

    def read_tables(self, image: Source, *, page: int | None = None) -> list[Table]:
        """Read the tables of one picture, or of one page of a document.

        Parameters
        ----------
        image, page
            As for `read`. The picture may be a photo, taken at an angle.

        Returns
        -------
        list of Table
            In reading order; none if no grid is found.

        Raises
        ------
        DataError
            As for `read`.

        Examples
        --------
        >>> Reader().read_tables(np.zeros((100, 100), np.uint8) + 255)
        []
        """
        tables = importlib.import_module("mnistry.tables")  # tables imports this package
        found: list[Table] = tables.read_page(self, sources.one_page(image, TABLES_SIDE, page))
        return found

    @property
    def notation(self) -> Notation:
        """How numbers are written."""
        return self._notation

    def read_strips(self, strips: Sequence[Strip]) -> list[ReadLine | None]:
        """Read lines that are cut out already; None where nothing is written."""
        spelled = combine.spell_strips(strips, self._line_session)
        return combine.confirmed(spelled, self._answer, self._judgement, alone=self._alone)

    def _read_page(self, grey: NDArray[np.uint8], size: tuple[int, int]) -> DetailedReading:
        """Find the page in a picture, bring it upright and read it."""
        page = flattened(grey, size)
        found = self._read_upright(page)
        notes: list[str] = []
        if page.sheets:
            what = "the sheet" if page.sheets == 1 else f"the {page.sheets} sheets"
            if page.sheets > MOST_SHEETS:
                what = f"the {MOST_SHEETS} largest of {page.sheets} sheets"
            verb, beside = ("was", "it") if page.sheets == 1 else ("were", "them")
            notes.append(f"{what} in the picture {verb} read, and nothing beside {beside}")
        page, found, was_read_again = self._levelled(page, found)
        page, found, note = self._turned(page, found, was_read_again)
        notes += note
        if _has_small_writing(found):
            notes.append(_SMALL_WRITING)
        found = _placed(found, page, notes)
        if page.grey is not grey:
            found = replace(found, picture=grey, picture_size=size)
        return found

    def _read_upright(self, page: Page) -> DetailedReading:
        grey, margin = (page.grey, 0) if page.sheets else with_margin(page.grey)
        around = round(margin * max(page.size) / max(page.grey.shape))
        rows, columns = page.size
        found = self._read_both(grey, find_ink(grey), (rows + 2 * around, columns + 2 * around))
        found = self._as_one_digit(found) or found
        return _without_margin(found, page, around) if margin else found

    def _as_one_digit(self, found: DetailedReading) -> DetailedReading | None:
        """Read all ink as one digit with gaps, if there is a doubt and both networks are clear."""
        ink = found.ink
        if "?" not in found.reading.text or ink.unsure or self._alone is not None:
            return None
        whole = find_broken(ink.strength)
        strip = None if whole is None else cut(ink.strength, whole.y, whole.bottom)
        if whole is None or strip is None:
            return None
        (spelled,) = combine.spell_strips([strip], self._line_session)
        forms = to_forms([whole], ink.strength)
        probabilities = self._answer(forms)
        (best,) = probabilities.argmax(axis=1).tolist()
        if [one.text for one in spelled.characters] != [str(best)]:
            return None
        if min(float(probabilities.max()), spelled.characters[0].confidence) < _SURELY_ONE:
            return None
        both = self._judgement.of_marks(probabilities, spelled.as_digits)
        scale = max(ink.strength.shape) / max(found.size)
        box = result.box_of(whole.x, whole.y, whole.width, whole.height, scale)
        reading = result.reading([self._marks.digits(both, [box])], self._notation)
        return replace(found, reading=reading, forms=forms, probabilities=both)

    def _levelled(self, page: Page, found: DetailedReading) -> tuple[Page, DetailedReading, bool]:
        """Read a page again if its lines slope, keep what reads better, and say if it was read."""
        boxes = np.array([digit.box for digit in found.reading.digits]).reshape(-1, 4)
        if len(boxes) < turn.FEW and not _is_doubtful(found):
            return page, found, False
        size = float(np.median(boxes[:, 2:].max(1))) if len(boxes) else 0.0
        if _is_doubtful(found):
            marks = turn.find_marks(found.ink.strength)
            boxes, size = marks.boxes, marks.size
        degrees = turn.slope(boxes, size)
        if not degrees:
            return page, found, False
        level = levelled(page, degrees)
        again = self._read_upright(level)
        is_better = _sure(again) >= _sure(found)
        return (level, again, True) if is_better else (page, found, True)

    def _turned(
        self, page: Page, found: DetailedReading, was_read_again: bool
    ) -> tuple[Page, DetailedReading, list[str]]:
        """Turn a page by quarter turns if it then reads far better.

        Fewer digits than `_ENOUGH` are no reason to turn it, but are worth a note.
        """
        if not (_is_doubtful(found) or self._is_upside_down(found)):
            return page, found, []
        marks = turn.find_marks(found.ink.strength)
        if len(marks) < _SEVERAL:
            return page, found, []
        each = turn.evidence_of_turns(marks, self._answer)
        known = each.sum(0)
        ways = [(known[0] + _evidence(found), 0, page, found)]
        # Many marks say which way is up without a second reading. No page is read more than three
        # times.
        ways_read = 1 if len(marks) > _MANY or was_read_again else 2
        for quarters in np.argsort(-known)[:ways_read].tolist():
            if quarters:
                other_page = turned(page, 90 * quarters)
                other = self._read_upright(other_page)
                ways.append((known[quarters] + _evidence(other), quarters, other_page, other))
        (most, quarters, best_page, best), *others = sorted(ways, key=lambda way: -way[0])
        if not quarters or _evidence(best) <= _evidence(found):
            return page, found, []
        gain = most - others[0][0]
        # Zeros, ones, eights, and sixes for nines, look alike upside down.
        better = each[:, quarters] - each[:, others[0][1]]
        for_it, against = int((better > _CLEAR).sum()), int((better < -_CLEAR).sum())
        way = f"clockwise by {90 * quarters} degrees"
        count = sum(digit.digit is not None for digit in best.reading.digits)
        is_clear = for_it >= max(_FOR_IT, _MORE * against)
        if count >= _ENOUGH and is_clear and gain >= max(_LEAST_GAIN, _GAIN * len(marks)):
            return best_page, best, [f"it was turned {way}"]
        if count >= _SEVERAL and gain >= _GAIN * len(marks):
            note = f"it may have to be turned {way}: too few of its digits say so"
            return page, found, [note]
        return page, found, []

    def _is_upside_down(self, found: DetailedReading) -> bool:
        """Whether its digits are known as well, or better, if they are turned upside down."""
        written = np.flatnonzero(found.forms.any((1, 2)))
        if len(written) < _SEVERAL:
            return False
        places = np.linspace(0, len(written) - 1, min(len(written), _SAMPLE)).astype(int)
        chosen = written[places]
        upright = turn.evidence(found.probabilities[chosen].max(1))
        over = turn.evidence(self._answer(turn.upside_down(found.forms[chosen])).max(1))
        return bool(over.sum() > 0.9 * upright.sum())

    def _answer(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return onnx_session.probabilities(self._session, images)

    def _read_both(
        self, grey: NDArray[np.uint8], ink: Ink, size: tuple[int, int]
    ) -> DetailedReading:
        """Read whole lines, and also marks where that leaves a doubt."""
        scale = max(ink.strength.shape) / max(size)
        around = find_enclosures(ink.strength)
        ink = replace(ink, strength=around.strength, unsure=around.unsure)
        strips = find_strips(ink.strength, around.frames)
        spelled = combine.spell_strips(strips, self._line_session)
        marked = find_lines(ink.strength)
        by_marks: DetailedReading | None = None
        if is_single_mark(marked):
            by_marks = self._marks.read(grey, ink, size, marked)
            if self._is_single(by_marks.reading, spelled):
                return self._single(by_marks, spelled)
        confirmed = combine.confirmed(spelled, self._answer, self._judgement, alone=self._alone)
        read = [line for line in confirmed if line is not None]
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
            by_marks = by_marks or self._marks.read(grey, ink, size, marked)
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
            result.reading(lines, self._notation), size, grey, ink,
            np.concatenate([row.forms for row in rows]),
            np.concatenate([row.probabilities for row in rows]),
        )  # fmt: skip

    def _is_single(self, marks: Reading, spelled: Sequence[SpelledLine]) -> bool:
        """Whether the picture shows a single digit."""
        if len(marks.digits) != 1:
            return False
        known = [one.confidence for line in spelled for one in line.characters if one.text != " "]
        return len(known) < 2 or sorted(known)[-2] < self._judgement.other

    def _single(self, by_marks: DetailedReading, spelled: Sequence[SpelledLine]) -> DetailedReading:
        """Read a single digit by both networks' probabilities."""
        if by_marks.reading.digits[0].confidence < THRESHOLD:
            return by_marks  # the digit network has learned what is not a digit
        if len(spelled) != 1 or [one.text.isdigit() for one in spelled[0].characters] != [True]:
            return by_marks
        if self._alone is not None or by_marks.ink.unsure:
            return by_marks
        both = self._judgement.of_marks(by_marks.probabilities, spelled[0].as_digits)
        digits = self._marks.digits(both, [by_marks.reading.digits[0].box])
        return replace(
            by_marks, reading=result.reading([digits], self._notation), probabilities=both
        )

    def _joined(
        self, read: Sequence[ReadLine], by_marks: DetailedReading, scale: float
    ) -> list["Row"]:
        """Join both: marks vote on what is not sure, and lines that only they find stay."""
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
        # Strips may cut a sloping line in two, which marks find whole.
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
            or not any(i in b or line.holds(row.top, row.bottom)
                       for line, b in zip(read, beside, strict=True))
        ]  # fmt: skip
        for line, near in zip(read, beside, strict=True):
            if clear.isdisjoint(near):
                row = row_of(line, scale)
                if not line.is_sure and len(near) == 1:
                    row = self._voted(line, row, found[near[0]], ink, scale)
                kept.append(row if row.is_mostly_sure else row.unsure())
        return kept

    def _is_clear(self, row: "Row", read: Sequence[ReadLine], ink: NDArray[np.uint8]) -> bool:
        """Whether marks are better for a line: sure digits, far apart, and no other ink or sign.

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
        own: "Row",
        row: "Row",
        ink: NDArray[np.uint8],
        scale: float,
    ) -> "Row":
        """Let marks vote on a line, if both find digits alone, equally many, and no other ink.

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
        if self._alone is not None or not texts <= set("0123456789? "):
            return own
        found = sum(one.text != " " and not one.is_missed for one in line.characters)
        if not len(row.marks) == len(line.as_digits) == found:
            return own
        if not row.is_all_ink(ink, scale):  # such as a minus
            return own
        both = self._judgement.of_marks(row.probabilities, line.as_digits)
        boxes = [mark.box for mark in row.marks]
        voted = iter(self._marks.digits(both, boxes, self._judgement.sure))
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
        """Whether more than half of its marks are sure; a word has some that look like digits."""
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


def _without_frames(strength: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return 1 where there is ink that belongs to no frame.

    The whole picture tells a frame: in the rows of one line a 1 goes from edge to edge as a wall.
    """
    ink = strength > _INK
    return without_rules(ink.view(np.uint8), max(1.5, stroke_width(ink)), frames=True)


def _sure(found: DetailedReading) -> int:
    """Return how many marks are read, less how many are not."""
    text = found.reading.text
    return len(text.replace("\n", "").replace(" ", "")) - 2 * text.count("?")


def _evidence(found: DetailedReading) -> float:
    """Return how well the digits that were read are known."""
    sure = [digit.confidence for digit in found.reading.digits if digit.digit is not None]
    return float(turn.evidence(np.array(sure, np.float64)).sum())


def _has_small_writing(found: DetailedReading) -> bool:
    """Whether there are marks much smaller than the digits read, and outside their lines.

    They were left out, because the height of a page's tallest marks tells what is a digit. A single
    one may be dirt, and very many are a texture.
    """
    digits = found.reading.digits
    scale = max(found.ink.strength.shape) / max(found.size)
    boxes = scale * np.array([digit.box for digit in digits], np.float64).reshape(-1, 4)
    sure = [digit.digit is not None for digit in digits]
    usual = float(np.median(boxes[sure, 3])) if any(sure) else 0.0
    if _LITTLE * usual < _LEGIBLE:
        return False
    left, top, width, height = components(found.ink.strength > _INK).boxes.T
    is_small = (height >= _LEGIBLE) & (height < _LITTLE * usual) & (width < _LITTLE * usual)
    for line in {digit.line for digit in digits}:
        own = boxes[[digit.line == line for digit in digits]]
        low, high = own[:, :2].min(0) - usual / 2, (own[:, :2] + own[:, 2:]).max(0) + usual / 2
        is_small &= ~(
            (left + width > low[0]) & (left < high[0]) & (top + height > low[1]) & (top < high[1])
        )
    return _A_FEW <= int(np.count_nonzero(is_small)) <= _MANY


def _is_doubtful(found: DetailedReading) -> bool:
    """Whether much on a page with several marks is not read."""
    text = found.reading.text
    return text.count("?") > _DOUBT * len(text)


def _is_unclear(found: DetailedReading) -> bool:
    """Whether there is so much unclear or small writing that a table may be the reason."""
    several = found.reading.text.count("?") >= _SEVERAL
    return several or _is_doubtful(found) or _SMALL_WRITING in found.reading.notes


def _without_margin(found: DetailedReading, page: Page, margin: int) -> DetailedReading:
    """Take a margin of so many pixels away again: boxes are where they are on the page."""
    scale = max(found.ink.strength.shape) / max(found.size)
    cut = round(margin * scale)
    rows, columns = page.size
    down, across = (slice(cut, cut + round(side * scale)) for side in page.size)
    strength = found.ink.strength[down, across]
    unsure = tuple((x - cut, y - cut, width, height) for x, y, width, height in found.ink.unsure)

    def moved(box: Box) -> Box:
        x, y, width, height = box
        right, bottom = min(columns, x + width - margin), min(rows, y + height - margin)
        left, top = max(0, x - margin), max(0, y - margin)
        return left, top, max(1, right - left), max(1, bottom - top)

    reading = replace(
        found.reading,
        digits=tuple(replace(one, box=moved(one.box)) for one in found.reading.digits),
        numbers=tuple(replace(one, box=moved(one.box)) for one in found.reading.numbers),
    )
    ink = replace(found.ink, strength=np.ascontiguousarray(strength), unsure=unsure)
    return replace(found, reading=reading, size=page.size, grey=page.grey, ink=ink)


def _placed(found: DetailedReading, page: Page, notes: Sequence[str]) -> DetailedReading:
    """Say where the page and all that was read on it lie in the picture."""
    reading, corners = found.reading, None
    if page.to_picture is not None:
        if page.corners is not None:
            corners = _quad(page.corners)
        reading = replace(
            reading,
            digits=tuple(replace(one, quad=_quad(page.quad(one.box))) for one in reading.digits),
            numbers=tuple(replace(one, quad=_quad(page.quad(one.box))) for one in reading.numbers),
        )
    reading = replace(reading, turned=page.turned, corners=corners, notes=tuple(notes))
    return replace(found, reading=reading)


def _quad(points: NDArray[np.float64]) -> result.Quad:
    return tuple((x, y) for x, y in points.round(1).tolist())


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
        others = (1 - one.confidence) / max(1 - own, 1e-9)  # they share what is left
        answer = np.where(np.arange(10) == guess, one.confidence, others * answer)
        ranked = np.argsort(-answer, kind="stable")[:CANDIDATES].tolist()
        candidates = tuple(Candidate(other, float(answer[other])) for other in ranked)
        digit = guess if one.is_sure and guess >= 0 else None
        marks.append(Digit(digit, candidates[0].confidence, box, 0, candidates))
    return Row(line.top, line.bottom, marks, line.forms[shown], line.probabilities[shown])


def _check(images: NDArray[np.generic]) -> None:
    what = f"an array of {images.dtype}, shape {images.shape}"
    if images.dtype.kind == "f" and images.size and images.max() <= 1:
        raise DataError(
            f"{what}, with no value above 1",
            expected="uint8, 0 to 255",
            remedy="give the 0–255 image; the network divides by itself",
        )
    if images.dtype != np.uint8 or images.ndim != 3 or not images.size:
        raise DataError(what, expected="uint8 of 3 axes", remedy="give grey values from 0 to 255")
