"""A recipe: everything that is needed to repeat a training except the data and the seed.

A recipe is plain data. Nothing here turns it into a network or a training.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from mnistry.errors import UsageError
from mnistry.networks.names import ACTIVATIONS

if TYPE_CHECKING:  # it imports NumPy, which the command line's help does not need
    from mnistry.augmentation.distort import Distortion

# The smallest and largest value of each: far beyond what makes sense, and below what overflows.
_WHOLE_NUMBERS = {
    "units": (1, 65_536),
    "depth": (1, 100),
    "epochs": (1, 1_000_000),
    "batch_size": (1, 1_000_000_000),
    "early_stopping": (1, 1_000_000),
    "styled": (0, 1_000_000),
    "non_digits": (0, 1_000_000),
}
_RENAMED = {"undistorted": "plain_epochs", "strangers": "non_digits"}  # since version 0.1
LOSSES = (
    *("categorical_crossentropy", "sparse_categorical_crossentropy", "binary_crossentropy"),
    "mean_squared_error",
)
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
    network, units, depth, activation, dropout
        As in `mnistry.build`.
    model, model_digest
        A ``.keras`` file to train further instead of a network by its name, and its SHA-256.
    optimizer
        A Keras optimizer by its name, in any case: ``"rmsprop"``, ``"adam"``, ``"sgd"``, ….
    learning_rate, momentum, weight_decay
        None leaves Keras's default for the optimizer (0.001, 0 and none for RMSprop).
    warmup
        None keeps the learning rate constant. Otherwise, 0 to below 1: the part of all steps in
        which it rises linearly from 1/25 of `learning_rate` to `learning_rate`. After that it falls
        along half a cosine to 1/1000 of `learning_rate`.
    loss
        ``"categorical_crossentropy"``, ``"sparse_categorical_crossentropy"`` (the same numbers
        from labels that are not one-hot), ``"binary_crossentropy"`` or ``"mean_squared_error"``.
    epochs
        How many times every training image is used.
    batch_size
        Images for each step of gradient descent.
    distortion
        How far the training images are distorted, differently in each epoch; None leaves them as
        they are.
    plain_epochs
        The share of the epochs, 0 to 1, counted from the end, that use the images without
        distortion: the network adapts to images as it will meet them.
    styled
        How many more images to add, of digits in styles that MNIST lacks; see
        `mnistry.augmentation.extra`.
    non_digits
        How many images that show no digit to add; their target is the same probability for each
        digit.
    validation
        The part of the training images, 0 to below 1, that is set aside for validation.
    early_stopping
        Stop when the validation loss has not fallen for this many epochs; None never stops early.
        Needs validation images: `validation`, or those of the data.

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
    activation: str = "relu"
    dropout: float | None = None
    model: str | None = None
    model_digest: str | None = None
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
        rate = self.learning_rate
        for setting, (least, most) in _WHOLE_NUMBERS.items():
            value = getattr(self, setting)
            within = value is None or least <= value <= most
            self._require(setting, within, f"a whole number from {least} to {most:,}")
        self._require("learning_rate", rate is None or 0 < rate < math.inf, "a number above 0")
        for setting in ("momentum", "weight_decay", "warmup", "dropout"):
            self._require(setting, 0 <= (getattr(self, setting) or 0) < 1, "0 to below 1")
        known = self.activation in ACTIVATIONS
        self._require("activation", known, "one of " + ", ".join(ACTIVATIONS))
        self._require("plain_epochs", 0 <= self.plain_epochs <= 1, "0 to 1")
        self._require("validation", 0 <= self.validation < 1, "0 to below 1: a part of the images")
        self._require("loss", self.loss in LOSSES, "one of " + ", ".join(LOSSES))
        if self.non_digits and "sparse" in self.loss:
            raise UsageError(
                f"the loss {self.loss} with non-digits, for which it has no label",
                expected="categorical_crossentropy",
            )

    def epoch_size(self, images: int) -> int:
        """Return the number of images in an epoch: the training images and those added to them.

        Examples
        --------
        >>> Recipe(styled=100, non_digits=50).epoch_size(1000)
        1150
        """
        return images + self.styled + self.non_digits

    @property
    def plain_epoch_count(self) -> int:
        """The number of epochs at the end whose images are not distorted.

        Examples
        --------
        >>> Recipe(epochs=30, plain_epochs=0.2).plain_epoch_count
        6
        """
        return round(self.plain_epochs * self.epochs)

    def _require(self, setting: str, holds: bool, expected: str) -> None:
        if not holds:
            value = getattr(self, setting)
            raise UsageError(f"{setting.replace('_', ' ')} {value}", expected=expected)

    def changed(self, **settings: Any) -> Self:
        """Return the recipe with other settings; if any differs, it is called ``"custom"``.

        Examples
        --------
        >>> Recipe().changed(epochs=5).name, Recipe().changed(epochs=6).name
        ('classic', 'custom')
        """
        changed = dataclasses.replace(self, **settings)
        return self if changed == self else dataclasses.replace(changed, name="custom")

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Make a recipe from the plain values that `dataclasses.asdict` returns.

        Records of version 0.1, in which two settings have other names, are read too.

        Raises
        ------
        TypeError, UsageError
            If the value does not describe a recipe.
        """
        from mnistry.augmentation.distort import Distortion
        from mnistry.augmentation.strokes import Pen

        distortion = value.get("distortion")
        if distortion is not None:
            pen = distortion.get("pen")
            distortion = Distortion(**{**distortion, "pen": None if pen is None else Pen(**pen)})
        settings = {_RENAMED.get(name, name): setting for name, setting in value.items()}
        return cls(**{**settings, "distortion": distortion})
