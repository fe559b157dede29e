import pytest

from torture import load

pytestmark = pytest.mark.slow


def test_fault_82_and_83_the_studio_recovers_from_load_and_slow_clients() -> None:
    result = load.campaign(seconds=16)
    assert set(result["answers"]) == {"200", "400", "404"}
    assert result["slow clients ended"] >= load.SLOW // 3  # those whose headers never end
    assert result["said"] == ""
    taken = result["first sixth, last sixth, after"]
    assert taken["files"][2] <= 20
    assert taken["MB"][2] < 1.2 * taken["MB"][0]
