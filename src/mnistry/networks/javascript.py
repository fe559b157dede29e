"""An ONNX network of ours as JavaScript computes it: its operators, and its weights in fewer bits.

Large weights have 16 bits, in large networks 8; the difference that this makes to the answers is
measured with ONNX Runtime. ``studio/static/pure/network.js`` loads and runs the result. Knows
nothing of pages.
"""

import base64
import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from mnistry.datasets.dataset import Images
from mnistry.errors import ModelError
from mnistry.inference import onnx_session

# A network with more than MOST_IN_16_BITS numbers is stored in eight bits, if that changes at most
# the share MOST_CHANGED of its answers, and no probability by more than MOST_DIFFERENT.
MOST_IN_16_BITS = 500_000
MOST_CHANGED, MOST_DIFFERENT = 0.001, 0.03
LARGE = 4096  # a weight array with fewer numbers keeps all their bits
# As in OPERATORS of studio/static/pure/operators.js.
OPERATORS = (
    *("Add", "AveragePool", "BatchNormalization", "Cast", "Concat", "Conv", "Elu", "Flatten"),
    *("Gather", "Gemm", "GlobalAveragePool", "MaxPool", "Mean", "Mul", "ReduceLogSumExp", "Relu"),
    *("Reshape", "Sigmoid", "Softmax", "Sum", "Tanh", "Transpose"),
)
# Settings that JavaScript does not know, and the only values that they may have.
_FIXED: Mapping[str, Mapping[str, Any]] = {
    "AveragePool": {"count_include_pad": 0, "ceil_mode": 0, "auto_pad": b"NOTSET"},
    "Concat": {"axis": 1},
    "Conv": {"group": 1, "dilations": [1, 1], "auto_pad": b"NOTSET"},
    "Flatten": {"axis": 1},
    "Gather": {"axis": 1},
    "Gemm": {"alpha": 1.0, "beta": 1.0, "transA": 0},
    "MaxPool": {"dilations": [1, 1], "ceil_mode": 0, "storage_order": 0, "auto_pad": b"NOTSET"},
    "ReduceLogSumExp": {"axes": [1], "keepdims": 0},
}
# ONNX's defaults for settings that are left out, where they are not the values above.
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "Gather": {"axis": 0},
    "ReduceLogSumExp": {"axes": None, "keepdims": 1},
}
# These operators combine numbers in the same places, or one number with all.
_BY_NUMBER = ("Add", "Mean", "Mul", "Sum")
# The settings in which a constant has its numbers, and their type; as a tensor it has its own.
_CONSTANTS: Mapping[str, type[np.generic] | None] = {
    "value": None,
    "value_float": np.float32,
    "value_floats": np.float32,
    "value_int": np.int64,
    "value_ints": np.int64,
}
# The settings that JavaScript is given.
_KNOWN = ("alpha", "epsilon", "kernel_shape", "pads", "perm", "strides")


@dataclasses.dataclass(frozen=True, eq=False)
class PageNetwork:
    """A network for JavaScript.

    Attributes
    ----------
    description
        Its operators and the places of its weights, as JSON values.
    content
        The numbers of all weights.
    numbers
        How many there are.
    bits
        Bits for a number of a large weight: 16 or 8.
    changed, count
        How many of the images are answered differently, and how many there are.
    difference
        The largest difference of a probability.
    image, answer
        One of the images, and its probabilities with the stored weights: a page can check itself.
    """

    description: dict[str, Any]
    content: bytes
    numbers: int
    bits: int
    changed: int
    count: int
    difference: float
    image: NDArray[np.uint8]
    answer: NDArray[np.float32]

    def to_json(self) -> dict[str, Any]:
        """Return what ``studio/static/pure/one_digit.js`` opens."""
        return {
            "network": self.description,
            "content": base64.b64encode(self.content).decode(),
            "check": {
                "image": self.image.ravel().tolist(),
                "probabilities": self.answer.tolist(),
            },
        }


def translate(content: bytes, images: Images, where: str) -> PageNetwork:
    """Translate an ONNX model of ours, and measure what fewer bits change.

    Parameters
    ----------
    content
        The ONNX model.
    images
        ``uint8``, shape ``(n, 28, 28)``: the answers are compared on them.
    where
        The model's name, for messages.

    Raises
    ------
    ModelError
        If it has operators that no network of mnistry's own has.
    """
    graph = _Graph(_simplified(onnx.load_model_from_string(content)), where)
    before = onnx_session.probabilities(onnx_session.open_session(content), images)
    numbers = sum(one.size for one in graph.weights.values() if one.dtype.kind == "f")
    for bits in (8, 16) if numbers > MOST_IN_16_BITS else (16,):
        stored = {name: _store(weights, bits) for name, weights in graph.weights.items()}
        session = onnx_session.open_session(graph.with_weights(stored))
        after = onnx_session.probabilities(session, images)
        changed = int((before.argmax(axis=1) != after.argmax(axis=1)).sum())
        difference = float(abs(before - after).max())
        if changed <= MOST_CHANGED * len(images) and difference <= MOST_DIFFERENT:
            break
    entries, parts, at = [], [], 0
    for name, one in stored.items():
        entries.append({"name": name, "shape": list(graph.weights[name].shape), **one.entry(at)})
        parts.append(one.content)
        at += len(one.content)
    description = {"operators": list(graph.operators()), "weights": entries}
    return PageNetwork(
        description,
        b"".join(parts),
        numbers,
        bits,
        changed,
        len(images),
        difference,
        images[0],
        after[0],
    )


@dataclasses.dataclass(frozen=True, eq=False)
class _Stored:
    """A weight as it is stored: its numbers times their scales; whole numbers as a list."""

    type: str
    numbers: NDArray[np.generic]
    scales: NDArray[np.float32]

    @property
    def content(self) -> bytes:
        return b"" if self.type == "list" else self.numbers.tobytes()

    def entry(self, at: int) -> dict[str, Any]:
        """Return its description; `at` is its place in bytes."""
        if self.type == "list":
            return {"type": "list", "values": self.numbers.ravel().tolist()}
        return {"type": self.type, "at": at, "scales": self.scales.tolist()}

    def restored(self) -> NDArray[np.generic]:
        """Return the weight as JavaScript computes with it."""
        if self.type == "list":
            return self.numbers
        rows = self.numbers.astype(np.float32).reshape(len(self.scales), -1)
        return (rows * self.scales[:, None]).reshape(self.numbers.shape)


def _store(weights: NDArray[np.generic], bits: int) -> _Stored:
    """Round a weight. Scales are powers of two for 16 bits, and one for each row for 8."""
    if weights.dtype.kind != "f":
        return _Stored("list", weights, np.ones(1, np.float32))
    values = weights.astype("<f4")
    largest = float(abs(values).max()) if values.size else 0.0
    if values.size < LARGE or not largest:
        return _Stored("float32", values, np.ones(1, np.float32))
    if bits == 16:
        # The largest number is just below 2^15: smaller ones keep their eleven bits longest.
        scale = np.float32(2.0 ** (np.ceil(np.log2(largest)) - 15))
        return _Stored("float16", (values / scale).astype("<f2"), np.array([scale]))
    rows = values.reshape(len(values), -1)
    scales = np.maximum(abs(rows).max(axis=1) / 127, np.finfo(np.float32).tiny)
    whole = np.rint(rows / scales[:, None]).astype(np.int8).reshape(values.shape)
    return _Stored("int8", whole, scales.astype(np.float32))


class _Graph:
    """The graph of a model: its operators, and the weights that they use.

    A weight that the model stores in 16 bits and casts to 32 has 32 bits here, and the cast is left
    out. A dense layer's kernel has a row for each node here, whether or not the model transposes
    it.
    """

    def __init__(self, model: onnx.ModelProto, where: str) -> None:
        self._model, self._where = model, where
        stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        self._cast = {
            node.output[0]: node.input[0]
            for node in model.graph.node
            if node.op_type == "Cast" and node.input[0] in stored
        }
        self._nodes = [node for node in model.graph.node if node.output[0] not in self._cast]
        sources = {name: name for name in stored} | self._cast
        by_rows = {
            node.input[1]: self._is_by_rows(node) for node in self._nodes if node.op_type == "Gemm"
        }
        shapes = _shapes(model) | {name: stored[source].shape for name, source in sources.items()}
        self.weights: dict[str, NDArray[np.generic]] = {}
        for node in self._nodes:
            self._check(node, shapes)
            for name in node.input:
                if name in sources:
                    values = stored[sources[name]]
                    self.weights[name] = values if by_rows.get(name, True) else values.T
        self._by_rows = by_rows
        if not self._nodes or self._nodes[-1].op_type != "Softmax":
            raise ModelError(
                "its last operator is not a softmax",
                where=where,
                expected="what networks that mnistry trains have",
                remedy="export it with --format onnx",
            )

    def operators(self) -> Iterator[dict[str, Any]]:
        """Yield the operators as JSON values."""
        for node in self._nodes:
            settings = {name: value for name, value in _settings(node).items() if name in _KNOWN}
            yield {
                "operator": node.op_type,
                "inputs": list(node.input),
                "output": node.output[0],
                "settings": settings,
            }

    def with_weights(self, stored: Mapping[str, _Stored]) -> bytes:
        """Return the ONNX model with other weights, of 32 bits."""
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        del model.graph.node[:], model.graph.initializer[:]
        model.graph.node.extend(self._nodes)
        for name, one in stored.items():
            values = one.restored()
            values = values if self._by_rows.get(name, True) else values.T
            model.graph.initializer.append(
                numpy_helper.from_array(np.ascontiguousarray(values), name)
            )
        content: bytes = model.SerializeToString()
        return content

    @staticmethod
    def _is_by_rows(node: onnx.NodeProto) -> bool:
        return bool(_settings(node).get("transB"))

    def _check(self, node: onnx.NodeProto, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Raise ModelError for what JavaScript does not know; `shapes` are those for one image."""
        settings = {**_DEFAULTS.get(node.op_type, {}), **_settings(node)}
        fixed = _FIXED.get(node.op_type, {})
        strange = [name for name, value in fixed.items() if settings.get(name, value) != value]
        inputs = [shapes.get(name, ()) for name in node.input]
        sizes = {math.prod(shape) for shape in inputs}
        is_uneven = node.op_type in _BY_NUMBER and not sizes <= {
            1, math.prod(shapes.get(node.output[0], ()))
        }  # fmt: skip
        is_deep = node.op_type == "Softmax" and len(inputs[0]) != 1
        known = node.op_type in OPERATORS and len(node.output) == 1
        if not known or strange or is_uneven or is_deep:
            what = f"the operator {node.op_type}"
            if strange:
                what += f" with {strange[0]} = {settings[strange[0]]}"
            elif is_uneven:
                what += " of inputs of different sizes"
            elif is_deep:
                what += " of more than one row of numbers"
            raise ModelError(
                f"{what}: the page cannot compute it",
                where=self._where,
                expected="what networks that mnistry trains have",
                remedy="export it with --format onnx",
            )


def _simplified(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store a model's constants as weights, and remove its operators that change nothing; in place.

    Networks from elsewhere have such operators, and so have ours once they are adopted.
    """
    graph, names = model.graph, dict[str, str]()
    outputs = {value.name for value in graph.output}
    nodes = []
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        settings = _settings(node)
        if node.op_type == "Identity" and node.output[0] not in outputs:
            names[node.output[0]] = node.input[0]
        elif node.op_type == "Constant" and settings.keys() & _CONSTANTS.keys():
            ((name, value),) = settings.items()
            kind = _CONSTANTS[name]
            values = numpy_helper.to_array(value) if kind is None else np.array(value, kind)
            graph.initializer.append(numpy_helper.from_array(values, node.output[0]))
        else:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    return model


def _shapes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Return each value's shape for one image; a side that is not known is 0."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    return {
        value.name: tuple(side.dim_value for side in value.type.tensor_type.shape.dim)[1:]
        for value in (*graph.input, *graph.value_info, *graph.output)
    }


def _settings(node: onnx.NodeProto) -> dict[str, Any]:
    return {one.name: helper.get_attribute_value(one) for one in node.attribute}
