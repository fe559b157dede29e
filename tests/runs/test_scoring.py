import dataclasses

import numpy as np
import pytest

import mnistry
from mnistry.datasets.dataset import DIGITS
from mnistry.errors import DataError
from mnistry.evaluation.scorecard import DISPUTED_MNIST_TEST
from mnistry.runs import scoring
from mnistry.runs.directory import Run


def test_the_onnx_file_scores_as_the_keras_model_did(finished_run: Run) -> None:
    dataset = mnistry.load("sample")
    name, split = scoring.choose_split(dataset)
    card = scoring.score_run(finished_run, split)
    kept = finished_run.scores().test
    assert name == "test"
    assert kept is not None
    assert card.correct == kept.correct
    assert card.loss == pytest.approx(kept.loss, rel=1e-4)


def test_fault_42_mnists_test_images_are_scored_with_and_without_the_disputed_labels(
    mnist: dict[str, np.ndarray],
) -> None:
    answers = np.full((10_000, 10), 0.01)
    answers[np.arange(10_000), mnist["y_test"]] = 0.91
    wrong = np.array(DISPUTED_MNIST_TEST)
    answers[wrong] = np.roll(answers[wrong], 1, axis=1)
    card = scoring.score_split(mnistry.Split(mnist["x_test"], mnist["y_test"]), answers, DIGITS)
    assert card.correct == 9_985
    assert card.undisputed is not None
    assert (card.undisputed.correct, card.undisputed.count) == (9_985, 9_985)


def test_other_test_images_have_no_disputed_labels(finished_run: Run) -> None:
    _, split = scoring.choose_split(mnistry.load("sample"))
    assert scoring.score_run(finished_run, split).undisputed is None


def test_images_without_labels_cannot_be_scored() -> None:
    dataset = mnistry.load("sample")
    assert dataset.train is not None
    unlabelled = dataclasses.replace(
        dataset, train=None, test=mnistry.Split(dataset.train.images, None)
    )
    with pytest.raises(DataError, match="mnistry predict"):
        scoring.choose_split(unlabelled)
