"""The figures of a ledger, from made-up scores and from a real run."""

import dataclasses
import json
import math

import numpy as np
import pytest

from mnistry.errors import ModelError
from mnistry.evaluation.ledger import Entry, Ledger
from mnistry.evaluation.scorecard import Scores, score
from mnistry.runs.directory import Run
from mnistry.training.history import Epoch

LN2 = math.log(2)
CATEGORICAL = "categorical_crossentropy"


def card(labels, given, classes="abcd"):
    """Return a scorecard with the probability `given` for the true class of each image."""
    labels = np.array(labels, np.uint8)
    given = np.array(given, float)
    rows = np.repeat((1 - given[:, np.newaxis]) / (len(classes) - 1), len(classes), axis=1)
    rows[np.arange(len(labels)), labels] = given
    return score(labels, rows, classes=tuple(classes))


# A probability of 1/2 costs 1 bit, 1/4 costs 2, 1/8 costs 3. No training image has the class d,
# and no test image the class c.
TRAIN = card([0, 0, 1, 2], [0.5, 0.5, 0.5, 0.25])
TEST = card([0, 1, 1, 3], [0.25, 0.25, 0.125, 0.5])
VALIDATION = card([0, 1, 2, 3], [0.125, 0.125, 0.125, 0.125])
EPOCHS = (Epoch(2 * LN2, 0.5, 1.5 * LN2, 0.5, 1.0), Epoch(0.5 * LN2, 0.8, 2.5 * LN2, 0.5, 1.0))


def book(scores=Scores(TEST, TRAIN, VALIDATION), epochs=EPOCHS, loss=CATEGORICAL):  # noqa: B008
    return Ledger.of(epochs, scores, loss)


def test_the_sum_by_hand():
    found = book()
    assert found.nothing == 2  # four classes
    assert found.train == pytest.approx((1 + 1 + 1 + 2) / 4)
    assert found.unseen == pytest.approx((2 + 2 + 3 + 1) / 4)
    assert found.gap == pytest.approx(0.75)
    assert found.learned == pytest.approx(0)
    assert found.split == "test"


def test_ten_classes_cost_log2_of_10_bits():
    cards = [card([7], [0.775], "0123456789") for _ in range(2)]
    found = book(Scores(*cards))
    assert found.nothing == pytest.approx(3.3219, abs=5e-5)
    # A probability of 0.775 for the true class: 0.3677 bits.
    assert found.left == pytest.approx(0.3677, abs=5e-5)
    assert found.learned == pytest.approx(2.9542, abs=5e-5)


def test_classes_by_hand():
    bits = {one.name: (one.train, one.unseen) for one in book().by_class}
    assert bits["a"] == (pytest.approx(1), pytest.approx(2))
    assert bits["b"] == (pytest.approx(1), pytest.approx(2.5))
    assert bits["c"] == (pytest.approx(2), None)
    assert bits["d"] == (None, pytest.approx(1))
    assert [one.gap for one in book().by_class] == [
        *(pytest.approx(1), pytest.approx(1.5), None, None),
    ]


def test_the_loss_of_guessing_by_frequency_is_the_entropy_of_the_training_labels():
    # Shares 1/2, 1/4, 1/4, 0: 0.5 * 1 + 2 * 0.25 * 2.
    assert book().frequencies == 1.5
    even = card([0, 1, 2, 3], [0.5] * 4)
    assert book(Scores(None, even)).frequencies == book().nothing == 2


def test_losses_of_epochs_are_converted_from_nats_to_bits():
    first, second = book().epochs
    assert (first.name, second.name) == ("1", "2")
    assert (first.train, first.unseen) == (pytest.approx(2), pytest.approx(1.5))
    assert first.gap == pytest.approx(-0.5)
    assert second.gap == pytest.approx(2)


def test_the_best_epoch_is_the_first_with_the_lowest_validation_loss():
    assert book().best_epoch == 1
    losses = [3.0, 1.0, 2.0, 1.0]
    assert book(epochs=[Epoch(1.0, 0.5, loss, 0.5, 1.0) for loss in losses]).best_epoch == 2


def test_without_test_images_the_validation_images_are_the_unseen_ones():
    found = book(Scores(None, TRAIN, VALIDATION))
    assert (found.split, found.unseen) == ("validation", pytest.approx(3))
    assert found.by_class[0].unseen == pytest.approx(3)
    # Three bits where knowing nothing costs two: sure, and wrong.
    assert found.learned == pytest.approx(-1)


def test_without_unseen_images_there_is_no_gap():
    epochs = [dataclasses.replace(epoch, val_loss=None) for epoch in EPOCHS]
    found = book(Scores(None, TRAIN), epochs)
    assert (found.split, found.unseen, found.gap, found.best_epoch) == (None,) * 4
    assert found.left == found.train
    assert {entry.gap for entry in (*found.by_class, *found.epochs)} == {None}
    assert set(found.to_json()["by_class"][0]) == {"class", "train", "gap"}


def test_the_ledger_of_binary_cross_entropy_has_scores_but_no_epochs():
    found = book(loss="binary_crossentropy")
    assert found.epochs == ()
    assert found.train == book().train
    assert book(loss="sparse_categorical_crossentropy").epochs == book().epochs


@pytest.mark.parametrize("loss", [None, math.nan, math.inf])
def test_a_history_without_a_finite_loss_is_damaged(loss):
    with pytest.raises(ModelError, match=r"damaged: a loss of .* in epoch 2"):
        book(epochs=(EPOCHS[0], dataclasses.replace(EPOCHS[1], loss=loss)))


def test_a_history_without_epochs_is_damaged():
    with pytest.raises(ModelError, match="it has no epoch"):
        book(epochs=())


def test_json_names_the_unseen_images_by_their_split():
    value = json.loads(json.dumps(book().to_json(), allow_nan=False))
    assert value["nothing"] == 2
    assert value["test"] - value["train"] == value["gap"]
    assert value["by_class"][0] == {
        "class": "a",
        "train": pytest.approx(1),
        "test": pytest.approx(2),
        "gap": pytest.approx(1),
    }
    assert value["epochs"][1] == {
        "epoch": 2,
        "train": pytest.approx(0.5),
        "validation": pytest.approx(2.5),
        "gap": pytest.approx(2),
    }
    assert book(Scores(None, TRAIN, VALIDATION)).to_json()["validation"] == pytest.approx(3)


def test_a_real_run_lies_between_nothing_and_0_and_its_classes_add_up(finished_run: Run):
    scores = finished_run.scores()
    found = Ledger.of(finished_run.epochs(), scores, finished_run.recipe.loss)
    assert 0 < found.train < found.nothing
    assert found.unseen == scores.test.loss_bits
    assert [len(found.epochs), len(found.by_class)] == [2, 10]
    assert all(isinstance(entry, Entry) and entry.unseen for entry in found.epochs)
    # After the last epoch the weights are the final ones, so both losses are the same.
    assert found.epochs[-1].unseen == pytest.approx(scores.validation.loss_bits, rel=1e-4)
    whole = sum(
        entry.unseen * one.images
        for entry, one in zip(found.by_class, scores.test.by_class, strict=True)
    )
    assert whole / scores.test.count == pytest.approx(found.unseen)
