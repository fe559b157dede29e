"""Recipes by name, a page each: what to train, how, and what came of it."""

from mnistry.errors import UsageError
from mnistry.recipes import best, classic, classic_plus, fast, reading
from mnistry.recipes.recipe import Recipe

__all__ = ["RECIPES", "Recipe", "find"]

_PAGES = (classic.RECIPE, fast.RECIPE, classic_plus.RECIPE, best.RECIPE, reading.RECIPE)
RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in _PAGES}


def find(name: str) -> Recipe:
    """Give the recipe of this name.

    Raises
    ------
    UsageError
        If there is none.

    Examples
    --------
    >>> find("classic").epochs
    5
    """
    if name not in RECIPES:
        raise UsageError(f"no recipe is called {name!r}", expected="one of " + ", ".join(RECIPES))
    return RECIPES[name]
