import errno
import json
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image

import mnistry
from mnistry.cluster import bulk
from mnistry.errors import ResourceError, UsageError
from mnistry.reading import Reader

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's and pandas' own


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of 60 digits, one file that is no picture."""
    (images, _), _ = mnistry.load("sample")
    folder = tmp_path / "in"
    folder.mkdir()
    for number, image in enumerate(images[:60]):
        big = np.kron(255 - image, np.ones((2, 2), np.uint8))
        Image.fromarray(big).save(folder / f"{number:02}.png")
    (folder / "59.png").write_bytes(b"nonsense")
    return folder


def rows(out: Path) -> list[dict[str, object]]:
    return sorted(pyarrow.parquet.read_table(out).to_pylist(), key=lambda row: row["file"])


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_PARTS", (10, 3, 1))


def test_fault_89_each_picture_has_one_row_and_none_is_read_twice(
    cluster, pictures: Path, tmp_path: Path, small_parts: None
) -> None:
    out, settings, seen = tmp_path / "out", bulk.Settings(), []
    first = [str(pictures / f"{n:02}.png") for n in range(25)]
    assert bulk.read(first, out, settings, cores=2) == bulk.Done(25, 0, (), 0)
    before = {path: path.stat().st_mtime_ns for path in out.glob("*.parquet")}

    done = bulk.read([str(pictures)], out, settings, cores=2, on_progress=lambda *n: seen.append(n))
    assert (done.pictures, done.before, done.failures) == (60, 25, 1)
    assert "no image of an accepted format" in done.failed[0]
    assert seen[-1] == (60, 60)
    assert {path: path.stat().st_mtime_ns for path in before} == before

    found = rows(out)
    assert [row["file"] for row in found] == [str(path) for path in sorted(pictures.iterdir())]
    reader = Reader(threads=1)
    for row in found[:59]:
        expected = reader.read(row["file"]).to_json()
        assert row.pop("error") is None
        assert row.pop("file")
        assert json.dumps(row["lines"]) == json.dumps(expected["lines"])
        assert [digit["box"] for digit in row["digits"]] == [d["box"] for d in expected["digits"]]
        assert [d["digit"] for d in row["digits"]] == [d["digit"] for d in expected["digits"]]
    assert found[59]["error"] is not None
    assert bulk.read([str(pictures)], out, settings, cores=2) == bulk.Done(60, 60, (), 0)

    with pytest.raises(UsageError, match="another network or threshold"):
        bulk.read([str(pictures)], out, bulk.Settings(threshold=0.9), cores=2)
    with pytest.raises(UsageError, match="other files"):
        bulk.read([str(pictures)], pictures, settings, cores=2)


def test_what_keeps_all_workers_from_working_is_no_fault_of_the_pictures(
    cluster, pictures: Path, tmp_path: Path, small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = bulk._Worker

    class Old(plain):  # type: ignore[misc, valid-type]
        def __init__(self, out, settings, version, folder):
            super().__init__(out, settings, "0.0.0", folder)

    class Full(plain):  # type: ignore[misc, valid-type]
        def do(self, part):
            if part != "[]":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().do(part)

    for worker, said in ((Old, "expected 0.0.0"), (Full, "No space left")):
        monkeypatch.setattr(bulk, "_Worker", worker)
        with pytest.raises(ResourceError, match=f"a worker cannot work.*{said}"):
            bulk.read([str(pictures)], tmp_path / "out", bulk.Settings(), cores=2)
        assert list((tmp_path / "out").glob("*.parquet")) == []
    monkeypatch.setattr(bulk, "_Worker", plain)
    assert bulk.read([str(pictures)], tmp_path / "out", bulk.Settings(), cores=2).pictures == 60


def test_results_of_other_pictures_are_not_counted_and_paths_may_be_relative(
    cluster, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the workers are elsewhere
    bulk.read(["in/00.png"], Path("out"), bulk.Settings(), cores=2)
    done = bulk.read(["in/01.png"], Path("out"), bulk.Settings(), cores=2)
    assert done == bulk.Done(1, 0, (), 0)
    assert [row["file"] for row in rows(tmp_path / "out")] == ["in/00.png", "in/01.png"]


@pytest.mark.long
def test_fault_87_a_worker_and_a_node_die_and_nothing_is_missing_or_twice(
    cluster, pictures: Path, tmp_path: Path, small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, once, late = bulk._Worker, tmp_path / "once", tmp_path / "late"

    class Slow(plain):  # type: ignore[misc, valid-type]
        def do(self, part):
            failed = super().do(part)
            if "/35.png" in part and (not late.exists() or len(late.read_text()) < 2):
                with late.open("a") as file:
                    file.write("x")
                os.kill(os.getpid(), signal.SIGKILL)  # written, but not said
            return failed

        def _read(self, item):
            time.sleep(0.2)
            if item.name.endswith("05.png") and not once.exists():
                once.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return super()._read(item)

    monkeypatch.setattr(bulk, "_Worker", Slow)
    ended = []

    def end_a_node(done: int, of: int) -> None:
        if done >= 20 and not ended:
            ended.append(done)
            threading.Thread(target=cluster.remove_node, args=(cluster.other, False)).start()

    done = bulk.read(
        [str(pictures)], tmp_path / "out", bulk.Settings(), cores=2, on_progress=end_a_node
    )
    assert once.exists()
    assert late.read_text() == "xx"
    assert ended
    assert (done.pictures, done.failures) == (60, 1)
    assert [row["file"] for row in rows(tmp_path / "out")] == [
        str(path) for path in sorted(pictures.iterdir())
    ]


def test_fault_88_a_picture_that_kills_its_worker_is_set_aside(
    cluster, pictures: Path, tmp_path: Path, small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, tries = bulk._Worker, tmp_path / "tries"

    class Fragile(plain):  # type: ignore[misc, valid-type]
        def _read(self, item):
            if item.name.endswith("33.png"):
                with tries.open("a") as file:
                    file.write("x")
                os.kill(os.getpid(), signal.SIGKILL)
            return super()._read(item)

    monkeypatch.setattr(bulk, "_Worker", Fragile)
    done = bulk.read([str(pictures)], tmp_path / "out", bulk.Settings(), cores=2)
    assert done.failures == 2
    found = rows(tmp_path / "out")
    assert [row["file"] for row in found] == [str(path) for path in sorted(pictures.iterdir())]
    assert [row["file"][-6:] for row in found if "dies" in (row["error"] or "")] == ["33.png"]
    assert 1 < len(tries.read_text()) <= 6
