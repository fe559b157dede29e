"""Forms, scans, batches and taught runs of an earlier build (see make_forms.py) are still good."""

import csv
import json
import shutil
from pathlib import Path

import pytest

import mnistry
from mnistry.forms.rules import key
from mnistry.forms.store import Store
from tests.cli.conftest import mnistry_command

__all__ = ["mnistry_command"]

MADE = Path(__file__).parent / "made_forms"


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what was made, in which commands run, as they did when it was made."""
    folder = Path(shutil.copytree(MADE, tmp_path / "made"))
    monkeypatch.chdir(folder)
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


def test_a_batch_of_an_earlier_build_gives_the_same_table(mnistry_command, made: Path) -> None:
    exported = mnistry_command("form", "export", made / "batch", "-o", made / "new.csv")
    assert exported.code == 0, exported.err
    assert rows(made / "new.csv") == rows(MADE / "exported.csv")
    assert rows(made / "new_catch.csv") == rows(MADE / "exported_catch.csv")
    with Store(made / "batch") as store:
        (sheet,) = store.sheets()
        assert sheet.decisions[key("depth")].who == "someone"
        assert (store.picture(sheet.pages[0]) or b"").startswith(b"\xff\xd8")


def test_a_sheet_printed_by_an_earlier_build_is_read_into_its_batch(
    mnistry_command, made: Path
) -> None:
    read = mnistry_command("form", "read", "FORM.toml", "7.jpg", "8.jpg", "--batch", "batch")
    assert read.code == 0, read.err
    with Store(made / "batch") as store:
        old, new = store.sheets()
        assert (old.serial, new.serial) == (7, 8)
        assert old.decisions[key("depth")].value == 31.8
        for sheet, station, day in ((old, "049", "2024-02-29"), (new, "173", "2025-12-01")):
            assert sheet.answers[key("station")].value == station
            assert sheet.answers[key("day")].value == day
        assert new.answers[key("weather")].value == "sun"


def test_a_run_taught_by_an_earlier_build_opens_and_scores_the_same(
    mnistry_command, made: Path
) -> None:
    run = mnistry.Run.open(made / "taught")
    assert run.status == "done"
    said = json.loads((MADE / "said.json").read_text())
    result = mnistry_command("evaluate", run.path, "--data", "sample", "--json")
    assert result.code == 0, result.err
    assert {name: json.loads(result.out)[name] for name in said} == said
