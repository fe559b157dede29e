"""A published result, which a recipe or a `fit` of this package repeats."""

import dataclasses
from collections.abc import Callable

from mnistry.datasets.dataset import Images, Labels

LECUN_1998 = (
    "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-Based Learning Applied to Document "
    "Recognition, Proceedings of the IEEE, 1998"
)
SIMARD_2003 = (
    "P. Simard, D. Steinkraus, J. Platt: Best Practices for Convolutional Neural Networks Applied "
    "to Visual Document Analysis, 2003"
)
MNIST_PAGE = "the table of results on MNIST's own page, yann.lecun.com/exdb/mnist"

Classifier = Callable[[Images], Labels]
"""From images ``uint8 (n, 28, 28)`` to labels ``(n,)``."""


@dataclasses.dataclass(frozen=True)
class Published:
    """A result on MNIST's test images, as it was published.

    Attributes
    ----------
    year
        Of the publication; None where the source gives none.
    method
        What was trained, in a few words.
    error
        Wrong answers among the 10,000 test images, in per cent; None where the source has a curve
        and no number.
    source
        Authors, title, year.
    """

    year: int | None
    method: str
    error: float | None
    source: str
