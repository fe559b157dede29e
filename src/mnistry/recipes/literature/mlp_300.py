"""A hidden layer of 300 units, trained to the least squared error.

Published: 4.7 % (LeCun and others 1998, section III.C). They give neither steps nor passes for it.
Here the ten outputs are probabilities, theirs ten hyperbolic tangents.
"""

from mnistry.recipes.literature.published import LECUN_1998, Published
from mnistry.recipes.recipe import Recipe

PUBLISHED = Published(1998, "300 hidden units, squared error", 4.7, LECUN_1998)
RECIPE = Recipe(
    name="mlp-300",
    network="tanh-300",
    loss="mean_squared_error",
    # Gradient descent without momentum, as in the paper. Keras divides the squared error by 10.
    optimizer="sgd",
    learning_rate=0.5,
    epochs=20,
    batch_size=16,
)
