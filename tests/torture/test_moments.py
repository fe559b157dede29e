import pytest

from torture import moments

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("optimized")]


def test_fault_59_a_training_killed_at_any_moment_ends_like_an_undisturbed_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shorter = [*moments.TRAININGS["dense"][:-1], "100"]
    monkeypatch.setitem(moments.TRAININGS, "dense", shorter)
    result = moments.campaign(kills=2, seed=2, names=["dense"])  # one training, killed twice
    assert result["kills"] >= 2
    assert result["kills in training"] > 0
    assert result["wrong"] == []
