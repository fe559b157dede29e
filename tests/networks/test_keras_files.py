import errno
import io
import json
import os
import re
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from mnistry.errors import DataError, ModelError
from mnistry.networks import keras_files
from tests.scripts import PLAIN_KERAS

IMAGES = np.random.default_rng(0).integers(0, 256, (37, 28, 28), np.uint8)


def classifier(*hidden: keras.Layer) -> keras.Model:
    image = keras.Input((28, 28), dtype="uint8", name="image")
    values = layers.Rescaling(1 / 255)(image)
    for layer in (*hidden, layers.Flatten(), layers.Dense(10, "softmax", name="answer")):
        values = layer(values)
    return keras.Model(image, values)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return classifier(layers.Flatten(), layers.Dense(16, "relu", name="hidden"))


@pytest.fixture
def saved(model, tmp_path) -> Path:
    keras_files.save(model, tmp_path / "model.keras")
    return tmp_path / "model.keras"


def members_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewrite(path: Path, **changes: bytes) -> None:
    """Write the archive anew with other members: ``config_json=...`` for ``config.json``."""
    members = members_of(path) | {
        name.replace("weights_h5", "model.weights.h5").replace("_", "."): content
        for name, content in changes.items()
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def change_config(path: Path, change) -> None:
    config = json.loads(members_of(path)["config.json"])
    change(config)
    rewrite(path, config_json=json.dumps(config).encode())


def layer_of(config: dict, class_name: str) -> dict:
    return next(part for part in config["config"]["layers"] if part["class_name"] == class_name)


def change_weights(path: Path, change) -> None:
    buffer = io.BytesIO(members_of(path)["model.weights.h5"])
    with h5py.File(buffer, "r+") as file:
        change(file)
    rewrite(path, weights_h5=buffer.getvalue())


def refused(path: Path, said: str) -> None:
    with pytest.raises(ModelError, match=said) as caught:
        keras_files.load(path)
    assert str(caught.value).startswith(str(path))


# Writing


def test_what_was_saved_is_loaded_and_computes_the_same(model, saved):
    loaded = keras_files.load(saved)
    assert not loaded.compiled
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]
    np.testing.assert_array_equal(
        keras_files.predict(loaded, IMAGES), keras_files.predict(model, IMAGES)
    )


def test_a_loaded_model_describes_itself_as_it_did(saved):
    model = classifier(layers.Flatten(), layers.Dense(4, kernel_initializer="he_normal"))
    keras_files.save(model, saved)
    loaded = keras_files.load(saved)
    for before, after in zip(model.layers, loaded.layers, strict=True):
        # Keras numbers shared objects anew each time.
        assert re.sub(r"'shared_object_id': \d+", "", str(after.get_config())) == re.sub(
            r"'shared_object_id': \d+", "", str(before.get_config())
        )
    keras_files.save(loaded, saved)
    assert (
        layer_of(json.loads(members_of(saved)["config.json"]), "Dense")["config"][
            "kernel_initializer"
        ]["class_name"]
        == "HeNormal"
    )


def test_a_saved_file_opens_in_plain_keras(model, saved):
    expected = keras_files.predict(model, IMAGES[:2])
    code = f"""
{PLAIN_KERAS}
import sys, numpy
model = keras.models.load_model(sys.argv[1])
print(model.predict(numpy.load(sys.argv[2]), verbose=0).tolist())
assert not [name for name in sys.modules if name.startswith("mnistry")]
"""
    np.save(saved.with_name("images.npy"), IMAGES[:2])
    done = subprocess.run(
        [sys.executable, "-c", code, saved, saved.with_name("images.npy")],
        env=os.environ | {"KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(json.loads(done.stdout), expected, atol=1e-6)


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_save_that_fails_leaves_the_old_file_whole(model, saved, monkeypatch, function):
    before = saved.read_bytes()

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    if function == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    else:
        monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        keras_files.save(model, saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_a_save_that_keras_breaks_off_leaves_the_old_file_whole(model, saved, monkeypatch):
    before = saved.read_bytes()

    def broken(path):
        Path(path).write_bytes(b"PK half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(model, "save", broken)
    with pytest.raises(OSError, match="No space left"):
        keras_files.save(model, saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_a_name_that_keras_would_not_open_is_refused(model, tmp_path):
    with pytest.raises(ModelError, match=r"expected a \.keras file"):
        keras_files.save(model, tmp_path / "model.h5")
    assert not list(tmp_path.iterdir())


def test_a_trained_model_loads_without_its_optimizer(saved):
    trained = classifier()
    trained.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    trained.fit(IMAGES, np.arange(37) % 10, verbose=0)
    keras_files.save(trained, saved)
    loaded = keras_files.load(saved)
    assert not loaded.compiled
    np.testing.assert_array_equal(
        keras_files.predict(loaded, IMAGES), keras_files.predict(trained, IMAGES)
    )


def test_a_sequential_model_with_every_kind_of_stock_object_loads(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((28, 28), dtype="uint8"),
            layers.Rescaling(1 / 255),
            layers.Reshape((28, 28, 1)),
            layers.Conv2D(4, 3, 2, "same", kernel_initializer="he_normal", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Dropout(0.5, seed=3),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, "softmax", kernel_regularizer="l2", bias_constraint="max_norm"),
        ]
    )
    keras_files.save(model, tmp_path / "model.keras")
    loaded = keras_files.load(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        keras_files.predict(loaded, IMAGES), keras_files.predict(model, IMAGES)
    )


# Files that are not Keras models


@pytest.mark.parametrize("content", [b"", b"<!doctype html><html>404</html>"])
def test_fault_68_web_page_or_empty_file(tmp_path, content):
    path = tmp_path / "model.keras"
    path.write_bytes(content)
    refused(path, "an empty file|a web page")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("model.h5", "mnistry adopt model.h5 -o RUN"),
        ("model.pkl", "a pickle can run any code"),
        ("https://example.org/model.keras", "a remote address"),
        ("hf://a/b", "a remote address"),
    ],
)
def test_fault_74_h5_pickle_remote_address(address, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("model.h5", "model.pkl"):
        Path(name).write_bytes(b"\x80\x04N.")
    with pytest.raises(ModelError, match=said):
        keras_files.load(address)


# The archive


def test_a_member_too_many_is_refused(saved):
    with zipfile.ZipFile(saved, "a") as archive:
        archive.writestr("assets/vocabulary.txt", "x")
    refused(saved, "assets/vocabulary.txt")


def test_a_missing_member_is_refused(saved):
    config = members_of(saved)["config.json"]
    with zipfile.ZipFile(saved, "w") as archive:
        archive.writestr("config.json", config)
    refused(saved, "the archive holds config.json")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_twice_is_refused(saved):
    config = members_of(saved)["config.json"]
    with zipfile.ZipFile(saved, "a") as archive:
        archive.writestr("config.json", config)
    refused(saved, "each once")


def test_a_compressed_member_is_refused_before_it_is_inflated(saved):
    members = members_of(saved)
    with zipfile.ZipFile(saved, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    refused(saved, "compressed or encrypted")


def test_a_description_over_its_limit_is_refused(saved):
    rewrite(saved, config_json=members_of(saved)["config.json"] + b" " * (1 << 20))
    refused(saved, r"config\.json has 1,05.* bytes")


def test_a_flipped_bit_is_noticed(saved):
    content = bytearray(saved.read_bytes())
    content[len(content) // 2] ^= 1
    saved.write_bytes(content)
    refused(saved, "a damaged archive: Bad CRC-32")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_file_cut_short_is_noticed(saved, share):
    content = saved.read_bytes()
    saved.write_bytes(content[: int(len(content) * share)])
    refused(saved, "a damaged archive")


def test_an_archive_of_nonsense_is_refused(saved):
    saved.write_bytes(b"PK\x03\x04" + bytes(range(256)))
    refused(saved, "a damaged archive")


@pytest.mark.parametrize(
    "config",
    [b"", b"{", b"[" * 500_000, b'"text"', b"[]", b"{}", b"\xff\xfe", b'{"class_name": []}'],
)
def test_a_description_of_no_model_is_refused(saved, config):
    rewrite(saved, config_json=config)
    refused(saved, "is not JSON|does not describe a model")


# What the description asks Keras to make


def test_fault_69_lambda(tmp_path):
    path = tmp_path / "model.keras"
    classifier(layers.Lambda(lambda x: x, output_shape=(28, 28))).save(path)
    refused(path, r"keras\.layers\.Lambda")


def test_fault_69_custom_class(tmp_path):
    class Mine(layers.Dense):
        pass

    path = tmp_path / "model.keras"
    classifier(layers.Flatten(), Mine(4)).save(path)
    refused(path, "Mine")


def test_fault_69_custom_function(tmp_path):
    @keras.saving.register_keras_serializable("test")
    def own(values):
        return values

    path = tmp_path / "model.keras"
    try:
        classifier(layers.Flatten(), layers.Dense(4, own)).save(path)
        refused(path, "function")
    finally:
        keras.saving.get_custom_objects().clear()


def test_fault_69_registered_name_on_a_stock_class(saved):
    """Keras would take the registered object in place of the stock one."""
    change_config(saved, lambda c: layer_of(c, "Dense").update(registered_name="test>Evil"))
    refused(saved, r"the class keras\.layers\.Dense in config")
    change_config(saved, lambda c: c.update(registered_name="test>Evil"))
    refused(saved, r"the class keras\.src\.models\.functional\.Functional in config")


def test_fault_69_operation_without_a_layer(tmp_path):
    image = keras.Input((28, 28), dtype="uint8")
    values = keras.ops.relu(layers.Flatten()(layers.Rescaling(1 / 255)(image)))
    path = tmp_path / "model.keras"
    keras.Model(image, layers.Dense(10, "softmax")(values)).save(path)
    refused(path, "Relu")


def test_fault_69_model_inside_a_model(tmp_path):
    path = tmp_path / "model.keras"
    classifier(keras.Sequential([keras.Input((28, 28)), layers.Flatten()])).save(path)
    refused(path, r"keras\.Sequential")


def set_kernel_initializer(value):
    return lambda config: layer_of(config, "Dense")["config"].update(kernel_initializer=value)


@pytest.mark.parametrize(
    "part",
    [
        {"class_name": "__lambda__", "config": {"value": "4wAAAA=="}},
        {"class_name": "function", "module": "builtins", "config": "exec"},
        {"class_name": "get_file", "module": "keras.utils", "config": {}},
        {"class_name": "load_model", "module": "keras.saving", "config": {}},
        {"class_name": "TFSMLayer", "module": "keras.layers", "config": {"filepath": "x"}},
        {"class_name": "StringLookup", "module": "keras.layers",
         "config": {"vocabulary": "/etc/passwd"}},
        {"class_name": "Zeros", "module": "os", "config": {}},
        {"class_name": "Zeros", "config": {}},  # without a module Keras takes older, laxer ways
        {"class_name": ["Zeros"], "module": "keras.initializers", "config": {}},
        {"class_name": "__numpy__", "config": {"value": [0], "dtype": "object"}},
        [{"deep": [{"class_name": "Lambda", "module": "keras.layers"}]}],
    ],
)  # fmt: skip
def test_fault_69_class_of_any_other_kind_anywhere(saved, part):
    change_config(saved, set_kernel_initializer(part))
    refused(saved, r"the class .* in config\.json")


def test_fault_69_layer_in_the_form_of_old_files(saved):
    change_config(saved, lambda c: layer_of(c, "Dense").pop("module"))
    refused(saved, "the class None.Dense")


def test_a_config_that_keras_cannot_rebuild_is_refused(saved):
    change_config(saved, lambda c: layer_of(c, "Dense")["config"].update(units="many"))
    refused(saved, f"Keras {keras.__version__} cannot rebuild it")
    change_config(saved, lambda c: c["config"].pop("layers"))
    refused(saved, "cannot rebuild it")


def test_weights_of_another_network_are_refused(saved, tmp_path):
    classifier(layers.Flatten(), layers.Dense(8)).save(tmp_path / "other.keras")
    rewrite(saved, weights_h5=members_of(tmp_path / "other.keras")["model.weights.h5"])
    refused(saved, "cannot rebuild it")


def test_a_network_that_asks_for_endless_memory_is_refused_before_it_gets_it(saved):
    def enlarge(config):
        for part in config["config"]["layers"]:
            part.pop("build_config", None)
        layer_of(config, "Dense")["config"]["units"] = 2**40

    threads = threading.active_count()
    change_config(saved, enlarge)
    refused(saved, "it has 8.*,.* parameters")
    assert threading.active_count() == threads
    with keras.StatelessScope():  # at its end Keras gives every waiting variable its memory
        pass


def test_a_layer_that_gives_endless_values_is_refused(tmp_path):
    path = tmp_path / "model.keras"
    classifier(
        layers.Reshape((28, 28, 1)), layers.ZeroPadding2D(500), layers.GlobalAveragePooling2D()
    ).save(path)
    refused(path, "zero_padding2d gives 1,056,784 values per image")


def test_a_layer_that_doubles_its_values_each_time_is_refused(tmp_path):
    image = keras.Input((28, 28), dtype="uint8")
    values = layers.Reshape((28, 28, 1))(layers.Rescaling(1 / 255)(image))
    both = layers.Concatenate(axis=1, name="both")
    for _ in range(11):
        values = both([values, values])
    answer = layers.Dense(10, "softmax")(layers.GlobalAveragePooling2D()(values))
    keras.Model(image, answer).save(tmp_path / "model.keras")
    refused(tmp_path / "model.keras", "layer both gives 401,408 values per image")


def test_an_input_of_any_size_is_refused(tmp_path):
    image = keras.Input((None, None, 1))
    answer = layers.Dense(10, "softmax")(layers.GlobalAveragePooling2D()(image))
    keras.Model(image, answer).save(tmp_path / "model.keras")
    with pytest.raises(ModelError, match="expected a network with an input of a fixed shape"):
        keras_files.load_other(tmp_path / "model.keras")


# The arrays


@pytest.mark.parametrize("kind", ["external link", "soft link"])
def test_a_link_in_the_weights_is_refused(saved, kind):
    def link(file):
        place = file["layers/dense/vars"]
        del place["0"]
        place["0"] = (
            h5py.ExternalLink("/etc/passwd", "x")
            if kind == "external link"
            else h5py.SoftLink("/layers/dense/vars/1")
        )

    change_weights(saved, link)
    refused(saved, r"model\.weights\.h5 links to 0 elsewhere")


def test_weights_stored_in_another_file_are_refused(saved, tmp_path):
    (tmp_path / "secret").write_bytes(bytes(784 * 16 * 4))

    def point_outside(file):
        del file["layers/dense/vars/0"]
        file["layers/dense/vars"].create_dataset(
            "0", (784, 16), "f4", external=[(str(tmp_path / "secret"), 0, 784 * 16 * 4)]
        )

    change_weights(saved, point_outside)
    refused(saved, "/layers/dense/vars/0 .* is not an array that is stored whole")


def test_virtual_weights_are_refused(saved):
    def make_virtual(file):
        layout = h5py.VirtualLayout((784, 16), "f4")
        layout[:] = h5py.VirtualSource("/etc/passwd", "x", (784, 16))
        del file["layers/dense/vars/0"]
        file["layers/dense/vars"].create_virtual_dataset("0", layout)

    change_weights(saved, make_virtual)
    refused(saved, "not an array that is stored whole")


@pytest.mark.parametrize("options", [{"chunks": True, "compression": "gzip"}, {}])
def test_an_array_larger_than_what_is_stored_of_it_is_refused(saved, options):
    def inflate(file):
        file.create_dataset("bomb", (1 << 30, 1 << 10), "f4", **options)

    change_weights(saved, inflate)
    refused(saved, "/bomb .* is not an array that is stored whole")


def test_an_array_of_texts_or_references_is_refused(saved):
    change_weights(saved, lambda f: f.create_dataset("text", data=["a"], dtype=h5py.string_dtype()))
    refused(saved, "/text .* is not an array that is stored whole")
    change_weights(saved, lambda f: f.pop("text"))
    change_weights(saved, lambda f: f.create_dataset("link", data=f.ref, dtype=h5py.ref_dtype))
    refused(saved, "/link .* is not an array that is stored whole")


def test_groups_in_a_circle_are_refused(saved):
    def make_circle(file):
        file["layers/again"] = file["layers"]

    change_weights(saved, make_circle)
    refused(saved, "too many groups")


@pytest.mark.parametrize("content", [b"", b"no HDF5", b"\x89HDF\r\n\x1a\n" + bytes(1000)])
def test_weights_that_are_not_hdf5_are_refused(saved, content):
    rewrite(saved, weights_h5=content)
    refused(saved, "is damaged")


SIGNALLING = np.array(0x7F800001, np.uint32).view(np.float32)[()]  # casting it warns


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, SIGNALLING])
def test_fault_71_weights_that_are_not_finite(saved, value):
    def spoil(file):
        file["layers/dense/vars/0"][3, 4] = value

    change_weights(saved, spoil)
    refused(saved, "hidden/kernel has values that are infinite or not a number")


# Input and output


@pytest.mark.parametrize(
    ("shape", "dtype", "units", "said"),
    [
        ((28, 28), "float32", 10, r"its input is float32 \(None, 28, 28\); expected uint8"),
        ((28, 28, 1), "uint8", 10, r"its input is uint8 \(None, 28, 28, 1\)"),
        ((32, 32), "uint8", 10, r"its input is uint8 \(None, 32, 32\)"),
        ((784,), "uint8", 10, r"its input is uint8 \(None, 784\)"),
        ((28, 28), "uint8", 63, r"its output is float32 \(None, 63\).*\(None, 10\)"),
    ],
)
def test_fault_70_wrong_input_or_output(tmp_path, shape, dtype, units, said):
    image = keras.Input(shape, dtype=dtype)
    values = layers.Dense(units, "softmax")(layers.Flatten()(layers.Rescaling(1 / 255)(image)))
    path = tmp_path / "model.keras"
    keras.Model(image, values).save(path)
    refused(path, said)


def test_fault_70_fixed_number_of_images(tmp_path):
    image = keras.Input(batch_shape=(4, 28, 28), dtype="uint8")
    values = layers.Dense(10, "softmax")(layers.Flatten()(layers.Rescaling(1 / 255)(image)))
    path = tmp_path / "model.keras"
    keras.Model(image, values).save(path)
    refused(path, r"its input is uint8 \(4, 28, 28\)")


def test_fault_70_two_outputs_or_none():
    image = keras.Input((28, 28), dtype="uint8")
    answers = [layers.Dense(10)(layers.Flatten()(layers.Rescaling(1 / 255)(image))) for _ in "ab"]
    with pytest.raises(ModelError, match=r"its output is float32 .* and float32"):
        keras_files.check_contract(keras.Model(image, answers))
    with pytest.raises(ModelError, match="its input is not defined"):
        keras_files.check_contract(keras.Sequential([layers.Flatten()]))


# Predicting


@pytest.mark.parametrize("batch_size", [1, 7, 37, 1024])
def test_padding_and_batches_do_not_change_predictions(model, batch_size):
    given = keras_files.predict(model, IMAGES, batch_size=batch_size)
    assert given.dtype == np.float32
    np.testing.assert_allclose(given, np.asarray(model(IMAGES)), atol=1e-6)


def test_every_batch_has_the_same_shape(model, monkeypatch):
    """Keras compiles anew for each shape."""
    shapes = []
    original = model.predict_on_batch

    def spy(images):
        shapes.append(images.shape)
        return original(images)

    monkeypatch.setattr(model, "predict_on_batch", spy)
    keras_files.predict(model, IMAGES, batch_size=16)
    assert shapes == [(16, 28, 28)] * 3
    shapes.clear()
    keras_files.predict(model, IMAGES[:3])
    assert shapes == [(4, 28, 28)]


def test_images_divided_by_255_are_refused(model):
    with pytest.raises(DataError, match="the network divides by 255 itself"):
        keras_files.predict(model, IMAGES / 255)
