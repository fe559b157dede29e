import gzip
import hashlib
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mnistry.datasets import decompress, idx
from mnistry.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 28, 28), np.uint8)
LABELS = np.array([5, 0, 4, 1, 9], np.uint8)


def encode(array):
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


def save(path, array):
    content = encode(array)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def save_all(folder, names):
    for name, array in zip(names, (IMAGES, LABELS, IMAGES[:3], LABELS[:3]), strict=True):
        save(folder / name, array)
    return folder


def assert_refused(path, ndim, *words):
    with pytest.raises(DataError) as caught:
        idx.read_array(path, ndim)
    for word in (str(path), *words):
        assert word in str(caught.value)


ORIGINAL = tuple(idx.ORIGINAL_NAMES.values())
VARIANTS = {
    "original": ORIGINAL,
    "gzipped": tuple(f"{name}.gz" for name in ORIGINAL),
    "dotted": tuple(name.replace("-idx", ".idx") for name in ORIGINAL),
    "emnist": tuple(f"emnist-digits-{name.replace('t10k', 'test')}.gz" for name in ORIGINAL),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_four_files_are_two_splits(tmp_path, variant):
    dataset = idx.read(save_all(tmp_path, VARIANTS[variant]))
    train, test = dataset.train, dataset.test
    if variant == "emnist":  # its files have rows and columns swapped
        assert dataset.notices == (idx.SWAPPED,)
        train, test = (split._replace(images=split.images.swapaxes(1, 2)) for split in dataset)
    np.testing.assert_array_equal(train.images, IMAGES)
    np.testing.assert_array_equal(train.labels, LABELS)
    np.testing.assert_array_equal(test.images, IMAGES[:3])
    np.testing.assert_array_equal(test.labels, LABELS[:3])


def test_raw_file_goes_before_its_gzipped_copy(tmp_path):
    save(tmp_path / "train-labels-idx1-ubyte.gz", LABELS + 1)
    save(tmp_path / "train-labels-idx1-ubyte", LABELS)
    save(tmp_path / "train-images-idx3-ubyte", IMAGES)
    np.testing.assert_array_equal(idx.read(tmp_path).train.labels, LABELS)


def test_one_split_alone(tmp_path):
    save(tmp_path / "t10k-images-idx3-ubyte", IMAGES)
    save(tmp_path / "t10k-labels-idx1-ubyte", LABELS)
    dataset = idx.read(tmp_path)
    train, test = dataset.train, dataset.test
    assert train is None
    assert len(test.images) == 5


def test_images_without_labels_are_to_be_predicted(tmp_path):
    save(tmp_path / "t10k-images-idx3-ubyte.gz", IMAGES)
    assert idx.read(tmp_path).test.labels is None


def test_training_images_without_their_labels(tmp_path):
    save_all(tmp_path, ORIGINAL)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="no train-labels-idx1-ubyte"):
        idx.read(tmp_path)


def test_two_datasets_in_one_folder(tmp_path):
    save(tmp_path / "emnist-digits-test-images-idx3-ubyte", IMAGES)
    save(tmp_path / "emnist-letters-test-images-idx3-ubyte", IMAGES)
    with pytest.raises(DataError, match=r"emnist-digits-, emnist-letters-"):
        idx.read(tmp_path)


def test_folder_without_idx_files(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").mkdir()  # one archive of MNIST unpacks to such folders
    save(tmp_path / "other", LABELS)
    assert not idx.has_files(tmp_path)


def test_original_files_of_mnist_are_read(tmp_path, mnist):
    """The MD5 sums are those of the four published files, unpacked."""
    published = {
        "x_train": "6bbc9ace898e44ae57da46a324031adb",
        "y_train": "a25bea736e30d166cdddb491f175f624",
        "x_test": "2646ac647ad5339dbf082846283269ea",
        "y_test": "27ae3e4e09519cfbb04c329615203637",
    }
    for name, md5 in published.items():
        path = save(tmp_path / idx.ORIGINAL_NAMES[name], mnist[name])
        assert hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() == md5
    for name, array in idx.read(tmp_path).arrays().items():
        np.testing.assert_array_equal(array, mnist[name])


def test_labels_of_qmnist_without_columns_are_refused(tmp_path):
    save(tmp_path / "qmnist-test-images-idx3-ubyte", IMAGES)
    labels = bytes([0, 0, 12, 2]) + struct.pack(">2I", 5, 0)
    (tmp_path / "qmnist-test-labels-idx2-int").write_bytes(labels)
    with pytest.raises(DataError, match="no labels"):
        idx.read(tmp_path)


def test_fault_17_wrong_magic(tmp_path):
    labels = save(tmp_path / "images", LABELS)
    assert_refused(labels, 3, "magic number 00000801 at byte 0", "expected 00000803")
    page = tmp_path / "page"
    page.write_bytes(b"<html>Not found</html>")
    assert_refused(page, 3, "magic number 3c68746d", "a web page?")


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_fault_18_payload_shorter_than_its_dimensions(tmp_path, suffix):
    content = encode(IMAGES)[:-1]
    path = tmp_path / f"images{suffix}"
    path.write_bytes(gzip.compress(content) if suffix else content)
    assert_refused(
        path, 3, "5 x 28 x 28 = 3,920 bytes from byte 16", "hold" if not suffix else "3,919"
    )


@pytest.mark.parametrize("length", [0, 3, 4, 15])
def test_fault_18_header_cut_off(tmp_path, length):
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(encode(IMAGES)[:length]))
    assert_refused(path, 3, "byte")


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_fault_19_trailing_bytes_in_the_payload(tmp_path, suffix):
    content = encode(IMAGES) + b"\0"
    path = tmp_path / f"images{suffix}"
    path.write_bytes(gzip.compress(content) if suffix else content)
    assert_refused(path, 3, "3,920 bytes from byte 16", "more follow")


def test_fault_19_trailing_bytes_after_gzip(tmp_path):
    packed = gzip.compress(encode(IMAGES))
    (tmp_path / "images.gz").write_bytes(packed + b"\0")
    assert_refused(tmp_path / "images.gz", 3, f"trailing bytes at byte {len(packed):,}")


def test_fault_19_second_gzip_member(tmp_path):
    packed = gzip.compress(encode(IMAGES))
    (tmp_path / "images.gz").write_bytes(packed + gzip.compress(b""))
    assert_refused(tmp_path / "images.gz", 3, f"second gzip member at byte {len(packed):,}")


def test_fault_19_second_gzip_member_at_a_piece_boundary(tmp_path):
    # Stored, not deflated, so that a file can be made whose first member ends where a read ends.
    for count in range(decompress.CHUNK - 100, decompress.CHUNK):
        packed = gzip.compress(encode(np.zeros(count, np.uint8)), compresslevel=0)
        if len(packed) == decompress.CHUNK:
            break
    else:
        pytest.fail("no file of that length")
    (tmp_path / "labels.gz").write_bytes(packed + gzip.compress(b""))
    assert_refused(tmp_path / "labels.gz", 1, f"second gzip member at byte {decompress.CHUNK:,}")


def test_fault_20_wrong_gzip_checksum(tmp_path):
    packed = bytearray(gzip.compress(encode(IMAGES)))
    packed[-8] ^= 1  # gzip ends with a checksum and a size, of 4 bytes each
    (tmp_path / "images.gz").write_bytes(packed)
    assert_refused(tmp_path / "images.gz", 3, "damaged gzip", "incorrect data check")


def test_gzip_cut_off(tmp_path):
    packed = gzip.compress(encode(IMAGES))
    for length in (2, 9, 100, len(packed) - 1):
        (tmp_path / "images.gz").write_bytes(packed[:length])
        assert_refused(tmp_path / "images.gz", 3, f"cut off at byte {length:,}")


def assert_refused_without_memory(path, ndim, *words):
    tracemalloc.start()
    try:
        assert_refused(path, ndim, *words)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_fault_21_gzip_bomb_is_not_inflated(tmp_path):
    packer = zlib.compressobj(9, wbits=31)
    bomb = packer.compress(encode(LABELS))
    bomb += b"".join(packer.compress(bytes(1_000_000)) for _ in range(300)) + packer.flush()
    (tmp_path / "labels.gz").write_bytes(bomb)
    assert_refused_without_memory(tmp_path / "labels.gz", 1, "more follow")


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("count", [2**32 - 1, 1_000_000])
def test_fault_21_announced_size_is_not_allocated(tmp_path, suffix, count):
    content = bytes([0, 0, 8, 3]) + struct.pack(">3I", count, 28, 28) + bytes(100)
    path = tmp_path / f"images{suffix}"
    path.write_bytes(gzip.compress(content) if suffix else content)
    assert_refused_without_memory(path, 3, "the file cannot hold that")


def test_fault_21_an_array_above_the_size_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(idx, "MAX_ARRAY_BYTES", IMAGES.size - 1)
    path = save(tmp_path / "images.gz", IMAGES)
    assert_refused(path, 3, "at most 3,919")


@pytest.mark.parametrize("name", ["labels", "labels.gz"])
def test_fault_22_empty_file(tmp_path, name):
    (tmp_path / name).touch()
    assert_refused(tmp_path / name, 1, "the file is empty")


def test_fault_23_counts_differ(tmp_path):
    save(tmp_path / "train-images-idx3-ubyte", IMAGES)
    save(tmp_path / "train-labels-idx1-ubyte", LABELS[:4])
    with pytest.raises(DataError, match="train split: 5 images but 4 labels"):
        idx.read(tmp_path)


def test_fault_24_label_above_9(tmp_path):
    save(tmp_path / "train-images-idx3-ubyte", IMAGES)
    save(tmp_path / "train-labels-idx1-ubyte", LABELS + 1)
    with pytest.raises(DataError, match="train split, item 4: 10 is not a label"):
        idx.read(tmp_path)


def test_images_of_another_size(tmp_path):
    save(tmp_path / "train-images-idx3-ubyte", np.zeros((2, 32, 32), np.uint8))
    with pytest.raises(DataError, match=r"\(2, 32, 32\)"):
        idx.read(tmp_path)


@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_damaged_bytes_raise_nothing_but_data_error(tmp_path, data):
    content = bytearray(encode(LABELS))
    zipped = data.draw(st.booleans())
    if zipped and data.draw(st.booleans()):
        content = bytearray(gzip.compress(content))
        zipped = False
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.one_of(st.none(), st.integers(0, len(content))))]
    path = tmp_path / "labels"
    path.write_bytes(gzip.compress(content) if zipped else content)
    try:
        idx.read_array(path, 1)
    except DataError as error:
        assert str(path) in str(error)
