"""Every view fits four widths, and is accessible in light and dark."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

import mnistry
from tests import serving

pytestmark = pytest.mark.slow

VIEWS = ("draw", "inside", "photo", "data", "train", "runs")


def two_pictures() -> list[dict[str, object]]:
    """Two images of the sample on a wider page, as files to choose."""
    images, _ = mnistry.load("sample").train
    pages = [np.pad(255 - image, ((10, 10), (10, 60)), constant_values=255) for image in images[:2]]
    names = ("one.png", "two.png")
    return [
        {"name": name, "mimeType": "image/png", "buffer": serving.png(page)}
        for name, page in zip(names, pages, strict=True)
    ]


def fill(page, view: str, draw_seven) -> None:
    """Put something into a view, as a user does; leave train as it opens."""
    if view in ("draw", "inside"):
        draw_seven(page, f"#{view}-pad")
        answered = "#draw-bars label.best" if view == "draw" else "#inside-table tr.marked"
        page.locator(answered).wait_for()
    elif view == "data":
        page.locator("#data-images button").nth(3).click()
        expect(page.locator("#data-matrix td")).to_have_count(784)
    elif view == "photo":
        page.set_input_files("#photo-file", two_pictures())
        expect(page.locator("#photo-strip button")).to_have_count(2)
        page.get_by_role("textbox", name="Number 1").focus()
        expect(page.locator("#photo-digits figure").first).to_be_visible()
    elif view == "runs":
        page.get_by_role("button", name="More about small").click()
        page.get_by_role("radio", name="small as A").check()
        page.get_by_role("radio", name="twin as B").check()
        expect(page.locator("#runs-verdict")).to_contain_text("no significant difference")


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_fits_every_width_and_is_accessible(
    open_view, draw_seven, fits_and_is_accessible, view
):
    page = open_view(view, width=390)
    fill(page, view, draw_seven)
    fits_and_is_accessible(page, (390, 768, 900, 1280))


def test_a_datasets_mistakes_are_shown_surest_first_in_any_size(open_view):
    page = open_view("runs")
    page.get_by_role("button", name="Use small").click()
    expect(page.locator("#footer")).to_contain_text("small")
    page.get_by_role("navigation").get_by_role("link", name="Data").click()
    page.locator("#data-name").select_option("sample")
    page.locator("#data-split").select_option("train")
    expect(page.locator("#data-said")).to_have_text("sample, train: 4,000 images")
    before = page.locator("#data-images canvas").first.bounding_box()["width"]
    page.get_by_role("slider", name="Size").fill("9")
    assert page.locator("#data-images canvas").first.bounding_box()["width"] > 2 * before
    page.get_by_label("Go to").fill("3990")
    page.get_by_label("Go to").press("Enter")
    expect(page.locator("#data-images button")).to_have_count(11)
    page.locator("#data-only").select_option("mistakes")
    expect(page.locator("#data-order")).to_have_value("surest")
    expect(page.locator("#data-images .wrong").first).to_be_visible()
    expect(page.locator("#data-images button:not(.wrong)")).to_have_count(0)  # those of before
    told = [one.get_attribute("title") for one in page.locator("#data-images button").all()]
    sureness = [float(re.search(r"([\d.]+)\u00a0%", one)[1]) for one in told]
    assert sureness == sorted(sureness, reverse=True)


def test_runs_that_cannot_be_read_stay_counted_when_a_row_is_opened(open_view):
    page = open_view("draw")

    def with_a_broken_one(route):
        found = route.fetch().json()
        error = {"what": "damaged", "where": "run", "expected": None, "remedy": None}
        route.fulfill(json={**found, "broken": [error]})

    page.route("**/api/runs", with_a_broken_one)
    page.get_by_role("navigation").get_by_role("link", name="Runs").click()
    expect(page.locator("#runs-said")).to_contain_text("1 more could not be read")
    page.get_by_role("button", name="More about small").click()
    expect(page.get_by_role("button", name="More about small")).to_have_attribute(
        "aria-expanded", "true"
    )
    expect(page.locator("#runs-said")).to_contain_text("1 more could not be read")


def test_the_colour_scheme_is_kept_after_a_reload(open_view):
    page = open_view("draw")
    page.get_by_label("Colour scheme").select_option("dark")
    dark = "getComputedStyle(document.body).backgroundColor === 'rgb(20, 20, 22)'"
    assert page.evaluate(dark)
    page.reload()
    assert page.evaluate(dark)


def test_nothing_is_fetched_from_other_hosts(open_view, address):
    page = open_view("draw")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    for view in VIEWS:
        page.get_by_role("navigation").get_by_role("link", name=view.title()).click()
        expect(page.locator(f"#view-{view} h1")).to_be_visible()
    assert asked
    assert all(url.startswith(address) for url in asked)


def test_a_data_image_is_shown_as_numbers_and_inside_the_network(open_view):
    page = open_view("data")
    page.locator("#data-digit").select_option("3")
    expect(page.locator("#data-said")).to_contain_text("test")
    page.locator("#data-images button").first.click()
    expect(page.locator("#data-about")).to_contain_text("Its label is 3.")
    assert page.locator("#data-matrix td").count() == 784
    page.get_by_role("button", name="Show inside the network").click()
    expect(page.locator("#inside-subject")).to_contain_text("test image")
    expect(page.locator("#inside-cost")).to_contain_text("The true digit is 3")
