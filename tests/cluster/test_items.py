import io
import json
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

from mnistry.cluster.items import Item, Opener, Pictures, unpack
from mnistry.errors import DataError


def png(grey: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((28, 28), grey, np.uint8)).save(file, "PNG")
    return file.getvalue()


def table(
    path: Path, contents: list[bytes | None], *, group: int = 100, nested: bool = False
) -> Path:
    column = [{"bytes": content, "path": "x"} for content in contents] if nested else contents
    kind = None if nested else pyarrow.binary()
    images = pyarrow.array(column, kind)
    rows = pyarrow.table({"id": range(len(contents)), "image": images})
    pyarrow.parquet.write_table(rows, path, row_group_size=group)
    return path


def test_files_folders_lists_and_tables_give_each_picture_once(tmp_path: Path) -> None:
    (tmp_path / "scans" / "more").mkdir(parents=True)
    for name in ("b.png", "a.png", "more/c.PNG", "notes.md", ".hidden.png"):
        (tmp_path / "scans" / name).write_bytes(png(9))
    table(tmp_path / "scans" / "T.PARQUET", [png(1), png(2)])
    (tmp_path / "scans" / "out").mkdir()
    for name in ("out/part-1.parquet", "out/_reading.json"):  # results, of which nothing is read
        (tmp_path / "scans" / name).write_bytes(b"")
    (tmp_path / "list.txt").write_bytes(b"scans/a.png\n\nscans/more/../b.png\n")
    pictures = Pictures([str(tmp_path / "list.txt"), str(tmp_path / "scans")])
    scans = str(tmp_path / "scans")
    names = [item.name for item in unpack(pictures.pack(np.arange(len(pictures))))]
    assert [name.removeprefix(scans) for name in names] == [
        "/a.png", "/b.png", "/more/c.PNG", "/T.PARQUET#0", "/T.PARQUET#1",
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


@pytest.mark.parametrize("nested", [False, True], ids=["bytes", "as Hugging Face has them"])
def test_rows_are_found_in_whatever_group_they_stand(tmp_path: Path, nested: bool) -> None:
    contents = [png(n) for n in range(10)]
    path = str(table(tmp_path / "t.parquet", contents, group=4, nested=nested))
    opener = Opener()
    for row in (0, 3, 4, 9, 8, 2):
        assert opener.content(Item(path, row)) == contents[row]


def test_a_row_without_an_image_and_a_file_that_is_gone_are_told(tmp_path: Path) -> None:
    path = str(table(tmp_path / "t.parquet", [png(0), None]))
    with pytest.raises(DataError, match=r"t\.parquet#1: no image in this row"):
        Opener().content(Item(path, 1))
    with pytest.raises(DataError, match="cannot be read"):
        Opener().content(Item(str(tmp_path / "gone.png")))


def test_what_cannot_be_looked_into_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_bytes(b"nonsense")
    pyarrow.parquet.write_table(pyarrow.table({"pixels": [1]}), tmp_path / "other.parquet")
    pyarrow.parquet.write_table(pyarrow.table({"image": ["text"]}), tmp_path / "text.parquet")
    for name, said in (
        ("gone", "no such file"),
        ("bad.parquet", "damaged"),
        ("other.parquet", "its columns are pixels; expected one called image"),
        ("text.parquet", "expected one called image with the bytes"),
    ):
        with pytest.raises(DataError, match=said):
            Pictures([str(tmp_path / name)])
