"""Recipes by name, a module each: what to train, how, and the results.

A recipe's module is imported only when the recipe is used: the command line's help needs only the
names.
"""

import importlib

from mnistry.errors import UsageError
from mnistry.recipes import literature
from mnistry.recipes.recipe import Recipe

__all__ = ["NAMES", "Recipe", "find"]

OURS = ("classic", "fast", "classic-plus", "best", "reading")
NAMES = OURS + literature.RECIPES


def find(name: str) -> Recipe:
    """Return the recipe of this name.

    Raises
    ------
    UsageError
        If no recipe has this name.

    Examples
    --------
    >>> find("classic").epochs
    5
    """
    if name not in NAMES:
        raise UsageError(f"no recipe is called {name!r}", expected="one of " + ", ".join(NAMES))
    package = "mnistry.recipes" if name in OURS else "mnistry.recipes.literature"
    page = importlib.import_module(f"{package}.{name.replace('-', '_')}")
    found: Recipe = page.RECIPE
    return found
