"""A support vector machine with a polynomial kernel of degree 4, on deskewed digits.

Published: 1.1 % (LeCun and others 1998, section III.C).
"""

from mnistry.datasets.dataset import Images, Labels
from mnistry.recipes.literature.deskew import deskew
from mnistry.recipes.literature.linear import pixels
from mnistry.recipes.literature.published import LECUN_1998, Classifier, Published

PUBLISHED = Published(1998, "support vector machine, degree 4, deskewed", 1.1, LECUN_1998)
DEGREE, C = 4, 10.0


def fit(images: Images, labels: Labels) -> Classifier:
    """Separate each pair of digits with the widest margin."""
    from sklearn.svm import SVC

    # gamma "scale" divides by the pixels' variance: the kernel does not depend on their range.
    machine = SVC(kernel="poly", degree=DEGREE, coef0=1.0, C=C, cache_size=1000)
    machine.fit(pixels(deskew(images)), labels)
    return lambda others: machine.predict(pixels(deskew(others)))
