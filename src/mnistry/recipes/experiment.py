"""An experiment: a recipe, the data's origin and a seed; enough to repeat a training."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any, Self

from mnistry.datasets.dataset import Origin
from mnistry.errors import UsageError
from mnistry.recipes.recipe import Recipe


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What is trained, on what, and with which seed.

    Attributes
    ----------
    recipe
        The settings.
    origin
        Where the data comes from: the `Dataset.origin` of a loaded dataset.
    seed
        A whole number from 0. Decides the initial weights, the order of the images, and which of
        them are set aside.

    Raises
    ------
    UsageError
        If the seed is negative.

    Examples
    --------
    >>> Experiment(Recipe(epochs=2), Origin("sample")).seed
    0
    """

    recipe: Recipe
    origin: Origin
    seed: int = 0

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise UsageError(f"seed {self.seed}", expected="a whole number from 0")

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values, to send to another process."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Make an experiment from the values that `to_json` returns.

        Raises
        ------
        KeyError, TypeError, UsageError
            If the value does not describe an experiment.
        """
        return cls(
            Recipe.from_json(value["recipe"]), Origin.from_json(value["origin"]), value["seed"]
        )


def share_a_program(experiments: Sequence[Experiment]) -> bool:
    """Return whether several experiments on the same data can be trained in one program.

    They may differ in a constant learning rate, and in the seed if it sets no images aside. A
    recipe that changes the training images or begins with a file is trained alone, and so is
    everything on another Keras backend than JAX.

    Examples
    --------
    >>> recipes = Recipe(learning_rate=0.1), Recipe(learning_rate=0.2), Recipe(units=32)
    >>> slow, quick, small = (Experiment(recipe, Origin("sample")) for recipe in recipes)
    >>> share_a_program([slow, quick]), share_a_program([slow, small])
    (True, False)
    """
    first = experiments[0].recipe
    if first.distortion or first.styled or first.non_digits or first.model:
        return False
    if first.validation and len({one.seed for one in experiments}) > 1:
        return False
    programs = {_without_constant_rate(one.recipe) for one in experiments}
    is_one_program = len(experiments) > 1 and len(programs) == 1
    return is_one_program and os.environ.get("KERAS_BACKEND") == "jax"


def _without_constant_rate(recipe: Recipe) -> Recipe:
    # A constant rate is a variable of the optimizer; a schedule's is a constant of the program.
    rate = None if recipe.warmup is None else recipe.learning_rate
    return dataclasses.replace(recipe, name="", learning_rate=rate)
