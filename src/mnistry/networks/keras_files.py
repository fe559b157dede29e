"""Keras model files: write them whole, check them before reading, and run them on images.

A file from elsewhere may be crafted to do harm when Keras rebuilds it. `load` refuses the
following, all before Keras reads the file, except for weights that are not finite:

- anything but a ``.keras`` file (`load_other` also takes ``.h5``): web pages, pickles, remote
  addresses;
- zip members other than Keras's three, or duplicate, damaged, compressed or too large ones;
- every class but the stock ones listed here: no Lambda, function, custom or registered object,
  nothing that reads files (vocabularies, SavedModels), no model inside a model;
- HDF5 links, external or virtual storage, and arrays that are not stored in full;
- a network that needs more memory than one for digits, found by building it without weights;
- another input or output than ours, and weights that are not finite. `load_other` leaves input and
  output to its caller.

Of an ``.h5`` file Keras reads nothing: the network is rebuilt from its JSON, and its weights are
copied by name. Faults in the parsers of zip, JSON and HDF5 themselves are not covered. Knows
nothing of training.
"""

import contextlib
import copy
import io
import json
import math
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
from numpy.typing import NDArray

from mnistry.datasets.dataset import Images, as_images
from mnistry.errors import ModelError
from mnistry.inference import model_bytes
from mnistry.inference.model_bytes import MAX_CLASSES
from mnistry.system import files
from mnistry.system.cores import divide_processor

MAX_LAYER_VALUES = 1 << 18  # 64 channels of 28 x 28 are 50,176

_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_MEMBERS = {_CONFIG: 1 << 20, _METADATA: 1 << 16, _WEIGHTS: model_bytes.MAX_KERAS_BYTES}
_MAX_HDF5_GROUPS = 10_000
_H5, _H5_CONFIG, _H5_FILE = (".h5", ".hdf5"), "model_config", "the HDF5 file"

_FUNCTIONAL, _SEQUENTIAL = ("keras.src.models.functional", "Functional"), ("keras", "Sequential")
_MODELS = {_FUNCTIONAL, _SEQUENTIAL}
_STOCK = {
    (module, name)
    for module, names in {
        "keras": "DTypePolicy",
        "keras.layers": """
            Activation Add Average AveragePooling2D BatchNormalization Concatenate Conv2D Dense
            DepthwiseConv2D Dropout ELU Flatten GaussianDropout GaussianNoise
            GlobalAveragePooling2D GlobalMaxPooling2D GroupNormalization Identity InputLayer
            LayerNormalization LeakyReLU MaxPooling2D Maximum Multiply PReLU Permute ReLU Rescaling
            Reshape SeparableConv2D Softmax SpatialDropout2D ZeroPadding2D
            """,
        "keras.initializers": """
            Constant GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal LecunUniform Ones
            Orthogonal RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros
            """,
        "keras.regularizers": "L1 L1L2 L2",
        "keras.constraints": "MaxNorm MinMaxNorm NonNeg UnitNorm",
    }.items()
    for name in names.split()
}


def save(model: keras.Model, path: Path) -> None:
    """Write a model as a ``.keras`` file, whole or not at all.

    Raises
    ------
    ModelError
        If the name does not end in ``.keras``: Keras would not open it.
    OSError
        If the disk is full or the folder cannot be written; what was at `path` stays.
    """
    if path.suffix != ".keras":
        raise ModelError(f"the ending {path.suffix!r}", where=path, expected="a .keras file")
    # Keras cannot replace a file atomically, so it writes to a temporary folder first.
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder, "model.keras")
        model.save(whole)
        files.write_bytes(path, whole.read_bytes())


def load(path: str | os.PathLike[str]) -> keras.Model:
    """Read a ``.keras`` file that may come from anywhere.

    Parameters
    ----------
    path
        A local file with stock Keras layers only; see the module's description.

    Returns
    -------
    keras.Model
        Not compiled. Takes ``uint8`` of shape ``(n, 28, 28)``, gives ``(n, classes)``.

    Raises
    ------
    ModelError
        If it is not such a file, or damaged.
    """
    divide_processor()
    content = model_bytes.read(path, ".keras", model_bytes.MAX_KERAS_BYTES)
    with _located(path):
        return _load(content, check_contract)


def load_other(path: str | os.PathLike[str]) -> keras.Model:
    """Read a ``.keras`` or ``.h5`` file of a network with any input and output.

    Parameters
    ----------
    path
        A local file with stock Keras layers only; see the module's description.

    Returns
    -------
    keras.Model
        Not compiled.

    Raises
    ------
    ModelError
        If it is not such a file, or damaged.
    """
    divide_processor()
    if Path(path).suffix.lower() in _H5:
        content = model_bytes.read(path, Path(path).suffix.lower(), model_bytes.MAX_KERAS_BYTES)
        with _located(path):
            return _load_h5(content)
    content = model_bytes.read(path, ".keras", model_bytes.MAX_KERAS_BYTES)
    with _located(path):
        return _load(content, _check_built)


@contextlib.contextmanager
def _located(path: str | os.PathLike[str]) -> Iterator[None]:
    try:
        yield
    except ModelError as error:
        error.where = os.fspath(path)
        raise


def _load(content: bytes, check: Callable[[keras.Model], None]) -> keras.Model:
    members = _read_members(content)
    config = _read_config(members[_CONFIG], _CONFIG)
    _check_hdf5(members[_WEIGHTS], _WEIGHTS)
    skeleton = _build_without_weights(config)
    check(skeleton)
    _check_size(skeleton)
    members[_CONFIG] = json.dumps(_with_zeros(config)).encode()
    # Keras reads a new archive, with nothing but the checked members.
    with tempfile.TemporaryDirectory() as folder:
        checked = Path(folder, "model.keras")
        with zipfile.ZipFile(checked, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        with _keras_errors():
            model = keras.saving.load_model(checked, compile=False, safe_mode=True)
    _copy_initializers(skeleton, model)
    _check_finite(model)
    return model


def _check_finite(model: keras.Model) -> None:
    for variable in model.variables:
        value = keras.ops.convert_to_numpy(variable)
        with np.errstate(invalid="ignore"):  # a signalling NaN in a cast
            finite = np.isfinite(value.astype(np.float64)).all()
        if not finite:
            raise ModelError(
                f"{variable.path} has values that are infinite or not a number",
                expected="finite weights",
                remedy="train it again, with a lower learning rate",
            )


def check_contract(model: keras.Model) -> None:
    """Check that a model takes ``uint8`` images and gives a value for each of 2 to 62 classes.

    Raises
    ------
    ModelError
        If it has another input or output; the message says which.
    """
    try:
        inputs, outputs = model.inputs, model.outputs
    except AttributeError:  # a Sequential without an input shape
        inputs = outputs = None
    for what, found, dtype, shape in (
        ("input", inputs, "uint8", (None, 28, 28)),
        ("output", outputs, "float32", (None, _output_classes(outputs))),
    ):
        tensors = found or []
        if [(tensor.dtype, tensor.shape) for tensor in tensors] != [(dtype, shape)]:
            raise ModelError(
                f"its {what} is "
                + (" and ".join(f"{t.dtype} {t.shape}" for t in tensors) or "not defined"),
                where="the model",
                expected=f"{dtype} {shape}",
                remedy='start with keras.Input((28, 28), dtype="uint8") and Rescaling(1/255)'
                if what == "input"
                else f"end with one softmax of ten classes, or of 2 to {MAX_CLASSES}",
            )


def _output_classes(outputs: Any) -> int:
    """Return how many classes a model's output has if that is allowed, else ten."""
    shape = tuple(outputs[0].shape) if outputs else ()
    count = shape[-1] if len(shape) == 2 else None
    return count if isinstance(count, int) and 2 <= count <= MAX_CLASSES else 10


def predict(model: keras.Model, images: Images, *, batch_size: int = 1024) -> NDArray[np.float32]:
    """Return the probability of each class for each image.

    Parameters
    ----------
    model
        Takes ``uint8`` of shape ``(n, 28, 28)``, gives ``(n, classes)``; need not be compiled.
    images
        ``uint8``, shape ``(n, 28, 28)``, 0 for paper to 255 for ink; n at least 1.
    batch_size
        Images in one step. It bounds the memory, and changes the result only by rounding.

    Returns
    -------
    ndarray
        ``float32``, shape ``(n, classes)``.

    Raises
    ------
    DataError
        If `images` are not images, or already divided by 255.
    """
    images = as_images(images, "images")
    # Every batch has the same shape, because Keras compiles again for each shape.
    size = min(batch_size, 1 << (len(images) - 1).bit_length())
    result = np.empty((len(images), model.output_shape[-1]), np.float32)
    for start in range(0, len(images), size):
        batch = images[start : start + size]
        padding = np.zeros((size - len(batch), 28, 28), np.uint8)
        given = model.predict_on_batch(np.concatenate([batch, padding]) if len(padding) else batch)
        result[start : start + size] = given[: len(batch)]
    return result


def _read_members(content: bytes) -> dict[str, bytes]:
    damaged = _errors("a damaged archive", model_bytes.AGAIN)
    with damaged, zipfile.ZipFile(io.BytesIO(content)) as archive:
        _check_members(archive.infolist())
        return {name: archive.read(name) for name in _MEMBERS}


def _check_members(members: list[zipfile.ZipInfo]) -> None:
    if sorted(member.filename for member in members) != sorted(_MEMBERS):
        raise ModelError(
            "the archive holds " + (", ".join(m.filename for m in members[:5]) or "nothing"),
            expected=f"{', '.join(_MEMBERS)}, each once",
            remedy="save the model again in Keras 3",
        )
    for member in members:
        # Keras does not compress, and an uncompressed member cannot be larger than the file.
        if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
            what = f"{member.filename} is compressed or encrypted"
            raise ModelError(what, expected="an archive as Keras writes it")
        if member.file_size > _MEMBERS[member.filename]:
            what = f"{member.filename} has {member.file_size:,} bytes"
            raise ModelError(what, expected=f"at most {_MEMBERS[member.filename]:,}")


def _read_config(content: str | bytes, where: str) -> dict[str, Any]:
    """Read the network's description, without how it was trained, and check every class in it."""
    try:
        config = json.loads(content)
        config = _modern(config) if where == _H5_CONFIG else config
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{where} is not JSON") from error
    if not isinstance(config, dict) or _identity(config) not in _MODELS:
        raise ModelError(
            f"{where} does not describe a model", expected="a Functional or Sequential one"
        )
    config.pop("compile_config", None)
    _refuse_registered(config, where)
    parts: list[Any] = list(config.values())
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            # Keras takes every dictionary with this key for a class.
            if "class_name" in part:
                if _identity(part) not in _STOCK | {(None, "__keras_tensor__")}:
                    raise _unknown_class(part, where)
                _refuse_registered(part, where)
            parts.extend(part.values())
        elif isinstance(part, list):
            parts.extend(part)
    return config


def _identity(part: dict[str, Any]) -> tuple[str | None, str]:
    module, name = part.get("module"), part.get("class_name")
    return None if module is None else str(module), str(name)


def _refuse_registered(part: dict[str, Any], where: str) -> None:
    # Keras looks a registered name up among custom objects first, whatever the class.
    if part.get("registered_name") not in (None, part["class_name"]):
        raise _unknown_class(part, where)


def _unknown_class(part: dict[str, Any], where: str) -> ModelError:
    module, name = _identity(part)
    return ModelError(
        f"the class {module}.{name} in {where}",
        expected="stock Keras layers that run no code from the file and read no other file",
        remedy="build the network with such layers and save it again",
    )


def _check_hdf5(content: bytes, where: str) -> None:
    """Check that every array of a weights file is stored in it, in full and uncompressed."""
    damaged = _errors(f"{where} is damaged", model_bytes.AGAIN)
    with damaged, h5py.File(io.BytesIO(content), "r") as file:
        groups = [file]
        for _ in range(_MAX_HDF5_GROUPS):  # hard links can lead in a circle
            if not groups:
                return
            group = groups.pop()
            for name in group:
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    raise ModelError(f"{where} links to {name} elsewhere")
                if isinstance(group[name], h5py.Group):
                    groups.append(group[name])
                else:
                    _check_hdf5_array(group[name], where)
    raise ModelError(f"{where} has too many groups", expected=f"at most {_MAX_HDF5_GROUPS}")


def _check_hdf5_array(array: h5py.Dataset, where: str) -> None:
    # Compressed or never written arrays store less than they announce, and virtual ones nothing.
    if (
        not isinstance(array, h5py.Dataset)
        or array.external
        or array.dtype.hasobject
        or array.id.get_storage_size() != array.nbytes
    ):
        raise ModelError(
            f"{array.name} in {where} is not an array that is stored whole",
            expected="arrays as Keras writes them",
        )


def _load_h5(content: bytes) -> keras.Model:
    _check_hdf5(content, _H5_FILE)
    damaged = _errors(f"{_H5_FILE} is damaged", model_bytes.AGAIN)
    with damaged, h5py.File(io.BytesIO(content), "r") as file:
        text = file.attrs.get(_H5_CONFIG)
        if not isinstance(text, str | bytes):
            raise ModelError(
                f"no {_H5_CONFIG}: it holds weights without the network",
                expected="a whole model",
                remedy="build the network in Keras, load_weights, and save it as .keras",
            )
        if len(text) > _MEMBERS[_CONFIG]:
            what = f"{_H5_CONFIG} has {len(text):,} bytes"
            raise ModelError(what, expected=f"at most {_MEMBERS[_CONFIG]:,}")
        config = _read_config(text, _H5_CONFIG)
        skeleton = _build_without_weights(config)
        _check_built(skeleton)
        _check_size(skeleton)
        with _keras_errors():
            model = keras.saving.deserialize_keras_object(_with_zeros(config), safe_mode=True)
        for layer in model.layers:
            group = file["model_weights"].get(layer.name, {})
            names = group.attrs["weight_names"] if layer.weights else ()
            # Older versions of Keras wrote the names as bytes.
            names = [n.decode() if isinstance(n, bytes) else n for n in names]
            layer.set_weights([group[name][()] for name in names])
    _copy_initializers(skeleton, model)
    _check_finite(model)
    return model


def _modern(config: Any) -> Any:
    """Turn a description as ``.h5`` files have it into one as ``.keras`` files have it.

    Classes without a module get the one of their name; the arguments of Keras 2 that Keras 3 no
    longer takes are replaced.
    """
    if isinstance(config, list):
        return [_modern(part) for part in config]
    if not isinstance(config, dict):
        return config
    config = {key: _modern(value) for key, value in config.items()}
    name, settings = config.get("class_name"), config.get("config")
    if not isinstance(name, str):
        return config
    if name in ("Functional", "Model", "Sequential"):
        module, name = _SEQUENTIAL if name == "Sequential" else _FUNCTIONAL
        config |= {"module": module, "class_name": name}
    elif config.get("module") is None:
        modules = (module for module, known in _STOCK if known == name)
        config["module"] = next(modules, None)
    if isinstance(settings, dict) and name != "InputLayer":
        settings.pop("batch_input_shape", None)  # the InputLayer before it says so too
    if name == "BatchNormalization" and isinstance(settings, dict):
        axis = settings.get("axis")
        settings["axis"] = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    return config


def _build_without_weights(config: dict[str, Any]) -> keras.Model:
    """Build a network whose variables have shapes but no values, which takes no memory."""

    def build() -> keras.Model:
        with keras.StatelessScope(initialize_variables=False):
            return keras.saving.deserialize_keras_object(copy.deepcopy(config), safe_mode=True)

    # Keras keeps a list, for each thread, of variables that still need values. These never get any,
    # so they are built in a thread of their own, whose list is dropped with it.
    with _keras_errors(), ThreadPoolExecutor(1) as thread:
        return thread.submit(build).result()


def _with_zeros(part: Any) -> Any:
    """Replace every initializer: its values take a second to make, and are then overwritten."""
    if isinstance(part, dict):
        return {
            key: "zeros" if key.endswith("_initializer") else _with_zeros(value)
            for key, value in part.items()
        }
    return [_with_zeros(value) for value in part] if isinstance(part, list) else part


def _copy_initializers(source: keras.Model, target: keras.Model) -> None:
    for described, layer in zip(source.layers, target.layers, strict=True):
        for name, value in vars(described).items():
            if name.endswith("_initializer"):
                setattr(layer, name, value)


def _check_built(model: keras.Model) -> None:
    inputs = getattr(model, "inputs", None)  # a Sequential without an input shape has none
    if not inputs or any(None in tensor.shape[1:] for tensor in inputs):
        raise ModelError(
            "its input is not defined",
            expected="a network with an input of a fixed shape",
            remedy="begin it with keras.Input(SHAPE), and save it again",
        )


def _check_size(model: keras.Model) -> None:
    parameters = sum(math.prod(variable.shape) for variable in model.variables)
    if parameters > model_bytes.MAX_PARAMETERS:
        most = f"at most {model_bytes.MAX_PARAMETERS:,}"
        raise ModelError(f"it has {parameters:,} parameters", expected=most)
    for layer in model.layers:
        # A layer may be used several times; `layer.output` is that of the first time.
        outputs = [node.output_tensors for node in layer._inbound_nodes]
        for tensor in keras.tree.flatten(outputs):
            values = math.prod(tensor.shape[1:])
            if values > MAX_LAYER_VALUES:
                raise ModelError(
                    f"its layer {layer.name} gives {values:,} values per image",
                    expected=f"at most {MAX_LAYER_VALUES:,}",
                )


def _keras_errors() -> contextlib.AbstractContextManager[None]:
    what = f"Keras {keras.__version__} cannot rebuild it"
    return _errors(what, "save it again with this version of Keras")


@contextlib.contextmanager
def _errors(what: str, remedy: str) -> Iterator[None]:
    """Turn any exception into a ModelError: on hostile bytes a parser may raise anything."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelError(f"{what}: {lines[0][:200]}", remedy=remedy) from error
