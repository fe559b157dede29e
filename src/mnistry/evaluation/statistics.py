"""Confidence intervals, the spread over seeds, and a test of whether two networks differ.

Knows counts and figures, nothing of networks or images.
"""

import dataclasses
import math
import statistics
from collections.abc import Collection, Sequence
from typing import NamedTuple

from mnistry.errors import UsageError

_LEVEL = 0.05  # of significance; intervals cover the rest, 95 %
_Z = statistics.NormalDist().inv_cdf(1 - _LEVEL / 2)  # 1.96


class Interval(NamedTuple):
    """Lower and upper end of a 95 % confidence interval; of a proportion, from 0 to 1."""

    low: float
    high: float


def wilson(correct: int, count: int) -> Interval:
    """Return Wilson's 95 % confidence interval for a proportion.

    Unlike p +- 1.96 standard errors it stays within 0 to 1, and covers the true proportion in about
    95 % of cases even near 0 and 1, where the accuracy of digit networks lies. E. B. Wilson,
    "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22, 1927; formula
    4 in Brown, Cai, DasGupta, "Interval Estimation for a Binomial Proportion", Statistical
    Science 16, 2001.

    Parameters
    ----------
    correct
        Number of right answers, 0 to `count`.
    count
        Number of answers, at least 1.

    Raises
    ------
    UsageError
        If the counts are outside these ranges.

    Examples
    --------
    >>> low, high = wilson(9_799, 10_000)
    >>> print(f"{low:.4f} to {high:.4f}")
    0.9770 to 0.9825
    """
    if not 0 <= correct <= count or count < 1:
        raise UsageError(
            f"{correct} of {count} is not a proportion", expected="0 to the count, which is above 0"
        )
    share = correct / count
    centre = (correct + _Z**2 / 2) / (count + _Z**2)
    reach = _Z / (count + _Z**2) * math.sqrt(count * share * (1 - share) + _Z**2 / 4)
    # Without rounding errors these ends are exactly 0 and 1.
    low = 0.0 if correct == 0 else centre - reach
    high = 1.0 if correct == count else centre + reach
    return Interval(low, high)


def exact(count: int, of: int) -> Interval:
    """Return the exact 95 % confidence interval for a proportion, for counts near 0.

    It covers the true proportion in at least 95 % of cases. C. J. Clopper and E. S. Pearson, "The
    Use of Confidence or Fiducial Limits Illustrated in the Case of the Binomial", Biometrika 26,
    1934. If the count is 0 or `of`, one end of the interval is known, and the other end takes the
    whole 5 %: for 0 it is about 3 divided by `of`, the rule of three.

    Parameters
    ----------
    count
        How many, 0 to `of`.
    of
        Out of how many, at least 1.

    Raises
    ------
    UsageError
        If the counts are outside these ranges.

    Examples
    --------
    >>> low, high = exact(0, 750)
    >>> print(f"{low:.4f} to {high:.5f}")
    0.0000 to 0.00399
    """
    if not 0 <= count <= of or of < 1:
        what = f"{count} of {of} is not a proportion"
        raise UsageError(what, expected="0 to the number of all, which is above 0")
    tail = _LEVEL if count in (0, of) else _LEVEL / 2
    low = 0.0 if count == 0 else 1 - _limit(of - count, of, tail)
    high = 1.0 if count == of else _limit(count, of, tail)
    return Interval(low, high)


def _limit(count: int, of: int, tail: float) -> float:
    """Find by bisection the p for which P(X <= count) = tail, X being binomial with `of` trials."""
    low, high = count / of, 1.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        log_odds = math.log(middle) - math.log1p(-middle)
        at_most = sum(
            math.exp(
                math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1)
                + k * log_odds + of * math.log1p(-middle)
            )
            for k in range(count + 1)
        )  # fmt: skip
        low, high = (middle, high) if at_most > tail else (low, middle)
    return high


@dataclasses.dataclass(frozen=True)
class Spread:
    """The mean of a figure over several trainings, and how much it varies.

    Attributes
    ----------
    mean
        Mean of the values.
    deviation
        Standard deviation of the values, with n - 1 in the denominator.
    interval
        Student's 95 % confidence interval for the mean.
    """

    mean: float
    deviation: float
    interval: Interval


def spread(values: Sequence[float]) -> Spread:
    """Return mean, standard deviation and confidence interval of at least two values.

    The interval is mean +- t s / sqrt(n), t from Student's distribution with n - 1 degrees of
    freedom. Student, "The probable error of a mean", Biometrika 6, 1908.

    Raises
    ------
    UsageError
        If there are fewer than two values.

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
    """The mistakes of two networks on the same images.

    Attributes
    ----------
    count
        Number of images.
    both
        How many images both networks got wrong.
    only_a, only_b
        How many only the first, or only the second, got wrong.
    p_value
        Probability, 0 to 1, that equally good networks differ at least as much by chance.
    """

    count: int
    both: int
    only_a: int
    only_b: int
    p_value: float

    @property
    def differ(self) -> bool:
        """Whether equally good networks would differ so much in fewer than 5 % of cases."""
        return self.p_value < _LEVEL

    @property
    def verdict(self) -> str:
        """The result of the test in a few words."""
        chance = f"p = {self.p_value:.2g}" if self.p_value >= 1e-4 else "p < 0.0001"
        if not self.differ:
            return f"no significant difference ({chance})"
        return (
            f"they differ: the first alone got {self.only_a:,} wrong,"
            f" the second alone {self.only_b:,} ({chance})"
        )


def mcnemar(mistakes_a: Collection[int], mistakes_b: Collection[int], count: int) -> Comparison:
    """Test whether two networks differ in accuracy on the same images.

    The exact form of McNemar's test, two-sided, computed in integers. It looks at the images
    that only one of the networks gets wrong: if both are equally good, each of these images is
    as likely to be the first network's mistake as the second's. Q. McNemar, "Note on the sampling
    error of the difference between correlated proportions", Psychometrika 12, 1947; recommended
    for comparing classifiers by Dietterich, Neural Computation 10, 1998.

    Parameters
    ----------
    mistakes_a, mistakes_b
        Indices of the images that each network got wrong, from 0 to ``count - 1``.
    count
        Number of images.

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
    'no significant difference (p = 0.062)'
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
    """Return 2 P(X <= min(a, b)), at most 1, for X binomial with a + b trials, probability 1/2."""
    trials = a + b
    ways = total = 1
    for successes in range(min(a, b)):
        ways = ways * (trials - successes) // (successes + 1)
        total += ways
    # Python divides integers of any length with a correctly rounded result.
    return min(1.0, 2 * total / (1 << trials))
