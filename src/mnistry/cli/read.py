"""``mnistry read``: read the digits in pictures, from files, folders and standard input."""

import contextlib
import csv
import io
import itertools
import json
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnistry.cli import common, options
from mnistry.cli.framework import Command
from mnistry.errors import DataError, IncompleteError, Notice, UsageError, counted_noun, printable
from mnistry.images.find import find_files
from mnistry.images.page_numbers import PageNumbers

if TYPE_CHECKING:
    from mnistry.images.page_tasks import PageTask
    from mnistry.reading import Reader
    from mnistry.reading.batch import PageResult

_STDIN = "-"
# Fewer pictures, of about 30 ms each, are read sooner than a cluster starts.
_WORTH_A_CLUSTER = 300


@click.command(cls=Command)
@click.argument(
    "paths",
    metavar="FILE…|DIR|-",
    nargs=-1,
    required=True,
    help="Pictures and PDFs, folders of them, or - for standard input.",
)
@click.option(
    "--table",
    "as_table",
    is_flag=True,
    help="Read tables: print CSV, a field for each ruled cell.",
)
@click.option(
    "--sum-row",
    is_flag=True,
    help="With --table: the last row has totals; say which columns do not add up.",
)
@click.option(
    "--sum-column",
    is_flag=True,
    help="With --table: the last column has totals; say which rows do not add up.",
)
@click.option(
    "--pages",
    metavar="N,N-M,N-",
    help="Read only these pages of each file: 1,3- is the first and all from the third on.",
    show_default="all",
)
@options.MODEL
@options.THRESHOLD
@options.DECIMAL_COMMA
@options.THOUSANDS
@click.option(
    "--jsonl", "as_jsonl", is_flag=True, help="Print a JSON object for each page, on its own line."
)
@click.option(
    "--csv",
    "as_csv",
    is_flag=True,
    help="Print CSV: file,page,text,confidence,error for each page.",
)
@click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(1, 1024),
    default=1,
    help="Read with N processes of this machine. Each takes 150 to 400 MB.",
)
@click.option(
    "--ray",
    metavar="ADDRESS",
    help="Read on all cores of the Ray cluster at ADDRESS; local starts one on this machine.",
)
@options.output("OUT", "With --ray: the folder for Parquet tables.")
def read(
    paths: tuple[str, ...],
    as_table: bool,
    sum_row: bool,
    sum_column: bool,
    pages: str | None,
    model: str | None,
    threshold: float | None,
    decimal_comma: bool,
    thousands: bool,
    as_jsonl: bool,
    as_csv: bool,
    jobs: int,
    ray: str | None,
    output: Path | None,
) -> None:
    """Read the digits and numbers in pictures: photos, scans or drawings.

    The signs - + . , / : are printed as written. A mark that is neither digit
    nor sign, or is too uncertain, is printed as ?. --decimal-comma and
    --thousands decide the value of 1,250 in the results of --jsonl.

    With --table, the rows and columns of ruled tables are printed as CSV, and
    several tables are separated by an empty line. An empty cell stays empty. A
    cell in which anything is unclear has a ? in it.

    Every page of a PDF or a TIFF is read. A folder is read with its subfolders,
    in the order of the names; what is not a picture is named, and the exit
    code is then 8.

    With --ray, the inputs may also be Parquet tables with a column image, and
    text files (.txt) that list paths. Pictures with a row in OUT are not read
    again.
    """
    settings = {
        "threshold": threshold,
        "decimal_comma": decimal_comma,
        "thousands": thousands,
    }
    if (ray is None) != (output is None):
        raise UsageError("--ray and -o go together", remedy="give both, or neither")
    if (sum_row or sum_column) and not as_table:
        raise UsageError("--sum-row and --sum-column check tables", remedy="give --table too")
    if as_table and (as_csv or ray is not None):
        raise UsageError("--table prints CSV", remedy="leave out --csv and --ray")
    if ray is not None and output is not None:
        if as_jsonl or as_csv:
            raise UsageError("--ray writes Parquet", remedy="leave out --jsonl and --csv")
        if pages or jobs > 1:
            what = "--ray uses all cores, and reads files of one page"
            raise UsageError(what, remedy="leave out --pages and --jobs")
        _read_in_bulk(list(paths), output, ray, model, settings)
        return
    if as_jsonl and as_csv:
        raise UsageError("--jsonl and --csv exclude each other", remedy="choose one")
    if paths.count(_STDIN) > 1:
        raise UsageError("standard input can be read only once", remedy="give - once")
    numbers = None if pages is None else PageNumbers.parse(pages)
    from mnistry.images import isolated

    isolated.prepare(paths[0])
    files = [file for path in paths for file in _files(path)]
    tasks = _tasks(files, numbers)
    first = next(tasks)
    several = len(files) > 1 or not first.is_last
    tell = _print_json if as_jsonl else _csv() if as_csv else _Text(several).print
    if as_table:
        tell = _tables(as_jsonl, sum_row=sum_row, sum_column=sum_column)
    tasks = itertools.chain([first], tasks)
    results = _read_all(tasks, jobs, model, settings, tables=as_table)
    count = failures = 0
    kind = "picture"
    with _progress(len(files)) as advance:
        for found in results:
            count += 1
            kind = kind if found.task.pages == 1 else "page"
            for notice in found.notices:
                _note(notice)
            tell(found)
            if found.error is not None:
                if not several:
                    raise found.error
                _say(f"mnistry: {found.error}")
                failures += 1
            if found.task.is_last:
                advance()
    if failures:
        whole, left = counted_noun(count, kind), count - failures
        raise IncompleteError(
            f"{failures:,} of {whole} could not be read; the other {left:,} were"
            if left
            else f"none of {whole} could be read",
            remedy="the lines above say why",
        )


def _read_in_bulk(
    paths: list[str], output: Path, address: str, model: str | None, reader_settings: dict[str, Any]
) -> None:
    """Read pictures on a Ray cluster into Parquet tables, and print how many."""
    from mnistry.cluster import bulk_reading, connection
    from mnistry.display.progress import counted

    if _STDIN in paths:
        raise UsageError("--ray cannot read standard input", remedy="write it to a file")
    open_reader(model, **reader_settings)  # refuses a wrong model before a cluster is started
    _say_if_few(paths, address)
    settings = bulk_reading.Settings(common.network_content(model), **reader_settings)
    with (
        common.quiet_libraries(),
        connection.connected(address) as cores,
        counted("reading") as show,
    ):
        done = bulk_reading.read(paths, output, settings, cores=cores, on_progress=show)
    now = done.pictures - done.before
    click.echo(f"{counted_noun(now, 'picture')} read now, {done.before:,} before: {output}")
    for failure in done.failed:
        common.say(failure)
    if done.failures:
        raise IncompleteError(
            f"{done.failures:,} of {done.pictures:,} pictures could not be read; "
            f"the other {done.pictures - done.failures:,} were",
            where=output,
            remedy="repair them and read them into another folder; those that could not be opened "
            "have no row here, and the same command tries them again",
        )


def _say_if_few(paths: list[str], address: str) -> None:
    """Say that few pictures are read sooner without starting a cluster."""
    if address != "local" or any(path.endswith(".parquet") for path in paths):
        return
    count = sum(len(find_files(Path(p))[0]) if Path(p).is_dir() else 1 for p in paths)
    if count < _WORTH_A_CLUSTER:
        common.note(
            f"{counted_noun(count, 'picture')} would be read sooner without --ray, whose "
            "start takes some ten seconds: --jobs uses all cores of this machine too"
        )


def open_reader(model: str | None, **settings: Any) -> "Reader":
    """Make the reader for the option ``--model`` and other settings of `mnistry.Reader`."""
    from mnistry.reading import Reader

    # Starting a thread for each core takes longer than running the network on one core.
    return Reader(model, threads=1, **settings)


def _files(path: str) -> "list[str | PageTask]":
    """Return a file, or those in a folder; an entry that is not opened becomes a failed task."""
    from mnistry.images.page_tasks import PageTask

    if path == _STDIN or not Path(path).is_dir():
        return [path]
    files, links = find_files(Path(path))
    if not files and not links:
        from mnistry.images.formats import ACCEPTED

        error = DataError("no pictures", where=path, expected=", ".join(ACCEPTED))
        return [PageTask(path, error=error)]
    not_followed = {str(link): _not_opened(link) for link in links}
    return [
        PageTask(str(file), error=not_followed[str(file)]) if str(file) in not_followed
        else str(file)
        for file in sorted([*files, *links])
    ]  # fmt: skip


def _not_opened(path: Path) -> DataError:
    """Return the error for an entry of a folder that is not opened."""
    if path.is_symlink():
        what, remedy = "a link that leads out of the folder, or nowhere", "give what it leads to"
        return DataError(what, where=path, remedy=remedy)
    return DataError("a pipe, a socket or a device", where=path, remedy="give it by its own name")


def _tasks(files: "Iterable[str | PageTask]", numbers: PageNumbers | None) -> "Iterator[PageTask]":
    """Yield a task for each page of each file; a file is opened when its turn comes."""
    from mnistry.images import page_tasks
    from mnistry.images.formats import MAX_BYTES

    for file in files:
        if not isinstance(file, str):
            yield file
            continue
        content = sys.stdin.buffer.read(MAX_BYTES + 1) if file == _STDIN else None
        yield from page_tasks.tasks_of(file, numbers, content)


def _read_all(
    tasks: "Iterator[PageTask]",
    jobs: int,
    model: str | None,
    settings: dict[str, Any],
    *,
    tables: bool,
) -> "Iterator[PageResult]":
    """Yield the result of each page, in order, as soon as it is there."""
    if jobs > 1:
        from mnistry.reading import batch

        open_reader(model, **settings)  # refuses a wrong model before processes are started
        results = batch.read_in_processes(tasks, jobs, model, settings, tables=tables)
    else:
        results = _read_here(tasks, model, settings, tables=tables)
    while True:
        with common.quiet_libraries():
            result = next(results, None)
        if result is None:
            return
        if result.task.file == _STDIN and result.error is not None:
            result.error.where = (result.error.where or "").replace(_STDIN, "standard input", 1)
        yield result


def _read_here(
    tasks: "Iterator[PageTask]", model: str | None, settings: dict[str, Any], *, tables: bool
) -> "Iterator[PageResult]":
    """Read pages in this process, the first one decoded while the networks are loaded."""
    from mnistry.images.page_tasks import PageDecoder

    decoder = PageDecoder(tables=tables)
    first = next(tasks)
    with ThreadPoolExecutor(1) as thread:
        opened = thread.submit(open_reader, model, **settings)
        decoded = decoder.decode(first)
        reader = opened.result()
    from mnistry.reading.batch import read_page

    yield read_page(reader, first, decoded, tables=tables)
    for task in tasks:
        yield read_page(reader, task, decoder.decode(task), tables=tables)


@contextlib.contextmanager
def notices() -> Iterator[None]:
    """Print the notices that the block issues to stderr."""
    with common.quiet_libraries(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", Notice)
        yield
    for warning in caught:
        _note(str(warning.message))


def _print_json(found: "PageResult") -> None:
    from mnistry.reading import Reading

    _print_line(found, (found.reading or Reading((), "", ())).to_json())


def _print_line(found: "PageResult", read: dict[str, Any]) -> None:
    """Print what was read on a page as a line of JSON."""
    value = {
        "file": found.task.file,
        "page": found.task.page,
        "size": None if found.size is None else [found.size[1], found.size[0]],
        "dpi": found.dpi,
        **read,
        "error": None if found.error is None else str(found.error),
    }
    # ASCII only: a file's name survives any encoding of the pipe.
    click.echo(json.dumps(value, allow_nan=False))


def _tables(as_jsonl: bool, *, sum_row: bool, sum_column: bool) -> "Callable[[PageResult], None]":
    """Return a function that prints a page's tables, and notes what does not add up."""
    from mnistry.images.page_tasks import place
    from mnistry.system.spreadsheets import spreadsheet_text
    from mnistry.tables import problems

    writer = _csv_writer()
    is_first = True

    def tell(found: "PageResult") -> None:
        nonlocal is_first
        tables = found.tables or ()
        wrong = [problems(one, sum_row=sum_row, sum_column=sum_column) for one in tables]
        if as_jsonl:
            values = [
                {**one.to_json(), "problems": list(own)} if sum_row or sum_column
                else one.to_json()
                for one, own in zip(tables, wrong, strict=True)
            ]  # fmt: skip
            _print_line(found, {"tables": values})
            return
        if found.error is None and not tables:
            _note(f"{place(found.task)}: no table found")
        for number, (table, own) in enumerate(zip(tables, wrong, strict=True), 1):
            if not is_first:
                writer.writerow([])
            is_first = False
            writer.writerows([spreadsheet_text(cell.text) for cell in row] for row in table.rows)
            where = place(found.task) + (f", table {number}" if len(tables) > 1 else "")
            for problem in own:
                _note(f"{where}: {problem}")
        sys.stdout.flush()

    return tell


def _csv_writer() -> Any:
    """Return a writer of CSV as in RFC 4180."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(newline="")  # lines end with CR LF on every system
    return csv.writer(sys.stdout)


def _csv() -> "Callable[[PageResult], None]":
    """Print a table's header, and return a function that prints a row."""
    table = _csv_writer()
    table.writerow(["file", "page", "text", "confidence", "error"])

    def print_row(found: "PageResult") -> None:
        reading, error = found.reading, found.error
        numbers = () if reading is None else reading.numbers
        least = min((number.confidence for number in numbers), default=None)
        text = "" if reading is None else reading.text
        confidence = "" if least is None else f"{least:.4f}"
        said = "" if error is None else str(error)
        table.writerow([found.task.file, found.task.page, text, confidence, said])
        sys.stdout.flush()  # each row as soon as it is known

    return print_row


class _Text:
    """Prints readings for people; explains the first ``?``."""

    def __init__(self, several: bool) -> None:
        self._several, self._explained = several, False

    def print(self, found: "PageResult") -> None:
        """Print a page's lines; if there are several pages, each after its file's name."""
        if found.reading is None:
            return
        from mnistry.images.page_tasks import place

        name = printable(place(found.task))
        for line in found.reading.lines:
            click.echo(f"{name}: {line}" if self._several else line)
        if not self._explained and "?" in found.reading.text:
            self._explained = True
            _note("? is a mark that is not a digit, or is too uncertain; --jsonl has candidates")


def _note(text: str) -> None:
    _say(f"note: {printable(text)}")


def _say(text: str) -> None:
    # Through sys.stderr, which a progress bar replaces while it is drawn; click.echo bypasses that.
    sys.stderr.write(f"{text}\n")


@contextlib.contextmanager
def _progress(count: int) -> Iterator[Callable[[], None]]:
    """Show a progress bar, unless the results appear in the terminal themselves."""
    if count < 2 or sys.stdout.isatty() or not sys.stderr.isatty():
        yield lambda: None
        return
    from mnistry.display.progress import counted

    done = itertools.count(1)
    with counted("reading") as show:
        yield lambda: show(next(done), count)
