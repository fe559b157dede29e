import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image

import mnistry
from mnistry.cluster import connection


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Start Ray once for all commands of a test, and note the addresses that they ask for."""
    asked: list[str] = []

    def connected(address: str) -> contextlib.AbstractContextManager[int]:
        asked.append(address)
        return contextlib.nullcontext(cores)

    with connection.connected("local") as cores:
        monkeypatch.setattr(connection, "connected", connected)
        yield asked


@pytest.mark.filterwarnings("ignore")  # Ray's own
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


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--ray", "local"], "--ray and -o go together"),
        (["-o", "out"], "--ray and -o go together"),
        (["--ray", "local", "-o", "out", "--jsonl"], "--ray writes Parquet"),
        (["-", "--ray", "local", "-o", "out"], "--ray cannot read standard input"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    mnistry_command, tmp_path, options, said
) -> None:
    result = mnistry_command("read", tmp_path / "a.png", *options)
    assert (result.code, result.out) == (2, "")
    assert said in result.err


@pytest.mark.filterwarnings("ignore")
def test_an_address_where_no_cluster_answers_is_refused(mnistry_command, tmp_path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    result = mnistry_command(
        "read", tmp_path / "a.png", "--ray", "127.0.0.1:9", "-o", tmp_path / "out"
    )
    assert (result.code, result.out) == (7, "")
    assert "no Ray cluster" in result.err
    assert not (tmp_path / "out").exists()
