import math

import pytest

from mnistry.cluster import plan
from mnistry.cluster.plan import Choice, Range
from mnistry.errors import UsageError


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("units", "512", Choice((512,))),
        ("optimizer", "sgd,adam", Choice(("sgd", "adam"))),
        ("momentum", "0..0.9", Range(0, 0.9, False, False)),
        ("batch_size", "32..512:log", Range(32, 512, True, True)),
    ],
)
def test_values_are_read(name: str, text: str, values: Choice | Range) -> None:
    assert plan.parse(name, text) == values


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("units", "many"), ("units", ""), ("units", "8..4"), ("momentum", "0..1:log"),
        ("learning_rate", "1..2:cubic"), ("learning_rate", "1..2..3"), ("depth", "1.5"),
        ("learning_rate", "1..inf"), ("units", "1..1e400"), ("momentum", "nan..1"),
    ],
)  # fmt: skip
def test_an_invalid_value_is_refused_with_an_example(name: str, text: str) -> None:
    with pytest.raises(UsageError, match=r"expected values separated by commas, or a range: \w+"):
        plan.parse(name, text)


def test_random_settings_are_the_same_each_time_and_lie_in_their_ranges() -> None:
    varied = {
        "learning_rate": Range(1e-4, 1e-2, True, False),
        "units": Range(10, 20, False, True),
        "optimizer": Choice(("sgd", "adam")),
    }
    drawn = plan.configurations(varied, 200)
    assert drawn == plan.configurations(varied, 200)
    assert drawn[:50] == plan.configurations(varied, 50)
    rates = [one["learning_rate"] for one in drawn]
    assert all(1e-4 <= rate <= 1e-2 for rate in rates)
    # Half of 200 are below the middle of the logarithms, within three standard deviations: a
    # binomial's is sqrt(200 * 0.5 * 0.5).
    below = sum(math.log10(rate) < -3 for rate in rates)
    assert abs(below - 100) < 3 * math.sqrt(50)
    assert {one["units"] for one in drawn} == set(range(10, 21))
    assert {one["optimizer"] for one in drawn} == {"sgd", "adam"}


def test_a_grid_has_every_combination_once() -> None:
    varied = {"units": Choice((8, 16, 32)), "depth": Choice((1, 2))}
    found = plan.configurations(varied, None)
    assert len({tuple(one.values()) for one in found}) == len(found) == 6
    with pytest.raises(UsageError, match="--trials"):
        plan.configurations({"units": Range(1, 2, False, True)}, None)
    with pytest.raises(UsageError, match="0 trials"):
        plan.configurations(varied, 0)


def test_no_setting_is_tried_twice() -> None:
    assert plan.parse("units", "8, 16,8") == Choice((8, 16))
    varied = {"units": Choice((8, 16, 32)), "depth": Choice((1, 2))}
    drawn = plan.configurations(varied, 6)
    assert len({tuple(one.values()) for one in drawn}) == 6
    with pytest.raises(UsageError, match=r"7 trials; expected at most 6, .*; --trials 6, or --see"):
        plan.configurations(varied, 7)
    for trials in (None, 5):
        with pytest.raises(UsageError, match="nothing varies; give values"):
            plan.configurations({}, trials)
