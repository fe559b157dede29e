"""A hidden layer of 800 units, on turned, scaled, sheared and shifted images.

Published: 1.1 % (Simard and others 2003).
"""

import dataclasses

from mnistry.augmentation.distort import Distortion
from mnistry.recipes.literature import mlp_800
from mnistry.recipes.literature.published import SIMARD_2003, Published

PUBLISHED = Published(2003, "800 hidden units, affine distortions", 1.1, SIMARD_2003)
RECIPE = dataclasses.replace(
    mlp_800.RECIPE,
    name="mlp-800-affine",
    epochs=60,
    distortion=Distortion(rotation=10, scale=0.1, shear=0.1, shift=1, elastic=0),
)
