import json
import math
from xml.etree import ElementTree

import numpy as np
import pytest

from mnistry.errors import DataError, ModelError, UsageError
from mnistry.evaluation.scorecard import DISPUTED_MNIST_TEST, Confusion, Scorecard, score
from mnistry.evaluation.statistics import wilson


def sure(answers, confidence=0.91):
    """Return rows with `confidence` for each answer, and the rest shared by the others."""
    rows = np.full((len(answers), 10), (1 - confidence) / 9)
    rows[np.arange(len(answers)), answers] = confidence
    return rows


# Six images: 0 1 1 2 2 2, of which a 1 is taken for 2 and two 2s for 1.
LABELS = np.array([0, 1, 1, 2, 2, 2], np.uint8)
ANSWERS = [0, 1, 2, 2, 1, 1]


@pytest.fixture
def card():
    return score(LABELS, sure(ANSWERS))


def test_counts_and_accuracy(card):
    assert (card.count, card.correct, card.accuracy) == (6, 3, 0.5)


def test_loss_in_nats_and_bits_by_hand(card):
    # Three images at 0.91 and three at 0.01.
    assert card.loss == pytest.approx(-(3 * math.log(0.91) + 3 * math.log(0.01)) / 6)
    assert card.loss_bits == pytest.approx(-(3 * math.log2(0.91) + 3 * math.log2(0.01)) / 6)


def test_confusion_has_labels_in_rows_and_answers_in_columns(card):
    assert card.confusion[0] == (1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    assert card.confusion[1] == (0, 1, 1, 0, 0, 0, 0, 0, 0, 0)
    assert card.confusion[2] == (0, 2, 1, 0, 0, 0, 0, 0, 0, 0)
    assert sum(map(sum, card.confusion)) == 6


def test_classes_by_hand(card):
    one, two, three = card.by_class[1:4]
    assert (one.name, one.images) == ("1", 2)
    assert (one.precision, one.recall, one.f1) == (1 / 3, 1 / 2, 2 / 5)
    assert one.loss_bits == pytest.approx(-(math.log2(0.91) + math.log2(0.01)) / 2)
    assert (two.precision, two.recall, two.f1) == (1 / 2, 1 / 3, 2 / 5)
    # No image has this label and none was answered with it: nothing can be said.
    assert (three.images, three.precision, three.recall, three.f1) == (0, None, None, None)
    assert three.loss_bits is None


def test_most_confused_pairs_are_ordered_by_count(card):
    assert card.most_confused == (Confusion(2, 1, 2), Confusion(1, 2, 1))


def test_mistakes_are_ordered_by_confidence_and_then_by_index():
    rows = np.concatenate([sure([1, 1], 0.5), sure([1], 0.9), sure([0], 0.99)])
    found = score(np.zeros(4, np.uint8), rows).mistakes
    assert [mistake.index for mistake in found] == [2, 0, 1]
    assert (found[0].label, found[0].answer) == (0, 1)
    assert found[0].confidence == pytest.approx(0.9)


def test_many_mistakes_of_equal_confidence_are_ordered_by_index():
    rows = np.stack([sure([1] * 100, 0.5), sure([1] * 100, 0.9)], axis=1).reshape(200, 10)
    found = score(np.zeros(200, np.uint8), rows).mistakes
    assert [mistake.index for mistake in found] == [*range(1, 200, 2), *range(0, 200, 2)]


def test_the_first_of_equal_probabilities_is_the_answer():
    assert score(np.array([0, 1]), np.full((2, 10), 0.1)).correct == 1


def test_calibration_error_by_hand():
    # Bin (0.8, 0.8667]: 2 images, confidence 0.85, accuracy 0.5. Last bin: 2, 0.95, 1.
    rows = np.concatenate([sure([0, 1], 0.85), sure([0, 0], 0.95)])
    found = score(np.zeros(4, np.uint8), rows)
    assert found.calibration_error == pytest.approx(0.5 * 0.35 + 0.5 * 0.05)
    assert len(found.bins) == 15
    assert [part.count for part in found.bins if part.count] == [2, 2]
    assert (found.bins[12].count, found.bins[12].accuracy) == (2, 0.5)
    assert found.bins[12].confidence == pytest.approx(0.85)
    assert (found.bins[0].confidence, found.bins[0].accuracy) == (None, None)


def test_certainty_belongs_to_the_last_bin():
    found = score(np.arange(10), np.eye(10))
    assert found.bins[-1].count == 10
    assert found.calibration_error == 0


def test_a_confidence_between_two_bins_belongs_to_the_lower():
    rows = np.zeros((1, 10))
    rows[0, :2] = 0.8, 0.2  # 0.8 = 12/15, between bins 11 and 12
    assert [part.count for part in score(np.array([0]), rows).bins].index(1) == 11


def test_rows_whose_sum_is_1_but_for_rounding_are_scaled_to_1():
    exact, found = score(LABELS, sure(ANSWERS)), score(LABELS, sure(ANSWERS) * 1.0005)
    assert found.loss == pytest.approx(exact.loss, rel=1e-12)
    assert found.mistakes[0].confidence == pytest.approx(0.91, rel=1e-12)


def test_certain_mistakes_have_a_finite_loss():
    found = score(np.array([1]), np.eye(10)[[0]])
    assert found.loss == pytest.approx(-math.log(1e-7))


def test_loss_and_accuracy_are_those_of_keras():
    import keras

    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 500)
    logits = rng.normal(size=(500, 10)) * 8
    rows = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    rows = rows.astype(np.float32)
    rows[0] = np.eye(10)[labels[0]]
    rows[1] = np.eye(10)[(labels[1] + 1) % 10]
    truth = np.eye(10)[labels]
    found = score(labels, rows)
    assert found.loss == pytest.approx(
        float(np.mean(keras.losses.categorical_crossentropy(truth, rows))), rel=1e-5
    )
    assert found.accuracy == pytest.approx(
        float(np.mean(keras.metrics.categorical_accuracy(truth, rows)))
    )


def test_fault_42_disputed_labels_are_scored_both_ways_and_not_changed():
    labels = np.zeros(10_000, np.uint8)
    answers = np.zeros(10_000, int)
    answers[list(DISPUTED_MNIST_TEST[:5])] = 3
    answers[0] = 3  # with this one, 6 of 10,000 are wrong, and 1 of the 9,985 that are undisputed
    before = labels.copy()
    found = score(labels, sure(answers), disputed=DISPUTED_MNIST_TEST)
    assert (found.correct, found.count) == (9_994, 10_000)
    assert (found.undisputed.correct, found.undisputed.count) == (9_984, 9_985)
    assert found.undisputed.loss < found.loss
    assert np.array_equal(labels, before)


def test_disputed_indices_have_the_labels_of_the_source(mnist_path):
    with np.load(mnist_path) as arrays:
        labels = arrays["y_test"][list(DISPUTED_MNIST_TEST)]
    # given_original_label of these indices in cleanlab's mturk/mnist_mturk.json.
    assert labels.tolist() == [8, 0, 9, 4, 2, 5, 6, 6, 5, 5, 0, 1, 4, 6, 5]


def test_without_disputed_labels_there_is_no_second_score(card):
    assert card.undisputed is None
    assert card.to_json()["undisputed"] is None


def test_disputed_indices_out_of_range_are_refused():
    with pytest.raises(UsageError, match="disputed label 6 of 6"):
        score(LABELS, sure(ANSWERS), disputed=[6])
    with pytest.raises(UsageError, match="every label is disputed"):
        score(LABELS, sure(ANSWERS), disputed=range(6))


@pytest.mark.parametrize("disputed", [(), (4,), np.array([1, 4])])
def test_json_and_back_is_the_same_scorecard(disputed):
    before = score(LABELS, sure(ANSWERS), disputed=disputed, classes=tuple("abcdefghij"))
    text = json.dumps(before.to_json(), allow_nan=False)
    assert Scorecard.from_json(json.loads(text)) == before


def test_json_begins_with_the_main_scores(card):
    value = card.to_json()
    assert list(value)[:6] == ["count", "correct", "accuracy", "interval", "loss", "loss_bits"]
    assert value["interval"] == list(wilson(3, 6))
    assert value["most_confused"][0] == {"label": 2, "answer": 1, "count": 2}
    assert value["mistakes"][0] == {
        "index": 2,
        "label": 1,
        "answer": 2,
        "confidence": pytest.approx(0.91),
    }


@pytest.mark.parametrize(
    "damage",
    [
        lambda value: value.pop("confusion"),
        lambda value: value.update(by_class=3),
        lambda value: value["mistakes"].pop(),
        lambda value: value.update(count=7),
        lambda value: value["mistakes"][0].update(colour="red"),
        lambda value: value.update(confusion=[["a"]]),
        lambda value: value["by_class"].pop(),
        lambda value: value["by_class"][1].update(images=3),
        lambda value: value["by_class"][1].update(loss_bits=None),
        lambda value: value["by_class"][1].update(loss_bits="0.5"),
        lambda value: value["by_class"][1].update(loss_bits=math.nan),
        lambda value: value.update(loss=-1.0),
    ],
)
def test_a_damaged_scorecard_is_refused(card, damage):
    value = json.loads(json.dumps(card.to_json()))
    damage(value)
    with pytest.raises(ModelError, match=r"^scorecard.json: not a complete scorecard"):
        Scorecard.from_json(value, "scorecard.json")


@pytest.mark.parametrize("value", [None, [], "text"])
def test_json_of_another_kind_is_refused(value):
    with pytest.raises(ModelError, match="evaluate the run again"):
        Scorecard.from_json(value)


@pytest.mark.parametrize("number", [math.nan, math.inf, -0.1, 0.5])
def test_numbers_that_are_not_probabilities_are_refused(number):
    rows = sure(ANSWERS)
    rows[4, 7] = number
    with pytest.raises(ModelError, match="answer to image 4: not probabilities"):
        score(LABELS, rows)


def test_a_negative_probability_is_refused_even_if_the_sum_is_1():
    rows = sure(ANSWERS)
    rows[4, 7:9] += -0.1, 0.1
    with pytest.raises(ModelError, match="image 4: not probabilities: smallest -"):
        score(LABELS, rows)


def test_logits_are_refused():
    with pytest.raises(ModelError, match="softmax"):
        score(LABELS, np.eye(10)[ANSWERS] * 12)


@pytest.mark.parametrize("shape", [(6,), (6, 9), (6, 10, 1)])
def test_probabilities_of_another_shape_are_refused(shape):
    with pytest.raises(ModelError, match=r"expected \(n, 10\)"):
        score(LABELS, np.full(shape, 0.1))


def test_half_precision_rows_are_accepted():
    assert score(LABELS, sure(ANSWERS).astype(np.float16)).correct == 3


@pytest.mark.parametrize("label", [-1, 10])
def test_labels_out_of_range_are_refused(label):
    labels = LABELS.astype(int)
    labels[2] = label
    with pytest.raises(DataError, match=f"label 2: {label} is not a label"):
        score(labels, sure(ANSWERS))


def test_there_must_be_one_label_for_each_answer_and_at_least_one():
    with pytest.raises(DataError, match="5 labels for 6 answers"):
        score(LABELS[:5], sure(ANSWERS))
    with pytest.raises(DataError, match="0 labels for 0 answers"):
        score(LABELS[:0], np.zeros((0, 10)))


def test_a_scorecard_is_shown_in_one_short_line(card) -> None:
    assert repr(card) == (
        "<Scorecard: 3 of 6 right, 50.00 % (95 % interval 18.76 % to 81.24 %), loss 2.3497 nats>"
    )


def test_a_notebook_shows_a_small_table_in_its_own_colours_with_names_escaped() -> None:
    names = [f"<b>{k}</b>" for k in range(10)]
    table = score(LABELS, sure(ANSWERS), classes=names)._repr_html_()
    rows = ElementTree.fromstring(table).findall("tr")  # noqa: S314 - our own text
    assert {row.find("th").text: row.find("td").text for row in rows} == {
        "images": "6",
        "right": "3",
        "accuracy": "50.00 % (95 % interval 18.76 % to 81.24 %)",
        "loss": "2.3497 nats, 3.3900 bits",
        "calibration error": "41.00 %",
        "most confused": "<b>2</b> answered as <b>1</b>: 2 of 3",
    }
    assert "style" not in table
