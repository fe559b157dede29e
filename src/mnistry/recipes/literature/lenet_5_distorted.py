"""LeNet-5 with distorted images: shifted, scaled, squeezed and sheared.

Published: 0.8 % (LeCun and others 1998, section III.B), with nine distorted images for each plain
one. Here all images are distorted, differently in each epoch.
"""

import dataclasses

from mnistry.augmentation.distort import Distortion
from mnistry.recipes.literature import lenet_5
from mnistry.recipes.literature.published import LECUN_1998, Published

PUBLISHED = Published(1998, "LeNet-5, distorted images", 0.8, LECUN_1998)
RECIPE = dataclasses.replace(
    lenet_5.RECIPE,
    name="lenet-5-distorted",
    epochs=20,
    distortion=Distortion(rotation=0, scale=0.1, shear=0.1, shift=1, elastic=0),
    plain_epochs=0.15,
)
