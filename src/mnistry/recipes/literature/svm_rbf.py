"""A support vector machine with a Gaussian kernel, by scikit-learn (`pip install .[classical]`).

Published: 1.4 % (MNIST's page, which names neither author nor settings).
"""

from mnistry.datasets.dataset import Images, Labels
from mnistry.recipes.literature.linear import pixels
from mnistry.recipes.literature.published import MNIST_PAGE, Classifier, Published

PUBLISHED = Published(None, "support vector machine, Gaussian kernel", 1.4, MNIST_PAGE)
C, GAMMA = 10.0, 0.02  # usual values, for pixels from 0 to 1; not tuned


def fit(images: Images, labels: Labels) -> Classifier:
    """Separate each pair of digits with the widest margin."""
    from sklearn.svm import SVC

    machine = SVC(C=C, gamma=GAMMA, cache_size=1000).fit(pixels(images), labels)
    return lambda others: machine.predict(pixels(others))
