"""The keys of a review, in Chromium."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import expect

from mnistry.forms import form_json, loading
from mnistry.forms.records import NewPage
from mnistry.forms.review import Review
from mnistry.forms.store import Store
from mnistry.studio.review import create
from mnistry.system import files
from tests import serving
from tests.forms import batches
from tests.forms.test_placing import photo, pointed
from tests.forms.test_reading import PRINTED

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    form = batches.write_form(tmp_path)
    with Store(tmp_path / "batch") as store:
        store.set_meta("form", form_json.dumps(form))
        for number in (1, 2, 3):
            said = batches.answers(station=batches.UNSURE, weather=batches.CONTESTED)
            batches.add(form, store, number, said)
    return tmp_path / "batch"


@pytest.fixture
def address(folder: Path) -> Iterator[str]:
    form = loading.load(folder.parent / "FORM.toml")
    with Store(folder) as store, serving.serve(create(Review(form, store, "eva"))) as found:
        yield found


@pytest.fixture
def page(chromium, address):
    context = chromium.new_context(viewport={"width": 390, "height": 800})
    context.set_default_timeout(20_000)
    complaints = []
    opened = context.new_page()
    opened.on("console", lambda said: complaints.append(said.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(address)
    expect(opened.locator("#crop img")).to_be_visible()
    yield opened
    context.close()
    assert not complaints


def kept(folder: Path) -> dict[tuple[int, str], tuple[str, str]]:
    """What was decided: by sheet and field, the text and how."""
    with Store(folder) as store:
        return {
            (sheet.id, at[2]): (one.text, one.how)
            for sheet in store.sheets()
            for at, one in sheet.decisions.items()
        }


def test_a_confirmed_field_takes_one_key_and_a_typed_one_its_characters(page, folder) -> None:
    expect(page.locator("#read")).to_contain_text("Read as 049")
    page.keyboard.press("Enter")
    expect(page.locator("h1").first).to_have_text("weather")
    expect(page.locator("#read")).to_be_hidden()
    page.keyboard.press("Enter")  # nothing is preset, so nothing is confirmed
    expect(page.locator("#asks")).to_contain_text("Type what is written")
    page.keyboard.type("2")
    page.keyboard.press("Enter")
    expect(page.locator("#where")).to_contain_text("serial 2")
    expect(page.locator("#count")).to_have_text("2 of 6")
    assert kept(folder) == {(1, "station"): ("049", "confirmed"), (1, "weather"): ("rain", "typed")}


def test_a_held_key_counts_once(page, folder) -> None:
    page.evaluate(
        """() => {
          const key = { key: "Enter", bubbles: true, cancelable: true };
          const press = (repeat) => document.querySelector("#typed").dispatchEvent(
            new KeyboardEvent("keydown", { ...key, repeat }));
          press(false);
          return new Promise((done) => {
            let times = 0;
            const held = setInterval(() => {
              press(true);
              if ((times += 1) === 20) { clearInterval(held); done(); }
            }, 20);
          });
        }"""
    )
    expect(page.locator("#count")).to_have_text("1 of 6")
    assert list(kept(folder)) == [(1, "station")]


def test_arrows_go_back_and_forth_and_undo_takes_back(page, folder) -> None:
    page.keyboard.type("149")
    page.keyboard.press("Enter")
    expect(page.locator("h1").first).to_have_text("weather")
    expect(page.locator("#said")).to_have_text("station: 149, read as ?49")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#read")).to_have_text("Kept: 149, read as ?49")
    page.keyboard.press("ArrowRight")
    expect(page.locator("h1").first).to_have_text("weather")
    page.keyboard.press("Control+z")
    expect(page.locator("h1").first).to_have_text("station")
    expect(page.locator("#count")).to_have_text("0 of 6")
    assert kept(folder) == {}


def test_what_has_no_value_needs_enter_twice_and_empty_is_said(page, folder) -> None:
    page.keyboard.type("14")
    page.keyboard.press("Enter")
    expect(page.locator("#asks")).to_contain_text("it has 2 of 3 digits")
    assert kept(folder) == {}
    page.keyboard.press("Enter")
    expect(page.locator("h1").first).to_have_text("weather")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.locator("#where")).to_contain_text("serial 2")
    assert kept(folder) == {(1, "station"): ("14", "typed"), (1, "weather"): ("", "typed")}


def test_a_reload_goes_on_where_it_was(page) -> None:
    page.keyboard.press("Enter")
    expect(page.locator("h1").first).to_have_text("weather")
    page.reload()
    expect(page.locator("h1").first).to_have_text("weather")
    expect(page.locator("#count")).to_have_text("0 of 5")


def test_the_next_field_has_been_loaded_before_it_is_needed(page) -> None:
    page.wait_for_load_state("networkidle")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.keyboard.press("Enter")
    expect(page.locator("h1").first).to_have_text("weather")
    assert not [url for url in asked if "weather" in url and "name=1" in url]


def test_the_page_fits_and_is_accessible_and_ends(page, fits_and_is_accessible) -> None:
    fits_and_is_accessible(page, (390, 1280))
    for number in range(3):
        page.keyboard.press("Enter")
        expect(page.locator("h1").first).to_have_text("weather")
        page.keyboard.type("1")
        page.keyboard.press("Enter")
        expect(page.locator("#count")).to_have_text(f"{2 * number + 2} of 6")
    expect(page.locator("#finished-title")).to_be_visible()
    page.keyboard.press("Control+z")
    expect(page.locator("#look")).to_be_visible()
    expect(page.locator("#count")).to_have_text("5 of 6")


def test_the_last_decision_can_be_taken_back_before_the_summary_has_come(page) -> None:
    waiting: list = []
    for number in range(3):
        page.keyboard.press("Enter")
        expect(page.locator("h1").first).to_have_text("weather")
        if number == 2:
            page.route("**/api/review", lambda route: waiting.append(route))
        page.keyboard.type("1")
        page.keyboard.press("Enter")
        expect(page.locator("#count")).to_have_text(f"{2 * number + 2} of 6")
    expect(page.locator("#finished-title")).to_be_visible()
    page.keyboard.press("Control+z")
    expect(page.locator("#count")).to_have_text("5 of 6")
    with page.expect_response("**/api/review"):
        waiting[0].continue_()
    expect(page.locator("#look")).to_be_visible()
    expect(page.locator("#typed")).to_be_focused()


def test_a_server_that_is_gone_at_the_end_is_reported(page) -> None:
    for number in range(3):
        page.keyboard.press("Enter")
        expect(page.locator("h1").first).to_have_text("weather")
        page.keyboard.type("1")
        page.keyboard.press("Enter")
        expect(page.locator("#count")).to_have_text(f"{2 * number + 2} of 6")
    expect(page.locator("#finished-title")).to_be_visible()
    # The last field is decided again in another tab, and that is taken back here.
    page.evaluate(
        """() => fetch("api/review/decisions", {
          method: "POST", headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ name: "3//-1/weather", text: "2" }),
        })"""
    )
    page.keyboard.press("Control+z")
    expect(page.locator("#read")).to_contain_text("Kept: dry")
    page.evaluate("() => { window.fetch = () => Promise.reject(new TypeError()); }")
    page.keyboard.press("Enter")
    expect(page.locator("#trouble")).to_contain_text("the server does not answer")


def test_a_page_is_placed_by_clicks_and_keys_in_its_turned_scan_and_taken_back(
    chromium, fits_and_is_accessible, tmp_path: Path
) -> None:
    (tmp_path / "FORM.toml").write_text(PRINTED, "utf-8")
    form, scan = loading.load(tmp_path / "FORM.toml"), tmp_path / "scan.png"
    cv2.imwrite(str(scan), np.rot90(photo(form), 2))
    with Store(tmp_path / "batch") as store:
        aside = NewPage(1, None, None, 0, {}, "it is too steep", (), None, None)
        store.add_page(store.add_file(scan, files.sha256(scan)), aside)
        with serving.serve(create(Review(form, store, "eva"))) as address:
            page = chromium.new_page(viewport={"width": 390, "height": 800})
            page.goto(address)
            expect(page.locator("#page-why")).to_have_text("it is too steep")
            fits_and_is_accessible(page, (390, 900))
            for quarters in (1, 2):
                page.click("#turn")
                expect(page.locator(f"#scan img[src$='quarters={quarters}']")).to_be_visible()
            page.click("#put")
            expect(page.locator("#page-asks")).to_have_text("All four points are needed.")
            points = [point[2:] for point in pointed(form)]
            for across, down in [points[0], points[1], points[2], (0.5, 0.5)]:
                click(page, "#scan img", across, down)
            page.keyboard.press("Enter")
            expect(page.locator("#page-asks")).to_contain_text("What is printed was not found")
            assert store.sheets() == []
            wanted = points[3]
            page.locator("#points button").nth(3).focus()
            for axis, back, forth in ((0, "ArrowLeft", "ArrowRight"), (1, "ArrowUp", "ArrowDown")):
                hundredths = round(100 * (wanted[axis] - 0.5))
                for _ in range(abs(hundredths)):
                    page.keyboard.press(forth if hundredths > 0 else back)
            page.fill("#serial", "17")
            page.keyboard.press("Enter")
            expect(page.locator("#said")).to_contain_text("placed as page 1, 6 fields")
            assert [sheet.serial for sheet in store.sheets()] == [17]
            page.keyboard.press("Control+z")
            expect(page.locator("#page-why")).to_have_text("it is too steep")
            page.click("#foreign")
            expect(page.locator("#finished-title")).to_be_visible()
            assert [one.is_foreign for one in store.set_aside()] == [True]
            page.close()


def click(page, picture: str, across: float, down: float) -> None:
    """Click in a picture, at shares of its width and height."""
    box = page.locator(picture).bounding_box()
    where = {"x": across * box["width"], "y": down * box["height"]}
    page.locator(picture).click(position=where)


def test_the_command_serves_an_audit_and_ends_with_its_report(chromium, folder) -> None:
    command = [sys.executable, "-m", "mnistry", "form", "audit", str(folder)]
    with subprocess.Popen(
        [*command, "--fields", "1", "--port", "0"], stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as running:  # fmt: skip
        assert running.stdout is not None
        address = next(line.strip() for line in running.stdout if line.startswith("http"))
        page = chromium.new_page()
        page.goto(address)
        expect(page.locator("#crop img")).to_be_visible()
        expect(page.locator("#read")).to_be_hidden()
        page.keyboard.type("?")
        page.keyboard.press("Enter")
        expect(page.locator("#summary")).to_have_text("no field could be compared yet")
        page.close()
        running.send_signal(signal.SIGINT)
        said = running.stdout.read()
    assert "1 could not be read" in said
    assert running.returncode == 130
