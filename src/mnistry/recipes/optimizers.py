"""A recipe's Keras optimizer, with its learning rate constant or rising and falling."""

import keras

from mnistry.errors import UsageError
from mnistry.recipes.recipe import Recipe


def make_optimizer(recipe: Recipe, steps: int) -> keras.optimizers.Optimizer:
    """Make a recipe's Keras optimizer for a training of so many steps.

    A learning rate that rises and falls is L. Smith, N. Topin: Super-Convergence, 2018, with the
    fall along a cosine of I. Loshchilov, F. Hutter: SGDR, 2017.

    Raises
    ------
    UsageError
        If Keras has none of this name, or it takes no momentum.

    Examples
    --------
    >>> make_optimizer(Recipe(optimizer="SGD", momentum=0.9), 2345).get_config()["momentum"]
    0.9
    """
    settings = {
        "learning_rate": recipe.learning_rate
        if recipe.warmup is None
        else _one_cycle(recipe, steps),
        "momentum": recipe.momentum,
        "weight_decay": recipe.weight_decay,
    }
    given = {name: value for name, value in settings.items() if value is not None}
    try:
        return keras.optimizers.get({"class_name": recipe.optimizer.lower(), "config": given})
    except (KeyError, TypeError, ValueError):
        named = " and ".join(given)
        reason = f"optimizer {recipe.optimizer!r}" + (f" with {named}" if named else "")
        raise UsageError(
            reason,
            expected="a Keras optimizer by name, such as rmsprop, sgd, adam or adamw; "
            "momentum goes with rmsprop and sgd",
        ) from None


def _one_cycle(recipe: Recipe, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    peak, warmup = recipe.learning_rate or 0.0, recipe.warmup or 0.0
    return keras.optimizers.schedules.CosineDecay(
        peak / 25,
        decay_steps=(1 - warmup) * steps,
        alpha=1e-3,
        warmup_target=peak,
        warmup_steps=warmup * steps,
    )
