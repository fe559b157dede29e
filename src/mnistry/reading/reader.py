"""From a picture to the digits, signs and numbers written in it.

A `Reader` loads its networks once. It finds a picture's ink and reads each written line as a whole.
Where that is not certain, it reads the line's marks too, each by itself, and joins both results.
Knows nothing of training, and never imports Keras.
"""

import importlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mnistry.errors import DataError, ModelError, UsageError
from mnistry.images import sources
from mnistry.images.mnist_form import SIDE, Box
from mnistry.images.page_tasks import LINES_SIDE, TABLES_SIDE
from mnistry.images.sources import Source
from mnistry.inference import line_session, onnx_session, run_directory
from mnistry.reading import built_in, result, turn
from mnistry.reading.built_in import built_in_judgement, thresholds_of
from mnistry.reading.components import components
from mnistry.reading.ink import find_ink
from mnistry.reading.ink_reader import INK, InkReader, Networks
from mnistry.reading.line_reader import CHARACTERS
from mnistry.reading.margin import with_margin
from mnistry.reading.mark_reader import MarkReader
from mnistry.reading.page import MOST_SHEETS, Page, flattened, levelled, turned
from mnistry.reading.result import (
    DetailedReading,
    Notation,
    Reading,
    Table,
)  # fmt: skip

_DIGITS = tuple("0123456789")
_SMALL_WRITING = (
    "marks much smaller than the digits were left out; if they are digits, cut them out and read "
    "them by themselves"
)
_NO_DIGIT = "what stands out is lines, specks, or cut off by the edge"
# A page is turned by quarter turns only if `_ENOUGH` digits can then be read; from `_SEVERAL`
# digits on, a note says that it may have to be turned.
_ENOUGH, _SEVERAL = 8, 4
# The turned page must have more evidence (see `turn.evidence`): by `_LEAST_GAIN` in all, and by
# `_GAIN` for each mark.
_LEAST_GAIN, _GAIN = 5.0, 0.3
# A mark speaks clearly for one direction if its evidence there is greater by `_CLEAR`. A page is
# turned if at least `_FOR_IT` marks speak for it, and `_MORE` times as many as against it.
_CLEAR, _FOR_IT, _MORE = 1.0, 3, 2
# A page with more marks than this is read in one other direction at most, else in two. More small
# marks than this are a texture.
_MANY = 64
# Marks less high than `_LITTLE` of the digits' height are left out. A note says so if at least
# `_A_FEW` of them are at least `_LEGIBLE` pixels high.
_LITTLE, _LEGIBLE, _A_FEW = 0.4, 9, 2
# So many digits are read upside down too, to see whether the network knows them better that way.
_SAMPLE = 24
# A page is doubtful, and may be read again, if more than this part of its text is ``?``.
_DOUBT = 0.25


class Reader:
    """Reads digits, signs and numbers from pictures. Threads may share it.

    Parameters
    ----------
    model
        A run directory, or an ``.onnx`` file of the contract in `mnistry.inference.onnx_session`,
        or its content; None takes the built-in network.
    threshold
        0 to 1. A digit whose best candidate is less probable than this is None. By default the
        built-in network has the two thresholds of its card, the stricter one for a picture of
        28x28 pixels that is not in MNIST's form, because it may show anything. A taught network
        has those of the network that it began with. Any other network has 0.5: only one candidate
        can be more probable than that.
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
    networks
        Its networks. The cells of tables and the fields of forms are read with these directly.
    notation
        How numbers are written.

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
        session = onnx_session.open_session(
            built_in.SHIPPED if model is None else model, threads=threads
        )
        count = onnx_session.classes(session)
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
        lines = line_session.open_session(built_in.LINES, 1 + len(CHARACTERS), threads=threads)
        judgement = built_in_judgement()
        if threshold is not None:
            judgement = replace(judgement, sure=threshold)
        # The judgement was measured with the built-in networks. Another digit network decides alone
        # which digit a character is.
        self.networks = Networks(session, lines, judgement, None if model is None else least[0])
        self.notation = Notation(decimal_comma, thousands)
        self._marks = MarkReader(session, *least, self.notation)
        self._ink = InkReader(self.networks, self._marks, self.notation)

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
        is_blank = not (found.ink.strength > INK).any()
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
        # The margin in pixels of `page.size`, of which `page.grey` may be a reduced copy.
        around = round(margin * max(page.size) / max(page.grey.shape))
        rows, columns = page.size
        found = self._ink.read(grey, find_ink(grey), (rows + 2 * around, columns + 2 * around))
        found = self._ink.as_one_digit(found) or found
        return _without_margin(found, page, around) if margin else found

    def _levelled(self, page: Page, found: DetailedReading) -> tuple[Page, DetailedReading, bool]:
        """Read a page again if its lines slope, and keep the better reading.

        Returns the page, its reading, and whether the page was read a second time.
        """
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
        each = turn.evidence_of_turns(marks, self.networks.answer)
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
        # Upside down, 0, 1 and 8 look the same, and a 6 is a 9: only marks that differ clearly
        # are counted.
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
        """Whether the network knows its digits nearly as well upside down, or better."""
        written = np.flatnonzero(found.forms.any((1, 2)))
        if len(written) < _SEVERAL:
            return False
        places = np.linspace(0, len(written) - 1, min(len(written), _SAMPLE)).astype(int)
        chosen = written[places]
        upright = turn.evidence(found.probabilities[chosen].max(1))
        over = turn.evidence(self.networks.answer(turn.upside_down(found.forms[chosen])).max(1))
        return bool(over.sum() > 0.9 * upright.sum())


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

    Such marks were left out, because a digit is told by the height of a page's tallest marks. A
    single small mark may be dirt, and very many are a texture.
    """
    digits = found.reading.digits
    scale = max(found.ink.strength.shape) / max(found.size)
    boxes = scale * np.array([digit.box for digit in digits], np.float64).reshape(-1, 4)
    sure = [digit.digit is not None for digit in digits]
    usual = float(np.median(boxes[sure, 3])) if any(sure) else 0.0
    if _LITTLE * usual < _LEGIBLE:
        return False
    left, top, width, height = components(found.ink.strength > INK).boxes.T
    is_small = (height >= _LEGIBLE) & (height < _LITTLE * usual) & (width < _LITTLE * usual)
    for line in {digit.line for digit in digits}:
        own = boxes[[digit.line == line for digit in digits]]
        low, high = own[:, :2].min(0) - usual / 2, (own[:, :2] + own[:, 2:]).max(0) + usual / 2
        is_small &= ~(
            (left + width > low[0]) & (left < high[0]) & (top + height > low[1]) & (top < high[1])
        )
    return _A_FEW <= int(np.count_nonzero(is_small)) <= _MANY


def _is_doubtful(found: DetailedReading) -> bool:
    """Whether much of what stands on a page was not read."""
    text = found.reading.text
    return text.count("?") > _DOUBT * len(text)


def _is_unclear(found: DetailedReading) -> bool:
    """Whether there is so much unclear or small writing that a table may be the reason."""
    several = found.reading.text.count("?") >= _SEVERAL
    return several or _is_doubtful(found) or _SMALL_WRITING in found.reading.notes


def _without_margin(found: DetailedReading, page: Page, margin: int) -> DetailedReading:
    """Take a margin, in pixels of the page's size, away again: boxes are as on the page itself."""
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
