"""Digits and numbers read from pictures of any kind: ink, lines, MNIST's form, a network.

Nothing here imports Keras, JAX or matplotlib.
"""

from mnistry.reading.reader import Reader
from mnistry.reading.result import Candidate, Cell, Digit, Number, Reading, Table

__all__ = ["Candidate", "Cell", "Digit", "Number", "Reader", "Reading", "Table"]
