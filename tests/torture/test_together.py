import pytest

from torture import together

pytestmark = pytest.mark.slow


def test_fault_08_and_66_two_processes_at_the_same_time_finish_or_are_refused() -> None:
    wrong = together.campaign(rounds=1)["wrong"]
    assert len(wrong) == 4
    assert not any(wrong.values()), wrong
