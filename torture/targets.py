"""The parts of mnistry that read files, each with small, real, valid files."""

import atexit
import dataclasses
import functools
import io
import re
import shutil
import struct
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image

from torture.mutations import Seed, compressed, png_with_sums, whole_and_members


@dataclasses.dataclass(frozen=True)
class Target:
    """A part of mnistry that reads files.

    Attributes
    ----------
    seeds
        Valid files, and their parts.
    load
        Reads the file at a path, beside the files of `place`.
    place
        Puts the other files that it needs into a folder, before each call.
    """

    seeds: Sequence[Seed]
    load: Callable[[Path], object]
    place: Callable[[Path], None] = lambda _: None


@functools.cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    from mnistry import datasets

    (images, labels), _ = datasets.load("sample")
    return images[:20], labels[:20]


def _dataset(path: Path) -> object:
    from mnistry import datasets

    return datasets.load(path)


def _npz() -> Target:
    images, labels = _digits()
    arrays = {
        "x_train": images[:15],
        "y_train": labels[:15],
        "x_test": images[15:],
        "y_test": labels[15:],
    }
    seeds = []
    for save in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        save(file, **arrays)
        seeds += whole_and_members("data.npz", file.getvalue())
    return Target(seeds, _dataset)


def _idx() -> Target:
    images, labels = _digits()
    train = struct.pack(">4i", 0x803, *images.shape) + images.tobytes()
    names = struct.pack(">2i", 0x801, len(labels)) + labels.tobytes()

    def place(folder: Path) -> None:
        (folder / "t10k-images-idx3-ubyte").write_bytes(train)
        (folder / "t10k-labels-idx1-ubyte").write_bytes(names)
        (folder / "train-images-idx3-ubyte").write_bytes(train)
        (folder / "train-labels-idx1-ubyte").write_bytes(names)

    def load(path: Path) -> object:
        if path.suffix == ".gz":  # it replaces the plain file
            path.with_suffix("").unlink()
        return _dataset(path.parent)

    seeds = [Seed("train-images-idx3-ubyte", train), Seed("train-labels-idx1-ubyte", names)]
    for name, content in (
        ("train-images-idx3-ubyte.gz", train),
        ("train-labels-idx1-ubyte.gz", names),
    ):
        seeds += compressed(name, content)
    return Target(seeds, load, place)


def _csv() -> Target:
    images, labels = _digits()
    header = ",".join(f"pixel{n}" for n in range(784))
    rows = [",".join(map(str, image.ravel())) for image in images]
    labelled = "\n".join(
        [f"label,{header}", *(f"{label},{row}" for label, row in zip(labels, rows, strict=True))]
    )
    # In long files most changes only hit one of thousands of zeros.
    short = f"label,{header}\n{labels[0]},{rows[0]}\n"
    unlabelled = "\n".join([header, *rows])
    return Target(
        [Seed("data.csv", text.encode()) for text in (labelled, short, unlabelled)], _dataset
    )


@functools.cache
def _pictures(scale: int = 1) -> tuple[Seed, ...]:
    images, _ = _digits()
    digit = 255 - np.kron(images[0], np.ones((scale, scale), np.uint8))
    colours = Image.fromarray(np.dstack([digit, digit, 255 - digit // 4]))
    seeds = []
    for form, options in (
        ("png", {}), ("jpeg", {}), ("jpeg", {"progressive": True}), ("gif", {}), ("bmp", {}),
        ("tiff", {}), ("tiff", {"compression": "tiff_lzw"}),
        ("webp", {}), ("webp", {"lossless": True}), ("ppm", {}),
    ):  # fmt: skip
        for image in (Image.fromarray(digit), colours):
            file = io.BytesIO()
            exif = Image.Exif()
            exif[0x0112] = 6  # turned by 90 degrees
            turned = {"exif": exif} if form in ("jpeg", "png", "webp", "tiff") else {}
            image.save(file, form, **options, **turned)
            seeds.append(
                Seed(f"digit.{form}", file.getvalue(), png_with_sums if form == "png" else bytes)
            )
    frames = [Image.fromarray(digit), Image.fromarray(255 - digit)]
    for form in ("gif", "tiff", "png", "webp"):
        file = io.BytesIO()
        frames[0].save(file, form, save_all=True, append_images=frames[1:])
        seeds.append(
            Seed(f"frames.{form}", file.getvalue(), png_with_sums if form == "png" else bytes)
        )
    file = io.BytesIO()
    Image.fromarray(digit.astype(np.uint16) * 257).save(file, "png")
    seeds.append(Seed("deep.png", file.getvalue(), png_with_sums))
    transparent = Image.fromarray(digit)
    transparent.putalpha(Image.fromarray(255 - digit))
    file = io.BytesIO()
    transparent.save(file, "png")
    seeds.append(Seed("transparent.png", file.getvalue(), png_with_sums))
    return tuple(seeds)


def _folder() -> Target:
    good = next(seed for seed in _pictures() if seed.name == "digit.png").content

    def place(folder: Path) -> None:
        for digit in "47":
            (folder / digit).mkdir(exist_ok=True)
        (folder / "4" / "good.png").write_bytes(good)

    seeds = [dataclasses.replace(seed, name=f"7/{seed.name}") for seed in _pictures()]
    return Target(seeds, lambda path: _dataset(path.parents[1]), place)


def _image() -> Target:
    from mnistry import Reader

    reader = Reader(threads=1)
    return Target([*_pictures(1), *_pictures(2)], lambda path: reader.read(path).to_json())


@functools.cache
def _run() -> Path:
    """Train a small run, which is kept until this process ends."""
    from mnistry import Recipe, datasets
    from mnistry.recipes.experiment import Experiment
    from mnistry.runs.experiment import run_experiment
    from mnistry.training import startup

    startup.import_keras()  # takes a quarter of the time of `import keras`
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        recipe = Recipe("small", units=4, epochs=2, validation=0.1, early_stopping=2)
        sample = datasets.load("sample")
        run_experiment(Experiment(recipe, sample.origin), sample, path=folder / "run")
    return folder / "run"


def _keras() -> Target:
    from mnistry.networks import keras_files

    seeds = whole_and_members("model.keras", (_run() / "model.keras").read_bytes())
    return Target([*seeds], keras_files.load)


def _onnx() -> Target:
    from mnistry.inference import onnx_session

    content = (_run() / "model.onnx").read_bytes()
    # Most of it is weights: a second seed is the part before them.
    graph = content[: content.index(b"image") + 600] if b"image" in content else content
    rest = content[len(graph) :]
    seeds = [Seed("model.onnx", content), Seed("model.onnx", graph, lambda changed: changed + rest)]
    return Target(seeds, lambda path: onnx_session.open_session(path, threads=1))


def _record() -> Target:
    from mnistry.runs.directory import Run

    def place(folder: Path) -> None:
        for name in ("run.json", "scorecard.json", "history.csv"):
            (folder / name).write_bytes((_run() / name).read_bytes())

    def load(path: Path) -> object:
        run = Run.open(path.parent)
        return run.epochs(), run.scores()

    names = ("run.json", "scorecard.json", "history.csv")
    return Target([Seed(name, (_run() / name).read_bytes()) for name in names], load, place)


def _checkpoint() -> Target:
    import keras

    from mnistry.errors import DataError
    from mnistry.networks import zoo
    from mnistry.training import checkpoints

    model = zoo.build(units=4)
    model.compile("rmsprop", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.optimizer.build(model.trainable_variables)
    stopping = keras.callbacks.EarlyStopping("val_loss")
    good = max((_run() / "checkpoints").glob("*.npz")).read_bytes()

    def place(folder: Path) -> None:
        (folder / "00000001-00000000.npz").write_bytes(good)

    def load(path: Path) -> object:
        found, damaged = checkpoints.newest(path.parent)
        if found is None or len(damaged) > 1:
            raise AssertionError("the previous checkpoint was not found")
        if damaged:
            raise DataError("skipped", where=path)
        checkpoints.restore(found, model, [stopping])
        return found

    return Target([*whole_and_members("00000002-00000000.npz", good)], load, place)


def _datasets(reader: str) -> Target:
    """Return the forms of datasets that one reader reads, as their publishers write them."""
    from mnistry import datasets
    from tests.datasets import forms
    from tests.datasets.test_damage import READERS
    from tests.datasets.test_damage import seeds as parts

    few = {"TRAIN": 4, "TEST": 2, "SPLITS": {"train": slice(0, 4), "test": slice(4, 6)}}
    whole: dict[str, bytes] = {}
    to_load: dict[str, Path] = {}
    seeds = []
    with tempfile.TemporaryDirectory() as name, mock.patch.multiple(forms, **few):
        for form in READERS[reader]:
            folder = Path(name, form)
            folder.mkdir()
            to_load[form] = forms.FORMS[form].write(folder).relative_to(name)
            for file in sorted(path for path in folder.rglob("*") if path.is_file())[:6]:
                own = str(file.relative_to(name))
                whole[own] = file.read_bytes()
                seeds += [dataclasses.replace(seed, name=own) for seed in parts(file)]
                # The head of an ARFF file has 785 lines: most changes would only hit it.
                head = re.match(rb"(?is).*\n@data", whole[own])
                if head:
                    rows = whole[own][head.end() :]
                    seeds.append(Seed(own, rows, lambda changed, head=head[0]: head + changed))

    def place(folder: Path) -> None:
        for own, content in whole.items():
            if not (folder / own).exists():  # all but the one that was damaged last
                (folder / own).parent.mkdir(parents=True, exist_ok=True)
                (folder / own).write_bytes(content)

    def load(path: Path) -> object:
        form = next(name for name in to_load if name in path.parts)
        folder = next(above for above in path.parents if above.name == form).parent
        return datasets.load(folder / to_load[form], **forms.FORMS[form].options)

    return Target(seeds, load, place)


def _pages(form: str) -> Target:
    """Return documents and pictures of one format, of which a page is decoded."""
    from mnistry.images.decode import open_file
    from tests.images.test_mutations import seeds

    def load(path: Path) -> object:
        with open_file(path) as document:
            return document.page(1 + path.stat().st_size % min(document.count, 3), 1600).grey

    return Target(seeds()[form], load)


def _form() -> Target:
    from mnistry.forms import layout, loading
    from tests.forms import filled
    from tests.forms.conftest import WHOLE

    def place(folder: Path) -> None:
        if not (folder / "blank.png").exists():
            Image.new("L", (420, 594), 255).save(folder / "blank.png", dpi=(50.8, 50.8))
            (folder / "list.csv").write_text("no,station\n1,049\n")

    listed = WHOLE.replace("length = 3", 'length = 3\nin = "list.csv"\npattern = "[0-9]+"', 1)
    return Target(
        [Seed("FORM.toml", text.encode()) for text in (WHOLE, listed, filled.TOML)],
        lambda path: layout.place(loading.load(path)),
        place,
    )


def _adopted() -> Target:
    from mnistry.datasets import Split
    from mnistry.networks import adopt
    from tests.networks.test_adopt import keras_model, torch_like

    images, labels = _digits()
    pixels = images.reshape(-1, 784) / 255
    weights = np.linalg.lstsq(pixels, 9 * np.eye(10)[labels])[0], np.zeros(10)
    seeds = []
    with tempfile.TemporaryDirectory() as name:
        onnx = torch_like(Path(name, "model.onnx"), weights).read_bytes()
        seeds += [
            Seed("model.onnx", onnx),
            Seed("model.onnx", onnx[:400], lambda changed: changed + onnx[400:]),
        ]
        keras_model(weights, (784,)).save(Path(name, "model.keras"))
        seeds += whole_and_members("model.keras", Path(name, "model.keras").read_bytes())

    def load(path: Path) -> object:
        return adopt.adopt(adopt.open_network(path), Split(images, labels))

    return Target(seeds, load)


def _batch() -> Target:
    """Return a form's batch, which is opened and made a table of."""
    from mnistry.cli.form_read import open_batch
    from mnistry.forms import form_json, output
    from mnistry.forms.records import Decision
    from mnistry.forms.rules import key
    from mnistry.forms.store import Store
    from tests.forms import batches

    with tempfile.TemporaryDirectory() as name:
        form = batches.write_form(Path(name))
        with Store(Path(name, "batch")) as store:
            store.set_meta("form", form_json.dumps(form))
            for number in (1, 2):
                batches.add(form, store, number, batches.answers(station=batches.UNSURE))
            store.decide(1, key("station"), Decision("049", "049", who="eva"))
        content = Path(name, "batch", "batch.sqlite").read_bytes()

    def load(path: Path) -> object:
        store, form = open_batch(path.parent)
        with store:
            return output.results(form, store)

    return Target([Seed("batch.sqlite", content)], load)


TARGETS: dict[str, Callable[[], Target]] = {
    "npz": _npz, "idx": _idx, "csv": _csv, "folder": _folder, "image": _image, "keras": _keras,
    "onnx": _onnx, "record": _record, "checkpoint": _checkpoint, "form": _form, "batch": _batch,
    "adopted": _adopted,
    **{
        f"{reader} data": functools.partial(_datasets, reader)
        for reader in ("csv", "arff", "libsvm", "mat", "json", "hdf5", "parquet", "arrow")
    },
    **{
        f"{form} pages": functools.partial(_pages, form)
        for form in ("pdf", "heic", "avif", "tiff", "jpeg")
    },
}  # fmt: skip
