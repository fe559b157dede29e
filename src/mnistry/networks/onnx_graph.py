"""Keras layers as the operators of ONNX's default domain that compute the same.

Keras keeps an image's channels last and ONNX first: inside the ONNX graph an image is
``[N, C, H, W]``. Knows nothing of files, and runs nothing.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import keras
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mnistry.errors import ModelError
from mnistry.networks import keras_files
from mnistry.networks.fast_layers import borders
from mnistry.networks.onnx_wrap import IR_VERSION, OPSET
from mnistry.version import __version__

_ACTIVATIONS = {
    "elu": "Elu",
    "log_softmax": "LogSoftmax",
    "relu": "Relu",
    "selu": "Selu",
    "sigmoid": "Sigmoid",
    "softmax": "Softmax",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "tanh": "Tanh",
}


def to_onnx(model: keras.Model) -> onnx.ModelProto:
    """Translate a Keras model into ONNX.

    Parameters
    ----------
    model
        A Functional or Sequential model of the layers named in `LAYERS`, each called once.

    Returns
    -------
    onnx.ModelProto
        Input ``image``, ``uint8 [N, 28, 28]``; output ``probabilities``, ``float32 [N, classes]``;
        weights inside, ``float32``.

    Raises
    ------
    ModelError
        If the model has another input or output, or a layer that is not supported.
    """
    keras_files.check_contract(model)
    graph = _Graph()
    layers = {layer.name: layer for layer in model.layers}  # a Sequential omits its InputLayer
    values: dict[str, _Value] = {}
    for kind, name, sources in calls(model):
        graph.layer = name
        result = LAYERS[kind](graph, layers.get(name), *(values[source] for source in sources))
        values[name] = result
    # Every other layer leads to the one output, so the output's layer comes last.
    return graph.finish(result)


@dataclasses.dataclass(frozen=True)
class _Value:
    """A tensor of the ONNX graph.

    Attributes
    ----------
    name
        Its name in the graph.
    shape
        Its shape in Keras, without N. With three axes, Keras's ``(h, w, c)`` is ``[N, C, H, W]``
        in ONNX.
    factor
        What it must still be multiplied by: the next layer's weights absorb it at no cost.
    """

    name: str
    shape: tuple[int, ...]
    factor: float = 1.0


class _Graph:
    """An ONNX graph under construction."""

    def __init__(self) -> None:
        self.layer = ""  # the Keras layer whose operators are being added
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(
        self,
        operator: str,
        value: _Value,
        *others: _Value | NDArray[Any],
        shape: tuple[int, ...] | None = None,
        factor: float = 1.0,
        **attributes: Any,
    ) -> _Value:
        """Append an operator; its result has the shape of `value` unless `shape` is given."""
        name = f"{self.layer}/{operator}_{len(self.nodes)}"
        inputs = [value.name]
        for other in others:
            if isinstance(other, _Value):
                inputs.append(other.name)
            else:
                inputs.append(f"{name}/{len(inputs)}")
                self.weights.append(numpy_helper.from_array(other, inputs[-1]))
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return _Value(name, value.shape if shape is None else shape, factor)

    def apply_factor(self, value: _Value) -> _Value:
        """Multiply by the factor that is still missing."""
        if value.factor == 1:
            return value
        return self.add("Mul", value, np.array(value.factor, np.float32))

    def in_keras_order(self, value: _Value) -> _Value:
        """Put the channels last, if that changes the order of the numbers in memory."""
        if len(value.shape) < 3 or _is_flat(value.shape):
            return value
        return self.add("Transpose", value, perm=[0, 2, 3, 1], factor=value.factor)

    def finish(self, value: _Value) -> onnx.ModelProto:
        result, classes = self.apply_factor(value).name, value.shape[-1]
        for node in self.nodes:
            for names in (node.input, node.output):
                names[:] = ["probabilities" if name == result else name for name in names]
        graph = helper.make_graph(
            self.nodes,
            "network",
            [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", 28, 28])],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", classes])],
            self.weights,
        )
        return helper.make_model(
            graph,
            producer_name="mnistry",
            producer_version=__version__,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
        )


def calls(model: keras.Model) -> Iterator[tuple[str, str, list[str]]]:
    """Yield, inputs first, each layer's class, its name, and the layers that it is called on.

    Raises
    ------
    ModelError
        If a layer cannot be exported, or is called more than once.
    """
    try:
        entries = model.get_config()["layers"]
    except (NotImplementedError, KeyError, TypeError) as error:
        raise ModelError(
            f"{model.name} cannot be described as a graph of layers",
            expected="a Functional or Sequential model of stock Keras layers",
        ) from error
    previous: list[str] = []
    for entry in entries:
        kind, name = entry["class_name"], entry.get("name") or entry["config"].get("name")
        # A class of this name from another module may compute anything.
        if entry["module"] != "keras.layers" or kind not in LAYERS:
            raise ModelError(
                f"layer {name} ({kind}) cannot be written as ONNX",
                expected="one of " + ", ".join(sorted(LAYERS)),
            )
        if isinstance(model, keras.Sequential):
            sources = previous
            previous = [name]
        else:
            if len(entry["inbound_nodes"]) > 1:
                raise ModelError(f"layer {name} is called more than once", expected="one call each")
            sources = list(_sources(entry["inbound_nodes"]))
        yield kind, name, sources


def _sources(description: Any) -> Iterator[str]:
    """Yield the names of the layers whose outputs are in Keras's record of a call."""
    if isinstance(description, dict):
        if description.get("class_name") == "__keras_tensor__":
            yield description["config"]["keras_history"][0]
            return
        description = list(description.values())
    if isinstance(description, list | tuple):
        for part in description:
            yield from _sources(part)


def _is_flat(shape: tuple[int, ...]) -> bool:
    """Return whether channels first and last are the same order: one channel, or one pixel."""
    height, width, channels = shape
    return channels == 1 or height * width == 1


def _image(graph: _Graph, _layer: keras.Layer) -> _Value:
    return graph.add("Cast", _Value("image", (28, 28)), to=TensorProto.FLOAT)


def _rescaling(graph: _Graph, layer: keras.Layer, value: _Value) -> _Value:
    if np.ndim(layer.scale) or np.ndim(layer.offset):
        raise _unsupported(layer, "scale or offset is not a single number")
    value = dataclasses.replace(value, factor=value.factor * layer.scale)
    if layer.offset == 0:
        return value
    return graph.add("Add", graph.apply_factor(value), np.array(layer.offset, np.float32))


def _reshape(graph: _Graph, layer: keras.Layer, value: _Value) -> _Value:
    shape = layer.compute_output_shape((None, *value.shape))[1:]
    factor = value.factor
    value = graph.in_keras_order(value)
    if len(shape) == 3 and _is_flat(shape):
        numbers = np.array([0, shape[2], *shape[:2]])
        return graph.add("Reshape", value, numbers, shape=shape, factor=factor)
    value = graph.add("Reshape", value, np.array([0, *shape]), shape=shape, factor=factor)
    if len(shape) < 3:
        return value
    return graph.add("Transpose", value, perm=[0, 3, 1, 2], factor=factor)


def _permute(graph: _Graph, layer: keras.Layer, value: _Value) -> _Value:
    if len(value.shape) != 2:
        raise _unsupported(layer, "it is called on more or fewer axes than two")
    shape = layer.compute_output_shape((None, *value.shape))[1:]
    return graph.add("Transpose", value, perm=[0, *layer.dims], shape=shape, factor=value.factor)


def _flatten(graph: _Graph, layer: keras.Layer, value: _Value) -> _Value:
    _check_channels_last(layer)
    if len(value.shape) == 1:
        return value
    shape, ordered = (math.prod(value.shape),), graph.in_keras_order(value)
    return graph.add("Flatten", ordered, shape=shape, factor=value.factor, axis=1)


def _activate(graph: _Graph, layer: keras.Layer, value: _Value) -> _Value:
    """Apply a layer's activation function."""
    if layer.activation is keras.activations.linear:
        return value
    for name, operator in _ACTIVATIONS.items():
        if layer.activation is keras.activations.get(name):
            value = graph.apply_factor(value)
            if operator.endswith("Softmax"):
                return graph.add(operator, value, axis=_channel_axis(value))
            return graph.add(operator, value)
    raise _unsupported(layer, "its activation is not one of linear, " + ", ".join(_ACTIVATIONS))


def _dense(graph: _Graph, layer: keras.Layer, value: _Value) -> _Value:
    if len(value.shape) != 1:
        raise _unsupported(layer, f"it is called on the shape {value.shape}: put Flatten before it")
    kernel = _weights(layer.kernel, value.factor)
    bias = [_weights(layer.bias)] if layer.use_bias else []
    result = graph.add("Gemm", value, kernel, *bias, shape=(layer.units,))
    return _activate(graph, layer, result)


def _conv2d(graph: _Graph, layer: keras.Layer, value: _Value) -> _Value:
    # Keras: height, width, channels in, filters. ONNX: filters, channels in, height, width.
    kernel = _weights(layer.kernel, value.factor).transpose(3, 2, 0, 1)
    return _convolution(graph, layer, value, kernel, layer.groups)


def _depthwise_conv2d(graph: _Graph, layer: keras.Layer, value: _Value) -> _Value:
    # Keras: height, width, channels, filters of each. ONNX: filters, 1, height, width.
    kernel = _weights(layer.kernel, value.factor)
    height, width, channels, _ = kernel.shape
    kernel = kernel.transpose(2, 3, 0, 1).reshape(-1, 1, height, width)
    return _convolution(graph, layer, value, kernel, channels)


def _convolution(
    graph: _Graph, layer: keras.Layer, value: _Value, kernel: NDArray[np.float32], groups: int
) -> _Value:
    """Add a convolution with a kernel in ONNX's order of axes."""
    _check_channels_last(layer)
    result = graph.add(
        "Conv",
        value,
        np.ascontiguousarray(kernel),
        *([_weights(layer.bias)] if layer.use_bias else []),
        shape=layer.compute_output_shape((None, *value.shape))[1:],
        kernel_shape=layer.kernel_size,
        strides=layer.strides,
        dilations=layer.dilation_rate,
        group=groups,
        pads=_pads(layer, value, layer.kernel_size),
    )
    return _activate(graph, layer, result)


def _zero_padding2d(graph: _Graph, layer: keras.Layer, value: _Value) -> _Value:
    _check_channels_last(layer)
    (top, bottom), (left, right) = layer.padding
    return graph.add(
        "Pad",
        value,
        np.array([0, 0, top, left, 0, 0, bottom, right]),
        shape=layer.compute_output_shape((None, *value.shape))[1:],
        factor=value.factor,
    )


def _pool(operator: str, graph: _Graph, layer: keras.Layer, value: _Value) -> _Value:
    _check_channels_last(layer)
    return graph.add(
        operator,
        graph.apply_factor(value),
        shape=layer.compute_output_shape((None, *value.shape))[1:],
        kernel_shape=layer.pool_size,
        strides=layer.strides,
        pads=_pads(layer, value, layer.pool_size),
    )


def _global_average_pooling(graph: _Graph, layer: keras.Layer, value: _Value) -> _Value:
    _check_channels_last(layer)
    channels = value.shape[-1]
    pooled = graph.add("GlobalAveragePool", graph.apply_factor(value), shape=(1, 1, channels))
    return pooled if layer.keepdims else graph.add("Flatten", pooled, shape=(channels,), axis=1)


def _batch_normalization(graph: _Graph, layer: keras.Layer, value: _Value) -> _Value:
    axes = len(value.shape)
    if axes == 2 or layer.axis % (axes + 1) != axes:
        raise _unsupported(layer, "it does not normalise channels, or the values of a flat input")
    mean, variance = _weights(layer.moving_mean), _weights(layer.moving_variance)
    return graph.add(
        "BatchNormalization",
        graph.apply_factor(value),
        _weights(layer.gamma) if layer.scale else np.ones_like(mean),
        _weights(layer.beta) if layer.center else np.zeros_like(mean),
        mean,
        variance,
        epsilon=layer.epsilon,
    )


def _relu(graph: _Graph, layer: keras.Layer, value: _Value) -> _Value:
    if layer.max_value is not None or layer.negative_slope or layer.threshold:
        raise _unsupported(layer, "max_value, negative_slope or threshold is set")
    return graph.add("Relu", graph.apply_factor(value))


def _softmax(graph: _Graph, layer: keras.Layer, value: _Value) -> _Value:
    if layer.axis != -1:
        raise _unsupported(layer, f"axis is {layer.axis}, not -1")
    return graph.add("Softmax", graph.apply_factor(value), axis=_channel_axis(value))


def _add(graph: _Graph, layer: keras.Layer, *values: _Value) -> _Value:
    if len({value.shape for value in values}) != 1:
        raise _unsupported(layer, "it adds different shapes")
    first, *others = (graph.apply_factor(value) for value in values)
    return graph.add("Sum", first, *others)


def _concatenate(graph: _Graph, layer: keras.Layer, *values: _Value) -> _Value:
    axes = len(values[0].shape)
    axis = layer.axis % (axes + 1)
    if axes == 3:  # the channels are the first axis in ONNX
        axis = {1: 2, 2: 3, 3: 1}[axis]
    first, *others = (graph.apply_factor(value) for value in values)
    shape = layer.compute_output_shape([(None, *value.shape) for value in values])[1:]
    return graph.add("Concat", first, *others, shape=shape, axis=axis)


LAYERS: dict[str, Callable[..., _Value]] = {
    "Activation": _activate,
    "Add": _add,
    # Neither Keras nor ONNX, by default, counts the padding in the mean.
    "AveragePooling2D": partial(_pool, "AveragePool"),
    "BatchNormalization": _batch_normalization,
    "Concatenate": _concatenate,
    "Conv2D": _conv2d,
    "Dense": _dense,
    "DepthwiseConv2D": _depthwise_conv2d,
    "Dropout": lambda _graph, _layer, value: value,
    "Flatten": _flatten,
    "GlobalAveragePooling2D": _global_average_pooling,
    "InputLayer": _image,
    "MaxPooling2D": partial(_pool, "MaxPool"),
    "Permute": _permute,
    "ReLU": _relu,
    "Rescaling": _rescaling,
    "Reshape": _reshape,
    "Softmax": _softmax,
    "ZeroPadding2D": _zero_padding2d,
}
"""The Keras layers that can be exported."""


def _channel_axis(value: _Value) -> int:
    """Return ONNX's number for Keras's last axis."""
    return 1 if len(value.shape) == 3 else len(value.shape)


def _pads(layer: keras.Layer, value: _Value, size: tuple[int, int]) -> list[int]:
    """Return the padding as ONNX takes it: top, left, bottom, right."""
    height, width, _ = value.shape
    (top, bottom), (left, right) = borders(layer, (height, width), size)
    return [top, left, bottom, right]


def _weights(variable: Any, factor: float = 1.0) -> NDArray[np.float32]:
    values = np.asarray(keras.ops.convert_to_numpy(variable), np.float64)
    return (values * factor).astype(np.float32)


def _check_channels_last(layer: keras.Layer) -> None:
    if layer.data_format != "channels_last":
        raise _unsupported(layer, f"its data_format is {layer.data_format}, not channels_last")


def _unsupported(layer: keras.Layer, why: str) -> ModelError:
    return ModelError(
        f"layer {layer.name} ({type(layer).__name__}) cannot be written as ONNX: {why}"
    )
