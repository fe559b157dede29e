"""Every form in which datasets come, each made here as its publisher writes it.

`FORMS` is the list; `test_forms.py` loads each, and compares the table in the documentation with
it. To write that table anew:

    python tests/datasets/forms.py docs/howto/own-data.md
"""

import bz2
import csv
import gzip
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from mnistry.datasets import sample

BEGIN, END = "<!-- forms: made by tests/datasets/forms.py -->\n", "<!-- end of forms -->\n"
PIXELS = [f"pixel{i}" for i in range(784)]
TRAIN, TEST = 40, 20
SPLITS = {"train": slice(0, TRAIN), "test": slice(TRAIN, TRAIN + TEST)}


class Form(NamedTuple):
    """A form of datasets.

    Attributes
    ----------
    what, looks
        What it is, and what it looks like, for the table.
    write
        Writes it into an empty folder, and returns what to load.
    options
        The options that it needs, as `mnistry.load` takes them.
    parts
        The splits that it has.
    close
        How far a pixel may be off, in grey levels; None for images that are brought to MNIST's
        form.
    classes
        The number of classes.
    """

    what: str
    looks: str
    write: Callable[[Path], Path]
    options: dict[str, Any] = {}  # noqa: RUF012
    parts: tuple[str, ...] = ("train", "test")
    close: int | None = 0
    classes: int = 10


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Return 60 images of MNIST's sample, and their labels: 0 to 9 in turn, six times."""
    train, _ = sample.load()
    chosen = np.concatenate([np.flatnonzero(train.labels == k)[:6] for k in range(10)])
    chosen = chosen.reshape(10, 6).T.ravel()
    return train.images[chosen], train.labels[chosen]


IMAGES, LABELS = digits()


def arrays() -> dict[str, np.ndarray]:
    """Return both splits by Keras's names."""
    return {
        f"{axis}_{part}": array[rows]
        for axis, array in (("x", IMAGES), ("y", LABELS))
        for part, rows in SPLITS.items()
    }


def npz(name: str = "data.npz", **changes: Callable[[np.ndarray], np.ndarray]) -> Any:
    """Return a writer of a ``.npz`` file; ``x=`` changes its images, and ``y=`` its labels."""

    def write(folder: Path) -> Path:
        kept = lambda array: array  # noqa: E731
        changed = {k: changes.get(k[0], kept)(array) for k, array in arrays().items()}
        np.savez(folder / name, **changed)
        return folder / name

    return write


def npz_named(*names: str, compress: bool = False) -> Any:
    """Return a writer of a ``.npz`` file with these names for x_train, y_train, x_test, y_test."""

    def write(folder: Path) -> Path:
        save = np.savez_compressed if compress else np.savez
        own = arrays()
        order = ("x_train", "y_train", "x_test", "y_test")
        if names:
            save(folder / "data.npz", **dict(zip(names, (own[n] for n in order), strict=False)))
        else:
            save(folder / "data.npz", *(own[name] for name in order))
        return folder / "data.npz"

    return write


def medmnist(folder: Path) -> Path:
    changed = {
        f"{part}_{kind}": (IMAGES if kind == "images" else LABELS[:, np.newaxis])[rows]
        for part, rows in (*SPLITS.items(), ("val", slice(30, 40)))
        for kind in ("images", "labels")
    }
    np.savez_compressed(folder / "digitmnist.npz", **changed)
    return folder / "digitmnist.npz"


def kmnist(folder: Path) -> Path:
    for part, rows in SPLITS.items():
        np.savez_compressed(folder / f"k-{part}-imgs.npz", IMAGES[rows])
        np.savez_compressed(folder / f"k-{part}-labels.npz", LABELS[rows])
    return folder


def npy_folder(folder: Path) -> Path:
    for name, array in arrays().items():
        np.save(folder / f"{name}.npy", array)
    return folder


def encode_idx(array: np.ndarray) -> bytes:
    code = {"uint8": 8, "int32": 12}[str(array.dtype)]
    header = bytes([0, 0, code, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def idx(names: str, *, zipped: bool = False, below: str = "", turn: bool = False) -> Any:
    """Return a writer of IDX files; ``names`` has places for the split, the kind and the axes."""

    def write(folder: Path) -> Path:
        place = folder / below
        place.mkdir(parents=True, exist_ok=True)
        for part, rows in SPLITS.items():
            images = IMAGES[rows].swapaxes(1, 2).copy() if turn else IMAGES[rows]
            for kind, axes, array in (("images", 3, images), ("labels", 1, LABELS[rows])):
                own = "t10k" if part == "test" and "emnist" not in names else part
                name = names.format(part=own, kind=kind, axes=axes)
                content = encode_idx(array)
                (place / f"{name}{'.gz' * zipped}").write_bytes(
                    gzip.compress(content) if zipped else content
                )
        return folder

    return write


def qmnist(folder: Path) -> Path:
    for part, rows in SPLITS.items():
        columns = np.zeros((len(LABELS[rows]), 8), np.int32)
        columns[:, 0], columns[:, 2] = LABELS[rows], 1000 + np.arange(len(columns))
        for name, array in (("images-idx3-ubyte", IMAGES[rows]), ("labels-idx2-int", columns)):
            content = gzip.compress(encode_idx(array))
            (folder / f"qmnist-{part}-{name}.gz").write_bytes(content)
    return folder


def table(
    header: list[str] | None = None,
    *,
    last: bool = False,
    index: str | None = None,
    separator: str = ",",
    quoting: int = csv.QUOTE_MINIMAL,
    label: Callable[[Any], Any] = int,
    end: str = "\n",
    name: str = "data.csv",
    labelled: bool = True,
    part: str = "train",
) -> bytes:
    """Return a CSV file's text: a header, and a row for each image."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, quoting=quoting, lineterminator=end)
    if header is not None:
        writer.writerow(header)
    for i, (image, digit) in enumerate(
        zip(IMAGES[SPLITS[part]], LABELS[SPLITS[part]], strict=True)
    ):
        own = [label(digit)] if labelled else []
        row = [*image.ravel().tolist(), *own] if last else [*own, *image.ravel().tolist()]
        writer.writerow([i, *row] if index is not None else row)
    content = text.getvalue().encode()
    return gzip.compress(content) if name.endswith(".gz") else content


def csv_file(header: list[str] | None, name: str = "data.csv", **options: Any) -> Any:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(table(header, name=name, **options))
        return folder / name

    return write


def kaggle_folder(folder: Path) -> Path:
    (folder / "train.csv").write_bytes(table(["label", *PIXELS]))
    (folder / "test.csv").write_bytes(table(PIXELS, labelled=False, part="test"))
    (folder / "sample_submission.csv").write_text("ImageId,Label\n1,0\n2,0\n")
    return folder


def savetxt(folder: Path) -> Path:
    rows = np.column_stack([LABELS, IMAGES.reshape(len(IMAGES), -1)])[:TRAIN]
    np.savetxt(folder / "digits.txt", rows)
    return folder / "digits.txt"


def picture(image: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def folders(pattern: str, classes: Callable[[int], str] = str, **parts: str) -> Any:
    """Return a writer of one picture for each image; `pattern` has places for split and class."""
    names = parts or {"train": "train", "test": "test"}

    def write(folder: Path) -> Path:
        for part, name in names.items():
            for i in range(*SPLITS[part].indices(len(IMAGES))):
                own = pattern.format(part=name, label=classes(int(LABELS[i])), i=i)
                picture(IMAGES[i], folder / own)
        (folder / "README.txt").touch()
        (folder / ".DS_Store").touch()
        return folder

    return write


def file_list(folder: Path) -> Path:
    rows = ["filename,label"]
    for i in range(TRAIN):
        picture(IMAGES[i], folder / "images" / f"{i:05}.png")
        rows.append(f"{i:05}.png,{LABELS[i]}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder


def windows_list(folder: Path) -> Path:
    file_list(folder)
    text = (folder / "labels.csv").read_text()
    for i in range(TRAIN):
        text = text.replace(f"{i:05}.png", f".\\images\\{i:05}.png")
    (folder / "labels.csv").write_text(text)
    return folder


def text_list(folder: Path) -> Path:
    file_list(folder)
    rows = (folder / "labels.csv").read_text().splitlines()[1:]
    (folder / "labels.csv").unlink()
    (folder / "train.txt").write_text("".join(f"images/{r.replace(',', ' ')}\n" for r in rows))
    return folder


def float_pictures(folder: Path) -> Path:
    for i in range(TRAIN):
        values = IMAGES[i].astype(np.float32) / 255
        picture(values, folder / f"{LABELS[i]}" / f"{i}.tif")
    return folder


def matlab_4(folder: Path) -> Path:
    with (folder / "digits.mat").open("wb") as file:
        for name, kind, array in (
            ("images", 50, IMAGES[:TRAIN].reshape(TRAIN, -1)),
            ("labels", 0, LABELS[:TRAIN, np.newaxis].astype("<f8")),
        ):
            file.write(np.array([kind, *array.shape, 0, len(name) + 1], "<i4").tobytes())
            file.write(name.encode() + b"\0" + array.tobytes("F"))
    return folder / "digits.mat"


def csv_of_ones(folder: Path) -> Path:
    header = ",".join([*(f"label_{k}" for k in range(10)), *PIXELS])
    rows = np.hstack([np.eye(10, dtype=int)[LABELS], IMAGES.reshape(-1, 784)])[:TRAIN]
    np.savetxt(folder / "data.csv", rows, "%d", ",", header=header, comments="")
    return folder / "data.csv"


def json_columns(folder: Path) -> Path:
    columns = dict(zip(["label", *PIXELS], [LABELS, *IMAGES.reshape(-1, 784).T], strict=True))
    cells = {name: dict(enumerate(values[:TRAIN].tolist())) for name, values in columns.items()}
    (folder / "data.json").write_text(json.dumps(cells))
    return folder / "data.json"


def json_rows(folder: Path) -> Path:
    rows = np.column_stack([LABELS, IMAGES.reshape(len(IMAGES), -1)])[:TRAIN]
    (folder / "rows.json").write_text(json.dumps(rows.tolist()))
    return folder / "rows.json"


def json_lines(folder: Path) -> Path:
    with (folder / "train.jsonl").open("w") as file:
        for image, label in zip(IMAGES[:TRAIN].tolist(), LABELS[:TRAIN].tolist(), strict=True):
            file.write(json.dumps({"label": label, "image": image}) + "\n")
    return folder


def decimal_commas(folder: Path) -> Path:
    text = table(["label", *PIXELS], separator=";").decode()
    head, _, rows = text.partition("\n")
    rows = rows.replace(";", ",00;").replace("\n", ",00\n")
    (folder / "data.csv").write_text(f"{head}\n{rows}")
    return folder / "data.csv"


def csv_of_32x32(folder: Path) -> Path:
    wide = np.pad(IMAGES[:TRAIN], ((0, 0), (2, 2), (2, 2))).reshape(TRAIN, -1)
    header = ",".join(("label", *(f"pixel{i}" for i in range(1024))))
    rows = np.column_stack([LABELS[:TRAIN], wide])
    np.savetxt(folder / "data.csv", rows, "%d", ",", header=header, comments="")
    return folder / "data.csv"


def mixed_sizes(folder: Path) -> Path:
    for i in range(TRAIN):
        page = 255 - np.kron(IMAGES[i], np.ones((2 + i % 3,) * 2, np.uint8))
        picture(
            np.pad(page, 5 * (i % 4), constant_values=255), folder / f"{LABELS[i]}" / f"{i}.png"
        )
    return folder


def unlabelled(folder: Path) -> Path:
    for i in range(TEST):
        picture(IMAGES[TRAIN + i], folder / f"scan_{i:03}.png")
    return folder


def png_bytes(image: np.ndarray, form: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, form)
    return file.getvalue()


def hub_table(part: str, cell: Callable[[np.ndarray], bytes]) -> Any:
    """Return a table as the Hub has it: pictures' bytes, paths, labels, and classes' names."""
    import pyarrow as pa

    rows = SPLITS[part]
    cells = [{"bytes": cell(image), "path": None} for image in IMAGES[rows]]
    features = {
        "image": {"_type": "Image"},
        "label": {"names": list("0123456789"), "_type": "ClassLabel"},
    }
    schema = pa.schema(
        [
            ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
            ("label", pa.int64()),
        ],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )
    return pa.table({"image": cells, "label": LABELS[rows].tolist()}, schema)


def hub(cell: Callable[[np.ndarray], bytes], pattern: str) -> Any:
    def write(folder: Path) -> Path:
        import pyarrow.parquet as pq

        for part in SPLITS:
            path = folder / pattern.format(part=part)
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(hub_table(part, cell), path)
        return folder

    return write


def saved_to_disk(folder: Path) -> Path:
    import pyarrow as pa

    for part in SPLITS:
        (folder / part).mkdir()
        made = hub_table(part, png_bytes)
        with pa.OSFile(str(folder / part / "data-00000-of-00001.arrow"), "wb") as file:  # noqa: SIM117
            with pa.ipc.new_stream(file, made.schema) as stream:
                stream.write_table(made)
        (folder / part / "state.json").write_text("{}")
    (folder / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    return folder


def openml_parquet(folder: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {f"pixel{i + 1}": IMAGES.reshape(60, 784)[:TRAIN, i] for i in range(784)}
    columns["class"] = pa.array([str(k) for k in LABELS[:TRAIN]]).dictionary_encode()
    pq.write_table(pa.table(columns), folder / "dataset.pq")
    return folder / "dataset.pq"


def arff_header(folder: Path, rows: list[str]) -> Path:
    lines = ["% a comment", "@RELATION mnist_784", ""]
    lines += [f"@ATTRIBUTE pixel{i} REAL" for i in range(1, 785)]
    lines += ["@ATTRIBUTE class {0,1,2,3,4,5,6,7,8,9}", "", "@DATA", *rows]
    (folder / "mnist_784.arff").write_text("\n".join(lines) + "\n")
    return folder / "mnist_784.arff"


def arff(folder: Path) -> Path:
    flat = IMAGES.reshape(60, 784)
    return arff_header(
        folder, [",".join(map(str, (*flat[i].tolist(), f"'{LABELS[i]}'"))) for i in range(TRAIN)]
    )


def sparse_arff(folder: Path) -> Path:
    rows = []
    for i in range(TRAIN):
        flat = IMAGES[i].ravel()
        pairs = [f"{place} {flat[place]}" for place in np.flatnonzero(flat)]
        rows.append("{" + ", ".join([*pairs, f"784 {LABELS[i]}"]) + "}")
    return arff_header(folder, rows)


def libsvm_rows(first: int) -> str:
    rows = []
    for i in range(TRAIN):
        flat = IMAGES[i].ravel()
        pairs = " ".join(f"{place + first}:{flat[place]}" for place in np.flatnonzero(flat))
        rows.append(f"{LABELS[i]} {pairs}\n")
    return "".join(rows)


def libsvm(folder: Path) -> Path:
    (folder / "mnist.bz2").write_bytes(bz2.compress(libsvm_rows(1).encode()))
    return folder / "mnist.bz2"


def libsvm_from_zero(folder: Path) -> Path:
    comment = (
        "# Generated by dump_svmlight_file from scikit-learn\n# Column indices are zero-based\n"
    )
    (folder / "mnist.svm").write_text(comment + libsvm_rows(0))
    return folder / "mnist.svm"


def usps(folder: Path) -> Path:
    small = small_pixels(16) / 127.5 - 1
    rows = []
    for i in range(TRAIN):
        values = small[i]
        pairs = " ".join(f"{place + 1}:{value:.6f}" for place, value in enumerate(values))
        rows.append(f"{LABELS[i] + 1} {pairs}")
    (folder / "usps.bz2").write_bytes(bz2.compress(("\n".join(rows) + "\n").encode()))
    return folder / "usps.bz2"


def small_pixels(side: int) -> np.ndarray:
    """Return the images with fewer pixels, as rows from 0 to 255."""
    small = [Image.fromarray(i).resize((side, side), Image.Resampling.BOX) for i in IMAGES]
    return np.asarray([np.asarray(one).ravel() for one in small])


def zip_train(folder: Path) -> Path:
    pixels = small_pixels(16)[:TRAIN] / 127.5 - 1
    rows = (
        " ".join([f"{label:.4f}", *(f"{value:.4f}" for value in row)]) + " \n"
        for label, row in zip(LABELS[:TRAIN], pixels, strict=True)
    )
    (folder / "zip.train.gz").write_bytes(gzip.compress("".join(rows).encode()))
    return folder / "zip.train.gz"


def mnist_all(folder: Path) -> Path:
    import scipy.io

    arrays = {
        f"{part}{k}": IMAGES[rows][LABELS[rows] == k].reshape(-1, 784)
        for part, rows in SPLITS.items()
        for k in range(10)
    }
    scipy.io.savemat(folder / "mnist_all.mat", arrays)
    return folder / "mnist_all.mat"


def unicode_text(folder: Path) -> Path:
    text = table(["label", *PIXELS], separator="\t", end="\r\n").decode()
    (folder / "digits.txt").write_bytes(text.encode("utf-16"))
    return folder / "digits.txt"


def mnist_original(folder: Path) -> Path:
    import scipy.io

    content = {"data": IMAGES[:TRAIN].reshape(TRAIN, 784).T, "label": LABELS[:TRAIN].astype(float)}
    scipy.io.savemat(folder / "mnist-original.mat", content)
    return folder / "mnist-original.mat"


def emnist_mat(folder: Path) -> Path:
    import scipy.io

    splits = {
        part: {
            "images": IMAGES[rows].swapaxes(1, 2).reshape(-1, 784),
            "labels": LABELS[rows][:, np.newaxis],
            "writers": 500 + np.arange(len(LABELS[rows]))[:, np.newaxis],
        }
        for part, rows in SPLITS.items()
    }
    mapping = np.column_stack([np.arange(10), 48 + np.arange(10)]).astype(np.uint8)
    content = {"dataset": {**splits, "mapping": mapping}}
    scipy.io.savemat(folder / "emnist-digits.mat", content, do_compression=True)
    return folder / "emnist-digits.mat"


def svhn(folder: Path) -> Path:
    import scipy.io

    for part, rows in SPLITS.items():
        colours = np.repeat(np.pad(IMAGES[rows], ((0, 0), (2, 2), (2, 2)))[..., None], 3, axis=3)
        labels = np.where(LABELS[rows] == 0, 10, LABELS[rows])[:, np.newaxis]
        content = {"X": colours.transpose(1, 2, 3, 0), "y": labels}
        scipy.io.savemat(folder / f"{part}_32x32.mat", content)
    return folder


def hdf5(folder: Path) -> Path:
    import h5py

    with h5py.File(folder / "digits.h5", "w") as file:
        for part, rows in SPLITS.items():
            file[f"{part}/data"] = IMAGES[rows].reshape(-1, 784)
            file[f"{part}/target"] = LABELS[rows]
    return folder / "digits.h5"


def matlab_73(folder: Path) -> Path:
    import h5py

    path = folder / "digits.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        # MATLAB's (n, 28, 28) and (n, 1): HDF5 has the axes in reverse.
        for part, rows in SPLITS.items():
            file[f"{part}_images"] = IMAGES[rows].T
            file[f"{part}_labels"] = LABELS[rows][:, np.newaxis].astype(float).T
    head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM"
    content = path.read_bytes()
    path.write_bytes(head + content[len(head) :])
    return path


SPELLED = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ONE = ("train",)
ORIGINAL = "{part}-{kind}-idx{axes}-ubyte"

FORMS = {
    "npz": Form("NumPy's `.npz`, as Keras's", "`x_train`, `y_train`, `x_test`, `y_test`", npz()),
    "npz_names": Form(
        "… with other usual names", "`train_images`, `train_labels`, …; `X_train`, …",
        npz_named("train_images", "train_labels", "Test_Images", "Test_Labels", compress=True),
    ),
    "npz_xy": Form("… with one split", "`images` and `labels`, or `X` and `y`",
                   npz_named("X", "y"), parts=ONE),
    "npz_chosen": Form("… with names that say nothing", "any; choose the arrays by name",
                       npz_named("a", "b"), {"images": "a", "labels": "b"}, ONE),
    "npz_arr": Form("… without names", "`arr_0` to `arr_3`, told by order and shape", npz_named()),
    "npz_channels": Form("… with channels first or last", "`(n, 1, 28, 28)`, `(n, 28, 28, 3)`",
                         npz(x=lambda x: np.repeat(x[:, None], 3, axis=1))),
    "npz_last": Form("… with the images along the last axis", "`(28, 28, n)`",
                     npz(x=lambda x: x.transpose(1, 2, 0))),
    "npz_float": Form("… of floats from 0 to 255", "`float32`, `(n, 784)`",
                      npz(x=lambda x: x.reshape(-1, 784).astype(np.float32))),
    "npz_bool": Form("… of booleans", "true for ink", npz(x=lambda x: x > 127), close=128),
    "npz_one_hot": Form("… with one-hot labels", "`(n, 10)`", npz(y=lambda y: np.eye(10)[y])),
    "npz_column": Form("… with a column of labels", "`(n, 1)`", npz(y=lambda y: y[:, None])),
    "npz_texts": Form("… with labels as texts", "`'7'`, `b'7'`, `'7.0'`",
                      npz(y=lambda y: y.astype("S1"))),
    "npz_10": Form("… where 10 stands for zero", "labels 1 to 10",
                   npz(y=lambda y: np.where(y == 0, 10, y)), {"relabel": ["10=0"]}),
    "medmnist": Form("MedMNIST's `.npz`", "`train_images`, `val_images`, `test_labels`, …",
                     medmnist, parts=("train", "test", "validation")),
    "kmnist": Form("KMNIST and Kannada-MNIST", "`k-train-imgs.npz`, `k-train-labels.npz`, …",
                   kmnist),
    "npy": Form("a folder of `.npy` files", "`x_train.npy`, `y_train.npy`, …", npy_folder),
    "idx": Form("IDX files, as MNIST and Fashion-MNIST", "`train-images-idx3-ubyte`, …",
                idx(ORIGINAL)),
    "idx_gz": Form("… gzipped", "`train-images-idx3-ubyte.gz`, …", idx(ORIGINAL, zipped=True)),
    "idx_dots": Form("… with dots in their names", "`train-images.idx3-ubyte`, …",
                     idx("{part}-{kind}.idx{axes}-ubyte")),
    "torchvision": Form("torchvision's root", "`MNIST/raw/train-images-idx3-ubyte`, …",
                        idx(ORIGINAL, below="MNIST/raw")),
    "emnist": Form("EMNIST's IDX files, turned upright automatically",
                   "`emnist-digits-train-images-idx3-ubyte.gz`, …",
                   idx("emnist-digits-" + ORIGINAL, zipped=True, turn=True)),
    "transposed": Form("EMNIST's under other names", "rows and columns swapped",
                       idx(ORIGINAL, turn=True), {"transpose": True}),
    "qmnist": Form("QMNIST; writers are kept", "`qmnist-train-labels-idx2-int.gz`, …", qmnist),
    "csv": Form("CSV, as Kaggle's Digit Recognizer", "`label,pixel0,…,pixel783`",
                csv_file(["label", *PIXELS]), parts=ONE),
    "csv_1x1": Form("… with rows and columns in names", "`label,1x1,1x2,…,28x28`",
                    csv_file(["label", *(f"{r}x{c}" for r in range(1, 29) for c in range(1, 29))]),
                    parts=ONE),
    "csv_last": Form("… with the label last, as OpenML", "`pixel1,…,pixel784,class`",
                     csv_file([*(f"pixel{i}" for i in range(1, 785)), "class"], last=True),
                     parts=ONE),
    "csv_headless": Form("… without a header", "`7,0,0,…` or `0,0,…,7`", csv_file(None), parts=ONE),
    "csv_index": Form("… with an index or other columns", "`,label,pixel0,…` or `id,…`",
                      csv_file(["", "label", *PIXELS], index=""), parts=ONE),
    "csv_quoted": Form("… with quotes", "`\"7\",\"0\",…`",
                       csv_file(["label", *PIXELS], quoting=csv.QUOTE_ALL, end="\r\n"), parts=ONE),
    "csv_semicolon": Form("… with semicolons or tabs", "`7;0;0;…`",
                          csv_file(["label", *PIXELS], separator=";"), parts=ONE),
    "csv_float": Form("… with labels as floats", "`7.0,0,0,…`",
                      csv_file(["label", *PIXELS], label=float), parts=ONE),
    "csv_names": Form("… with the classes' names", "`seven,0,0,…`",
                      csv_file(["label", *PIXELS], label=lambda k: SPELLED[k]), parts=ONE),
    "csv_ones": Form("… with one-hot labels", "`label_0,…,label_9,pixel0,…`", csv_of_ones,
                     parts=ONE),
    "csv_gz": Form("… gzipped", "`train.csv.gz`", csv_file(["label", *PIXELS], "train.csv.gz"),
                   parts=ONE),
    "csv_unicode": Form("… as Excel's Unicode text", "UTF-16, with tabs", unicode_text, parts=ONE),
    "csv_folder": Form("a folder of CSV files", "`train.csv`, `test.csv`, and others",
                       kaggle_folder),
    "savetxt": Form("`numpy.savetxt`", "`7.000000000000000000e+00 0.00…`", savetxt, parts=ONE),
    "csv_commas": Form("… with decimal commas", "`7,00;0,00;…`", decimal_commas, parts=ONE),
    "csv_32": Form("… of images of 8×8 to 64×64 pixels", "`label,pixel0,…,pixel1023`",
                   csv_of_32x32, {"fit": True}, ONE, None),
    "json": Form("JSON: an array of rows", "`[[7,0,0,…],…]`, the label first or last", json_rows,
                 parts=ONE),
    "jsonl": Form("… of objects, or an object in each line", '`{"label": 7, "image": [[0, …]]}`',
                  json_lines, parts=ONE),
    "json_columns": Form("… of columns, or of rows with their names, as pandas writes them",
                         '`{"label": {"0": 7, …}, "pixel0": …}`', json_columns, parts=ONE),
    "parquet": Form("Parquet of Hugging Face's Hub", "`data/train-00000-of-00001.parquet`, …",
                    hub(png_bytes, "data/{part}-00000-of-00001.parquet")),
    "parquet_tiff": Form("… written from arrays that are not `uint8`", "TIFF pictures in its cells",
                         hub(lambda i: png_bytes(i.astype(np.int32), "TIFF"),
                             "mnist/{part}/0000.parquet")),
    "arrow": Form("`datasets.save_to_disk`", "`train/data-00000-of-00001.arrow`, …",
                  saved_to_disk),
    "openml_parquet": Form("Parquet of OpenML", "`pixel1`, …, `pixel784`, `class`",
                           openml_parquet, parts=ONE),
    "arff": Form("ARFF of OpenML", "`@RELATION mnist_784`, …", arff, parts=ONE),
    "arff_sparse": Form("… with sparse rows", "`{153 3, 154 18, …}`", sparse_arff, parts=ONE),
    "libsvm": Form("LIBSVM, plain, `.gz`, `.bz2` or `.xz`", "`5 153:3 154:18 …`", libsvm,
                   parts=ONE),
    "libsvm_zero": Form("… as scikit-learn writes it", "comments; indices from 0",
                        libsvm_from_zero, parts=ONE),
    "usps": Form("USPS in LIBSVM's format", "16×16 pixels from -1 to 1, labels from 1",
                 usps, {"fit": True, "labels_from": 1}, ONE, None),
    "zip_train": Form("USPS's `zip.train.gz`", "`6.0000 -1.0000 …`: a label, 16×16 pixels",
                      zip_train, {"fit": True}, ONE, None),
    "mat": Form("`.mat`, as `mnist-original.mat`", "`data` of 784×n, `label`",
                mnist_original, parts=ONE),
    "mnist_all": Form("… as `mnist_all.mat`", "`train0` to `test9`", mnist_all),
    "mat_4": Form("… of MATLAB's version 4", "`images` of n×784, `labels`", matlab_4, parts=ONE),
    "emnist_mat": Form("EMNIST's `.mat`; writers are kept", "`dataset.train.images`, …",
                       emnist_mat),
    "svhn": Form("SVHN, format 2", "`train_32x32.mat`, `test_32x32.mat`",
                 svhn, {"fit": True, "relabel": ["10=0"]}, close=None),
    "hdf5": Form("HDF5", "`train/data`, `train/target`, …", hdf5),
    "mat_73": Form("`.mat` of version 7.3", "`train_images`, `train_labels`, …", matlab_73),
    "folder": Form("a folder of pictures for each class", "`0/ … 9/`",
                   folders("{label}/{i}.png", train=""), parts=ONE),
    "folder_splits": Form("… in splits", "`train/0/ …`, `test/0/ …`; also `training`, `Test`",
                          folders("{part}/{label}/{i}.png", train="training", test="Testing")),
    "folder_below": Form("… with the splits inside each class", "`0/train/ …`, `0/test/ …`",
                         folders("{label}/{part}/{i}.png")),
    "folder_nested": Form("… inside another folder, as in archives", "`mnist_png/train/0/ …`",
                          folders("mnist_png/{part}/{label}/{i}.png")),
    "folder_words": Form("… named with a word and a number", "`digit_3/`, `class3/`, `03/`",
                         folders("{label}/{i}.png", lambda k: f"digit_{k}", train=""), parts=ONE),
    "folder_spelled": Form("… spelled out", "`zero/ … nine/`, `0 - zero/`",
                           folders("{label}/{i}.png", lambda k: SPELLED[k], train=""), parts=ONE),
    "folder_chars74k": Form("… of Chars74K, whose first is 0", "`Sample001/ …`",
                            folders("{label}/{i}.png", lambda k: f"Sample{k + 1:03}", train=""),
                            parts=ONE),
    "folder_sizes": Form("… of pictures of any size", "black on white, or white on black",
                         mixed_sizes, {"fit": True}, ONE, 8),
    "file_list": Form("a table of file names and labels", "`labels.csv` and `images/`", file_list,
                      parts=ONE),
    "file_list_windows": Form("… whose names have backslashes", "`images\\\\00001.png,7`",
                              windows_list, parts=ONE),
    "file_list_text": Form("… or a text of names and labels", "`images/00001.png 7`", text_list,
                           parts=ONE),
    "folder_floats": Form("a folder of TIFFs of floats", "0 to 1; `0/ … 9/`", float_pictures,
                          {"fit": True}, ONE, None),
    "unlabelled": Form("a folder of pictures without labels", "`scan_001.png`, …; for `predict`",
                       unlabelled, parts=("test",)),
}  # fmt: skip


def options_as_typed(options: dict[str, Any]) -> str:
    """Return options as they are typed on the command line."""
    typed = []
    for name, value in options.items():
        option = "--" + name.replace("_", "-")
        values = value if isinstance(value, list) else [value]
        typed += [option if one is True else f"{option} {one}" for one in values]
    return f"`{' '.join(typed)}`" if typed else ""


def markdown() -> str:
    """Return the table of the documentation."""
    rows = ["| | what | what it looks like | options |", "|---|---|---|---|"]
    for number, form in enumerate(FORMS.values(), start=1):
        rows.append(f"| {number} | {form.what} | {form.looks} | {options_as_typed(form.options)} |")
    return "\n".join(rows) + "\n"


def main(page: Path) -> None:
    """Write the table into a page, between its marks."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{markdown()}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
