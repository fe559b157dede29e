import dataclasses
import shutil
from pathlib import Path

import pytest

from torture import protections


def test_every_fault_has_a_protection_that_can_be_removed(tmp_path: Path) -> None:
    table = protections.table()
    assert sorted({protection.fault for protection in table}) == [*range(1, 136)]
    for number, protection in enumerate(table):
        source = tmp_path / str(number)
        for name, _, _ in protection.edits:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(protections.ROOT / "src" / "mnistry" / name, source / name)
        protection.remove(source)
        path, _, name = protection.test.partition("::")
        assert f"def {name.partition('[')[0]}(" in (protections.ROOT / path).read_text()


@pytest.mark.slow
def test_a_missing_protection_is_noticed() -> None:
    chosen = [p for p in protections.table() if p.fault in (12, 26)]  # their tests are quick
    assert protections.campaign(chosen, 2) == {"removed": 2, "unnoticed": []}


@pytest.mark.slow
def test_a_removal_that_no_test_notices_is_reported() -> None:
    protection = protections.table()[11]
    name, lines, _ = protection.edits[0]
    # This "removal" only adds a comment.
    nothing = dataclasses.replace(protection, edits=((name, lines, f"{lines}  # still there\n"),))
    assert not protections.is_noticed(nothing)
