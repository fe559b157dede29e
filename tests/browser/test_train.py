import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

MINUTE = 60_000  # milliseconds


def fill(page, **settings: str) -> None:
    page.locator("[name=data]").select_option("sample")
    for name, value in settings.items():
        page.locator(f"[name={name}]").fill(value)


def test_a_training_ends_with_a_scorecard_and_its_run_is_listed(open_view):
    page = open_view("train")
    fill(page, epochs="1", units="32")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.locator("#train-card")).to_be_visible(timeout=2 * MINUTE)
    expect(page.locator("#train-epochs tbody tr")).to_have_count(1)
    expect(page.locator("#train-left")).to_have_text("–")
    accuracy = page.locator("#train-scores dd").first.text_content()
    assert re.fullmatch(r"[5-9]\d\.\d\d\u00a0%", accuracy)
    run = page.locator("#train-said").text_content().removesuffix(": Done.")
    page.get_by_role("navigation").get_by_role("link", name="Runs").click()
    row = page.locator("#runs-table tr").filter(has_text=run)
    expect(row).to_contain_text(accuracy)


def test_a_training_continues_without_its_page_and_another_page_stops_it(open_view):
    page = open_view("train")
    fill(page, epochs="1000", units="32")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.locator("#train-epoch")).to_contain_text("of 1000", timeout=2 * MINUTE)
    page.close()
    other = open_view("train")
    expect(other.locator("#train-epoch")).to_contain_text("of 1000")
    other.get_by_role("button", name="Stop").click()
    expect(other.locator("#train-said")).to_contain_text("Stopped", timeout=MINUTE)
