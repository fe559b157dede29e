"""The linear classifier on deskewed digits.

Published: 8.4 % (LeCun and others 1998, section III.C).
"""

from mnistry.datasets.dataset import Images, Labels
from mnistry.recipes.literature import linear
from mnistry.recipes.literature.deskew import deskew
from mnistry.recipes.literature.published import LECUN_1998, Classifier, Published

PUBLISHED = Published(1998, "linear classifier, deskewed", 8.4, LECUN_1998)


def fit(images: Images, labels: Labels) -> Classifier:
    """Fit the weighted sums to upright digits."""
    classify = linear.fit(deskew(images), labels)
    return lambda others: classify(deskew(others))
