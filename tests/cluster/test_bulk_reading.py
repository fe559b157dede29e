import contextlib
import dataclasses
import errno
import json
import os
import re
import shutil
import signal
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image

import mnistry
from mnistry.cluster import bulk_reading, connection
from mnistry.cluster.picture_sources import Opener, Pictures, unpack
from mnistry.errors import DataError, ResourceError, UsageError
from mnistry.reading import Reader
from tests.cli.conftest import mnistry_command

__all__ = ["mnistry_command"]

pytestmark = pytest.mark.filterwarnings("ignore")  # warnings of Ray and pandas


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of 60 files: 59 pictures of digits, and one file that is not a picture."""
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
    monkeypatch.setattr(bulk_reading, "_PARTS", (10, 3, 1))


def test_fault_89_each_picture_has_one_row_and_none_is_read_twice(
    cluster, pictures: Path, tmp_path: Path, small_parts: None
) -> None:
    out, settings, seen = tmp_path / "out", bulk_reading.Settings(), []
    first = [str(pictures / f"{n:02}.png") for n in range(25)]
    assert bulk_reading.read(first, out, settings, cores=2) == bulk_reading.Done(25, 0, (), 0)
    before = {path: path.stat().st_mtime_ns for path in out.glob("*.parquet")}

    done = bulk_reading.read(
        [str(pictures)], out, settings, cores=2, on_progress=lambda *n: seen.append(n)
    )
    assert (done.pictures, done.before, done.failures) == (60, 25, 1)
    assert "a text file" in done.failed[0]
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
    again = bulk_reading.read([str(pictures)], out, settings, cores=2)
    assert again == dataclasses.replace(done, before=60)

    with pytest.raises(UsageError, match="another network, other settings"):
        bulk_reading.read([str(pictures)], out, bulk_reading.Settings(threshold=0.9), cores=2)
    with pytest.raises(UsageError, match="other files"):
        bulk_reading.read([str(pictures)], pictures, settings, cores=2)


@pytest.mark.long
def test_a_fault_of_every_worker_stops_the_reading_and_blames_no_picture(
    cluster, pictures: Path, tmp_path: Path, small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = bulk_reading._Worker

    class Old(plain):  # type: ignore[misc, valid-type]
        def __init__(self, out, settings, version):
            super().__init__(out, settings, "0.0.0")

    class Full(plain):  # type: ignore[misc, valid-type]
        def read_part(self, part, driver):
            if part != "[]":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().read_part(part, driver)

    for worker, said in ((Old, "expected 0.0.0"), (Full, "No space left")):
        monkeypatch.setattr(bulk_reading, "_Worker", worker)
        with pytest.raises(ResourceError, match=f"a worker cannot work.*{said}"):
            bulk_reading.read([str(pictures)], tmp_path / "out", bulk_reading.Settings(), cores=2)
        assert list((tmp_path / "out").glob("*.parquet")) == []
    monkeypatch.setattr(bulk_reading, "_Worker", plain)
    assert (
        bulk_reading.read(
            [str(pictures)], tmp_path / "out", bulk_reading.Settings(), cores=2
        ).pictures
        == 60
    )


def test_a_worker_that_cannot_open_an_existing_file_stops_the_reading(
    cluster, pictures: Path, tmp_path: Path, small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = bulk_reading._Worker

    class Blind(plain):  # type: ignore[misc, valid-type]
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self._opener = self

        def content(self, item):
            raise DataError("cannot be read: No such file") from FileNotFoundError()

    monkeypatch.setattr(bulk_reading, "_Worker", Blind)
    host = socket.gethostname()
    said = rf"a worker cannot work: .*\d\d\.png can be opened here, but not on {host}"
    with pytest.raises(ResourceError, match=said):
        bulk_reading.read([str(pictures)], tmp_path / "out", bulk_reading.Settings(), cores=2)
    assert list((tmp_path / "out").glob("*.parquet")) == []


def test_all_unopened_pictures_are_counted_but_only_some_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_reading, "_SHOWN", 3)
    (tmp_path / "list.txt").write_text("".join(f"{n}.png\n" for n in range(10)))
    unopened = bulk_reading._Unopened(Pictures([str(tmp_path / "list.txt")]))
    unopened.add(np.array([1, 4]), "somewhere")
    unopened.add(np.array([6, 7, 9]), "elsewhere")
    assert [line.partition(": ")[0] for line in unopened.errors] == [
        str(tmp_path / f"{n}.png") for n in (1, 4, 6)
    ]  # fmt: skip
    assert np.flatnonzero(unopened.mask).tolist() == [1, 4, 6, 7, 9]
    (tmp_path / "2.png").write_bytes(b"now it is there")
    with pytest.raises(ResourceError, match=r"2\.png can be opened here, but not on far"):
        unopened.add(np.array([2]), "far")


def test_lack_of_memory_is_the_workers_fault_and_not_the_pictures(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise MemoryError

    packed = Pictures([str(pictures / "00.png")]).pack(np.array([0]))
    for kind in (Reader, Opener):
        with monkeypatch.context() as patch:
            patch.setattr(kind, "read" if kind is Reader else "content", full)
            worker = bulk_reading._Worker(
                str(tmp_path), bulk_reading.Settings(), mnistry.__version__
            )
            with pytest.raises(MemoryError):
                worker.read_part(packed, "")


def test_a_few_pictures_are_divided_among_all_workers() -> None:
    sizes = [len(part) for part in bulk_reading.divide(np.arange(60), 4000, workers=4)]
    assert sum(sizes) == 60
    assert len(sizes) >= 8
    assert max(sizes) <= 8
    assert [len(part) for part in bulk_reading.divide(np.arange(1), 4000, workers=4)] == [1]


def test_pictures_of_the_same_name_are_distinguished_and_unopened_ones_are_retried(
    cluster, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, odd = tmp_path / "late.png", tmp_path / os.fsdecode(b"gr\xf6\xdfe.png")
    shutil.copy(pictures / "02.png", odd)
    (tmp_path / "list.txt").write_text("late.png\n00.png\n")
    monkeypatch.chdir(pictures)  # the workers have another working directory
    done = bulk_reading.read(
        ["00.png", "../list.txt", str(odd)], Path("../out"), bulk_reading.Settings(), cores=2
    )
    assert (done.pictures, done.before, done.failures) == (4, 0, 2)
    assert {line.partition(": ")[0] for line in done.failed} == {
        str(late), str(tmp_path / "00.png")
    }  # fmt: skip
    for path in (late, tmp_path / "00.png"):
        shutil.copy(pictures / "03.png", path)
    monkeypatch.chdir(tmp_path)
    done = bulk_reading.read(["00.png", "list.txt"], Path("out"), bulk_reading.Settings(), cores=2)
    assert done == bulk_reading.Done(2, 0, (), 0)
    assert [row["file"] for row in rows(tmp_path / "out")] == [
        str(tmp_path / "00.png"), str(tmp_path / "gr\\xf6\\xdfe.png"), str(pictures / "00.png"),
        str(late),
    ]  # fmt: skip


@pytest.mark.long
def test_one_node_that_cannot_work_stops_the_batch_and_no_picture_is_blamed(
    cluster, pictures: Path, tmp_path: Path, small_parts: None
) -> None:
    (tmp_path / "old" / "mnistry").mkdir(parents=True)
    (tmp_path / "old" / "mnistry" / "__init__.py").write_text("raise ImportError('no such Python')")
    cluster.add_node(num_cpus=1, env_vars={"PYTHONPATH": str(tmp_path / "old")})
    with pytest.raises(ResourceError, match=r"a worker cannot work: ImportError: no such Python"):
        bulk_reading.read([str(pictures)], tmp_path / "out", bulk_reading.Settings(), cores=3)
    assert not any(row["error"] for row in rows(tmp_path / "out") if "59.png" not in row["file"])


def test_a_damaged_result_is_reported_and_workers_of_an_earlier_driver_write_nothing(
    cluster, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    bulk_reading.read([str(pictures / "00.png")], out, bulk_reading.Settings(), cores=2)
    (part,) = out.glob("part-*.parquet")
    whole = part.read_bytes()
    part.write_bytes(whole[:-9])
    with pytest.raises(DataError, match=r"part-.*damaged.*delete it"):
        bulk_reading.read([str(pictures / "01.png")], out, bulk_reading.Settings(), cores=2)
    part.write_bytes(whole)
    late = bulk_reading._Worker(str(out), bulk_reading.Settings(), mnistry.__version__)
    packed = Pictures([str(pictures / "02.png")]).pack(np.array([0]))
    with pytest.raises(ResourceError, match="another reading has started there"):
        late.read_part(packed, "a driver before")
    assert list(out.glob("part-*.parquet")) == [part]
    late.read_part(packed, (out / ".driver").read_text())
    assert len(list(out.glob("part-*.parquet"))) == 2


@pytest.mark.long
def test_fault_87_a_worker_and_a_node_die_and_nothing_is_missing_or_twice(
    cluster, pictures: Path, tmp_path: Path, small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, once, late = bulk_reading._Worker, tmp_path / "once", tmp_path / "late"

    class Slow(plain):  # type: ignore[misc, valid-type]
        def read_part(self, part, driver):
            denied = super().read_part(part, driver)
            if "/35.png" in part and len(unpack(part)) > 3:
                late.touch()
                os.kill(os.getpid(), signal.SIGKILL)  # the part is written, but not reported
            return denied

        def _read(self, item, content):
            time.sleep(0.2)
            if item.name.endswith("05.png") and not once.exists():
                once.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return super()._read(item, content)

    monkeypatch.setattr(bulk_reading, "_Worker", Slow)
    ended = []

    def end_a_node(done: int, of: int) -> None:
        if done >= 20 and not ended:
            ended.append(done)
            threading.Thread(target=cluster.remove_node, args=(cluster.other, False)).start()

    done = bulk_reading.read(
        [str(pictures)], tmp_path / "out", bulk_reading.Settings(), cores=2, on_progress=end_a_node
    )
    assert once.exists()
    assert late.exists()
    assert ended
    assert (done.pictures, done.failures) == (60, 1)
    assert [row["file"] for row in rows(tmp_path / "out")] == [
        str(path) for path in sorted(pictures.iterdir())
    ]


def test_fault_88_a_picture_that_kills_its_worker_is_set_aside(
    cluster, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_reading, "_PARTS", (10, 1))  # each death costs seconds
    plain, tries = bulk_reading._Worker, tmp_path / "tries"

    class Fragile(plain):  # type: ignore[misc, valid-type]
        def _read(self, item, content):
            if item.name.endswith("33.png"):
                with tries.open("a") as file:
                    file.write("x")
                os.kill(os.getpid(), signal.SIGKILL)
            return super()._read(item, content)

    monkeypatch.setattr(bulk_reading, "_Worker", Fragile)
    done = bulk_reading.read([str(pictures)], tmp_path / "out", bulk_reading.Settings(), cores=2)
    assert done.failures == 2
    found = rows(tmp_path / "out")
    assert [row["file"] for row in found] == [str(path) for path in sorted(pictures.iterdir())]
    assert [row["file"][-6:] for row in found if "died" in (row["error"] or "")] == ["33.png"]
    assert 1 < len(tries.read_text()) <= 4


@pytest.fixture
def asked(cluster, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let commands use the cluster of these tests, and note the addresses that they ask for."""
    asked: list[str] = []

    def connected(address: str) -> contextlib.AbstractContextManager[int]:
        asked.append(address)
        return contextlib.nullcontext(2)

    monkeypatch.setattr(connection, "connected", connected)
    return asked


@pytest.mark.slow
def test_pictures_in_bulk_become_tables(mnistry_command, asked: list[str], tmp_path: Path) -> None:
    (images, _), _ = mnistry.load("sample")
    (tmp_path / "in").mkdir()
    for number, image in enumerate(images[:5]):
        Image.fromarray(255 - np.kron(image, np.ones((2, 2), np.uint8))).save(
            tmp_path / "in" / f"{number}.png"
        )
    (tmp_path / "in" / "bad.png").write_bytes(b"nonsense")
    out = tmp_path / "out"
    result = mnistry_command("read", "--ray", "local", tmp_path / "in", "-o", out)
    assert result.code == 8
    assert result.out == f"6 pictures read now, 0 before: {out}\n"
    assert re.fullmatch(
        r"note: 6 pictures would be read sooner without --ray.*\n"
        r".*/bad\.png: a text file.*\nmnistry: .*1 of 6 pictures.*\n",
        result.err,
    )
    assert pyarrow.parquet.read_table(out).num_rows == 6
    again = mnistry_command("read", "--ray", "local", tmp_path / "in", "-o", out)
    assert again == (8, f"0 pictures read now, 6 before: {out}\n", result.err)
    (tmp_path / "empty").mkdir()
    others = (tmp_path / "gone.png", tmp_path / "in" / "0.png", tmp_path / "empty")
    result = mnistry_command("read", "--ray", "local", *others, "-o", out)
    assert result.code == 8
    assert re.fullmatch(
        r"note: .*\n.*/gone\.png: .*No such file.*\n.*/empty: no pictures\n"
        r"mnistry: .*2 of 3 pictures.*\n",
        result.err,
    )
    result = mnistry_command("read", "--ray", "local", tmp_path / "gone.png", "-o", out)
    assert (result.code, result.out) == (3, "")
    assert asked == ["local"] * 4
