"""Data of other classes than digits, and with validation images of its own, make ordinary runs."""

import dataclasses
import json

import numpy as np
import pytest

import mnistry
from mnistry.datasets import Dataset, Origin, Split
from mnistry.errors import DataError, ModelError, UsageError
from mnistry.inference import onnx_session
from mnistry.recipes.experiment import Experiment
from mnistry.runs import experiment, scoring
from mnistry.runs.directory import Run

NAMES = ("ki", "su", "wo")


def of_three_classes() -> Dataset:
    """Three digits under other names, with validation images."""
    splits = {}
    for part, split in mnistry.load("sample").splits().items():
        chosen = split.labels < 3
        splits[part] = Split(split.images[chosen], split.labels[chosen])
    images, labels = splits["train"]
    return Dataset(
        "letters", "letters", "not stated", Split(images[:900], labels[:900]), splits["test"],
        NAMES, validation=Split(images[900:], labels[900:]),
    )  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    recipe = mnistry.Recipe("small", units=16, epochs=2)
    path = tmp_path_factory.mktemp("runs") / "letters"
    return experiment.run_experiment(
        Experiment(recipe, Origin("letters")), of_three_classes(), path=path
    )


def test_the_network_has_an_output_for_each_class(run):
    session = onnx_session.open_session(run.onnx_path)
    assert onnx_session.classes(session) == 3
    probabilities = onnx_session.probabilities(session, of_three_classes().test.images)
    assert probabilities.shape == (300, 3)
    assert run.model().output_shape == (None, 3)


def test_its_scores_name_the_classes(run):
    card = run.scores().test
    assert card.classes == NAMES
    assert card.accuracy > 0.8
    assert json.loads((run.path / "run.json").read_text())["data"]["classes"] == list(NAMES)


def test_validation_images_of_the_data_are_watched(run):
    scores = run.scores()
    assert scores.train.count == 900
    assert scores.validation.count == 300
    assert all(epoch.val_loss is not None for epoch in run.epochs())


def test_labels_are_counted_as_the_run_counts_them(run):
    dataset = of_three_classes()
    chosen = dataset.test.labels > 0
    fewer = dataclasses.replace(
        dataset,
        test=Split(dataset.test.images[chosen], dataset.test.labels[chosen] - 1),
        classes=NAMES[1:],
        train=None,
        validation=None,
    )
    ours = scoring.with_classes_of(run, fewer)
    np.testing.assert_array_equal(ours.test.labels, dataset.test.labels[chosen])
    assert scoring.score_run(run, ours.test).accuracy > 0.8
    with pytest.raises(DataError, match=r"its classes are ki, su, xx; expected those of the run"):
        scoring.with_classes_of(run, dataclasses.replace(dataset, classes=("ki", "su", "xx")))


def test_a_reader_takes_ten_digits_only(run):
    with pytest.raises(
        ModelError, match=r"its 3 classes are not the ten digits; .*mnistry predict"
    ):
        mnistry.Reader(run.onnx_path)


def test_recipes_that_add_images_of_digits_refuse_other_classes():
    recipe = mnistry.Recipe("reading", epochs=1, non_digits=10)
    with pytest.raises(UsageError, match="adds images of digits"):
        experiment.check(Experiment(recipe, Origin("letters")), of_three_classes())
