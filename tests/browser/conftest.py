"""Run the studio by its command, and open its pages in Chromium."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

import mnistry

pytest.importorskip("fastapi", reason="the studio needs: pip install 'mnistry[studio]'")
sync_api = pytest.importorskip(
    "playwright.sync_api", reason="the browser's tests need: pip install playwright"
)

SECONDS = 20  # the longest time that a test waits for the page

Open = Callable[..., "sync_api.Page"]
Stroke = Callable[["sync_api.Page", str, list[tuple[float, float]]], None]


@pytest.fixture(scope="session")
def address(finished_run: "mnistry.Run", tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a studio with two runs, ``small`` and its copy ``twin``."""
    folder = tmp_path_factory.mktemp("studio")
    for name in ("small", "twin"):
        shutil.copytree(finished_run.path, folder / "runs" / name)
    command = [sys.executable, "-m", "mnistry", "studio", "--port", "0"]
    environment = {**os.environ, "MNISTRY_HOME": str(folder), "KERAS_HOME": str(folder)}
    with subprocess.Popen(
        [*command, "--runs", str(folder / "runs")],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as studio:
        assert studio.stdout is not None
        found = studio.stdout.readline().strip()
        assert found, "the studio did not start"
        yield found
        studio.terminate()


# Not for the whole session: while Playwright runs, no other test can run an event loop.
@pytest.fixture(scope="module")
def chromium() -> Iterator["sync_api.Browser"]:
    # The shell without windows takes half of the processor time.
    names = ("chromium-headless-shell", "chromium", "chromium-browser")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip("the browser's tests need Chromium: apt-get install chromium-headless-shell")
    with sync_api.sync_playwright() as playwright:
        # Chromium's sandbox needs permissions that containers lack.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_view(chromium: "sync_api.Browser", address: str) -> Iterator[Open]:
    """Open a view; after the test, assert that its console had no error or warning."""
    complaints: list[str] = []
    contexts = []

    def open_it(
        view: str, width: int = 1280, scheme: str = "light", height: int = 900
    ) -> "sync_api.Page":
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme
        )
        contexts.append(context)
        context.set_default_timeout(SECONDS * 1000)
        page = context.new_page()
        page.on(
            "console",
            lambda said: (
                complaints.append(said.text) if said.type in ("error", "warning") else None
            ),
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{address}#{view}")
        page.wait_for_selector("#footer:not(:empty)")
        return page

    yield open_it
    # The next test starts with the built-in network. Close the pages first, or they would ask for
    # data of the wrong network.
    for context in contexts:
        for page in context.pages:
            page.close()
        context.request.put(f"{address}api/network", data={"run": None})
        context.close()
    assert not complaints


@pytest.fixture
def fits_and_is_accessible() -> Callable[["sync_api.Page", tuple[int, ...]], None]:
    """Assert that a page fits these widths, and that axe finds no fault.

    Nothing is wider than the page or than a region that can be scrolled. Axe looks at the first
    width in light, and at the last in dark: widths change no colours.
    """
    axe_playwright = pytest.importorskip(
        "axe_playwright_python.sync_playwright",
        reason="the browser's tests need: pip install axe-playwright-python",
    )

    # Axe leaves out three of four rows of an image's numbers, which are all alike.
    alike = "#data-matrix tr:not(:nth-child(4n))"

    def check(page: "sync_api.Page", widths: tuple[int, ...]) -> None:
        schemes = {widths[0]: "light", widths[-1]: "dark"}
        for width in widths:
            page.set_viewport_size({"width": width, "height": 900})
            too_wide = page.evaluate(
                """() => [document.documentElement, ...document.querySelectorAll(".fits")]
                  .filter((one) => one.checkVisibility() && one.scrollWidth > one.clientWidth)
                  .map((one) => `${one.tagName} ${one.id}`)"""
            )
            assert not too_wide, width
            if scheme := schemes.get(width):
                page.emulate_media(color_scheme=scheme)
                # Chromium runs axe for the tests whatever the page's policy.
                found = axe_playwright.Axe().run(page, {"exclude": [alike]})
                assert not found.violations_count, (width, scheme, found.generate_report())

    return check


@pytest.fixture
def stroke() -> Stroke:
    """Draw a line through points, given as fractions of the pad's width and height."""

    def draw(page: "sync_api.Page", pad: str, points: list[tuple[float, float]]) -> None:
        box = page.locator(pad).bounding_box()
        assert box is not None
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=6)
        page.mouse.up()

    return draw


@pytest.fixture
def draw_seven(stroke: Stroke) -> Callable[..., None]:
    """Draw a seven; `left` is its left end as a fraction of the pad's width."""

    def draw(page: "sync_api.Page", pad: str, left: float = 0.2) -> None:
        stroke(page, pad, [(left, 0.25), (left + 0.25, 0.25), (left + 0.1, 0.8)])

    return draw
