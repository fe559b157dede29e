"""Open the network that reads lines, and run it.

Its contract: input ``ink``, ``uint8 [N, 48, W]``, 0 for paper to 255 for ink, W a multiple of 16;
output ``log_probabilities``, ``float32 [N, W/4, classes]``: natural logarithms, the blank first.
"""

import os

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from mnistry.errors import ModelError
from mnistry.inference import model_bytes, onnx_session, onnx_wire

MAX_BYTES = 64 << 20


def open_session(
    model: str | os.PathLike[str] | bytes, classes: int, *, threads: int | None = None
) -> onnxruntime.InferenceSession:
    """Check the ONNX file of a line reader and make it ready to run on the CPU.

    Parameters
    ----------
    model
        An ``.onnx`` file, or its content.
    classes
        Number of classes in its output, including the blank.
    threads
        Threads that share one run; None lets ONNX Runtime take one for each physical core.

    Raises
    ------
    ModelError
        If it cannot be read, is not ONNX, or has another contract.
    """
    where, content = model_bytes.onnx_content(model, "the line reader", MAX_BYTES)
    onnx_wire.inspect(content, where)
    session = onnx_session.start_session(content, where, threads)
    try:
        given = session.run(["log_probabilities"], {"ink": np.zeros((2, 48, 64), np.uint8)})[0]
    except Exception as error:  # ONNX Runtime's error classes share no other base
        raise ModelError(f"it does not run: {error}", where=where) from error
    sums = np.exp(np.asarray(given, np.float64)).sum(-1) if given.ndim == 3 else np.zeros(1)
    if given.shape != (2, 16, classes) or not (abs(sums - 1) < 1e-3).all():
        raise ModelError(
            f"its output for two strips of 64 columns is {given.dtype} {list(given.shape)}",
            where=where,
            expected=f"logarithms of probabilities, [2, 16, {classes}]",
        )
    return session


def log_probabilities(
    session: onnxruntime.InferenceSession, images: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Return the logarithm of each class's probability, for each step of each strip.

    Parameters
    ----------
    images
        ``uint8``, shape ``(n, 48, width)``, the width a multiple of 16.

    Returns
    -------
    ndarray
        ``float32``, shape ``(n, width / 4, classes)``.
    """
    answer: NDArray[np.float32] = session.run(["log_probabilities"], {"ink": images})[0]
    return answer
