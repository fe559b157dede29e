import dataclasses
import re

import numpy as np
import pytest

import mnistry
from mnistry.datasets import Split
from mnistry.explain import Explainer, learning, narrative
from mnistry.explain.colours import Picture, grey, signed
from mnistry.explain.narrative import Drawing, Formula, Table


def all_of(sections, kind):
    return [part for section in sections for part in section.parts if isinstance(part, kind)]


def words(sections):
    return " ".join(all_of(sections, str))


def row_of(step, factor):
    return int(np.flatnonzero(step.table.factors == factor)[0])


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


def test_the_terms_of_each_sum_add_up_to_it(dense_subject, digits):
    told = narrative.forward(Explainer(dense_subject.onnx).explain(digits[0][5], 5), "a five")
    sums = [f.text for f in all_of(told, Formula) if " - " in f.text and "nats" not in f.text]
    assert sums
    for text in sums:
        left, whole = text.split(" = ")
        bias, plus, raised, minus, lowered = left.split()
        assert (plus, minus) == ("+", "-")
        total = value(bias) + value(raised) - value(lowered)
        assert total == pytest.approx(value(whole), abs=2.1e-4)  # each is rounded to 1e-4


def test_a_pixel_is_followed_to_its_input(explanation):
    place, scaled = [f.text for f in all_of(narrative.forward(explanation, "a five"), Formula)][:2]
    row, column, index = map(int, re.fullmatch(r"28 × (\d+) \+ (\d+) = (\d+)", place).groups())
    pixel = explanation.image[row, column]
    assert pixel == explanation.image.max()
    assert index == 28 * row + column
    assert scaled == f"{pixel} / 255 = {pixel / 255:.4f}"


def test_nodes_that_fire_are_counted_and_the_strongest_are_listed(explanation):
    told = narrative.forward(explanation, "a five")
    view = explanation.layers[0]
    assert f"{(view.sums > 0).sum()} of the 32 nodes have a sum above 0: they fire" in words(told)
    table = next(t for t in all_of(told, Table) if t.headings[1] == "sum v")
    best = int(view.values.argmax())
    weight = explanation.network.layers[1].kernel[best, explanation.answer]
    assert table.rows[0] == (
        f"node {best}", *[narrative.number(view.values[best])] * 2, narrative.number(weight),
        narrative.number(view.values[best] * weight),
    )  # fmt: skip


def test_the_table_of_softmax_has_every_step_and_marks_the_answer(explanation):
    told = narrative.forward(explanation, "a five")
    table = next(t for t in all_of(told, Table) if t.shares)
    assert table.marked == explanation.answer
    assert table.shares == pytest.approx(explanation.probabilities)
    for digit, row in enumerate(table.rows):
        assert row == (
            str(digit),
            narrative.number(explanation.logits[digit]),
            narrative.number(explanation.logits[digit] - explanation.logits.max()),
            narrative.number(np.exp(explanation.logits[digit] - explanation.logits.max())),
            narrative.number(explanation.probabilities[digit]),
        )


def test_the_loss_is_given_in_nats_and_in_bits(explanation):
    (cost,) = [
        f.text for f in all_of(narrative.forward(explanation, ""), Formula) if "nats" in f.text
    ]
    share, nats, bits = re.fullmatch(r"-ln (\S+) = (\S+) nats = (\S+) bits", cost).groups()
    assert value(nats) == pytest.approx(-np.log(explanation.probabilities[5]), rel=1e-3)
    assert value(bits) == pytest.approx(-np.log2(explanation.probabilities[5]), rel=1e-3)
    assert share == narrative.number(explanation.probabilities[5])


def test_an_image_without_a_label_has_no_loss(finished_run, digits):
    told = narrative.forward(Explainer(finished_run.onnx_path).explain(digits[0][5]), "a picture")
    assert "It has no label." in words(told)
    assert not any("nats" in formula.text for formula in all_of(told, Formula))


def test_a_convolutional_network_is_described_layer_by_layer(convnet, digits):
    explanation = Explainer(convnet.onnx).explain(digits[0][5], 5)
    told = narrative.forward(explanation, "a five")
    table = next(t for t in all_of(told, Table) if t.headings[0] == "layer")
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["convolution_1"][:2] == ("Conv, Relu", "26 × 26 × 32")
    assert rows["flatten"][:2] == ("Transpose, Flatten", "1600")
    galleries = [p for p in all_of(told, tuple) if len(p) == 12]
    assert [pictures[0].pixels.shape[0] for pictures in galleries] == [3, 26, 13, 11, 5]
    largest = explanation.layers[2].values.mean(axis=(0, 1)).argmax()
    assert galleries[1][0].caption == f"map {largest}"
    assert galleries[0][0].caption == f"filter {largest}"
    kernel = explanation.layers[2].filters[:, :, 0, largest]
    np.testing.assert_allclose(kernel * 255, convnet.model.layers[3].kernel[:, :, 0, largest], 1e-5)
    # Red where a weight is above 0.
    red = galleries[0][0].pixels[..., 0].astype(int) > galleries[0][0].pixels[..., 2]
    assert (red == (kernel > 0)).all()


def test_the_step_is_described_with_predicted_and_actual_loss(step):
    told = narrative.learning(step, "training images of sample")
    table = next(t for t in all_of(told, Table) if "slope predicts" in t.headings)
    factor, *found = table.rows[table.marked]
    assert factor == "1"
    expected = (step.predicted, step.after, step.table.others[row_of(step, 1)])
    assert [value(text) for text in found] == pytest.approx(expected, abs=5.1e-5)
    text = words(told)
    for number in (step.before, step.slope, step.predicted, step.after):
        assert narrative.number(number)[:6] in text
    assert "RMSprop, learning rate 0.001, with its state at the end of the training" in text
    assert f"changes {step.moved:,} of the 25,450" in text
    assert text.count("the 100 training images of sample") == 1
    assert "The last column is the mean loss of 100 training images of sample." in text
    assert all_of(told, Drawing) == [Drawing(step, "training images of sample")]


def test_gradients_by_backpropagation_and_by_differences_stand_side_by_side(step):
    table = next(t for t in all_of(narrative.learning(step), Table) if "difference" in t.headings)
    assert len(table.rows) == 6
    for (name, _, backwards, difference), weight in zip(table.rows, step.weights, strict=True):
        assert name == f"{weight.layer} {weight.source} to {weight.unit}"
        assert value(backwards) == pytest.approx(weight.gradient, rel=1e-5)
        assert value(difference) == pytest.approx(weight.numerical, rel=1e-5)


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ([3.0, 2, 1], "only falls, from 3.0000 to 1.0000 at 2 times the step"),
        ([1.0, 2, 3], "only rises, from 1.0000 to 3.0000 at 2 times the step"),
        ([2.0, 1, 4], "falls from 2.0000 to 1.0000 at 1 times the step, and then rises to 4.0000"),
    ],
)
def test_a_loss_is_said_to_fall_or_rise_as_it_does(losses, said):
    assert said in narrative._course(np.array([0.0, 1, 2]), np.array(losses))


@pytest.fixture(scope="module")
def sure(explanation):
    """An explanation of a right answer with a probability of 1 - 9 * 1.4e-06 = 1 - 1.3e-05."""
    rest = np.full(10, 1.4e-06)
    rest[5] = 0
    logits = np.log(np.where(rest, rest, 1 - rest.sum()))
    probabilities = np.exp(logits)
    return dataclasses.replace(explanation, logits=logits, probabilities=probabilities)


def test_a_confident_answer_is_not_rounded_to_probability_1(sure):
    told = narrative.forward(sure, "a five")
    (cost,) = [f.text for f in all_of(told, Formula) if "nats" in f.text]
    assert cost == "-ln (1 - 1.3e-05) = 1.3e-05 nats = 1.8e-05 bits"
    table = next(t for t in all_of(told, Table) if t.shares)
    assert table.rows[5][-1] == "1 - 1.3e-05"
    assert "the argmax: 5, with 1 - 1.3e-05." in words(told)
    assert "the sum of all ten, 1 + 1.3e-05." in words(told)


def test_numbers_before_and_after_a_small_step_look_different(step):
    """The changes are divided by 100,000, and the losses differ from their third digit on."""
    weights = tuple(dataclasses.replace(w, change=w.change / 1e5) for w in step.weights)
    small = dataclasses.replace(
        step, weights=weights, before=1.484e-05, after=1.457e-05, slope=-2.7e-07,
        table=dataclasses.replace(step.table, own=1.484e-05 - 2.7e-10 * step.table.factors),
    )  # fmt: skip
    told = narrative.learning(small)
    tables = all_of(told, Table)
    for _, before, _, after in next(t for t in tables if "before" in t.headings).rows:
        assert before != after
    table = next(t for t in tables if "slope predicts" in t.headings)
    for column in range(1, 4):
        assert len({row[column] for row in table.rows}) == len(table.rows)
    assert "from 1.48e-05 to 1.46e-05, if the loss" in words(told)
    assert "After the step the loss is 1.46e-05." in words(told)


def with_courses(step, own, theirs):
    curve = learning.LossCurve(np.array([0.0, 1, 2]), np.array(own), np.array(theirs))
    return words(narrative.learning(dataclasses.replace(step, curve=curve)))


def test_a_step_has_overshot_only_where_the_loss_falls_and_then_rises(step):
    rises, falls, turns = [1.0, 2, 3], [3.0, 2, 1], [2.0, 1, 4]
    assert "overshot" not in with_courses(step, falls, rises)
    assert "This direction does not help them" in with_courses(step, falls, rises)
    assert "overshot" in with_courses(step, falls, turns)
    assert "does not help" not in with_courses(step, falls, turns)
    text = with_courses(step, turns, falls)
    assert text.count("overshot") == 1
    assert text.index("overshot") < text.index("But all images share the weights")


def test_backpropagation_is_described_with_the_slope_of_the_activation(step):
    text = words(narrative.learning(step))
    assert "times the slope of its activation function (for ReLU: 1 if the" in text
    assert "with 0.00001 added to the weight" in text


def test_the_peak_of_a_schedule_is_named_if_there_is_one(step):
    assert "schedule" not in words(narrative.learning(step))
    late = dataclasses.replace(step.step, learning_rate=1e-5, peak_learning_rate=0.01)
    text = words(narrative.learning(dataclasses.replace(step, step=late)))
    assert "learning rate 1e-05 (the peak of its schedule is 0.01)" in text


def test_the_colours_of_maps_with_numbers_below_0_are_explained(convnet, digits):
    explanation = Explainer(convnet.onnx).explain(digits[0][5], 5)
    below = explanation.layers[2]
    assert below.values.min() == 0
    assert "red is above" not in words(narrative.forward(explanation, ""))
    layers = [*explanation.layers]
    layers[2] = dataclasses.replace(below, values=below.values - 0.1)
    text = words(narrative.forward(dataclasses.replace(explanation, layers=tuple(layers)), ""))
    said = next(line for line in text.split(f"{below.name}: ")[1:] if "maps, the one" in line)
    assert "; red is above 0, blue is below, and " in said.partition(".")[0]


def test_maps_of_few_pixels_are_not_drawn(convnet, digits):
    explanation = Explainer(convnet.onnx).explain(digits[0][5], 5)
    layers = [
        dataclasses.replace(view, values=view.values[:4, :4]) if view.values.ndim == 3 else view
        for view in explanation.layers
    ]
    told = narrative.forward(dataclasses.replace(explanation, layers=tuple(layers)), "")
    assert [len(pictures) for pictures in all_of(told, tuple)] == [1]  # the image


def test_whole_numbers_have_no_decimals_and_the_division_by_255_is_explained(convnet, digits):
    explanation = Explainer(convnet.onnx).explain(digits[0][5], 5)
    told = narrative.forward(explanation, "a five")
    table = next(t for t in all_of(told, Table) if t.headings[0] == "layer")
    assert table.rows[0][-1] == f"0 to {digits[0][5].max()}"
    assert "divided by 255" in words(told)


def test_gradients_of_0_are_left_out(finished_run, explanation):
    blank = np.zeros((28, 28), np.uint8)
    step = learning.learn(finished_run, explanation.network, blank, 5)
    assert {weight.layer for weight in step.weights} == {"probabilities"}
    assert all(weight.gradient for weight in step.weights)
    none = dataclasses.replace(step, weights=())
    assert "the gradient of every weight is 0" in words(narrative.learning(none))
    assert not any("before" in table.headings for table in all_of(narrative.learning(none), Table))


def test_colours_are_white_at_0_and_full_at_the_limit():
    assert grey(np.array([[0, 255]]), "", limit=255).pixels.tolist() == [[[255] * 3, [0] * 3]]
    (picture,) = signed([np.array([[-2.0, 0, 2]])], ["weights"])
    assert isinstance(picture, Picture)
    assert picture.pixels[0].tolist() == [[33, 102, 172], [255, 255, 255], [178, 24, 43]]


def test_zeros_are_white():
    assert (signed([np.zeros((2, 2))], [""])[0].pixels == 255).all()
    assert (grey(np.zeros((2, 2)), "", limit=0).pixels == 255).all()
