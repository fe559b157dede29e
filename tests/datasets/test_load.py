import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from mnistry import datasets
from mnistry.datasets import caches, idx
from mnistry.errors import CacheError, DataError, DownloadError, Notice, UsageError

IMAGES = np.random.default_rng(0).integers(0, 100, (6, 28, 28), np.uint8)
IMAGES[:, 14, 14] = 250
LABELS = np.arange(6, dtype=np.uint8)


def save_idx(folder, arrays):
    folder.mkdir()
    for name, array in arrays.items():
        header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
        (folder / idx.ORIGINAL_NAMES[name]).write_bytes(header + array.tobytes())
    return folder


def test_default_is_mnist_if_it_can_be_found(mnist_home):
    assert datasets.load().name == "mnist"
    assert datasets.load("mnist").name == "mnist"


def test_default_falls_back_to_the_sample_and_says_so():
    start = time.perf_counter()
    with pytest.warns(Notice, match="so this is the sample") as caught:
        dataset = datasets.load()
    assert time.perf_counter() - start < 5
    assert dataset.name == "sample"
    (notice,) = dataset.notices
    assert str(caught[0].message) == notice
    assert caught[0].filename == __file__
    for words in ("4,000 to train", "offline?", "HTTPS_PROXY", str(caches.own() / "mnist.npz")):
        assert words in notice


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_explicit_name_never_falls_back(name):
    with pytest.raises(DownloadError):
        datasets.load(name)


def test_cache_that_cannot_be_written_is_no_reason_to_fall_back():
    caches.own().write_text("in the way")
    with pytest.raises(CacheError):
        datasets.load()


def test_every_kind_of_path(tmp_path):
    arrays = {"x_train": IMAGES, "y_train": LABELS}
    np.savez(tmp_path / "digits.NPZ.npz", **arrays)
    header = ",".join(("label", *(f"pixel{i}" for i in range(784))))
    rows = np.column_stack([LABELS, IMAGES.reshape(6, 784)])
    np.savetxt(tmp_path / "digits.CSV", rows, "%d", ",", header=header, comments="")
    save_idx(tmp_path / "idx", arrays)
    for label, image in enumerate(IMAGES):
        (tmp_path / "folder" / str(label)).mkdir(parents=True)
        Image.fromarray(image).save(tmp_path / "folder" / str(label) / "image.png")
    for name in ("digits.NPZ.npz", "digits.CSV", "idx", "folder"):
        dataset = datasets.load(str(tmp_path / name))
        assert (dataset.name, dataset.source) == (name, str(tmp_path / name))
        np.testing.assert_array_equal(dataset.train.images, IMAGES)
        np.testing.assert_array_equal(dataset.train.labels, LABELS)


def test_unknown_name_lists_the_known():
    with pytest.raises(DataError, match=r"mnits: .* expected mnist, fashion-mnist, sample"):
        datasets.load("mnits")


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000])
def test_impossible_path_is_a_data_error(name):
    with pytest.raises(DataError):
        datasets.load(name)


def test_unknown_kind_of_file(tmp_path):
    (tmp_path / "digits.bin").write_bytes(b"\1\2\0\3" * 100)
    with pytest.raises(DataError, match=r"digits.bin: unknown .* expected a .npz, .npy, .csv"):
        datasets.load(tmp_path / "digits.bin")


def test_fault_27_transposed_images_are_turned_by_the_option(tmp_path):
    arrays = {"x_train": IMAGES.swapaxes(1, 2).copy(), "y_train": LABELS, "x_test": IMAGES[:1] + 1}
    folder = save_idx(tmp_path / "emnist", arrays)
    dataset = datasets.load(folder, transpose=True)
    np.testing.assert_array_equal(dataset.train.images, IMAGES)
    assert dataset.train.images.flags.c_contiguous
    np.testing.assert_array_equal(dataset.test.images[0], IMAGES[0].T + 1)


def test_fault_27_named_datasets_are_not_transposed():
    for name in (None, "mnist", "sample"):
        with pytest.raises(UsageError, match="transpose"):
            datasets.load(name, transpose=True)


def test_fault_25_swapped_files(tmp_path):
    arrays = {"x_train": IMAGES[:2], "y_train": LABELS[:2], "x_test": IMAGES, "y_test": LABELS}
    with pytest.raises(DataError, match="train and test look swapped"):
        datasets.load(save_idx(tmp_path / "digits", arrays))


def test_fault_40_41_suspicions_are_notices(tmp_path):
    arrays = {"x_train": IMAGES, "y_train": 0 * LABELS, "x_test": IMAGES[5:], "y_test": LABELS[5:]}
    with pytest.warns(Notice) as caught:
        dataset = datasets.load(save_idx(tmp_path / "digits", arrays))
    assert [str(warning.message) for warning in caught] == list(dataset.notices)
    text = " ".join(dataset.notices)
    assert "all 6 train images are of the same class, 0" in text
    assert "(test 0 = train 5)" in text


def test_mnist_under_another_name_is_recognised(tmp_path, mnist):
    dataset = datasets.load(save_idx(tmp_path / "originals", mnist))
    assert (dataset.name, dataset.licence) == ("mnist", "CC BY-SA 3.0")
    assert dataset.source == str(tmp_path / "originals")


def test_import_is_light():
    heavy = ("keras", "jax", "matplotlib", "requests", "PIL", "mlxtend", "pandas")
    program = f"import sys, mnistry.datasets; print(*{set(heavy)} & set(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert result.stdout == "\n"


def test_an_open_file_or_an_array_is_no_path(tmp_path):
    path = tmp_path / "digits.csv"
    path.touch()
    with path.open() as file, pytest.raises(UsageError, match=r"give the path: '.*digits.csv'"):
        datasets.load(file)
    with pytest.raises(UsageError, match="data of type ndarray; expected a name or a path"):
        datasets.load(IMAGES)
