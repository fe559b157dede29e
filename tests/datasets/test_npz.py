import io
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mnistry.datasets import npz
from mnistry.errors import DataError


def arrays(train=6, test=4):
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.integers(0, 256, (train, 28, 28), np.uint8),
        "y_train": np.arange(train, dtype=np.uint8) % 10,
        "x_test": rng.integers(0, 256, (test, 28, 28), np.uint8),
        "y_test": np.arange(test, dtype=np.uint8) % 10,
    }


def save(path, compress=True, **members):
    (np.savez_compressed if compress else np.savez)(path, **members)
    return path


def npy(array):
    file = io.BytesIO()
    np.lib.format.write_array(file, array)
    return file.getvalue()


def npy_header(shape, descr="|u1"):
    file = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue()


def assert_refused(path, *words):
    with pytest.raises(DataError) as caught:
        npz.read(path)
    for word in (str(path), *words):
        assert word in str(caught.value)


@pytest.mark.parametrize("compress", [True, False])
def test_arrays_come_back(tmp_path, compress):
    dataset = npz.read(save(tmp_path / "digits.npz", compress, **arrays()))
    assert (dataset.name, dataset.licence) == ("digits.npz", "not stated")
    assert dataset.source == str(tmp_path / "digits.npz")
    for name, array in arrays().items():
        np.testing.assert_array_equal(dataset.arrays()[name], array)


def test_real_mnist_is_read_as_numpy_reads_it(mnist_path, mnist):
    dataset = npz.read(mnist_path)
    for name, array in dataset.arrays().items():
        np.testing.assert_array_equal(array, mnist[name])
    assert dataset.test.labels[[7, 18, 8]].tolist() == [9, 3, 5]


def test_other_numeric_types_and_orders_become_uint8(tmp_path):
    source = arrays()
    path = save(
        tmp_path / "digits.npz",
        x_train=np.asfortranarray(source["x_train"].astype(">i8")),
        y_train=source["y_train"].astype(np.float32),
    )
    dataset = npz.read(path)
    train, test = dataset.train, dataset.test
    np.testing.assert_array_equal(train.images, source["x_train"])
    assert train.images.dtype == train.labels.dtype == np.uint8
    assert train.images.flags.c_contiguous
    assert test is None


def test_test_pair_alone_and_unknown_members(tmp_path):
    source = arrays()
    path = save(
        tmp_path / "digits.npz",
        x_test=source["x_test"],
        y_test=source["y_test"],
        notes=np.array(["not ours"], dtype=object),
    )
    dataset = npz.read(path)
    train, test = dataset.train, dataset.test
    assert train is None
    np.testing.assert_array_equal(test.labels, source["y_test"])


@pytest.mark.parametrize("name", ["x_train", "x_test"])
def test_images_alone_are_to_be_predicted(tmp_path, name):
    dataset = npz.read(save(tmp_path / "digits.npz", **{name: arrays()[name]}))
    assert set(dataset.arrays()) == {name}


@pytest.mark.parametrize("name", ["x_train", "y_train", "x_test"])
def test_fault_11_missing_member(tmp_path, name):
    members = {key: value for key, value in arrays().items() if key != name}
    assert_refused(save(tmp_path / "digits.npz", **members), f"no {name}")


def test_fault_11_no_known_member(tmp_path):
    assert_refused(save(tmp_path / "digits.npz", a=np.zeros(3)), "named as images", "x_train")


def test_fault_12_object_array_is_not_unpickled(tmp_path):
    members = arrays() | {"y_train": np.array([print] * 6, dtype=object)}
    assert_refused(save(tmp_path / "digits.npz", **members), "member y_train.npy", "pickle")


def test_fault_12_types_other_than_real_numbers(tmp_path):
    members = arrays() | {"y_train": np.zeros(6, complex)}
    assert_refused(save(tmp_path / "digits.npz", **members), "member y_train.npy", "dtype")
    members = arrays() | {"y_train": np.zeros(6, bool)}
    assert_refused(save(tmp_path / "digits.npz", **members), "train split", "dtype bool")


def write_zip(path, members, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def assert_refused_without_memory(path, *words):
    tracemalloc.start()
    try:
        assert_refused(path, *words)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("count", [2**40, 500_000_000])
def test_fault_13_header_announces_more_than_the_member_holds(tmp_path, count):
    content = npy_header((count,)) + bytes(100)
    path = write_zip(tmp_path / "digits.npz", [("y_train.npy", content)])
    assert_refused_without_memory(path, "member y_train.npy", f"announces {count:,} bytes")


def test_fault_13_directory_announces_it_too(tmp_path):
    content = npy_header((500_000_000,)) + bytes(100)
    path = write_zip(tmp_path / "digits.npz", [("y_train.npy", content)])
    data = path.read_bytes()
    right, lie = len(content), len(content) - 100 + 500_000_000
    # The size stands before the member and in the directory at the end.
    assert data.count(right.to_bytes(4, "little")) == 2
    path.write_bytes(data.replace(right.to_bytes(4, "little"), lie.to_bytes(4, "little")))
    assert_refused_without_memory(path, "member y_train.npy", "can hold")


def test_fault_13_negative_shape(tmp_path):
    content = npy_header((-1, -100)) + bytes(100)
    path = write_zip(tmp_path / "digits.npz", [("y_train.npy", content)])
    assert_refused(path, "member y_train.npy", "(-1, -100)")


def test_fault_13_an_array_above_the_size_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(npz, "MAX_ARRAY_BYTES", 6 * 784 - 1)
    path = save(tmp_path / "digits.npz", **arrays())
    assert_refused(path, "member x_train.npy", "at most 4,703")


def test_fault_13_stream_ends_before_the_announced_size(tmp_path):
    content = npy_header((200,)) + bytes(100)
    path = write_zip(tmp_path / "digits.npz", [("y_train.npy", content)])
    data, size = path.read_bytes(), len(content)
    # The directory agrees with the header, but the checksum is of the shorter stream.
    path.write_bytes(data.replace(size.to_bytes(4, "little"), (size + 100).to_bytes(4, "little")))
    assert_refused(path, "member y_train.npy", "ends at byte 100 of 200")


def test_fault_14_member_twice(tmp_path):
    path = save(tmp_path / "digits.npz", **arrays())
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("y_train.npy", npy(np.zeros(6, np.uint8)))
    assert_refused(path, "two members are called y_train")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_fault_15_cut_off(tmp_path, share):
    path = save(tmp_path / "digits.npz", **arrays())
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    assert_refused(path, "not a NumPy archive, or damaged")


@pytest.mark.parametrize("compress", [True, False])
def test_fault_16_flipped_bit(tmp_path, compress):
    path = save(tmp_path / "digits.npz", compress, **arrays())
    data = bytearray(path.read_bytes())
    data[2000] ^= 1
    path.write_bytes(data)
    assert_refused(path, "member x_train.npy", "damaged")


def test_web_page_called_npz(tmp_path):
    (tmp_path / "digits.npz").write_bytes(b"<!DOCTYPE html><html>Not found</html>")
    assert_refused(tmp_path / "digits.npz", "not a NumPy archive")


def test_empty_file(tmp_path):
    (tmp_path / "digits.npz").touch()
    assert_refused(tmp_path / "digits.npz", "not a NumPy archive")


def test_missing_file(tmp_path):
    assert_refused(tmp_path / "digits.npz", "No such file")


def test_unusual_compression(tmp_path):
    content = [("y_train.npy", npy(np.zeros(6, np.uint8)))]
    path = write_zip(tmp_path / "digits.npz", content, zipfile.ZIP_LZMA)
    assert_refused(path, "member y_train.npy", "compression")


def test_encrypted_member(tmp_path):
    content = [("y_train.npy", npy(np.zeros(6, np.uint8)))]
    path = write_zip(tmp_path / "digits.npz", content, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    assert_refused(path, "member y_train.npy", "encrypted")


def test_fault_23_counts_differ(tmp_path):
    members = arrays() | {"y_train": np.zeros(5, np.uint8)}
    assert_refused(save(tmp_path / "digits.npz", **members), "train split", "6 images but 5 labels")


@pytest.mark.parametrize("label", [-1, 10])
def test_fault_24_label_out_of_range(tmp_path, label):
    labels = np.array([1, 2, label, 4])
    members = arrays() | {"y_test": labels}
    path = save(tmp_path / "digits.npz", **members)
    assert_refused(path, "test split, item 2", f"{label} is not a label")


@pytest.mark.parametrize("value", [256, -1, 1.5, np.nan])
def test_fault_26_pixel_out_of_range(tmp_path, value):
    images = arrays()["x_test"].astype(float)
    images[3, 14, 14] = value
    path = save(tmp_path / "digits.npz", **arrays() | {"x_test": images})
    assert_refused(path, "test split, item 3", "is not a pixel value")


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_damaged_bytes_raise_nothing_but_data_error(tmp_path, data):
    path = save(tmp_path / "digits.npz", data.draw(st.booleans()), **arrays(2, 1))
    content = bytearray(path.read_bytes())
    # Structure is what breaks parsers: half of the damage goes to the directory at the end.
    low = data.draw(st.sampled_from([0, len(content) - 400]))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(low, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.one_of(st.none(), st.integers(0, len(content))))])
    try:
        npz.read(path)
    except DataError as error:
        assert str(path) in str(error)
