import pytest

from mnistry.errors import UsageError
from mnistry.evaluation.statistics import mcnemar, spread, wilson


# Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17,
# 1998, table I, method 3.
@pytest.mark.parametrize(
    ("correct", "count", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_agrees_with_published_values(correct, count, low, high):
    assert wilson(correct, count) == pytest.approx((low, high), abs=5e-5)


def test_wilson_is_the_same_for_right_and_wrong_answers():
    low, high = wilson(1, 29)
    assert wilson(28, 29) == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize("count", [2, 9, 10, 17, 10_000])
def test_wilson_stays_within_0_and_1(count):
    assert wilson(0, count).low == 0
    assert wilson(count, count).high == 1


@pytest.mark.parametrize(("correct", "count"), [(0, 0), (3, 2), (-1, 2)])
def test_wilson_refuses_impossible_counts(correct, count):
    with pytest.raises(UsageError, match="is not a proportion"):
        wilson(correct, count)


def test_mcnemar_by_hand():
    # 1 against 7: P(X <= 1) = (1 + 8) / 2**8, twice.
    comparison = mcnemar({0, 1}, {1, 2, 3, 4, 5, 6, 7, 8}, count=20)
    assert (comparison.both, comparison.only_a, comparison.only_b) == (1, 1, 7)
    assert comparison.p_value == 18 / 256
    assert comparison.verdict == "no significant difference (p = 0.07)"


def test_mcnemar_sees_a_difference():
    # 1 against 9: (1 + 10) / 2**10, twice.
    comparison = mcnemar({0}, range(1, 10), count=20)
    assert comparison.p_value == 22 / 1024
    assert comparison.differ
    assert comparison.verdict == (
        "they differ: the first alone got 1 wrong, the second alone 9 (p = 0.021)"
    )


def test_mcnemar_sees_no_difference_between_a_network_and_itself():
    comparison = mcnemar([3, 5], [5, 3], count=10)
    assert (comparison.both, comparison.p_value, comparison.differ) == (2, 1.0, False)


@pytest.mark.parametrize(("a", "b"), [(10, 12), (44, 631), (3_000, 3_000), (4_800, 5_200)])
def test_mcnemar_agrees_with_scipy(a, b):
    from scipy.stats import binomtest

    comparison = mcnemar(range(a), range(a, a + b), count=a + b)
    assert comparison.p_value == pytest.approx(binomtest(a, a + b).pvalue, rel=1e-9)


def test_mcnemar_returns_0_for_a_p_value_too_small_for_a_float():
    comparison = mcnemar(range(60_000), [], count=60_000)
    assert comparison.p_value == 0
    assert "p < 0.0001" in comparison.verdict


@pytest.mark.parametrize("index", [-1, 10])
def test_mcnemar_refuses_indices_out_of_range(index):
    with pytest.raises(UsageError, match="the same images"):
        mcnemar([3, index], [5], count=10)


def test_spread_by_hand():
    # Mean 3, deviation sqrt(2.5); Student's t for 4 degrees of freedom is 2.776.
    found = spread([1, 2, 3, 4, 5])
    assert (found.mean, found.deviation) == (3, pytest.approx(2.5**0.5))
    assert found.interval == pytest.approx((3 - 1.9633, 3 + 1.9633), abs=1e-3)


def test_spread_of_one_value_is_refused():
    with pytest.raises(UsageError):
        spread([0.98])
