"""The settings of a recipe as options: names, choices and defaults come from the library."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from mnistry import recipes
from mnistry.cli.framework import Names
from mnistry.networks import names
from mnistry.recipes.recipe import LOSSES, OPTIMIZERS, Recipe

_Function = TypeVar("_Function", bound=Callable[..., Any])

_CLASSIC = Recipe()
_SHORT_LOSSES = [name.removesuffix("_crossentropy").replace("_", "-") for name in LOSSES]

# Each setting's type, how its value is called, and its help.
_SETTINGS: dict[str, tuple[Any, str, str]] = {
    "network": (Names(names.NAMES), "NAME", f"The network: {', '.join(names.NAMES)}."),
    "units": (int, "N", "Nodes in each hidden layer."),
    "depth": (int, "N", "Hidden layers."),
    "optimizer": (Names(OPTIMIZERS), "NAME", f"Keras's optimizer: {', '.join(OPTIMIZERS)}."),
    "loss": (
        Names(_SHORT_LOSSES),
        "NAME",
        f"The cross-entropy: {', '.join(_SHORT_LOSSES)}; the first two give the same numbers.",
    ),
    "learning_rate": (float, "F", "The size of a step."),
    "momentum": (float, "F", "The part of the last step that is added to the next."),
    "batch_size": (int, "N", "Images a step."),
    "epochs": (int, "N", "How many times every image is used."),
    "validation": (float, "F", "The part of the training images to set aside and watch."),
    "early_stopping": (int, "N", "Stop after N epochs without a smaller watched loss."),
}
# What a setting without a value means.
_WITHOUT = {
    "learning_rate": "Keras's for the optimizer; rmsprop: 0.001",
    "momentum": "Keras's for the optimizer; rmsprop: 0",
    "early_stopping": "never",
}

RECIPE = click.option(
    "--recipe",
    metavar="NAME",
    type=Names(recipes.NAMES),
    help=f"The settings to start from: {', '.join(recipes.NAMES)}.",
    show_default="classic",
)


def setting(name: str, *, several: bool = False) -> Callable[[_Function], _Function]:
    """Make the option for a setting, without a value where it is not given.

    Parameters
    ----------
    name
        The attribute of `mnistry.Recipe`.
    several
        Take a text with several values.
    """
    kind, metavar, text = _SETTINGS[name]
    default = getattr(_CLASSIC, name)
    return click.option(
        f"--{name.replace('_', '-')}",
        metavar="VALUES" if several else metavar,
        type=str if several else kind,
        help=text,
        show_default=_WITHOUT[name] if default is None else _short(default),
    )


def full_loss_name(name: str) -> str:
    """Give the name that a recipe has for a loss.

    Examples
    --------
    >>> full_loss_name("sparse-categorical")
    'sparse_categorical_crossentropy'
    """
    name = name.lower().replace("-", "_")
    return name if name.endswith("_crossentropy") else f"{name}_crossentropy"


def _short(default: object) -> str:
    return str(default).removesuffix("_crossentropy")
