"""A small convolutional network without subsampling layers, on images bent elastically.

Published: 0.4 % (Simard and others 2003).
"""

from mnistry.recipes.literature.mlp_800_elastic import ELASTIC
from mnistry.recipes.literature.published import SIMARD_2003, Published
from mnistry.recipes.recipe import Recipe

PUBLISHED = Published(2003, "convolutional network, elastic distortions", 0.4, SIMARD_2003)
RECIPE = Recipe(
    name="simard-elastic",
    network="simard",
    optimizer="adam",
    learning_rate=0.003,
    warmup=0.2,
    epochs=50,
    batch_size=128,
    distortion=ELASTIC,
    plain_epochs=0.1,
)
