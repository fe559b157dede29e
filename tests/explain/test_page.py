import base64
import dataclasses
import io
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from mnistry.explain import Explainer, learning, narrative, page
from mnistry.explain.narrative import Formula, Section, Table

VOID = {"meta", "img", "br", "link"}


class Parsed(HTMLParser):
    """The tags and the text of a page, whose elements must be closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data


@pytest.fixture(scope="module")
def sections(finished_run, digits):
    explanation = Explainer(finished_run.onnx_path).explain(digits[0][5], 5)
    step = learning.learn(finished_run, explanation.network, digits[0][5], 5)
    return [*narrative.forward(explanation, "a five"), *narrative.learning(step)]


@pytest.fixture(scope="module")
def text(sections):
    return page.render("How a run answers", sections)


def test_the_page_is_well_formed_and_has_every_section(text, sections):
    parsed = Parsed(text)
    for number, section in enumerate(sections, start=1):
        assert f"{number}{section.title}" in parsed.words
    assert [tag for tag, _ in parsed.tags].count("section") == len(sections)


def test_the_page_has_no_scripts_and_no_links_to_other_files(text):
    parsed = Parsed(text)
    assert not {"script", "link", "iframe", "object", "base"} & {tag for tag, _ in parsed.tags}
    for tag, attributes in parsed.tags:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "xlink:href", "srcset", "action"):
            assert attributes.get(name, "#").startswith(("#", "data:image/png;base64,")), tag
    assert "http" not in text.replace("http-equiv", "")
    assert "url(" not in text.replace("url(#", "")
    assert "default-src 'none'" in text


def test_the_first_picture_has_the_pixels_of_the_image(text, digits):
    source = next(a["src"] for tag, a in Parsed(text).tags if tag == "img")
    with Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) as picture:
        np.testing.assert_array_equal(255 - np.asarray(picture.convert("L")), digits[0][5])


def test_every_picture_has_a_text_alternative(text):
    for tag, attributes in Parsed(text).tags:
        if tag == "img":
            assert attributes["alt"]
        if tag == "svg":
            assert attributes["aria-label"]


def test_the_curves_have_the_colour_of_the_text(text):
    drawing = text[text.index("<svg") : text.index("</svg>")]
    assert "currentColor" in drawing
    assert "#010203" not in drawing
    assert "#000000" not in drawing
    assert "prefers-color-scheme: dark" in text


def drawn(sections, **changes):
    part = next(p for s in sections for p in s.parts if isinstance(p, narrative.Drawing))
    curve = dataclasses.replace(part.step.curve, **changes)
    return page.loss_figure(dataclasses.replace(part.step, curve=curve), "images of mine")


def test_a_wide_axis_says_that_the_step_ends_close_to_the_left_edge(sections):
    factors = np.linspace(0, 2, 81)
    assert drawn(sections, factors=factors).axes[-1].get_xlabel() == "times the step"
    label = drawn(sections, factors=500 * factors).axes[-1].get_xlabel()
    assert label.endswith("at 1, close to the left edge")


def test_the_figure_names_the_other_images(sections):
    others = np.linspace(1, 2, 81)
    assert "images of mine (nats)" in drawn(sections, others=others).axes[1].get_title()


def test_a_squared_error_is_not_in_nats(sections):
    part = next(p for s in sections for p in s.parts if isinstance(p, narrative.Drawing))
    figure = page.loss_figure(dataclasses.replace(part.step, loss="mean_squared_error"))
    assert figure.axes[0].get_title() == "The loss of this image"


def test_text_from_elsewhere_is_escaped():
    evil = "<script>alert('1')</script> & \"x\""
    table = Table((evil, evil), ((evil, evil),), (0.5,))
    text = page.render(evil, [Section(evil, (evil, Formula(evil), table))], evil)
    parsed = Parsed(text)
    assert "script" not in {tag for tag, _ in parsed.tags}
    assert parsed.words.count(evil) == 10


def test_the_same_sections_give_the_same_page(text, sections):
    assert page.render("How a run answers", sections) == text


def test_bars_are_as_long_as_the_shares():
    text = page.render("t", [Section("s", (Table(("a", "b"), (("0", "1"),), (0.1234,)),))])
    assert "width:12.34%" in text
