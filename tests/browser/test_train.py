import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

MINUTE = 60_000  # milliseconds


def fill(page, **settings: str) -> None:
    page.locator("[name=data]").select_option("sample")
    for name, value in settings.items():
        page.locator(f"[name={name}]").fill(value)


def start(page) -> None:
    page.get_by_role("button", name="Train", exact=True).click()


def test_overfitting_is_provoked_and_pointed_at_and_the_network_is_used_afterwards(open_view):
    page = open_view("train")
    page.locator("[name=recipe] option").nth(3).wait_for(state="attached")
    page.get_by_role("button", name="Provoke overfitting").click()
    fill(page, epochs="14", units="256")
    start(page)
    expect(page.locator("#train-card")).to_be_visible(timeout=2 * MINUTE)
    expect(page.locator("#train-epochs tbody tr")).to_have_count(14)
    expect(page.locator("#train-left")).to_have_text("–")
    expect(page.locator("#train-warning")).to_contain_text("Overfitting since epoch")
    for chart in ("#train-loss-chart", "#train-accuracy-chart"):
        # The training's line begins in the first steps; the validation has a dot an epoch.
        first, *rest = page.locator(f"{chart} path.a").get_attribute("d")[1:].split("L")
        assert float(first.split()[0]) < 65
        assert len(rest) > 20
        expect(page.locator(f"{chart} circle.b")).to_have_count(14)
        expect(page.locator(f"{chart} .chart-best")).to_have_count(1)
    accuracy = page.locator("#train-scores dd").first.text_content()
    assert re.fullmatch(r"[5-9]\d\.\d\d\u00a0%", accuracy)
    run = page.locator("#train-said").text_content().removesuffix(": Done.")
    page.get_by_role("button", name="Look inside").click()
    expect(page.locator("#footer")).to_contain_text(run)
    expect(page.locator("#inside-which option:checked")).to_have_text(run)
    page.get_by_role("navigation").get_by_role("link", name="Train").click()
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("#runs-name-b")).to_have_text(f"B: {run}")
    row = page.locator("#runs-table tr").filter(has_text=run)
    expect(row).to_contain_text(accuracy)


def test_a_recipe_fills_the_fields_and_what_is_changed_is_sent(open_view):
    page = open_view("train")
    page.locator("[name=recipe] option").nth(3).wait_for(state="attached")
    page.locator("[name=recipe]").select_option("fast")
    expect(page.locator("[name=network]")).to_have_value("strided")
    expect(page.locator("[name=distort]")).to_have_value("0.5")
    expect(page.locator("[name=units]")).to_be_disabled()
    page.locator("[name=epochs]").fill("1")
    page.evaluate(
        """() => {
          window.fetch = (_, { body }) => new Promise(() => { window.sent = JSON.parse(body); });
        }"""
    )
    start(page)
    assert page.evaluate("sent") == {"recipe": "fast", "epochs": 1, "seed": 0}


def test_a_training_goes_on_without_its_page_and_when_stopped_is_named_used_and_deleted(open_view):
    page = open_view("train")
    fill(page, epochs="1000", units="32")
    start(page)
    expect(page.locator("#train-epoch")).to_contain_text("of 1000", timeout=2 * MINUTE)
    page.close()
    page = open_view("train")
    expect(page.locator("#train-epochs tbody tr").first).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#train-said")).to_contain_text("Stopped", timeout=MINUTE)
    # The browser would report an answer of the server that is an error.
    page.evaluate(
        """() => {
          const fetch = window.fetch;
          window.fetch = async () => {
            window.fetch = fetch;
            return Response.json({ error: { what: "this name is taken" } }, { status: 400 });
          };
        }"""
    )
    page.get_by_label("Name").fill("small")
    page.get_by_label("Name").press("Enter")
    expect(page.locator("#trouble")).to_contain_text("this name is taken")
    page.get_by_label("Name").fill("half done")
    page.get_by_label("Name").press("Enter")
    expect(page.locator("#train-said")).to_contain_text("half done: Stopped")
    expect(page.locator("#trouble")).to_be_hidden()  # what was wrong is mended
    page.get_by_role("button", name="Use as it is").click()
    expect(page.locator("#train-card")).to_be_visible(timeout=MINUTE)
    expect(page.locator("#train-said")).to_have_text("half done: Done.")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Keep it").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete half done for good").click()
    expect(page.locator("#train-said")).to_have_text("half done is deleted.")
    page.get_by_role("navigation").get_by_role("link", name="Runs").click()
    expect(page.locator("#runs-table")).to_contain_text("small")
    expect(page.locator("#runs-table")).not_to_contain_text("half done")
