import base64
import csv
import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

import mnistry

pytestmark = pytest.mark.slow

NUMBERS = ("2046", "173")


@pytest.fixture(scope="module")
def photo() -> bytes:
    """Grey paper in uneven light with two numbers, written with the sample's digits, as PNG."""
    images, labels = mnistry.load("sample").train
    draw = np.random.default_rng(7)
    page = np.linspace(225, 185, 900)[np.newaxis] + draw.normal(0, 2, (460, 900))
    for line, number in enumerate(NUMBERS):
        for place, digit in enumerate(number):
            ink = np.kron(images[labels == int(digit)][3], np.ones((5, 5))) / 255
            top, left = 40 + 200 * line, 60 + 180 * place
            page[top : top + 140, left : left + 140] *= 1 - 0.8 * ink
    file = io.BytesIO()
    Image.fromarray(page.clip(0, 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def drop(page, content: bytes, name: str) -> None:
    transfer = page.evaluate_handle(
        """([text, name]) => {
          const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
          const transfer = new DataTransfer();
          transfer.items.add(new File([bytes], name, { type: "image/png" }));
          return transfer;
        }""",
        [base64.b64encode(content).decode(), name],
    )
    page.dispatch_event("#photo-stage", "drop", {"dataTransfer": transfer})


def test_numbers_in_a_dropped_photo_are_read_and_shown_over_it(open_view, photo):
    page = open_view("photo")
    drop(page, photo, "form.png")
    expect(page.locator("#photo-lines li")).to_have_text(NUMBERS)
    expect(page.locator(".box")).to_have_count(7)
    stage = page.locator("#photo-stage").bounding_box()
    first = page.locator(".box").first.bounding_box()
    centre = first["x"] - stage["x"] + first["width"] / 2
    assert abs(centre / stage["width"] - 130 / 900) < 0.03


def test_a_digit_is_corrected_by_hand_and_saved_as_csv(open_view, photo, tmp_path):
    page = open_view("photo")
    drop(page, photo, "form.png")
    page.locator(".box").nth(1).click()
    page.locator("#photo-digits").get_by_role("button", name="5", exact=True).click()
    expect(page.locator("#photo-lines li").first).to_have_text("2546")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    download.value.save_as(tmp_path / "numbers.csv")
    assert download.value.suggested_filename == "form.csv"
    rows = list(csv.DictReader(io.StringIO((tmp_path / "numbers.csv").read_text("utf-8"))))
    assert [(row["line"], row["text"], row["corrected"]) for row in rows] == [
        ("1", "2546", "1"),
        ("2", "173", "0"),
    ]


def test_a_table_is_shown_cell_by_cell_and_corrected(open_view, tmp_path):
    images, labels = mnistry.load("sample").train
    sheet = np.full((300, 340), 235, np.uint8)
    sheet[40:261:110, 40:301] = sheet[40:261, 40:301:130] = 60
    for i, row in enumerate(("38", "20")):
        for j, digit in enumerate(row):
            ink = images[labels == int(digit)][0].repeat(2, axis=0).repeat(2, axis=1)
            part = sheet[66 + 110 * i :, 76 + 130 * j :][:56, :56]
            part[:] = np.minimum(part, 235 - np.minimum(ink, 200))
    file = io.BytesIO()
    Image.fromarray(sheet).save(file, "PNG")
    page = open_view("photo")
    drop(page, file.getvalue(), "sheet.png")
    page.get_by_role("button", name="Read as a table").click()
    expect(page.locator(".grid td")).to_have_count(4)
    expect(page.locator(".grid input").nth(2)).to_have_value("2")
    page.get_by_label("Row 2, column 2").fill("7")
    page.get_by_label("Row 2, column 2").press("Enter")
    expect(page.locator(".grid td").nth(3)).to_have_class("hand")
    with page.expect_download() as download:
        page.locator("#table-download").click()
    download.value.save_as(tmp_path / "sheet.csv")
    assert (tmp_path / "sheet.csv").read_text("utf-8").split() == ["3,8", "2,7"]


def test_a_mark_that_is_not_a_digit_can_be_removed(open_view, photo):
    page = open_view("photo")
    drop(page, photo, "form.png")
    page.locator(".box").last.click()
    page.get_by_role("button", name="Not a digit").click()
    expect(page.locator("#photo-lines li").last).to_have_text("17")


def test_the_doctor_shows_how_the_photo_was_read(open_view, photo):
    page = open_view("photo")
    drop(page, photo, "form.png")
    page.get_by_role("button", name="Show how it was read").click()
    expect(page.locator("#photo-sheet")).to_be_visible()
    assert page.evaluate("document.querySelector('#photo-sheet').width") == 1240


def test_a_file_that_is_not_a_picture_is_refused_with_a_message(chromium, address):
    # Not open_view: the browser logs the refused request on the console, which open_view forbids.
    page = chromium.new_page()
    page.goto(f"{address}#photo")
    page.wait_for_selector("#footer:not(:empty)")
    drop(page, b"no picture", "x.png")
    expect(page.locator("#trouble")).to_be_visible()
    assert len(page.locator("#trouble p").text_content()) > 20
    page.close()


@pytest.fixture
def real_photo() -> Path:
    """A photo of real handwriting, if there is one."""
    if not os.environ.get("MNISTRY_HANDWRITING"):
        pytest.skip("no MNISTRY_HANDWRITING")
    photos = Path(os.environ["MNISTRY_HANDWRITING"]).rglob("*")
    return min(path for path in photos if path.suffix in (".jpg", ".png"))


def test_a_real_photo_is_read(real_photo, open_view):
    page = open_view("photo")
    page.set_input_files("#photo-file", real_photo)
    expect(page.locator(".box").first).to_be_visible()
