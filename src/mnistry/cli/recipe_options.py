"""The settings of a recipe as options: names, choices and defaults come from the library."""

from collections.abc import Callable

import click

from mnistry import recipes
from mnistry.cli.options import Function
from mnistry.networks import names
from mnistry.recipes.recipe import LOSSES, OPTIMIZERS, Recipe

_CLASSIC = Recipe()
_SHORT_LOSSES = tuple(
    name.removesuffix("_crossentropy").replace("_", "-") for name in LOSSES if "cross" in name
)

# For each option, the type of its number or the names that the shell completes, and its help. The
# library checks the values.
_SETTINGS: dict[str, tuple[type | tuple[str, ...], str]] = {
    "recipe": (recipes.NAMES, f"The recipe to start from: {', '.join(recipes.NAMES)}."),
    "network": (names.NAMES, f"The network: {', '.join(names.NAMES)}."),
    "units": (int, "Nodes in each hidden layer."),
    "depth": (int, "Number of hidden layers."),
    "optimizer": (OPTIMIZERS, f"The Keras optimizer: {', '.join(OPTIMIZERS)}."),
    "loss": (
        _SHORT_LOSSES,
        f"The cross-entropy: {', '.join(_SHORT_LOSSES)}; the first two give the same numbers.",
    ),
    "learning_rate": (float, "The size of a step."),
    "momentum": (float, "The share of the last step that is added to the next."),
    "batch_size": (int, "Images in each step."),
    "epochs": (int, "How many times every training image is used."),
    "validation": (float, "The share of the training images to set aside for validation."),
    "early_stopping": (
        int,
        "Stop when the loss has not fallen for N epochs; with --validation, the validation loss.",
    ),
}
# Defaults in words, where they are not the classic recipe's values.
_WITHOUT = {
    "recipe": "classic",
    "learning_rate": "Keras's for the optimizer; rmsprop: 0.001",
    "momentum": "Keras's for the optimizer; rmsprop: 0",
    "early_stopping": "never",
}


def settings(*chosen: str, several: bool = False) -> Callable[[Function], Function]:
    """Add the options for a recipe and its settings; those that are not given are None.

    `chosen` are ``"recipe"`` and attributes of `mnistry.Recipe`, in the order of the help. With
    `several` each takes several values, as text.
    """

    def add(command: Function) -> Function:
        for name in reversed(chosen):
            command = _setting(name, several)(command)
        return command

    return add


def _setting(name: str, several: bool) -> Callable[[Function], Function]:
    kind, text = _SETTINGS[name]
    known = kind if isinstance(kind, tuple) else ()
    metavar = "VALUES" if several else "NAME" if known else "N" if kind is int else "F"
    default = _WITHOUT.get(name) or str(getattr(_CLASSIC, name)).removesuffix("_crossentropy")
    return click.option(
        f"--{name.replace('_', '-')}",
        metavar=metavar,
        type=str if known or several else kind,
        help=text,
        show_default=default,
        shell_complete=lambda _context, _option, start: [n for n in known if n.startswith(start)],
    )


def full_loss_name(name: str) -> str:
    """Return a loss's name in a recipe from its name on the command line.

    Examples
    --------
    >>> full_loss_name("sparse-categorical")
    'sparse_categorical_crossentropy'
    """
    name = name.lower().replace("-", "_")
    return name if name.endswith("_crossentropy") else f"{name}_crossentropy"
