"""Tables of numbers as text: CSV files with one image per row, as Kaggle and OpenML publish them.

A table may have a header or none, its label first or last, an index or other columns beside the 784
pixels; commas, semicolons, tabs or other separators; quotes; gzip. A row's number is that of its
line in the file, from 1.
"""

import dataclasses
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistry.datasets import names
from mnistry.datasets.assemble import Source, assemble
from mnistry.datasets.csv_rows import (
    DECIMAL_COMMA,
    NUMBER,
    Block,
    Layout,
    read_blocks,
    split_fields,
)
from mnistry.datasets.dataset import AS_IS, MAX_ARRAY_BYTES, Dataset, Origin
from mnistry.datasets.text_files import Lines
from mnistry.errors import DataError
from mnistry.inference.model_bytes import MAX_CLASSES

PIXELS = tuple(f"pixel{i}" for i in range(28 * 28))
LABEL = "label"

MAX_ROWS = MAX_ARRAY_BYTES // len(PIXELS)
MAX_COLUMNS = 4200  # images of 64x64 pixels, and some more
_SEPARATORS = (b",", b";", b"\t", b"|", b" ")
_INDICES = frozenset(("", "index", "id", "imageid", "image_id", "unnamed: 0", "usage", "writer"))
# Lines before a table: empty ones, comments, and the separator that Excel names.
_NO_ROW = re.compile(rb"\s*(#.*|\"?sep=.{1,2}\"?\s*)?", re.DOTALL)
_TRAILING_NUMBER = re.compile(r"(\D*)([0-9]{1,4})(?:[x_]([0-9]{1,2}))?")
_USUAL = "label,pixel0,…,pixel783"
_SIDE = 28
_FIT = "if they are images of {side}x{side}, --fit scales and centres each"
_FREED = 1 << 24  # bytes
FEWEST_PIXELS = 64  # of an image of 8x8, the smallest that is read
# Columns of square images of 8 to 64 pixels a side, with and without a label.
_OTHER_SIZES = {side * side + more: side for side in range(8, 65) for more in (0, 1)}
_MAX_COMMENTS = 1000  # lines before a table


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """A whole table of images.

    Attributes
    ----------
    images
        Numbers, shape ``(n, pixels)``.
    labels
        Whole numbers or texts, shape ``(n,)``; None if there is no such column.
    label
        The name of the labels' column.
    rows
        Each row's number in the file.
    extra
        The other columns.
    """

    images: NDArray[np.generic]
    labels: NDArray[np.generic] | None
    label: str
    rows: NDArray[np.int64]
    extra: dict[str, NDArray[np.generic]]


def read(path: Path, how: Origin = AS_IS) -> Dataset:
    """Read a CSV file; see `source`."""
    return assemble(source(path, how), how)


def source(path: Path, how: Origin = AS_IS) -> Source:
    """Read a CSV file with 784 columns of pixels, and perhaps labels and other columns.

    Images with labels are a training split; images without labels are a test split, to be
    predicted. ``how.labels`` names the column of labels where its name does not say it.

    Raises
    ------
    DataError
        If a pixel's column is missing or out of place, or a value is not a whole number in its
        range; the message names row and column.
    """
    return as_source(path, read_table(path, how), how)


def as_source(path: Path, table: Table, how: Origin = AS_IS) -> Source:
    """Make a source of a table."""
    part = "test" if table.labels is None else "train"
    arrays: dict[str, NDArray[Any]] = {f"x_{part}": table.images}
    if table.labels is not None:
        arrays[f"y_{part}"] = table.labels

    def place(array: str, index: int) -> str:
        where = f"{path}, row {table.rows[index]}"
        return f"{where}, column {table.label}" if array[0] == "y" else where

    extra = {part: table.extra} if table.extra else {}
    notices: tuple[str, ...] = ()
    others = [name for name in table.extra if name.lower() not in _INDICES]
    if table.labels is not None and how.labels is None:
        _, notices = names.label_column([table.label, *others], path)
    if table.labels is None and others:
        notices = (
            f"no column is named {', '.join(names.LABEL_COLUMNS)}: the images have no labels; "
            f"if one of the others has them ({', '.join(others[:5])}), give --labels NAME",
        )
    return Source(
        path, arrays, classes=names.classes_of(path), place=place, notices=notices, extra=extra
    )


def read_table(path: Path, how: Origin = AS_IS) -> Table:
    """Read a CSV file, plain or gzipped, without deciding what its labels mean; see `read`."""
    reader = Lines(path)
    first, row = _first_row(reader, path)
    separator = _separator(first)
    fields = [field.strip() for field in split_fields(first, separator, path, row)]
    if _counts_up(fields):  # the default names of pandas: they say nothing
        first, row = reader.next_line(), row + 1
        fields = [field.strip() for field in split_fields(first, separator, path, row)]
    if separator != b",":
        fields = [DECIMAL_COMMA.sub(b".", field.encode()).decode() for field in fields]
    headless = all(NUMBER.fullmatch(field) for field in fields if field)
    if headless:
        count = len(fields) - (fields[-1] == "")  # each row ends with a separator
        if not len(PIXELS) <= count <= len(PIXELS) + 2:
            if how.fit and count in _OTHER_SIZES:
                reader.push_back(first)
                return _of_other_size(reader, count, separator, path, row)
            raise DataError(
                f"{count} columns, and no header",
                where=f"{path}, row {row}",
                expected="784 pixels, and perhaps a label",
                remedy=_FIT.format(side=_OTHER_SIZES[count])
                if count in _OTHER_SIZES
                else f"add the header {_USUAL}",
            )
        layout = Layout(tuple(f"{i}" for i in range(1, count + 1)), (0, count), separator)
        reader.push_back(first)
        return _headless(reader, layout, path, row)
    layout = Layout(tuple(fields), pixel_columns(fields, path, row), separator)
    side = math.isqrt(layout.pixels[1] - layout.pixels[0])
    if side != _SIDE and not how.fit:
        raise DataError(
            f"{side * side:,} columns of pixels",
            where=f"{path}, row {row}",
            expected=f"784: {_USUAL}",
            remedy=_FIT.format(side=side),
        )
    return table_of(reader.blocks(), layout, how, path, row)


def _first_row(reader: Lines, path: Path) -> tuple[bytes, int]:
    """Return the first row and its number, after empty lines, comments and Excel's ``sep=;``.

    The header of `numpy.savetxt` is a comment too, and is taken for the first row.
    """
    row = 0
    while not reader.is_at_end():
        line, row = reader.next_line(), row + 1
        if row > _MAX_COMMENTS:
            raise DataError(
                f"no table in the first {_MAX_COMMENTS:,} lines", where=path, expected=_USUAL
            )
        if line.startswith(b"#") and line.count(_separator(line)) >= len(PIXELS) - 1:
            return line.lstrip(b"# "), row
        if not _NO_ROW.fullmatch(line):
            return line, row
    raise DataError("the file is empty", where=path, expected=_USUAL)


def table_of(
    chunks: Iterable[bytes], layout: Layout, how: Origin, path: Path, before: int
) -> Table:
    """Parse the rows of a table whose columns are known, after a number of other lines."""
    blocks = read_blocks(chunks, layout, path, row=before + 1)
    images, others, rows = _collected(blocks, layout, path)
    hot = [] if how.labels is not None else _one_hot(layout, others)
    if hot:
        extra = {layout.columns[i]: values for i, values in others.items() if i not in hot}
        labels = np.stack([others[place] for place in hot], axis=1).argmax(axis=1)
        return Table(images, labels, f"{layout.columns[hot[0]]}, …", rows, extra)
    label = _label_column(layout, how, path)
    extra = {
        layout.columns[place] or "index": values
        for place, values in others.items()
        if place != label
    }
    if label is None:
        return Table(images, None, "", rows, extra)
    return Table(images, others[label], layout.columns[label], rows, extra)


def _one_hot(layout: Layout, others: Mapping[int, NDArray[np.generic]]) -> list[int]:
    """Return the places of numbered columns of which one is 1 in each row, and the others 0."""
    groups: dict[str, list[int]] = {}
    for place in others:
        name = _place(layout.columns[place])
        if name is None:
            continue
        prefix, *numbers = name
        if numbers == [len(groups.get(prefix, [])), None]:  # the prefix's next number, from 0
            groups.setdefault(prefix, []).append(place)
    for places in groups.values():
        values = np.stack([others[place] for place in places], axis=1)
        if 2 <= len(places) <= MAX_CLASSES and values.dtype.kind == "i":
            is_one = values == 1
            if (is_one | (values == 0)).all() and (is_one.sum(axis=1) == 1).all():
                return places
    return []


def _headless(reader: Lines, layout: Layout, path: Path, row: int) -> Table:
    """Read a table without a header, and find its labels by their values."""
    count = len(layout.columns)
    if count > len(PIXELS):
        # Of all columns only the first `spare` and the last `spare` may be other than pixels.
        spare = count - len(PIXELS)
        layout = dataclasses.replace(layout, pixels=(spare, count - spare))
    blocks = read_blocks(reader.blocks(), layout, path, row=row)
    inner, others, rows = _collected(blocks, layout, path)
    numbers = {place: _whole(values, layout, place, path, rows) for place, values in others.items()}
    if not others:
        return Table(inner, None, "", rows, {})
    extra: dict[str, NDArray[np.generic]] = {}
    if count == len(PIXELS) + 2 and _is_index(numbers[0]):
        extra["index"] = numbers.pop(0)
        beside = _as_pixels(numbers.pop(count - 2), count - 2, path, rows)
        inner = np.concatenate([inner, beside], axis=1)
    ends = sorted(numbers)
    if len(ends) > 2:
        raise _unclear(path)
    first, last = ends[0], ends[-1]
    # One of these columns has the labels; the other has an image's outermost pixels, usually 0.
    labels_first = bool((numbers[last] == 0).all())
    labels_last = bool((numbers[first] == 0).all())
    if labels_first == labels_last:
        # Both or neither are 0. A number above 61 is not a label: there are at most 62 classes.
        labels_first = bool(numbers[last].max() > 61 >= numbers[first].max())
        labels_last = bool(numbers[first].max() > 61 >= numbers[last].max())
        if labels_first == labels_last:
            raise _unclear(path)
    label, pixel = (first, last) if labels_first else (last, first)
    edge = _as_pixels(numbers[pixel], pixel, path, rows)
    images = np.concatenate([inner, edge] if labels_first else [edge, inner], axis=1)
    return Table(images, numbers[label], str(label + 1), rows, extra)


def _as_pixels(
    numbers: NDArray[np.int64], place: int, path: Path, rows: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Return a column of pixels, shape ``(rows, 1)``."""
    wrong = (numbers > 255) | (numbers < 0)
    if wrong.any():
        index = int(np.argmax(wrong))
        raise DataError(
            f"{numbers[index]} is not a pixel value",
            where=f"{path}, row {rows[index]}, column {place + 1}",
            expected="a whole number from 0 to 255",
        )
    return numbers.astype(np.uint8)[:, np.newaxis]


def _of_other_size(reader: Lines, columns: int, separator: bytes, path: Path, row: int) -> Table:
    """Read a table of numbers without a header: USPS's ``zip.train``, or ``optdigits.tra``."""
    rows: list[int] = []
    values: list[NDArray[np.float32]] = []
    for block in reader.blocks():
        for line in block.removesuffix(b"\n").split(b"\n"):
            fields = line.strip(b"\r " + separator).split(separator)
            if fields != [b""]:
                if separator != b",":
                    fields = [DECIMAL_COMMA.sub(b".", field) for field in fields]
                try:
                    numbers = np.array(fields, np.float32)
                except ValueError:
                    numbers = np.empty(0, np.float32)
                if len(numbers) != columns or not np.isfinite(numbers).all():
                    raise DataError(
                        f"{line[:30].decode(errors='replace')!r} is not a row",
                        where=f"{path}, row {row}",
                        expected=f"{columns} numbers",
                    )
                rows.append(row)
                values.append(numbers)
            row += 1
        if len(values) * columns * 4 > MAX_ARRAY_BYTES:
            raise DataError("too many rows", where=path, expected="fewer")
    table, numbers_of_rows = np.stack(values), np.array(rows, np.int64)
    side = _OTHER_SIZES[columns]
    if columns == side * side:
        return Table(from_signed(table), None, "", numbers_of_rows, {})
    places = [place for place in (0, columns - 1) if _are_labels(table[:, place])]
    if len(places) != 1:
        raise _unclear(path)
    images = np.delete(table, places[0], axis=1)
    labels = table[:, places[0]].astype(np.int64)
    return Table(from_signed(images), labels, str(places[0] + 1), numbers_of_rows, {})


def _are_labels(column: NDArray[np.float32]) -> bool:
    """Whether numbers can be labels: whole, from 0, and not all the same."""
    whole = (column == np.floor(column)).all() and column.min() >= 0
    return bool(whole and len(column) > 1 and column.min() < column.max() < MAX_CLASSES)


def from_signed(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale pixels of -1 to 1, as in USPS, to 0 to 255; return others unchanged."""
    if -1 <= images.min() < 0 and images.max() <= 1:
        return np.asarray(np.rint((images + 1) * np.float32(127.5)))
    return images


def _unclear(path: Path) -> DataError:
    return DataError(
        "no header, and neither the first nor the last column is clearly the label",
        where=path,
        expected=_USUAL,
        remedy="add a first line with the columns' names",
    )


def _whole(
    values: NDArray[np.generic], layout: Layout, place: int, path: Path, rows: NDArray[np.int64]
) -> NDArray[np.int64]:
    if values.dtype.kind != "U":
        return values.astype(np.int64)
    numbers = []
    for text, row in zip(values.tolist(), rows.tolist(), strict=True):
        value = float(text) if NUMBER.fullmatch(text) else 0.5
        if value != int(value) or abs(value) > 1e9:
            raise DataError(
                f"{text[:20]!r} is not a label or pixel value",
                where=f"{path}, row {row}, column {layout.columns[place]}",
                expected="a whole number from 0 to 255",
            )
        numbers.append(int(value))
    return np.array(numbers, np.int64)


def _is_index(numbers: NDArray[np.int64]) -> bool:
    return len(numbers) > 1 and bool((np.diff(numbers) == 1).all()) and int(numbers[0]) in (0, 1)


def _collected(
    blocks: Iterator[Block], layout: Layout, path: Path
) -> tuple[NDArray[np.uint8], dict[int, NDArray[np.generic]], NDArray[np.int64]]:
    """Join blocks: the pixels, each other column, and the rows' numbers."""
    # Once a large array was freed, glibc keeps freed memory. Otherwise it returns memory to the
    # system and requests it again for every block, which takes twice as long as parsing it.
    np.empty(_FREED, np.uint8)
    images = np.empty((1024, layout.pixels[1] - layout.pixels[0]), np.uint8)
    count, others, rows = 0, [], []
    for block in blocks:
        stop = count + len(block.rows)
        if stop > MAX_ROWS:
            raise DataError("too many rows", where=path, expected=f"at most {MAX_ROWS:,}")
        if stop > len(images):
            images.resize((2 * stop, images.shape[1]), refcheck=False)
        images[count:stop] = block.pixels
        count = stop
        others.append(block.others)
        rows.append(block.rows)
    images.resize((count, images.shape[1]), refcheck=False)
    columns = {place: _joined([part[place] for part in others]) for place in layout.others}
    return images, columns, np.concatenate([np.empty(0, np.int64), *rows])


def _joined(parts: Sequence[NDArray[np.generic]]) -> NDArray[np.generic]:
    """Join the parts of a column: as texts if one part has other than whole numbers."""
    if not parts:
        return np.empty(0, np.int64)
    if any(part.dtype.kind == "U" for part in parts):
        parts = [part.astype(str) for part in parts]
    return np.concatenate(parts)


def _separator(line: bytes) -> bytes:
    """Return the separator that occurs most often in a line."""
    if line.count(b";") >= FEWEST_PIXELS - 1:  # commas may separate decimals
        return b";"
    if line.count(b"\t") >= FEWEST_PIXELS - 1:
        return b"\t"
    return max(_SEPARATORS, key=lambda separator: (line.count(separator), separator == b","))


def _counts_up(fields: Sequence[str]) -> bool:
    """Return whether the columns are named by consecutive numbers, perhaps after an index."""
    names = fields[1:] if fields[0] == "" else fields
    count = len(names)
    is_size = count in _OTHER_SIZES or len(PIXELS) <= count <= len(PIXELS) + 1
    return is_size and list(names) in (
        [str(i) for i in range(count)],
        [str(i) for i in range(1, count + 1)],
    )


def pixel_columns(names: Sequence[str], path: Path, row: int = 1) -> tuple[int, int]:
    """Find the columns of pixels: numbered, or named by row and column as ``1x1``.

    They are 784, or as many as a square image of 8 to 64 pixels a side has.

    Returns
    -------
    start, stop
        The half-open range of their places.

    Raises
    ------
    DataError
        If there are none, or one is missing or out of place.
    """
    where, count = f"{path}, row {row}", len(PIXELS)
    if len(names) > MAX_COLUMNS:
        raise DataError(f"{len(names):,} columns", where=where, expected=f"784 pixels: {_USUAL}")
    if _counts_up(names):
        raise DataError(
            "the columns' names are only numbers",
            where=where,
            expected=_USUAL,
            remedy='call the column of labels "label"',
        )
    places = [_place(name) for name in names]
    prefixes = Counter(place[0] for place in places if place is not None)
    usual = max(prefixes, key=lambda prefix: prefixes[prefix], default=None)
    start = next((i for i, place in enumerate(places) if place and place[0] == usual), None)
    if start is None:
        raise DataError(
            f"column 1 is {names[0][:20]!r}", where=where, expected=f"784 pixels: {_USUAL}"
        )
    name, low, column = places[start] or ("", 0, None)
    low = low if low <= 1 else 0
    alike = [place for place in places[start:] if place is not None and place[0] == name]
    side = _OTHER_SIZES.get(len(alike), _SIDE)
    side = side if side * side == len(alike) else _SIDE
    count = side * side
    if column is not None:
        expected = [f"{name}{low + i // side}x{column + i % side}" for i in range(count)]
    else:
        expected = [f"{name}{low + i}" for i in range(count)]
    for place, wanted in enumerate(expected, start=start):
        if place >= len(names):
            raise DataError(
                f"{len(names)} columns",
                where=where,
                expected=f"{start + count}, to {expected[-1]}",
            )
        if places[place] != _place(wanted):
            raise DataError(
                f"column {place + 1} is {names[place][:20]!r}",
                where=where,
                expected=f"{wanted!r}, as in {_USUAL}",
            )
    return start, start + count


def _place(name: str) -> tuple[str, int, int | None] | None:
    """Split a pixel's name into its prefix and its number, or its row and column; else None."""
    match = _TRAILING_NUMBER.fullmatch(name)
    return match and (match[1], int(match[2]), None if match[3] is None else int(match[3]))


def _label_column(layout: Layout, how: Origin, path: Path) -> int | None:
    """Return the place of the labels' column."""
    places = layout.others
    if how.labels is not None:
        for place in places:
            if layout.columns[place] == how.labels:
                return place
        raise DataError(
            f"no column {how.labels}",
            where=path,
            expected=", ".join(layout.columns[place] for place in places[:10]) or "a label",
        )
    chosen, _ = names.label_column([layout.columns[place] for place in places], path)
    return next((place for place in places if layout.columns[place] == chosen), None)


def has_pixels(path: Path) -> bool:
    """Return whether a file is a table with enough columns for the smallest image."""
    try:
        first, _ = _first_row(Lines(path), path)
    except DataError:
        return False
    return FEWEST_PIXELS <= first.count(_separator(first)) + 1 <= MAX_COLUMNS
