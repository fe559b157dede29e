"""What chance can do: intervals for shares, and whether two networks differ.

Knows nothing of networks or images, only of counts.
"""

import dataclasses
import math
import statistics
from collections.abc import Collection, Sequence
from typing import NamedTuple

from mnistry.errors import UsageError

_LEVEL = 0.05
_Z = statistics.NormalDist().inv_cdf(1 - _LEVEL / 2)  # 1.96


class Interval(NamedTuple):
    """Lower and upper end of a 95 % interval for a share, each from 0 to 1."""

    low: float
    high: float


def wilson(correct: int, count: int) -> Interval:
    """95 % interval for a share, after Wilson.

    Unlike the textbook's p +- 1.96 standard errors it stays within 0 to 1 and holds its promise
    near both ends, where digit networks live. E. B. Wilson, "Probable Inference, the Law of
    Succession, and Statistical Inference", JASA 22, 1927; formula 4 in Brown, Cai, DasGupta,
    "Interval Estimation for a Binomial Proportion", Statistical Science 16, 2001.

    Parameters
    ----------
    correct
        Number of right answers, 0 to `count`.
    count
        Number of answers, at least 1.

    Examples
    --------
    >>> low, high = wilson(9_799, 10_000)
    >>> print(f"{low:.4f} to {high:.4f}")
    0.9770 to 0.9825
    """
    if not 0 <= correct <= count or count < 1:
        raise UsageError(f"{correct} of {count} is no share", expected="0 to count, of at least 1")
    share = correct / count
    centre = (correct + _Z**2 / 2) / (count + _Z**2)
    reach = _Z / (count + _Z**2) * math.sqrt(count * share * (1 - share) + _Z**2 / 4)
    # Rounding would otherwise leave the ends a last digit off 0 and 1.
    low = 0.0 if correct == 0 else centre - reach
    high = 1.0 if correct == count else centre + reach
    return Interval(low, high)


@dataclasses.dataclass(frozen=True)
class Spread:
    """What a figure came to over several trainings.

    Attributes
    ----------
    mean
        Of all values.
    deviation
        Standard deviation of the values, with n - 1 in the denominator.
    interval
        95 % interval for the mean, after Student.
    """

    mean: float
    deviation: float
    interval: Interval


def spread(values: Sequence[float]) -> Spread:
    """Summarise the values of a figure over at least two trainings.

    The interval is mean +- t s / sqrt(n), t from Student's distribution with n - 1 degrees of
    freedom. Student, "The probable error of a mean", Biometrika 6, 1908.

    Examples
    --------
    >>> seeds = spread([0.9796, 0.9804, 0.9798, 0.9802, 0.9771])
    >>> print(f"{seeds.mean:.4f}, {seeds.deviation:.4f}, {seeds.interval.low:.4f}")
    0.9794, 0.0013, 0.9778
    """
    if len(values) < 2:
        raise UsageError("one value has no spread", expected="at least two")
    from scipy import special

    mean, deviation = statistics.mean(values), statistics.stdev(values)
    t = float(special.stdtrit(len(values) - 1, 1 - _LEVEL / 2))
    reach = t * deviation / math.sqrt(len(values))
    return Spread(mean, deviation, Interval(mean - reach, mean + reach))


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two networks' mistakes on the same images.

    Attributes
    ----------
    count
        Number of images.
    both
        How many of them both got wrong.
    only_a, only_b
        How many only the first or only the second got wrong.
    p_value
        Probability of a difference at least as large between equally good networks, 0 to 1.
    """

    count: int
    both: int
    only_a: int
    only_b: int
    p_value: float

    @property
    def differ(self) -> bool:
        """Whether chance alone would show such a difference in fewer than 5 % of cases."""
        return self.p_value < _LEVEL

    @property
    def verdict(self) -> str:
        """Say in one sentence what the test found."""
        chance = f"p = {self.p_value:.2g}" if self.p_value >= 1e-4 else "p < 0.0001"
        if not self.differ:
            return f"no difference that this test can see ({chance})"
        return (
            f"they differ: the first alone got {self.only_a:,} wrong,"
            f" the second alone {self.only_b:,} ({chance})"
        )


def mcnemar(mistakes_a: Collection[int], mistakes_b: Collection[int], count: int) -> Comparison:
    """Test whether two networks differ in accuracy on the same images.

    The exact form of McNemar's test: of the images that only one of two equally good networks
    gets wrong, each is as likely to be the one's as the other's, so that the smaller number is
    binomial with probability 1/2. Two-sided, computed in whole numbers. Q. McNemar, "Note on the
    sampling error of the difference between correlated proportions", Psychometrika 12, 1947;
    advised for comparing classifiers by Dietterich, Neural Computation 10, 1998.

    Parameters
    ----------
    mistakes_a, mistakes_b
        Indices of the images that each network got wrong, from 0 to ``count - 1``.
    count
        Number of images that both answered.

    Raises
    ------
    UsageError
        If an index is out of range.

    Examples
    --------
    >>> comparison = mcnemar({1, 2, 3, 4, 5, 6}, {6}, count=100)
    >>> comparison.both, comparison.only_a, comparison.only_b, comparison.p_value
    (1, 5, 0, 0.0625)
    >>> comparison.verdict
    'no difference that this test can see (p = 0.062)'
    """
    a, b = set(mistakes_a), set(mistakes_b)
    outside = [index for index in a | b if not 0 <= index < count]
    if outside:
        raise UsageError(
            f"mistake at image {min(outside)} of {count}",
            expected=f"0 to {count - 1}",
            remedy="compare runs that were scored on the same images",
        )
    only_a, only_b = len(a - b), len(b - a)
    return Comparison(count, len(a & b), only_a, only_b, _two_sided_sign_test(only_a, only_b))


def _two_sided_sign_test(a: int, b: int) -> float:
    """Give 2 P(X <= min(a, b)), at most 1, for X binomial with a + b trials of chance 1/2."""
    trials = a + b
    ways = total = 1
    for successes in range(min(a, b)):
        ways = ways * (trials - successes) // (successes + 1)
        total += ways
    # Division of two integers is exact to the last bit of the result however long they are.
    return min(1.0, 2 * total / (1 << trials))
