"""Adopt a network from elsewhere: find out by trying what input it wants, and wrap it.

A tutorial's network takes floats, flat or with a channel, divided by 255 or not, and often gives
logits. `open_network` opens and checks its file. `adopt` tries every usual way of giving it
labelled digits, takes the one in which it reads them best, and writes an ONNX model of our contract
around it: ``uint8`` images to probabilities; see `onnx_wrap.wrap`. Knows nothing of runs.

The file may come from anywhere: `mnistry.networks.keras_files` and `mnistry.inference.onnx_wire`
say what is refused.
"""

import contextlib
import dataclasses
import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from mnistry.datasets.dataset import CLASSES, Images, Split
from mnistry.errors import ModelError
from mnistry.inference import model_bytes, onnx_session, onnx_wire, run_directory
from mnistry.networks import keras_files, onnx_graph, onnx_wrap
from mnistry.networks.form import (
    LAYOUTS,
    SCALES,
    Floats,
    InputFormat,
    Trial,
    kind_of,
    probabilities,
)
from mnistry.percent import percent
from mnistry.system import files

# Every input format is tried on FIRST images. Those formats whose accuracy is within NEARLY of the
# best are tried again, on MOST images.
FIRST, MOST = 500, 5000
NEARLY = 0.1
A_LITTLE = 0.01  # how much more accurate a network may be in a format it was not trained with
CLEARLY = 1.5  # losses that differ by a smaller factor do not tell two formats apart
LEAST_ACCURACY = 0.5  # chance is 0.1; a digit network with the wrong scale often exceeds 0.5
TOLERANCE = 1e-3  # how far the wrapped network's probabilities may be from the original's
_BATCH = 500
_NO_FILE = "the ONNX model"  # an error's `where` if `onnx_session` was given bytes
_FREE_BATCH = "export it again with a free first axis (in PyTorch: dynamic_shapes), in eval mode"


@dataclasses.dataclass(frozen=True, eq=False)
class Adopted:
    """A network that has been adopted.

    Attributes
    ----------
    onnx
        An ONNX model of our contract.
    keras
        The same as a Keras model of our contract; None for a network that came as ONNX.
    trials
        Everything that was tried, the chosen one first.
    source, digest
        The file's name, and its SHA-256.
    notices
        What the user should know.
    """

    onnx: bytes
    keras: keras.Model | None
    trials: tuple[Trial, ...]
    source: str
    digest: str
    notices: tuple[str, ...]

    @property
    def chosen(self) -> Trial:
        """The trial in which the network read best."""
        return self.trials[0]


class Network(NamedTuple):
    """A network from elsewhere, before anything is known about its input.

    Attributes
    ----------
    path
        Its file.
    shapes
        The shapes of one image that its input allows.
    dtype
        The type of its input.
    outputs
        The shapes of its outputs, for messages.
    answers
        A function that takes images in an input format. It returns, by name, every output that has
        ten values for each image.
    wrap
        A function from the chosen trial to our ONNX model, and a Keras model if there is one.
    batches_may_matter
        Whether its answer to an image may depend on the other images of a batch.
    """

    path: Path
    shapes: Sequence[tuple[int, ...]]
    dtype: np.dtype[Any]
    outputs: str
    answers: Callable[[NDArray[Any]], Mapping[str, Floats]]
    wrap: Callable[[Trial], tuple[bytes, keras.Model | None]]
    batches_may_matter: bool


def open_network(path: str | os.PathLike[str]) -> Network:
    """Open a network's file, and check it.

    Parameters
    ----------
    path
        A ``.keras``, ``.h5`` or ``.onnx`` file: one input of 28x28 or 32x32 values for each image,
        flat or with 1 or 3 channels; an output of ten values for each image.

    Raises
    ------
    ModelError
        If it is not such a file or is refused, or if its input or output is a different one.
    """
    path = Path(path)
    kinds = {".onnx": _open_onnx} | dict.fromkeys((".keras", ".h5", ".hdf5"), _open_keras)
    if path.suffix.lower() not in kinds or path.is_dir():
        error = model_bytes.refusal(path, "a .keras, .h5 or .onnx file")
        if (path / run_directory.RECORD).is_file():
            error.remedy = f"it is a run already: mnistry evaluate {path}"
        raise error
    with _located(path):
        return kinds[path.suffix.lower()](path)


def adopt(network: Network, labelled: Split) -> Adopted:
    """Find out what input a network wants, and wrap it in our contract.

    Parameters
    ----------
    network
        From `open_network`.
    labelled
        Labelled images, to try it on; the first 5,000 are used.

    Returns
    -------
    Adopted
        The wrapped network, which gives the same answers, and what was tried.

    Raises
    ------
    ModelError
        If it does not read half of the images in any input format, or cannot be wrapped.
    """
    with _located(network.path):
        trials = _try_all(network, labelled)
        notices = list(_batch_notices(network, trials[0], labelled.images))
        content, model = network.wrap(trials[0])
        _verify(content, network, trials[0], labelled.images)
    name, digest = network.path.name, files.sha256(network.path)
    return Adopted(content, model, tuple(trials), name, digest, tuple(notices))


@contextlib.contextmanager
def _located(path: Path) -> Iterator[None]:
    """Name the file in errors, and turn other exceptions into ours: it may be damaged."""
    try:
        yield
    except ModelError as error:
        if error.where in (None, _NO_FILE):
            error.where = str(path)
        raise
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        what = f"it cannot be adopted: {lines[0][:200]}"
        raise ModelError(what, where=path, remedy=model_bytes.AGAIN) from error


# Trying


def _try_all(network: Network, labelled: Split) -> list[Trial]:
    """Try every input format on a few images, the best ones on more; return the best one first."""
    forms = [
        InputFormat(scale, inverted, transposed, shape)
        for shape, scale, inverted, transposed in itertools.product(
            network.shapes, SCALES, (False, True), (False, True)
        )
        if network.dtype.kind == "f" or scale == "0 to 255"
    ]
    few = Split(labelled.images[:FIRST], labelled.labels[:FIRST])  # type: ignore[index]
    many = Split(labelled.images[:MOST], labelled.labels[:MOST])  # type: ignore[index]
    tried: list[tuple[Trial, NDArray[np.bool_]]] = []
    error: ModelError | None = None
    for form in forms:
        try:
            tried += _try(network, form, few)
        except ModelError as refused:  # a free axis may allow shapes that the layers do not
            error = refused
    if not tried:
        raise error or _wrong_output(network.outputs)
    best = max(trial.accuracy for trial, _ in tried)
    if best < LEAST_ACCURACY:
        (trial, _) = max(tried, key=lambda one: one[0].accuracy)
        raise ModelError(
            f"it reads the digits in no input format: at best {percent(best, places=1)} of "
            f"{trial.count} are right ({trial.form})",
            expected="a trained network whose ten outputs are the digits 0 to 9",
            remedy="bring its outputs into this order; if it was trained on other handwriting than "
            "MNIST, give labelled images of that: --data",
        )
    near = [trial for trial, _ in tried if trial.accuracy >= best - NEARLY]
    again = [
        found
        for form in dict.fromkeys(trial.form for trial in near)
        for found in _try(network, form, many)
    ]
    chosen = _best(again)
    others = [trial for trial, _ in again if trial is not chosen]
    done = {trial.form for trial in others} | {chosen.form}
    others += [trial for trial, _ in tried if trial.form not in done]
    return [chosen, *sorted(others, key=lambda trial: (-trial.accuracy, trial.loss))]


def _try(
    network: Network, form: InputFormat, labelled: Split
) -> list[tuple[Trial, NDArray[np.bool_]]]:
    """Try one input format; return a trial and which images were right, for each output."""
    found = []
    for name, values in network.answers(_cast(form.apply(labelled.images), network)).items():
        labels, count = np.asarray(labelled.labels), len(values)
        if not np.isfinite(values).all():
            continue
        kind = kind_of(values)
        given = probabilities(values, kind)
        right = given.argmax(axis=1) == labels
        loss = -np.log(np.clip(given[np.arange(count), labels], 1e-7, 1)).mean()
        trial = Trial(form, name, kind, count, float(right.mean()), float(loss))
        found.append((trial, right))
    return found


def _best(tried: Sequence[tuple[Trial, NDArray[np.bool_]]]) -> Trial:
    """Return the most accurate trial, or one with a small loss among those that come close to it.

    A trial comes close if chance may explain the difference, or if it is only a little less
    accurate and has a smaller loss. A network that was trained for a short time may read more
    images in a format that it was not trained with, but then its probabilities fit less well.

    A ReLU network without biases gives the same answers to images of 0 to 1 and of 0 to 255, but
    only in one of them are its probabilities those that it was trained to give. The loss tells
    them apart by a factor; where it hardly differs, the one that comes first in `SCALES` is taken.
    """
    most, best = max(tried, key=lambda one: one[0].accuracy)

    def is_close(trial: Trial, right: NDArray[np.bool_]) -> bool:
        only_best, only_other = int((best & ~right).sum()), int((right & ~best).sum())
        # McNemar's test, with 2 standard deviations.
        is_tie = (only_best - only_other) ** 2 <= 4 * (only_best + only_other)
        return is_tie or (trial.accuracy >= most.accuracy - A_LITTLE and trial.loss < most.loss)

    close = [trial for trial, right in tried if is_close(trial, right)]
    least = min(trial.loss for trial in close)
    return next(trial for trial in close if trial.loss <= CLEARLY * least)


def _cast(values: NDArray[np.float32], network: Network) -> NDArray[Any]:
    return values if network.dtype == np.float32 else values.astype(network.dtype)


def _batch_notices(network: Network, trial: Trial, images: Images) -> Iterator[str]:
    """Yield a notice if the answer to an image depends on the other images of its batch.

    Raise `ModelError` if it depends on them for more than one image in fifty. Dynamic quantization
    does that: it takes one scale for the whole batch.
    """
    if not network.batches_may_matter:
        return
    given = _cast(trial.form.apply(images[:128]), network)
    together = probabilities(network.answers(given)[trial.output], trial.kind)
    alone = np.concatenate(
        [network.answers(given[i : i + 1])[trial.output] for i in range(len(given))]
    )
    apart = probabilities(alone, trial.kind)
    if abs(together - apart).max() <= TOLERANCE:
        return
    changed = int((together.argmax(axis=1) != apart.argmax(axis=1)).sum())
    what = "its answer to an image depends on the other images of the batch"
    if changed > len(given) // 50:
        raise ModelError(
            f"{what}: {changed} of {len(given)} images are read differently when each is alone",
            expected="a network that treats each image on its own",
            remedy="export it in evaluation mode (in PyTorch: model.eval()), and not quantized",
        )
    yield (
        f"{what} (as after dynamic quantization): probabilities differ by up to "
        f"{abs(together - apart).max():.2g}; adopt the network from before it was quantized, then "
        "mnistry export --format int8"
    )


def _verify(content: bytes, network: Network, trial: Trial, images: Images) -> None:
    """Raise `ModelError` if the wrapped network does not answer as the original does."""
    try:
        session = onnx_session.open_session(content)
    except ModelError as error:  # it was made for a fixed number of images, and takes no other
        what = f"wrapped, {error.what}"
        raise ModelError(what, expected=error.expected, remedy=_FREE_BATCH) from error
    images = images[:128]
    given = onnx_session.probabilities(session, images)
    values = network.answers(_cast(trial.form.apply(images), network))[trial.output]
    differences = abs(given - probabilities(values, trial.kind))
    if not differences.max() <= TOLERANCE:  # written so that NaN counts as wrong
        raise ModelError(
            f"wrapped, its probabilities differ by {differences.max():.2g}",
            expected=f"at most {TOLERANCE:g}",
            remedy=_FREE_BATCH,
        )


# Keras


def _open_keras(path: Path) -> Network:
    model = keras_files.load_other(path)
    inputs, outputs = model.inputs, model.outputs
    if len(inputs) != 1:
        raise _wrong_input(f"it has {len(inputs)} inputs")
    if len(outputs) != 1:
        raise ModelError(
            f"it has {len(outputs)} outputs",
            expected="one, of ten floats for each image",
            remedy="save the part of it that ends there: "
            'keras.Model(model.inputs, model.outputs[0]).save("part.keras")',
        )
    shape = tuple(inputs[0].shape[1:])
    if shape not in LAYOUTS:
        raise _wrong_input(f"its input is {_shape_text(inputs[0].shape)}")
    if tuple(outputs[0].shape[1:]) != (CLASSES,):
        raise _wrong_output(_shape_text(outputs[0].shape))

    def answers(values: NDArray[Any]) -> Mapping[str, Floats]:
        result = np.empty((len(values), CLASSES), np.float32)
        for start in range(0, len(values), _BATCH):
            part = values[start : start + _BATCH]
            # Keras compiles again for each shape.
            size = 1 if len(part) == 1 else _BATCH
            padded = np.concatenate([part, np.zeros((size - len(part), *shape), part.dtype)])
            result[start : start + _BATCH] = model.predict_on_batch(padded)[: len(part)]
        return {outputs[0].name: result}

    def wrap(trial: Trial) -> tuple[bytes, keras.Model | None]:
        wrapped = _wrap_keras(model, trial)
        proto = onnx_graph.to_onnx(wrapped)
        if trial.kind == "shares":  # no stock layer divides by a sum
            return onnx_wrap.serialised(
                onnx_wrap.add_probabilities(proto, "probabilities", trial.kind)
            ), None
        return onnx_wrap.serialised(proto), wrapped

    dtype = np.dtype(inputs[0].dtype)
    return Network(path, [shape], dtype, "[N, 10]", answers, wrap, batches_may_matter=False)


def _wrap_keras(model: keras.Model, trial: Trial) -> keras.Model:
    """Build a model of our contract from the layers of another; they are shared, not copied."""
    factor, offset = trial.form.affine
    image = keras.Input((28, 28), dtype="uint8", name="image")
    value, form = image, trial.form
    if form.transposed:
        value = keras.layers.Permute((2, 1), name="mnistry_transpose")(value)
    if form.margin:
        value = keras.layers.Reshape((28, 28, 1), name="mnistry_channel")(value)
        value = keras.layers.ZeroPadding2D(form.margin, name="mnistry_paper")(value)
    # Rescaling also turns bytes into floats.
    if model.inputs[0].dtype != "uint8" or (factor, offset) != (1, 0):
        value = keras.layers.Rescaling(factor, offset, name="mnistry_scale")(value)
    if form.one_channel != tuple(value.shape[1:]):
        value = keras.layers.Reshape(form.one_channel, name="mnistry_shape")(value)
    if form.one_channel != form.shape:
        axis = 1 + form.shape.index(3)
        value = keras.layers.Concatenate(axis, name="mnistry_channels")([value] * 3)
    layers = {layer.name: layer for layer in model.layers}  # a Sequential omits its InputLayer
    values: dict[str, Any] = {}
    for kind, name, sources in onnx_graph.calls(model):
        if kind != "InputLayer":
            given = [values[source] for source in sources] or [value]
            value = layers[name](given[0] if len(given) == 1 else given)
        values[name] = value
    if trial.kind == "scores":
        value = keras.layers.Softmax(name="mnistry_softmax")(value)
    return keras.Model(image, value, name="adopted")


# ONNX


def _open_onnx(path: Path) -> Network:
    content = model_bytes.read(path, ".onnx", model_bytes.MAX_ONNX_BYTES)
    where = str(path)
    onnx_wire.inspect(content, where)
    model = onnx_wrap.tensors_only(onnx_wrap.parse(content, where))
    session = onnx_session.start_session(onnx_wrap.serialised(model), where, None)
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise _wrong_input(f"it has {len(inputs)} inputs")
    (source,) = inputs
    dtype = _DTYPES.get(source.type)
    if dtype is None:
        raise _wrong_input(f"its input is {source.type}")
    dimensions = source.shape
    shapes = [shape for shape in LAYOUTS if _fits(shape, dimensions)]
    if not shapes:
        raise _wrong_input(f"its input is {_shape_text(dimensions)}")
    fixed = dimensions[0] if dimensions and isinstance(dimensions[0], int) else None
    if fixed is not None and not 1 <= fixed <= MOST:
        raise ModelError(f"it takes {fixed:,} images at a time", expected=f"up to {MOST:,}")
    outputs = " and ".join(
        _shape_text(one.shape or []) + ("" if one.type in _FLOATS else f" of {one.type}")
        for one in session.get_outputs()
    )
    names = [value.name for value in session.get_outputs() if value.type in _FLOATS]
    if not names:
        raise _wrong_output(outputs)

    def answers(values: NDArray[Any]) -> Mapping[str, Floats]:
        size = fixed or _BATCH
        parts: dict[str, list[Floats]] = {name: [] for name in names}
        for start in range(0, len(values), size):
            part = values[start : start + size]
            missing = size - len(part) if fixed else 0
            padded = np.concatenate([part, np.zeros((missing, *part.shape[1:]), part.dtype)])
            for name, given in zip(names, _run(session, names, source.name, padded), strict=True):
                if given.size == CLASSES * len(padded):
                    rows = given.reshape(len(padded), CLASSES)
                    parts[name].append(rows[: len(part)].astype(np.float32))
        found = {name: np.concatenate(rows) for name, rows in parts.items() if rows}
        return {name: rows for name, rows in found.items() if len(rows) == len(values)}

    def wrap(trial: Trial) -> tuple[bytes, None]:
        if _is_ours(session, trial):
            del model.metadata_props[:]  # they describe another run
            return onnx_wrap.serialised(model), None
        return onnx_wrap.wrap(model, source.name, trial, dtype, fixed), None

    return Network(path, shapes, dtype, outputs, answers, wrap, fixed is None)


_FLOATS = {"tensor(float)", "tensor(double)", "tensor(float16)"}
_DTYPES: dict[str, np.dtype[Any]] = {
    "tensor(double)": np.dtype(np.float64),
    "tensor(float)": np.dtype(np.float32),
    "tensor(float16)": np.dtype(np.float16),
    "tensor(int32)": np.dtype(np.int32),
    "tensor(int64)": np.dtype(np.int64),
    "tensor(uint8)": np.dtype(np.uint8),
}


def _run(
    session: Any, names: Sequence[str], source: str, values: NDArray[Any]
) -> list[NDArray[Any]]:
    try:
        found: list[NDArray[Any]] = session.run(list(names), {source: values})
    except Exception as error:  # ONNX Runtime's error classes share no other base
        raise ModelError(f"it does not run: {error}") from error
    return found


def _fits(shape: tuple[int, ...], dimensions: Sequence[Any]) -> bool:
    """Return whether an input of these dimensions, the first for images, takes a shape."""
    if len(dimensions) != 1 + len(shape):
        return not dimensions  # a rank that is not stated
    wanted = zip(dimensions[1:], shape, strict=True)
    return all(not isinstance(size, int) or size == known for size, known in wanted)


def _is_ours(session: Any, trial: Trial) -> bool:
    """Return whether a model has our contract already."""
    (given,) = session.get_inputs()
    names = [value.name for value in session.get_outputs()]
    return (
        (given.name, given.type, given.shape[1:]) == ("image", "tensor(uint8)", [28, 28])
        and not isinstance(given.shape[0], int)
        and names == ["probabilities"]
        and trial.kind == "probabilities"
        and trial.form.affine == (1, 0)
        and not trial.form.transposed
    )


# Errors


def _shape_text(shape: Sequence[Any]) -> str:
    """Write a shape; sizes that are free get names."""
    names = ["N", *["any"] * len(shape)]
    sizes = [
        str(size) if isinstance(size, int) else name
        for size, name in zip(shape, names, strict=False)
    ]
    return f"[{', '.join(sizes)}]"


def _wrong_input(what: str) -> ModelError:
    return ModelError(
        what,
        expected="one input: an axis for several images, and 28x28 or 32x32 pixels, flat or with "
        "1 or 3 channels",
        remedy="train it again on such images; or, if a PyTorch model takes larger ones, export "
        "torch.nn.Sequential(torch.nn.Upsample((SIDE, SIDE)), model)",
    )


def _wrong_output(shapes: str) -> ModelError:
    return ModelError(
        f"its output is {shapes}",
        expected="ten floats for each image, one for each digit",
        remedy="only networks that tell the ten digits apart can be adopted; export the outputs "
        "before the argmax",
    )
