"""Where the boxes of a form lie on paper, in millimetres.

Printing draws this layout and reading uses it: positions come from nowhere else. They depend on
FORM.toml, not on fonts: widths of texts are estimated, and texts are printed to fit.
"""

import dataclasses
import itertools
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

from mnistry.errors import DataError
from mnistry.forms.definition import POINT, Box, Field, Form, Table
from mnistry.forms.keys import MAX_PAGES

# All lengths are in millimetres.
MARKER = 10.0  # the side of a square marker, of OpenCV's DICT_4X4_50, in a corner of a printed page
EDGE = 10.0  # the distance of markers and codes from the paper's edges
MODULES = 25  # on a side of a QR code of version 2; it needs a white margin of four more
CODE = 0.65 * MODULES  # the side of a code
_GAP_TO_CODE = 3.0
_MARGIN = 12.0  # at the left and the right of fields and tables
_TOP = EDGE + CODE + 4.0  # where the fields begin; they end as far from the lower edge
_GAP = 1.0  # between two boxes of a comb
_MARK_GAP = 3.5  # between two boxes with a decimal point or a separator printed between them
_ROW_GAP = 3.5  # between rows of fields, and below a table
_FIELD_GAP = 6.0  # between fields side by side
_LINE_GAP = 2.5  # between rows of a table, and of a choice's options
_TICK = 5.0  # the side of a box for a tick, or for an option of a choice
_OPTION_GAP = 4.0  # between options side by side
_NUMBER_WIDTH = 8.0  # of a row's number
_COLUMN_GAP = 4.0
_TEXT_WIDTH = 40.0  # of a text without a length, in a table
_TITLE_LINES = 2  # at most
_HEADING_LINES = 3  # a column is wide enough for its heading in about so many lines
_EXAMPLES = "147"  # the digits that are shown as examples at the top right
_EXAMPLE = (6.0, 8.0)  # width and height of their boxes
_SETS = 12  # sets of four markers that DICT_4X4_50 has


@dataclass(frozen=True)
class Style:
    """How a text is printed: its size in points, and the height of a line in millimetres."""

    size: float
    line: float


TITLE = Style(14, 5.8)
HEADING = Style(10.5, 5.0)
LABEL = Style(8.5, 4.0)
HINT = Style(6.5, 3.0)
MARK = Style(13, 8.0)  # a point or a separator between boxes


@dataclass(frozen=True)
class Marker:
    """A square marker: its number in DICT_4X4_50, and its black square, without the white around.

    The corners of page 1 have 0 to 3, clockwise from the top left one, those of page 2 have 4 to 7,
    and so on; page 13 begins again with 0.
    """

    id: int
    box: Box


@dataclass(frozen=True)
class Place:
    """Where a field is on its page.

    Attributes
    ----------
    field
        The field, or the column of a table.
    table, row
        The table's name and the row from 0; None for a field outside of tables.
    boxes
        One for each character of a comb, or for each option of a choice; otherwise one.
    point_after
        How many boxes are before the printed decimal point; None if there is none.
    """

    field: Field
    table: str | None
    row: int | None
    boxes: tuple[Box, ...]
    point_after: int | None = None


@dataclass(frozen=True)
class Text:
    """A printed line of text: it fills its box's height, and is narrowed to its width."""

    text: str
    box: Box
    style: Style = LABEL
    align: str = "left"


@dataclass(frozen=True)
class PageLayout:
    """A page.

    Attributes
    ----------
    number
        From 1.
    markers
        Top left, top right, bottom right, bottom left; none on a template.
    codes
        Where the code is printed, twice; none on a template.
    places
        The fields, in the form's order.
    texts
        The printed texts that are the same on every copy.
    examples
        Boxes with examples of how to write a digit.
    name, footer
        Where a copy's name, and its version, page and number are printed; None on a template.
    """

    number: int
    markers: tuple[Marker, ...] = ()
    codes: tuple[Box, ...] = ()
    places: tuple[Place, ...] = ()
    texts: tuple[Text, ...] = ()
    examples: tuple[tuple[str, Box], ...] = ()
    name: Box | None = None
    footer: Box | None = None


@dataclass(frozen=True)
class Layout:
    """The pages of a form, all of one width and height in millimetres."""

    width: float
    height: float
    pages: tuple[PageLayout, ...]


def place(form: Form) -> Layout:
    """Return where a form's boxes and texts lie.

    The fields of a form that is printed follow each other from left to right and from top to
    bottom, then its tables; what has no room begins another page.

    Raises
    ------
    DataError
        If a field or a table is wider or higher than the page, or there are too many pages.
    """
    if form.template is not None:
        return _of_template(form)
    flow = _Flow(form)
    flow.add_note()
    for one in form.fields:
        flow.add_field(one)
    for table in form.tables:
        flow.add_table(table)
    pages = tuple(
        _framed(form, number, page.places, page.texts) for number, page in enumerate(flow.pages, 1)
    )
    return Layout(*form.size, pages)


def text_width(text: str, style: Style = LABEL) -> float:
    """Estimate the width of a text in millimetres, the same on every machine.

    Examples
    --------
    >>> round(text_width("Station")), round(text_width("測站"))
    (11, 6)
    """
    return sum(map(_em, text)) * style.size * POINT


def wrap(text: str, width: float, style: Style = LABEL) -> list[str]:
    """Divide a text into lines of at most a width.

    Lines end between words. A word that is too wide, or has wide characters, such as Chinese
    ones, may be divided anywhere.

    Examples
    --------
    >>> wrap("Water temperature in °C", 25)
    ['Water', 'temperature in', '°C']
    >>> wrap("水温", 4)
    ['水', '温']
    """
    lines = [""]
    for glue, piece in _pieces(text, width, style):
        longer = lines[-1] + glue + piece if lines[-1] else piece
        if not lines[-1] or text_width(longer, style) <= width:
            lines[-1] = longer
        else:
            lines.append(piece)
    return [line for line in lines if line]


def _pieces(text: str, width: float, style: Style) -> Iterator[tuple[str, str]]:
    """Yield the parts of a text between which a line may end, each with what comes before it."""
    for word in text.split():
        if text_width(word, style) <= width and not any(_em(one) == 1 for one in word):
            yield " ", word
            continue
        begins = [n for n, one in enumerate(word) if not unicodedata.combining(one)] or [0]
        for n, (begin, end) in enumerate(itertools.pairwise([*begins, len(word)])):
            yield "" if n else " ", word[begin:end]


def _em(character: str) -> float:
    """Estimate a character's width in DejaVu Sans, a wide font, as a share of the font's size."""
    code = ord(character)
    if unicodedata.combining(character):
        return 0.0
    if 0x1100 <= code <= 0x115F or 0x2E80 <= code <= 0xD7A3 or 0xF900 <= code <= 0xFFE6:
        return 1.0
    if code >= 0x1F000:
        return 1.0
    if character in "iljtfrI.,:;'!|()[] -":
        return 0.4
    return 0.74 if character.isupper() or character in "mw%@" else 0.62


@dataclass(frozen=True)
class _Block:
    """Boxes and texts that keep together; the top left corner is (0, 0)."""

    width: float
    height: float
    boxes: tuple[Box, ...] = ()
    texts: tuple[Text, ...] = ()
    point_after: int | None = None

    def moved(self, x: float, y: float) -> "_Block":
        """Return the block where its top left corner is (x, y)."""
        boxes = tuple(_moved(box, x, y) for box in self.boxes)
        texts = tuple(dataclasses.replace(one, box=_moved(one.box, x, y)) for one in self.texts)
        return dataclasses.replace(self, boxes=boxes, texts=texts)


def _moved(box: Box, x: float, y: float) -> Box:
    return Box(round(box.x + x, 3), round(box.y + y, 3), box.width, box.height)


def _block(one: Field, cell: tuple[float, float], room: float) -> _Block:
    """Return a field with its label, at most `room` wide if possible."""
    if one.type == "tick":
        return _tick(one, cell, room)
    if one.type == "choice":
        answer = _options(one, cell, room)
    elif one.type == "text":
        answer = _text_box(one, cell, room)
    else:
        answer = _comb(one, cell)
    width = max(answer.width, min(room, text_width(one.label)))
    lines = wrap(one.label, width)
    label = [
        Text(line, Box(0, number * LABEL.line, width, LABEL.line))
        for number, line in enumerate(lines)
    ]
    above = len(lines) * LABEL.line + 0.5
    below = answer.moved(0, above)
    return dataclasses.replace(
        below, width=width, height=above + answer.height, texts=(*label, *below.texts)
    )


def _comb(one: Field, cell: tuple[float, float]) -> _Block:
    """Return a row of boxes, with what is printed between and under them."""
    width, height = cell
    if one.format:
        groups = [(part, len(part)) if part.isalpha() else (part, 0) for part in one.parts]
    else:
        whole = [("", one.length - one.decimals)]
        groups = whole + ([(".", 0), ("", one.decimals)] if one.decimals else [])
    boxes: list[Box] = []
    texts: list[Text] = []
    x = 0.0
    for letters, count in groups:
        if not count:  # a separator, between the boxes before and after it
            mark = Box(x - _GAP, 0, _MARK_GAP, height)
            texts.append(Text(letters, mark, MARK, "center"))
            x += _MARK_GAP - _GAP
        for number in range(count):
            boxes.append(Box(x, 0, width, height))
            if letters:
                below = Box(x, height + 0.5, width, HINT.line)
                texts.append(Text(letters[number], below, HINT, "center"))
            x += width + _GAP
    below_height = 0.5 + HINT.line if one.format else 0.0
    point_after = one.length - one.decimals if one.decimals else None
    return _Block(x - _GAP, height + below_height, tuple(boxes), tuple(texts), point_after)


def _text_box(one: Field, cell: tuple[float, float], room: float) -> _Block:
    width = one.length * (cell[0] + _GAP) - _GAP if one.length else room
    return _Block(width, cell[1], (Box(0, 0, width, cell[1]),))


def _tick(one: Field, cell: tuple[float, float], room: float) -> _Block:
    """Return a box with its label at the right, at the height of the boxes beside it."""
    y = LABEL.line + 0.5 + (cell[1] - _TICK) / 2
    beside = _TICK + 1.5
    width = min(text_width(one.label), room - beside)
    lines = wrap(one.label, width)
    first = y + (_TICK - LABEL.line * len(lines)) / 2
    texts = tuple(
        Text(line, Box(beside, first + number * LABEL.line, width, LABEL.line))
        for number, line in enumerate(lines)
    )
    height = max(LABEL.line + 0.5 + cell[1], first + len(lines) * LABEL.line)
    return _Block(beside + width, height, (Box(0, y, _TICK, _TICK),), texts)


def _options(one: Field, cell: tuple[float, float], room: float) -> _Block:
    """Return a box for each option with its text at the right, in as many rows as they need."""
    boxes: list[Box] = []
    texts: list[Text] = []
    x = right = 0.0
    y = margin = (cell[1] - _TICK) / 2  # level with the boxes beside
    for option in one.options:
        width = _TICK + 1.5 + text_width(option)
        if x > 0 and x + width > room:
            x, y = 0.0, y + _TICK + _LINE_GAP
        boxes.append(Box(x, y, _TICK, _TICK))
        beside = Box(x + _TICK + 1.5, y + 0.5, text_width(option), LABEL.line)
        texts.append(Text(option, beside))
        right = max(right, x + width)
        x += width + _OPTION_GAP
    return _Block(right, y + _TICK + margin, tuple(boxes), tuple(texts))


@dataclass(frozen=True)
class _Column:
    """A column of a table: its heading's lines, texts above its boxes, and a row's boxes."""

    field: Field
    x: float
    width: float
    label: tuple[str, ...]
    options: _Block
    row: _Block


def _columns(table: Table, cell: tuple[float, float]) -> list[_Column]:
    columns = []
    x = _NUMBER_WIDTH
    for one in table.columns:
        options, row = _in_table(one, cell)
        longest = max(map(text_width, one.label.split()), default=0.0)
        width = max(row.width, longest, text_width(one.label) / _HEADING_LINES)
        label = tuple(wrap(one.label, width))
        columns.append(_Column(one, x, width, label, options, row))
        x += width + _COLUMN_GAP
    return columns


def _in_table(one: Field, cell: tuple[float, float]) -> tuple[_Block, _Block]:
    """Return what is printed above a column's boxes, and the boxes of one row."""
    y = (cell[1] - _TICK) / 2
    if one.type == "tick":
        return _Block(_TICK, 0), _Block(_TICK, cell[1], (Box(0, y, _TICK, _TICK),))
    if one.type == "choice":
        pitch = max(_TICK + 2.5, 1.5 + max(text_width(option, HINT) for option in one.options))
        width = pitch * len(one.options) - 1.5
        boxes = [
            Box(number * pitch + (pitch - 1.5 - _TICK) / 2, y, _TICK, _TICK)
            for number in range(len(one.options))
        ]
        texts = [
            Text(option, Box(number * pitch, 0, pitch - 1.5, HINT.line), HINT, "center")
            for number, option in enumerate(one.options)
        ]
        above = _Block(width, HINT.line + 0.5, (), tuple(texts))
        return above, _Block(width, cell[1], tuple(boxes))
    if one.type == "text":
        return _Block(0, 0), _text_box(one, cell, _TEXT_WIDTH)
    comb = _comb(one, cell)
    if not one.format:
        return _Block(comb.width, 0), comb
    # The letters of a date stand above the first row, not under every one.
    letters = tuple(
        dataclasses.replace(text, box=dataclasses.replace(text.box, y=0.0))
        for text in comb.texts
        if text.style is HINT
    )
    marks = tuple(text for text in comb.texts if text.style is not HINT)
    row = dataclasses.replace(comb, height=cell[1], texts=marks)
    return _Block(comb.width, HINT.line + 0.5, (), letters), row


@dataclass
class _Page:
    places: list[Place] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)


class _Flow:
    """Fills pages from the top left to the bottom right."""

    def __init__(self, form: Form) -> None:
        self._form = form
        width, height = form.size
        self._left, self._right = _MARGIN, width - _MARGIN
        self._top, self._bottom = _TOP, height - _TOP
        self.pages = [_Page()]
        self._x, self._y, self._row_height = self._left, self._top, 0.0

    def add_note(self) -> None:
        """Add the lines under the title."""
        for line in wrap(self._form.note or "", self._right - self._left):
            self._add_text(line, self._left, self._right - self._left, LABEL)
            self._y += LABEL.line
        if self._form.note:
            self._y += _ROW_GAP

    def add_field(self, one: Field) -> None:
        """Add a field with its label: beside the one before, under it, or on the next page."""
        room = self._right - self._left
        block = _block(one, self._form.cell, room)
        if block.width > room:
            raise self._too_large(one.line, "field", block.width, room)
        if self._x > self._left and self._x + block.width > self._right:
            self._end_row()
        if self._y + block.height > self._bottom:
            self._new_page()
        if self._y + block.height > self._bottom:
            raise self._too_large(one.line, "field", block.height, self._bottom - self._top)
        self._add(block, self._x, self._y, Place(one, None, None, ()))
        self._x += block.width + _FIELD_GAP
        self._row_height = max(self._row_height, block.height)

    def add_table(self, table: Table) -> None:
        """Add a table; where the page ends, it continues on the next, with its headings again."""
        self._end_row()
        columns = _columns(table, self._form.cell)
        width, room = columns[-1].x + columns[-1].width, self._right - self._left
        if width > room:
            raise self._too_large(table.line, "table", width, room)
        pitch = max(column.row.height for column in columns) + _LINE_GAP
        heading = HEADING.line + max(len(one.label) for one in columns) * LABEL.line + 0.5
        heading += max(column.options.height for column in columns)
        if self._y > self._top and self._y + heading + pitch > self._bottom:
            self._new_page()
        if self._y + heading + pitch > self._bottom:
            raise self._too_large(table.line, "table", heading + pitch, self._bottom - self._top)
        for row in range(table.rows):
            if self._y + pitch > self._bottom:
                self._new_page()
            if row == 0 or self._y == self._top:
                self._add_headings(table, columns, self._y + heading)
                self._y += heading
            for column in columns:
                x = self._left + column.x
                self._add(column.row, x, self._y, Place(column.field, table.name, row, ()))
            number = Box(self._left, self._y, _NUMBER_WIDTH - 2, self._form.cell[1])
            self._page.texts.append(Text(str(row + 1), number, LABEL, "right"))
            self._y += pitch
        self._y += _ROW_GAP

    def _add_headings(self, table: Table, columns: list[_Column], bottom: float) -> None:
        """Add a table's label and the headings of its columns, down to `bottom`."""
        self._add_text(table.label, self._left, self._right - self._left, HEADING)
        options = max(column.options.height for column in columns)
        for column in columns:
            x, y = self._left + column.x, bottom - options - 0.5
            y -= LABEL.line * len(column.label)
            for number, line in enumerate(column.label):
                box = Box(x, y + number * LABEL.line, column.width, LABEL.line)
                self._page.texts.append(Text(line, box))
            self._page.texts += column.options.moved(x, bottom - options).texts

    def _add(self, block: _Block, x: float, y: float, where: Place) -> None:
        moved = block.moved(x, y)
        self._page.texts += moved.texts
        self._page.places.append(
            dataclasses.replace(where, boxes=moved.boxes, point_after=block.point_after)
        )

    def _add_text(self, text: str, x: float, width: float, style: Style) -> None:
        self._page.texts.append(Text(text, Box(x, self._y, width, style.line), style))

    @property
    def _page(self) -> _Page:
        return self.pages[-1]

    def _end_row(self) -> None:
        if self._row_height:
            self._y += self._row_height + _ROW_GAP
        self._x, self._row_height = self._left, 0.0

    def _new_page(self) -> None:
        if len(self.pages) == MAX_PAGES:
            raise DataError(
                f"the form has more than {MAX_PAGES} pages",
                where=self._form.path,
                remedy="divide it into several forms",
            )
        self.pages.append(_Page())
        self._x, self._y, self._row_height = self._left, self._top, 0.0

    def _too_large(self, line: int, what: str, size: float, most: float) -> DataError:
        return DataError(
            f"a {what} of {size:.0f} mm where {most:.0f} mm are free",
            where=f"{self._form.path}, line {line}",
            remedy="use fewer or smaller boxes, shorter labels, or landscape = true",
        )


def _framed(form: Form, number: int, places: list[Place], texts: list[Text]) -> PageLayout:
    """Return a page with its markers, codes and title, and what is printed beside them."""
    width, height = form.size
    far_x, far_y = width - EDGE - MARKER, height - EDGE - MARKER
    corners = ((EDGE, EDGE), (far_x, EDGE), (far_x, far_y), (EDGE, far_y))
    first_id = (number - 1) % _SETS * len(corners)
    markers = tuple(
        Marker(first_id + corner, Box(x, y, MARKER, MARKER))
        for corner, (x, y) in enumerate(corners)
    )
    beside = EDGE + MARKER + _GAP_TO_CODE
    codes = (
        Box(width - beside - CODE, EDGE, CODE, CODE),
        Box(beside, height - EDGE - CODE, CODE, CODE),
    )
    examples = _examples(codes[0].x - _GAP_TO_CODE)
    title = Box(beside + 1, EDGE, examples[0][1].x - _FIELD_GAP - beside - 1, TITLE.line)
    lines = wrap(form.title, title.width, TITLE)
    if len(lines) > _TITLE_LINES:
        raise DataError(
            f"the title takes {len(lines)} lines",
            where=form.path,
            expected=f"at most {_TITLE_LINES}",
            remedy='shorten it; note = "…" is for more text',
        )
    titles = [
        Text(line, dataclasses.replace(title, y=title.y + n * TITLE.line), TITLE)
        for n, line in enumerate(lines)
    ]
    name = Box(title.x, EDGE + CODE - LABEL.line, title.width, LABEL.line)
    footer = Box(codes[1].right + _GAP_TO_CODE, codes[1].bottom - HINT.line,
                 far_x - codes[1].right - 2 * _GAP_TO_CODE, HINT.line)  # fmt: skip
    return PageLayout(
        number, markers, codes, tuple(places), (*titles, *texts), examples, name, footer
    )


def _examples(right: float) -> tuple[tuple[str, Box], ...]:
    """Return the boxes with examples of digits that people write in several ways."""
    width, height = _EXAMPLE
    left = right - len(_EXAMPLES) * (width + _GAP) + _GAP
    return tuple(
        (digit, Box(left + n * (width + _GAP), EDGE, width, height))
        for n, digit in enumerate(_EXAMPLES)
    )


def _of_template(form: Form) -> Layout:
    """Take the places from FORM.toml, for paper that exists already."""
    places: dict[int, list[Place]] = {n: [] for n in range(1, form.template_pages + 1)}
    for one in form.fields:
        if one.box is not None or one.boxes:
            boxes = one.boxes or _cells(one, one.box)
            places[one.page].append(Place(one, None, None, boxes, _point_after(one)))
    for table in form.tables:
        if table.box is not None:
            places[table.page] += _grid(table, table.box)
    pages = tuple(PageLayout(number, places=tuple(found)) for number, found in places.items())
    return Layout(*form.size, pages)


def _grid(table: Table, box: Box) -> Iterator[Place]:
    """Yield the places of a table's cells, row by row."""
    first = [one for column in table.columns for one in column.boxes]
    if first:
        height = max(one.bottom for one in first) - box.y
        pitch = (box.height - height) / max(1, table.rows - 1)
    else:
        pitch = box.height / table.rows
    free = [column for column in table.columns if column.width is None]
    rest = box.width - sum(column.width or 0 for column in table.columns)
    for row in range(table.rows):
        x = box.x
        for column in table.columns:
            if column.boxes:
                boxes = tuple(_moved(one, 0, row * pitch) for one in column.boxes)
            else:
                width = rest / len(free) if column.width is None else column.width
                boxes = _cells(column, _moved(Box(x, box.y, width, pitch), 0, row * pitch))
                x += width
            yield Place(column, table.name, row, boxes, _point_after(column))


def _cells(one: Field, box: Box | None) -> tuple[Box, ...]:
    if box is None:
        return ()
    return box.divided(one.cells) if one.cells else (box,)


def _point_after(one: Field) -> int | None:
    count = one.cells or len(one.boxes)
    return count - one.decimals if count and one.decimals else None
