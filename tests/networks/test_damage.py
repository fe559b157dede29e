"""Slightly damaged model files give only errors of our own, or a network that reads digits.

KERAS_BACKEND=jax python -m tests.networks.test_damage 5000
"""

import io
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras import layers

import mnistry
from mnistry.datasets import Split
from mnistry.errors import ModelError
from mnistry.networks import adopt
from tests.networks import test_adopt
from torture.mutations import MOST, Seed, mutate, whole_and_members

FORMATS = ("keras", "h5", "torch", "sklearn")


def digits() -> Split:
    images, labels = mnistry.load("sample").train
    return Split(images[:100], labels[:100])  # type: ignore[index]


def in_attribute(file: bytes, text: bytes) -> bytes:
    """Put another description of the network into an HDF5 file."""
    changed = io.BytesIO(file)
    with h5py.File(changed, "r+") as opened:
        opened.attrs["model_config"] = np.bytes_(text or b" ")
    return changed.getvalue()


def seeds(form: str, folder: Path, labelled: Split) -> Iterator[Seed]:
    """Yield files that are adopted as they are, and their parts that have a checksum."""
    values = labelled.images.reshape(-1, 784) / 255
    kernel = np.linalg.lstsq(values, np.eye(10)[labelled.labels], rcond=1e-3)[0].astype(np.float32)
    weights = 20 * kernel, np.zeros(10)
    if form in ("keras", "h5"):
        model = keras.Sequential(
            [
                keras.Input((28, 28, 1)), layers.Conv2D(1, 1, name="conv"), layers.Flatten(),
                layers.Dropout(0.5), layers.Dense(10, "softmax", name="dense"),
            ]
        )  # fmt: skip
        model.get_layer("conv").set_weights([np.ones((1, 1, 1, 1)), np.zeros(1)])
        model.get_layer("dense").set_weights(weights)
        model.save(folder / f"m.{form}")
        content = (folder / f"m.{form}").read_bytes()
        if form == "keras":
            yield from whole_and_members("m.keras", content)
        else:
            with h5py.File(io.BytesIO(content)) as file:
                described = file.attrs["model_config"].encode()
            yield Seed("m.h5", content)
            yield Seed("m.h5", described, lambda text: in_attribute(content, text))
    elif form == "torch":
        for options in ({"last": "LogSoftmax"}, {"batch": 1, "reshape": True}):
            path = test_adopt.torch_like(folder / "m.onnx", weights, **options)
            yield from onnx_seeds(path)
    else:
        path = test_adopt.scikit_learn_like(folder / "m.onnx", weights, is_map=True)
        yield from onnx_seeds(path)


def onnx_seeds(path: Path) -> Iterator[Seed]:
    """Yield an ONNX file, and one whose largest array, where most changes would fall, is spared."""
    content = path.read_bytes()
    yield Seed(path.name, content)
    start = content.index(b"\x4a\x80\xf5\x01") + 4  # raw_data of 31,360 bytes
    array = content[start : start + 31_360]
    short = content[:start] + content[start + len(array) :]
    yield Seed(path.name, short, lambda c: c[:start] + array + c[start:])


def damage(form: str, count: int, folder: Path, seed: int = 0) -> Counter[str]:
    """Adopt damaged files; return how often each outcome came; raise what is none of our errors."""
    labelled = digits()
    found = list(seeds(form, folder, labelled))
    random = np.random.default_rng([seed, FORMATS.index(form)])
    outcomes: Counter[str] = Counter()
    for number in range(count):
        one = found[number % len(found)]
        recipe = random.bytes(int(random.integers(8, MOST)))
        path = folder / one.name
        try:
            path.write_bytes(mutate(one, recipe))
            adopt.adopt(adopt.open_network(path), labelled)
            outcomes["adopted"] += 1
        except ModelError as error:
            assert "\n" not in str(error)
            assert len(str(error)) < 1500
            assert str(error).startswith(str(path))
            outcomes["refused"] += 1
        except BaseException as error:
            error.add_note(f"{form}, input {number}, seed {number % len(found)}, {recipe!r}")
            raise
    return outcomes


@pytest.mark.parametrize("form", FORMATS)
def test_damaged_models_give_only_our_own_errors(form, tmp_path) -> None:
    labelled = digits()
    for one in seeds(form, tmp_path, labelled):
        path = tmp_path / one.name
        path.write_bytes(one.pack(one.content))
        assert adopt.adopt(adopt.open_network(path), labelled).chosen.accuracy > 0.9
    assert damage(form, 20, tmp_path)["refused"] > 5


def main(count: int, *forms: str) -> None:
    """Damage `count` files of each format, and print what came of them."""
    for form in forms or FORMATS:
        began = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            outcomes = damage(form, count, Path(folder), seed=1)
        megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        print(form, dict(outcomes), f"{time.process_time() - began:.0f} s, {megabytes} MB at most")  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
