"""Quantize an ONNX model of ours to eight bits, and measure what that changes.

The operators get ``QuantizeLinear`` and ``DequantizeLinear`` around them (QDQ), with scales that
are found once, on given images. Dynamic quantization takes its scales from each batch, so an
image's answer would depend on the others; in the QOperator form dense layers are ten times slower.
The softmax stays as it is: eight bits are too few for its sums to be 1. So does the last layer, if
there are others: rounding the logits changed three times as many answers as all the rest. Knows
nothing of runs.
"""

import contextlib
import dataclasses
import logging
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnxruntime import quantization

from mnistry.datasets.dataset import Images
from mnistry.errors import ModelError
from mnistry.inference import onnx_session
from mnistry.percent import percent

MOST_CHANGED = 0.001  # of the answers
CALIBRATED_ON = 2000  # images
_OPERATORS = ("Add", "Conv", "Gemm", "MatMul", "MaxPool")
_WEIGHTED = ("Conv", "Gemm", "MatMul")
_BATCH = 500  # images at once in calibration
_ROUNDS, _TIMED = 5, 1000  # speed is the median of _ROUNDS rounds, each of _TIMED images


@dataclasses.dataclass(frozen=True, eq=False)
class Quantized:
    """A network in eight bits.

    Attributes
    ----------
    content
        The ONNX file.
    changed, count
        How many of the images are answered differently, and how many there are.
    speed
        How many times as fast it is as before: on this machine, one thread, 1,000 images at a time.
    """

    content: bytes
    changed: int
    count: int
    speed: float


def quantize(content: bytes, calibration: Images, held_out: Images, where: str) -> Quantized:
    """Quantize a model, and compare its answers with those before.

    Parameters
    ----------
    content
        An ONNX model of ours.
    calibration
        ``uint8``, shape ``(n, 28, 28)``: the scales fit the values that these images lead to; the
        first 2,000 are used.
    held_out
        Other images, to compare the answers on.
    where
        The model's name, for messages.

    Raises
    ------
    ModelError
        If it has no operator to quantize, or more than one in a thousand answers changes.
    """
    model = onnx.load_model_from_string(content)
    if not any(node.op_type in _WEIGHTED for node in model.graph.node):
        raise ModelError(
            "it has no dense or convolutional layer to quantize",
            where=where,
            expected="one of the operators " + ", ".join(_WEIGHTED),
            remedy="export it with --format onnx",
        )
    del model.metadata_props[:]
    small = _quantized(model, calibration[:CALIBRATED_ON])
    before = onnx_session.open_session(content, threads=1)
    after = onnx_session.open_session(small, threads=1)
    answers = (onnx_session.probabilities(one, held_out).argmax(axis=1) for one in (before, after))
    changed, count = int(np.not_equal(*answers).sum()), len(held_out)
    if changed > MOST_CHANGED * count:
        raise ModelError(
            f"in int8 it answers {changed:,} of {count:,} held-out training images differently "
            f"({percent(changed / count)})",
            where=where,
            expected=f"at most {percent(MOST_CHANGED, places=1)}",
            remedy="nothing was written; export it with --format onnx",
        )
    return Quantized(small, changed, count, _speed(before, after, held_out[:_TIMED]))


class _Images(quantization.CalibrationDataReader):  # type: ignore[misc]
    """Gives images to ONNX Runtime's calibration, a batch at a time."""

    def __init__(self, images: Images) -> None:
        starts = range(0, len(images), _BATCH)
        self._batches = iter([images[start : start + _BATCH] for start in starts])

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"image": batch}


def _quantized(model: onnx.ModelProto, images: Images) -> bytes:
    for number, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type}_{number}"  # to be excluded, it needs a name
    kept = [
        node.name
        for node in model.graph.node
        if any(name.startswith("mnistry/") for name in node.output)  # put around an adopted network
    ]
    weighted = [node.name for node in model.graph.node if node.op_type in _WEIGHTED]
    # The last layer stays in float32 too, unless it is the only one that could be quantized.
    kept += [name for name in weighted[-1:] if set(weighted) - {*kept, name}]
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    with tempfile.TemporaryDirectory() as folder, _quiet():
        path = Path(folder, "int8.onnx")
        quantization.quantize_static(
            model,
            path,
            _Images(images),
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            op_types_to_quantize=list(_OPERATORS),
            nodes_to_exclude=kept,
            per_channel=opset >= 13,  # older operators take only one scale for a whole tensor
            # Seven bits: with eight, sums overflow on processors without VNNI, and answers differ.
            reduce_range=True,
        )
        return path.read_bytes()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what ONNX Runtime's quantization logs from being printed."""
    nowhere = logging.NullHandler()
    logging.getLogger().addHandler(nowhere)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(nowhere)


def _speed(
    before: onnxruntime.InferenceSession, after: onnxruntime.InferenceSession, images: Images
) -> float:
    """Return how many times as fast `after` is: by median seconds, measured alternately."""
    seconds: list[list[float]] = [[], []]
    for _ in range(_ROUNDS):
        for session, measured in zip((before, after), seconds, strict=True):
            start = time.perf_counter()
            onnx_session.probabilities(session, images)
            measured.append(time.perf_counter() - start)
    return statistics.median(seconds[0]) / statistics.median(seconds[1])
