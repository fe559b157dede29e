"""Filled forms are read at the command line."""

import csv
import json
import os
import stat
from pathlib import Path

import cv2
import numpy as np
import pytest

from mnistry.forms import risk
from mnistry.forms.loading import load
from mnistry.forms.placement import Placement
from mnistry.forms.records import NewPage
from mnistry.forms.rules import key
from mnistry.forms.store import Store
from tests.forms import filled


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A form, and a folder with two sheets of it."""
    filled.write_form(tmp_path)
    folder = tmp_path / "scans"
    folder.mkdir()
    for station in ("049", "173"):
        sheet = filled.fill({"station": station, "checked": True})
        cv2.imwrite(str(folder / f"{station}.png"), filled.scan(sheet, scale=0.6))
    return folder


def test_sheets_become_csv_and_json_lines(mnistry_command, scans: Path) -> None:
    form = scans.parent / "FORM.toml"
    read = mnistry_command("form", "read", form, scans)
    assert read.code == 0, read.err
    rows = list(csv.DictReader(read.out.splitlines()))
    assert [(row["station"], row["checked"], row["problems"]) for row in rows] == [
        ("049", "true", ""), ("173", "true", ""),
    ]  # fmt: skip
    assert "2 sheets, 10 fields, 0 to be checked" in read.err
    lines = mnistry_command("form", "read", form, scans, "--jsonl").out.splitlines()
    assert [json.loads(line)["fields"]["station"]["value"] for line in lines] == ["049", "173"]


def test_a_batch_is_exported_compared_and_forgotten(
    mnistry_command, scans: Path, tmp_path: Path
) -> None:
    folder, typed, table = tmp_path / "batch", tmp_path / "typed.csv", tmp_path / "out.csv"
    form = scans.parent / "FORM.toml"
    assert mnistry_command("form", "read", form, scans, "--batch", folder).code == 0
    assert mnistry_command("form", "export", folder, "-o", table).code == 0
    assert [row["station"] for row in csv.DictReader(table.read_text().splitlines())] == [
        "049",
        "173",
    ]
    typed.write_text("file,station\n049.png,049\n173.png,175\n")
    compared = mnistry_command("form", "compare", folder, typed)
    assert compared.out.endswith("173.png, page 1, station: read 173, typed 175, read as sure\n")
    assert "2 fields compared in 2 sheets: 1 different, 1 of these read as sure" in compared.err
    typed.write_bytes("file,größe\n".encode("latin-1"))
    refused = mnistry_command("form", "compare", folder, typed)
    assert "typed.csv, line 1: a character that is not UTF-8" in refused.err
    assert [path.name for path in (folder / "differences").iterdir()] == ["2.station.png"]
    assert "3 pictures deleted" in mnistry_command("form", "forget", folder).err
    assert not list((folder / "pictures").iterdir()) + list((folder / "differences").iterdir())
    assert mnistry_command("form", "export", folder, "-o", table).code == 0


def test_pages_that_are_not_placed_are_named_with_exit_code_8(mnistry_command, scans: Path) -> None:
    other = scans / "other.png"
    page = np.full((800, 600), 240, np.uint8)
    cv2.imwrite(str(scans / "back.png"), page)
    page[300:400, 200:400] = 20
    cv2.imwrite(str(other), page)
    (scans / "note.txt").write_text("no picture")
    read = mnistry_command("form", "read", scans.parent / "FORM.toml", scans)
    assert read.code == 8
    assert "2 of the files and pages could not be read" in read.err
    assert f"{other}, page 1: it is not a page of this form" in read.err
    assert f"{scans / 'back.png'}, page 1: the page is blank" in read.err
    assert str(scans / "note.txt") in read.err
    assert len(read.out.splitlines()) == 3
    (scans / "note.txt").unlink()
    folder = scans.parent / "batch"
    read = mnistry_command("form", "read", scans.parent / "FORM.toml", scans, "--batch", folder)
    assert f"place them by hand in mnistry form review {folder}" in read.err
    with Store(folder) as store:  # as if a person said that it is not a page of this form
        page = NewPage(1, None, None, 0, {}, "it is none", (), None, None)
        (unplaced,) = store.unplaced()  # nobody is asked about the blank back
        store.add_page(unplaced.file, page, Placement(None))
    read = mnistry_command("form", "read", scans.parent / "FORM.toml", "--batch", folder)
    assert (read.code, "it is none" in read.err) == (0, True)


def test_a_sheet_of_an_older_version_is_read_if_that_is_given_or_remembered(
    mnistry_command, tmp_path: Path
) -> None:
    new, old, scan = tmp_path / "FORM.toml", tmp_path / "OLD.toml", tmp_path / "scan.png"
    text = 'title = "t"\n[[field]]\nname = "a"\ntype = "digits"\nlength = 3\n'
    old.write_text(text)
    new.write_text(text + '[[field]]\nname = "b"\ntype = "tick"\n')
    (page,) = filled.printed(load(old), {key("a"): "049"}, serial=3)
    cv2.imwrite(str(scan), filled.scan(page, scale=0.8))
    read = mnistry_command("form", "read", new, scan, "--batch", tmp_path / "batch")
    assert read.code == 8
    assert "mnistry form read --also OLD.toml reads both" in read.err
    read = mnistry_command("form", "read", new, "--batch", tmp_path / "batch", "--also", old)
    assert read.code == 0, read.err
    table = tmp_path / "out.csv"
    read = mnistry_command("form", "read", new, "--batch", tmp_path / "batch", "-o", table)
    (row,) = csv.DictReader(table.read_text().splitlines())
    version = load(old).version
    assert (row["a"], row["b"], row["serial"]) == ("049", "", "3")
    assert row["problems"] == f"it is of version {version}, which lacks b"
    old.write_text(text.replace('"t"', '"u"'))
    other = mnistry_command("form", "read", new, scan, "--also", old)
    assert (other.code, "a form with the title 't'" in other.err) == (2, True)
    template = mnistry_command("form", "read", new, scan, "--also", filled.write_form(tmp_path))
    assert (template.code, "it has a template" in template.err) == (2, True)


def test_what_cannot_be_done_is_refused(mnistry_command, scans: Path, tmp_path: Path) -> None:
    form = scans.parent / "FORM.toml"
    for arguments, said in [
        ((), "nothing to read"),
        ((scans, "--watch", scans), "--watch needs --batch"),
        ((scans, "-o", tmp_path / "out.doc"), ".xlsx"),
        ((scans, "-o", tmp_path / "out.csv", "--jsonl"), "exclude each other"),
        ((scans, "--batch", scans), "not empty, and not a batch"),
    ]:
        refused = mnistry_command("form", "read", form, *arguments)
        assert refused.code == 2
        assert said in refused.err
    assert mnistry_command("form", "export", tmp_path / "none", "-o", tmp_path / "o.csv").code == 2


def test_a_batch_has_a_risk_and_an_audit_file(mnistry_command, scans: Path, tmp_path: Path) -> None:
    form, folder = scans.parent / "FORM.toml", tmp_path / "batch"
    read = mnistry_command("form", "read", form, scans, "--batch", folder, "--risk", "4/10000")
    assert read.code == 0
    with Store(folder) as store:
        assert risk.least_confidence(float(store.meta("risk"))) > 0.99
    table, audit = tmp_path / "out.csv", tmp_path / "audit.zip"
    exported = mnistry_command("form", "export", folder, "-o", table, "--audit", audit)
    assert f"wrote {audit}" in exported.err
    assert audit.stat().st_size > 1000
    if os.name != "nt":
        assert stat.S_IMODE(audit.stat().st_mode) == 0o600
    assert mnistry_command("form", "read", form, "--batch", folder, "--risk", "usual").code == 0
    with Store(folder) as store:
        assert store.meta("risk") == "usual"
    refused = mnistry_command("form", "read", form, "--batch", folder, "--risk", "0")
    assert refused.code == 2


def test_what_did_not_come_back_is_named(mnistry_command, tmp_path: Path) -> None:
    form, names = tmp_path / "FORM.toml", tmp_path / "list.csv"
    form.write_text('title = "t"\n[[field]]\nname = "a"\ntype = "digits"\nlength = 3\n')
    names.write_text("serial,name\n3,Anna\n4,Ben\n")
    (page,) = filled.printed(load(form), {key("a"): "049"}, serial=3)
    cv2.imwrite(str(tmp_path / "scan.png"), filled.scan(page))
    read = mnistry_command("form", "read", form, tmp_path / "scan.png", "--each", names)
    assert "1 of 2 on the list came back" in read.err
    assert "not back: serial 4, Ben" in read.err
    names.write_text("serial,name\n4,Ben\n")
    read = mnistry_command("form", "read", form, tmp_path / "scan.png", "--each", names)
    assert "serial 3 is not on the list" in read.err
