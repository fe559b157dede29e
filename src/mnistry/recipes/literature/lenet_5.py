"""LeNet-5 without distortions.

Published: 0.95 % (LeCun and others 1998, section III.B). Network, input and squashing function are
theirs (`mnistry.networks.literature.lenet_5`). Instead of a step size for each weight from second
derivatives (their stochastic diagonal Levenberg-Marquardt), Adam takes one from the gradients.
"""

from mnistry.recipes.literature.published import LECUN_1998, Published
from mnistry.recipes.recipe import Recipe

PUBLISHED = Published(1998, "LeNet-5", 0.95, LECUN_1998)
RECIPE = Recipe(
    name="lenet-5",
    network="lenet-5",
    optimizer="adam",
    # Falls almost to 0, as theirs did in twenty passes.
    learning_rate=0.003,
    warmup=0.2,
    epochs=12,
    batch_size=64,
)
