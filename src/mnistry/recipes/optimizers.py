"""A recipe's Keras optimizer, with its learning rate constant or rising and falling."""

import keras

from mnistry.errors import UsageError
from mnistry.recipes.recipe import Recipe


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
    constant = recipe.warmup is None
    settings = {
        "learning_rate": recipe.learning_rate if constant else _one_cycle(recipe, steps),
        "momentum": recipe.momentum,
        "weight_decay": recipe.weight_decay,
    }
    given = {name: value for name, value in settings.items() if value is not None}
    try:
        return keras.optimizers.get({"class_name": recipe.optimizer.lower(), "config": given})
    except (KeyError, TypeError, ValueError):
        raise UsageError(
            f"optimizer {recipe.optimizer!r}" + (f" with {' and '.join(given)}" if given else ""),
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
