import pytest

from torture import changes

pytestmark = pytest.mark.slow


def test_fault_59_and_62_nothing_is_lost_when_a_change_to_the_disk_fails() -> None:
    result = changes.campaign(every=100, seed=169, workers=2)
    assert result["changes"] > 50
    assert len(result["tried"]) >= 4
    assert result["wrong"] == {}
