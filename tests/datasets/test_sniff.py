"""Formats are told by content; those that are not read are refused with what to do."""

import builtins
import gzip
import json
import shlex
import shutil
import subprocess
import tarfile
import zipfile

import numpy as np
import pytest
import scipy.io

from mnistry.datasets import idx, names, sniff
from mnistry.datasets.dataset import Origin
from mnistry.errors import DataError, UsageError
from tests.datasets import forms


@pytest.mark.parametrize(
    "name",
    ["npz", "csv", "parquet", "mat", "emnist_mat", "hdf5", "arff", "libsvm", "openml_parquet"],
)
def test_an_ending_that_lies_changes_nothing(name, tmp_path):
    path = forms.FORMS[name].write(tmp_path)
    if path.is_dir():
        path = next(path.rglob("*train*.*"))
    lying = tmp_path / "digits.dat"
    shutil.copy(path, lying)
    np.testing.assert_array_equal(sniff.read(lying).train.images, sniff.read(path).train.images)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x80\x04\x95" + bytes(99), "a pickle, which could run any code"),
        (gzip.compress(b"\x80\x03}" + bytes(99), mtime=0), "a pickle"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "mnistry read"),
        (b"P5 28 28 255\n" + bytes(784), "mnistry read"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"", "an empty file"),
        (b"\x40\0\0\0\0\0\0\0abcd\x0a\x3e" + bytes(70), "TensorFlow's records"),
        (b"\x83\xaf\x70\xd1\x0d\x88\x4a\x3f" + bytes(99), "TensorFlow's records"),
        (b"7z\xbc\xaf\x27\x1c", "an archive; "),
        (b"\x28\xb5\x2f\xfd" + bytes(99), "zstd -d"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "git lfs pull"),
        (gzip.compress(b"RDX3\nX\n" + bytes(99), mtime=0), "in R: write.csv"),
        (b"SQLite format 3\0" + bytes(99), "an SQLite database"),
        (b"\x00\x00\x00\x18ftypheic\0\0\0\0mif1heic" + bytes(99), "mnistry read"),
        (bytes(range(1, 200)) * 9, "unknown file type"),
    ],
)
def test_what_is_not_read_is_named_with_a_remedy(content, words, tmp_path):
    (tmp_path / "data").write_bytes(content)
    with pytest.raises(DataError) as caught:
        sniff.read(tmp_path / "data")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("member", "words"),
    [
        ("xl/workbook.xml", "a spreadsheet.*save its table as CSV"),
        ("content.xml", "a spreadsheet"),
        ("archive/data.pkl", "PyTorch.*numpy.savez"),
        ("model.weights.h5", "a Keras model.*mnistry adopt"),
    ],
)
def test_zip_archives_of_other_programs_are_named(member, words, tmp_path):
    with zipfile.ZipFile(tmp_path / "data", "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr(member, "")
    with pytest.raises(DataError, match=words):
        sniff.read(tmp_path / "data")


def test_a_folder_of_tensorflow_datasets_is_named_with_a_command(tmp_path):
    folder = tmp_path / "mnist" / "3.0.1"
    folder.mkdir(parents=True)
    (folder / "dataset_info.json").write_text("{}")
    record = b"\x40\0\0\0\0\0\0\0abcd\x0a\x3e" + bytes(70)
    (folder / "mnist-train.tfrecord-00000-of-00001").write_bytes(record)
    with pytest.raises(DataError, match=r"TensorFlow's records.*builder_from_directory") as caught:
        sniff.read(tmp_path)
    command = str(caught.value).partition("save them as arrays: ")[2]
    python, option, code = shlex.split(command)
    assert (python, option) == ("python", "-c")
    assert f"builder_from_directory({str(folder)!r})" in code


def test_a_name_in_a_command_is_quoted(tmp_path):
    folder = tmp_path / "$(touch made)"
    folder.mkdir()
    (folder / "a b.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99))
    with pytest.raises(DataError, match="mnistry read") as caught:
        sniff.read(folder / "a b.png")
    command = str(caught.value).partition("to read it: ")[2]
    assert shlex.split(command)[2:] == [str(folder / "a b.png")]
    (folder / "train.tfrecord").write_bytes(b"\x40\0\0\0\0\0\0\0abcd\x0a\x3e" + bytes(70))
    with pytest.raises(DataError, match="TensorFlow's records") as caught:
        sniff.read(folder / "train.tfrecord")
    command = str(caught.value).partition("save them as arrays: ")[2]
    subprocess.run(command.replace("python", "true"), shell=True, check=True, cwd=tmp_path)  # noqa: S602
    assert not (tmp_path / "made").exists()


def test_idx_files_of_other_names_are_told(tmp_path):
    for name, array in (("a.idx", forms.IMAGES), ("b.idx", forms.LABELS)):
        (tmp_path / name).write_bytes(forms.encode_idx(array))
    with pytest.raises(DataError, match=r"do not say what they are: a\.idx, b\.idx.*rename them"):
        sniff.read(tmp_path)
    (tmp_path / "a.idx").rename(tmp_path / "train-images-idx3-ubyte.idx")
    (tmp_path / "b.idx").rename(tmp_path / "train-labels-idx1-ubyte.idx")
    assert len(sniff.read(tmp_path).train.images) == 60


def test_fault_107_an_archive_is_not_opened(tmp_path):
    forms.npz()(tmp_path)
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.write(tmp_path / "data.npz", "inner.npz")
    with tarfile.open(tmp_path / "data.tar", "w") as archive:
        archive.add(tmp_path / "data.npz", "inner.npz")
    for name in ("data.zip", "data.tar"):
        with pytest.raises(DataError, match=r"an archive.*unpack it"):
            sniff.read(tmp_path / name)


def test_fault_106_cells_with_paths_alone_are_said_to_be_so(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    cells = [{"bytes": None, "path": "/home/other/7.png"}]
    pq.write_table(pa.table({"image": cells, "label": [7]}), tmp_path / "train.parquet")
    with pytest.raises(DataError, match=r"only the path of one on another machine: /home/other/7"):
        sniff.read(tmp_path / "train.parquet")


@pytest.mark.parametrize(("name", "package"), [("parquet", "pyarrow"), ("hdf5", "h5py")])
def test_a_missing_package_is_named_with_its_extra(name, package, tmp_path, monkeypatch):
    path = forms.FORMS[name].write(tmp_path)
    import importlib

    real = importlib.import_module

    def without(module, *rest):
        if module.partition(".")[0] == package:
            raise ImportError(module)
        return real(module, *rest)

    monkeypatch.setattr(builtins, "__import__", builtins.__import__)
    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(UsageError, match=rf"needs the package {package}; .*mnistry\[data\]"):
        sniff.read(path)


def test_several_datasets_in_a_folder_are_listed(tmp_path):
    for name in ("MNIST", "FashionMNIST"):
        (tmp_path / name).mkdir()
        forms.FORMS["torchvision"].write(tmp_path / name)
    with pytest.raises(DataError, match=r"2 datasets: .*FashionMNIST.*give one of them: "):
        sniff.read(tmp_path)
    assert sniff.read(tmp_path / "FashionMNIST").classes == names.FASHION


def test_two_sets_of_idx_files_are_told_apart_by_one_of_the_files(tmp_path):
    for kind in ("digits", "mnist"):
        forms.idx(f"emnist-{kind}-" + forms.ORIGINAL, turn=True)(tmp_path)
    with pytest.raises(DataError, match="files of 2 datasets") as caught:
        sniff.read(tmp_path)
    file = str(caught.value).rpartition(": ")[2]
    dataset = sniff.read(tmp_path / file.rpartition("/")[2])
    np.testing.assert_array_equal(dataset.test.images, forms.IMAGES[forms.SPLITS["test"]])


def test_emnists_letters_count_from_1_and_have_names(tmp_path):
    labels = np.arange(1, 27, dtype=np.uint8)
    images = np.repeat(forms.IMAGES[:1], 26, axis=0)
    for kind, axes, array in (("images", 3, images), ("labels", 1, labels)):
        name = f"emnist-letters-train-{kind}-idx{axes}-ubyte"
        (tmp_path / name).write_bytes(forms.encode_idx(array))
    dataset = sniff.read(tmp_path, Origin(transpose=True))  # turned once, not twice
    assert dataset.classes == names.LETTERS
    assert dataset.train.labels.tolist() == [*range(26)]
    assert dataset.notices == (idx.SWAPPED,)
    np.testing.assert_array_equal(dataset.train.images[0], forms.IMAGES[0].T)


def test_no_dataset_at_all_lists_the_arrays_and_the_options(tmp_path):
    np.savez(tmp_path / "my.npz", foo=np.zeros((5, 28, 28)), bar=np.zeros(5))
    with pytest.raises(DataError) as caught:
        sniff.read(tmp_path / "my.npz")
    for words in ("foo (5, 28, 28), bar (5,)", "--images NAME --labels NAME"):
        assert words in str(caught.value)


def test_a_column_of_labels_is_told_by_its_name_and_several_are_said(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    cells = [forms.png_bytes(image) for image in forms.IMAGES]
    labels, path = forms.LABELS, tmp_path / "train.parquet"
    pq.write_table(pa.table({"image": cells, "fine_label": labels}), path)
    assert sniff.read(path).train.labels.tolist() == labels.tolist()
    pq.write_table(pa.table({"image": cells, "label": labels, "target": labels // 2}), path)
    dataset = sniff.read(path)
    assert dataset.train.labels.tolist() == labels.tolist()
    assert dataset.notices == (
        "labels are taken from the column label, not from target: --labels NAME chooses",
    )
    assert sniff.read(path, Origin(labels="target")).notices == ()
    pq.write_table(pa.table({"image": cells, "fine_label": labels, "coarse_label": labels}), path)
    with pytest.raises(DataError, match=r"fine_label and coarse_label could .*--labels NAME"):
        sniff.read(path)
    fine = sniff.read(path, Origin(labels="fine_label"))
    assert fine.train.labels.tolist() == labels.tolist()


def test_a_table_of_images_of_another_size_names_the_option(tmp_path):
    path = forms.csv_of_32x32(tmp_path)
    with pytest.raises(DataError, match=r"1,024 columns of pixels.*32x32, --fit scales"):
        sniff.read(path)


def test_rows_in_json_have_the_classes_that_their_folder_names(tmp_path):
    folder = tmp_path / "FashionMNIST"
    folder.mkdir()
    path = forms.json_rows(folder)
    assert sniff.read(path).classes == names.FASHION


def test_json_that_is_no_dataset_says_what_is_expected(tmp_path):
    for text, words in (
        ('[["a", "b"]]', "rows of pixels with a label"),
        ('{"images": [[1, 2], [3]]}', "named as images"),
        ("[[1, 2], [3", "JSON that is cut off in line 1; export, download or copy it again"),
        ('{\n"images": [[0, 1], [tru', "cut off in line 2"),
        ("[1, 2]\n[3, 4]\n[5", "cut off in line 3"),
        ('{"images": [[1, 2], [3 4]]}', r"damaged JSON: Expecting ',' delimiter: line 1 column 24"),
        ("[" * 5000, "damaged JSON"),
    ):
        (tmp_path / "data.json").write_text(text)
        with pytest.raises(DataError, match=words):
            sniff.read(tmp_path / "data.json")


@pytest.mark.parametrize(("white", "factor"), [(65535, "257"), (4095, "16.0588"), (1023, "4.01")])
def test_16_bits_are_refused_with_code_that_scales_them(tmp_path, white, factor):
    images = np.rint(forms.IMAGES * (white / 255)).astype(np.uint16)
    np.savez(tmp_path / "deep.npz", x_train=images, y_train=forms.LABELS)
    with pytest.raises(DataError, match=rf"16 bits.*np\.rint\(images / {factor}") as caught:
        sniff.read(tmp_path / "deep.npz")
    code = str(caught.value).partition("give the 0–255 image, ")[2].partition(";")[0]
    scaled = eval(code, {"images": images, "np": np})  # noqa: S307 (what a user is told)
    assert abs(scaled - forms.IMAGES).max() <= 1


@pytest.mark.parametrize("whole", [True, False])
def test_columns_of_pixels_in_json_are_images(tmp_path, whole):
    """As pandas and polars write a table: an object for each column, or one for each row."""
    images, labels = forms.IMAGES[:4].reshape(4, 784).tolist(), forms.LABELS[:4].tolist()
    names_of_columns = ["label", *forms.PIXELS]
    rows = zip(labels, images, strict=True)
    table = [dict(zip(names_of_columns, (label, *image), strict=True)) for label, image in rows]
    if whole:
        table = {name: {i: row[name] for i, row in enumerate(table)} for name in names_of_columns}
    (tmp_path / "data.json").write_text(json.dumps(table))
    train = sniff.read(tmp_path / "data.json").train
    np.testing.assert_array_equal(train.images, forms.IMAGES[:4])
    np.testing.assert_array_equal(train.labels, forms.LABELS[:4])


def test_compressed_arrays_of_matlab_begin_anywhere(tmp_path):
    """Compressed, an array ends without the bytes that would fill eight."""
    for length in range(1, 9):
        arrays = {"n" * length: np.arange(length), "X": forms.IMAGES[:9], "y": forms.LABELS[:9]}
        scipy.io.savemat(tmp_path / "data.mat", arrays, do_compression=True)
        np.testing.assert_array_equal(sniff.read(tmp_path / "data.mat").train.labels, arrays["y"])
