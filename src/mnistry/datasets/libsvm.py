"""Tables in LIBSVM's format, in which its site publishes MNIST and USPS: ``label index:value …``.

Indices count from 1, in scikit-learn's files often from 0, and pixels that are 0 are left out.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnistry.datasets.assemble import Source
from mnistry.datasets.csv import MAX_ROWS, Table, as_source, from_signed
from mnistry.datasets.dataset import AS_IS, MAX_ARRAY_BYTES, Origin
from mnistry.datasets.text_files import lines
from mnistry.errors import DataError

_PIXELS, _USPS = 28 * 28, 16 * 16
_MOST = 10**9  # the largest index or pixel value that is accepted


def source(path: Path, _: Origin = AS_IS) -> Source:
    """Read a table of labels and sparse pixels.

    USPS's images have 16x16 pixels from -1 to 1 and labels from 1, where 1 is zero. Indices count
    from 0 if one is 0 or a comment before the rows says so, as scikit-learn writes it.

    Raises
    ------
    DataError
        If a line is not in this form; the message names the row.
    """
    labels: list[float] = []
    rows: list[int] = []
    sparse: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = []
    first = 1
    for number, line in lines(path):
        if not rows and b"zero-based" in line.partition(b"#")[2]:
            first = 0
        content = line.partition(b"#")[0].strip()
        if not content:
            continue
        try:
            label, *pairs = content.split()
            numbers = np.array(b" ".join(pairs).replace(b":", b" ").split(), np.float64)
            places = numbers[::2]
            right = all(pair.count(b":") == 1 for pair in pairs) and len(numbers) == 2 * len(pairs)
            if not right or not (abs(numbers) <= _MOST).all():  # NaN counts as wrong
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
            first = min(first, int(indices[0]))
            if indices[-1] >= _PIXELS + first:
                raise DataError(
                    f"index {indices[-1]}",
                    where=f"{path}, row {number}",
                    expected=f"{first} to {_PIXELS - 1 + first}",
                )
        rows.append(number)
        sparse.append((indices, numbers[1::2].astype(np.float32)))
        if len(rows) > min(MAX_ROWS, MAX_ARRAY_BYTES // 4 // _PIXELS):
            raise DataError("too many rows", where=path, expected="fewer")
    last = max((int(indices[-1]) for indices, _ in sparse if indices.size), default=0)
    if last >= _PIXELS + first:
        raise DataError(f"indices 0 and {last}", where=path, expected="0 to 783, or 1 to 784")
    return as_source(path, _table(labels, rows, [(i - first, values) for i, values in sparse]))


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
