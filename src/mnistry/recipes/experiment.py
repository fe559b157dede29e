"""An experiment: a recipe, the data's origin and a seed; enough to repeat a training."""

import dataclasses
from collections.abc import Mapping
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
