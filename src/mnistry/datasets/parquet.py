"""Tables in Parquet and Arrow files, as Hugging Face's Hub and OpenML keep them.

A table has a column of images, each a picture's bytes or its pixels, or 784 columns of pixels; and
perhaps a column of labels. The Hub's files also name the classes.
"""

import contextlib
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistry.datasets import csv, extras, fit, names
from mnistry.datasets.assemble import Source
from mnistry.datasets.dataset import AS_IS, DIGITS, Images, Origin
from mnistry.errors import DataError, MnistryError
from mnistry.images.decode import decode_numbers

ROWS = 1024  # per batch
MAX_ROWS = csv.MAX_ROWS
_MAX_BATCH = 1 << 28  # bytes
_IMAGES = ("image", "img", "images", "pixels", "features", "x")


def source(path: Path, how: Origin = AS_IS) -> Source:
    """Read one Parquet or Arrow file; images with labels are a training split."""
    return shards([path], how)


def shards(paths: Sequence[Path], how: Origin = AS_IS) -> Source:
    """Read the files of one split, in the order of their names.

    Raises
    ------
    DataError
        If a file is damaged, has no column of images, or its images are only paths.
    UsageError
        If pyarrow is not installed.
    """
    pyarrow = extras.needed("pyarrow", "pyarrow", "a Parquet or Arrow file", paths[0])
    images: list[NDArray[Any]] = []
    labels: list[NDArray[Any]] = []
    classes: tuple[str, ...] | None = None
    notices: tuple[str, ...] = ()
    count = 0
    for path in paths:
        with _our_errors(path, pyarrow):
            for batch in _batches(path, pyarrow):
                column, label, notices = _columns(batch, how, path)
                count += batch.num_rows
                if count > MAX_ROWS:
                    raise DataError("too many rows", where=path, expected=f"at most {MAX_ROWS:,}")
                images.append(_images(batch, column, how, path, count - batch.num_rows))
                if label is not None:
                    labels.append(_labels(batch, label, path))
                    classes = classes or _classes(batch.schema.metadata, label)
    where = paths[0] if len(paths) == 1 else paths[0].parent
    if not images:
        raise DataError("no rows", where=where, expected="an image in each")
    if len({array.shape[1:] for array in images}) > 1:
        raise DataError(
            "images of different sizes", where=where, remedy="--fit brings each to MNIST's form"
        )
    part = "train" if labels else "test"
    arrays = {f"x_{part}": np.concatenate(images)}
    if labels:
        texts = any(array.dtype.kind == "U" for array in labels)
        arrays["y_train"] = np.concatenate([a.astype(str) if texts else a for a in labels])
    classes = classes or names.classes_of(where)
    return Source(where, arrays, classes=classes, notices=notices)


@contextlib.contextmanager
def _our_errors(path: Path, pyarrow: ModuleType) -> Iterator[None]:
    """Turn pyarrow's errors, of many classes, into `DataError`."""
    try:
        yield
    except MnistryError:
        raise
    except Exception as error:
        if isinstance(error, MemoryError) and not isinstance(error, pyarrow.ArrowMemoryError):
            raise
        first = str(error).partition("\n")[0][:200]
        raise DataError(f"damaged, or not a table: {first}", where=path) from error


def _batches(path: Path, pyarrow: ModuleType) -> Iterator[Any]:
    """Yield the rows in batches of bounded size."""
    extras.needed("pyarrow.parquet", "pyarrow", "a Parquet file", path)
    with path.open("rb") as file:
        head = file.read(8)
        file.seek(0)
        if head.startswith(b"PAR1"):
            table = pyarrow.parquet.ParquetFile(file)
            if not 0 <= table.metadata.num_rows <= MAX_ROWS:
                raise DataError(
                    f"{table.metadata.num_rows:,} rows",
                    where=path,
                    expected=f"at most {MAX_ROWS:,}",
                )
            batches = table.iter_batches(ROWS, use_threads=False)
        elif head.startswith(b"ARROW1"):
            opened = pyarrow.ipc.open_file(pyarrow.memory_map(str(path)))
            batches = (opened.get_batch(i) for i in range(opened.num_record_batches))
        else:  # mapped, because a damaged file announces more than any memory holds
            batches = pyarrow.ipc.open_stream(pyarrow.memory_map(str(path)))
        for batch in batches:
            batch.validate(full=True)  # files may hold offsets that lead out of their buffers
            if batch.nbytes > _MAX_BATCH:
                raise DataError(
                    f"a batch of {batch.nbytes:,} bytes", where=path, expected="smaller pictures"
                )
            yield batch


def _columns(batch: Any, how: Origin, path: Path) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Return the column of images, the column of labels, and notices.

    None for images means that each pixel has a column; None for labels that there are none.
    """
    known = batch.schema.names
    for option, name in (("--images", how.images), ("--labels", how.labels)):
        if name is not None and name not in known:
            raise DataError(
                f"{option} {name}: there is no such column",
                where=path,
                expected=", ".join(known[:12]) + (", …" if len(known) > 12 else ""),
            )
    lower = {name.lower(): name for name in known}
    label = how.labels
    notices: tuple[str, ...] = ()
    if label is None:
        label, notices = names.label_column(known, path)
    column = how.images or next(
        (lower[n] for n in _IMAGES if n in lower and lower[n] != label), None
    )
    if column is None and len(known) < csv.FEWEST_PIXELS:
        raise DataError(
            "no column of images",
            where=path,
            expected="image, or 784 columns of pixels; it holds " + ", ".join(known[:12]),
            remedy="choose with --images NAME --labels NAME",
        )
    return column, label, notices


def _images(batch: Any, column: str | None, how: Origin, path: Path, before: int) -> NDArray[Any]:
    if column is None:
        start, stop = csv.pixel_columns(batch.schema.names, path)
        columns = [batch.column(i).to_numpy(zero_copy_only=False) for i in range(start, stop)]
        side = math.isqrt(stop - start)
        return np.stack(columns, axis=1).reshape(-1, side, side)
    cells = batch.column(column).to_pylist()
    found = [_image(cell, f"{path}, row {before + i}", how) for i, cell in enumerate(cells)]
    if len({image.shape for image in found}) > 1:
        raise DataError(
            "images of different sizes", where=path, remedy="--fit brings each to MNIST's form"
        )
    return np.stack(found) if found else np.empty((0, 28, 28), np.uint8)


def _image(cell: Any, where: str, how: Origin) -> NDArray[Any]:
    """Make an array of a cell: a picture's bytes, alone or with a path, or lists of pixels."""
    if isinstance(cell, dict):
        content, name = cell.get("bytes"), cell.get("path")
        if content is None and name is not None:
            raise DataError(
                f"no picture, only the path of one on another machine: {str(name)[:80]}",
                where=where,
                expected="the pictures' bytes",
                remedy="give the folder of pictures itself; or, on the machine that has them, "
                "write the table with datasets.Dataset.push_to_hub, which includes the pictures",
            )
        cell = content
    if isinstance(cell, bytes):
        image: NDArray[Any] = decode_numbers(cell, where)
    elif isinstance(cell, list):
        image = np.array(cell)
        if image.ndim == 1 and len(image) == len(csv.PIXELS):
            image = image.reshape(28, 28)
    else:
        raise DataError(
            f"a {type(cell).__name__}", where=where, expected="a picture's bytes or its pixels"
        )
    if image.ndim not in (2, 3) or image.dtype.kind not in "buif":
        raise DataError(
            f"an image of shape {image.shape}, {image.dtype}", where=where, expected="28x28 pixels"
        )
    if how.fit and image.shape != (28, 28) and image.dtype == np.uint8 and image.ndim == 2:
        fitted: Images = fit.fit_image(image, where)
        return fitted
    return image


def _labels(batch: Any, label: str, path: Path) -> NDArray[Any]:
    column = batch.column(label)
    if column.null_count:
        raise DataError(f"{column.null_count} rows without a label", where=path)
    values = column.to_pylist()
    array = np.array(values if values else [], None if values else np.int64)
    if array.dtype.kind == "O" or array.ndim != 1:
        raise DataError(f"labels of type {column.type}", where=path, expected="numbers or texts")
    return array


def _classes(metadata: Any, label: str) -> tuple[str, ...] | None:
    """Return the names of the classes from the metadata of the Hub's files, or None."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        found = features[label]["names"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        return None
    plain = tuple(name.partition(" - ")[0] for name in found)  # "0 - zero", as in SVHN
    return DIGITS if plain == DIGITS else tuple(found)
