"""A hidden layer of 800 units, trained to the least cross-entropy.

Published: 1.6 % (Simard and others 2003).
"""

from mnistry.recipes.literature.published import SIMARD_2003, Published
from mnistry.recipes.recipe import Recipe

PUBLISHED = Published(2003, "800 hidden units, cross-entropy", 1.6, SIMARD_2003)
RECIPE = Recipe(
    name="mlp-800",
    network="dense",
    units=800,
    optimizer="sgd",
    momentum=0.9,
    learning_rate=0.05,
    warmup=0.1,
    epochs=20,
    batch_size=64,
)
