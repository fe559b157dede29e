"""A hidden layer of 800 units, on images bent elastically.

Published: 0.7 % (Simard and others 2003), with bends of sigma 4 and alpha 34: a standard
deviation of 1.4 pixels.
"""

import dataclasses

from mnistry.augmentation.distort import Distortion
from mnistry.recipes.literature import mlp_800
from mnistry.recipes.literature.published import SIMARD_2003, Published

ELASTIC = Distortion(rotation=10, scale=0.1, shear=0.1, shift=1, elastic=1.4, sigma=4)
PUBLISHED = Published(2003, "800 hidden units, elastic distortions", 0.7, SIMARD_2003)
RECIPE = dataclasses.replace(
    mlp_800.RECIPE, name="mlp-800-elastic", epochs=80, distortion=ELASTIC, plain_epochs=0.1
)
