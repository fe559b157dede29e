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
    assert bits > 3.32  # more than guessing costs


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


def test_the_pad_stays_where_it_is_when_something_is_drawn(open_view, draw_seven):
    page = open_view("inside")
    expect(page.locator("#inside-network")).not_to_be_empty()
    before = page.locator("#inside-pad").bounding_box()
    draw_seven(page, "#inside-pad")
    expect(page.locator("#inside-table tr.marked th")).to_have_text("7")
    assert page.locator("#inside-pad").bounding_box() == before


def test_the_layers_of_a_convolutional_network_are_shown_as_pictures(open_view, draw_seven):
    page = open_view("inside")
    expect(page.locator("#inside-network")).not_to_be_empty()
    draw_seven(page, "#inside-pad")
    expect(page.locator("#inside-maps details").first).to_be_visible()
    assert page.locator("#inside-maps details[open] canvas").count() > 1
    expect(page.locator("#inside-table tr.marked th")).to_have_text("7")
