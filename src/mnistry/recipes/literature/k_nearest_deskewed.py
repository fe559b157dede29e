"""Nearest neighbours of deskewed digits.

Published: 2.4 % (LeCun and others 1998, section III.C).
"""

from mnistry.datasets.dataset import Images, Labels
from mnistry.recipes.literature import k_nearest
from mnistry.recipes.literature.deskew import deskew
from mnistry.recipes.literature.published import LECUN_1998, Classifier, Published

PUBLISHED = Published(1998, "k-nearest neighbours, deskewed", 2.4, LECUN_1998)


def fit(images: Images, labels: Labels) -> Classifier:
    """Keep all images, upright."""
    classify = k_nearest.fit(deskew(images), labels)
    return lambda others: classify(deskew(others))
