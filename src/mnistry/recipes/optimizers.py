"""A recipe's Keras optimizer, with its learning rate constant or rising and falling."""

from typing import Any

import keras

from mnistry.errors import UsageError
from mnistry.recipes.recipe import OPTIMIZERS, Recipe


def make_optimizer(recipe: Recipe, steps: int) -> keras.optimizers.Optimizer:
    """Make a recipe's Keras optimizer for a training of `steps` steps.

    The learning rate that rises and falls is from L. Smith, N. Topin: Super-Convergence, 2018; its
    fall along a cosine is from I. Loshchilov, F. Hutter: SGDR, 2017.

    Raises
    ------
    UsageError
        If Keras has no optimizer of this name, or it takes no momentum.

    Examples
    --------
    >>> make_optimizer(Recipe(optimizer="SGD", momentum=0.9), 2345).get_config()["momentum"]
    0.9
    """
    settings = {
        "learning_rate": recipe.learning_rate,
        "momentum": recipe.momentum,
        "weight_decay": recipe.weight_decay,
    }
    given = {name: value for name, value in settings.items() if value is not None}
    try:
        optimizer = _named(recipe, given)
        if recipe.warmup is None:
            return optimizer
        peak = recipe.learning_rate or float(optimizer.learning_rate)  # or Keras's default
        return _named(recipe, {**given, "learning_rate": _one_cycle(peak, recipe.warmup, steps)})
    except (KeyError, TypeError, ValueError):
        raise UsageError(
            f"optimizer {recipe.optimizer!r}" + (f" with {' and '.join(given)}" if given else ""),
            expected=f"a Keras optimizer by name: {', '.join(OPTIMIZERS)}; "
            "momentum goes with rmsprop and sgd",
        ) from None


def _named(recipe: Recipe, settings: dict[str, Any]) -> keras.optimizers.Optimizer:
    return keras.optimizers.get({"class_name": recipe.optimizer.lower(), "config": settings})


def _one_cycle(
    peak: float, warmup: float, steps: int
) -> keras.optimizers.schedules.LearningRateSchedule:
    """Return the schedule that `Recipe.warmup` describes."""
    return keras.optimizers.schedules.CosineDecay(
        peak / 25,
        decay_steps=(1 - warmup) * steps,
        alpha=1e-3,
        warmup_target=peak,
        warmup_steps=warmup * steps,
    )
