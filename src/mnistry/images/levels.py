"""What the levels of pixels mean. Needs NumPy alone, so datasets load no OpenCV for it."""

import numpy as np

# The largest value of a pixel with 4 bits. Numbers of which none is larger are not 8-bit pixels,
# and are refused or scaled.
MAX_4_BIT = 15
# The parts of red, green and blue in a colour's luma: ITU-R 601, as in Pillow.
LUMA = np.array([0.299, 0.587, 0.114])
