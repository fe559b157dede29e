"""Give slightly damaged files to every loader and to the picture reader.

Each must return a result or raise one of our own errors, within limits of memory and time.
The damage is drawn with a seed, and a failing case is reduced to a small one.

    python -m torture.inputs
    python -m torture.inputs --count 2000 --only csv image
"""

import argparse
import collections
import contextlib
import dataclasses
import faulthandler
import functools
import itertools
import json
import multiprocessing
import os
import random
import re
import resource
import signal
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from mnistry.errors import MnistryError, Notice
from torture.mutations import MOST, RECORD, Seed, mutate
from torture.targets import TARGETS, Target

TITLES = {
    "npz": "`.npz` archives",
    "idx": "IDX files, plain and gzipped",
    "csv": "CSV files",
    "folder": "folders of images",
    "image": "pictures in seven formats",
    "keras": "`.keras` models",
    "onnx": "ONNX models",
    "record": "a run's JSON and CSV files",
    "checkpoint": "checkpoints",
    "form": "`FORM.toml`",
    "batch": "a form's batch",
    "adopted": "networks to be adopted",
    "csv data": "CSV files of ten kinds",
    "arff data": "ARFF files, dense and sparse",
    "libsvm data": "LIBSVM files",
    "mat data": "`.mat` files of versions 4 and 5",
    "json data": "JSON files of datasets",
    "hdf5 data": "HDF5 files, and `.mat` of version 7.3",
    "parquet data": "Parquet files",
    "arrow data": "Arrow files",
    "pdf pages": "PDFs",
    "heic pages": "HEIC pictures",
    "avif pages": "AVIF pictures",
    "tiff pages": "TIFF files with several pages",
    "jpeg pages": "progressive JPEGs and MPO",
}
MAX_SECONDS = 10.0  # of processor time
_MOST_WAITED = 120.0  # seconds of wall-clock time, even on a busy machine
MAX_BYTES = 400_000_000  # memory allowed for a picture of 25 megapixels
_A_BATCH = 2_500  # inputs for one process: libraries keep some memory after each
_BEYOND = 4 << 30  # bytes of address space that a process may add before it gets no more


class TooSlow(BaseException):
    """Loading took too long. A BaseException, so that no loader catches it."""


@dataclasses.dataclass
class Outcome:
    """The results of some inputs."""

    counts: collections.Counter[str]
    slowest: float = 0.0
    largest: int = 0
    wrong: tuple[str, ...] = ()

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(
            self.counts + other.counts,
            max(self.slowest, other.slowest),
            max(self.largest, other.largest),
            self.wrong + other.wrong,
        )


def try_batch(name: str, number: int, count: int) -> Outcome:
    """Give a target `count` inputs, drawn with a seed; call it in a process of its own."""
    outcome = Outcome(collections.Counter())
    faulthandler.dump_traceback_later(_A_BATCH * 2, exit=True)  # two seconds for each input
    warnings.simplefilter("error")
    warnings.simplefilter("ignore", Notice)
    # Keras's variables implement NumPy's array protocol of before 2.0.
    warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
    for reason in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(reason, _too_slow)
    target = TARGETS[name]()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for seed in target.seeds:  # unchanged files load; this also does all lazy imports
            target.place(folder)
            (folder / seed.name).write_bytes(seed.pack(seed.content))
            target.load(folder / seed.name)
            (folder / seed.name).unlink()
        _limit_memory()

        def one(seed: Seed, recipe: bytes, noted: Outcome) -> BaseException | None:
            target.place(folder)
            path = folder / seed.name
            path.write_bytes(mutate(seed, recipe))
            try:
                _try(target, path, noted)
            except BaseException as error:
                return error
            finally:
                path.unlink()
            return None

        rng = random.Random(number)
        for _ in range(count):
            seed = rng.choice(target.seeds)
            changes = min(1 + int(rng.expovariate(0.7)), MOST // RECORD)  # few: 2.0 on average
            recipe = rng.randbytes(changes * RECORD)
            if error := one(seed, recipe, outcome):
                again = functools.partial(one, seed, noted=Outcome(collections.Counter()))
                small, error = _reduced(recipe, error, again)
                last = "".join(traceback.format_exception(error)[-12:])
                damage = f"recipe {small.hex()} of seed {target.seeds.index(seed)}"
                outcome.wrong += (f"{name}, batch {number}, {damage}: {last}"[-3000:],)
                break
    faulthandler.cancel_dump_traceback_later()
    return outcome


def _reduced(
    recipe: bytes, error: BaseException, one: Callable[[bytes], BaseException | None]
) -> tuple[bytes, BaseException]:
    """Return the recipe with as few changes as give the same kind of error, and that error."""
    start = 0
    while start < len(recipe) and len(recipe) > RECORD:
        less = recipe[:start] + recipe[start + RECORD :]
        found = one(less)
        if type(found) is type(error):
            recipe, error = less, found
        else:
            start += RECORD
    return recipe, error


def _in_own_process(jobs: Sequence[tuple[str, int, int]]) -> list[Outcome]:
    """Call `try_batch` with each job, all in one process; one that dies is replaced."""
    context = multiprocessing.get_context("spawn")
    outcomes = []
    with contextlib.ExitStack() as stack:
        pool = None
        for name, number, count in jobs:
            pool = pool or stack.enter_context(ProcessPoolExecutor(1, mp_context=context))
            try:
                outcomes.append(pool.submit(try_batch, name, number, count).result())
            except BrokenProcessPool:
                again = f"--only {name} --seed {number} --count {count}"
                died = f"its process died; repeat it with: {again}"
                outcomes.append(Outcome(collections.Counter(), wrong=(died,)))
                pool = None
    return outcomes


def _try(target: Target, path: Path, outcome: Outcome) -> None:
    before = _forget_peak()
    began = _spent()
    signal.setitimer(signal.ITIMER_PROF, MAX_SECONDS)
    signal.setitimer(signal.ITIMER_REAL, _MOST_WAITED)
    try:
        target.load(path)
        outcome.counts["read"] += 1
    except MnistryError as error:
        str(error)
        outcome.counts[type(error).__name__] += 1
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
    taken = _peak() - before
    outcome.slowest = max(outcome.slowest, _spent() - began)
    outcome.largest = max(outcome.largest, taken)
    if taken > MAX_BYTES:
        raise AssertionError(f"it took {taken:,} bytes")


def _too_slow(*_: object) -> None:
    raise TooSlow(f"longer than {MAX_SECONDS} s")


def _limit_memory() -> None:
    taken = int(re.search(r"VmSize:\s*(\d+)", Path("/proc/self/status").read_text())[1]) << 10
    resource.setrlimit(resource.RLIMIT_AS, (taken + _BEYOND, -1))


def _processes() -> list[Path]:
    """Return this process, and the one that decodes files for it."""
    own = Path("/proc/self")
    children = (own / "task" / str(os.getpid()) / "children").read_text().split()
    return [own, *(Path("/proc", number) for number in children)]


def _spent() -> float:
    """Return the seconds of processor time that these processes took; a dead one counts nothing."""
    ticks = 0
    for process in _processes()[1:]:
        with contextlib.suppress(OSError):
            ticks += sum(map(int, (process / "stat").read_text().rpartition(")")[2].split()[11:13]))
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def _forget_peak() -> int:
    """Reset the peak of these processes' memory, and return the memory in use now, in bytes."""
    for process in _processes():
        with contextlib.suppress(OSError):
            (process / "clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    found = 0
    for process in _processes():
        with contextlib.suppress(OSError):
            high = re.search(r"VmHWM:\s*(\d+)", (process / "status").read_text())
            found += int(high[1]) << 10 if high else 0
    return found


def campaign(
    count: int = 200_000, only: Sequence[str] = tuple(TARGETS), seed: int = 0, workers: int = 1
) -> dict[str, Any]:
    """Give each target `count` inputs; count the results, and list what is wrong."""
    sizes = [min(_A_BATCH, count - start) for start in range(0, count, _A_BATCH)]
    jobs = [(name, seed + number, size) for name in only for number, size in enumerate(sizes)]
    # Where there are few inputs, most of the time is a process's imports: targets share one.
    together = max(1, min(_A_BATCH // count, -(-len(jobs) // workers)))
    result: dict[str, Any] = {}
    with ThreadPoolExecutor(workers) as pool:
        found = pool.map(
            _in_own_process,
            [jobs[first : first + together] for first in range(0, len(jobs), together)],
        )
        each = itertools.chain.from_iterable(found)
        for name in only:
            whole = sum(itertools.islice(each, len(sizes)), Outcome(collections.Counter()))
            result[name] = {
                "inputs": sum(whole.counts.values()),
                "outcomes": dict(whole.counts.most_common()),
                "slowest, ms": round(1000 * whole.slowest, 1),
                "largest, MB": round(whole.largest / 1e6, 1),
                "wrong": list(whole.wrong),
            }
            print(name, json.dumps(result[name]), flush=True)
    return result


def main() -> None:
    """Run the campaign, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200_000, help="inputs for each target")
    parser.add_argument("--only", nargs="*", choices=list(TARGETS), default=list(TARGETS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    given = parser.parse_args()
    campaign(given.count, given.only, given.seed, given.workers)


if __name__ == "__main__":
    main()
