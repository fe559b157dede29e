"""Every page of a batch is read exactly once, and nothing is lost."""

import itertools
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from mnistry import Reader
from mnistry.forms import batch, output
from mnistry.forms.loading import load
from mnistry.forms.records import Decision
from mnistry.forms.rules import key
from mnistry.forms.store import Store
from mnistry.reading.built_in import SHIPPED
from tests.forms import filled


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(threads=1)


@pytest.fixture
def form_path(tmp_path: Path) -> Path:
    return filled.write_form(tmp_path)


def save(path: Path, station: str) -> Path:
    cv2.imwrite(str(path), filled.scan(filled.fill({"station": station}), scale=0.6))
    return path


def stations(form_path: Path, store: Store) -> list[object]:
    found = output.results(load(form_path), store)
    return [one.answers[key("station")].value for one in found]


def test_only_what_is_new_is_read(form_path: Path, reader: Reader, tmp_path: Path) -> None:
    first, second = save(tmp_path / "1.png", "049"), save(tmp_path / "2.png", "173")
    copy = tmp_path / "copy.png"
    copy.write_bytes(first.read_bytes())
    form, told = load(form_path), []
    with Store(tmp_path / "batch") as store:
        batch.read(form, reader, store, [first], progress=told.append)
        done = batch.read(form, reader, store, [first, second, copy], progress=told.append)
        assert told == [str(first), str(second)]
        assert done.notes == [f"{copy}: the same file as {first}"]
        assert stations(form_path, store) == ["049", "173"]


def test_a_file_whose_name_is_no_text_is_read_and_read_again(
    form_path: Path, reader: Reader, tmp_path: Path
) -> None:
    path = save(tmp_path / "1.png", "049").rename(tmp_path / os.fsdecode(b"gr\xf6\xdfe.png"))
    form = load(form_path)
    with Store(tmp_path / "batch") as store:
        for _ in range(2):
            assert batch.read(form, reader, store, [path]).notes == []
        (sheet,) = store.sheets()
        assert sheet.pages[0].file.endswith("gr\\xf6\\xdfe.png")


def test_damaged_files_and_foreign_pages_are_set_aside_with_a_reason(
    form_path: Path, reader: Reader, tmp_path: Path
) -> None:
    good, damaged, other = save(tmp_path / "1.png", "049"), tmp_path / "2.png", tmp_path / "3.png"
    damaged.write_bytes(good.read_bytes()[:5000])
    cv2.imwrite(str(other), np.full((800, 600), 240, np.uint8))
    with Store(tmp_path / "batch") as store:
        done = batch.read(
            load(form_path), reader, store, [tmp_path / "gone.png", damaged, other, good]
        )
        assert done.failed == [f"{tmp_path / 'gone.png'}: No such file or directory"]
        assert {Path(page.file).name for page in store.set_aside()} == {"2.png", "3.png"}
        assert all(page.problem for page in store.set_aside())
        assert stations(form_path, store) == ["049"]


def test_a_changed_form_reads_again_and_every_correction_stays(
    form_path: Path, reader: Reader, tmp_path: Path
) -> None:
    first, second = save(tmp_path / "1.png", "049"), save(tmp_path / "2.png", "173")
    with Store(tmp_path / "batch") as store:
        batch.read(load(form_path), reader, store, [first, second])
        store.decide(store.sheets()[0].id, key("station"), Decision("149", "149"))
        second.unlink()
        text = form_path.read_text().replace("cells = 3", "cells = 3\npattern = '0.*'")
        form_path.write_text(text)
        told: list[str] = []
        done = batch.read(load(form_path), reader, store, [], progress=told.append)
        assert told == [str(first)]
        assert [note.startswith(f"{second}: gone") for note in done.notes] == [True]
        assert stations(form_path, store) == ["149", "173"]
        assert [len(sheet.pages) for sheet in store.sheets()] == [1, 1]


def test_another_network_reads_again_and_every_correction_stays(
    form_path: Path, reader: Reader, tmp_path: Path
) -> None:
    model = tmp_path / "digits.onnx"
    model.write_bytes(SHIPPED.read_bytes())
    form, path, told = load(form_path), save(tmp_path / "1.png", "049"), []
    with Store(tmp_path / "batch") as store:
        batch.read(form, reader, store, [path])
        before = store.sheets()[0].answers
        store.decide(1, key("count"), Decision("12", 12))
        batch.read(form, Reader(model, threads=1), store, [], progress=told.append)
        assert told == [str(path)]
        batch.read(form, Reader(model, threads=1), store, [path], progress=told.append)
        assert told == [str(path)]
        (sheet,) = store.sheets()
        assert sheet.answers != before
        assert sheet.decisions[key("count")].value == 12


def test_a_line_at_the_same_place_of_several_scans_is_told_once(
    form_path: Path, reader: Reader, tmp_path: Path
) -> None:
    files = [save(tmp_path / f"{n}.png", f"{n}49") for n in range(3)]
    for path in files[1:]:  # as dirt on a scanner's glass makes it
        scan = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        cv2.line(scan, (300, 0), (300, scan.shape[0]), 120, 2)
        cv2.imwrite(str(path), scan)
    with Store(tmp_path / "batch") as store:
        one = batch.read(load(form_path), reader, store, files[:2])
        assert one.notes == []
    with Store(tmp_path / "both") as store:
        both = batch.read(load(form_path), reader, store, files)
    (note,) = both.notes
    # Scans are 210 mm * 8 * 0.6 * 1.08 = 1089 pixels wide, and 300 / 1089 is 27 %.
    assert note.startswith("2 scans have a line down the page, at 27% of the way from the left")


def test_fault_124_a_process_killed_between_pages_goes_on_where_it_was(
    form_path: Path, reader: Reader, tmp_path: Path
) -> None:
    from PIL import Image

    pages = [
        Image.fromarray(filled.scan(filled.fill({"station": station}), scale=0.6))
        for station in ("049", "173", "265")
    ]
    path = tmp_path / "scan.tif"
    pages[0].save(path, save_all=True, append_images=pages[1:])
    told: list[str] = []

    def dies(name: str) -> None:
        if len(told) == 1:
            raise KeyboardInterrupt
        told.append(name)

    form = load(form_path)
    with Store(tmp_path / "batch") as store, pytest.raises(KeyboardInterrupt):
        batch.read(form, reader, store, [path], progress=dies)
    with Store(tmp_path / "batch") as store:
        again: list[str] = []
        batch.read(form, reader, store, [path], progress=again.append)
        assert again == [f"{path}, page 2", f"{path}, page 3"]
        assert stations(form_path, store) == ["049", "173", "265"]


def test_fault_126_a_watched_file_is_taken_only_when_it_is_complete(
    form_path: Path, reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    whole = save(tmp_path / "1.png", "049").read_bytes()
    path = folder / "1.png"
    path.write_bytes(whole[: len(whole) // 2])
    looks = itertools.count()

    def passes(_: float) -> None:  # instead of waiting: the rest is written after six looks
        if next(looks) == 6:
            path.write_bytes(whole)

    clock = itertools.count()
    monkeypatch.setattr(batch.time, "sleep", passes)
    monkeypatch.setattr(batch.time, "monotonic", lambda: float(next(clock)))
    with Store(tmp_path / "batch") as store:
        batches = batch.watch(load(form_path), reader, store, folder, progress=lambda _: None)
        assert next(batches).failed == []
        assert store.set_aside() == []
        assert stations(form_path, store) == ["049"]
        assert next(looks) > 7


@pytest.mark.slow
def test_several_processes_read_the_same(form_path: Path, reader: Reader, tmp_path: Path) -> None:
    files = [save(tmp_path / f"{n}.png", f"{n}49") for n in range(3)]
    with Store(tmp_path / "batch") as store:
        batch.read(load(form_path), reader, store, files, processes=2)
        assert stations(form_path, store) == ["049", "149", "249"]


@pytest.mark.slow
def test_several_processes_read_with_the_given_network(form_path: Path, tmp_path: Path) -> None:
    model = tmp_path / "digits.onnx"
    model.write_bytes(SHIPPED.read_bytes())
    reader, path = Reader(model, threads=1), save(tmp_path / "1.png", "049")
    found = []
    for processes in (1, 2):
        with Store(tmp_path / f"batch{processes}") as store:
            batch.read(load(form_path), reader, store, [path], processes=processes)
            found.append(store.sheets()[0].answers)
    assert found[0] == found[1]
    with Store(tmp_path / "batch") as store:
        batch.read(load(form_path), Reader(threads=1), store, [path])
        assert store.sheets()[0].answers != found[0]  # another network decides otherwise
