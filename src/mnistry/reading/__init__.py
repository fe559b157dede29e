"""Digits and numbers read from pictures of any kind: ink, lines, MNIST's form, a network.

Nothing here imports Keras, JAX or matplotlib.
"""

from mnistry.reading.reader import Candidate, Digit, Reader, Reading

__all__ = ["Candidate", "Digit", "Reader", "Reading"]
