"""Read digits and numbers from pictures of any kind: find the ink and its lines, ask the networks.

Nothing here imports Keras, JAX or matplotlib.
"""

from mnistry.reading.reader import Reader
from mnistry.reading.result import Candidate, Cell, Digit, Number, Reading, Table

__all__ = ["Candidate", "Cell", "Digit", "Number", "Reader", "Reading", "Table"]
