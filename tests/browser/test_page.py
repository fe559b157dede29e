"""The page of one network, opened from the disk in Chromium."""

import base64
import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

import mnistry
from mnistry.explain import Explainer, narrative
from mnistry.images.mnist_form import normalise
from mnistry.networks import javascript
from mnistry.reading.built_in import SHIPPED
from mnistry.runs.directory import Run
from mnistry.studio import one_file
from tests.browser import strokes
from tests.browser.test_network import STATIC, as_json, by_onnx_runtime

pytestmark = pytest.mark.slow

OpenPage = Callable[..., Page]


@pytest.fixture(scope="module")
def run_page(finished_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "run.html"
    made = one_file.of_run(finished_run, mnistry.load("sample"))
    path.write_text(made.page, "utf-8")
    return path


@pytest.fixture(scope="module")
def built_in_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "built-in.html"
    path.write_text(one_file.of_built_in(mnistry.load("sample")).page, "utf-8")
    return path


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[OpenPage]:
    """Open a file; after the test, assert that nothing else was asked for, and no complaints."""
    asked: list[str] = []
    complaints: list[str] = []

    def open_it(path: Path, width: int = 1280, scheme: str = "light") -> Page:
        page = chromium.new_page(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
        )
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda said: complaints.append(said.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path.as_uri())
        return page

    yield open_it
    assert asked
    assert all(url.startswith("file:") and url.endswith(".html") for url in asked)
    assert not complaints


@pytest.mark.parametrize("which", ["run_page", "built_in_page"])
def test_a_drawn_digit_is_read_without_a_server(open_page, draw_seven, request, which) -> None:
    page = open_page(request.getfixturevalue(which))
    expect(page.locator("#answer")).to_have_text("–")
    draw_seven(page, "#pad")
    expect(page.locator("#answer")).to_have_text("7")
    expect(page.locator("#bars li.best .name")).to_have_text("7")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#answer")).to_have_text("–")


def test_a_one_can_be_drawn_with_keys(open_page, built_in_page: Path) -> None:
    page = open_page(built_in_page)
    page.locator("#pad").focus()
    for key in (*["ArrowUp"] * 14, "Space", *["ArrowDown"] * 28, "Space"):
        page.keyboard.press(key)
    expect(page.locator("#answer")).to_have_text("1")
    page.keyboard.press("Delete")
    expect(page.locator("#answer")).to_have_text("–")


def test_fault_134_a_finger_draws_on_a_phone_without_storage_and_webassembly(
    chromium: Browser, built_in_page: Path
) -> None:
    context = chromium.new_context(
        viewport={"width": 390, "height": 700}, has_touch=True, is_mobile=True, offline=True
    )
    context.add_init_script(
        "delete window.WebAssembly;"
        "for (const name of ['localStorage', 'sessionStorage', 'indexedDB', 'caches'])"
        "  Object.defineProperty(window, name, { get() { throw new Error(name); } });"
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(built_in_page.as_uri())
    page.locator("#pad").scroll_into_view_if_needed()
    box = page.locator("#pad").bounding_box()
    assert box is not None
    fingers = context.new_cdp_session(page)
    corners = [(0.3, 0.25), (0.6, 0.25), (0.42, 0.8)]
    path = [
        (x + (right - x) * step / 12, y + (below - y) * step / 12)
        for (x, y), (right, below) in itertools.pairwise(corners)
        for step in range(13)
    ]
    for number, (x, y) in enumerate(path):
        at = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
        kind = "touchMove" if number else "touchStart"
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [at]})
    fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(page.locator("#answer")).to_have_text("7")
    context.close()
    assert not complaints


@pytest.fixture
def touch_pad(chromium: Browser, built_in_page: Path) -> Iterator[tuple[Page, Callable[..., None]]]:
    """The page on a touch screen, and a function that tells it where fingers are on the pad."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, has_touch=True)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(built_in_page.as_uri())
    fingers = context.new_cdp_session(page)

    def touch(kind: str, *places: tuple[int, float, float]) -> None:
        points = [
            {"id": ident, **dict(zip("xy", on_pad(page, x, y), strict=True))}
            for ident, x, y in places
        ]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    yield page, touch
    context.close()
    assert not complaints


def on_pad(page: Page, x: float, y: float) -> tuple[float, float]:
    """Return where fractions of the pad's width and height are on the screen."""
    box = page.locator("#pad").bounding_box()
    assert box is not None
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def test_a_second_finger_does_not_draw_into_the_stroke_of_the_first(touch_pad) -> None:
    page, touch = touch_pad
    touch("touchStart", (1, 0.3, 0.2))
    touch("touchStart", (1, 0.3, 0.2), (2, 0.8, 0.4))
    for step in range(1, 7):
        touch("touchMove", (1, 0.3, 0.2 + step / 10), (2, 0.8, 0.4 + step / 15))
    touch("touchEnd")
    expect(page.locator("#answer")).to_have_text("1")


def test_a_pen_draws_while_a_palm_rests_on_the_pad(touch_pad) -> None:
    page, touch = touch_pad
    touch("touchStart", (1, 0.8, 0.6))
    page.keyboard.press("Control+z")  # what the palm drew
    page.mouse.move(*on_pad(page, 0.3, 0.2))
    page.mouse.down()
    for step in range(1, 7):
        page.mouse.move(*on_pad(page, 0.3, 0.2 + step / 10))
        touch("touchMove", (1, 0.8, 0.6 + step / 50))
    page.mouse.up()
    touch("touchEnd")
    expect(page.locator("#answer")).to_have_text("1")


@pytest.mark.parametrize("key", ["Delete", "Control+z"])
@pytest.mark.parametrize("by_keys", [False, True])
def test_what_is_cleared_or_undone_while_it_is_drawn_is_drawn_no_further(
    open_page, stroke, built_in_page: Path, key: str, by_keys: bool
) -> None:
    page = open_page(built_in_page)
    stroke(page, "#pad", [(0.3, 0.2), (0.3, 0.8)])
    expect(page.locator("#answer")).to_have_text("1")
    if by_keys:
        page.keyboard.press("Space")
        page.keyboard.press("ArrowRight")
        page.keyboard.press(key)
        for _ in range(5):
            page.keyboard.press("ArrowDown")
    else:
        page.mouse.move(*on_pad(page, 0.7, 0.2))
        page.mouse.down()
        page.mouse.move(*on_pad(page, 0.7, 0.4), steps=3)
        page.keyboard.press(key)
        page.mouse.move(*on_pad(page, 0.7, 0.8), steps=3)
        page.mouse.up()
    expect(page.locator("#answer")).to_have_text("1" if key == "Control+z" else "–")
    page.keyboard.press("Delete")
    stroke(page, "#pad", [(0.3, 0.2), (0.3, 0.8)])
    expect(page.locator("#answer")).to_have_text("1")


def test_nodes_can_be_told_apart_in_forced_colours(open_page, draw_seven, run_page: Path) -> None:
    page = open_page(run_page)
    page.emulate_media(forced_colors="active")
    draw_seven(page, "#pad")
    expect(page.locator("#node")).to_be_visible()
    colours = page.evaluate(
        """() => {
          const canvas = document.querySelector("#grid");
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          return new Set(new Uint32Array(data.buffer)).size;
        }"""
    )
    assert colours > 10
    buttons = page.locator("#strongest button")
    chosen, other = (
        buttons.nth(i).evaluate("(one) => getComputedStyle(one).backgroundColor") for i in (0, 1)
    )
    assert chosen != other


def test_bars_are_printed_and_a_dark_page_is_printed_light(
    open_page, draw_seven, run_page: Path
) -> None:
    page = open_page(run_page, scheme="dark")
    draw_seven(page, "#pad")
    style = "(one) => getComputedStyle(one)"
    assert page.locator("body").evaluate(f"{style}.color") == "rgb(233, 233, 230)"
    page.emulate_media(media="print", color_scheme="dark")
    assert page.locator("body").evaluate(f"{style}.color") == "rgb(28, 28, 30)"
    shown = ("#bars .best .bar", "#table .marked td.bar span", "#strongest [aria-pressed=true]")
    for printed in shown:
        first = page.locator(printed).first
        assert first.evaluate(f"{style}.printColorAdjust") == "exact", printed


def test_the_answer_stands_below_the_image_where_text_is_large_and_the_screen_narrow(
    open_page, draw_seven, run_page: Path
) -> None:
    page = open_page(run_page, width=360)
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    draw_seven(page, "#pad")
    parts = page.locator(".answer > div, .answer > figure")
    for one in parts.all():
        assert one.evaluate("(one) => one.scrollWidth <= one.clientWidth")


def test_what_is_less_probable_than_the_threshold_is_uncertain(
    open_page, draw_seven, finished_run: Run, tmp_path: Path
) -> None:
    content = finished_run.onnx_path.read_bytes()
    network = javascript.translate(content, mnistry.load("sample").test.images[:10], "run")
    path = tmp_path / "strict.html"
    path.write_text(one_file.render(network, 0.99999, "lead", {}), "utf-8")
    page = open_page(path)
    draw_seven(page, "#pad")
    expect(page.locator("#answer")).to_have_text("?")
    expect(page.locator("#sure")).to_contain_text("The best guess: 7 at ")


def test_a_page_that_computes_otherwise_than_when_it_was_made_answers_nothing(
    open_page, draw_seven, run_page: Path, tmp_path: Path
) -> None:
    page = open_page(run_page)
    expect(page.locator("#wrong")).to_be_hidden()
    path = tmp_path / "wrong.html"
    path.write_text(
        re.sub(r'"probabilities":\[[\d.]+', '"probabilities":[0.5', run_page.read_text())
    )
    page.goto(path.as_uri())
    draw_seven(page, "#pad")
    expect(page.locator("#wrong")).to_be_visible()
    expect(page.locator("#answer")).to_have_text("–")


def words(text: str) -> str:
    """Return a text with “#” for each number, and no line breaks."""
    return re.sub(r"-?\d[\d,]*(\.\d+)?(e-\d\d)?", "#", " ".join(text.split()))


def numbers(text: str) -> list[float]:
    return [
        float(one.replace(",", "")) for one in re.findall(r"-?\d[\d,]*(?:\.\d+)?(?:e-\d\d)?", text)
    ]


def test_the_way_to_the_answer_is_told_as_explain_tells_it(
    open_page, draw_seven, run_page: Path, finished_run: Run
) -> None:
    page = open_page(run_page)
    draw_seven(page, "#pad")
    pixels = page.evaluate(
        """() => {
          const context = document.querySelector("#input").getContext("2d");
          return [...context.getImageData(0, 0, 28, 28).data].filter((_, i) => i % 4 === 0);
        }"""
    )
    image = 255 - np.array(pixels, np.uint8).reshape(28, 28)
    explanation = Explainer(finished_run.onnx_path).explain(image)
    sections = narrative.forward(explanation, "a drawing")
    told = [part for section in sections for part in section.parts]
    texts = [part for part in told if isinstance(part, str)]
    formulas = [part.text for part in told if isinstance(part, narrative.Formula)]
    strongest = int(explanation.hidden[0].strongest(1)[0])
    expect(page.locator("#node-title")).to_have_text(f"Node {strongest}")
    for ident, where in (
        ("#layer", [f"{a} {b}" for a, b in itertools.pairwise(texts)]),
        ("#sum-words", texts),
        ("#sum", formulas),
        ("#logits", texts),
        ("#largest", texts),
        ("#largest-sum", formulas),
        ("#softmax", texts),
        ("#argmax", [text.split(" The true class")[0] for text in texts]),
    ):
        shown = page.locator(ident).text_content()
        same = [one for one in where if words(one) == words(shown)]
        close = [one for one in same if np.allclose(numbers(one), numbers(shown), 2e-2, 2e-3)]
        assert close, (ident, shown, where)
    (table,) = (one for one in told if isinstance(one, narrative.Table) and one.shares)
    for line, row in zip(page.locator("#table tr").all(), table.rows, strict=True):
        cells = line.locator("th, td").all_text_contents()
        assert np.allclose(*(list(map(last, one)) for one in (cells[:5], row)), 2e-2, 2e-3)
    # The page's own sum adds up.
    bias, raised, lowered, total = numbers(page.locator("#sum").text_content().replace("- ", ""))
    assert abs(bias + raised - lowered - total) < 2e-4


def last(cell: str) -> float:
    return numbers(cell)[-1]


def test_a_node_is_chosen_with_keys_and_its_weights_are_shown(
    open_page, draw_seven, run_page: Path
) -> None:
    page = open_page(run_page)
    draw_seven(page, "#pad")
    for key in ("Home", "ArrowRight"):
        page.locator("#grid").press(key)
    expect(page.locator("#node-title")).to_have_text("Node 1")
    picture = "document.querySelector('#weights').toDataURL()"
    before = page.evaluate(picture)
    page.locator("#grid").press("ArrowRight")
    expect(page.locator("#node-title")).to_have_text("Node 2")
    assert page.evaluate(picture) != before


@pytest.mark.parametrize("which", ["run_page", "built_in_page"])
def test_the_page_fits_every_width_and_is_accessible(
    open_page, draw_seven, fits_and_is_accessible, request, which
) -> None:
    page = open_page(request.getfixturevalue(which), width=360)
    for drawn in (False, True):
        if drawn:
            draw_seven(page, "#pad")
        fits_and_is_accessible(page, (360, 900, 1920))


@pytest.fixture
def modules(chromium: Browser) -> Iterator[Page]:
    """A page that can import the studio's modules, from an address that no server has."""
    page = chromium.new_page()

    def give(route) -> None:
        path = route.request.url.removeprefix("http://studio.test/")
        kind = "text/javascript" if path else "text/html"
        content = (STATIC / path).read_text("utf-8") if path else "<!doctype html>"
        route.fulfill(body=content, content_type=kind)

    page.route("**/*", give)
    page.goto("http://studio.test/")
    yield page
    page.close()


@pytest.mark.parametrize("which", ["dense", "built in"])
def test_test_images_are_answered_as_onnx_runtime_does(
    modules: Page, mnist, finished_run: Run, which: str
) -> None:
    source = SHIPPED if which == "built in" else finished_run.onnx_path
    content, images = source.read_bytes(), mnist["x_test"][:250]
    network = javascript.translate(content, mnist["x_train"][:100], which)
    found = np.array(
        modules.evaluate(
            """async ({ network, content, images }) => {
              const { load, run } = await import("/pure/network.js");
              const bytes = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
              const loaded = load(network, bytes(content));
              const pixels = bytes(images);
              return Array.from({ length: pixels.length / 784 }, (_, i) => {
                const values = run(loaded, pixels.subarray(784 * i, 784 * (i + 1)));
                return [...values.get("probabilities").data];
              });
            }""",
            as_json(network, images),
        )
    )
    expected = by_onnx_runtime(content, images)
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).all()
    # Weights of 16 bits change probabilities less than those of 8.
    assert abs(found - expected).max() < (1e-3 if network.bits == 16 else 0.03)


def test_drawings_come_to_the_form_and_answer_that_python_gives(
    modules: Page,
) -> None:
    pages, forms = (
        np.frombuffer(base64.b64decode(text), np.uint8)
        for text in modules.evaluate(
            """async (drawings) => {
              const { ink } = await import("/raster.js");
              const { normalise } = await import("/pure/mnist_form.js");
              const inks = drawings.map(ink);
              const inBytes = inks.map(({ data }) => data.map((one) => Math.round(255 * one)));
              const text = (rows) => new Promise((resolve) => {
                const reader = new FileReader();
                reader.onload = () => resolve(reader.result.split(",")[1]);
                reader.readAsDataURL(new Blob(rows.map((row) => Uint8Array.from(row))));
              });
              return [await text(inBytes), await text(inks.map(normalise))];
            }""",
            strokes.drawings(150, seed=2),
        )
    )
    pages, found = pages.reshape(150, 240, 320), forms.reshape(150, 28, 28)
    expected = np.array([normalise(page.astype(np.float32) / 255) for page in pages])
    near = abs(found.astype(int) - expected) <= 2
    assert near.mean() >= 0.99
    assert near[(found > 0) | (expected > 0)].mean() >= 0.99
    answers = [
        by_onnx_runtime(SHIPPED.read_bytes(), one).argmax(axis=1) for one in (found, expected)
    ]
    assert (answers[0] == answers[1]).mean() >= 0.99
    # The drawings are digits: most are read as what they are.
    assert (answers[1] == np.arange(150) % 10).mean() > 0.8
