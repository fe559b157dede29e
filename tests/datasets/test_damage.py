"""Slightly damaged files of every format that is read here give only errors of our own.

python -m tests.datasets.test_damage 5000 [READER …]
"""

import bz2
import gzip
import resource
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from mnistry import datasets
from mnistry.errors import MnistryError
from tests.datasets import forms
from torture.mutations import MOST, Seed, compressed, mutate, whole_and_members

# Forms, by the reader that they test; each file of a form is damaged in turn.
READERS = {
    "csv": (
        "csv",
        "csv_headless",
        "csv_quoted",
        "csv_semicolon",
        "csv_gz",
        "savetxt",
        "csv_unicode",
        "zip_train",
        "csv_commas",
        "csv_32",
    ),
    "npz": ("npz_names", "npz_arr", "npz_texts", "medmnist"),
    "npy": ("npy", "kmnist"),
    "idx": ("qmnist", "emnist"),
    "parquet": ("parquet", "parquet_tiff", "openml_parquet"),
    "arrow": ("arrow",),
    "mat": ("mat", "emnist_mat", "svhn", "mnist_all", "mat_4"),
    "json": ("json", "jsonl"),
    "hdf5": ("hdf5", "mat_73"),
    "arff": ("arff", "arff_sparse"),
    "libsvm": ("libsvm", "usps"),
    "pictures": ("file_list", "folder_words", "unlabelled"),
}


def seeds(path: Path) -> Iterator[Seed]:
    """Yield a file as it is, and also its unpacked content, which a checksum would protect."""
    content = path.read_bytes()
    if path.suffix == ".npz":
        yield from whole_and_members(path.name, content)
    elif path.suffix == ".gz":
        yield from compressed(path.name, gzip.decompress(content))
    elif path.suffix == ".bz2":
        yield Seed(path.name, content)
        yield Seed(path.name, bz2.decompress(content), bz2.compress)
    else:
        yield Seed(path.name, content)


def damage(
    reader: str, count: int, place: Path, seed: int = 0
) -> tuple[Counter[str], tuple[float, str]]:
    """Load damaged files; raise what is none of our errors.

    Returns
    -------
    outcomes, slowest
        How often each outcome came; the most processor seconds that a file took, and which.
    """
    few = {"TRAIN": 4, "TEST": 2, "SPLITS": {"train": slice(0, 4), "test": slice(4, 6)}}
    targets = []
    with mock.patch.multiple(forms, **few):
        for name in READERS[reader]:
            folder = place / name
            folder.mkdir(parents=True)
            loaded = forms.FORMS[name].write(folder)
            for file in sorted(path for path in folder.rglob("*.*") if path.is_file())[:6]:
                targets += [(name, loaded, file, one) for one in seeds(file)]
    random = np.random.default_rng([seed, len(reader)])
    outcomes: Counter[str] = Counter()
    slowest = (0.0, "")
    for number in range(count):
        name, loaded, file, one = targets[number % len(targets)]
        recipe = random.bytes(int(random.integers(8, MOST)))
        whole = file.read_bytes()
        file.write_bytes(mutate(one, recipe))
        began = time.process_time()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                datasets.load(loaded, **forms.FORMS[name].options)
            outcomes["read"] += 1
        except MnistryError as error:
            assert "\n" not in str(error)
            assert len(str(error)) < 1500
            outcomes[type(error).__name__] += 1
        except BaseException as error:
            error.add_note(f"{name}, {file.name}, input {number}, recipe {recipe!r}")
            raise
        finally:
            file.write_bytes(whole)
        slowest = max(slowest, (time.process_time() - began, f"{name}, {recipe.hex()}"))
    return outcomes, slowest


@pytest.mark.parametrize("reader", READERS)
def test_damaged_files_give_only_our_own_errors(reader, tmp_path):
    outcomes, _ = damage(reader, 200, tmp_path)
    if reader != "pictures":  # damaged pictures are listed, and the rest of their folder is read
        assert outcomes["DataError"] > 20
    assert outcomes["read"] + outcomes["DataError"] + outcomes["UsageError"] == 200


def main(count: int) -> None:
    """Damage `count` files for each reader, and print what came of them."""
    for reader in sys.argv[2:] or READERS:
        began = time.process_time()
        with tempfile.TemporaryDirectory() as place:
            outcomes, (slowest, which) = damage(reader, count, Path(place), seed=1)
        spent = time.process_time() - began
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        figures = f"{spent:.0f} s, at most {slowest:.2f} s ({which}), {memory:.0f} MB"
        print(reader, dict(outcomes), figures, flush=True)  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]))
