"""One digit, written ten times.

Distorted images teach a network that a digit stays the same when it is turned, moved or bent.
`distortion=` of `mnistry.train` and `--distort` of `mnistry train` make new ones in every epoch.
"""

import numpy as np

import mnistry
from mnistry.augmentation.distort import distort
from mnistry.display import plots

images, labels = mnistry.load("sample").train
four = images[labels == 4][0]
several = distort(np.stack([four] * 10), mnistry.Distortion(), seed=0)
figure = plots.digits(several, None, range(10))
