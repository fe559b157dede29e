import re

import numpy as np
import pytest

import mnistry
from mnistry.datasets import Split
from mnistry.explain import Explainer, learning, story
from mnistry.explain.colours import Picture, grey, signed
from mnistry.explain.story import Drawing, Formula, Table


def all_of(sections, kind):
    return [part for section in sections for part in section.parts if isinstance(part, kind)]


def words(sections):
    return " ".join(all_of(sections, str))


def value(text):
    return float(text.replace(",", ""))


@pytest.fixture(scope="module")
def explanation(finished_run, digits):
    return Explainer(finished_run.onnx_path).explain(digits[0][5], 5)


@pytest.fixture(scope="module")
def step(finished_run, explanation):
    images, labels = mnistry.load("sample").train
    return learning.learn(
        finished_run, explanation.network, explanation.image, 5, Split(images[:100], labels[:100])
    )


def test_what_the_sums_are_made_of_adds_up(dense_subject, digits):
    told = story.forward(Explainer(dense_subject.onnx).explain(digits[0][5], 5), "a five")
    sums = [f.text for f in all_of(told, Formula) if " - " in f.text and "nats" not in f.text]
    assert sums
    for text in sums:
        left, whole = text.split(" = ")
        bias, plus, raised, minus, lowered = left.split()
        assert (plus, minus) == ("+", "-")
        total = value(bias) + value(raised) - value(lowered)
        assert total == pytest.approx(value(whole), abs=2.1e-4)  # each is rounded to 1e-4


def test_a_pixel_is_followed_to_its_input(explanation):
    place, scaled = [f.text for f in all_of(story.forward(explanation, "a five"), Formula)][:2]
    row, column, index = map(int, re.fullmatch(r"28 × (\d+) \+ (\d+) = (\d+)", place).groups())
    pixel = explanation.image[row, column]
    assert pixel == explanation.image.max()
    assert index == 28 * row + column
    assert scaled == f"{pixel} / 255 = {pixel / 255:.4f}"


def test_how_many_nodes_fire_is_said_and_the_strongest_are_listed(explanation):
    told = story.forward(explanation, "a five")
    view = explanation.layers[0]
    assert f"{(view.sums > 0).sum()} of the 32 nodes have a sum above 0: they fire" in words(told)
    table = next(t for t in all_of(told, Table) if t.headings[1] == "sum v")
    best = int(view.values.argmax())
    weight = explanation.network.layers[1].kernel[best, explanation.answer]
    assert table.rows[0] == (
        f"node {best}", *[story.number(view.values[best])] * 2, story.number(weight),
        story.number(view.values[best] * weight),
    )  # fmt: skip


def test_softmax_is_told_row_by_row_with_the_answer_marked(explanation):
    told = story.forward(explanation, "a five")
    table = next(t for t in all_of(told, Table) if t.shares)
    assert table.marked == explanation.answer
    assert table.shares == pytest.approx(explanation.probabilities)
    for digit, row in enumerate(table.rows):
        assert row == (
            str(digit),
            story.number(explanation.logits[digit]),
            story.number(explanation.logits[digit] - explanation.logits.max()),
            story.number(np.exp(explanation.logits[digit] - explanation.logits.max())),
            story.number(explanation.probabilities[digit]),
        )


def test_the_cost_is_told_in_nats_and_in_bits(explanation):
    (cost,) = [f.text for f in all_of(story.forward(explanation, ""), Formula) if "nats" in f.text]
    share, nats, bits = re.fullmatch(r"-ln (\S+) = (\S+) nats = (\S+) bits", cost).groups()
    assert value(nats) == pytest.approx(-np.log(explanation.probabilities[5]), rel=1e-3)
    assert value(bits) == pytest.approx(-np.log2(explanation.probabilities[5]), rel=1e-3)
    assert share == story.number(explanation.probabilities[5])


def test_an_image_that_nobody_labelled_has_no_cost(finished_run, digits):
    told = story.forward(Explainer(finished_run.onnx_path).explain(digits[0][5]), "a picture")
    assert "Nobody has said what it shows." in words(told)
    assert not any("nats" in formula.text for formula in all_of(told, Formula))


def test_other_networks_are_told_layer_by_layer(convnet, digits):
    explanation = Explainer(convnet.onnx).explain(digits[0][5], 5)
    told = story.forward(explanation, "a five")
    table = next(t for t in all_of(told, Table) if t.headings[0] == "layer")
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["convolution_1"][:2] == ("Conv, Relu", "26 × 26 × 32")
    assert rows["flatten"][:2] == ("Transpose, Flatten", "1600")
    galleries = [p for p in all_of(told, tuple) if len(p) == 12]
    assert [pictures[0].pixels.shape[0] for pictures in galleries] == [26, 13, 11, 5]
    largest = explanation.layers[2].values.mean(axis=(0, 1)).argmax()
    assert galleries[0][0].caption == f"map {largest}"


def test_the_step_is_told_with_prediction_and_finding(step):
    told = story.learning(step)
    table = next(t for t in all_of(told, Table) if "slope predicts" in t.headings)
    assert table.rows[table.marked] == (
        "1", story.number(step.predicted), story.number(step.after),
        story.number(step.table.others[np.flatnonzero(step.table.factors == 1)[0]]),
    )  # fmt: skip
    text = words(told)
    for number in (step.before, step.slope, step.predicted, step.after):
        assert story.number(number) in text
    assert "RMSprop, learning rate 0.001" in text
    assert f"moves {step.moved:,} of the 25,450" in text
    assert all_of(told, Drawing) == [Drawing(step)]


def test_both_ways_to_the_gradient_stand_side_by_side(step):
    table = next(t for t in all_of(story.learning(step), Table) if "by trying" in t.headings)
    assert len(table.rows) == 6
    for (name, _, backwards, tried), weight in zip(table.rows, step.weights, strict=True):
        assert name == f"{weight.layer} {weight.source} to {weight.unit}"
        assert value(backwards) == pytest.approx(weight.gradient, rel=1e-5)
        assert value(tried) == pytest.approx(weight.numerical, rel=1e-5)


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ([3.0, 2, 1], "only falls, from 3.0000 to 1.0000 at 2 times the step"),
        ([1.0, 2, 3], "only rises, from 1.0000 to 3.0000 at 2 times the step"),
        ([2.0, 1, 4], "falls from 2.0000 to 1.0000 at 1 times the step, and then rises to 4.0000"),
    ],
)
def test_the_course_of_a_loss_is_told_as_it_is(losses, said):
    assert said in story._course(np.array([0.0, 1, 2]), np.array(losses))


def test_colours_are_white_at_0_and_full_at_the_limit():
    assert grey(np.array([[0, 255]]), "", limit=255).pixels.tolist() == [[[255] * 3, [0] * 3]]
    (picture,) = signed([np.array([[-2.0, 0, 2]])], ["weights"])
    assert isinstance(picture, Picture)
    assert picture.pixels[0].tolist() == [[33, 102, 172], [255, 255, 255], [178, 24, 43]]


def test_nothing_at_all_is_white():
    assert (signed([np.zeros((2, 2))], [""])[0].pixels == 255).all()
    assert (grey(np.zeros((2, 2)), "", limit=0).pixels == 255).all()
