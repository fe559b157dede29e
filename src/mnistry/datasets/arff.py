"""Weka's ARFF files, as OpenML publishes MNIST: a header, then rows as in CSV, or sparse ones.

SciPy's reader keeps every number as a Python object, and reads no sparse rows.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnistry.datasets import csv, csv_rows
from mnistry.datasets.assemble import Source
from mnistry.datasets.dataset import AS_IS, Origin
from mnistry.datasets.text_files import Lines
from mnistry.errors import DataError

_ATTRIBUTE = re.compile(r"@attribute\s+('[^']*'|\"[^\"]*\"|\S+)\s+(.+)", re.IGNORECASE)
_MAX_HEADER = 5000  # lines


def source(path: Path, how: Origin = AS_IS) -> Source:
    """Read an ARFF file of 784 pixels and perhaps labels, in any order that a CSV file may have.

    Raises
    ------
    DataError
        If the header is not an ARFF header, or a row does not match it; the message names the row.
    """
    columns: list[str] = []
    reader = Lines(path)
    row = 0
    while True:
        row += 1
        line = reader.next_line()
        text = line.decode("utf-8", errors="replace").strip()
        if row > _MAX_HEADER or (not line and reader.is_at_end()):
            raise DataError("no line @data", where=path, expected="an ARFF file")
        if text.lower() == "@data":
            break
        if text.lower().startswith("@attribute"):
            match = _ATTRIBUTE.fullmatch(text)
            if match is None:
                raise DataError(
                    f"{text[:40]!r} is not an attribute",
                    where=f"{path}, row {row}",
                    expected="@attribute NAME TYPE",
                )
            columns.append(match[1].strip("'\""))
    layout = csv_rows.Layout(tuple(columns), csv.pixel_columns(columns, path))
    table = csv.table_of(_plain(reader.blocks(), len(columns), path, row), layout, how, path, row)
    return csv.as_source(path, table)


def _plain(blocks: Iterator[bytes], columns: int, path: Path, row: int) -> Iterator[bytes]:
    """Turn sparse rows and quotes into CSV, and comments into empty lines."""
    for block in blocks:
        if b"{" in block or b"%" in block or b"'" in block:
            lines = block.split(b"\n")
            for i, line in enumerate(lines):
                text = line.strip()
                if text.startswith(b"%"):
                    lines[i] = b""
                elif text.startswith(b"{"):
                    lines[i] = _dense(text, columns, f"{path}, row {row + 1 + i}")
                elif b"'" in text:
                    lines[i] = line.replace(b"'", b'"')
            block = b"\n".join(lines)
        row += block.count(b"\n")
        yield block


def _dense(text: bytes, columns: int, where: str) -> bytes:
    """Write a sparse row, ``{153 3, 154 18, 784 '5'}``, as a row of CSV."""
    values: NDArray[np.object_] = np.full(columns, b"0", object)
    if not text.endswith(b"}"):
        raise DataError("a sparse row without }", where=where)
    for pair in filter(None, (part.strip() for part in text[1:-1].split(b","))):
        place, _, value = pair.partition(b" ")
        if not place.isdigit() or len(place) > 6 or int(place) >= columns:
            raise DataError(
                f"index {place[:20].decode(errors='replace')}",
                where=where,
                expected=f"0 to {columns - 1}",
            )
        values[int(place)] = value.strip().strip(b"'\"")
    return b",".join(values.tolist())
