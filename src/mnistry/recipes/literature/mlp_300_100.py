"""Two hidden layers of 300 and 100 units, trained to the least squared error.

Published: 3.05 % (LeCun and others 1998, section III.C).
"""

import dataclasses

from mnistry.recipes.literature import mlp_300
from mnistry.recipes.literature.published import LECUN_1998, Published

PUBLISHED = Published(1998, "300 + 100 hidden units, squared error", 3.05, LECUN_1998)
RECIPE = dataclasses.replace(mlp_300.RECIPE, name="mlp-300-100", network="tanh-300-100")
