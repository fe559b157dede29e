"""The settings of a recipe as options: names, choices and defaults come from the library."""

from collections.abc import Callable

import click

from mnistry import recipes
from mnistry.cli.options import Function
from mnistry.errors import UsageError
from mnistry.networks import names
from mnistry.recipes.recipe import LOSSES, OPTIMIZERS, Recipe

_CLASSIC = Recipe()
_LOSSES = (  # by their names on the command line; only the last has one of its own
    {name.removesuffix("_crossentropy").replace("_", "-"): name for name in LOSSES[:-1]}
    | {"mse": "mean_squared_error"}
)
# The choices of --schedule, each with its `Recipe.warmup`: the share of all steps in which the
# learning rate rises, before it falls; None keeps the rate constant.
SCHEDULES: dict[str, float | None] = {"constant": None, "cosine": 0.0, "one-cycle": 0.1}

# For each option, the type of its number or the names that the shell completes, and its help. The
# library checks the values.
_SETTINGS: dict[str, tuple[type | tuple[str, ...], str]] = {
    "recipe": (recipes.NAMES, f"The recipe to start from: {', '.join(recipes.NAMES)}."),
    "network": (names.NAMES, f"The network: {', '.join(names.NAMES)}."),
    "units": (int, "Nodes in each hidden layer."),
    "depth": (int, "Number of hidden layers."),
    "optimizer": (OPTIMIZERS, f"The Keras optimizer: {', '.join(OPTIMIZERS)}."),
    "activation": (
        names.ACTIVATIONS,
        f"The activation function of hidden layers: {', '.join(names.ACTIVATIONS)}.",
    ),
    "dropout": (float, "The share of values that each training step sets to 0."),
    "loss": (
        tuple(_LOSSES),
        "The loss: categorical, sparse-categorical (the same loss) or binary cross-entropy, or "
        "mse, the mean squared error.",
    ),
    "learning_rate": (float, "The size of a step."),
    "momentum": (float, "The share of the last step that is added to the next."),
    "weight_decay": (
        float,
        "The share by which weights shrink in a step, times the learning rate.",
    ),
    "batch_size": (int, "Images in each step."),
    "epochs": (int, "How many times every training image is used."),
    "validation": (float, "The share of the training images to set aside for validation."),
    "early_stopping": (
        int,
        "Stop when the loss of the validation images has not fallen for N epochs.",
    ),
}
# Defaults in words, where they are not the classic recipe's values.
_DEFAULT_TEXTS = {
    "recipe": "classic",
    "learning_rate": "Keras's for the optimizer; rmsprop: 0.001",
    "momentum": "Keras's for the optimizer; rmsprop: 0",
    "weight_decay": "none",
    "dropout": "the network's; convnet: 0.5, strided-large: 0.3, others: 0",
    "batch_size": "128; less if there are few images",
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
    default = _DEFAULT_TEXTS.get(name) or str(getattr(_CLASSIC, name)).removesuffix("_crossentropy")
    return click.option(
        f"--{name.replace('_', '-')}",
        metavar=metavar,
        type=str if known or several else kind,
        help=text,
        show_default=default,
        shell_complete=lambda _context, _option, start: [n for n in known if n.startswith(start)],
    )


def full_loss_name(name: str) -> str:
    """Return a loss's name in a recipe from its name on the command line, or Keras's.

    Raises
    ------
    UsageError
        If there is no such loss.

    Examples
    --------
    >>> full_loss_name("sparse-categorical"), full_loss_name("mse")
    ('sparse_categorical_crossentropy', 'mean_squared_error')
    """
    full = name.lower().replace("-", "_")
    found = _LOSSES.get(full.replace("_", "-"), full)
    if found not in LOSSES:
        raise UsageError(f"no loss is called {name!r}", expected="one of " + ", ".join(_LOSSES))
    return found
