"""The page that `mnistry serve` shows: its examples run."""

from collections.abc import Iterator

import pytest

from tests.browser.conftest import sync_api
from torture import processes


@pytest.fixture(scope="module")
def served() -> Iterator[processes.Served]:
    with processes.server("--workers", "1") as it:
        yield it


def test_an_example_runs_in_the_page_of_the_printed_address(
    chromium: "sync_api.Browser", served: processes.Served
) -> None:
    complaints: list[str] = []
    page = chromium.new_page()
    page.on("console", lambda said: complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"http://{served.host}:{served.port}/?token={served.token}")
    assert "token" not in page.url
    form = page.locator('form[data-path="api/read"]')
    form.locator('[name="fields"]').fill("text")
    form.get_by_role("button", name="Run").click()
    sync_api.expect(page.locator('form[data-path="api/read"] + pre')).to_have_text(
        '200\n{\n "text": "407"\n}', timeout=20_000
    )
    page.locator('form[data-path="api/doctor"]').get_by_role("button", name="Run").click()
    page.wait_for_selector("canvas", timeout=20_000)
    page.close()
    assert complaints == []
