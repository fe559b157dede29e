import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow


def test_a_drawn_digit_is_read_and_the_networks_input_is_shown(open_view, draw_seven):
    page = open_view("draw")
    draw_seven(page, "#draw-pad")
    expect(page.locator("#draw-answer")).to_have_text("7")
    expect(page.locator("#draw-bars label.best .name")).to_have_text("7")
    ink = page.evaluate(
        """() => {
          const canvas = document.querySelector("#draw-input");
          const { data } = canvas.getContext("2d").getImageData(0, 0, 28, 28);
          return [canvas.width, data.filter((value, i) => i % 4 === 0 && value < 128).length];
        }"""
    )
    assert ink[0] == 28
    assert 30 < ink[1] < 250  # pixels of ink that a seven has in MNIST's form


def test_one_digit_is_read_without_the_server_and_several_with_it(open_view, draw_seven, stroke):
    page = open_view("draw")
    asked = ["not drawn yet"]  # not empty, so that the second loop below begins
    page.on("request", lambda request: asked.append(request.url))
    entries = "performance.getEntriesByType('resource').map(({ name }) => name)"
    for _ in range(100):  # until the page has its network,
        if any(name.endswith("/network/javascript") for name in page.evaluate(entries)):
            break
        page.wait_for_timeout(100)
    for _ in range(20):  # and has unpacked it
        if not asked:
            break
        page.get_by_role("button", name="Clear").dispatch_event("click")
        asked.clear()
        draw_seven(page, "#draw-pad", left=0.05)
        expect(page.locator("#draw-answer")).to_have_text("7")
    assert asked == []
    stroke(page, "#draw-pad", [(0.75, 0.2), (0.75, 0.8)])
    expect(page.locator("#draw-answer")).to_have_text("71")
    assert {url.rsplit("/", 1)[1] for url in asked} == {"read?fields=all"}


def test_several_digits_are_read_side_by_side_and_each_can_be_chosen(open_view, draw_seven, stroke):
    page = open_view("draw")
    draw_seven(page, "#draw-pad", left=0.05)
    stroke(page, "#draw-pad", [(0.75, 0.2), (0.75, 0.8)])
    expect(page.locator("#draw-answer")).to_have_text("71")
    page.get_by_role("button", name="Digit 1, read as 7").click()
    expect(page.locator("#draw-bars label.best .name")).to_have_text("7")


def test_choosing_the_true_digit_shows_the_loss_in_bits(open_view, draw_seven):
    page = open_view("draw")
    draw_seven(page, "#draw-pad")
    expect(page.locator("#draw-answer")).to_have_text("7")
    page.get_by_role("radio", name=re.compile("^2")).check()
    cost = page.locator("#draw-cost").text_content()
    bits = float(re.search(r"is the loss: ([\d.]+)\u00a0bits", cost)[1])
    assert bits > 3.32  # log2(10): more than guessing costs


def test_clear_empties_the_pad_and_undo_restores_it(open_view, draw_seven):
    page = open_view("draw")
    draw_seven(page, "#draw-pad")
    expect(page.locator("#draw-answer")).to_have_text("7")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#draw-answer")).to_have_text("–")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#draw-answer")).to_have_text("7")


def test_a_one_can_be_drawn_with_keys(open_view):
    page = open_view("draw")
    page.locator("#draw-pad").focus()
    for key in (*["ArrowUp"] * 14, "Space", *["ArrowDown"] * 28, "Space"):
        page.keyboard.press(key)
    expect(page.locator("#draw-answer")).to_have_text("1")


def test_a_node_shows_its_weights_and_the_sum_that_the_server_computed(open_view, draw_seven):
    page = open_view("runs")
    page.get_by_role("button", name="Use small").click()
    expect(page.locator("#footer")).to_contain_text("small")
    page.goto(page.url.replace("#runs", "#inside"))
    draw_seven(page, "#inside-pad")
    expect(page.locator("#inside-table tr.marked")).to_have_count(1)
    expect(page.locator("#inside-hidden-title")).to_have_text("32 hidden nodes")
    for key in ("Home", "ArrowRight"):
        page.locator("#inside-grid").press(key)
    expect(page.locator("#inside-node-title")).to_have_text("Node 1")
    expect(page.locator("#inside-sum")).to_contain_text("output is")
    text = page.locator("#inside-sum").text_content().replace("−", "-")
    bias, terms, total = map(float, re.search(
        r"= (-?[\d.]+) \+ \(?(-?[\d.]+)\)? = (-?[\d.]+)", text
    ).groups())  # fmt: skip
    assert abs(bias + terms - total) < 2e-4  # each is rounded to four decimals


BRIGHTNESS = """() => {
  const canvas = document.querySelector("#inside-grid");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return Array.from({ length: 512 }, (_, node) => {
    const [x, y] = [node % 32, Math.floor(node / 32)].map((place) => 16 * place + 8);
    return [0, 1, 2].reduce((sum, i) => sum + data[4 * (y * canvas.width + x) + i], 0);
  });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_classic_network_opens_and_its_strongest_node_is_the_brightest(
    open_view, draw_seven, scheme
):
    page = open_view("inside", scheme=scheme)
    draw_seven(page, "#inside-pad")
    expect(page.locator("#inside-table tr.marked th")).to_have_text("7")
    expect(page.locator("#inside-hidden-title")).to_have_text("512 hidden nodes")
    strongest = page.locator("#inside-strongest button").first.text_content()
    shades = page.evaluate(BRIGHTNESS)
    assert max(shades) == shades[int(strongest.removeprefix("node "))]
    assert min(shades) < max(shades) / 3
    # The node's weights in the ten logits.
    expect(page.locator("#inside-out-table tr")).to_have_count(10)


def test_the_pad_stays_where_it_is_when_something_is_drawn(open_view, draw_seven):
    page = open_view("inside")
    expect(page.locator("#inside-network")).not_to_be_empty()
    before = page.locator("#inside-pad").bounding_box()
    draw_seven(page, "#inside-pad")
    expect(page.locator("#inside-table tr.marked th")).to_have_text("7")
    assert page.locator("#inside-pad").bounding_box() == before


def test_the_layers_of_a_convolutional_network_are_shown_as_pictures(open_view, draw_seven):
    page = open_view("inside")
    page.locator("#inside-which").select_option("the built-in network")
    draw_seven(page, "#inside-pad")
    expect(page.locator("#inside-maps figure")).to_have_count(4)
    expect(page.locator("#inside-maps figcaption").first).to_contain_text(
        "32 feature maps of 12×12"
    )
    expect(page.locator("#inside-maps figure").first.locator("canvas")).to_have_count(32)
    expect(page.locator("#inside-table tr.marked th")).to_have_text("7")
    picture = "document.querySelector('#inside-maps canvas').toDataURL()"
    before = page.evaluate(picture)
    page.get_by_role("button", name="network 2").click()
    assert page.evaluate(picture) != before
