"""Tables in LIBSVM's format, in which its site publishes MNIST and USPS: ``label index:value …``.

Indices count from 1, in scikit-learn's files often from 0, and pixels that are 0 are left out.
"""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistry.datasets.assemble import Source
from mnistry.datasets.csv import MAX_ROWS, Table, as_source, from_signed
from mnistry.datasets.dataset import AS_IS, MAX_ARRAY_BYTES, Origin
from mnistry.datasets.text_files import lines
from mnistry.errors import DataError

_PIXELS, _USPS = 28 * 28, 16 * 16  # of MNIST's images and USPS's
# Averaged over some of MNIST's images, the ink's centre of mass is within _NEAR of column _MIDDLE.
_MIDDLE, _NEAR = 14.0, 0.25
_MOST = 10**9  # the largest index or pixel value that is accepted


def source(path: Path, _: Origin = AS_IS) -> Source:
    """Read a table of labels and sparse pixels.

    USPS's images have 16x16 pixels from -1 to 1 and labels from 1, where 1 is zero. Indices count
    from 0 if one is 0, if a comment before the rows says so, as scikit-learn writes it, or if the
    digits then lie in the middle as MNIST's do; else from 1. A notice says what was not certain.

    Raises
    ------
    DataError
        If a line is not in this format; the message names the row.
    """
    labels: list[float] = []
    rows: list[int] = []
    sparse: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = []
    base, is_stated = 1, False  # the first pixel's index, and whether a comment states it
    for number, line in lines(path):
        comment = b"" if rows else line.partition(b"#")[2]
        if b"zero-based" in comment:
            base = 0
        is_stated |= b"-based" in comment
        content = line.partition(b"#")[0].strip()
        if not content:
            continue
        try:
            label, *pairs = content.split()
            numbers = np.array(b" ".join(pairs).replace(b":", b" ").split(), np.float64)
            places = numbers[::2]
            are_pairs = all(pair.count(b":") == 1 for pair in pairs)
            if not are_pairs or len(numbers) != 2 * len(pairs):
                raise ValueError
            if not (abs(numbers) <= _MOST).all():  # NaN is not
                raise ValueError
            if ((places < 0) | (places % 1 > 0)).any():
                raise ValueError
            indices = places.astype(np.int64)
            if (np.diff(indices) <= 0).any():
                raise ValueError
            labels.append(float(label))
        except (ValueError, OverflowError):
            raise DataError(
                f"{content[:30].decode(errors='replace')!r} is not a row",
                where=f"{path}, row {number}",
                expected="label index:value index:value …, with ascending indices",
            ) from None
        if indices.size:
            base = min(base, int(indices[0]))
            if indices[-1] >= _PIXELS + base:
                raise DataError(
                    f"index {indices[-1]}",
                    where=f"{path}, row {number}",
                    expected=f"{base} to {_PIXELS - 1 + base}",
                )
        rows.append(number)
        sparse.append((indices, numbers[1::2].astype(np.float32)))
        if len(rows) > min(MAX_ROWS, MAX_ARRAY_BYTES // 4 // _PIXELS):
            raise DataError("too many rows", where=path, expected="fewer")
    last = max((int(indices[-1]) for indices, _ in sparse if indices.size), default=0)
    if last >= _PIXELS + base:  # a later row showed that indices count from 0
        raise DataError(f"indices 0 and {last}", where=path, expected="0 to 783, or 1 to 784")
    table = _table(labels, rows, [(i - base, values) for i, values in sparse])
    if is_stated or base == 0 or last == _PIXELS:
        return as_source(path, table)
    notice = ""
    middle = _middle(table.images)
    if abs(middle + 1 - _MIDDLE) < _NEAR:
        table = _table(labels, rows, sparse)
        notice = "indices count from 0: the digits lie in the middle then, as MNIST's do"
    elif abs(middle - _MIDDLE) >= _NEAR:
        notice = (
            "indices count from 1, as in LIBSVM's own files; if they count from 0, write them with "
            "dump_svmlight_file(..., zero_based=False)"
        )
    found = as_source(path, table)
    return dataclasses.replace(found, notices=(*found.notices, notice)) if notice else found


def _middle(images: NDArray[Any]) -> float:
    """Return the mean column of the ink; that of MNIST if the images have another size."""
    if images.shape[1] != _PIXELS:
        return _MIDDLE
    across = images.reshape(-1, 28, 28).sum(1)
    across = across[across.sum(1) > 0]
    return float((across @ np.arange(28) / across.sum(1)).mean()) if len(across) else _MIDDLE


def _table(
    labels: list[float],
    rows: list[int],
    sparse: list[tuple[NDArray[np.int64], NDArray[np.float32]]],
) -> Table:
    highest = max((int(indices[-1]) for indices, _ in sparse if indices.size), default=0)
    pixels = _USPS if highest < _USPS else _PIXELS
    images = np.zeros((len(rows), pixels), np.float32)
    for image, (indices, values) in zip(images, sparse, strict=True):
        image[indices] = values
    if pixels == _USPS:
        images = from_signed(images)
    return Table(images, np.array(labels), "label", np.array(rows, np.int64), {})
