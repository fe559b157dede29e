"""Read scans of a form into a batch: every page exactly once, in one process or in several.

Knows nothing of how results are shown; see `mnistry.forms.output`.
"""

import hashlib
import os
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.errors import DataError, Notice
from mnistry.forms import loading, versions
from mnistry.forms.definition import Form
from mnistry.forms.placement import Placement
from mnistry.forms.reading import FormReader, PageReading
from mnistry.forms.records import NewPage
from mnistry.forms.store import Store
from mnistry.images import decode, sources
from mnistry.images.pixels import jpeg
from mnistry.inference import model_bytes, run_directory
from mnistry.reading.reader import Reader
from mnistry.system import files, jobs

# The least length in pixels of a scan's longer side: a JPEG, a HEIC or a page of a PDF with twice
# as many pixels or more is decoded at a half of its size, or less.
_SIDE = 4200
# Quality of the pictures that are kept, of 100.
_QUALITY = 80
# A file in a watched folder is read if it has not changed for so many seconds: `_QUIET` if it can
# be opened, `_PATIENCE` if not, so that its error is reported.
_QUIET, _PATIENCE = 2.0, 30.0
_PAUSE = 1.0  # seconds between two looks at a watched folder
# Lines in several scans are the same line if they lie closer than this share of the scan's side.
_SAME_PLACE = 0.01
# Increase it when pages are read differently than before: batches are then read again.
_READER_VERSION = 2


@dataclass(frozen=True)
class Task:
    """A page to be read.

    Attributes
    ----------
    file, path
        The number in the store, and the path, of its file.
    number, pages
        Which page of the file it is, from 1, and how many pages the file has.
    is_last
        Whether it is the last of the file's pages to be read.
    placement
        What a person said of it, if it was set aside before.
    """

    file: int
    path: str
    number: int
    pages: int
    is_last: bool = True
    placement: Placement | None = None


@dataclass(frozen=True)
class Outcome:
    """Messages for the user: `failed` about files that could not be opened, and other `notes`."""

    failed: list[str]
    notes: list[str]


# A function that reads pages on other machines. It is given the tasks and the older versions of the
# form, and yields each task with the page that was read, in order.
Elsewhere = Callable[[Iterator[Task], Mapping[str, Form]], Iterator[tuple[Task, NewPage]]]


def version_of(
    form: Form,
    model: str | os.PathLike[str] | bytes | None = None,
    older: Iterable[str] = (),
) -> str:
    """Return a digest of all that decides how sheets are read.

    That is FORM.toml, its template and its lists; the network, `model`, which is that of
    `mnistry.Reader.model`; and `older`, the versions of the form that are known besides.
    """
    digest = hashlib.sha256(f"{_READER_VERSION} {form.template_digest}".encode())
    digest.update(form.path.read_bytes())
    for entry in form.entries().values():
        digest.update(repr(entry.listed).encode())
    for version in sorted(older):
        digest.update(version.encode())
    if model is not None:
        if not isinstance(model, bytes):
            model, _ = run_directory.find_network(model)
        digest.update(model_bytes.onnx_content(model, "the model", model_bytes.MAX_ONNX_BYTES)[1])
    return digest.hexdigest()[:16]


def read(
    form: Form,
    reader: Reader,
    store: Store,
    paths: Iterable[Path],
    *,
    processes: int = 1,
    elsewhere: Elsewhere | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Read files into a store: new ones, and those read with another FORM.toml or network.

    Parameters
    ----------
    form
        The form.
    reader
        Provides the networks.
    store
        The batch.
    paths
        Pictures and PDFs, in any order.
    processes
        Processes that share the work.
    elsewhere
        Reads the pages instead; see `mnistry.cluster.form_reading`.
    progress
        Called with each page's name before it is added.

    Returns
    -------
    Outcome
        What could not be opened, and other messages.
    """
    older = versions.older(store, form)
    version = version_of(form, reader.model, older)
    if not isinstance(reader.model, bytes):  # for pages that a person places later
        model = "" if reader.model is None else Path(reader.model).absolute()
        store.set_meta("model", files.path_text(model))
    outcome = Outcome([], [])
    given = [*_known(store, version, outcome), *paths]
    tasks = _tasks(store, given, version, outcome)
    if elsewhere is not None:
        done = elsewhere(tasks, older)
    elif processes > 1:
        done = jobs.in_order(
            _work, tasks, processes, given_up=given_up, start=_start,
            arguments=(form.path, reader.model, older),
        )  # fmt: skip
    else:
        form_reader = FormReader(form, reader, older)
        done = ((task, read_task(form_reader, task)) for task in tasks)
    lines: list[tuple[tuple[bool, float], ...]] = []
    for task, page in done:
        progress(_name(task))
        if page.lines:
            lines.append(page.lines)
        # Otherwise a person has placed the page meanwhile, which has read it already.
        if store.placement(task.file, task.number) == task.placement:
            store.add_page(task.file, page)
        if task.is_last:
            store.finish_file(task.file, task.pages, version)
    outcome.notes.extend(_dirt(lines))
    return outcome


def _dirt(pages: Sequence[tuple[tuple[bool, float], ...]]) -> Iterator[str]:
    """Yield a message for each line at the same place in several scans: dirt on the scanner."""
    left = sorted((*line, number) for number, lines in enumerate(pages) for line in lines)
    while left:
        is_down, at, _ = left[0]
        same = [one for one in left if one[0] == is_down and one[1] - at < _SAME_PLACE]
        left = left[len(same) :]
        count = len({number for *_, number in same})
        if count > 1:
            way, edge = ("down", "left edge") if is_down else ("across", "top")
            yield (
                f"{count} scans have a line {way} the page, at {at:.0%} of the way from the "
                f"{edge}: clean the scanner's glass"
            )


def watch(
    form: Form, reader: Reader, store: Store, folder: Path, *, progress: Callable[[str], None]
) -> Iterator[Outcome]:
    """Read each file that is put into a folder, once it is complete; ends only when interrupted.

    Yields
    ------
    Outcome
        After each look at the folder that found files.
    """
    seen: dict[Path, tuple[tuple[int, int], float]] = {}
    tried: set[tuple[Path, tuple[int, int]]] = set()
    while True:
        now = time.monotonic()
        ready = []
        for path in sorted(folder.iterdir()):
            state = _state(path)
            if state is None or (path, state) in tried:
                continue
            before = seen.get(path)
            if before is None or before[0] != state:
                seen[path] = state, now
                continue
            waited = now - before[1]
            if waited >= _QUIET and (waited >= _PATIENCE or _opens(path)):
                tried.add((path, state))
                ready.append(path)
        if ready:
            yield read(form, reader, store, ready, progress=progress)
        time.sleep(_PAUSE)


def _state(path: Path) -> tuple[int, int] | None:
    """Return a file's size and time of change.

    None if it is not a regular file, is hidden, or is partly written.
    """
    hidden = path.name.startswith(".") or path.suffix.lower() in (".part", ".tmp", ".crdownload")
    try:
        found = path.stat()
    except OSError:
        return None
    return None if hidden or not path.is_file() else (found.st_size, found.st_mtime_ns)


def _opens(path: Path) -> bool:
    """Whether a file is complete: its last page can be decoded."""
    try:
        with warnings.catch_warnings(), decode.open_file(path) as document:
            warnings.simplefilter("ignore", Notice)
            document.page(document.count, 200)
    except DataError:
        return False
    return True


def _known(store: Store, version: str, outcome: Outcome) -> Iterator[Path]:
    """Yield the files that were read with another FORM.toml or network, if they are still there."""
    for _, path, sha256, before in store.files():
        if before in (None, version):
            continue
        if Path(path).is_file() and files.sha256(Path(path)) == sha256:
            yield Path(path)
        else:
            what = (
                "gone or changed, so not read again, though FORM.toml or the network changed; its "
                "values stay"
            )
            outcome.notes.append(f"{path}: {what}")


def _tasks(store: Store, paths: Iterable[Path], version: str, outcome: Outcome) -> Iterator[Task]:
    """Yield the pages to read: new ones, and all of a file that was read for another version.

    What cannot be opened is noted.
    """
    under_way: set[int] = set()
    for path in paths:
        try:
            file = store.add_file(path, files.sha256(path))
            if store.path_of(file) != files.path_text(path):
                outcome.notes.append(f"{path}: the same file as {store.path_of(file)}")
            if file in under_way or store.is_done(file, version):
                continue
            under_way.add(file)
            is_begun = not store.was_read(file)  # its pages in the store need no second reading
            count = decode.page_count(path)
        except (DataError, OSError) as error:
            message = str(error) if isinstance(error, DataError) else f"{path}: {error.strerror}"
            outcome.failed.append(message)
            continue
        numbers = [
            number
            for number in range(1, count + 1)
            if not (is_begun and store.has_page(file, number))
        ]
        if not numbers:
            store.finish_file(file, count, version)
        for number in numbers:
            said = store.placement(file, number)
            yield Task(file, str(path), number, count, number == numbers[-1], said)


def _name(task: Task) -> str:
    return task.path if task.pages == 1 else f"{task.path}, page {task.number}"


def read_page(
    reader: FormReader, path: Path, number: int, placement: Placement | None = None
) -> NewPage:
    """Read a page of a file; with a `problem` if that cannot be done.

    Parameters
    ----------
    reader
        Reads it.
    path, number
        The file, and which page of it, from 1.
    placement
        What a person says of the page; None: it is found by what is printed on it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)
        try:
            grey = scan(path, number)
            found = reader.read(grey) if placement is None else reader.read_placed(grey, placement)
        except DataError as error:
            found = PageReading(problem=error.what)
        except MemoryError:
            found = PageReading(problem="not enough memory for it")
    picture = None if found.picture is None else jpeg(found.picture, _QUALITY)
    return NewPage(
        number, found.page, found.serial, found.turned, found.answers, found.problem,
        found.problems, found.pattern, picture, found.lines, found.paper,
    )  # fmt: skip


def read_task(reader: FormReader, task: Task) -> NewPage:
    """Read the page of a task; see `read_page`."""
    return read_page(reader, Path(task.path), task.number, task.placement)


def scan(path: Path, number: int) -> NDArray[np.uint8]:
    """Decode a page of a file as it is read: ``uint8``, 0 for black to 255 for white."""
    with decode.open_file(path) as document:
        return sources.checked_page(document, number, _SIDE).grey


_readers: list[FormReader] = []  # the one reader of this process, after `_start`


def _start(
    path: Path, model: str | os.PathLike[str] | bytes | None, older: Mapping[str, Form]
) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libtiff writes there about damaged files
    _readers.append(form_reader(loading.load(path), model, older))


def form_reader(
    form: Form, model: str | os.PathLike[str] | bytes | None, older: Mapping[str, Form]
) -> FormReader:
    """Make the reader of a process that shares the cores with others."""
    cv2.setNumThreads(1)
    return FormReader(form, Reader(model, threads=1), older)


def _work(task: Task) -> tuple[Task, NewPage]:
    return task, read_task(_readers[0], task)


def given_up(task: Task) -> tuple[Task, NewPage]:
    """Return a task with a page that names the problem: two processes died while reading it."""
    problem = "the process that read it died, twice"
    return task, NewPage(task.number, None, None, 0, {}, problem, (), None, None)
