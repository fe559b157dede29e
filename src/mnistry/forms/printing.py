"""Print a form as a PDF, from its layout.

The boxes are light, so that a scan in grey or with red light shows them hardly or not at all.
"""

import importlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.errors import DataError
from mnistry.forms import fonts
from mnistry.forms.alignment import MARKERS
from mnistry.forms.code import Code
from mnistry.forms.copies import Copy
from mnistry.forms.definition import Box, Form
from mnistry.forms.layout import (
    HINT,
    LABEL,
    MARK,
    Layout,
    PageLayout,
    Text,
)

if TYPE_CHECKING:
    from fpdf import FPDF

MAX_PAGES = 20_000
Colour = tuple[int, int, int]
_FRAME: Colour = (255, 196, 152)  # its luma is 209 of 255
_INK: Colour = (0, 0, 0)
_GREY: Colour = (110, 110, 110)
# Millimetres: the width of a frame's line, that of an example's strokes, and a dot's radius.
_LINE = 0.3
_STROKE = 0.7
_DOT = 0.55
_LEAST_SHARE = 0.5  # a text that is too wide is printed at no less than this share of its size
_MARKER_CELLS = 6  # along a marker's side, including its border
_BORDER = 2  # modules of white that OpenCV draws around a QR code
_ENLARGED = 8  # pixels of a marker's cell or a code's module: a viewer may smooth their edges
# Strokes of digits that people write in several ways, in a box of 1 by 1.
_STROKES: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    "1": (((0.5, 0.15), (0.5, 0.85)),),
    "4": (((0.62, 0.85), (0.62, 0.15), (0.2, 0.62), (0.82, 0.62)),),
    "7": (((0.22, 0.15), (0.78, 0.15), (0.42, 0.85)),),
}


def print_form(form: Form, layout: Layout, copies: Sequence[Copy] = (Copy(),)) -> bytes:
    """Print copies of a form.

    Parameters
    ----------
    form
        A form without a template.
    layout
        Its layout.
    copies
        The serial number and the name of each copy.

    Returns
    -------
    bytes
        A PDF/A-2 document with every copy's pages, one after the other.

    Raises
    ------
    DataError
        If the form has a template, there are too many pages, or no font has a character.
    """
    if form.template is not None:
        raise DataError(
            "a form with a template is on paper already",
            where=form.path,
            remedy=f"print {form.template}, or remove the template",
        )
    pages = len(layout.pages) * len(copies)
    if pages > MAX_PAGES:
        raise DataError(
            f"{pages:,} pages",
            where=form.path,
            expected=f"at most {MAX_PAGES:,}",
            remedy="print fewer copies at a time",
        )
    texts = [text.text for page in layout.pages for text in page.texts]
    footers = "0123456789abcdef /·"
    with tempfile.TemporaryDirectory() as folder:
        chosen = fonts.choose([*texts, *(copy.name for copy in copies), footers], form.font)
        pdf = _open(form, layout, _files(chosen, Path(folder)))
        drawn: dict[int, bytes] = {}  # what all copies of a page have in common
        for copy in copies:
            for page in layout.pages:
                pdf.add_page()
                content = pdf.pages[pdf.page].contents
                if page.number in drawn:
                    content += drawn[page.number]
                else:
                    begin = len(content)
                    _draw_page(pdf, page)
                    drawn[page.number] = bytes(content[begin:])
                _draw_copy(pdf, form, layout, page, copy)
        return bytes(pdf.output())


def _files(chosen: list[Path | bytes], folder: Path) -> list[Path]:
    """Return fonts as files: fpdf2 reads nothing else."""
    files = []
    for number, font in enumerate(chosen):
        if isinstance(font, bytes):
            file = folder / f"{number}.ttf"
            file.write_bytes(font)
            files.append(file)
        else:
            files.append(font)
    return files


def _open(form: Form, layout: Layout, files: list[Path]) -> "FPDF":
    from fpdf import FPDF, ViewerPreferences

    importlib.import_module("uharfbuzz")  # fpdf2 would report its absence with another error
    pdf = FPDF(unit="mm", format=(layout.width, layout.height), enforce_compliance="PDF/A-2B")
    pdf.set_auto_page_break(False)
    pdf.set_margin(0)
    pdf.c_margin = 0
    pdf.single_resources_object = True  # what is drawn on one page may be repeated on another
    pdf.alias_nb_pages(None)  # "{nb}" in a text stays
    pdf.set_title(form.title)
    pdf.viewer_preferences = ViewerPreferences(print_scaling="None", display_doc_title=True)
    for number, file in enumerate(files):
        pdf.add_font(f"font{number}", fname=file)
    pdf.set_fallback_fonts([f"font{number}" for number in range(1, len(files))])
    pdf.set_text_shaping(True)
    pdf.set_font("font0", size=LABEL.size)
    return pdf


def _draw_page(pdf: "FPDF", page: PageLayout) -> None:
    """Draw what all copies of a page have in common."""
    pdf.set_font("font0", size=LABEL.size)
    for marker in page.markers:
        _draw_cells(pdf, _marker(marker.id), marker.box)
    pdf.set_line_width(_LINE)
    pdf.set_draw_color(*_FRAME)
    for place in page.places:
        for box in place.boxes:
            _draw_frame(pdf, box)
    for _, box in page.examples:
        _draw_frame(pdf, box)
    pdf.set_draw_color(*_INK)
    pdf.set_fill_color(*_INK)
    for text in page.texts:
        if text.style is MARK:
            _draw_mark(pdf, text.text, text.box)
        else:
            _draw_text(pdf, text)
    pdf.set_line_width(_STROKE)
    for digit, box in page.examples:
        for stroke in _STROKES[digit]:
            pdf.polyline([(box.x + x * box.width, box.y + y * box.height) for x, y in stroke])


def _draw_copy(pdf: "FPDF", form: Form, layout: Layout, page: PageLayout, copy: Copy) -> None:
    """Draw what differs from copy to copy."""
    code = _qr_code(str(Code(form.identity, form.version, page.number, copy.serial)))
    for box in page.codes:
        _draw_cells(pdf, code, box)
    if page.name is not None and copy.name:
        _draw_text(pdf, Text(copy.name, page.name))
    if page.footer is not None:
        parts = [form.version, f"{page.number}/{len(layout.pages)}"]
        parts += [str(copy.serial)] if copy.serial else []
        _draw_text(pdf, Text(" · ".join(parts), page.footer, HINT))


def _draw_frame(pdf: "FPDF", box: Box) -> None:
    """Draw a frame whose line lies within the box."""
    inset = _LINE / 2
    pdf.rect(box.x + inset, box.y + inset, box.width - _LINE, box.height - _LINE)


def _draw_text(pdf: "FPDF", text: Text) -> None:
    """Draw a line of text, narrowed to its box."""
    box, style = text.box, text.style
    pdf.set_text_color(*(_GREY if style is HINT else _INK))
    pdf.set_font_size(style.size)
    width = pdf.get_string_width(text.text)
    if width > box.width:
        pdf.set_font_size(style.size * max(box.width / width, _LEAST_SHARE))
    pdf.set_xy(box.x, box.y)
    align = {"left": "L", "center": "C", "right": "R"}[text.align]
    pdf.cell(box.width, box.height, text.text, align=align)


def _draw_mark(pdf: "FPDF", mark: str, box: Box) -> None:
    """Draw the mark between two boxes: a point, a colon, a dash or a slash."""
    x, y = box.x + box.width / 2, box.y + box.height / 2
    dots = {".": [box.bottom - 1.5 * _DOT], ":": [y - 1.5, y + 1.5]}.get(mark, [])
    for centre in dots:
        pdf.circle(x, centre, _DOT, style="F")
    if mark == "-":
        pdf.line(x - 0.8, y, x + 0.8, y)
    elif mark == "/":
        pdf.line(x + 0.7, box.y + 1, x - 0.7, box.bottom - 1)


def _draw_cells(pdf: "FPDF", cells: NDArray[np.uint8], box: Box) -> None:
    from PIL import Image

    enlarged = np.kron(cells, np.ones((_ENLARGED, _ENLARGED), np.uint8))
    pdf.image(Image.fromarray(enlarged), box.x, box.y, box.width, box.height)


def _marker(number: int) -> NDArray[np.uint8]:
    """Return a marker's cells: ``uint8``, shape ``(6, 6)``, 0 for black and 255 for white."""
    dictionary = cv2.aruco.getPredefinedDictionary(MARKERS)
    cells = cv2.aruco.generateImageMarker(dictionary, number, _MARKER_CELLS)
    return np.asarray(cells, np.uint8)


def _qr_code(text: str) -> NDArray[np.uint8]:
    """Return a QR code's modules: ``uint8``, shape ``(25, 25)``, 0 for black and 255 for white."""
    settings = cv2.QRCodeEncoder.Params()
    settings.version = 2
    settings.correction_level = cv2.QRCodeEncoder_CORRECT_LEVEL_M
    settings.mode = cv2.QRCodeEncoder_MODE_ALPHANUMERIC
    modules = np.asarray(cv2.QRCodeEncoder.create(settings).encode(text), np.uint8)
    return modules[_BORDER:-_BORDER, _BORDER:-_BORDER]
