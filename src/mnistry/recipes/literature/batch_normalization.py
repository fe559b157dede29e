"""Three hidden layers of 100 sigmoids with batch normalisation.

Published: a curve of the accuracy on the test images, and no number (S. Ioffe, C. Szegedy: Batch
Normalization, ICML 2015, figure 1a; section 4.1: 50,000 steps of 60 images).
"""

from mnistry.recipes.literature.published import Published
from mnistry.recipes.recipe import Recipe

SOURCE = (
    "S. Ioffe, C. Szegedy: Batch Normalization: Accelerating Deep Network Training by Reducing "
    "Internal Covariate Shift, ICML, 2015"
)
PUBLISHED = Published(2015, "3 x 100 sigmoids, batch normalisation", None, SOURCE)
RECIPE = Recipe(
    name="batch-normalization",
    network="sigmoid-normalized",
    optimizer="sgd",
    learning_rate=0.1,
    epochs=50,
    batch_size=60,
)
