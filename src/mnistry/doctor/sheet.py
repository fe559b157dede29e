"""Draw a diagnosis as one picture: the photo, its ink, and each digit's stages and changes.

Drawn with Pillow and its typeface, which has only the letters of English. Knows nothing of how a
diagnosis is made.
"""

import io
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from mnistry.doctor.examine import Case, Diagnosis, format_answer
from mnistry.percent import confidence
from mnistry.reading.result import Digit

MADE_BY = "mnistry doctor"  # in the file's metadata, to tell it from a photo

_WIDTH, _EDGE, _GAP = 1240, 28, 20
_PANEL = 480, 400  # the photo and its ink each fit into this, side by side
_TWO_PANELS = 980  # the greatest width of each where one is below the other
_TILE = 112  # 28 pixels, each four times as wide
_ROW = 194
_CAPTION = 40  # leaves room for the numbers of digits at the upper edge
_STAGES = 196  # where a row's stages begin
_NEAREST = _STAGES + 4 * (_TILE + _GAP) + 12
_CHANGE = _NEAREST + _TILE + 4 + _TILE // 2 + 32
_SMALL, _MIDDLE, _LARGE, _HUGE = 15, 17, 32, 50
_BLACK, _GREY, _FAINT, _BLUE, _ORANGE = "#1a1a1a", "#5c5c5c", "#c4c4c4", "#0072B2", "#C24E00"


def png(diagnosis: Diagnosis, title: str) -> bytes:
    """Draw a diagnosis.

    Parameters
    ----------
    diagnosis
        From `mnistry.doctor.examine.examine`.
    title
        The heading: the picture's name.

    Returns
    -------
    bytes
        A PNG file, 1240 pixels wide.
    """
    photo = 0 if diagnosis.photo is None else _CAPTION + _PANEL[1] + _GAP
    sheet = _Sheet(2 * _EDGE + 600 + photo + _ROW * len(diagnosis.cases))
    bottom = _draw_top(sheet, diagnosis, title)
    if diagnosis.cases:
        bottom = _draw_headings(sheet, bottom + 24, diagnosis)
    for case in diagnosis.cases:
        bottom = _draw_case(sheet, bottom, case)
    about = PngImagePlugin.PngInfo()
    about.add_text("Software", MADE_BY)
    file = io.BytesIO()
    sheet.image.crop((0, 0, _WIDTH, round(bottom) + _EDGE)).save(file, "PNG", pnginfo=about)
    return file.getvalue()


class _Sheet:
    """The image that is drawn, and its pen."""

    def __init__(self, height: int) -> None:
        self.image = Image.new("RGB", (_WIDTH, height), "white")
        self.pen = ImageDraw.Draw(self.image)

    def text(
        self, x: float, y: float, text: str, size: int = _MIDDLE, colour: str = _BLACK, **how: Any
    ) -> None:
        """Write a line; its upper left corner is at x, y unless `how` has another anchor."""
        self.pen.text((x, y), _drawable(text), colour, _font(size), **{"anchor": "la", **how})

    def paragraph(
        self, x: float, y: float, text: str, width: float, size: int = _SMALL, colour: str = _BLACK
    ) -> float:
        """Write lines of this width at most; return the y of the next line."""
        line = ""
        for word in _drawable(text).split():
            longer = f"{line} {word}".strip()
            if line and _font(size).getlength(longer) > width:
                self.text(x, y, line, size, colour)
                y, longer = y + 1.3 * size, word
            line = longer
        self.text(x, y, line, size, colour)
        return y + 1.3 * size

    def paste(self, x: float, y: float, picture: Image.Image) -> None:
        """Draw a picture in a thin frame."""
        left, top = round(x), round(y)
        self.image.paste(picture, (left, top))
        frame = (left - 1, top - 1, left + picture.width, top + picture.height)
        self.pen.rectangle(frame, outline=_FAINT)


@cache
def _font(size: int) -> Any:
    return ImageFont.load_default(size)


def _drawable(text: str) -> str:
    """Replace letters that the typeface lacks by ``?``."""
    return "".join(c if c.isascii() or c in "°…–±“”·" else "?" for c in text)


def _fitting(text: str, width: float, size: int) -> str:
    """Shorten a text to a width in pixels: an ellipsis replaces its middle."""
    text = _drawable(text)
    kept = len(text)
    short = text
    while kept > 2 and _font(size).getlength(short) > width:
        kept -= 1
        short = f"{text[: kept // 2]}…{text[len(text) - (kept - kept // 2) :]}"
    return short


def _draw_top(sheet: _Sheet, diagnosis: Diagnosis, title: str) -> float:
    """Draw what stands above the digits' rows; return the y below it.

    These are the title and the answer; the photo, if the page was cut out of one; the page and its
    ink; and what a naive program reads.
    """
    room = _WIDTH - 2 * _EDGE
    sheet.text(_EDGE, _EDGE, _fitting(title, room, _MIDDLE), _MIDDLE, _GREY)
    text = " / ".join(diagnosis.reading.lines) or "no digit"
    sheet.text(_EDGE, _EDGE + 24, _fitting(text, room, _LARGE), _LARGE)
    top: float = _EDGE + 24 + _LARGE + 24
    if diagnosis.photo is not None:
        top = _draw_photo(sheet, top, diagnosis)
    right, bottom = _draw_panels(sheet, top, diagnosis)
    x, y = right + _GAP, top
    sheet.text(x, y, "what a naive program reads", _SMALL, _GREY)
    y += _CAPTION
    for prediction in diagnosis.naive:
        sheet.paste(x, y, _tile(prediction.image))
        _draw_answer(sheet, x, y + _TILE + 4, prediction.digit, _BLACK)
        y = (
            round(sheet.paragraph(x, y + _TILE + 28, prediction.name, _TILE + _GAP, _SMALL, _GREY))
            + 12
        )
    return max(bottom, y)


def _draw_photo(sheet: _Sheet, y: float, diagnosis: Diagnosis) -> float:
    """Draw the photo, with page and digits outlined, and the notes; return the y below them."""
    if diagnosis.photo is None or diagnosis.photo_size is None:
        return y
    height, width = diagnosis.photo_size
    shown = _panel(diagnosis.photo, _PANEL)
    sheet.text(_EDGE, y, f"the picture, in grey: {width} x {height} pixels", _SMALL, _GREY)
    top = y + _CAPTION
    sheet.paste(_EDGE, top, shown)
    factor = shown.width / width
    reading = diagnosis.reading
    outlines = [(digit.quad, _colour(digit)) for digit in reading.digits]
    for quad, colour in [(reading.corners, _BLUE), *outlines]:
        if quad is not None:
            points = [(_EDGE + x * factor, top + y * factor) for x, y in quad]
            sheet.pen.line([*points, points[0]], colour, 2)
    x, note_y = _EDGE + shown.width + _GAP, float(top)
    for note in reading.notes:
        note_y = sheet.paragraph(x, note_y, note, _WIDTH - _EDGE - x) + 8
    return max(top + shown.height, note_y) + _GAP


def _draw_panels(sheet: _Sheet, y: float, diagnosis: Diagnosis) -> tuple[float, float]:
    """Draw the page and its ink; return the x and y of their right and lower ends."""
    height, width = diagnosis.size
    is_wide = width > 2 * height  # then one below the other
    largest = (_TWO_PANELS, _PANEL[1] // 2 - _CAPTION) if is_wide else _PANEL
    paper = "light" if diagnosis.ink.paper_is_light else "dark"
    ink = np.rint(255 * diagnosis.ink.strength).astype(np.uint8)
    what = "picture" if diagnosis.photo is None else "page"
    x, right, bottom = float(_EDGE), 0.0, 0.0
    for caption, values in (
        (f"the {what}, upright and grey: {width} x {height} pixels", diagnosis.picture),
        (f"its ink, found on {paper} paper", ink),
    ):
        shown = _panel(values, largest)
        sheet.text(x, y, caption, _SMALL, _GREY)
        top = y + _CAPTION
        sheet.paste(x, top, shown)
        _draw_boxes(sheet, x, top, diagnosis, shown.width / width, numbered=values is not ink)
        right = max(right, x + max(shown.width, _font(_SMALL).getlength(caption)))
        bottom = top + shown.height
        if is_wide:
            y = bottom + _GAP
        else:
            x = right + _GAP
    return right, bottom


def _panel(values: NDArray[np.uint8], largest: tuple[int, int]) -> Image.Image:
    """Scale a picture to fit into a width and height; pixels of a small one stay squares."""
    picture = Image.fromarray(values)
    factor = min(largest[0] / picture.width, largest[1] / picture.height)
    if factor > 1:
        factor = min(int(factor), 12)
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    resampling = Image.Resampling.NEAREST if factor >= 1 else Image.Resampling.BOX
    return picture.resize(size, resampling)


def _draw_boxes(
    sheet: _Sheet, x: float, y: float, diagnosis: Diagnosis, factor: float, *, numbered: bool
) -> None:
    """Draw a box around each digit, with its number above if it has a row below."""
    numbers = {case.number for case in diagnosis.cases} if numbered else set()
    lowest = min((factor * case.digit.box[3] for case in diagnosis.cases), default=0)
    size = _SMALL if lowest > _SMALL else 11
    for number, digit in enumerate(diagnosis.reading.digits, start=1):
        left, top, width, height = (value * factor for value in digit.box)
        left, top = x + left, y + top
        frame = (left - 2, top - 2, left + width + 1, top + height + 1)
        sheet.pen.rectangle(frame, outline=_colour(digit), width=2)
        if number in numbers:
            halo: dict[str, Any] = {"anchor": "ls", "stroke_width": 2, "stroke_fill": "white"}
            sheet.text(left, top - 4, str(number), size, _colour(digit), **halo)


def _draw_headings(sheet: _Sheet, y: float, diagnosis: Diagnosis) -> float:
    """Draw the headings of the digits' rows; return the y of the first row."""
    drawn, count = len(diagnosis.cases), len(diagnosis.reading.digits)
    if drawn < count:
        sheet.text(_EDGE, y, f"the {drawn} least certain of {count} digits", _MIDDLE)
        y += 34
    for number, stage in enumerate(diagnosis.cases[0].stages):
        x = _STAGES + number * (_TILE + _GAP)
        sheet.paragraph(x, y, stage.name, _TILE + _GAP / 2, _SMALL, _GREY)
    sheet.paragraph(
        _NEAREST, y, "MNIST's most similar, of each candidate", _TILE + _TILE / 2, _SMALL, _GREY
    )
    what, room = "the smallest change that changes the answer", _WIDTH - _EDGE - _CHANGE
    sheet.paragraph(_CHANGE, y, what, room, _SMALL, _GREY)
    return y + 48


def _draw_case(sheet: _Sheet, y: float, case: Case) -> float:
    """Draw one digit's row; return the y of the next row."""
    sheet.pen.line((_EDGE, y, _WIDTH - _EDGE, y), _FAINT)
    y += 14
    sheet.text(_EDGE, y, f"digit {case.number}", _SMALL, _GREY)
    sheet.text(_EDGE, y + 22, str(case.digit), _HUGE, _colour(case.digit))
    for row, candidate in enumerate(case.digit.candidates):
        text = f"{candidate.digit}  {confidence(candidate.confidence)}"
        sheet.text(_EDGE + 52, y + 24 + 20 * row, text, _SMALL, _BLACK if row == 0 else _GREY)
    for number, prediction in enumerate(case.stages):
        x = _STAGES + number * (_TILE + _GAP)
        sheet.paste(x, y, _tile(prediction.image))
        same = prediction.digit.digit == case.digit.digit
        _draw_answer(sheet, x, y + _TILE + 4, prediction.digit, _BLACK if same else _ORANGE)
    _draw_nearest(sheet, y, case)
    _draw_change(sheet, y, case)
    sheet.text(_STAGES, y + _TILE + 32, case.decision, _SMALL, _BLACK)
    return y + _ROW - 14


def _draw_nearest(sheet: _Sheet, y: float, case: Case) -> None:
    first, *others = case.nearest
    sheet.paste(_NEAREST, y, _tile(first.image))
    sheet.text(_NEAREST, y + _TILE + 4, f"a {first.label}", _MIDDLE)
    for row, other in enumerate(others):
        x, top = _NEAREST + _TILE + 6, y + row * (_TILE // 2 + 2)
        sheet.paste(x, top, _tile(other.image, 2).crop((0, 1, 56, 55)))
        sheet.text(x + 62, top + 20, str(other.label), _SMALL, _GREY)


def _draw_change(sheet: _Sheet, y: float, case: Case) -> None:
    if not case.changes:
        sheet.paragraph(
            _CHANGE, y, "none of those tried changes the answer", _WIDTH - _EDGE - _CHANGE, _SMALL
        )
        return
    change = case.changes[0]
    sheet.paste(_CHANGE, y, _tile(change.image))
    _draw_answer(sheet, _CHANGE, y + _TILE + 4, change.digit, _ORANGE)
    x = _CHANGE + _TILE + 10
    sheet.paragraph(x, y, change.name, _WIDTH - _EDGE - x, _SMALL)


def _draw_answer(sheet: _Sheet, x: float, y: float, digit: Digit, colour: str) -> None:
    sheet.text(x, y, format_answer(digit), _MIDDLE, colour)


def _colour(digit: Digit) -> str:
    return _ORANGE if digit.digit is None else _BLUE


def _tile(image: NDArray[np.uint8], factor: int = 4) -> Image.Image:
    """Enlarge a 28x28 image, the network's input: 0 black, 255 white."""
    size = (factor * image.shape[1], factor * image.shape[0])
    return Image.fromarray(image).resize(size, Image.Resampling.NEAREST)
