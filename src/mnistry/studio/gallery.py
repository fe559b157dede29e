"""A dataset to browse by split, label, a network's mistakes and disputed labels.

Knows nothing of requests or of which network is in use.
"""

import io
import threading
import weakref
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mnistry import datasets
from mnistry.datasets import Dataset, Split
from mnistry.datasets.mnist import is_mnist_test
from mnistry.errors import DataError, UsageError
from mnistry.evaluation.scorecard import DISPUTED_MNIST_TEST
from mnistry.server.errors import without_paths
from mnistry.studio import schemas
from mnistry.studio.network import Network

Answers = dict[str, NDArray[np.float32]]


class Gallery:
    """MNIST, or the sample if MNIST cannot be found or downloaded; loaded when first used."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._dataset: Dataset | None = None
        self._disputed: dict[str, list[int]] = {"train": [], "test": []}
        self._answers: weakref.WeakKeyDictionary[Network, Answers] = weakref.WeakKeyDictionary()

    def items(self, network: Network, selection: schemas.Selection) -> schemas.Items:
        """List the selected images in the order of the dataset, with a network's predictions."""
        dataset = self._load()
        images, labels = _split(dataset, selection.split)
        disputed = np.zeros(len(images), bool)
        disputed[self._disputed[selection.split]] = True
        chosen = disputed.copy() if selection.disputed else np.ones(len(images), bool)
        if labels is None:
            chosen &= selection.digit is None and not selection.mistakes
        else:
            if selection.digit is not None:
                chosen &= labels == selection.digit
            if selection.mistakes:
                chosen &= self._all(network, selection.split, images).argmax(1) != labels
        indices = np.flatnonzero(chosen)
        part = indices[selection.offset : selection.offset + selection.limit]
        answers = network.probabilities(images[part])
        return schemas.Items(
            name=dataset.name,
            classes=list(dataset.classes),
            notices=[without_paths(notice) for notice in dataset.notices],
            total=len(indices),
            items=[
                schemas.Item(
                    index=index,
                    label=None if labels is None else int(labels[index]),
                    guess=int(answer.argmax()),
                    confidence=float(answer.max()),
                    disputed=bool(disputed[index]),
                )
                for index, answer in zip(part.tolist(), answers, strict=True)
            ],
        )

    def image(self, split: str, index: int) -> schemas.LabelledImage:
        """Return one image as numbers."""
        images, labels = _split(self._load(), split)
        _check([index], len(images))
        label = None if labels is None else int(labels[index])
        return schemas.LabelledImage(label=label, image=images[index].tolist())

    def sheet(self, split: str, indices: Sequence[int]) -> bytes:
        """Draw images side by side as PNG, dark ink on white, 28 pixels each."""
        from PIL import Image

        images, _ = _split(self._load(), split)
        _check(indices, len(images))
        row = np.concatenate([255 - images[index] for index in indices], axis=1)
        file = io.BytesIO()
        Image.fromarray(row).save(file, "PNG")
        return file.getvalue()

    def _load(self) -> Dataset:
        with self._lock:
            if self._dataset is None:
                self._dataset = datasets.load()
                test = self._dataset.test
                known = test is not None and is_mnist_test(test)
                self._disputed["test"] = list(DISPUTED_MNIST_TEST) if known else []
            return self._dataset

    def _all(self, network: Network, split: str, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return a network's predictions for a whole split, computed once."""
        with self._lock:
            answers = self._answers.setdefault(network, {})
            if split not in answers:
                answers[split] = network.probabilities(images)
            return answers[split]


def _split(dataset: Dataset, name: str) -> Split:
    split = dataset.test if name == "test" else dataset.train
    if split is None:
        raise DataError(f"this data has no {name} images", where=dataset.source)
    return split


def _check(indices: Sequence[int], count: int) -> None:
    outside = [index for index in indices if not 0 <= index < count]
    if outside:
        raise UsageError(f"no image {outside[0]}", expected=f"0 to {count - 1}")
