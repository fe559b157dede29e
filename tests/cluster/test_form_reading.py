"""Pages of forms are read on a Ray cluster as on this machine; none is lost if a worker dies."""

import os
import signal
from pathlib import Path

import cv2
import pytest

from mnistry import Reader
from mnistry.cluster import form_reading
from mnistry.cluster.form_reading import Cluster
from mnistry.errors import ResourceError
from mnistry.forms import batch
from mnistry.forms.batch import Task
from mnistry.forms.loading import load
from mnistry.forms.store import Store
from tests.forms import filled


def test_workers_read_what_this_process_reads_and_a_page_that_kills_two_is_set_aside(
    cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    form, tries = load(filled.write_form(tmp_path)), tmp_path / "tries"
    scans = [tmp_path / f"{number}.png" for number in (1, 2, 3)]
    for path, station in zip(scans, ("049", "173", "250"), strict=True):
        cv2.imwrite(str(path), filled.scan(filled.fill({"station": station}), scale=0.6))
    plain = form_reading._work

    def fragile(settings, name, task):
        if task.path.endswith("2.png"):
            with tries.open("a") as file:
                file.write("x")
            os.kill(os.getpid(), signal.SIGKILL)
        return plain(settings, name, task)

    monkeypatch.setattr(form_reading, "_work", fragile)
    reader = Reader(threads=1)
    with Store(tmp_path / "here") as here, Store(tmp_path / "there") as there:
        batch.read(form, reader, here, [scans[0], scans[2]])
        done = batch.read(form, reader, there, scans, elsewhere=Cluster(form, None, 2).read)
        assert done.failed == []
        assert tries.read_text() == "xx"
        (aside,) = there.set_aside()
        assert (aside.file, "died" in aside.problem) == (str(scans[1]), True)
        read = [[sheet.answers for sheet in store.sheets()] for store in (here, there)]
        assert read[0] == read[1]
        assert len(read[0]) == 2


def test_a_worker_that_does_not_find_a_scan_stops_the_reading(cluster, tmp_path: Path) -> None:
    form, gone = load(filled.write_form(tmp_path)), str(tmp_path / "gone.png")
    with pytest.raises(ResourceError, match=r"a worker cannot work: .*gone\.png can be opened"):
        list(Cluster(form, None, 2).read(iter([Task(1, gone, 1, 1)]), {}))
