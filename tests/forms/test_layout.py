"""Where the boxes of a form lie."""

import hashlib
import itertools
from pathlib import Path

import pytest
from PIL import Image

from mnistry.errors import DataError
from mnistry.forms import layout
from mnistry.forms.definition import Box
from tests.forms.conftest import WHOLE


def boxes_of(page: layout.PageLayout) -> list[Box]:
    return [
        *(marker.box for marker in page.markers),
        *page.codes,
        *(box for _, box in page.examples),
        *(box for place in page.places for box in place.boxes),
    ]


@pytest.mark.parametrize("paper", ['page = "A4"', 'page = "letter"', "landscape = true"])
def test_boxes_lie_apart_and_within_the_margin(paper, form_of) -> None:
    form = form_of(f"{paper}\n{WHOLE}")
    placed = layout.place(form)
    assert (placed.width, placed.height) == form.size
    (first, *_) = placed.pages
    assert [place.field.name for place in first.places][:8] == [one.name for one in form.fields]
    for page in placed.pages:
        found = boxes_of(page)
        for one, other in itertools.combinations(found, 2):
            assert one.overlap(other) <= -1  # at least 1 mm apart
        inner = Box(12, 12, form.size[0] - 24, form.size[1] - 24)
        for place in page.places:
            assert all(box.overlap(inner) == min(box.width, box.height) for box in place.boxes)
            for text in page.texts:
                assert all(box.overlap(text.box) <= 0.001 for box in place.boxes), text
        # A whole cell of white around a marker, four modules around a code.
        for marker in page.markers:
            assert all(marker.box.overlap(box) < -layout.MARKER / 6 for box in found
                       if box is not marker.box)  # fmt: skip
        for code in page.codes:
            assert all(code.overlap(box) < -4 * layout.CODE / layout.MODULES for box in found
                       if box is not code)  # fmt: skip


def test_a_comb_has_a_box_a_character_and_room_for_the_point(form_of) -> None:
    places = {place.field.name: place for place in layout.place(form_of(WHOLE)).pages[0].places}
    station = places["station"].boxes
    assert [(box.width, box.height) for box in station] == [(6, 8)] * 3
    assert [b.x - a.right for a, b in itertools.pairwise(station)] == pytest.approx([1, 1])
    depth = places["depth"]
    assert depth.point_after == 3
    gaps = [b.x - a.right for a, b in itertools.pairwise(depth.boxes)]
    assert gaps == pytest.approx([1, 1, 3.5])
    day = places["day"].boxes  # DD.MM.YYYY
    gaps = [b.x - a.right for a, b in itertools.pairwise(day)]
    assert gaps == pytest.approx([1, 3.5, 1, 3.5, 1, 1, 1])
    assert len(places["weather"].boxes) == 2


def test_a_table_continues_on_the_next_page_with_its_headings(form_of) -> None:
    placed = layout.place(form_of(WHOLE.replace("rows = 12", "rows = 40")))
    assert len(placed.pages) == 3
    rows = [
        (place.row, place.field.name)
        for page in placed.pages for place in page.places if place.table == "catch"
    ]  # fmt: skip
    assert rows == [(row, name) for row in range(40) for name in ("species", "count")]
    for page in placed.pages:
        assert [text.text for text in page.texts].count("species") == 1
    assert [marker.id for marker in placed.pages[1].markers] == [4, 5, 6, 7]


def test_what_is_too_large_is_refused_with_its_line(form_of) -> None:
    wide = '[[field]]\nname = "w"\ntype = "digits"\nlength = 40\n'
    # 40 cells of 6 mm and 39 gaps of 1 mm are 279 mm.
    with pytest.raises(DataError, match=r"line 3: a field of 279 mm where 186 mm are free; use"):
        layout.place(form_of(f'title = "t"\n{wide}'))
    assert layout.place(form_of(f'title = "t"\ncell = [4, 5]\nlandscape = true\n{wide}'))
    with pytest.raises(DataError, match="the title takes 4 lines; expected at most 2"):
        layout.place(form_of(f'title = "{"測" * 80}"\n{wide}'.replace("40", "4")))
    many = "".join(f'[[field]]\nname = "t{n}"\ntype = "text"\n' for n in range(900))
    with pytest.raises(DataError, match="more than 50 pages"):
        layout.place(form_of(f'title = "t"\ncell = [20, 20]\n{many}'))


def test_a_template_has_its_boxes_where_the_file_says(form_of, tmp_path: Path) -> None:
    Image.new("L", (420, 594), 255).save(tmp_path / "blank.png", dpi=(50.8, 50.8))
    form = form_of(
        'title = "t"\ntemplate = "blank.png"\n'
        '[[field]]\nname = "a"\ntype = "decimal"\ncells = 4\ndecimals = 1\nbox = [20, 9, 20, 8]\n'
        '[[field]]\nname = "b"\ntype = "choice"\noptions = ["1", "2"]\n'
        "boxes = [[50, 9, 5, 5], [60, 9, 5, 5]]\n"
        '[[table]]\nname = "c"\nrows = 2\nbox = [20, 50, 90, 20]\n'
        'columns = [{name = "d", type = "tick", width = 40},\n'
        '{name = "e", type = "digits", cells = 2}]'
    )
    (page,) = layout.place(form).pages
    assert (page.markers, page.codes, page.texts) == ((), (), ())
    a, b, *grid = page.places
    assert a.boxes == (Box(20, 9, 5, 8), Box(25, 9, 5, 8), Box(30, 9, 5, 8), Box(35, 9, 5, 8))
    assert a.point_after == 3
    assert b.boxes == (Box(50, 9, 5, 5), Box(60, 9, 5, 5))
    assert [(place.table, place.row, place.boxes) for place in grid] == [
        ("c", 0, (Box(20, 50, 40, 10),)),
        ("c", 0, (Box(60, 50, 25, 10), Box(85, 50, 25, 10))),
        ("c", 1, (Box(20, 60, 40, 10),)),
        ("c", 1, (Box(60, 60, 25, 10), Box(85, 60, 25, 10))),
    ]


def test_a_change_of_the_layout_must_change_the_version(form_of) -> None:
    # If this fails, count up _LAYOUT in definition.py, and write the new digests here: sheets of
    # the old layout are in use, and their version must not be taken for this one's.
    form = form_of(WHOLE)
    places = repr([(page.markers, page.codes, page.places) for page in layout.place(form).pages])
    digest = hashlib.sha256(places.encode()).hexdigest()[:8]
    assert (form.version, digest) == ("8d74e837", "f988a2b3")
