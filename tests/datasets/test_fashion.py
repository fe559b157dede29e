import gzip
import hashlib
import struct

import numpy as np
import pytest

from mnistry.datasets import caches, fashion, idx
from mnistry.errors import DownloadError

RNG = np.random.default_rng(0)
ARRAYS = {
    "x_train": RNG.integers(0, 256, (6, 28, 28), np.uint8),
    "y_train": np.arange(6, dtype=np.uint8),
    "x_test": RNG.integers(0, 256, (2, 28, 28), np.uint8),
    "y_test": np.array([9, 0], np.uint8),
}


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A folder of four small files in place of the published ones, which are not ours to ship."""
    digests = {}
    for name, array in ARRAYS.items():
        header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        content = gzip.compress(header + array.tobytes())
        (tmp_path / "published").mkdir(exist_ok=True)
        (tmp_path / "published" / f"{idx.ORIGINAL_NAMES[name]}.gz").write_bytes(content)
        digests[name] = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(fashion, "SHA256", digests)
    return tmp_path / "published"


@pytest.fixture
def online(published, serve, monkeypatch):
    monkeypatch.setattr(fashion, "ORIGINS", (serve(published),))


def put(published, folder):
    """Copy the published files into a cache."""
    target = folder / "fashion-mnist"
    target.mkdir(parents=True)
    for path in published.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return target


def assert_right(dataset, folder):
    assert (dataset.name, dataset.licence) == ("fashion-mnist", "MIT")
    assert dataset.source == str(folder)
    assert (dataset.classes[0], dataset.classes[9]) == ("T-shirt/top", "Ankle boot")
    assert len(dataset.classes) == 10
    for name, array in dataset.arrays().items():
        np.testing.assert_array_equal(array, ARRAYS[name])


@pytest.mark.usefixtures("online")
def test_four_files_are_downloaded_once(monkeypatch):
    assert_right(fashion.load(), caches.own() / "fashion-mnist")
    monkeypatch.setattr(fashion, "ORIGINS", ())
    assert_right(fashion.load(), caches.own() / "fashion-mnist")


def test_keras_cache_is_read_and_never_written(published):
    folder = put(published, caches.keras())
    assert_right(fashion.load(), folder)
    assert len(list(folder.iterdir())) == 4
    assert not caches.own().exists()


def test_damaged_file_is_reported_and_skipped(published):
    ours = put(published, caches.own())
    put(published, caches.keras())
    damaged = ours / "t10k-labels-idx1-ubyte.gz"
    damaged.write_bytes(b"<html>")
    dataset = fashion.load()
    assert_right(dataset, ours)
    (notice,) = dataset.notices
    assert notice.startswith(f"skipped {damaged}: ")
    assert damaged.read_bytes() == b"<html>"


def test_offline_names_the_file(published):
    put(published, caches.own()).joinpath("t10k-images-idx3-ubyte.gz").write_bytes(b"cut")
    with pytest.raises(DownloadError, match=r"t10k-images-idx3-ubyte.gz: not .* skipped"):
        fashion.load()
