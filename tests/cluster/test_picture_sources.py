import errno
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

from mnistry.cluster.picture_sources import Item, Opener, Pictures, unpack
from mnistry.errors import DataError


def png(grey: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((28, 28), grey, np.uint8)).save(file, "PNG")
    return file.getvalue()


def table(
    path: Path,
    contents: list[bytes | None],
    *,
    group: int = 100,
    nested: bool = False,
    batch: int = 100,
    compression: str = "snappy",
) -> Path:
    column = [{"bytes": content, "path": "x"} for content in contents] if nested else contents
    kind = None if nested else pyarrow.binary()
    images = pyarrow.array(column, kind)
    rows = pyarrow.table({"id": range(len(contents)), "image": images})
    pyarrow.parquet.write_table(
        rows,
        path,
        row_group_size=group,
        write_batch_size=batch,
        data_page_size=1,
        use_dictionary=False,
        compression=compression,
    )
    return path


def test_files_folders_lists_and_tables_give_each_picture_once(tmp_path: Path) -> None:
    (tmp_path / "scans" / "more").mkdir(parents=True)
    for name in ("b.png", "a.png", "more/c.PNG", "notes.md", ".hidden.png"):
        (tmp_path / "scans" / name).write_bytes(png(9))
    table(tmp_path / "scans" / "T.PARQUET", [png(1), png(2)])
    (tmp_path / "scans" / "out").mkdir()
    for name in ("out/part-1.parquet", "out/_reading.json"):  # results of a reading: skipped
        (tmp_path / "scans" / name).write_bytes(b"")
    (tmp_path / "list.txt").write_bytes(b"scans/a.png\n\nscans/more/../b.png\n")
    pictures = Pictures([str(tmp_path / "list.txt"), str(tmp_path / "scans")])
    scans = str(tmp_path / "scans")
    names = [item.name for item in unpack(pictures.pack(np.arange(len(pictures))))]
    assert [name.removeprefix(scans) for name in names] == [
        "/a.png", "/b.png", "/T.PARQUET#0", "/T.PARQUET#1", "/more/c.PNG",
    ]  # fmt: skip
    assert [pictures.number(name) for name in names] == [0, 1, 2, 3, 4]
    for other in ("notes.md", "a.png#1", "T.PARQUET#2", "T.PARQUET", "T.PARQUET#x"):
        assert pictures.number(f"{scans}/{other}") is None


def test_some_pictures_of_some_tables_are_packed_as_spans(tmp_path: Path) -> None:
    paths = [str(tmp_path / name) for name in ("a.parquet", "none.parquet", "b.parquet", "c#1.png")]
    for path, count in zip(paths, (4, 0, 5), strict=False):
        table(Path(path), [png(0)] * count)
    Path(paths[3]).write_bytes(png(1))
    pictures = Pictures(paths)
    assert len(pictures) == 10
    packed = pictures.pack(np.array([0, 2, 3, 4, 5, 8, 9]))
    assert json.loads(packed) == [
        [paths[0], 0, 1], [paths[0], 2, 4], [paths[2], 0, 2], [paths[2], 4, 5], [paths[3], None, 1],
    ]  # fmt: skip
    assert [pictures.number(item.name) for item in unpack(packed)] == [0, 2, 3, 4, 5, 8, 9]


@pytest.mark.parametrize("nested", [False, True], ids=["bytes", "as Hugging Face writes them"])
def test_rows_are_found_in_every_row_group(tmp_path: Path, nested: bool) -> None:
    contents = [png(n) for n in range(10)]
    path = str(table(tmp_path / "t.parquet", contents, group=4, nested=nested))
    opener = Opener()
    for row in (0, 3, 4, 9, 8, 2):
        assert opener.content(Item(path, row)) == contents[row]


def test_hidden_and_linked_tables_in_a_folder_are_skipped_like_pictures(tmp_path: Path) -> None:
    scans, elsewhere = tmp_path / "scans", tmp_path / "elsewhere"
    for folder in (scans / ".hidden", scans / "more", elsewhere):
        folder.mkdir(parents=True)
        table(folder / "t.parquet", [png(0)])
    table(scans / ".t.parquet", [png(0)])
    (scans / "out.parquet").symlink_to(elsewhere / "t.parquet")
    (scans / "out").symlink_to(elsewhere)
    (scans / "gone.parquet").symlink_to(scans / "nowhere.parquet")
    pictures = Pictures([str(scans)])
    (item,) = unpack(pictures.pack(np.arange(len(pictures))))
    assert item.name == f"{scans}/more/t.parquet#0"


def test_a_list_may_hold_pictures_folders_tables_and_odd_names(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.png").write_bytes(png(0))
    table(tmp_path / "t.parquet", [png(1), png(2)])
    odd = " b\u2028\x0c.png"
    (tmp_path / "list.txt").write_bytes(
        f"\ufefft.parquet\r\nfolder\n\n{odd}\ngone.parquet\nlist.txt\n{'x' * 300}".encode()
    )
    pictures = Pictures([str(tmp_path / "list.txt")])
    names = [item.name for item in unpack(pictures.pack(np.arange(len(pictures))))]
    assert [name.removeprefix(str(tmp_path)) for name in names] == [
        "/t.parquet#0", "/t.parquet#1", "/folder/a.png", f"/{odd}", "/gone.parquet", "/list.txt",
        f"/{'x' * 300}",
    ]  # fmt: skip


def test_missing_files_and_empty_folders_among_other_inputs_fail_when_opened(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.png").write_bytes(png(0))
    (tmp_path / "empty").mkdir()
    pictures = Pictures([str(tmp_path / name) for name in ("gone.png", "a.png", "empty", "gone")])
    items = unpack(pictures.pack(np.arange(len(pictures))))
    assert [Path(item.path).name for item in items] == ["gone.png", "a.png", "empty", "gone"]
    for item, said in zip(items, ("No such file", None, "no pictures", "No such"), strict=True):
        if said is not None:
            with pytest.raises(DataError, match=said) as caught:
                Opener().content(item)
            assert isinstance(caught.value.__cause__, OSError)


def test_a_table_stays_open_and_only_a_few_of_its_rows_are_in_memory(tmp_path: Path) -> None:
    content = np.random.default_rng(0).bytes(1 << 18)
    path = str(table(tmp_path / "t.parquet", [content] * 200, group=200, batch=8))
    opener = Opener()
    before = pyarrow.total_allocated_bytes()
    assert opener.content(Item(path, 150)) == content
    assert pyarrow.total_allocated_bytes() - before < 60 * len(content)
    read = opener._table  # type: ignore[attr-defined]
    for row in range(151, 200):
        assert opener.content(Item(path, row)) == content
    assert opener._table is read  # type: ignore[attr-defined]


def test_damage_in_a_row_group_is_found_once_and_other_rows_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = [bytes([n]) * 999 for n in range(100)]
    path = table(tmp_path / "t.parquet", contents, group=50, batch=10, compression="none")
    whole = bytearray(path.read_bytes())
    at = whole.index(contents[30])
    whole[at - 4 : at] = b"\xff" * 4  # the length of row 30
    path.write_bytes(whole)
    opened, plain = [], pyarrow.parquet.ParquetFile.iter_batches
    monkeypatch.setattr(
        pyarrow.parquet.ParquetFile,
        "iter_batches",
        lambda *a, **k: opened.append(1) or plain(*a, **k),
    )
    opener = Opener()
    assert opener.content(Item(str(path), 0)) == contents[0]
    for row in range(40, 50):
        with pytest.raises(DataError, match="damaged") as caught:
            opener.content(Item(str(path), row))
        assert caught.value.__cause__ is None
    assert len(opened) == 1
    for row in (0, 50, 99):
        assert opener.content(Item(str(path), row)) == contents[row]


def test_lack_of_memory_is_not_reported_as_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(table(tmp_path / "t.parquet", [png(n) for n in range(40)]))

    def full(*_: object, **__: object) -> Iterator[None]:
        raise pyarrow.ArrowMemoryError
        yield

    with monkeypatch.context() as patch:
        patch.setattr(pyarrow.parquet.ParquetFile, "iter_batches", full)
        opener = Opener()
        with pytest.raises(MemoryError):
            opener.content(Item(path, 20))
    assert opener.content(Item(path, 30)) == png(30)


def test_a_disk_error_is_not_reported_as_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(table(tmp_path / "t.parquet", [png(n) for n in range(9)], group=3))
    broken = []

    class Disk(io.FileIO):
        def read(self, *size):
            if broken:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return super().read(*size)

        def __del__(self):
            self.close()  # as pyarrow.OSFile does

    monkeypatch.setattr(pyarrow, "OSFile", Disk)
    opener = Opener()
    assert opener.content(Item(path, 0)) == png(0)
    broken.append(True)
    with pytest.raises(DataError, match="cannot be read: Input/output error") as caught:
        opener.content(Item(path, 5))
    assert isinstance(caught.value.__cause__, OSError)
    with pytest.raises(DataError, match="cannot be read"):
        Pictures([path])
    broken.clear()
    assert Opener().content(Item(path, 5)) == png(5)


def test_a_row_without_an_image_and_a_missing_file_are_reported(tmp_path: Path) -> None:
    path = str(table(tmp_path / "t.parquet", [png(0), None]))
    with pytest.raises(DataError, match=r"t\.parquet#1: no image in this row"):
        Opener().content(Item(path, 1))
    with pytest.raises(DataError, match="cannot be read"):
        Opener().content(Item(str(tmp_path / "gone.png")))


def test_inputs_that_cannot_be_listed_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_bytes(b"nonsense")
    (tmp_path / "empty").mkdir()
    (tmp_path / "utf16.txt").write_bytes("a.png\n".encode("utf-16"))
    pyarrow.parquet.write_table(pyarrow.table({"pixels": [1]}), tmp_path / "other.parquet")
    pyarrow.parquet.write_table(pyarrow.table({"image": ["text"]}), tmp_path / "text.parquet")
    for name, said in (
        ("gone", "no such file"),
        ("gone.parquet", "no such file"),
        ("empty", "no pictures"),
        ("utf16.txt", "not a list of paths"),
        ("bad.parquet", "damaged"),
        ("other.parquet", "its columns are pixels; expected a column image"),
        ("text.parquet", "expected a column image with the bytes"),
    ):
        with pytest.raises(DataError, match=said):
            Pictures([str(tmp_path / name)])
