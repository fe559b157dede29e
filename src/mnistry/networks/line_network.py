"""The network that reads written lines: convolutions down to one row, then dilated ones along it.

Input: strips of ink, ``uint8 [N, 48, W]``; W is a multiple of 4, and the reader uses multiples of
16. Output: for every fourth column the log probability of each class, blank first, as connectionist
temporal classification requires.
There are only convolutions: on the CPU a recurrent layer is ten times slower. Knows nothing of
training.
"""

from __future__ import annotations

import keras
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mnistry.networks.onnx_wrap import IR_VERSION, OPSET
from mnistry.version import __version__

HEIGHT = 48
# Filters, kernel size and strides of each convolution: 48 rows become 24, 12, 6 and then 1; W
# columns become W / 4.
_DOWN = (
    (24, (3, 3), (2, 2)),
    (48, (3, 3), (2, 1)),
    (96, (3, 3), (2, 2)),
)
_FILTERS = 160
# Dilation of each layer along the line: together they see 63 steps, which are 252 columns.
_DILATIONS = (1, 2, 4, 8, 16)


def build(classes: int, *, seed: int = 0) -> keras.Model:
    """Build the network, uncompiled.

    Parameters
    ----------
    classes
        Number of classes, including the blank.
    seed
        Seed of the initial weights.

    Examples
    --------
    >>> build(19).count_params()
    720107
    """
    seeds = iter(range(1000 * seed, 1000 * seed + 1000))

    def convolve(value: object, filters: int, name: str, **options: object) -> object:
        layer = keras.layers.Conv2D(
            filters, use_bias=False, name=name,
            kernel_initializer=keras.initializers.HeNormal(next(seeds)), **options,
        )  # fmt: skip
        normalise = keras.layers.BatchNormalization(momentum=0.98, name=f"{name}_norm")
        return keras.layers.ReLU(name=f"{name}_relu")(normalise(layer(value)))

    ink = keras.Input((HEIGHT, None), dtype="uint8", name="ink")
    value = keras.layers.Rescaling(1 / 255, name="scale")(ink)
    value = keras.layers.Reshape((HEIGHT, -1, 1), name="image")(value)
    for i, (filters, size, strides) in enumerate(_DOWN):
        value = convolve(
            value, filters, f"down{i}", kernel_size=size, strides=strides, padding="same"
        )
    # One kernel covers all six rows and three columns.
    value = keras.layers.ZeroPadding2D((0, 1), name="pad")(value)
    value = convolve(value, _FILTERS, "flatten", kernel_size=(6, 3), padding="valid")
    for i, dilation in enumerate(_DILATIONS):
        more = convolve(
            value, _FILTERS, f"along{i}", kernel_size=(1, 3), padding="same",
            dilation_rate=(1, dilation),
        )  # fmt: skip
        value = keras.layers.Add(name=f"add{i}")([value, more])
    value = keras.layers.Dropout(0.1, seed=next(seeds), name="dropout")(value)
    value = keras.layers.Conv2D(
        classes, 1, name="logits", kernel_initializer=keras.initializers.GlorotUniform(next(seeds))
    )(value)
    value = keras.layers.Reshape((-1, classes), name="steps")(value)
    return keras.Model(ink, value, name="lines")


def to_onnx(model: keras.Model, temperature: float = 1.0) -> onnx.ModelProto:
    """Convert a network to ONNX, with batch normalisation folded in and 16-bit weights.

    Parameters
    ----------
    model
        A trained network from `build`.
    temperature
        Divisor of the logits.

    Returns
    -------
    onnx.ModelProto
        Input ``ink``, ``uint8 [N, 48, W]``; output ``log_probabilities``,
        ``float32 [N, W/4, classes]``.
    """
    nodes: list[onnx.NodeProto] = []
    weights: list[onnx.TensorProto] = []

    def constant(array: NDArray[np.generic], name: str) -> str:
        weights.append(numpy_helper.from_array(array, name))
        return name

    def add(operator: str, inputs: list[str], name: str, **attributes: object) -> str:
        nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def convolution(value: str, name: str, factor: float, **attributes: object) -> str:
        kernel, bias = _folded(model, name)
        half = constant((kernel * factor).astype(np.float16), f"{name}/kernel16")
        kernel32 = add("Cast", [half], f"{name}/kernel", to=TensorProto.FLOAT)
        return add("Conv", [value, kernel32, constant(bias, f"{name}/bias")], name, **attributes)

    value = add("Cast", ["ink"], "cast", to=TensorProto.FLOAT)
    value = add("Unsqueeze", [value, constant(np.array([1]), "axis1")], "image")
    for i, (_, _, (down, right)) in enumerate(_DOWN):
        # Keras's "same" padding: an even side gets one pixel at its end for stride 2, and one at
        # each end for stride 1.
        pads = [0, int(right == 1), 1, 1]
        value = convolution(
            value, f"down{i}", 1 / 255 if i == 0 else 1.0, strides=[down, right], pads=pads
        )
        value = add("Relu", [value], f"down{i}_relu")
    value = convolution(value, "flatten", 1.0, pads=[0, 1, 0, 1])
    value = add("Relu", [value], "flatten_relu")
    for i, dilation in enumerate(_DILATIONS):
        more = convolution(
            value, f"along{i}", 1.0, dilations=[1, dilation], pads=[0, dilation, 0, dilation]
        )
        more = add("Relu", [more], f"along{i}_relu")
        value = add("Add", [value, more], f"add{i}")
    kernel, bias = (np.asarray(w) / temperature for w in model.get_layer("logits").get_weights())
    half = constant(kernel.transpose(3, 2, 0, 1).astype(np.float16), "logits/kernel16")
    kernel32 = add("Cast", [half], "logits/kernel", to=TensorProto.FLOAT)
    bias = bias.astype(np.float32)
    value = add("Conv", [value, kernel32, constant(bias, "logits/bias")], "logits")
    value = add("Squeeze", [value, constant(np.array([2]), "axis2")], "row")
    value = add("Transpose", [value], "steps", perm=[0, 2, 1])
    add("LogSoftmax", [value], "log_probabilities", axis=2)
    classes = len(bias)
    graph = helper.make_graph(
        nodes,
        "lines",
        [helper.make_tensor_value_info("ink", TensorProto.UINT8, ["N", HEIGHT, "W"])],
        [
            helper.make_tensor_value_info(
                "log_probabilities", TensorProto.FLOAT, ["N", "T", classes]
            )
        ],
        weights,
    )
    return helper.make_model(
        graph, producer_name="mnistry", producer_version=__version__,
        opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION,
    )  # fmt: skip


def _folded(model: keras.Model, name: str) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return a convolution's kernel and bias with its batch normalisation folded in."""
    (kernel,) = model.get_layer(name).get_weights()
    layer = model.get_layer(f"{name}_norm")
    gamma, beta, mean, variance = (np.asarray(w, np.float64) for w in layer.get_weights())
    factor = gamma / np.sqrt(variance + layer.epsilon)
    folded = np.asarray(kernel, np.float64).transpose(3, 2, 0, 1) * factor[:, None, None, None]
    return folded, np.asarray(beta - mean * factor, np.float32)
