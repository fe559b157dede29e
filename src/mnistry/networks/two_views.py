"""A network's ONNX graph without its last layer, and with a last layer that sees two images.

Understands graphs that end in dense layers, one for each member of an ensemble, whose outputs are
added, averaged or multiplied by a number, and a softmax: those that mnistry writes and ships.
Knows nothing of what is learned, and needs no Keras.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mnistry.datasets.dataset import CLASSES
from mnistry.errors import ModelError
from mnistry.images.mnist_form import SIDE
from mnistry.inference import onnx_session
from mnistry.networks import onnx_wrap

_BATCH = 500
_PLACES = SIDE * SIDE


class TeachableOnnx:
    """A network whose last layer can be taught.

    Parameters
    ----------
    content
        An ONNX model of ours, checked by `onnx_session.open_session`.
    where
        Its name, for messages.
    threads
        Threads that share the batches of images.

    Attributes
    ----------
    kernel, bias
        ``float32``, shapes ``(d, 10)`` and ``(10,)``: the logits are ``features @ kernel + bias``.

    Raises
    ------
    ModelError
        If the graph ends in another way.
    """

    def __init__(self, content: bytes, where: str, threads: int = 1) -> None:
        self._model = onnx.load_model_from_string(content)
        graph = self._model.graph
        self._made = {name: node for node in graph.node for name in node.output}
        self._stored = {tensor.name: tensor for tensor in graph.initializer}
        last = self._made.get("probabilities")
        heads = None if last is None or last.op_type != "Softmax" else self._heads(last.input[0], 1)
        if not heads or "image" not in {name for node in graph.node for name in node.input}:
            raise ModelError(
                "its last layer is not a dense layer with a softmax",
                where=where,
                expected="a network of mnistry, not one that was taught already",
                remedy="teach the network that it was made from, with all examples together",
            )
        self._outputs = [name for name, _, _ in heads]
        self.kernel = np.concatenate([kernel for _, kernel, _ in heads])
        self.bias: NDArray[np.float32] = np.array([bias for _, _, bias in heads]).sum(axis=0)
        # One thread for a batch, and several batches at once: threads that share a batch wait for
        # each other in busy loops, which took a third of the processor time.
        self._threads = threads
        self._session = onnx_session.start_session(self._without_head(), where, 1)

    def features(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute what the last layer is given.

        Parameters
        ----------
        pixels
            ``float32``, shape ``(n, 28, 28)``, 0 to 255.

        Returns
        -------
        ndarray
            ``float32``, shape ``(n, d)``.
        """

        def part(start: int) -> NDArray[np.float32]:
            batch = {"image": pixels[start : start + _BATCH]}
            return np.concatenate(self._session.run(self._outputs, batch), axis=1)

        with ThreadPoolExecutor(self._threads) as pool:
            parts = list(pool.map(part, range(0, len(pixels), _BATCH)))
        return np.concatenate(parts) if parts else np.zeros((0, len(self.kernel)), np.float32)

    def with_bent_view(
        self,
        places: NDArray[np.int64],
        shares: NDArray[np.float32],
        kernel: NDArray[np.float32],
        bias: NDArray[np.float32],
        doubt: float,
    ) -> bytes:
        """Return an ONNX model of ours that sees each image twice, as it is and bent.

        Parameters
        ----------
        places, shares
            Shape ``(4, 784)``: a pixel of the bent image is the sum of its shares of the pixels at
            these places.
        kernel, bias
            Shapes ``(2 d, 20)`` and ``(20,)``. A digit's logit is the logarithm of the sum of the
            exponentials of two outputs, ten apart.
        doubt
            The part of each answer that is shared by all digits equally; more than 0, less than 1.
        """
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        del model.metadata_props[:]
        graph = model.graph
        kept = self._needed(self._outputs)
        second = _for_bent(kept)
        used = {name for node in kept for name in node.input}
        stored = [tensor for tensor in graph.initializer if tensor.name in used]
        build = _Nodes()
        build.bend(places, shares)
        views = [*self._outputs, *(f"mnistry/{name}" for name in self._outputs)]
        build.join(views, kernel, bias, doubt)
        del graph.node[:], graph.initializer[:], graph.value_info[:]
        graph.node.extend([*kept, *build.before, *second, *build.after])
        graph.initializer.extend([*stored, *build.weights])
        onnx.checker.check_model(model, full_check=True)
        return onnx_wrap.serialised(model)

    def _heads(
        self, name: str, factor: float
    ) -> list[tuple[str, NDArray[np.float32], NDArray[np.float32]]] | None:
        """Return input, kernel and bias of each dense layer of whose outputs a value is the sum.

        Kernels and biases are multiplied by `factor`. None if the value is anything else.
        """
        node = self._made.get(name)
        if node is None:
            return None
        if node.op_type == "Gemm":
            settings = {one.name: helper.get_attribute_value(one) for one in node.attribute}
            kernel = self._constant(node.input[1])
            bias = self._constant(node.input[2]) if len(node.input) > 2 else np.zeros(CLASSES)
            plain = all(settings.get(one, 1.0) == 1 for one in ("alpha", "beta"))
            if kernel is None or bias is None or settings.get("transA") or not plain:
                return None
            kernel = kernel.T if settings.get("transB") else kernel
            return [(node.input[0], _scaled(kernel, factor), _scaled(bias, factor))]
        sources: Sequence[str] = node.input
        if node.op_type == "Mul":
            value = self._constant(sources[1])
            if value is None or value.size != 1:
                return None
            sources, factor = sources[:1], factor * float(value.item())
        elif node.op_type == "Mean":
            factor /= len(sources)
        elif node.op_type not in ("Sum", "Add"):
            return None
        found = []
        for source in sources:
            heads = self._heads(source, factor)
            if heads is None:
                return None
            found += heads
        return found

    def _constant(self, name: str) -> NDArray[np.float32] | None:
        """Return the value of a weight, which may be stored in 16 bits, else None."""
        node = self._made.get(name)
        if node is not None and node.op_type == "Cast":
            name = node.input[0]
        tensor = self._stored.get(name)
        return None if tensor is None else numpy_helper.to_array(tensor).astype(np.float32)

    def _needed(self, names: Sequence[str]) -> list[onnx.NodeProto]:
        """Return the operators that these values need, in order."""
        needed, nodes = set(names), []
        for node in reversed(self._model.graph.node):
            if needed & set(node.output):
                needed |= set(node.input)
                nodes.append(node)
        return nodes[::-1]

    def _without_head(self) -> bytes:
        """Return a model from ``float32`` images to the features."""
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        graph = model.graph
        kept = self._needed(self._outputs)
        used = {name for node in kept for name in node.input}
        stored = [tensor for tensor in graph.initializer if tensor.name in used]
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", SIDE, SIDE])
        outputs = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in self._outputs
        ]
        del graph.node[:], graph.initializer[:], graph.value_info[:]
        del graph.input[:], graph.output[:]
        graph.node.extend(kept)
        graph.initializer.extend(stored)
        graph.input.extend([image])
        graph.output.extend(outputs)
        return onnx_wrap.serialised(model)


class _Nodes:
    """The operators and weights that a model with two views has besides the network's own.

    Their names begin with ``mnistry/``, by which `mnistry.networks.int8` leaves them as they are.
    """

    def __init__(self) -> None:
        self.before: list[onnx.NodeProto] = []
        self.after: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def bend(self, places: NDArray[np.int64], shares: NDArray[np.float32]) -> None:
        """Make ``mnistry/bent`` of ``image``: ``float32``, 0 to 255."""
        nodes = self.before
        nodes.append(helper.make_node("Cast", ["image"], ["mnistry/pixels"], to=TensorProto.FLOAT))
        flat = self._stored("row", np.array([0, _PLACES]))
        nodes.append(helper.make_node("Reshape", ["mnistry/pixels", flat], ["mnistry/flat"]))
        corners = []
        for number, (place, share) in enumerate(zip(places, shares, strict=True)):
            taken, part = f"mnistry/taken_{number}", f"mnistry/part_{number}"
            index = self._stored(f"places_{number}", place)
            nodes.append(helper.make_node("Gather", ["mnistry/flat", index], [taken], axis=1))
            weight = self._stored(f"shares_{number}", share)
            nodes.append(helper.make_node("Mul", [taken, weight], [part]))
            corners.append(part)
        nodes.append(helper.make_node("Sum", corners, ["mnistry/sum"]))
        square = self._stored("square", np.array([0, SIDE, SIDE]))
        nodes.append(helper.make_node("Reshape", ["mnistry/sum", square], ["mnistry/bent"]))

    def join(
        self,
        views: Sequence[str],
        kernel: NDArray[np.float32],
        bias: NDArray[np.float32],
        doubt: float,
    ) -> None:
        """Make ``probabilities`` of the features of both views."""
        column = self._stored("column", np.array([0, len(bias), 1]))
        spread = self._stored("spread", np.ones((1, CLASSES), np.float32))
        share = np.full(CLASSES, np.log(doubt / (1 - doubt) / CLASSES), np.float32)
        three = self._stored("three", np.array([0, 3, CLASSES]))
        # Doubt is a third way to write each digit: a logit that is the same for all ten. So the
        # last operator stays a softmax, and every operator is one that `javascript` knows.
        self.after += [
            helper.make_node("Concat", list(views), ["mnistry/features"], axis=1),
            helper.make_node(
                "Gemm",
                ["mnistry/features", self._stored("kernel", kernel), self._stored("bias", bias)],
                ["mnistry/both"],
            ),
            helper.make_node("Reshape", ["mnistry/both", column], ["mnistry/column_of_both"]),
            helper.make_node(
                "ReduceLogSumExp", ["mnistry/column_of_both"], ["mnistry/total"],
                axes=[1], keepdims=0,
            ),
            helper.make_node(
                "Gemm", ["mnistry/total", spread, self._stored("share", share)], ["mnistry/any"]
            ),
            helper.make_node("Concat", ["mnistry/both", "mnistry/any"], ["mnistry/all"], axis=1),
            helper.make_node("Reshape", ["mnistry/all", three], ["mnistry/ways"]),
            helper.make_node(
                "ReduceLogSumExp", ["mnistry/ways"], ["mnistry/logits"], axes=[1], keepdims=0
            ),
            helper.make_node("Softmax", ["mnistry/logits"], ["probabilities"], axis=1),
        ]  # fmt: skip

    def _stored(self, name: str, values: NDArray[np.generic]) -> str:
        self.weights.append(numpy_helper.from_array(values, f"mnistry/{name}"))
        return f"mnistry/{name}"


def _for_bent(nodes: Sequence[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """Copy the operators that depend on ``image``, for ``mnistry/bent``; weights are shared."""
    names = {"image": "mnistry/bent"}
    copies = []
    for node in nodes:
        if any(name in names for name in node.input):
            names |= {name: f"mnistry/{name}" for name in node.output}
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            copy.name = f"mnistry/{node.name}" if node.name else ""
            for values in (copy.input, copy.output):
                values[:] = [names.get(name, name) for name in values]
            copies.append(copy)
    return copies


def _scaled(values: NDArray[np.floating], factor: float) -> NDArray[np.float32]:
    return np.asarray(values, np.float32) * np.float32(factor)
