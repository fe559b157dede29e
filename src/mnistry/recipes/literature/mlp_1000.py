"""A hidden layer of 1,000 units, trained to the least squared error.

Published: 4.5 % (LeCun and others 1998, section III.C).
"""

import dataclasses

from mnistry.recipes.literature import mlp_300
from mnistry.recipes.literature.published import LECUN_1998, Published

PUBLISHED = Published(1998, "1,000 hidden units, squared error", 4.5, LECUN_1998)
RECIPE = dataclasses.replace(mlp_300.RECIPE, name="mlp-1000", network="tanh-1000")
