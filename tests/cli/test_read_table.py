"""``mnistry read --table`` prints CSV or JSON lines, and notes what does not add up."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import mnistry


@pytest.fixture(scope="module")
def sheet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tables: in the first 3, 8; 2, 0; 5, 7, in the second 1, nothing; 4, 6."""
    images, labels = mnistry.load("sample").train
    page = np.full((700, 400), 235, np.uint8)
    for top, rows in ((40, ("38", "20", "57")), (420, ("1 ", "46"))):
        height = 80 * len(rows)
        for i in range(len(rows) + 1):
            page[top + 80 * i : top + 80 * i + 2, 40:301] = 60
        for j in range(3):
            page[top : top + height + 2, 40 + 130 * j : 42 + 130 * j] = 60
        for i, row in enumerate(rows):
            for j, digit in enumerate(row.replace(" ", "")):
                ink = cv2.resize(images[labels == int(digit)][0], (56, 56))
                part = page[top + 13 + 80 * i :, 78 + 130 * j :][:56, :56]
                part[:] = np.minimum(part, 235 - np.minimum(ink, 200))
    path = tmp_path_factory.mktemp("tables") / "sheet.png"
    cv2.imwrite(str(path), page)
    return path


def test_csv_has_a_field_for_each_cell_and_an_empty_line_between_tables(
    mnistry_command, sheet
) -> None:
    result = mnistry_command("read", "--table", sheet)
    assert result == (0, "3,8\r\n2,0\r\n5,7\r\n\r\n1,\r\n4,6\r\n", "")


def test_totals_that_do_not_add_up_are_noted_and_kept(mnistry_command, sheet) -> None:
    result = mnistry_command("read", "--table", "--sum-row", sheet)
    assert result.out.startswith("3,8\r\n2,0\r\n5,7\r\n")
    assert f"{sheet}, table 1: column 2: the total is 7, its numbers add up to 8\n" in result.err


def test_json_lines(mnistry_command, sheet) -> None:
    result = mnistry_command("read", "--table", "--jsonl", "--sum-row", sheet)
    value = json.loads(result.out)
    assert list(value) == ["file", "page", "size", "dpi", "tables", "error"]
    first = value["tables"][0]
    assert [[cell["value"] for cell in row] for row in first["rows"]] == [[3, 8], [2, 0], [5, 7]]
    assert list(first["rows"][0][0]) == ["text", "value", "confidence", "box"]
    assert first["problems"] == ["column 2: the total is 7, its numbers add up to 8"]


def test_a_picture_without_a_table(mnistry_command, tmp_path) -> None:
    path = tmp_path / "empty.png"
    cv2.imwrite(str(path), np.full((100, 100), 230, np.uint8))
    assert mnistry_command("read", "--table", path) == (0, "", f"note: {path}: no table found\n")


@pytest.mark.parametrize(
    ("options", "said"), [(["--sum-row"], "--table"), (["--table", "--csv"], "--csv")]
)
def test_options_that_do_not_go_together(mnistry_command, sheet, options, said) -> None:
    result = mnistry_command("read", sheet, *options)
    assert result.code == 2
    assert said in result.err


def test_several_processes_give_the_same(mnistry_command, sheet) -> None:
    one = mnistry_command("read", "--table", sheet, sheet)
    assert mnistry_command("read", "--table", "--jobs", "2", sheet, sheet) == one
