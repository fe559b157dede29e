"""Three hidden layers of 1,024 units with dropout and max-norm.

Published: 1.06 % (N. Srivastava and others: Dropout: A Simple Way to Prevent Neural Networks from
Overfitting, JMLR 2014, table 2, after a million steps); wider networks reached 0.95 %. This recipe
takes fewer steps, with a falling learning rate.
"""

from mnistry.recipes.literature.published import Published
from mnistry.recipes.recipe import Recipe

SOURCE = (
    "N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever, R. Salakhutdinov: Dropout: A Simple "
    "Way to Prevent Neural Networks from Overfitting, JMLR, 2014"
)
PUBLISHED = Published(2014, "3 x 1,024 hidden units, dropout and max-norm", 1.06, SOURCE)
RECIPE = Recipe(
    name="dropout-max-norm",
    network="dropout",
    optimizer="sgd",
    momentum=0.95,
    learning_rate=0.05,
    warmup=0.1,
    epochs=60,
    batch_size=128,
)
