"""The nearest neighbour alone: an image shows what the most similar training image shows.

Published: 3.09 % (K. Wilder, on MNIST's page, which does not say how many neighbours; one gives
exactly this figure).
"""

from mnistry.datasets.dataset import Images, Labels
from mnistry.recipes.literature import k_nearest
from mnistry.recipes.literature.published import MNIST_PAGE, Classifier, Published

PUBLISHED = Published(None, "nearest neighbour (k = 1)", 3.09, f"K. Wilder, in {MNIST_PAGE}")


def fit(images: Images, labels: Labels) -> Classifier:
    """Keep all images."""
    return k_nearest.fit(images, labels, neighbours=1)
