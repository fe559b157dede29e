"""Join several networks' ONNX files into one file, an ensemble.

The mean of their logits, divided by a temperature, goes through one softmax. Weights are kept in
16 bits, at half the size. Knows nothing of what the networks were trained on.

B. Lakshminarayanan, A. Pritzel, C. Blundell: Simple and Scalable Predictive Uncertainty Estimation
using Deep Ensembles, 2017; logits rather than probabilities are averaged here.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import compose, helper, numpy_helper

from mnistry.inference import onnx_session
from mnistry.system import files

# Smaller constants, such as shapes and biases, stay as they are.
_LARGE = 1000


def join(members: Sequence[Path], path: Path, *, temperature: float = 1.0) -> None:
    """Write the ensemble of some networks.

    Parameters
    ----------
    members
        ONNX files as `mnistry.networks.export` writes them, each with a softmax at its end.
    path
        Where to write it, after the checks that every ONNX model passes before it is used.
    temperature
        What the mean logits are divided by.
    """
    models = [onnx.load(member) for member in members]
    nodes, constants, logits = [], [], []
    for number, model in enumerate(models):
        inner = compose.add_prefix(model, f"{number}/", rename_inputs=False).graph
        softmax = inner.node.pop()
        if softmax.op_type != "Softmax":
            raise ValueError(f"{members[number]} ends with {softmax.op_type}, not with a softmax")
        logits.append(softmax.input[0])
        for constant in inner.initializer:
            small, widen = _in_16_bits(constant)
            constants.append(small)
            nodes += widen
        nodes += inner.node
    constants.append(numpy_helper.from_array(np.float32(1 / temperature), "sharpness"))
    nodes += [
        helper.make_node("Mean", logits, ["mean"]),
        helper.make_node("Mul", ["mean", "sharpness"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1),
    ]
    first = models[0]
    graph = helper.make_graph(nodes, "ensemble", first.graph.input, first.graph.output, constants)
    joined = helper.make_model(graph, opset_imports=first.opset_import, ir_version=first.ir_version)
    onnx.checker.check_model(joined, full_check=True)
    content = joined.SerializeToString()
    onnx_session.open_session(content)
    files.write_bytes(path, content)


def _in_16_bits(
    constant: onnx.TensorProto,
) -> tuple[onnx.TensorProto, list[onnx.NodeProto]]:
    """Round large weights to 16 bits, and return the node that casts them to 32 bits."""
    values = numpy_helper.to_array(constant)
    if values.dtype != np.float32 or values.size < _LARGE:
        return constant, []
    name = f"{constant.name}/16"
    small = numpy_helper.from_array(values.astype(np.float16), name)
    widen = helper.make_node("Cast", [name], [constant.name], to=onnx.TensorProto.FLOAT)
    return small, [widen]
