"""One of each digit.

What a network gets: 28 × 28 numbers from 0, paper, to 255, ink. These are the first images of
each class in the sample that ships with mnistry.
"""

import numpy as np

import mnistry
from mnistry.display import plots

images, labels = mnistry.load("sample").train
_, first = np.unique(labels, return_index=True)
figure = plots.digits(images, labels, first.tolist())
