"""Reviews and audits begin and end at the command line; `tests/browser` uses their page."""

import json
import sys
from pathlib import Path

import pytest

from mnistry.forms import form_json
from mnistry.forms.answers import Answer
from mnistry.forms.records import Decision, NewPage
from mnistry.forms.store import Store
from mnistry.server.serve import Server
from tests.forms import batches
from tests.serving import end_at_once


@pytest.fixture(autouse=True)
def served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Server, "serve", end_at_once)


def batch(folder: Path, **others: Answer) -> Path:
    form = batches.write_form(folder)
    with Store(folder / "batch") as store:
        store.set_meta("form", form_json.dumps(form))
        batches.add(form, store, 1, batches.answers(**others))
    return folder / "batch"


def test_the_address_has_a_token_on_this_machine_too(mnistry_command, tmp_path: Path) -> None:
    folder = batch(tmp_path, station=batches.UNSURE)
    told = mnistry_command("form", "review", folder, "--port", 0)
    assert told.code == 0
    assert told.err == "1 field to be looked at\n"
    assert "http://127.0.0.1:" in told.out
    assert "/?token=" in told.out


def test_a_review_of_nothing_ends_at_once(mnistry_command, tmp_path: Path) -> None:
    told = mnistry_command("form", "review", batch(tmp_path))
    assert (told.code, told.out, told.err) == (0, "", "0 fields to be looked at\n")


def test_fields_without_a_picture_are_told(mnistry_command, tmp_path: Path) -> None:
    folder = batch(tmp_path, station=batches.UNSURE)
    with Store(folder) as store:
        store.forget()
    told = mnistry_command("form", "review", folder)
    assert "1 more to be checked, of which there is no picture" in told.err


def test_pages_to_be_placed_are_told_and_those_whose_files_are_gone(
    mnistry_command, tmp_path: Path
) -> None:
    folder = batch(tmp_path)
    (tmp_path / "a.png").touch()
    with Store(folder) as store:
        for name in ("a.png", "b.png"):
            page = NewPage(1, None, None, 0, {}, "it is blank", (), None, None)
            store.add_page(store.add_file(tmp_path / name, name), page)
    told = mnistry_command("form", "review", folder, "--port", 0)
    assert "1 page to be placed\n0 fields to be looked at\n" in told.err
    assert "1 page set aside cannot be placed: the files are not where they were" in told.err
    assert "/?token=" in told.out
    second = mnistry_command("form", "review", folder, "--second")
    assert (second.out, second.err) == ("", "0 fields to be looked at\n")


def test_an_audit_that_is_done_prints_its_figures(mnistry_command, tmp_path: Path) -> None:
    folder = batch(tmp_path)
    assert mnistry_command("form", "audit", folder, "--port", 0, "--fields", 6).code == 0
    with Store(folder) as store:
        for one in store.audited():
            wrong = one.key[2] == "total"
            store.audit(one.id, Decision("18", 18) if wrong else Decision("", one.read))
    told = mnistry_command("form", "audit", folder, "--fields", 6, "--json")
    found = json.loads(told.out)
    assert (found["drawn"], found["typed"], found["wrong"]) == (6, 6, 1)
    assert 0.004 < found["low"] < 0.005  # 1 - 0.975^(1/6) = 0.00421
    assert found["differences"] == [
        {"field": "serial 1 (scan1.png, page 1), total", "read": "16", "typed": "18"}
    ]
    assert "read 16, typed 18" in mnistry_command("form", "audit", folder, "--fields", 6).out


def test_a_missing_package_is_named_with_its_extra(
    mnistry_command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = batch(tmp_path, station=batches.UNSURE)
    monkeypatch.delitem(sys.modules, "mnistry.studio.review", raising=False)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    told = mnistry_command("form", "review", folder)
    assert told.code == 2
    assert "needs fastapi, which is not installed; pip install 'mnistry[studio]'" in told.err


def test_no_batch_is_no_review(mnistry_command, tmp_path: Path) -> None:
    assert mnistry_command("form", "review", tmp_path / "none").code == 2
    assert mnistry_command("form", "audit", tmp_path / "none").code == 2
