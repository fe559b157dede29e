"""Find digits that were struck out or written over.

A small network looks at the digit in MNIST's form; ``benchmarks/altered.py`` trains it.
"""

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from mnistry.inference import onnx_session
from mnistry.reading import built_in

NETWORK = Path(__file__).with_name("altered.onnx")


class AlteredDigits:
    """The network, ready to run.

    Raises
    ------
    ModelError
        If it is damaged.
    """

    def __init__(self) -> None:
        built_in.card_of(NETWORK)  # checks it
        self._session: onnxruntime.InferenceSession = onnx_session.open_session(NETWORK, threads=1)

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return how probable it is that each digit was altered.

        Parameters
        ----------
        images
            ``uint8``, shape ``(n, 28, 28)``, in MNIST's form.
        """
        return onnx_session.probabilities(self._session, images)[:, 1]
