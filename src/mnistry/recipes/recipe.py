"""What a recipe is: everything that is needed to repeat a training, but the data and the seed.

A recipe is plain data. Nothing here turns it into a network or a training.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from mnistry.errors import UsageError

if TYPE_CHECKING:  # it imports NumPy, and the command line shows names and defaults without
    from mnistry.augmentation.distort import Distortion

# Far beyond what makes sense, and below what overflows.
_MOST = {
    "units": 65_536,
    "depth": 100,
    "epochs": 1_000_000,
    "batch_size": 1_000_000_000,
    "early_stopping": 1_000_000,
}
_MOST_EXTRA = 1_000_000
_RENAMED = {"undistorted": "plain_epochs", "strangers": "non_digits"}  # since version 0.1
LOSSES = ("categorical_crossentropy", "sparse_categorical_crossentropy", "binary_crossentropy")
# Keras's optimizers that make a step from the gradients of one batch.
OPTIMIZERS = (
    *("rmsprop", "sgd", "adam", "adamw", "nadam", "adamax", "adagrad", "adadelta", "adafactor"),
    *("ftrl", "lion", "muon"),
)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The settings of a training; the defaults are the classic experiment's.

    Attributes
    ----------
    name
        What the recipe is called.
    network, units, depth
        As in `mnistry.build`.
    optimizer
        A Keras optimizer by its name, in any case: ``"rmsprop"``, ``"adam"``, ``"sgd"``, ….
    learning_rate, momentum, weight_decay
        None leaves Keras's default for the optimizer (0.001, 0 and none for RMSprop).
    warmup
        None keeps the learning rate constant. A number, 0 to below 1, is the part of all steps in
        which it rises in a straight line from 1/25 of `learning_rate` to the whole of it, before it
        falls along half a cosine to 1/1000.
    loss
        ``"categorical_crossentropy"``, ``"sparse_categorical_crossentropy"`` (the same numbers
        from labels that are not one-hot) or ``"binary_crossentropy"``.
    epochs
        How many times every training image is used.
    batch_size
        Images for each step of gradient descent.
    distortion
        How far the training images are distorted, anew for each epoch; None leaves them as they
        are.
    plain_epochs
        The share of the epochs, 0 to 1, the last ones, that use the images without distortion: what
        the network has learned from distorted images is fitted to images as it will meet them.
    styled
        How many digits in styles that MNIST lacks to train on as well; see
        `mnistry.augmentation.extra`.
    non_digits
        How many images of no digit to train on as well, with the same probability for each digit
        as the target.
    validation
        The part of the training images, 0 to below 1, that is set aside and only watched.
    early_stopping
        Stop when the watched loss has not fallen for this many epochs; None never stops early.

    Raises
    ------
    UsageError
        If a setting is out of its range.

    Examples
    --------
    >>> Recipe(epochs=0)
    Traceback (most recent call last):
    mnistry.errors.UsageError: epochs 0; expected a whole number from 1 to 1,000,000
    """

    name: str = "classic"
    network: str = "dense"
    units: int = 512
    depth: int = 1
    optimizer: str = "rmsprop"
    learning_rate: float | None = None
    momentum: float | None = None
    weight_decay: float | None = None
    warmup: float | None = None
    loss: str = "categorical_crossentropy"
    epochs: int = 5
    batch_size: int = 128
    distortion: "Distortion | None" = None
    plain_epochs: float = 0.0
    styled: int = 0
    non_digits: int = 0
    validation: float = 0.0
    early_stopping: int | None = None

    def __post_init__(self) -> None:
        for setting, most in _MOST.items():
            value = getattr(self, setting)
            if value is not None and not 1 <= value <= most:
                expected = f"a whole number from 1 to {most:,}"
                raise UsageError(_says(setting, value), expected=expected)
        if self.learning_rate is not None and not 0 < self.learning_rate < math.inf:
            raise UsageError(
                _says("learning_rate", self.learning_rate), expected="a number above 0"
            )
        if self.momentum is not None and not 0 <= self.momentum < 1:
            raise UsageError(_says("momentum", self.momentum), expected="0 to below 1")
        if self.weight_decay is not None and not 0 <= self.weight_decay < 1:
            raise UsageError(_says("weight_decay", self.weight_decay), expected="0 to below 1")
        if self.warmup is not None and not (0 <= self.warmup < 1 and self.learning_rate):
            raise UsageError(
                _says("warmup", self.warmup),
                expected="0 to below 1, and a learning rate to rise to",
            )
        if not 0 <= self.plain_epochs <= 1:
            raise UsageError(_says("plain_epochs", self.plain_epochs), expected="0 to 1")
        for setting in ("styled", "non_digits"):
            if not 0 <= getattr(self, setting) <= _MOST_EXTRA:
                raise UsageError(
                    _says(setting, getattr(self, setting)),
                    expected=f"a whole number from 0 to {_MOST_EXTRA:,}",
                )
        if self.non_digits and "sparse" in self.loss:
            raise UsageError(
                f"the loss {self.loss} with non-digits, for which it has no label",
                expected="categorical_crossentropy",
            )
        if not 0 <= self.validation < 1:
            raise UsageError(
                _says("validation", self.validation),
                expected="0 to below 1: the part of the training images to set aside",
            )
        if self.loss not in LOSSES:
            raise UsageError(_says("loss", self.loss), expected="one of " + ", ".join(LOSSES))

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Take up a recipe from the plain values that `dataclasses.asdict` gives.

        Records of version 0.1, which have two settings under other names, are read too.

        Raises
        ------
        TypeError, UsageError
            If it is none.
        """
        from mnistry.augmentation.distort import Distortion
        from mnistry.augmentation.strokes import Pen

        distortion = value.get("distortion")
        if distortion is not None:
            pen = distortion.get("pen")
            distortion = Distortion(**{**distortion, "pen": None if pen is None else Pen(**pen)})
        settings = {_RENAMED.get(name, name): setting for name, setting in value.items()}
        return cls(**{**settings, "distortion": distortion})


def _says(setting: str, value: object) -> str:
    return f"{setting.replace('_', ' ')} {value}"
