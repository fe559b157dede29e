"""The settings that a sweep tries: every combination of values, or random draws.

Knows nothing of Ray or of training.
"""

import dataclasses
import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mnistry.errors import UsageError

# The settings that may vary, and the type of each.
SETTINGS: dict[str, type] = {
    "network": str, "units": int, "depth": int, "optimizer": str, "learning_rate": float,
    "momentum": float, "batch_size": int,
}  # fmt: skip
_DRAWS = 100  # for each trial; if they do not suffice, there are too few different configurations


@dataclasses.dataclass(frozen=True)
class Choice:
    """A list of values to choose from."""

    values: tuple[Any, ...]

    def draw(self, generator: np.random.Generator) -> Any:
        """Draw a value."""
        return self.values[int(generator.integers(len(self.values)))]


@dataclasses.dataclass(frozen=True)
class Range:
    """A range of numbers, drawn uniformly or log-uniformly (`logarithmic`); rounded if `whole`."""

    low: float
    high: float
    logarithmic: bool
    whole: bool

    def draw(self, generator: np.random.Generator) -> float:
        """Draw a number, of four significant digits unless it is whole."""
        if self.logarithmic:
            drawn = math.exp(generator.uniform(math.log(self.low), math.log(self.high)))
        else:
            drawn = float(generator.uniform(self.low, self.high))
        return round(drawn) if self.whole else float(f"{drawn:.4g}")


def parse(name: str, text: str) -> Choice | Range:
    """Parse the values of a setting: ``512``, ``32,128,512``, ``0.1..0.9``, ``1e-4..1e-2:log``.

    Raises
    ------
    UsageError
        If the text is not valid for that setting.

    Examples
    --------
    >>> parse("batch_size", "32,128"), parse("network", "dense")
    (Choice(values=(32, 128)), Choice(values=('dense',)))
    >>> parse("learning_rate", "1e-4..1e-2:log")
    Range(low=0.0001, high=0.01, logarithmic=True, whole=False)
    """
    kind = SETTINGS[name]
    try:
        if kind is not str and ".." in text:
            ends, _, scale = text.partition(":")
            low, high = map(float, ends.split(".."))
            finite = math.isfinite(low) and math.isfinite(high)
            if not finite or low >= high or scale not in ("", "log") or (scale and low <= 0):
                raise ValueError(text)
            return Range(low, high, bool(scale), kind is int)
        return Choice(tuple(dict.fromkeys(kind(value.strip()) for value in text.split(","))))
    except ValueError:
        example = {str: "dense,convnet", int: "32,128 or 32..512:log"}.get(kind, "1e-4..1e-2:log")
        raise UsageError(
            f"{name} {text!r}", expected=f"values separated by commas, or a range: {example}"
        ) from None


def configurations(
    varied: Mapping[str, Choice | Range], trials: int | None
) -> list[dict[str, Any]]:
    """Draw `trials` different configurations at random; if it is None, combine all values.

    The same arguments give the same configurations.

    Raises
    ------
    UsageError
        If nothing varies, `trials` is None and a setting has a range, `trials` is below 1, or there
        are fewer configurations than trials.

    Examples
    --------
    >>> configurations({"units": Choice((8, 16)), "depth": Choice((1, 2))}, None)[1]
    {'units': 8, 'depth': 2}
    """
    if not varied:
        raise UsageError(
            "nothing varies", remedy="give values: --learning-rate 1e-4..1e-2:log --trials 20"
        )
    if trials is None:
        values = [choice.values if isinstance(choice, Choice) else () for choice in varied.values()]
        if not all(values):
            raise UsageError(
                "the values of a range cannot all be tried", remedy="draw some: --trials 40"
            )
        return [dict(zip(varied, chosen, strict=True)) for chosen in itertools.product(*values)]
    if trials < 1:
        raise UsageError(f"{trials} trials", expected="at least 1")
    generator = np.random.default_rng(0)
    drawn: dict[tuple[Any, ...], dict[str, Any]] = {}
    for _ in range(_DRAWS * trials):
        one = {name: choice.draw(generator) for name, choice in varied.items()}
        drawn.setdefault(tuple(one.values()), one)
        if len(drawn) == trials:
            return list(drawn.values())
    raise UsageError(
        f"{trials} trials",
        expected=f"at most {len(drawn)}, the number of different settings",
        remedy=f"--trials {len(drawn)}, or --seeds to train each of them several times",
    )
