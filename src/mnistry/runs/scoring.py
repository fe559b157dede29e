"""Score a run's ONNX file on a split of a dataset, without Keras."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistry.datasets.dataset import Dataset, Images, Split
from mnistry.datasets.mnist import is_mnist_test
from mnistry.errors import DataError
from mnistry.evaluation.scorecard import DISPUTED_MNIST_TEST, Scorecard, score
from mnistry.inference import onnx_session
from mnistry.runs.directory import Run


def choose_split(dataset: Dataset) -> tuple[str, Split]:
    """Return the name and images of the split to score: test, else validation, else training.

    Raises
    ------
    DataError
        If none has labels.
    """
    for name, split in (
        ("test", dataset.test), ("validation", dataset.validation), ("train", dataset.train)
    ):  # fmt: skip
        if split is not None and split.labels is not None:
            return name, split
    raise _unlabelled(dataset.source)


def with_classes_of(run: Run, dataset: Dataset) -> Dataset:
    """Return a dataset with its labels renumbered to match the classes of a run's network.

    Raises
    ------
    DataError
        If one of its classes is not among the run's.
    """
    own = run.data.classes
    if dataset.classes == own:
        return dataset
    if not set(dataset.classes) <= set(own):
        options = run.data.origin.typed()
        raise DataError(
            f"its classes are {_listed(dataset.classes)}",
            where=dataset.source,
            expected=f"those of the run: {_listed(own)}",
            remedy=f"the run's own data is read with {options}: add that if this data needs it too"
            if options and options != dataset.origin.typed()
            else "score the run on data with the classes that it was trained on",
        )
    places = np.array([own.index(name) for name in dataset.classes], np.uint8)
    renumbered: dict[str, Any] = {
        name: Split(split.images, None if split.labels is None else places[split.labels])
        for name, split in dataset.splits().items()
    }
    return dataclasses.replace(dataset, classes=own, **renumbered)


def predict(run: Run, images: Images) -> NDArray[np.float32]:
    """Predict probabilities with a run's ONNX file.

    Parameters
    ----------
    run
        A run that is done.
    images
        ``uint8``, shape ``(n, 28, 28)``, 0 for paper to 255 for ink.

    Returns
    -------
    ndarray
        ``float32``, shape ``(n, classes)``.

    Raises
    ------
    ModelError
        If the file is missing or damaged.
    """
    session = onnx_session.open_session(run.checked(run.onnx_path))
    return onnx_session.probabilities(session, images)


def score_run(run: Run, split: Split) -> Scorecard:
    """Score a run's ONNX file on a labelled split.

    Parameters
    ----------
    run
        A run that is done.
    split
        Its labels number the run's classes; see `with_classes_of`.

    Raises
    ------
    DataError
        If the split has no labels.
    ModelError
        If the file is missing or damaged.
    """
    return score_split(split, predict(run, split.images), run.data.classes)


def score_split(
    split: Split, probabilities: NDArray[np.floating], classes: Sequence[str]
) -> Scorecard:
    """Score probabilities for a labelled split.

    MNIST's test split is recognised, and scored both with and without its disputed labels.

    Parameters
    ----------
    split
        Images and labels, from 0.
    probabilities
        Shape ``(n, len(classes))``: a row for each image.
    classes
        The names of the classes.

    Raises
    ------
    DataError
        If the split has no labels.
    """
    if split.labels is None:
        raise _unlabelled()
    disputed = DISPUTED_MNIST_TEST if is_mnist_test(split) else ()
    return score(split.labels, probabilities, disputed=disputed, classes=classes)


def _listed(classes: Sequence[str]) -> str:
    return ", ".join(classes[:6]) + (", …" if len(classes) > 6 else "")


def _unlabelled(where: str | None = None) -> DataError:
    return DataError(
        "images without labels cannot be scored", where=where, remedy="use mnistry predict"
    )
