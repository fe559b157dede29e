"""Messages about a training: how to go on after it, and what to try if nothing was learned."""

import math
import shlex
from typing import TYPE_CHECKING

from mnistry.errors import counted_noun
from mnistry.percent import percent

if TYPE_CHECKING:
    from rich.text import Text

    from mnistry.evaluation.scorecard import Scorecard
    from mnistry.recipes import Recipe
    from mnistry.runs.directory import Run

_STEPS_AN_EPOCH = 16  # with fewer, the default batch size is too large for the data
_FEW_STEPS = 300  # a whole training with fewer steps may have learned nothing for that reason
_SLOW = ("sgd", "adagrad", "adadelta", "ftrl")  # optimizers that need larger learning rates


def batch_size(usual: int, count: int) -> int:
    """Return the batch size for `count` training images: the usual one, or less if they are few.

    An epoch then has 16 steps or more.

    Examples
    --------
    >>> batch_size(128, 60_000), batch_size(128, 400), batch_size(128, 5)
    (128, 16, 1)
    """
    most = max(1, count // _STEPS_AN_EPOCH)
    return usual if usual <= most else 1 << int(math.log2(most))


def next_commands(run: "Run") -> "Text":
    """Return three commands to go on with, as lines of text."""
    from rich.text import Text

    from mnistry.datasets.dataset import DIGITS

    path = shlex.quote(str(run.path))
    commands = [
        (f"mnistry evaluate {path}", "its scores, class by class, and its mistakes"),
        (f"mnistry explain {path}", "one image's path through the network"),
    ]
    if run.data.classes == DIGITS:
        commands.append((f"mnistry read --model {path} FILE", "digits in your own pictures"))
    else:
        commands.append((f"mnistry plot {path}", "its curves and mistakes as figures"))
    width = max(len(command) for command, _ in commands)
    lines = [
        Text.assemble(f"  {command:{width}}  ", (what, "bright_black"))
        for command, what in commands
    ]
    return Text("\n").join([Text("go on with", "bold"), *lines])


def kept_epoch(run: "Run") -> str | None:
    """Return after how many epochs early stopping ended, and whose weights it kept; else None."""
    if run.recipe is None or run.recipe.early_stopping is None:
        return None
    losses = [epoch.val_loss for epoch in run.epochs() if epoch.val_loss is not None]
    if not losses:
        return None
    best = 1 + losses.index(min(losses))
    return (
        f"after {len(losses)} of {counted_noun(run.recipe.epochs, 'epoch')}; "
        f"the weights are those of epoch {best}, with the smallest validation loss"
    )


def if_nothing_learned(run: "Run") -> str | None:
    """Return what to try if always answering the commonest class would do as well; else None."""
    card = run.scores().train
    if run.recipe is None or not _is_guessing(card):
        return None
    commonest = max(card.by_class, key=lambda one: one.images)
    own = run.data.origin
    given = f"--data {shlex.quote(str(own.data))}" if own.data else ""
    data = " ".join(filter(None, [given, own.typed()]))
    lines = [
        f"This network learned nothing: it is right for {percent(card.accuracy)} of its training "
        f"images, and always answering {commonest.name} is right for "
        f"{percent(commonest.images / card.count)}. Try:",
        *(f"  mnistry train {options} {data}" for options in _to_try(run.recipe, card.count)),
        f"  mnistry show --random 10 {data}   (do the labels fit the images?)",
    ]
    return "\n".join(lines)


def _is_guessing(card: "Scorecard") -> bool:
    """Return whether always answering the commonest class would be right about as often."""
    counts = [one.images for one in card.by_class]
    is_one_class = max(counts) == card.count
    return not is_one_class and card.interval[0] <= max(counts) / card.count


def _to_try(recipe: "Recipe", count: int) -> list[str]:
    """Return options that may help, the most likely first."""
    found = []
    name, rate = recipe.optimizer.lower(), recipe.learning_rate
    usual = 0.01 if name in _SLOW else 0.001
    if rate is not None and not usual / 10 < rate < usual * 10:
        found.append(f"--optimizer {name} --learning-rate {usual:g}")
    elif name in _SLOW:
        found.append("--optimizer adam")
    if recipe.epochs * math.ceil(count / recipe.batch_size) < _FEW_STEPS:
        size = min(recipe.batch_size, batch_size(128, count))
        epochs = max(5, math.ceil(_FEW_STEPS / math.ceil(count / size)))
        smaller = "" if size == recipe.batch_size else f"--batch-size {size} "
        found.append(f"{smaller}--epochs {epochs}")
    if recipe.network == "dense" and (recipe.depth > 3 or recipe.units < 8):
        found.append("--units 512 --depth 1")
    if recipe.model is not None:
        found.append("--network dense")
    return found or ["--recipe fast"]
