"""LeNet-1, the smallest of the LeNets.

Published: 1.7 % (LeCun and others 1998, section III.C), with digits made smaller, to 16x16 pixels.
"""

import dataclasses

from mnistry.recipes.literature import lenet_5
from mnistry.recipes.literature.published import LECUN_1998, Published

PUBLISHED = Published(1998, "LeNet-1", 1.7, LECUN_1998)
RECIPE = dataclasses.replace(lenet_5.RECIPE, name="lenet-1", network="lenet-1")
