import pytest

from torture import changes

pytestmark = pytest.mark.slow


def test_fault_59_and_62_nothing_is_lost_when_a_change_to_the_disk_fails() -> None:
    hows = ("kill", "torn", "ENOSPC")
    result = changes.campaign(hows, every=1000, seed=39, workers=2)  # one change in each way
    assert result["changes"] > 50
    assert result["tried"] == dict.fromkeys(hows, 1)
    assert result["wrong"] == {}
