"""Run an ONNX file in the runtime that is installed here, and write what it gives.

python answers.py MODEL.onnx IMAGES.npy OUT.npy [HINT=VALUE]

Needs ONNX Runtime or OpenVINO, and NumPy; not mnistry.
"""

import sys

import numpy as np


def answers(model: str, images: np.ndarray, hints: dict[str, str]) -> np.ndarray:
    """Return the probabilities that a model gives for images ``(n, 28, 28)``."""
    try:
        import openvino
    except ImportError:
        import onnxruntime

        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        return session.run(["probabilities"], {"image": images})[0]
    compiled = openvino.Core().compile_model(model, "CPU", hints)
    return compiled({"image": images})["probabilities"]


if __name__ == "__main__":
    model, images, out, *hints = sys.argv[1:]
    np.save(out, answers(model, np.load(images), dict(hint.split("=") for hint in hints)))
