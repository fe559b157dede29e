"""What one training is: a recipe, the data's origin and a seed; enough to repeat it."""

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
        What loads the data: `Dataset.origin` where it is loaded already.
    seed
        Decides the initial weights, the order of the images, and which are set aside: a whole
        number from 0.

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
        """Give it as plain values, to send it to another process."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave.

        Raises
        ------
        KeyError, TypeError, UsageError
            If it is something else.
        """
        return cls(Recipe.from_json(value["recipe"]), Origin(**value["origin"]), value["seed"])
