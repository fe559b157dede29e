"""Read pictures in bulk: every one exactly once, whatever dies on the way.

The pictures are divided into parts. A worker reads a part and writes its results as one Parquet
file whose name follows from the pictures in it, whole or not at all: done twice, it is the same
file. What stands in a file is never read again. A part in which a worker dies is tried again; then
its pictures in smaller parts; at last one by one, so that the one which kills is found, and set
aside. A file that cannot be opened gets no row: the next time it is tried again. If this process
can open it, the worker is at fault, and the reading stops.
"""

import dataclasses
import functools
import hashlib
import json
import secrets
import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnistry.cluster.connection import import_ray, last_line
from mnistry.cluster.picture_sources import RECORD, Item, Opener, Pictures, unpack
from mnistry.errors import DataError, Notice, ResourceError, UsageError
from mnistry.system import files
from mnistry.version import __version__

if TYPE_CHECKING:
    import pyarrow

# Pictures in a part, at most. Handing one over takes Ray Data some 0.15 s in which the core waits:
# of the first, as long as they work ten seconds, that is little.
_PARTS = (4000, 25, 1)
_LEAST = 100  # towards the end of many, when parts grow smaller so that all workers end together
# So many parts at most: a cluster's head keeps a little of each.
_MOST_PARTS = 10_000
_LOCK = ".lock"
_TURN = ".turn"  # names whose workers may write: those of a driver that is no more may not
_AT_ONCE = 250  # rows that are held as objects of Python's, which are twenty times as large
_TOLD = 100  # of those that could not be read
_TRIES = 2  # of each part, before its pictures are divided


@dataclasses.dataclass(frozen=True)
class Done:
    """What was read.

    Attributes
    ----------
    pictures
        How many there are.
    before
        How many of them had a row before.
    failed
        Some that could not be read, this time or before, and why: a hundred at most.
    failures
        How many could not.
    """

    pictures: int
    before: int
    failed: tuple[str, ...]
    failures: int


@dataclasses.dataclass(frozen=True)
class Settings:
    """What each worker makes its reader of.

    Attributes
    ----------
    model
        The content of an ``.onnx`` file; None for the network that ships.
    threshold
        As `mnistry.Reader` takes it.
    """

    model: bytes | None = None
    threshold: float | None = None

    def identity(self) -> dict[str, Any]:
        """Say in JSON's terms what results depend on, beside the pictures."""
        digest = None if self.model is None else hashlib.sha256(self.model).hexdigest()
        return {"mnistry": __version__, "model": digest, "threshold": self.threshold}


def read(
    inputs: Iterable[str],
    out: Path,
    settings: Settings,
    *,
    cores: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> Done:
    """Read pictures by the workers of a Ray cluster to which this process is connected.

    Parameters
    ----------
    inputs
        Files, folders, Parquet tables, lists of paths: see
        `mnistry.cluster.picture_sources.Pictures`. Every worker must find them under the same
        paths.
    out
        A folder for the results, which every worker must find too. What is in it already, of the
        same settings, is not done again.
    settings
        What to read with.
    cores
        How many workers, of a core each.
    on_progress
        Called with how many pictures are done, and how many there are.

    Raises
    ------
    DataError
        If an input cannot be looked into, there are no pictures, or a result is damaged.
    UsageError
        If `out` has results of other settings, or other files.
    ResourceError
        If another process writes to `out`; or a worker cannot work, for reasons that are not the
        pictures': what was read before is kept.
    """
    pictures = Pictures(inputs)
    if not pictures:
        raise DataError("no pictures", where=", ".join(inputs))
    out.mkdir(parents=True, exist_ok=True)
    with files.lock(out / _LOCK, what="another process writes there"):
        files.remove_leftovers(out)
        _check_record(out, settings)
        missing = _look(pictures, out).missing
        before = len(pictures) - int(np.count_nonzero(missing))
        if missing.any():
            _try_a_worker(out, settings)
        denied = _Denied(pictures)
        for most in _PARTS:
            parts = divide(np.flatnonzero(missing & ~denied.mask), most, cores)
            done = len(pictures) - sum(map(len, parts))
            packs = [pictures.pack(part) for part in parts]
            for number, places, host in _run(packs, out, settings, cores):
                if places:
                    denied.add(parts[number][places], host)
                done += len(parts[number])
                if on_progress is not None:
                    on_progress(done, len(pictures))
            missing = _look(pictures, out).missing  # whoever died may have written before
        for part in divide(np.flatnonzero(missing & ~denied.mask), _PARTS[0], 1):
            items = unpack(pictures.pack(part))
            errors = [str(DataError("whatever reads it dies", where=item.name)) for item in items]
            rows = [_row(item, None, error) for item, error in zip(items, errors, strict=True)]
            _write(out, items, _table(rows))
        found = _look(pictures, out)
    failed = (*found.failed, *denied.told)[:_TOLD]
    failures = found.failures + int(np.count_nonzero(denied.mask))
    return Done(len(pictures), before, failed, failures)


@dataclasses.dataclass
class _Found:
    """What there is: of each picture, whether it has no row; some errors in rows, how many."""

    missing: NDArray[np.bool_]
    failed: list[str]
    failures: int = 0


def _look(pictures: Pictures, out: Path) -> _Found:
    import pyarrow.parquet

    found = _Found(np.ones(len(pictures), bool), [])
    for path in sorted(out.glob("part-*.parquet")):
        try:
            table = pyarrow.parquet.read_table(path, columns=["file", "error"])
        except (pyarrow.ArrowException, OSError) as error:
            raise DataError(
                f"damaged: {error}", where=path, remedy="delete it, and give the same command again"
            ) from error
        columns = (table.column(name).to_pylist() for name in ("file", "error"))
        for name, failure in zip(*columns, strict=True):
            number = pictures.number(name)
            if number is None:
                continue
            found.missing[number] = False
            if failure is not None:
                found.failures += 1
                found.failed += [failure][: _TOLD - len(found.failed)]
    return found


class _Denied:
    """Pictures that can be opened neither by a worker nor here: all as a mask, some told."""

    def __init__(self, pictures: Pictures) -> None:
        self._pictures, self._opener = pictures, Opener()
        self.mask = np.zeros(len(pictures), bool)
        self.told: list[str] = []

    def add(self, numbers: NDArray[np.intp], host: str) -> None:
        """Add what a worker there could not open, unless that is the fault of where it works."""
        for item in unpack(self._pictures.pack(numbers)):
            try:
                self._opener.content(item)
            except DataError as error:
                if isinstance(error.__cause__, OSError):
                    error.where = item.name
                    self.told += [str(error)][: _TOLD - len(self.told)]
                    continue
            raise _cannot_work(f"{item.name} cannot be opened there (on {host}), but here it can")
        self.mask[numbers] = True


def divide(numbers: NDArray[np.intp], most: int, workers: int) -> list[NDArray[np.intp]]:
    """Divide work into parts that grow smaller, so that the workers end at about the same time.

    C. Polychronopoulos, D. Kuck: Guided Self-Scheduling, 1987, with half of its parts' size.

    Examples
    --------
    >>> [len(part) for part in divide(np.arange(1000), 300, workers=1)]
    [300, 300, 200, 100, 100]
    >>> [len(part) for part in divide(np.arange(20), 300, workers=2)]
    [5, 3, 3, 3, 3, 3]
    """
    # Few pictures may be large: however few there are, each worker has some parts of them.
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
    """Write down what results depend on, or compare it with what was written down."""
    path, identity = out / RECORD, settings.identity()
    if path.exists():
        try:
            given = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UsageError(f"cannot be read: {error}", where=path) from error
        if given != identity:
            raise UsageError(
                "has results of another network or threshold",
                where=out,
                expected=json.dumps(given),
                remedy="choose another -o",
            )
        return
    if any(entry.name != _LOCK for entry in out.iterdir()):
        raise UsageError("has other files in it", where=out, remedy="choose another -o")
    files.write_json(path, identity)


def _run(
    parts: Sequence[str], out: Path, settings: Settings, cores: int
) -> Iterator[tuple[int, list[int], str]]:
    """Let the workers do parts; yield the number of each, what in it was not opened, and where."""
    if not parts:
        return
    ray = import_ray()
    context = ray.data.DataContext.get_current()
    context.max_errored_blocks = -1  # what dies is seen by what is missing
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    turn = secrets.token_hex(8)
    files.write_bytes(out / _TURN, turn.encode())
    rows = [{"number": number, "part": part, "turn": turn} for number, part in enumerate(parts)]
    with warnings.catch_warnings():
        # Ray 2.60 says that max_retries will go, and has nothing yet to take its place.
        warnings.simplefilter("ignore", ray.util.annotations.RayDeprecationWarning)
        done = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            _work(out, settings),
            batch_size=1,
            num_cpus=1,
            compute=ray.data.TaskPoolStrategy(size=min(cores, len(parts))),
            max_retries=_TRIES - 1,
        )
    for row in done.iter_rows():
        if row["fault"]:
            raise _cannot_work(row["fault"])
        yield row["number"], json.loads(row["denied"]), row["host"]


def _try_a_worker(out: Path, settings: Settings) -> None:
    """Let one worker do nothing: what keeps all from working is no fault of the pictures."""
    ray = import_ray()
    nothing = {"number": [0], "part": ["[]"], "turn": [""]}
    try:
        done = ray.get(ray.remote(_work(out, settings)).remote(nothing))
    except ray.exceptions.RayError as error:
        raise _cannot_work(last_line(str(error))) from error
    if done["fault"][0]:
        raise _cannot_work(done["fault"][0])


def _cannot_work(why: str) -> ResourceError:
    return ResourceError(
        f"a worker cannot work: {why}",
        expected=f"mnistry {__version__} everywhere, pictures and results under the same paths",
        remedy="mend it, and give the same command again: it goes on",
    )


def _work(out: Path, settings: Settings) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Give what does one part, and can say so even where mnistry is not installed."""
    from ray import cloudpickle

    packed = cloudpickle.dumps((_do, _Worker, str(out.resolve()), settings, __version__))

    def work(batch):  # type: ignore[no-untyped-def]  # it takes along all that it names
        import socket

        host = socket.gethostname()
        try:
            from ray import cloudpickle

            do, *arguments = cloudpickle.loads(packed)
            denied, fault = do(batch, *arguments), ""
        except Exception as error:  # only what dies without a word may be the pictures' fault
            denied, fault = "[]", f"{type(error).__name__}: {error} (on {host})"
        return {"number": batch["number"], "denied": [denied], "fault": [fault], "host": [host]}

    return work


def _do(batch: dict[str, Any], worker: type["_Worker"], *arguments: Hashable) -> str:
    """Do one part. A process of Ray's does many, with one worker for all."""
    made = _made(worker, *arguments)  # type: ignore[arg-type]
    return json.dumps(made.do(batch["part"][0], batch["turn"][0]))


@functools.lru_cache(maxsize=1)
def _made(worker: type["_Worker"], *arguments: Hashable) -> "_Worker":
    return worker(*arguments)  # type: ignore[arg-type]


class _Worker:
    """Reads parts, with one reader for them all."""

    def __init__(self, out: str, settings: Settings, version: str) -> None:
        from mnistry.reading import Reader

        if version != __version__:
            raise ResourceError(f"it has mnistry {__version__}", expected=version)
        import cv2

        cv2.setNumThreads(1)
        warnings.simplefilter("ignore", Notice)
        self._out = Path(out)
        self._reader = Reader(settings.model, threshold=settings.threshold, threads=1)
        self._opener = Opener()

    def do(self, part: str, turn: str) -> list[int]:
        """Read a part's pictures, and keep what was read; give places of what was not opened."""
        import pyarrow

        items, tables, denied = unpack(part), [], []
        for start in range(0, len(items), _AT_ONCE):
            rows = []
            for place, item in enumerate(items[start : start + _AT_ONCE], start):
                try:
                    content = self._opener.content(item)
                except DataError as error:
                    error.where = item.name
                    if isinstance(error.__cause__, OSError):
                        denied.append(place)
                    else:
                        rows.append(_row(item, None, str(error)))
                else:
                    rows.append(self._read(item, content))
            tables.append(_table(rows))
        if not self._out.is_dir():
            raise ResourceError("there is no such folder", where=self._out)
        if len(items) > len(denied):
            if (self._out / _TURN).read_text() != turn:
                raise ResourceError("another reading began there", where=self._out)
            _write(self._out, items, pyarrow.concat_tables(tables))
        return denied

    def _read(self, item: Item, content: bytes) -> dict[str, Any]:
        try:
            found = self._reader.read(content)
        except DataError as error:
            error.where = item.name
            return _row(item, None, str(error))
        except MemoryError:  # another machine, or a later time, may have enough
            raise
        except Exception as error:  # one picture must not stop the others, whatever it is
            return _row(item, None, str(DataError(f"not read: {error!r}", where=item.name)))
        return _row(item, found.to_json(), None)


def _row(item: Item, found: dict[str, Any] | None, error: str | None) -> dict[str, Any]:
    nothing = {"lines": [], "text": "", "digits": []}
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
    digit = pa.struct(
        [
            ("digit", pa.int8()),
            ("confidence", pa.float32()),
            ("box", pa.list_(pa.int32())),
            ("line", pa.int32()),
            ("candidates", pa.list_(candidate)),
        ]
    )
    return pa.schema(
        [
            ("file", pa.string()),
            ("lines", pa.list_(pa.string())),
            ("text", pa.string()),
            ("digits", pa.list_(digit)),
            ("error", pa.string()),
        ]
    )
