"""Read pictures in bulk on a Ray cluster, each exactly once even if workers die.

The pictures are divided into parts. A worker reads a part and writes one Parquet file, whole or not
at all. The file's name depends only on the part's pictures, so a part that is read twice gives the
same file. A picture with a row in a file is never read again. If a worker dies, its part is
retried, then divided into smaller parts, finally of one picture each: a picture that kills its
worker gets a row with an error. A file that a worker cannot open gets no row, and is retried when
the command is repeated. If this process can open it, the worker is at fault, and reading stops.
"""

import dataclasses
import functools
import hashlib
import json
import secrets
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnistry.cluster.connection import import_ray, last_line, worker_deaths, worker_failed
from mnistry.cluster.picture_sources import RECORD, Item, Opener, Pictures, unpack
from mnistry.errors import DataError, Notice, ResourceError, UsageError
from mnistry.images import sources
from mnistry.images.page_tasks import LINES_SIDE
from mnistry.system import files
from mnistry.version import __version__

if TYPE_CHECKING:
    import pyarrow

# The maximum number of pictures in a part: first of all pictures, then of those whose worker died,
# and last of those whose worker died again. A large part takes ten seconds or more.
_PARTS = (4000, 25, 1)
_LEAST = 100  # pictures in a part; parts become smaller so that all workers finish together
_MOST_PARTS = 10_000  # each takes some memory on the cluster's head node
_LOCK = ".lock"
# A file with the key of the driver, the process that runs `read`. Workers write only if it has
# their own driver's key: workers of a driver that died must not.
_DRIVER = ".driver"
_AT_ONCE = 250  # rows held as Python objects, which take twenty times as much memory as in Arrow
_SHOWN = 100  # errors in the report
_TRIES = 2  # for each part, before it is divided


@dataclasses.dataclass(frozen=True)
class Done:
    """The result of reading in bulk.

    Attributes
    ----------
    pictures
        Number of pictures.
    before
        Number of pictures that already had a row.
    failed
        Error messages of pictures that could not be read, now or earlier: at most a hundred.
    failures
        Number of pictures that could not be read.
    """

    pictures: int
    before: int
    failed: tuple[str, ...]
    failures: int


@dataclasses.dataclass(frozen=True)
class Settings:
    """The settings of each worker's `mnistry.Reader`.

    Attributes
    ----------
    model
        The content of an ``.onnx`` file; None for the built-in network.
    threshold, decimal_comma, thousands
        As in `mnistry.Reader`.
    """

    model: bytes | None = None
    threshold: float | None = None
    decimal_comma: bool = False
    thousands: bool = False

    def identity(self) -> dict[str, Any]:
        """Return everything that results depend on besides the pictures, as JSON values."""
        digest = None if self.model is None else hashlib.sha256(self.model).hexdigest()
        return {"mnistry": __version__, **vars(self), "model": digest}


def read(
    inputs: Iterable[str],
    out: Path,
    settings: Settings,
    *,
    cores: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> Done:
    """Read pictures on the Ray cluster to which this process is connected.

    Parameters
    ----------
    inputs
        Files, folders, Parquet tables, lists of paths: see
        `mnistry.cluster.picture_sources.Pictures`. Every worker must find them under the same
        paths.
    out
        A folder for the results, which every worker must find. Results there with the same settings
        are kept, and their pictures are not read again.
    settings
        The settings of the reader.
    cores
        Number of workers; each uses one core.
    on_progress
        Called with the number of pictures that are done, and the total number.

    Raises
    ------
    DataError
        If an input cannot be listed, there are no pictures, or a result is damaged.
    UsageError
        If `out` has results with other settings, or other files.
    ResourceError
        If another process writes to `out`, or a worker fails for a reason other than the pictures.
        Finished results are kept.
    """
    pictures = Pictures(inputs)
    if not pictures:
        raise DataError("no pictures", where=", ".join(inputs))
    out.mkdir(parents=True, exist_ok=True)
    with files.lock(out / _LOCK, what="another process writes to this folder"):
        files.remove_leftovers(out)
        _check_record(out, settings)
        missing = _find_results(pictures, out).missing
        before = len(pictures) - int(np.count_nonzero(missing))
        if missing.any():
            _try_a_worker(out, settings)
        unopened = _Unopened(pictures)
        for most in _PARTS:
            parts = divide(np.flatnonzero(missing & ~unopened.mask), most, cores)
            done = len(pictures) - sum(map(len, parts))
            packs = [pictures.pack(part) for part in parts]
            for number, not_opened, host in _run(packs, out, settings, cores):
                if not_opened:
                    unopened.add(parts[number][not_opened], host)
                done += len(parts[number])
                if on_progress is not None:
                    on_progress(done, len(pictures))
            missing = _find_results(pictures, out).missing  # some workers died after writing
        for part in divide(np.flatnonzero(missing & ~unopened.mask), _PARTS[0], 1):
            items = unpack(pictures.pack(part))
            what = "each worker that read it died"
            errors = [str(DataError(what, where=item.name)) for item in items]
            rows = [_row(item, None, error) for item, error in zip(items, errors, strict=True)]
            _write(out, items, _table(rows))
        found = _find_results(pictures, out)
    failed = (*found.failed, *unopened.errors)[:_SHOWN]
    failures = found.failures + int(np.count_nonzero(unopened.mask))
    return Done(len(pictures), before, failed, failures)


@dataclasses.dataclass
class _Found:
    """Results on disk: a mask of the pictures without a row, some errors, and the error count."""

    missing: NDArray[np.bool_]
    failed: list[str]
    failures: int = 0


def _find_results(pictures: Pictures, out: Path) -> _Found:
    import pyarrow.parquet

    found = _Found(np.ones(len(pictures), bool), [])
    for path in sorted(out.glob("part-*.parquet")):
        try:
            table = pyarrow.parquet.read_table(path, columns=["file", "error"])
        except (pyarrow.ArrowException, OSError) as error:
            raise DataError(
                f"damaged: {error}", where=path, remedy="delete it, and repeat the command"
            ) from error
        columns = (table.column(name).to_pylist() for name in ("file", "error"))
        for name, failure in zip(*columns, strict=True):
            number = pictures.number(name)
            if number is None:
                continue
            found.missing[number] = False
            if failure is not None:
                found.failures += 1
                if len(found.failed) < _SHOWN:
                    found.failed.append(failure)
    return found


class _Unopened:
    """A mask of the pictures that neither a worker nor this process can open, and some errors."""

    def __init__(self, pictures: Pictures) -> None:
        self._pictures, self._opener = pictures, Opener()
        self.mask = np.zeros(len(pictures), bool)
        self._errors: dict[int, str] = {}

    @property
    def errors(self) -> list[str]:
        """Return the errors in the order of the pictures, although parts end in any order."""
        return [self._errors[number] for number in sorted(self._errors)]

    def add(self, numbers: NDArray[np.intp], host: str) -> None:
        """Add pictures that a worker could not open; raise if this process can open one."""
        for number, item in zip(numbers, unpack(self._pictures.pack(numbers)), strict=True):
            try:
                self._opener.content(item)
            except DataError as error:
                if isinstance(error.__cause__, OSError):
                    error.where = item.name
                    if len(self._errors) < _SHOWN:
                        self._errors[int(number)] = str(error)
                    continue
            raise worker_failed(f"{item.name} can be opened here, but not on {host}")
        self.mask[numbers] = True


def divide(numbers: NDArray[np.intp], most: int, workers: int) -> list[NDArray[np.intp]]:
    """Divide work into parts that become smaller, so that workers finish at about the same time.

    A part has at most `most` numbers, or more if there would be too many parts otherwise.
    C. Polychronopoulos, D. Kuck: Guided Self-Scheduling, 1987, with parts of half the size.

    Examples
    --------
    >>> [len(part) for part in divide(np.arange(1000), 300, workers=1)]
    [300, 300, 200, 100, 100]
    >>> [len(part) for part in divide(np.arange(20), 300, workers=2)]
    [5, 3, 3, 3, 3, 3]
    """
    # Even a few pictures are divided among all workers: each may be large.
    least = min(_LEAST, -(-len(numbers) // (4 * workers)), most)
    fewest = -(-len(numbers) // _MOST_PARTS)
    most, least = max(most, fewest), max(least, fewest)
    parts = []
    while len(numbers):
        size = min(max(len(numbers) // (2 * workers), least), most)
        parts.append(numbers[:size])
        numbers = numbers[size:]
    return parts


def _check_record(out: Path, settings: Settings) -> None:
    """Write the record of a new folder of results, or check that it equals the existing one."""
    path, identity = out / RECORD, settings.identity()
    if path.exists():
        try:
            given = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UsageError(f"cannot be read: {error}", where=path) from error
        if given != identity:
            raise UsageError(
                "it has results of another network, other settings or another version",
                where=out,
                expected=json.dumps(given),
                remedy="choose another -o",
            )
        return
    if any(entry.name != _LOCK for entry in out.iterdir()):
        raise UsageError("it has other files in it", where=out, remedy="choose another -o")
    files.write_json(path, identity)


def _run(
    parts: Sequence[str], out: Path, settings: Settings, cores: int
) -> Iterator[tuple[int, list[int], str]]:
    """Let workers read parts.

    Yield each part's number, the positions in it of pictures that the worker could not open, and
    the worker's host.
    """
    if not parts:
        return
    ray = import_ray()
    driver = secrets.token_hex(8)
    files.write_bytes(out / _DRIVER, driver.encode())
    work = ray.remote(num_cpus=1, max_retries=_TRIES - 1)(_work(out, settings))
    waiting = list(enumerate(parts))[::-1]
    running: dict[Any, int] = {}  # the number of the part that each task reads
    try:
        while waiting or running:
            while waiting and len(running) < cores:
                number, part = waiting.pop()
                running[work.remote(part, driver)] = number
            (ended,), _ = ray.wait(list(running))
            number = running.pop(ended)
            try:
                not_opened, fault, host = ray.get(ended)
            except worker_deaths():  # missing rows show which parts failed
                continue
            if fault:
                raise worker_failed(fault)
            yield number, not_opened, host
    finally:
        for task in running:
            ray.cancel(task, force=True)


def _try_a_worker(out: Path, settings: Settings) -> None:
    """Let one worker read an empty part, to find faults that are not due to pictures."""
    ray = import_ray()
    try:
        _, fault, _ = ray.get(ray.remote(_work(out, settings)).remote("[]", ""))
    except ray.exceptions.RayError as error:
        raise worker_failed(last_line(str(error))) from error
    if fault:
        raise worker_failed(fault)


def _work(out: Path, settings: Settings) -> Callable[[str, str], tuple[list[int], str, str]]:
    """Return a task that reads one part; it reports an error if its node has no mnistry."""
    from ray import cloudpickle

    packed = cloudpickle.dumps((_make_once, _Worker, str(out.resolve()), settings, __version__))

    def work(part, driver):  # type: ignore[no-untyped-def]  # types would be pickled too
        import socket

        host = socket.gethostname()
        # Unpickling imports mnistry, which this node may lack.
        try:
            from ray import cloudpickle

            make_once, *arguments = cloudpickle.loads(packed)
            return make_once(*arguments).read_part(part, driver), "", host
        except Exception as error:  # the worker is at fault: `read_part` handles pictures' errors
            return [], f"{type(error).__name__}: {error} (on {host})", host

    return work


@functools.lru_cache(maxsize=1)
def _make_once(kind: type["_Worker"], *arguments: Any) -> "_Worker":
    """Make a worker, or return the one that this process already has."""
    return kind(*arguments)


class _Worker:
    """Reads parts, all with the same reader."""

    def __init__(self, out: str, settings: Settings, version: str) -> None:
        from mnistry.reading import Reader

        if version != __version__:
            raise ResourceError(f"it has mnistry {__version__}", expected=version)
        import cv2

        cv2.setNumThreads(1)
        warnings.simplefilter("ignore", Notice)
        self._out = Path(out)
        self._reader = Reader(**vars(settings), threads=1)
        self._opener = Opener()

    def read_part(self, part: str, driver: str) -> list[int]:
        """Read a part and write its results; return the positions of pictures that it cannot open.

        Raise an error and write nothing unless `driver` is the one that may write.
        """
        import pyarrow

        items, tables, not_opened = unpack(part), [], []
        for start in range(0, len(items), _AT_ONCE):
            rows = []
            for position, item in enumerate(items[start : start + _AT_ONCE], start):
                try:
                    content = self._opener.content(item)
                except DataError as error:
                    error.where = item.name
                    if isinstance(error.__cause__, OSError):
                        not_opened.append(position)
                    else:
                        rows.append(_row(item, None, str(error)))
                else:
                    rows.append(self._read(item, content))
            tables.append(_table(rows))
        if not self._out.is_dir():
            raise ResourceError("there is no such folder", where=self._out)
        if len(items) > len(not_opened):
            if (self._out / _DRIVER).read_text() != driver:
                raise ResourceError("another reading has started there", where=self._out)
            _write(self._out, items, pyarrow.concat_tables(tables))
        return not_opened

    def _read(self, item: Item, content: bytes) -> dict[str, Any]:
        try:
            page = sources.only_page(
                content, item.name, LINES_SIDE, "read it without --ray, with --jobs"
            )
            found = self._reader.read(page)
        except DataError as error:
            error.where = item.name
            return _row(item, None, str(error))
        except MemoryError:  # another machine may have enough
            raise
        except Exception as error:  # one picture must not stop the others
            return _row(item, None, str(DataError(f"not read: {error!r}", where=item.name)))
        return _row(item, found.to_json(), None)


def _row(item: Item, found: dict[str, Any] | None, error: str | None) -> dict[str, Any]:
    from mnistry.reading import Reading

    nothing = Reading((), "", ()).to_json()
    return {"file": item.name, **(nothing if found is None else found), "error": error}


def _table(rows: list[dict[str, Any]]) -> "pyarrow.Table":
    import pyarrow

    return pyarrow.Table.from_pylist(rows, _schema())


def _write(out: Path, items: Sequence[Item], table: "pyarrow.Table") -> None:
    import pyarrow.parquet

    digest = hashlib.sha256("\n".join(item.name for item in items).encode()).hexdigest()
    with files.atomic_write(out / f"part-{digest[:16]}.parquet") as file:
        pyarrow.parquet.write_table(table, file)


@functools.cache
def _schema() -> "pyarrow.Schema":
    import pyarrow as pa

    candidate = pa.struct([("digit", pa.int8()), ("confidence", pa.float32())])
    quad = pa.list_(pa.list_(pa.float32()))
    digit = pa.struct(
        [
            ("digit", pa.int8()),
            ("confidence", pa.float32()),
            ("box", pa.list_(pa.int32())),
            ("line", pa.int32()),
            ("candidates", pa.list_(candidate)),
            ("quad", quad),
        ]
    )
    number = pa.struct(
        [
            ("text", pa.string()),
            ("value", pa.float64()),
            ("confidence", pa.float32()),
            ("box", pa.list_(pa.int32())),
            ("line", pa.int32()),
            ("quad", quad),
        ]
    )
    return pa.schema(
        [
            ("file", pa.string()),
            ("turned", pa.int16()),
            ("corners", quad),
            ("lines", pa.list_(pa.string())),
            ("text", pa.string()),
            ("digits", pa.list_(digit)),
            ("numbers", pa.list_(number)),
            ("notes", pa.list_(pa.string())),
            ("error", pa.string()),
        ]
    )
