"""Each form of `forms.py` is loaded right, and the documentation lists them."""

from pathlib import Path

import numpy as np
import pytest

from mnistry import datasets
from mnistry.datasets.names import KMNIST
from tests.datasets import forms

ROOT = Path(__file__).parents[2]


def split_of(part):
    """Return the rows of a split; only MedMNIST's form has one for validation."""
    return slice(30, 40) if part == "validation" else forms.SPLITS[part]


@pytest.mark.filterwarnings("ignore::mnistry.errors.Notice")
@pytest.mark.parametrize("name", forms.FORMS)
def test_a_form_is_loaded_right(name, tmp_path):
    form = forms.FORMS[name]
    folder = tmp_path / "data"
    folder.mkdir()
    dataset = datasets.load(form.write(folder), **form.options)
    assert tuple(dataset.splits()) == form.parts
    assert dataset.failures == ()
    assert len(dataset.classes) == form.classes
    for part, split in dataset.splits().items():
        expected, labels = forms.IMAGES[split_of(part)], forms.LABELS[split_of(part)]
        assert split.images.dtype == np.uint8
        assert split.images.flags.c_contiguous
        images = split.images
        if dataset.train is not None and split.labels is not None:
            assert split.labels.dtype == np.uint8
        # These forms are read class by class, and each class by file name ("10" before "9"), or in
        # `mnist_all` by number.
        if name.startswith(("folder", "mnist_all")) and split.labels is not None:
            first, width = split_of(part).start, 2 if name == "mnist_all" else 1
            order = sorted(range(len(labels)), key=lambda i: (labels[i], f"{i + first:0{width}}"))
            expected, labels = expected[order], labels[order]
        if split.labels is not None:
            assert split.labels.tolist() == labels.tolist()
        if form.close is None:  # the same digits: each correlates with its original
            pairs = zip(images.reshape(-1, 784), expected.reshape(-1, 784), strict=True)
            assert np.median([np.corrcoef(a, b)[0, 1] for a, b in pairs]) > 0.75
        else:
            difference = abs(images.astype(int) - expected.astype(int))
            assert np.percentile(difference, 100 if form.close in (0, 128) else 95) <= form.close


def test_at_least_35_forms_are_listed_in_the_documentation():
    assert len(forms.FORMS) >= 35
    page = (ROOT / "docs" / "howto" / "own-data.md").read_text(encoding="utf-8")
    listed = page.partition(forms.BEGIN)[2].partition(forms.END)[0].strip()
    command = "python tests/datasets/forms.py docs/howto/own-data.md"
    assert listed == forms.markdown().strip(), f"write it anew: {command}"


@pytest.mark.filterwarnings("ignore::mnistry.errors.Notice")
def test_what_else_a_source_says_of_its_images_is_kept(tmp_path):
    for name, first in (("qmnist", 1000), ("emnist_mat", 500)):
        (tmp_path / name).mkdir()
        dataset = datasets.load(forms.FORMS[name].write(tmp_path / name))
        assert dataset.extra["test"]["writer"].tolist() == list(range(first, first + forms.TEST))


def test_classes_are_named_where_the_source_names_them(tmp_path):
    assert datasets.load(forms.kmnist(tmp_path)).classes == KMNIST
