import hashlib
import time

import numpy as np
import pytest

from mnistry import datasets
from mnistry.datasets import caches
from mnistry.datasets import mnist as module
from mnistry.datasets.dataset import Dataset, Split
from mnistry.errors import CacheError, DownloadError
from mnistry.system.files import sha256


@pytest.fixture(scope="module")
def unpacked(mnist, tmp_path_factory):
    """The real MNIST, uncompressed, because that is read faster."""
    path = tmp_path_factory.mktemp("unpacked") / "mnist.npz"
    np.savez(path, **mnist)
    return path


@pytest.fixture
def own():
    """The path of MNIST in our cache; the folder exists, the file does not."""
    caches.own().mkdir(parents=True)
    return caches.own() / "mnist.npz"


@pytest.fixture
def keras():
    """The path of MNIST in Keras's cache; the folder exists, the file does not."""
    caches.keras().mkdir(parents=True)
    return caches.keras() / "mnist.npz"


@pytest.fixture
def online(unpacked, serve, monkeypatch):
    """An origin on the loopback interface that has the file."""
    monkeypatch.setattr(module, "ORIGINS", (f"{serve(unpacked.parent)}mnist.npz",))
    monkeypatch.setattr(module, "SHA256", sha256(unpacked))
    monkeypatch.setattr(module, "MAX_BYTES", unpacked.stat().st_size)


def quick():
    return caches.own() / "quick" / "mnist.npz"


def other_digits(path):
    images = np.full((3, 28, 28), 9, np.uint8) * np.arange(28, dtype=np.uint8)
    np.savez(path, x_train=images, y_train=images[:, 0, 0], x_test=images, y_test=images[:, 0, 0])


def test_our_cache_is_read_and_a_quick_copy_kept(own, mnist_path):
    own.symlink_to(mnist_path)  # any file with MNIST's arrays will do
    dataset = module.load()
    assert (dataset.name, dataset.licence) == ("mnist", "CC BY-SA 3.0")
    assert dataset.source == str(own)
    assert dataset.digests == module.DIGESTS
    assert dataset.notices == ()
    assert dataset.test.labels[[7, 18, 8]].tolist() == [9, 3, 5]
    own.unlink()
    again = module.load()
    assert again.source == str(quick())
    assert again.digests == module.DIGESTS


def test_fault_06_offline_with_a_valid_cache(own, unpacked):
    own.symlink_to(unpacked)
    start = time.perf_counter()
    assert len(module.load().train.images) == 60_000
    assert time.perf_counter() - start < 3


def damage(path):
    """Flip a bit in the middle of the images, where only a checksum can tell."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("spoil", [damage, other_digits, lambda path: path.write_bytes(b"")])
def test_damaged_quick_copy_is_mended_in_silence(own, unpacked, spoil):
    own.symlink_to(unpacked)
    module.load()
    spoil(quick())
    dataset = module.load()
    assert (dataset.source, dataset.notices) == (str(own), ())
    assert module.load().source == str(quick())


def test_quick_copy_that_cannot_be_written_is_no_error(own, unpacked):
    own.symlink_to(unpacked)
    quick().parent.write_text("in the way")
    assert module.load().source == str(own)


def test_keras_cache_is_read_and_never_written(keras, unpacked):
    keras.write_bytes(unpacked.read_bytes())
    before = keras.stat()
    assert module.load().source == str(keras)
    assert keras.stat().st_mtime_ns == before.st_mtime_ns
    assert list(keras.parent.iterdir()) == [keras]


@pytest.mark.parametrize("spoil", [other_digits, lambda path: path.write_bytes(b"<html>")])
def test_damaged_cache_is_reported_kept_and_skipped(own, keras, unpacked, spoil):
    spoil(own)
    content = own.read_bytes()
    keras.symlink_to(unpacked)
    dataset = module.load()
    assert dataset.source == str(keras)
    (notice,) = dataset.notices
    assert notice.startswith(f"skipped {own}: ")
    assert own.read_bytes() == content


def test_damaged_cache_is_named_when_offline(own):
    own.write_bytes(b"<html>")
    with pytest.raises(DownloadError) as caught:
        module.load()
    assert f"skipped {own}: not a NumPy archive" in str(caught.value)
    assert "127.0.0.1:9/mnist.npz (no connection: offline?)" in str(caught.value)
    assert own.read_bytes() == b"<html>"


def test_download_is_verified_and_replaces_a_damaged_file(own, online, unpacked):
    own.write_bytes(b"<html>")
    calls = []
    dataset = module.load(progress=lambda done, total: calls.append((done, total)))
    assert dataset.source == str(own)
    assert dataset.digests == module.DIGESTS
    assert dataset.notices[0].startswith(f"skipped {own}: not a NumPy archive")
    assert own.read_bytes() == unpacked.read_bytes()
    assert calls[-1] == (own.stat().st_size, own.stat().st_size)


def test_cache_that_cannot_be_written_is_a_cache_error(online):
    caches.own().parent.mkdir(exist_ok=True)
    caches.own().write_text("in the way")
    with pytest.raises(CacheError, match="MNISTRY_HOME"):
        module.load()


def as_dataset(arrays, *names):
    train, test = (
        Split(arrays[f"x_{part}"], arrays[f"y_{part}"]) if part in names else None
        for part in ("train", "test")
    )
    return Dataset("digits.npz", "digits.npz", "not stated", train, test)


@pytest.mark.parametrize("parts", [("train", "test"), ("train",), ("test",)])
def test_mnist_is_recognised_by_its_arrays(mnist, parts):
    dataset = module.recognised(as_dataset(mnist, *parts))
    assert (dataset.name, dataset.licence) == ("mnist", "CC BY-SA 3.0")
    assert dataset.source == "digits.npz"


def test_one_changed_label_is_not_mnist(mnist):
    labels = mnist["y_test"].copy()
    labels[947] = (labels[947] + 1) % 10
    changed = as_dataset(mnist | {"y_test": labels}, "train", "test")
    assert module.recognised(changed) is changed
    assert not module.is_mnist_test(changed.test)


def test_test_split_is_recognised(mnist):
    assert module.is_mnist_test(Split(mnist["x_test"], mnist["y_test"]))
    assert not module.is_mnist_test(Split(mnist["x_test"], None))
    assert not module.is_mnist_test(Split(mnist["x_train"], mnist["y_train"]))


def test_digests_are_of_the_published_arrays(mnist):
    for name, array in mnist.items():
        assert hashlib.sha256(array.tobytes()).hexdigest() == module.DIGESTS[name]


def test_mnist_in_one_table_is_parted_and_recognised(tmp_path, mnist):
    whole = {axis: np.concatenate([mnist[f"{axis}_train"], mnist[f"{axis}_test"]]) for axis in "xy"}
    np.savez(tmp_path / "mnist_784.npz", X=whole["x"].reshape(-1, 784), y=whole["y"].astype(str))
    dataset = datasets.load(tmp_path / "mnist_784.npz")
    assert (dataset.name, dataset.digests) == ("mnist", module.DIGESTS)
