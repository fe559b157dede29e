"""Read the pages of a form: find out which page a scan shows, and what its fields say."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.forms import alignment, answers, characters, layout, outside, printing, rules
from mnistry.forms.alignment import Alignment, Blank
from mnistry.forms.altered import AlteredDigits
from mnistry.forms.answers import Answer
from mnistry.forms.characters import Cells
from mnistry.forms.code import Code
from mnistry.forms.code import parse as parse_code
from mnistry.forms.definition import Box, Form
from mnistry.forms.ink import FieldInk, Print, field_ink, print_in
from mnistry.forms.layout import PageLayout, Place
from mnistry.forms.outside import Line
from mnistry.forms.placement import Placement
from mnistry.forms.records import BLANK
from mnistry.forms.rules import Key
from mnistry.images import decode
from mnistry.reading.reader import Reader

# The longer side of a blank page is rendered with at least this many pixels.
_BLANK_SIDE = 3600
# Pixels for each millimetre of the straightened page that is kept.
KEPT_SCALE = 8
# On a page with at least `_SEVERAL` inked fields, ink below the share `_FAINT` of their median
# strength may show through from the other side.
_SEVERAL, _FAINT = 3, 0.35
# A scan is in black and white if more than the share `_BILEVEL` of its pixels is nearly black or
# white: less than `_NEARLY` grey levels away.
_BILEVEL, _NEARLY = 0.97, 16
_BLANK_SHARE = 0.0002  # a page is blank if a smaller share of its pixels is dark
_BLANK_DARK = 25  # a pixel is dark if it is darker than the paper round it by more grey levels
_BLANK_EVEN = 0.7  # or if it is darker than this share of the page's median
_BLANK_EDGE = 0.05  # this share of the shorter side is not looked at, at each edge
_BLANK_SEEN = 1200  # the page is first reduced to so many pixels along its longer side
_BLANK_LEAST = 200  # pixels: a scan with a shorter side than this is never called blank
# Why a scan with two pages is set aside.
SECOND = "several pages are on one scan: scan each alone"
_ALONE = 0.6  # a page that covers more than this share of a scan leaves no room for a second one
# Ink nearer to a field than this, in millimetres, may belong to it.
_BELONGS = 7.0
# A box for text is empty if the share of its unprinted pixels that have ink is less than this.
_LEAST_TEXT = 0.002
_QUIET = 2.5  # millimetres of white round a code that are cut out with it
_CODE_SCALES = (8, 12)  # pixels for each millimetre at which a code is read: one, then the other
_CODE_SIDE = 2400  # pixels: long side of the reduced scan in which a code may lie anywhere
# Cells across and down of the pattern by which two scans of the same sheet are recognised.
_PATTERN = 24, 6
# Why fields are to be checked on a page that was placed by hand alone.
NOT_FOUND = "its page was placed by hand, and what is printed was not found there"

Grey = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class PageReading:
    """What was read on a page.

    Attributes
    ----------
    page
        The form's page, from 1; None if it could not be placed, then `problem` says why.
    serial
        The sheet's number, if it is printed on it.
    turned
        Degrees clockwise by which the scan must be turned to be upright.
    answers
        What the fields on this page say.
    problems
        What a person should know about the page as a whole.
    problem
        Why it could not be placed.
    picture
        The page, straightened: ``uint8``, `KEPT_SCALE` pixels for each millimetre.
    pattern
        How much ink there is in each part of each field, by which two scans of the same sheet are
        recognised: ``uint8``, shape ``(boxes, 6, 24)``.
    lines
        For each long line that is not printed: whether it runs down the scan, and how far across
        the scan it lies, 0 to 1.
    paper
        `mnistry.forms.definition.Form.paper` of the form that it was read by.
    other_version
        Its version, if it could not be placed because it is of another version of the form.
    """

    page: int | None = None
    serial: int | None = None
    turned: int = 0
    answers: dict[Key, Answer] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    problem: str | None = None
    picture: Grey | None = field(default=None, repr=False)
    pattern: NDArray[np.uint8] | None = field(default=None, repr=False)
    lines: tuple[tuple[bool, float], ...] = ()
    paper: str | None = None
    other_version: str | None = None


class FormReader:
    """Reads the pages of one form. Threads must not share it.

    Parameters
    ----------
    form
        The form.
    reader
        Provides the networks.
    older
        Other versions of it, by their `Form.version`, whose pages are read too: as they were
        printed, with the fields that they have.
    """

    def __init__(self, form: Form, reader: Reader, older: Mapping[str, Form] | None = None) -> None:
        self.form = form
        self._reader, self._older = reader, dict(older or {})
        self._others: dict[str, FormReader] = {}
        self.layout = layout.place(form)
        self._networks = reader.networks
        self._altered = AlteredDigits()

    @property
    def places(self) -> dict[Key, Place]:
        """Where each field is."""
        return {key_of(place): place for page in self.layout.pages for place in page.places}

    @functools.cached_property
    def blanks(self) -> list[Blank]:
        """The form's blank pages."""
        return [
            alignment.prepare(grey, *self._size, holes=[box.edges for box in _differing(page)])
            for page, grey in zip(self.layout.pages, self._drawn(), strict=True)
        ]

    @functools.cached_property
    def _prints(self) -> list[list[list[Print]]]:
        """What is printed in each box of each place of each page."""
        return [
            [[print_in(blank, box.edges) for box in _boxes(place)] for place in page.places]
            for page, blank in zip(self.layout.pages, self.blanks, strict=True)
        ]

    @functools.cached_property
    def _unprinted(self) -> list[NDArray[np.bool_]]:
        """Where each blank page has no print near."""
        return [outside.unprinted(blank) for blank in self.blanks]

    def _drawn(self) -> list[Grey]:
        template = self.form.template
        if template is None:
            content = printing.print_form(self.form, self.layout)
            opened = decode.open_content(content, str(self.form.path))
        else:
            opened = decode.open_file(template)
        with opened as document:
            return [
                document.page(number, _BLANK_SIDE, luma=True).grey
                for number in range(1, len(self.layout.pages) + 1)
            ]

    def read(self, grey: Grey) -> PageReading:
        """Read a scanned or photographed page.

        Parameters
        ----------
        grey
            ``uint8``, shape ``(height, width)``, 0 for black to 255 for white; turned in any way.

        Returns
        -------
        PageReading
            What was read; with a `problem` and nothing else if the page could not be placed.
        """
        found = self._read(grey)
        if found.problem is not None and np.median(grey) < 128:  # perhaps a negative
            negative = np.asarray(255 - grey, np.uint8)
            again = self._read(negative)
            if again.page is not None or again.other_version is not None:
                grey, found = negative, again
        other = self._other(found.other_version)
        return found if other is None else other.read(grey)

    def _other(self, version: str | None) -> "FormReader | None":
        """Return the reader of another version; None if it is not known."""
        if version is None or version not in self._older:
            return None
        if version not in self._others:
            self._others[version] = FormReader(self._older[version], self._reader)
        return self._others[version]

    def _read(self, grey: Grey) -> PageReading:
        rough, code = self._by_markers(grey), None
        if rough is not None:
            code = self._code(grey, rough[1], self.layout.pages[rough[0]])
            foreign = self._foreign(code)
            if foreign is not None:
                return foreign
            if code is not None:  # pages 1 and 13 have the same markers: the code tells them apart
                rough = code.page - 1, rough[1]
        index, where = self._refined(grey, rough)
        if where is None:
            return self._unknown(grey)
        page, blank = self.layout.pages[index], self.blanks[index]
        problems = []
        serial = None
        if page.codes:
            if code is None:
                code = self._code(grey, where, page)
                foreign = self._foreign(code)
                if foreign is not None:
                    return foreign
            if code is None:
                problems.append("its code cannot be read: it was placed by what is printed on it")
            elif code.page != page.number:
                return PageReading(
                    problem=f"its code says page {code.page}, but it looks like another"
                )
            else:
                serial = code.serial or None
        if self._has_another(grey, where):
            return PageReading(problem=SECOND)
        return replace(self._fields(grey, page, blank, where, problems), serial=serial)

    def _has_another(self, grey: Grey, where: Alignment) -> bool:
        """Whether there is another page of the form on a scan, beside one that was found."""
        width, height = self._size
        corners = where.pixels(np.array([[0, 0], [width, 0], [width, height], [0, height]]))
        outline = np.rint(corners).astype(np.int32)
        if cv2.contourArea(outline) > _ALONE * grey.size:
            return False
        rest = grey.copy()
        cv2.fillConvexPoly(rest, outline, 255)
        return self._refined(rest, self._by_markers(rest))[1] is not None

    def read_placed(self, grey: Grey, placement: Placement) -> PageReading:
        """Read a page that a person placed.

        If what is printed is not found near the points that the person gave, the fields are read
        where these points place them. That is only roughly right, so all are to be checked.

        Parameters
        ----------
        grey
            As for `read`.
        placement
            Which page it is, and where.

        Returns
        -------
        PageReading
            What was read; with a `problem` and nothing else if the person says that it is no page
            of the form, or if what they say cannot be.
        """
        if placement.page is None:
            return PageReading(problem=placement.foreign)
        other = self._other(placement.paper)
        if other is not None:
            return other.read_placed(grey, placement)
        if placement.paper != self.form.paper:
            return PageReading(problem=f"{placement.by_hand} for another version of FORM.toml")
        page, blank = self.layout.pages[placement.page - 1], self.blanks[placement.page - 1]
        rough = placement.rough(grey.shape, self.layout)
        if rough is None:
            return PageReading(problem="these four points cannot lie so on a flat page")
        where = alignment.refine(grey, blank, rough, alignment.BY_HAND)
        code = self._code(grey, where or rough, page)
        foreign = self._foreign(code)
        if foreign is not None:
            return foreign
        if code is not None:
            said = Code(code.form, code.version, placement.page, placement.serial or code.serial)
            if code != said:
                return PageReading(problem=f"its code says page {code.page}, serial {code.serial}")
        found = self._fields(
            grey, page, blank, where or rough, [f"page {page.number} was {placement.by_hand}"]
        )
        if where is None:
            found = replace(
                found,
                answers={at: one.doubted(NOT_FOUND) for at, one in found.answers.items()},
                pattern=None,
            )
        serial = placement.serial if code is None else code.serial or None
        return replace(found, serial=serial)

    def ink_in(self, kept: Grey, page: int, place: Place) -> FieldInk:
        """Return the ink written in a place of a page whose straightened picture was kept.

        Parameters
        ----------
        kept
            The picture: `PageReading.picture`.
        page
            The page's number, from 1.
        place
            One of the page's places.
        """
        number = self.layout.pages[page - 1].places.index(place)
        where = alignment.flat(kept, *self._size)
        return field_ink(kept, where, self._prints[page - 1][number][0])

    def digits_in(self, ink: FieldInk, place: Place) -> list[Grey | None]:
        """Return a place's characters in MNIST's form: ``uint8``, shape ``(28, 28)``.

        None stands for a character that shares its ink with another. The list is empty if the
        characters cannot be told apart.
        """
        if not _is_comb(place):
            return list(characters.forms_of_free(ink, self._networks))
        return list(characters.forms_of_comb(_cells(place, ink)))

    def _by_markers(self, grey: Grey) -> tuple[int, Alignment] | None:
        """Find a page by its markers: its index, and where it lies, roughly."""
        if not any(page.markers for page in self.layout.pages):
            return None
        found = alignment.find_markers(grey)
        best: tuple[int, int, Alignment] | None = None
        for index, page in enumerate(self.layout.pages):
            wanted = {marker.id: marker.box.edges for marker in page.markers}
            where = alignment.by_markers(found, wanted, self._size)
            count = len(found.keys() & wanted.keys())
            if where is not None and (best is None or count > best[0]):
                best = count, index, where
        return None if best is None else best[1:]

    def _refined(
        self, grey: Grey, rough: tuple[int, Alignment] | None
    ) -> tuple[int, Alignment | None]:
        """Improve an alignment by what is printed; if there is none, find the page by its print."""
        if rough is not None and rough[0] < len(self.blanks):
            where = alignment.refine(grey, self.blanks[rough[0]], rough[1])
            if where is None and _is_bilevel(grey):  # light print is lost, and a scan is flat
                where = rough[1]
            if where is not None:
                return rough[0], where
        return alignment.align(grey, self.blanks) or (0, None)

    def _code(self, grey: Grey, where: Alignment, page: PageLayout) -> Code | None:
        """Read the code of a page, at one of its two places."""
        for box in page.codes:
            wide = box.x - _QUIET, box.y - _QUIET, box.width + 2 * _QUIET, box.height + 2 * _QUIET
            for scale in _CODE_SCALES:
                seen = alignment.cut(grey, where, wide, scale)
                text = cv2.QRCodeDetector().detectAndDecode(seen)[0]
                code = parse_code(text)
                if code is not None:
                    return code
        return None

    def _foreign(self, code: Code | None) -> PageReading | None:
        """Return why a page with this code is not one of this form; None if it is."""
        if code is None:
            return None
        if code.form != self.form.identity:
            return PageReading(problem="a page of another form")
        if code.version != self.form.version:
            return PageReading(
                problem=f"a page of version {code.version}, but FORM.toml is version "
                f"{self.form.version}: mnistry form read --also OLD.toml reads both",
                other_version=code.version,
            )
        if not 1 <= code.page <= len(self.layout.pages):
            return PageReading(
                problem=f"its code says page {code.page}, and the form has {len(self.layout.pages)}"
            )
        return None

    def _unknown(self, grey: Grey) -> PageReading:
        """Say why a page was not recognised: perhaps its code is another form's."""
        if _is_blank(grey):
            return PageReading(problem=BLANK)
        factor = min(1.0, _CODE_SIDE / max(grey.shape))
        small = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        _, texts, *_ = cv2.QRCodeDetector().detectAndDecodeMulti(small)
        for text in texts:
            foreign = self._foreign(parse_code(text))
            if foreign is not None:
                return foreign
        if self._has_two(grey):
            return PageReading(problem=SECOND)
        return PageReading(problem="it is not a page of this form, or too little of it is seen")

    def _has_two(self, grey: Grey) -> bool:
        """Whether each half of a scan has the markers of a page."""
        middle = max(grey.shape) // 2
        upright = grey if grey.shape[0] > grey.shape[1] else np.rot90(grey)
        wanted = {marker.id for page in self.layout.pages for marker in page.markers}
        halves = (upright[:middle], upright[middle:])
        return all(
            len(wanted & alignment.find_markers(np.ascontiguousarray(half)).keys()) > 2
            for half in halves
        )

    @property
    def _size(self) -> tuple[float, float]:
        return self.layout.width, self.layout.height

    def _fields(
        self, grey: Grey, page: PageLayout, blank: Blank, where: Alignment, problems: list[str]
    ) -> PageReading:
        """Read the fields of a page that has been found."""
        inks = [
            [field_ink(grey, where, there) for there in several]
            for several in self._prints[page.number - 1]
        ]
        combs = {
            number: _cells(place, ink[0])
            for number, (place, ink) in enumerate(zip(page.places, inks, strict=True))
            if _is_comb(place)
        }
        read = dict(
            zip(
                combs,
                characters.read_combs(list(combs.values()), self._networks, self._altered),
                strict=True,
            )
        )
        found: dict[Key, Answer] = {}
        for number, (place, ink) in enumerate(zip(page.places, inks, strict=True)):
            answer = self._answer(place, ink, read.get(number))
            box = around(place.boxes)
            found[key_of(place)] = replace(answer, box=box.edges, page=page.number)
        _doubt_faint(page, inks, found)
        kept = alignment.cut(grey, where, (0, 0, blank.width, blank.height), KEPT_SCALE)
        seen = outside.page_ink(kept, self._unprinted[page.number - 1])
        lines = outside.lines(seen)
        problems += self._doubt_beside(seen, lines, page, found)
        problems += _doubt_struck(lines, page, found)
        return PageReading(
            page=page.number,
            turned=where.turned,
            answers=found,
            problems=tuple(problems),
            picture=kept,
            pattern=_pattern(inks),
            lines=tuple(_in_scan(line, where, grey) for line in lines),
            paper=self.form.paper,
        )

    def _answer(
        self, place: Place, inks: Sequence[FieldInk], read: characters.Characters | None
    ) -> Answer:
        entry = place.field
        if entry.type in ("tick", "choice"):
            ticks = [answers.of_tick(_share(ink)) for ink in inks]
            return ticks[0] if entry.type == "tick" else answers.of_choice(entry, ticks)
        if entry.type == "text":
            is_empty = _share(inks[0]) < _LEAST_TEXT
            if is_empty and entry.required:
                return Answer("", None, 1.0, answers.CHECK, "empty, and required")
            return Answer("", None, 1.0, answers.EMPTY if is_empty else answers.OK)
        if read is not None:
            return answers.of_characters(entry, read, is_comb=True)
        found = characters.read_free(
            inks[0], self._networks, self._altered, decimals=entry.type == "decimal"
        )
        return answers.of_characters(entry, found, is_comb=False)

    def _doubt_beside(
        self,
        ink: outside.PageInk,
        lines: Sequence[Line],
        page: PageLayout,
        found: dict[Key, Answer],
    ) -> list[str]:
        """Mark fields as to be checked if there is ink beside them; return a problem for other ink.

        Ink belongs to the nearest field if that is less than `_BELONGS` away. On a template ink
        belongs to no field: boxes that are printed there may be no fields. Changes `found`.
        """
        areas = [around(place.boxes) for place in page.places]
        marks = outside.marks(ink, areas, _unlike(page), lines)
        stray = []
        for x, y in marks:
            place = min(page.places, key=lambda p: _away(around(p.boxes), x, y), default=None)
            is_near = place is not None and _away(around(place.boxes), x, y) < _BELONGS
            if place is not None and is_near and self.form.template is None:
                found[key_of(place)] = found[key_of(place)].doubted("there is ink beside it")
            else:
                stray.append((x, y))
        if not stray:
            return []
        x, y = stray[0]
        where = f"{x:.0f} mm from the left and {y:.0f} mm from the top"
        return [f"page {page.number}: ink in no field, such as {where}"]


def _doubt_faint(
    page: PageLayout, inks: Sequence[Sequence[FieldInk]], found: dict[Key, Answer]
) -> None:
    """Mark fields as to be checked if their ink is much fainter than the others'; changes `found`.

    Such ink may show through from the other side of the sheet.
    """
    levels = [
        (key_of(place), ink[0].level)
        for place, ink in zip(page.places, inks, strict=True)
        if place.field.is_read and ink[0].level
    ]
    if len(levels) < _SEVERAL:
        return
    usual = float(np.median([level for _, level in levels]))
    for key, level in levels:
        if level < _FAINT * usual and found[key].status != answers.EMPTY:
            found[key] = found[key].doubted("its ink is much fainter than that of other fields")


def _is_blank(grey: Grey) -> bool:
    """Whether a page is light and has nothing on it, but perhaps at its edges."""
    height, width = grey.shape
    if min(height, width) < _BLANK_LEAST:
        return False
    factor = min(1.0, _BLANK_SEEN / max(height, width))
    small = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    edge = round(_BLANK_EDGE * min(small.shape))
    inner = small[edge:-edge, edge:-edge]
    paper = cv2.morphologyEx(inner, cv2.MORPH_CLOSE, np.ones((25, 25), np.uint8))
    middle = np.median(inner)
    # Closing hides areas that are larger than its window.
    dark = (cv2.subtract(paper, inner) > _BLANK_DARK) | (inner < _BLANK_EVEN * middle)
    return bool(middle >= 128 and dark.mean() < _BLANK_SHARE)


def _is_bilevel(grey: Grey) -> bool:
    """Whether a scan is in black and white only, perhaps reduced afterwards."""
    return bool(((grey < _NEARLY) | (grey > 255 - _NEARLY)).mean() > _BILEVEL)


def _doubt_struck(lines: Sequence[Line], page: PageLayout, found: dict[Key, Answer]) -> list[str]:
    """Mark fields as to be checked if a line runs through them; return it as a problem.

    Changes `found`.
    """
    touched = 0
    for place in page.places:
        if any(line.touches(around(place.boxes)) for line in lines):
            answer = found[key_of(place)].doubted("a line runs through it")
            found[key_of(place)] = replace(answer, is_contested=True)
            touched += 1
    if not touched:
        return []
    return [f"page {page.number}: a line through {touched} fields: a fold, or dirt on the scanner"]


def _in_scan(line: Line, where: Alignment, grey: Grey) -> tuple[bool, float]:
    """Return whether a line runs down a scan, and how far across it lies, 0 to 1."""
    (left, top), (right, bottom) = where.pixels(np.array([line.start, line.stop]))
    if abs(right - left) < abs(bottom - top):
        return True, float((left + right) / 2 / grey.shape[1])
    return False, float((top + bottom) / 2 / grey.shape[0])


def _unlike(page: PageLayout) -> list[Box]:
    """Return where a page may differ from its blank, though nobody wrote there."""
    return [*_differing(page), *(marker.box for marker in page.markers)]


def _differing(page: PageLayout) -> list[Box]:
    """Return where something else is printed on each copy of a page."""
    return [*page.codes, *(box for box in (page.name, page.footer) if box is not None)]


def key_of(place: Place) -> Key:
    """Return the key of a place's field."""
    if place.table is None or place.row is None:
        return rules.key(place.field.name)
    return place.table, place.row, place.field.name


def _is_comb(place: Place) -> bool:
    return place.field.is_read and (len(place.boxes) > 1 or place.field.cells > 0)


def around(boxes: Sequence[Box]) -> Box:
    """Return the smallest box that contains the given ones."""
    x, y = min(box.x for box in boxes), min(box.y for box in boxes)
    right, bottom = max(box.right for box in boxes), max(box.bottom for box in boxes)
    return Box(x, y, right - x, bottom - y)


def _away(box: Box, x: float, y: float) -> float:
    """Return how far a point lies from a box, in millimetres."""
    across, down = max(box.x - x, x - box.right, 0), max(box.y - y, y - box.bottom, 0)
    return float(np.hypot(across, down))


def _boxes(place: Place) -> Sequence[Box]:
    """Return the boxes that are read separately: one for each option, or the whole field."""
    return place.boxes if place.field.type == "choice" else (around(place.boxes),)


def _cells(place: Place, ink: FieldInk) -> Cells:
    left = around(place.boxes).x
    return Cells(ink, tuple((box.x - left, box.right - left) for box in place.boxes))


def _share(ink: FieldInk) -> float:
    """Return the share of a box's unprinted pixels that have ink."""
    inside = ink.inside()
    free = ~ink.printed[inside]
    marks = (ink.strength[inside] > characters.MARK) & free
    return float(marks.sum() / max(free.sum(), 1))


def _pattern(inks: Sequence[Sequence[FieldInk]]) -> NDArray[np.uint8]:
    """Return how much ink there is in each part of each field, 0 to 255."""
    parts = [
        cv2.resize(
            np.ascontiguousarray(ink.strength[ink.inside()]), _PATTERN, interpolation=cv2.INTER_AREA
        )
        for several in inks
        for ink in several
    ]  # fmt: skip
    whole = np.stack(parts) if parts else np.zeros((0, *_PATTERN), np.float32)
    return np.asarray(np.rint(255 * np.clip(whole, 0, 1)), np.uint8)
