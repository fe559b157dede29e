"""Put our input before an ONNX graph from elsewhere, and probabilities after it.

Works on graphs that `mnistry.inference.onnx_wire` has inspected; runs nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mnistry.datasets.dataset import CLASSES
from mnistry.errors import ModelError
from mnistry.inference import model_bytes
from mnistry.networks.form import LITTLE, InputFormat, Trial

# What we write: old enough for the runtimes of recent years, new enough for every operator used.
OPSET, IR_VERSION = 17, 8
# The newest IR version that every runtime knows; later ones add nothing that digit networks use.
_NEWEST_IR_VERSION = 10


def parse(content: bytes, where: str) -> onnx.ModelProto:
    """Parse an ONNX file; raise `ModelError` if it is damaged."""
    try:
        return onnx.load_model_from_string(content)
    except Exception as error:  # protobuf's error class depends on its version
        what = "it is not an ONNX model, or a damaged one"
        raise ModelError(what, where=where, remedy=model_bytes.AGAIN) from error


def serialised(model: onnx.ModelProto) -> bytes:
    """Return a model's bytes, the same ones each time."""
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def tensors_only(model: onnx.ModelProto) -> onnx.ModelProto:
    """Remove operators that only make labels or maps, and set a usual IR version; in place.

    scikit-learn's converter gives a label, and a map from each label to its probability; the input
    of the operator ZipMap holds these probabilities as an array.
    """
    graph = model.graph
    made = {name: node for node in graph.node for name in node.output}
    outputs = []
    for value in graph.output:
        node = made.get(value.name)
        if node is not None and node.op_type == "ZipMap":
            value = helper.make_empty_tensor_value_info(node.input[0])
        outputs.append(value)
    _replace(graph.output, outputs)
    stored = {tensor.name for tensor in graph.initializer}
    _replace(graph.input, [value for value in graph.input if value.name not in stored])
    _prune(graph, [value.name for value in outputs])
    model.ir_version = min(max(model.ir_version, 4), _NEWEST_IR_VERSION)
    # A domain may be listed twice, or not used at all; either makes some runtimes refuse the file.
    versions = {_domain(entry.domain): entry.version for entry in model.opset_import}
    used = {"", *(_domain(node.domain) for node in graph.node)}
    versions.setdefault("", OPSET)
    imports = [helper.make_opsetid(name, versions[name]) for name in versions if name in used]
    _replace(model.opset_import, imports)
    return model


def _domain(name: str) -> str:
    return "" if name == "ai.onnx" else name


def _replace(field: Any, values: Sequence[Any]) -> None:
    """Replace what a repeated protobuf field holds."""
    kept = list(values)
    del field[:]
    field.extend(kept)


def _prune(graph: onnx.GraphProto, wanted: Sequence[str]) -> None:
    """Remove operators and weights that the wanted values do not need, and all recorded shapes."""
    needed = set(wanted)
    nodes = []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed |= set(node.input)
            nodes.append(node)
    _replace(graph.node, nodes[::-1])
    _replace(graph.initializer, [tensor for tensor in graph.initializer if tensor.name in needed])
    del graph.value_info[:]


def wrap(
    model: onnx.ModelProto, source: str, trial: Trial, dtype: np.dtype[Any], fixed: int | None
) -> bytes:
    """Put our input before a model, and probabilities after it.

    Parameters
    ----------
    model
        From `tensors_only`. It is not changed.
    source
        The name of its input.
    trial
        The network's input format, and the name and kind of its output.
    dtype
        The type of its input.
    fixed
        The number of images that it takes at once; None if it takes any number.

    Returns
    -------
    bytes
        An ONNX model from ``image``, ``uint8`` of shape ``(n, 28, 28)``, to ``probabilities``,
        ``float32`` of shape ``(n, 10)``.
    """
    wrapped = onnx.ModelProto()
    wrapped.CopyFrom(model)
    wrapped.ClearField("doc_string")
    del wrapped.metadata_props[:]
    graph = wrapped.graph
    _prune(graph, [trial.output])
    # Our own names must be free.
    _rename(graph, {name: f"network/{name}" for name in ("image", "probabilities")})
    source, output = (
        f"network/{name}" if name in ("image", "probabilities") else name
        for name in (source, trial.output)
    )
    if fixed:
        _free_batch(graph, fixed)
        _prune(graph, [output])
    before = list(_input_nodes(trial.form, dtype, source, _operator_set(model)))
    _replace(graph.node, [*before, *graph.node])
    value = helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", 28, 28])
    _replace(graph.input, [value])
    return serialised(add_probabilities(wrapped, output, trial.kind))


def _operator_set(model: onnx.ModelProto) -> int:
    version: int = next(entry.version for entry in model.opset_import if not entry.domain)
    return version


def _rename(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    """Give values of a graph other names."""
    for node in graph.node:
        for values in (node.input, node.output):
            values[:] = [names.get(value, value) for value in values]
    for weights in graph.initializer:
        weights.name = names.get(weights.name, weights.name)


def _input_nodes(
    form: InputFormat, dtype: np.dtype[Any], source: str, operator_set: int
) -> Iterator[onnx.NodeProto]:
    """Yield the operators that turn ``image`` into `source`, as `InputFormat.apply` does."""
    factor, offset = form.affine
    # Before operator set 11, Pad takes its widths as an attribute, and pads only floats.
    has_old_pad = operator_set < 11
    computes = (factor, offset) != (1, 0) or (form.margin > 0 and has_old_pad)
    is_float = computes or dtype != np.uint8
    # Each operator with its second input, a constant, if it has one, and its attributes.
    steps: list[tuple[str, NDArray[Any] | None, dict[str, Any]]] = []
    if is_float:
        steps.append(("Cast", None, {"to": TensorProto.FLOAT}))
    if form.transposed:
        steps.append(("Transpose", None, {"perm": [0, 2, 1]}))
    if form.margin:
        pads = 2 * [0, form.margin, form.margin]
        if has_old_pad:
            steps.append(("Pad", None, {"pads": pads}))
        else:
            steps.append(("Pad", np.array(pads, np.int64), {}))
    if factor != 1:
        steps.append(("Mul", np.array(factor, np.float32), {}))
    if offset:
        steps.append(("Add", np.array(offset, np.float32), {}))
    if form.shape != (28, 28):
        steps.append(("Reshape", np.array([-1, *form.one_channel], np.int64), {}))
    if form.one_channel != form.shape:
        steps.append(("Tile", np.array([1, *form.repeats], np.int64), {}))
    kind = helper.np_dtype_to_tensor_dtype(dtype)
    if kind != (TensorProto.FLOAT if is_float else TensorProto.UINT8):
        steps.append(("Cast", None, {"to": kind}))
    # Without any other step, this one gives the image the name of the network's input.
    steps.append(("Identity", None, {}))
    value = "image"
    for number, (operator, constant, attributes) in enumerate(steps):
        name = source if number == len(steps) - 1 else f"mnistry/{operator}_{number}"
        inputs = [value]
        if constant is not None:
            inputs.append(f"{name}/constant")
            tensor = numpy_helper.from_array(constant)
            yield helper.make_node("Constant", [], [inputs[-1]], value=tensor)
        yield helper.make_node(operator, inputs, [name], name, **attributes)
        value = name


def add_probabilities(model: onnx.ModelProto, output: str, kind: str) -> onnx.ModelProto:
    """Turn a model's output into ``probabilities``, as `mnistry.networks.form.probabilities` does.

    Parameters
    ----------
    model
        Changed in place, and returned.
    output
        The name of its output: ten values for each image, of any numeric type and shape.
    kind
        What these values are; see `mnistry.networks.form.Trial`.
    """
    graph = model.graph
    if output == "probabilities":
        output = "network/probabilities"
        _rename(graph, {"probabilities": output})
    rows = numpy_helper.from_array(np.array([-1, CLASSES]), "mnistry/rows")
    graph.initializer.append(rows)
    steps = [
        helper.make_node("Cast", [output], ["mnistry/values"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["mnistry/values", rows.name], ["mnistry/scores"]),
    ]
    if kind == "scores":
        steps.append(helper.make_node("Softmax", ["mnistry/scores"], ["probabilities"], axis=1))
    elif kind == "shares":
        # Each row divided by its sum. MatMul with ones makes the sum: ReduceSum takes its axes in
        # another way from operator set 13 on. `LITTLE` keeps a row of zeros from a division by 0.
        for name, value in (("little", np.float32(LITTLE)), ("ones", np.ones((CLASSES, 1), "f4"))):
            weights = numpy_helper.from_array(np.asarray(value), f"mnistry/{name}")
            graph.initializer.append(weights)
        positive, total = "mnistry/positive", "mnistry/sum"
        steps += [
            helper.make_node("Add", ["mnistry/scores", "mnistry/little"], [positive]),
            helper.make_node("MatMul", [positive, "mnistry/ones"], [total]),
            helper.make_node("Div", [positive, total], ["probabilities"]),
        ]
    else:
        steps[-1].output[0] = "probabilities"
    graph.node.extend(steps)
    value = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", CLASSES])
    _replace(graph.output, [value])
    return model


def _free_batch(graph: onnx.GraphProto, fixed: int) -> None:
    """Let a graph that takes `fixed` images take any number; the graph is changed in place.

    Every Reshape to `fixed` rows then keeps the number of rows that there are. A graph with other
    operators for a fixed number of images may then answer differently, or fail: the caller must
    compare its answers.
    """
    weights = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            weights |= {
                name: a.t for name in node.output for a in node.attribute if a.name == "value"
            }
    for number, node in enumerate(graph.node):
        if node.op_type != "Reshape" or node.input[1] not in weights:
            continue
        shape = numpy_helper.to_array(weights[node.input[1]]).copy()
        if shape.ndim == 1 and len(shape) > 1 and shape[0] == fixed:
            shape[0] = 0 if -1 in shape else -1  # 0 keeps the size that there is
            node.input[1] = f"mnistry/shape_{number}"
            graph.initializer.append(numpy_helper.from_array(shape, node.input[1]))
            _replace(node.attribute, [a for a in node.attribute if a.name != "allowzero"])
