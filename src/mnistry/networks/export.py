"""Write a Keras model as ONNX, if ONNX Runtime gives the same answers.

Knows nothing of runs or of scores.
"""

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from mnistry.datasets.dataset import Images, as_images
from mnistry.errors import ModelError
from mnistry.inference import onnx_session
from mnistry.networks import keras_files, onnx_graph
from mnistry.system import cores, files

TOLERANCE = 1e-4  # how far a probability may be from Keras's
TIE = 1e-6  # rounding may swap two best probabilities that are this close


def export(model: keras.Model, path: Path, images: Images) -> NDArray[np.float32]:
    """Write a model as one ONNX file, if ONNX Runtime gives the same answers as Keras.

    Parameters
    ----------
    model
        Takes ``uint8`` of shape ``(n, 28, 28)``, gives ``(n, classes)``; made of layers that
        `mnistry.networks.onnx_graph.to_onnx` knows.
    path
        The file to write, whole or not at all.
    images
        ``uint8``, shape ``(n, 28, 28)``: the images to compare on, at least one.

    Returns
    -------
    ndarray
        The Keras model's probabilities for `images`: ``float32``, shape ``(n, classes)``.

    Raises
    ------
    ModelError
        If a layer cannot be exported, a probability differs by more than 1e-4, or the most
        probable class is another one; nothing is written then. Where Keras's two best classes
        lie within 1e-6 of each other, the second may come first without an error.
    """
    images = as_images(images, "images")
    content = onnx_graph.to_onnx(model).SerializeToString(deterministic=True)
    session = onnx_session.open_session(content, threads=cores.cores())
    expected = keras_files.predict(model, images)
    _compare(expected, onnx_session.probabilities(session, images), path)
    files.write_bytes(path, content)
    return expected


def _compare(expected: NDArray[np.float32], actual: NDArray[np.float32], path: Path) -> None:
    """Raise a ModelError if ONNX Runtime's probabilities are not Keras's."""
    differences = abs(expected - actual).max(axis=1)
    worst = int(differences.argmax())
    if not differences[worst] <= TOLERANCE:  # written so that NaN counts as wrong
        raise ModelError(
            f"ONNX Runtime's probabilities differ from Keras's by {differences[worst]:.2g} "
            f"on image {worst}",
            where=path,
            expected=f"at most {TOLERANCE:g}",
            remedy="nothing was written; use the .keras file",
        )
    second, first = np.partition(expected, -2)[:, -2:].T
    others = np.flatnonzero(
        (expected.argmax(axis=1) != actual.argmax(axis=1)) & (first - second > TIE)
    )
    if len(others):
        raise ModelError(
            f"ONNX Runtime reads {len(others)} images as another class, image {others[0]} first",
            where=path,
            expected="the same class as Keras on every image",
            remedy="nothing was written; use the .keras file",
        )
