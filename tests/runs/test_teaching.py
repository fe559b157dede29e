"""A taught network is kept if it is better, says so honestly, and is an ordinary run."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

import mnistry
from mnistry.datasets import Dataset, Split
from mnistry.errors import DataError, ModelError
from mnistry.inference import metadata
from mnistry.networks import adopt
from mnistry.reading import Reader, built_in
from mnistry.reading.built_in import SHIPPED
from mnistry.runs import adoption, teaching
from mnistry.runs.directory import Run
from mnistry.runs.teaching import Lesson
from mnistry.training import teach


def some(split: Split, count: int) -> Split:
    return Split(split.images[:count], split.labels[:count])


@pytest.fixture(scope="module", autouse=True)
def few_images() -> Iterator[None]:
    """Rehearse and judge with fewer images than usual."""
    with pytest.MonkeyPatch.context() as patch:
        for name, count in (("_REHEARSED", 250), ("_NON_DIGITS", 30), ("_JUDGED", 60)):
            patch.setattr(teaching, name, count)
        patch.setattr(teach, "_COPIES", 120)
        yield


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    sample = mnistry.load("sample")
    train, test = (some(split, 500) for split in (sample.train, sample.test))
    return dataclasses.replace(sample, train=train, test=some(test, 300))


@pytest.fixture(scope="module")
def slanted() -> Split:
    """Two hundred digits, slanted and turned so far that the built-in network misreads many."""
    images, labels = mnistry.load("sample").test
    matrix = np.array([[0.8, -0.75, 13.5 - 13.5 * 0.05], [0.5, 0.8, 13.5 - 13.5 * 1.3]])
    made = [cv2.warpAffine(one, matrix, (28, 28)) for one in images[400:600]]
    return Split(np.array(made), labels[400:600])


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory, slanted: Split, dataset: Dataset) -> Lesson:
    path = tmp_path_factory.mktemp("runs") / "hand"
    return teaching.teach_as_run(None, [some(slanted, 60)], dataset, path)


def test_a_better_network_is_kept_as_a_run_that_reads_the_hand(
    taught: Lesson, slanted: Split
) -> None:
    assert taught.reasons == ()
    assert taught.after.wrong.count < taught.before.wrong.count
    run = Run.open(taught.run.path)
    assert run.taught.examples == 60
    assert run.taught.wrong_after == taught.after.wrong.count
    others, labels = slanted.images[100:], slanted.labels[100:]
    wrong = []
    for model in (None, run.path):
        found = Reader(model, threshold=0).read_many(others)
        wrong.append(sum(one.text != str(label) for one, label in zip(found, labels, strict=True)))
    assert wrong[1] < 0.6 * wrong[0]


def test_thresholds_are_the_starts_in_the_run_and_in_what_is_exported(taught: Lesson) -> None:
    content = taught.run.onnx_path.read_bytes()
    assert metadata.read_thresholds(content) == built_in.thresholds_of(None)
    assert Reader(content)._marks._threshold == built_in.thresholds_of(None)[0]
    assert built_in.thresholds_of(None)[0] > built_in.THRESHOLD


def test_a_taught_run_lists_and_scores_and_says_what_it_has_not(taught: Lesson) -> None:
    run = taught.run
    assert run.summary()["recipe"] == "taught"
    assert run.scores().test.count == 300
    assert "taught from the built-in network" in metadata.read(run.onnx_path.read_bytes())["run"]
    for missing in (run.epochs, run.model):
        with pytest.raises(ModelError, match="a network taught from the built-in network"):
            missing()


def test_no_example_is_in_the_run(taught: Lesson, slanted: Split) -> None:
    files = b"".join(path.read_bytes() for path in taught.run.path.rglob("*") if path.is_file())
    for image in slanted.images[:60]:
        ink = image[image.any(1)].tobytes()
        assert ink not in files
        assert (image / 255).astype(np.float32).tobytes() not in files


def test_fault_135_wrong_labels_are_said_and_the_start_is_kept(
    slanted: Split, dataset: Dataset, tmp_path: Path
) -> None:
    labels = np.random.default_rng(0).integers(0, 10, 20).astype(np.uint8)
    examples = Split(dataset.test.images[:20], labels)
    lesson = teaching.teach_as_run(None, [examples], dataset, tmp_path / "run")
    assert any("are the labels right" in reason for reason in lesson.reasons)
    assert lesson.run is None
    assert not (tmp_path / "run").exists()
    doubt = lesson.doubtful[0]
    assert doubt.label == labels[doubt.number]
    assert doubt.answer == dataset.test.labels[doubt.number]


def test_a_wrong_label_is_said_even_if_every_digit_of_its_kind_has_it(
    dataset: Dataset, tmp_path: Path
) -> None:
    images, labels = some(dataset.test, 80)
    wrong = np.where(np.asarray(labels) == 1, 7, labels).astype(np.uint8)
    lesson = teaching.teach_as_run(None, [Split(images, wrong)], dataset, tmp_path / "run")
    ones = np.flatnonzero(np.asarray(labels) == 1)
    said = [(doubt.number, doubt.label, doubt.answer) for doubt in lesson.doubtful]
    assert said
    assert set(said) <= {(number, 7, 1) for number in ones.tolist()}
    assert len(said) >= len(ones) / 2


def test_fault_135_one_digit_alone_is_said_and_kept_only_if_told(
    slanted: Split, dataset: Dataset, tmp_path: Path
) -> None:
    fours = Split(*(part[slanted.labels == 4][:8] for part in slanted))
    lesson = teaching.teach_as_run(None, [fours], dataset, tmp_path / "no")
    assert lesson.reasons[0] == "all examples are of one digit, 4"
    assert lesson.run is None
    kept = teaching.teach_as_run(None, [fours], dataset, tmp_path / "yes", keep=True)
    assert Run.open(kept.run.path).status == "done"


def test_fault_135_what_makes_mnist_worse_is_not_kept(taught: Lesson, slanted: Split) -> None:
    worse = dataclasses.replace(
        taught.after.test,
        correct=taught.after.test.correct - 2,  # of 300: 0.67 points
    )
    figures = dataclasses.replace(taught.after, test=worse)
    (reason,) = teaching._against(some(slanted, 60), taught.before, figures)
    assert "points of the accuracy on the test images are lost" in reason


@pytest.mark.parametrize("count", [1, 4, 2001])
def test_fault_135_too_few_or_too_many_examples_are_refused(
    count: int, dataset: Dataset, tmp_path: Path
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (count, 28, 28)).astype(np.uint8)
    examples = Split(images, np.zeros(count, np.uint8))
    with pytest.raises(DataError, match=f"{count:,} examples; expected 5 to 2,000"):
        teaching.teach_as_run(None, [examples], dataset, tmp_path / "run")


def test_fault_135_the_same_picture_fifty_times_is_one_example(
    dataset: Dataset, tmp_path: Path
) -> None:
    again = Split(
        np.repeat(dataset.train.images[:1], 50, 0), np.repeat(dataset.train.labels[:1], 50)
    )
    with pytest.raises(DataError, match="50 examples, of which 1 differ"):
        teaching.teach_as_run(None, [again], dataset, tmp_path / "run")


def test_the_same_picture_with_two_labels_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    images = dataset.train.images
    anna = Split(images[:6], np.array([5, 0, 4, 1, 9, 2], np.uint8))
    ben = Split(images[[7, 8, 2]], np.array([3, 1, 9], np.uint8))
    with pytest.raises(DataError) as caught:
        teaching.teach_as_run(None, [anna, ben], dataset, tmp_path / "run")
    assert str(caught.value) == (
        "image 2 of writer 2 is labelled 9, and the same image 2 of writer 1 is labelled 4; "
        "expected one label for an image; leave out the one whose label is wrong"
    )
    assert not (tmp_path / "run").exists()


def test_a_start_without_keras_or_taught_already_is_refused(
    taught: Lesson, slanted: Split, dataset: Dataset, tmp_path: Path
) -> None:
    onnx = tmp_path / "theirs.onnx"
    onnx.write_bytes(SHIPPED.read_bytes())
    adopted, _ = adoption.adopt_as_run(adopt.open_network(onnx), dataset, tmp_path / "adopted")
    examples = [some(slanted, 20)]
    with pytest.raises(ModelError, match="without a Keras model, and cannot be taught"):
        teaching.teach_as_run(adopted, examples, dataset, tmp_path / "run")
    with pytest.raises(ModelError, match="not one that was taught already"):
        teaching.teach_as_run(taught.run, examples, dataset, tmp_path / "run")
    classes = dataclasses.replace(taught.run.data, classes=("A", "B"))
    letters = dataclasses.replace(taught.run, data=classes)
    with pytest.raises(ModelError, match="it tells 2 classes apart"):
        teaching.teach_as_run(letters, examples, dataset, tmp_path / "run")
