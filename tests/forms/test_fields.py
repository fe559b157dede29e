"""The fields of a blank: those of a PDF, and boxes that are drawn."""

from pathlib import Path

import cv2
import numpy as np
import pypdfium2
import pytest
from PIL import Image

from mnistry.errors import DataError
from mnistry.forms import fields, layout, printing
from mnistry.forms.definition import Box, Form
from mnistry.forms.loading import load
from tests.forms.conftest import WHOLE

POINT = 25.4 / 72


def pdf_of(*objects: str, rotate: int = 0) -> bytes:
    """Write a PDF of one A4 page; objects from 4 on are given, all of them fields."""
    numbers = " ".join(f"{number} 0 R" for number in range(4, 4 + len(objects)))
    every = [
        f"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[{numbers}]>>>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Rotate {rotate}/Annots[{numbers}]>>",
        *objects,
    ]
    body = "".join(f"{n} 0 obj{text}endobj\n" for n, text in enumerate(every, 1))
    return f"%PDF-1.7\n{body}trailer<</Root 1 0 R>>\n%%EOF".encode("latin-1")


def widget(kind: str, left: float, top: float, right: float, bottom: float, more: str) -> str:
    """Write a field and its widget in one, at points from the page's lower left corner."""
    place = f"/Rect[{left} {bottom} {right} {top}]"
    return f"<</Type/Annot/Subtype/Widget/FT/{kind}{place}{more}>>"


def state(name: str) -> str:
    return f"/AS/Off/AP<</N<</{name} null/Off null>>>>"


# Flags (/Ff): 16777216 is a comb of MaxLen cells, 131072 a list to choose from.
FIELDS = (
    widget("Tx", 72, 770, 132, 750, "/T(form.page[0].station no)/TU(Station)/Ff 16777216/MaxLen 3"),
    widget("Tx", 200, 770, 400, 750, "/T(remarks)/MaxLen 3"),
    widget("Btn", 72, 700, 84, 688, "/T(duplicate)" + state("Yes")),
    widget("Ch", 200, 700, 300, 680, "/T(serial)/Ff 131072/Opt[(dry)(rain)]"),
)


def loaded(found: fields.Found, folder: Path) -> Form:
    path = folder / "FORM.toml"
    path.write_text(fields.to_toml(found, path), "utf-8")
    return load(path)


def test_the_fields_of_a_pdf_have_their_names_places_and_boxes(tmp_path: Path) -> None:
    blank = tmp_path / "blank.pdf"
    blank.write_bytes(pdf_of(*FIELDS))
    found = fields.find(blank)
    form = loaded(found, tmp_path)
    assert [(one.name, one.label, one.type, one.cells) for one in form.fields] == [
        ("station_no", "Station", "digits", 3),
        ("remarks", "remarks", "text", 0),
        ("duplicate", "duplicate", "tick", 0),
        ("serial_2", "serial 2", "text", 0),  # serial is a column that every result has
    ]
    assert '# one of "dry", "rain"' in fields.to_toml(found, tmp_path / "FORM.toml")
    (page,) = layout.place(form).pages
    box = page.places[0].boxes[1]
    expected = [(72 + 20) * POINT, (842 - 770) * POINT, 20 * POINT, 20 * POINT]
    assert [box.x, box.y, box.width, box.height] == pytest.approx(expected, abs=0.02)


def test_the_places_of_a_page_that_is_turned_are_those_that_one_sees(tmp_path: Path) -> None:
    blank = tmp_path / "blank.pdf"
    blank.write_bytes(pdf_of(FIELDS[0], rotate=90))
    form = loaded(fields.find(blank), tmp_path)
    assert form.size == pytest.approx((842 * POINT, 595 * POINT), abs=0.1)
    box = form.fields[0].box
    assert box is not None
    # Turned clockwise: what was at the left is at the top, what was low is at the left.
    expected = [750 * POINT, 72 * POINT, 20 * POINT, 60 * POINT]
    assert [box.x, box.y, box.width, box.height] == pytest.approx(expected, abs=0.02)


def test_a_draft_of_any_pdf_can_be_loaded(tmp_path: Path) -> None:
    boxes = [
        widget("Btn", 20 + 15 * n, 700, 30 + 15 * n, 690, "/T(score)" + state(f"s{n}"))
        for n in range(31)
    ]
    name = "".join(f"{ord(one):04X}" for one in "\ufeffहिन्दी")
    hidden = widget("Tx", 20, 600, 90, 580, "/T(hidden)/F 2")  # 2: the flag of hidden fields
    beside = widget("Tx", 600, 600, 690, 580, "/T(beside)")  # the page is 595 points wide
    hindi = widget("Tx", 20, 500, 90, 480, f"/T<{name}>")
    blank = tmp_path / f"{'long name ' * 9}.pdf"
    blank.write_bytes(pdf_of(*boxes, hidden, beside, hindi))
    form = loaded(fields.find(blank), tmp_path)
    assert [one.type for one in form.fields] == ["tick"] * 31 + ["text"]
    assert form.fields[-1].name == "हिन्दी"


def test_fields_that_overlap_are_left_out_of_the_draft_but_for_the_smallest(tmp_path: Path) -> None:
    one = widget("Tx", 72, 620, 172, 600, "/T(one)")
    over = widget("Tx", 150, 615, 290, 595, "/T(over)")
    whole = widget("Tx", 0, 842, 595, 0, "/T(whole)")
    blank = tmp_path / "blank.pdf"
    blank.write_bytes(pdf_of(whole, one, over, FIELDS[0]))
    found = fields.find(blank)
    assert [one.name for one in loaded(found, tmp_path).fields] == ["station_no", "one"]
    draft = fields.to_toml(found, tmp_path / "FORM.toml")
    assert '# This field overlaps "one":\n# [[field]]\n# name = "over"' in draft
    assert '# This field overlaps "station_no":\n# [[field]]\n# name = "whole"' in draft


def test_boxes_of_one_name_are_a_choice(tmp_path: Path) -> None:
    blank = tmp_path / "blank.pdf"
    kids = [
        f"<</Type/Annot/Subtype/Widget/Parent 4 0 R/Rect[{x} 688 {x + 12} 700]{state(value)}>>"
        for x, value in ((72, "dry"), (100, "rain"), (140, "snow"))
    ]
    # The flags 49152 are radio buttons (32768), of which one is always on (16384).
    parent = "<</FT/Btn/Ff 49152/T(weather)/Kids[5 0 R 6 0 R 7 0 R]>>"
    blank.write_bytes(pdf_of(parent, *kids))
    (one,) = loaded(fields.find(blank), tmp_path).fields
    assert (one.name, one.type, one.options) == ("weather", "choice", ("dry", "rain", "snow"))
    assert [box.x for box in one.boxes] == pytest.approx(
        [72 * POINT, 100 * POINT, 140 * POINT], abs=0.02
    )


@pytest.mark.parametrize("kind", ["pdf", "png"])
def test_the_boxes_of_our_own_blank_are_found_where_they_were_printed(
    kind, form_of, tmp_path: Path
) -> None:
    form = form_of(WHOLE)
    placed = layout.place(form)
    content = printing.print_form(form, placed)
    blank = tmp_path / f"blank.{kind}"
    if kind == "pdf":
        blank.write_bytes(content)
    else:
        document = pypdfium2.PdfDocument(content)
        image = document[0].render(scale=150 / 72, grayscale=True).to_pil()
        document.close()
        noise = np.random.default_rng(0).normal(0, 2, (image.height, image.width))
        grey = np.clip(np.asarray(image) - 6 + noise, 0, 255).astype(np.uint8)
        Image.fromarray(grey).save(blank, dpi=(150, 150))
    folder = tmp_path / "found"
    folder.mkdir()
    found = layout.place(loaded(fields.find(blank), folder)).pages[0].places
    expected = placed.pages[0].places
    wanted = sorted((box.y, box.x, box) for place in expected for box in place.boxes)
    got = sorted((box.y, box.x, box) for place in found for box in place.boxes)
    assert len(got) == len(wanted)
    for *_, box in wanted:  # each is found to 0.4 mm
        assert any(
            abs(box.x - other.x) < 0.4 and abs(box.y - other.y) < 0.4
            and abs(box.right - other.right) < 0.4 and abs(box.bottom - other.bottom) < 0.4
            for *_, other in got
        ), box  # fmt: skip
    (depth,) = (place for place in found if place.field.type == "decimal")
    assert (len(depth.boxes), depth.point_after) == (4, 3)
    # The table's cells belong to one table of 12 rows; they are no fields of their own.
    rows = {place.row for place in found if place.table == "table_1"}
    assert rows == set(range(12))
    assert [len(place.boxes) for place in found if place.row == 0] == [3, 2]


def test_a_grid_is_a_table_and_its_headings_are_not(tmp_path: Path) -> None:
    grey = np.full((1188, 840), 240, np.uint8)  # A4, 4 pixels a millimetre, without a resolution
    for y in (200, 240, 280, 320, 360):
        cv2.line(grey, (100, y), (500, y), 60, 2)
    for x in (100, 180, 340, 500):
        cv2.line(grey, (x, 200), (x, 360), 60, 2)
    for x in (110, 200, 360):
        cv2.putText(grey, "head", (x, 230), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 0, 2)
    cv2.rectangle(grey, (100, 500), (740, 540), 60, 2)
    blank = tmp_path / "blank.png"
    Image.fromarray(grey).save(blank)
    form = loaded(fields.find(blank), tmp_path)
    assert form.size == (210, 297)
    (table,) = form.tables
    assert table.rows == 3
    assert [column.width for column in table.columns] == pytest.approx([20, 40, 40], abs=0.6)
    assert table.box is not None
    assert [table.box.x, table.box.y, table.box.bottom] == pytest.approx([25, 60, 90], abs=0.4)
    (text,) = form.fields
    assert text.type == "text"
    assert text.box is not None
    assert text.box.overlap(Box(25, 125, 160, 10)) > 9


def test_a_blank_that_lies_askew_is_refused(tmp_path: Path) -> None:
    grey = np.full((1188, 840), 255, np.uint8)
    for x in (100, 300, 500):
        cv2.rectangle(grey, (x, 200), (x + 150, 240), 60, 2)
    blank = tmp_path / "blank.png"
    for degrees, is_straight in ((0.2, True), (0.6, False), (-0.6, False)):
        turn = cv2.getRotationMatrix2D((420, 600), degrees, 1)
        turned = cv2.warpAffine(grey, turn, (840, 1188), borderValue=255)
        Image.fromarray(turned).save(blank)
        if is_straight:
            assert len(fields.find(blank).fields) == 3
        else:
            with pytest.raises(DataError, match=r"the page lies 0\.[567]° askew"):
                fields.find(blank)


def test_paper_without_boxes_is_refused(tmp_path: Path) -> None:
    blank = tmp_path / "blank.png"
    Image.new("L", (840, 1188), 255).save(blank)
    with pytest.raises(DataError, match="no fields found; expected a blank form"):
        fields.find(blank)
    Image.new("L", (840, 900), 255).save(blank)
    with pytest.raises(DataError, match="the size of its paper is not known"):
        fields.find(blank)
    Image.new("L", (840, 1188), 255).save(blank, dpi=(11, 11))
    with pytest.raises(DataError, match="a page of 1940 by 2743 mm; expected at most 1200 mm"):
        fields.find(blank)


def test_fields_after_many_links_are_found(tmp_path: Path) -> None:
    blank = tmp_path / "blank.pdf"
    links = ["<</Type/Annot/Subtype/Link/Rect[9 9 30 30]>>"] * 2100
    blank.write_bytes(pdf_of(*links, *FIELDS[:1]))
    assert [field.name for field in fields.find(blank).fields] == ["station_no"]


def test_a_pdf_with_too_many_fields_is_refused(tmp_path: Path) -> None:
    blank = tmp_path / "blank.pdf"
    blank.write_bytes(pdf_of(*[widget("Tx", 9, 30, 30, 9, f"/T(f{n})") for n in range(2001)]))
    with pytest.raises(DataError, match="more than 2,000 form fields"):
        fields.find(blank)
