"""A printed form, drawn as a printer and a scanner do, has all where its layout says."""

from pathlib import Path

import cv2
import numpy as np
import pypdfium2
import pytest
from PIL import Image

from mnistry.errors import DataError
from mnistry.forms import code, layout, printing
from mnistry.forms.copies import Copy, numbered
from mnistry.forms.definition import Box, Form
from tests.forms.conftest import WHOLE

DPI = 300
MM = DPI / 25.4  # pixels
EXACT = 0.2  # millimetres


def rendered(pdf: bytes, number: int = 0, dpi: float = DPI) -> np.ndarray:
    """Draw a page: grey, 0 for black to 255 for white."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        bitmap = document[number].render(scale=dpi / 72, grayscale=True)
        return np.array(bitmap.to_numpy()).squeeze()
    finally:
        document.close()


def text_of(pdf: bytes, number: int = 0) -> str:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return document[number].get_textpage().get_text_range()
    finally:
        document.close()


def printed(form: Form, *copies: Copy) -> bytes:
    return printing.print_form(form, layout.place(form), copies or (Copy(),))


def crop(page: np.ndarray, box: Box, margin: float) -> np.ndarray:
    """Cut a box with a margin in millimetres around it."""
    top, bottom = round((box.y - margin) * MM), round((box.bottom + margin) * MM)
    left, right = round((box.x - margin) * MM), round((box.right + margin) * MM)
    return page[top:bottom, left:right]


def decoded(image: np.ndarray) -> str:
    """Read a QR code: OpenCV misses one in 300, and finds it at another size."""
    for size in (image.shape[0], 200, 300):
        said, *_ = cv2.QRCodeDetector().detectAndDecode(cv2.resize(image, (size, size)))
        if said:
            return said
    return ""


@pytest.mark.parametrize("paper", ['page = "A4"', 'page = "letter"\nlandscape = true'])
def test_markers_and_codes_are_found_where_the_layout_says(paper, form_of) -> None:
    form = form_of(f"{paper}\n{WHOLE.replace('rows = 12', 'rows = 30')}")
    placed = layout.place(form)
    pdf = printed(form, Copy(17))
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
    detector = cv2.aruco.ArucoDetector(dictionary)
    assert len(placed.pages) > 1
    for page in placed.pages:
        image = rendered(pdf, page.number - 1)
        height, width = image.shape
        assert (width / MM, height / MM) == pytest.approx(form.size, abs=EXACT)
        corners, ids, _ = detector.detectMarkers(image)
        found = dict(zip(ids.ravel().tolist(), corners, strict=True))
        assert found.keys() == {marker.id for marker in page.markers}
        for marker in page.markers:
            box = marker.box
            expected = [(box.x, box.y), (box.right, box.y), (box.right, box.bottom),
                        (box.x, box.bottom)]  # fmt: skip
            assert found[marker.id].reshape(4, 2) / MM == pytest.approx(
                np.array(expected), abs=EXACT
            )
        for box in page.codes:
            assert code.parse(decoded(crop(image, box, 2.6))) == code.Code(
                form.identity, form.version, page.number, 17
            )


def test_boxes_are_printed_where_the_layout_says_in_a_colour_that_drops_out(form_of) -> None:
    form = form_of(WHOLE)
    page = rendered(printed(form))
    places = layout.place(form).pages[0].places
    assert len(places) == 8 + 24  # 8 fields, and a table of 12 rows and 2 columns
    for place in places:
        for box in place.boxes:
            around = crop(page, box, 0.45)
            assert around.min() > 190
            inside = crop(page, box, -0.45)
            assert inside.min() == 255
            middle = around[around.shape[0] // 3 : -around.shape[0] // 3]
            (columns,) = np.nonzero(middle.mean(0) < 240)
            (rows,) = np.nonzero(
                around[:, around.shape[1] // 3 : -around.shape[1] // 3].mean(1) < 240
            )
            left, right = (columns[0] / MM - 0.45, columns[-1] / MM - 0.45)
            top, bottom = (rows[0] / MM - 0.45, rows[-1] / MM - 0.45)
            assert (left, right, top, bottom) == pytest.approx(
                (0, box.width, 0, box.height), abs=EXACT
            )


def test_a_point_is_printed_between_its_boxes(form_of) -> None:
    form = form_of(WHOLE)
    page = rendered(printed(form))
    (depth,) = (p for p in layout.place(form).pages[0].places if p.field.name == "depth")
    assert depth.point_after is not None
    before, behind = depth.boxes[depth.point_after - 1 : depth.point_after + 1]
    gap = Box(before.right, before.y, behind.x - before.right, before.height)
    rows, columns = np.nonzero(crop(page, gap, -0.2) < 100)
    assert rows.min() / MM > 0.7 * gap.height
    assert columns.mean() / MM + 0.2 == pytest.approx(gap.width / 2, abs=EXACT)
    other = Box(depth.boxes[0].right, gap.y, 1, gap.height)
    assert crop(page, other, -0.2).min() == 255


def test_copies_differ_in_their_number_and_name_alone(form_of) -> None:
    form = form_of(WHOLE)
    pdf = printed(form, Copy(1), Copy(2, "Zoë Müller · 3b"), Copy(0))
    first, second, third = (rendered(pdf, number, 150) for number in range(3))
    (page,) = layout.place(form).pages
    assert page.name is not None
    assert page.footer is not None
    scale = 150 / 25.4
    for box in (*page.codes, page.name, page.footer):
        top, bottom = round((box.y - 1) * scale), round((box.bottom + 1) * scale)
        left, right = round((box.x - 1) * scale), round((box.right + 1) * scale)
        assert (first[top:bottom, left:right] != second[top:bottom, left:right]).any()
        first[top:bottom, left:right] = second[top:bottom, left:right]
        third[top:bottom, left:right] = second[top:bottom, left:right]
    assert (first == second).all()
    assert (third == second).all()
    assert "Zoë Müller · 3b" in text_of(pdf, 1)
    assert "Zoë" not in text_of(pdf, 0)
    assert f"{form.version} · 1/1 · 2" in text_of(pdf, 1)
    assert f"{form.version} · 1/1 · " not in text_of(pdf, 2)


@pytest.mark.parametrize(
    "title", ["Probe Nr. ß", "Δείγμα νερού", "Проба воды", "דגימת מים", "عينة مياه"]
)
def test_labels_are_printed_in_any_script(title, form_of) -> None:
    form = form_of(WHOLE.replace("Water samples", title))
    found = text_of(printed(form))
    # PDFium gives Arabic letters in their joined forms, and right to left.
    if title.isascii() or title[0] < "א":
        assert title in found
    else:
        assert any(0x590 < ord(letter) < 0xFEFF for letter in found)


def test_a_character_that_no_font_has_is_refused(form_of) -> None:
    form = form_of(WHOLE.replace("Water", "Water 𒀀"))
    with pytest.raises(DataError, match="no font has these characters: 𒀀; put a font"):
        printed(form)


def test_a_font_of_ones_own_is_used(form_of, tmp_path: Path) -> None:
    import matplotlib

    fonts = Path(matplotlib.get_data_path(), "fonts", "ttf")
    (tmp_path / "own.ttf").write_bytes((fonts / "STIXGeneral.ttf").read_bytes())
    assert b"STIXGeneral" in printed(form_of(f'font = "own.ttf"\n{WHOLE}'))
    (tmp_path / "own.ttf").write_bytes(b"no font")
    with pytest.raises(DataError, match=r"own\.ttf: not a font: .*; expected a TTF"):
        printed(form_of(f'font = "own.ttf"\n{WHOLE}'))
    (tmp_path / "own.ttf").write_bytes((fonts / "STIXNonUni.ttf").read_bytes())
    with pytest.raises(DataError, match=r"own\.ttf: it lacks: "):
        printed(form_of(f'font = "own.ttf"\n{WHOLE}'))


def test_the_document_is_pdf_a_and_is_not_scaled(form_of) -> None:
    pdf = printed(form_of(WHOLE))
    assert b"<pdfaid:part>2</pdfaid:part>" in pdf
    assert b"/OutputIntents" in pdf
    assert b"/PrintScaling /None" in pdf
    assert pdf.count(b"/FontFile2") == pdf.count(b"/FontDescriptor ")


def test_what_cannot_be_printed_is_refused(form_of, tmp_path: Path) -> None:
    form = form_of(WHOLE)
    placed = layout.place(form)
    with pytest.raises(DataError, match="30,000 pages; expected at most 20,000"):
        printing.print_form(form, placed, [*numbered(10_000)] * 3)
    Image.new("L", (420, 594), 255).save(tmp_path / "blank.png", dpi=(50.8, 50.8))
    form = form_of(
        'title = "t"\ntemplate = "blank.png"\n[[field]]\nname = "a"\ntype = "tick"\n'
        "box = [20, 9, 9, 9]"
    )
    with pytest.raises(DataError, match="is on paper already"):
        printed(form)
