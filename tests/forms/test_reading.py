"""A filled sheet is read as it was filled, or a person is asked to look."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mnistry import Reader
from mnistry.forms.answers import CHECK, EMPTY, OK
from mnistry.forms.definition import Form
from mnistry.forms.loading import load
from mnistry.forms.reading import SECOND, FormReader
from mnistry.forms.records import BLANK
from mnistry.forms.rules import key
from tests.forms import filled
from tests.forms.filled import BOXES, SCALE

WRITTEN = {"station": "049", "count": " 317", "depth": "26", "checked": True}
PRINTED = """
title = "Printed"
[[field]]
name = "station"
type = "digits"
length = 3
[[field]]
name = "depth"
type = "decimal"
length = 4
decimals = 1
[[field]]
name = "weather"
type = "choice"
options = ["sun", "rain"]
[[field]]
name = "done"
type = "tick"
[[table]]
name = "catch"
rows = 2
columns = [{name = "count", type = "integer", length = 3}]
"""
VALUES = {
    key("station"): "049", key("depth"): " 317", key("weather"): " x", key("done"): "x",
    ("catch", 0, "count"): "12 ",
}  # fmt: skip
READ = {
    key("station"): ("049", OK), key("depth"): ("31.7", OK), key("weather"): ("rain", OK),
    key("done"): ("True", OK), ("catch", 0, "count"): ("12", OK),
    ("catch", 1, "count"): ("None", EMPTY),
}  # fmt: skip


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(threads=1)


@pytest.fixture(scope="module")
def on_template(reader: Reader, tmp_path_factory: pytest.TempPathFactory) -> FormReader:
    return FormReader(load(filled.write_form(tmp_path_factory.mktemp("form"))), reader)


def form_in(folder: Path, text: str) -> Form:
    path = folder / "FORM.toml"
    path.write_text(text, "utf-8")
    return load(path)


@pytest.fixture(scope="module")
def on_print(reader: Reader, tmp_path_factory: pytest.TempPathFactory) -> FormReader:
    return FormReader(form_in(tmp_path_factory.mktemp("form"), PRINTED), reader)


@pytest.mark.parametrize(("strength", "turns"), [(0.8, 0), (0.1, 2), (0.5, 1)])
def test_paper_that_existed_is_read_dark_faint_and_turned(
    on_template: FormReader, strength: float, turns: int
) -> None:
    seen = filled.scan(filled.fill(WRITTEN, strength))
    found = on_template.read(np.ascontiguousarray(np.rot90(seen, turns)))
    assert (found.page, found.turned, found.problems) == (1, 90 * turns, ())
    assert {at[2]: (a.value, a.status) for at, a in found.answers.items()} == {
        "station": ("049", OK), "count": (317, OK), "depth": ("26", OK), "checked": (True, OK),
        "repeated": (False, OK),
    }  # fmt: skip


def test_a_negative_is_read_and_a_black_scan_is_no_blank_page(on_print: FormReader) -> None:
    (sheet,) = filled.printed(on_print.form, VALUES, serial=17)
    found = on_print.read(255 - filled.scan(sheet, scale=0.6))
    assert (found.page, found.serial) == (1, 17)
    assert {at: (str(a.value), a.status) for at, a in found.answers.items()} == READ
    assert on_print.read(np.zeros((700, 500), np.uint8)).problem not in (None, BLANK)


def test_two_sheets_on_a_scan_are_set_aside_and_none_is_lost(
    on_template: FormReader, on_print: FormReader
) -> None:
    one, other = (filled.scan(filled.fill(WRITTEN), angle, 0.5) for angle in (1, -1))
    assert on_template.read(np.hstack([one, other])).problem == SECOND
    assert on_template.read(np.hstack([one, np.full_like(one, 240)])).page == 1
    one, other = (
        cv2.resize(filled.printed(on_print.form, VALUES, serial=serial)[0], None, fx=0.6, fy=0.6)
        for serial in (1, 2)
    )
    assert on_print.read(np.hstack([one, other])).problem == SECOND
    half = np.hstack([one, other[:, : one.shape[1] * 3 // 4]])
    assert on_print.read(half).problem == SECOND


def test_a_printed_form_is_read_with_its_number(on_print: FormReader) -> None:
    (sheet,) = filled.printed(on_print.form, VALUES, serial=17)
    found = on_print.read(filled.scan(sheet, -1.5))
    assert (found.page, found.serial, found.problems) == (1, 17, ())
    assert {at: (str(a.value), a.status) for at, a in found.answers.items()} == READ


def without(sheet: np.ndarray, *corners: str) -> np.ndarray:
    """Tear off corners: ``top left`` and so on."""
    sheet = sheet.copy()
    side = 36 * SCALE
    for corner in corners:
        rows = slice(0, side) if "top" in corner else slice(-side, None)
        columns = slice(0, side * 5 // 4) if "left" in corner else slice(-side * 5 // 4, None)
        sheet[rows, columns] = 255
    return sheet


@pytest.mark.parametrize("corner", ["top right", "bottom left"])
def test_fault_118_a_corner_may_be_torn_off(on_print: FormReader, corner: str) -> None:
    (sheet,) = filled.printed(on_print.form, VALUES, serial=17)
    found = on_print.read(filled.scan(without(sheet, corner)))
    assert (found.page, found.serial) == (1, 17)
    assert found.answers[key("depth")].status == OK


def test_fault_118_without_code_and_markers_a_page_is_placed_by_its_looks_and_told(
    on_print: FormReader,
) -> None:
    (sheet,) = filled.printed(on_print.form, VALUES, serial=17)
    found = on_print.read(filled.scan(without(sheet, "top right", "bottom left", "top left")))
    assert (found.page, found.serial) == (1, None)
    assert found.problems == ("its code cannot be read: it was placed by what is printed on it",)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [("length = 3", "length = 4", "a page of version"), ("Printed", "Other", "another form")],
)
def test_fault_118_another_version_and_another_form_are_set_aside(
    on_print: FormReader, tmp_path: Path, old: str, new: str, said: str
) -> None:
    other = form_in(tmp_path, PRINTED.replace(old, new))
    (sheet,) = filled.printed(other, {}, serial=3)
    found = on_print.read(filled.scan(sheet))
    assert found.page is None
    assert said in (found.problem or "")


def test_fault_118_a_second_code_beside_the_page_changes_nothing(
    on_print: FormReader, tmp_path: Path
) -> None:
    (sheet,) = filled.printed(on_print.form, VALUES, serial=17)
    (other,) = filled.printed(form_in(tmp_path, PRINTED.replace("Printed", "Other")), {}, serial=3)
    box = on_print.layout.pages[0].codes[0]
    rows, columns = (
        slice(round((start - 3) * SCALE), round((start + side + 3) * SCALE))
        for start, side in ((box.y, box.height), (box.x, box.width))
    )
    desk = np.pad(filled.scan(sheet), ((0, 0), (0, 400)), constant_values=230)
    code = other[rows, columns]
    desk[300 : 300 + code.shape[0], -350 : -350 + code.shape[1]] = code
    found = on_print.read(desk)
    assert (found.page, found.serial) == (1, 17)
    assert found.answers[key("station")].value == "049"


def test_a_picture_of_something_else_is_set_aside(
    on_print: FormReader, on_template: FormReader
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (900, 700)).astype(np.uint8)
    for form_reader in (on_print, on_template):
        assert form_reader.read(noise).page is None
        assert form_reader.read(np.full((900, 700), 10, np.uint8)).problem not in (None, BLANK)


def test_a_blank_back_is_told_from_a_page_that_was_not_recognised(on_print: FormReader) -> None:
    light = np.linspace(200, 250, 1240, dtype=np.float32)
    grain = np.random.default_rng(0).normal(0, 3, (1754, 1240))
    back = np.clip(light + grain, 0, 255).astype(np.uint8)
    assert on_print.read(back).problem == BLANK
    back[800:860, 600:606] = 150  # somebody wrote a 1
    assert on_print.read(back).problem not in (None, BLANK)


def test_a_template_may_have_a_page_with_nothing_on_it(reader: Reader, tmp_path: Path) -> None:
    form = load(filled.write_form(tmp_path))
    Image.fromarray(filled.blank()).save(
        tmp_path / "blank.pdf", save_all=True, resolution=8 * 25.4,
        append_images=[Image.new("L", (210 * 8, 297 * 8), 255)],
    )  # fmt: skip
    form = replace(form, template=tmp_path / "blank.pdf", template_pages=2)
    found = FormReader(form, reader).read(filled.scan(filled.fill({"station": "049"})))
    assert (found.page, found.answers[key("station")].value) == (1, "049")


Map = Callable[[float, float], tuple[int, int]]


def marked(draw: Callable[[np.ndarray, Map], object]) -> np.ndarray:
    """Draw something on the filled template page; `draw` gets the page, and a map from mm."""
    sheet = filled.fill(WRITTEN)
    draw(sheet, lambda x, y: (round(x * SCALE), round(y * SCALE)))
    return filled.scan(sheet)


def test_a_line_across_cells_is_no_digit(on_template: FormReader) -> None:
    x, y, width, _ = BOXES["station"]
    ends = (x + 1, y + 5), (x + width - 1, y + 5)
    seen = marked(lambda sheet, at: cv2.line(sheet, at(*ends[0]), at(*ends[1]), 40, 5))
    answer = on_template.read(seen).answers[key("station")]
    assert answer.status == CHECK
    assert "a line is drawn across cells" in (answer.why or "")


def test_fault_120_digits_that_are_struck_out_are_checked(on_template: FormReader) -> None:
    x, y, *_ = BOXES["depth"]

    def strike(sheet: np.ndarray, at: Map) -> None:
        for shift in (-2, 0, 2):
            cv2.line(sheet, at(x + 1, y + 6 + shift), at(x + 16, y + 5 - shift), 40, 5)

    assert on_template.read(marked(strike)).answers[key("depth")].status == CHECK


def test_fault_120_a_digit_that_is_written_over_another_is_checked(on_template: FormReader) -> None:
    sheet = filled.fill({"station": "0 9"})
    x, y, width, height = BOXES["station"]
    ink = np.zeros(sheet.shape, np.float32)
    for digit in (3, 8):  # read as an 8 for certain by both networks
        filled.write(ink, filled.digit(digit), x + width / 2, y + height / 2, 7.0)
    sheet = np.asarray(np.rint(sheet * (1 - 0.8 * ink)), np.uint8)
    answer = on_template.read(filled.scan(sheet)).answers[key("station")]
    assert (answer.text, answer.status) == ("0?9", CHECK)


def test_fault_120_a_digit_half_outside_of_its_field_is_checked_or_right(
    on_template: FormReader,
) -> None:
    sheet = filled.fill(WRITTEN)
    x, y, *_ = BOXES["count"]
    ink = np.zeros(sheet.shape, np.float32)
    filled.write(ink, filled.digit(8), x + 2, y + 1, 7.0)
    sheet = np.asarray(np.rint(sheet * (1 - 0.8 * ink)), np.uint8)
    answer = on_template.read(filled.scan(sheet)).answers[key("count")]
    assert answer.status == CHECK or answer.value == 8317


def test_fault_120_ink_beside_a_printed_field_makes_it_checked(on_print: FormReader) -> None:
    (sheet,) = filled.printed(on_print.form, VALUES, serial=1)
    box = next(p for p in on_print.layout.pages[0].places if p.field.name == "station").boxes[-1]
    ink = np.zeros(sheet.shape, np.float32)
    filled.write(ink, filled.digit(5), box.x, box.bottom + 7, 7.0)
    sheet = np.asarray(np.rint(sheet * (1 - 0.8 * ink)), np.uint8)
    found = on_print.read(filled.scan(sheet))
    touched = [a.why for a in found.answers.values() if a.status == CHECK]
    assert touched == ["there is ink beside it"]


def test_the_place_told_is_that_of_the_ink_in_no_field(on_print: FormReader) -> None:
    (sheet,) = filled.printed(on_print.form, VALUES, serial=1)
    box = next(p for p in on_print.layout.pages[0].places if p.field.name == "station").boxes[-1]
    ink = np.zeros(sheet.shape, np.float32)
    filled.write(ink, filled.digit(5), box.x, box.bottom + 7, 7.0)  # beside a field
    filled.write(ink, filled.digit(5), 60, 200, 7.0)  # in no field
    sheet = np.asarray(np.rint(sheet * (1 - 0.8 * ink)), np.uint8)
    (problem,) = on_print.read(filled.scan(sheet)).problems
    x, y = map(int, re.findall(r"(\d+) mm", problem))
    assert 58 <= x <= 69
    assert 190 <= y <= 202


@pytest.mark.parametrize(("shape", "told"), [("short", True), ("curved", True), ("long", False)])
def test_a_long_mark_in_no_field_is_told_unless_it_is_a_line(
    on_print: FormReader, shape: str, told: bool
) -> None:
    (sheet,) = filled.printed(on_print.form, VALUES, serial=1)
    x, y = 60 * SCALE, 200 * SCALE
    if shape == "curved":
        cv2.ellipse(sheet, (x, y), (20 * SCALE, 30 * SCALE), 0, 0, 300, 60, SCALE)
    else:
        length = (50 if shape == "short" else 120) * SCALE
        cv2.line(sheet, (x, y), (x + length, y + length // 10), 60, SCALE)
    found = on_print.read(filled.scan(sheet))
    assert [answer for answer in found.answers.values() if answer.status == CHECK] == []
    assert any("ink in no field" in problem for problem in found.problems) == told
    assert bool(found.lines) == (shape == "long")


def test_a_line_down_the_page_is_no_digit(on_print: FormReader) -> None:
    (sheet,) = filled.printed(on_print.form, {**VALUES, key("depth"): ""}, serial=1)
    place = next(p for p in on_print.layout.pages[0].places if p.field.name == "depth")
    x = place.boxes[0].x + 3
    clean = on_print.read(filled.scan(sheet))
    cv2.line(sheet, (round(x * SCALE), 0), (round((x + 2) * SCALE), sheet.shape[0]), 90, 2)
    found = on_print.read(filled.scan(sheet))
    answer = found.answers[key("depth")]
    assert "a line runs through it" in (answer.why or "")
    assert (answer.status, answer.candidates, answer.is_contested) == (CHECK, (), True)
    assert [problem for problem in found.problems if "a fold, or dirt" in problem]
    assert found.lines
    assert all(is_down for is_down, _ in found.lines)
    assert (clean.lines, clean.answers[key("depth")].status) == ((), EMPTY)


def test_a_scan_in_black_and_white_has_lost_the_frames_and_is_read(on_print: FormReader) -> None:
    (sheet,) = filled.printed(on_print.form, VALUES, serial=17)
    seen = np.where(filled.scan(sheet) > 190, 255, 0).astype(np.uint8)
    found = on_print.read(seen)
    assert (found.page, found.serial) == (1, 17)
    said = {at: (str(answer.value), answer.status) for at, answer in found.answers.items()}
    assert said == READ


def test_a_punched_hole_is_no_zero(on_print: FormReader) -> None:
    (sheet,) = filled.printed(on_print.form, {**VALUES, key("depth"): ""}, serial=1)
    box = next(p for p in on_print.layout.pages[0].places if p.field.name == "depth").boxes[1]
    middle = round((box.x + box.width / 2) * SCALE), round((box.y + box.height / 2) * SCALE)
    cv2.circle(sheet, middle, round(2.6 * SCALE), 30, -1)
    assert on_print.read(filled.scan(sheet)).answers[key("depth")].status == CHECK


def test_ink_that_shows_through_is_checked(on_print: FormReader) -> None:
    values = {**VALUES, key("depth"): "", ("catch", 1, "count"): "4  "}
    (sheet,) = filled.printed(on_print.form, values, serial=1)
    place = next(p for p in on_print.layout.pages[0].places if p.field.name == "depth")
    ink = np.zeros(sheet.shape, np.float32)
    for box, digit in zip(place.boxes, (0, 3, 1, 7), strict=True):
        filled.write(ink, filled.digit(digit), box.x + 3, box.y + 4, 7.0)
    sheet = np.asarray(np.rint(sheet * (1 - 0.15 * ink)), np.uint8)
    answer = on_print.read(filled.scan(sheet)).answers[key("depth")]
    assert "much fainter" in (answer.why or "")


def test_a_point_in_a_cell_is_no_digit_and_a_slash_is_checked(on_template: FormReader) -> None:
    x, y, width, height = BOXES["count"]
    pitch = width / 4

    def slash(sheet: np.ndarray, at: Map) -> None:
        cv2.line(sheet, at(x + 0.5, y + height + 0.5), at(x + pitch - 0.5, y - 0.5), 40, 5)

    def point(sheet: np.ndarray, at: Map) -> None:
        cv2.circle(sheet, at(x + pitch / 2, y + height - 3), 4, 40, -1)

    answer = on_template.read(marked(slash)).answers[key("count")]
    assert answer.status == CHECK
    assert "a stroke goes through a whole box" in (answer.why or "")
    answer = on_template.read(marked(point)).answers[key("count")]
    assert (answer.status, answer.value) == (OK, 317)
