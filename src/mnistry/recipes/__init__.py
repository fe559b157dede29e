"""Recipes by name, a page each: what to train, how, and what came of it.

A recipe's page is imported when it is asked for: the command line names them all at once.
"""

import importlib

from mnistry.errors import UsageError
from mnistry.recipes.recipe import Recipe

__all__ = ["NAMES", "Recipe", "find"]

NAMES = ("classic", "fast", "classic-plus", "best", "reading")


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
    if name not in NAMES:
        raise UsageError(f"no recipe is called {name!r}", expected="one of " + ", ".join(NAMES))
    page = importlib.import_module(f"mnistry.recipes.{name.replace('-', '_')}")
    found: Recipe = page.RECIPE
    return found
