"""Datasets to browse by split, label, a network's mistakes and disputed labels.

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
from mnistry.datasets.dataset import DIGITS, Images
from mnistry.datasets.mnist import is_mnist_test
from mnistry.errors import DataError, UsageError
from mnistry.evaluation.scorecard import DISPUTED_MNIST_TEST
from mnistry.server.errors import without_paths
from mnistry.studio import schemas
from mnistry.studio.network import Network

# A network's probabilities for all images, by the names of their dataset and split.
Answers = dict[tuple[str, str], NDArray[np.float32]]


class Gallery:
    """The datasets by name; None is MNIST, or the sample if that cannot be found or downloaded.

    Each is loaded when first used.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._datasets: dict[str | None, Dataset] = {}
        self._disputed: dict[str, list[int]] = {}  # test images, by the dataset's name
        self._answers: weakref.WeakKeyDictionary[Network, Answers] = weakref.WeakKeyDictionary()

    def items(self, network: Network, selection: schemas.Selection) -> schemas.Items:
        """List the selected images, with a network's predictions if the classes are digits."""
        dataset = self._load(selection.data)
        images, labels = _split(dataset, selection.split)
        reads = dataset.classes == DIGITS
        disputed = np.zeros(len(images), bool)
        if selection.split == "test":
            disputed[self._disputed[dataset.name]] = True
        chosen = disputed.copy() if selection.disputed else np.ones(len(images), bool)
        needs_all = selection.mistakes or selection.order != "index"
        answers = self._all(network, selection, images) if reads and needs_all else None
        if selection.digit is not None:
            chosen &= False if labels is None else labels == selection.digit
        if selection.mistakes:
            chosen &= False if labels is None or answers is None else answers.argmax(1) != labels
        indices = np.flatnonzero(chosen)
        if selection.order != "index" and answers is not None:
            sureness = answers[indices].max(axis=1)
            sign = -1 if selection.order == "surest" else 1
            indices = indices[np.argsort(sign * sureness, kind="stable")]
        part = indices[selection.offset : selection.offset + selection.limit]
        found = network.probabilities(images[part]) if reads else None
        return schemas.Items(
            name=dataset.name,
            classes=list(dataset.classes),
            notices=[without_paths(notice) for notice in dataset.notices],
            total=len(indices),
            items=[
                schemas.Item(
                    index=index,
                    label=None if labels is None else int(labels[index]),
                    guess=None if found is None else int(found[i].argmax()),
                    confidence=None if found is None else float(found[i].max()),
                    disputed=bool(disputed[index]),
                )
                for i, index in enumerate(part.tolist())
            ],
        )

    def sample(self, count: int) -> Images:
        """Return images of the sample, which is there without a download."""
        return _split(self._load("sample"), "train").images[:count]

    def image(self, data: str | None, split: str, index: int) -> schemas.LabelledImage:
        """Return one image as numbers."""
        images, labels = _split(self._load(data), split)
        _check([index], len(images))
        label = None if labels is None else int(labels[index])
        return schemas.LabelledImage(label=label, image=images[index].tolist())

    def sheet(self, data: str | None, split: str, indices: Sequence[int]) -> bytes:
        """Draw images side by side as PNG, dark ink on white, 28 pixels each."""
        from PIL import Image

        images, _ = _split(self._load(data), split)
        _check(indices, len(images))
        row = np.concatenate([255 - images[index] for index in indices], axis=1)
        file = io.BytesIO()
        Image.fromarray(row).save(file, "PNG")
        return file.getvalue()

    def _load(self, name: str | None) -> Dataset:
        with self._lock:
            if name not in self._datasets:
                dataset = datasets.load() if name is None else datasets.load(name)
                self._datasets[name] = dataset
                # A dataset with notices may stand in for another, as the sample for MNIST, and says
                # so; asked for by its own name, it is loaded again, without such a notice.
                if not dataset.notices:
                    self._datasets[dataset.name] = dataset
                test = dataset.test
                known = test is not None and is_mnist_test(test)
                self._disputed[dataset.name] = list(DISPUTED_MNIST_TEST) if known else []
            return self._datasets[name]

    def _all(
        self, network: Network, selection: schemas.Selection, images: Images
    ) -> NDArray[np.float32]:
        """Return a network's predictions for a whole split, computed once."""
        place = (self._load(selection.data).name, selection.split)
        with self._lock:
            answers = self._answers.setdefault(network, {})
            if place not in answers:
                answers[place] = network.probabilities(images)
            return answers[place]


def _split(dataset: Dataset, name: str) -> Split:
    split = dataset.test if name == "test" else dataset.train
    if split is None:
        raise DataError(f"this data has no {name} images", where=dataset.source)
    return split


def _check(indices: Sequence[int], count: int) -> None:
    outside = [index for index in indices if not 0 <= index < count]
    if outside:
        raise UsageError(f"no image {outside[0]}", expected=f"0 to {count - 1}")
