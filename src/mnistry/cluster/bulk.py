"""Read pictures in bulk: every one exactly once, whatever dies on the way.

The pictures are divided into parts. A worker reads a part and writes its results as one Parquet
file whose name follows from the pictures in it, whole or not at all: done twice, it is the same
file. What stands in a file is never read again. A part in which a worker dies is tried again; then
its pictures in smaller parts; at last one by one, so that the one which kills is found, and set
aside.
"""

import dataclasses
import functools
import hashlib
import json
import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnistry import __version__, files
from mnistry.cluster.connection import import_ray
from mnistry.cluster.items import Item, Opener, Pictures, unpack
from mnistry.errors import DataError, Notice, ResourceError, UsageError

if TYPE_CHECKING:
    import pyarrow

# Pictures in a part, at most. Handing one over takes Ray Data some 0.15 s in which the core waits:
# of the first, as long as they work ten seconds, that is little.
_PARTS = (4000, 25, 1)
_LEAST = 100  # towards the end, when parts grow smaller so that all workers end together
# So many parts at most: a cluster's head keeps a little of each.
_MOST_PARTS = 10_000
_LOCK = ".lock"
_AT_ONCE = 250  # rows that are held as objects of Python's, which are twenty times as large
_TOLD = 100  # of those that could not be read
_TRIES = 2  # of each part, before its pictures are divided
_RECORD = "_reading.json"  # what begins so is passed over by those who read tables


@dataclasses.dataclass(frozen=True)
class Done:
    """What was read.

    Attributes
    ----------
    pictures
        How many there are.
    before
        How many of them had a result before.
    failed
        Some of this time's that could not be read, and why: a hundred at most.
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
        Files, folders, Parquet tables, lists of paths: see `mnistry.cluster.items.Pictures`. Every
        worker must find them under the same paths.
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
        If an input cannot be looked into, or there are no pictures.
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
        missing = _missing(pictures, out)
        before = done = len(pictures) - int(np.count_nonzero(missing))
        failed: list[str] = []
        failures = 0
        if done < len(pictures):
            _try_a_worker(out, settings)
        for most in _PARTS:
            parts = divide(np.flatnonzero(missing), most, cores)
            packed = [pictures.pack(part) for part in parts]
            for number, errors in _run(packed, out, settings, cores):
                missing[parts[number]] = False
                done += len(parts[number])
                failures += len(errors)
                failed += errors[: _TOLD - len(failed)]
                if on_progress is not None:
                    on_progress(done, len(pictures))
            if done < len(pictures):  # whoever died may have written before
                missing = _missing(pictures, out)
                done = len(pictures) - int(np.count_nonzero(missing))
        for part in divide(np.flatnonzero(missing), _PARTS[0], 1):
            items = unpack(pictures.pack(part))
            errors = [str(DataError("whatever reads it dies", where=item.name)) for item in items]
            rows = [_row(item, None, error) for item, error in zip(items, errors, strict=True)]
            _write(out, items, _table(rows))
            failures += len(errors)
            failed += errors[: _TOLD - len(failed)]
    return Done(len(pictures), before, tuple(failed), failures)


def _missing(pictures: Pictures, out: Path) -> NDArray[np.bool_]:
    """Say of each picture whether it has no result."""
    import pyarrow.parquet

    missing = np.ones(len(pictures), bool)
    for path in sorted(out.glob("part-*.parquet")):
        column = pyarrow.parquet.read_table(path, columns=["file"]).column(0)
        numbers = [pictures.number(name) for name in column.to_pylist()]
        missing[[number for number in numbers if number is not None]] = False
    return missing


def divide(numbers: NDArray[np.intp], most: int, workers: int) -> list[NDArray[np.intp]]:
    """Divide work into parts that grow smaller, so that the workers end at about the same time.

    C. Polychronopoulos, D. Kuck: Guided Self-Scheduling, 1987, with half of its parts' size.

    Examples
    --------
    >>> [len(part) for part in divide(np.arange(1000), 300, workers=1)]
    [300, 300, 200, 100, 100]
    """
    most = max(most, -(-len(numbers) // _MOST_PARTS))
    least = max(min(_LEAST, most), -(-len(numbers) // _MOST_PARTS))
    parts = []
    while len(numbers):
        size = min(max(len(numbers) // (2 * workers), least), most)
        parts.append(numbers[:size])
        numbers = numbers[size:]
    return parts


def _check_record(out: Path, settings: Settings) -> None:
    """Write down what results depend on, or compare it with what was written down."""
    path, identity = out / _RECORD, settings.identity()
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
) -> Iterator[tuple[int, list[str]]]:
    """Let the workers do parts; yield the number of each that was done, and why some failed."""
    if not parts:
        return
    ray = import_ray()
    context = ray.data.DataContext.get_current()
    context.max_errored_blocks = -1  # what dies is seen by what is missing
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    rows = [{"number": number, "part": part} for number, part in enumerate(parts)]
    with warnings.catch_warnings():
        # Ray 2.60 says that max_retries will go, and has nothing yet to take its place.
        warnings.simplefilter("ignore", ray.util.annotations.RayDeprecationWarning)
        done = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            _do,
            fn_args=(_Worker, *_arguments(out, settings)),
            batch_size=1,
            num_cpus=1,
            compute=ray.data.TaskPoolStrategy(size=min(cores, len(parts))),
            max_retries=_TRIES - 1,
        )
    for row in done.iter_rows():
        if row["fault"]:
            raise _cannot_work(row["fault"])
        yield row["number"], json.loads(row["failed"])


def _try_a_worker(out: Path, settings: Settings) -> None:
    """Let one worker do nothing: what keeps all from working is no fault of the pictures."""
    ray = import_ray()
    nothing, arguments = {"number": [0], "part": ["[]"]}, _arguments(out, settings)
    try:
        done = ray.get(ray.remote(_do).remote(nothing, _Worker, *arguments))
    except ray.exceptions.RayError as error:
        raise _cannot_work(str(error).strip().splitlines()[-1]) from error
    if done["fault"][0]:
        raise _cannot_work(done["fault"][0])


def _arguments(out: Path, settings: Settings) -> tuple[str, Settings, str, str]:
    """Give what a worker is made of, which may be anywhere."""
    return str(out.resolve()), settings, __version__, str(Path.cwd())


def _cannot_work(why: str) -> ResourceError:
    return ResourceError(
        f"a worker cannot work: {why}",
        expected=f"mnistry {__version__}, the inputs and the results under the same paths",
        remedy="mend it, and give the same command again: it goes on",
    )


def _do(batch: dict[str, Any], worker: type["_Worker"], *arguments: Hashable) -> dict[str, Any]:
    """Do one part. A process of Ray's does many, with one worker for all."""
    try:
        failed, fault = _made(worker, *arguments).do(batch["part"][0]), ""  # type: ignore[arg-type]
    except Exception as error:  # only what dies without a word may be the pictures' fault
        failed, fault = [], f"{type(error).__name__}: {error}"
    return {"number": batch["number"], "failed": [json.dumps(failed)], "fault": [fault]}


@functools.lru_cache(maxsize=1)
def _made(worker: type["_Worker"], *arguments: Hashable) -> "_Worker":
    return worker(*arguments)  # type: ignore[arg-type]


class _Worker:
    """Reads parts, with one reader for them all."""

    def __init__(self, out: str, settings: Settings, version: str, folder: str) -> None:
        from mnistry.reading import Reader

        if version != __version__:
            raise ResourceError(f"it has mnistry {__version__}", expected=version)
        import cv2

        cv2.setNumThreads(1)
        warnings.simplefilter("ignore", Notice)
        self._out = Path(out)
        self._reader = Reader(settings.model, threshold=settings.threshold, threads=1)
        self._opener = Opener(Path(folder))

    def do(self, part: str) -> list[str]:
        """Read a part's pictures, and keep what was read; tell why some could not be."""
        import pyarrow

        items, tables, failed = unpack(part), [], []
        for start in range(0, len(items), _AT_ONCE):
            rows = [self._read(item) for item in items[start : start + _AT_ONCE]]
            failed += [row["error"] for row in rows if row["error"] is not None]
            tables.append(_table(rows))
        if tables:
            _write(self._out, items, pyarrow.concat_tables(tables))
        elif not self._out.is_dir():
            raise ResourceError("there is no such folder", where=self._out)
        return failed

    def _read(self, item: Item) -> dict[str, Any]:
        try:
            found = self._reader.read(self._opener.content(item))
        except DataError as error:
            error.where = item.name
            return _row(item, None, str(error))
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
