from pathlib import Path

import pytest

from torture import batches, disk, slowest


@pytest.mark.slow
def test_fault_124_125_126_forms_are_read_and_reviewed_on_a_disk_that_fails() -> None:
    result = batches.campaign(every=250, seed=1, rounds=1)
    assert min(result["changes"].values()) > 40
    assert len(result["tried"]) > 2
    assert result["wrong"] == {}


def test_what_was_not_flushed_is_gone_after_the_power_was_cut(tmp_path: Path) -> None:
    before = tmp_path / "before"
    before.mkdir()
    (before / "old").write_bytes(b"old")
    log = [
        disk.Change("create", "new", "", 0, b""),
        disk.Change("write", "new", "", 0, b"abc"),
        disk.Change("fsync", "new", "", 0, b""),
        disk.Change("write", "new", "", 3, b"def"),
        disk.Change("rename", "new", "old", 0, b""),
    ]
    # `at_once`: new names are on the disk at once; otherwise only when their folder is flushed, as
    # in the third case. In every case the bytes of a file that were not flushed are lost.
    for at_once, changes, expected in (
        (False, log, {"old": b"old"}),
        (True, log, {"old": b"abc"}),
        (False, [*log, disk.Change("fsync", ".", "", 0, b"")], {"old": b"abc"}),
        (True, log[:2], {"old": b"old", "new": b""}),
    ):
        folder = tmp_path / f"{at_once}{len(changes)}"
        folder.mkdir()
        disk.cut_power(before, changes, folder, names_at_once=at_once)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == expected


@pytest.mark.slow
def test_a_program_is_killed_at_the_change_that_was_chosen(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    program = f"for name in 'abc': open(f'{folder}/{{name}}', 'w').write(name * 10)"
    done = disk.run(["python3", "-c", program], folder, tmp_path / "log")
    assert done.returncode == 0
    assert [one.kind for one in disk.changes(tmp_path / "log", folder)] == ["create", "write"] * 3
    for path in folder.iterdir():
        path.unlink()
    done = disk.run(["python3", "-c", program], folder, tmp_path / "log", 4, "torn")
    assert done.returncode == -9
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "a": "a" * 10, "b": "b" * 5,
    }  # fmt: skip


@pytest.mark.slow
def test_slow_pictures_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slowest, "SIDE", 500)
    result = slowest.campaign(steps=2)
    assert (result["steps"], result["wrong"]) == (2, [])
    assert 0 < result["median, s"] <= result["slowest, s"]
