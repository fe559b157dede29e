"""``mnistry read``: read the digits in pictures, from files, folders and standard input."""

import contextlib
import csv
import io
import itertools
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mnistry.cli import common, options
from mnistry.cli.framework import Command
from mnistry.errors import DataError, IncompleteError, Notice, UsageError, printable
from mnistry.images.find import ENDINGS, find_pictures

if TYPE_CHECKING:
    from mnistry.reading import Reader, Reading

_STDIN = "-"


@click.command(cls=Command)
@click.argument(
    "paths",
    metavar="FILE…|DIR|-",
    nargs=-1,
    required=True,
    help="Pictures, folders of pictures, or - for standard input.",
)
@options.MODEL
@options.THRESHOLD
@click.option(
    "--jsonl", "as_jsonl", is_flag=True, help="Print a JSON object for each file, on its own line."
)
@click.option(
    "--csv", "as_csv", is_flag=True, help="Print CSV: file,text,confidence,error for each file."
)
@click.option(
    "--ray",
    metavar="ADDRESS",
    help="Read on all cores of the Ray cluster at ADDRESS; local starts one on this machine.",
)
@options.output("OUT", "With --ray: the folder for Parquet tables.")
def read(
    paths: tuple[str, ...],
    model: str | None,
    threshold: float | None,
    as_jsonl: bool,
    as_csv: bool,
    ray: str | None,
    output: Path | None,
) -> None:
    """Read the digits in pictures: photos, scans or drawings, one or many lines.

    A mark that is not a digit, or is too uncertain, is printed as ?. A folder
    is read with its subfolders, in the order of the names; links that lead out
    of it and files that are not named like pictures are skipped.

    With --ray, the inputs may also be Parquet tables with a column image, and
    text files (.txt) that list paths. Pictures with a row in OUT are not read
    again.
    """
    if (ray is None) != (output is None):
        raise UsageError("--ray and -o go together", remedy="give both, or neither")
    if ray is not None and output is not None:
        if as_jsonl or as_csv:
            raise UsageError("--ray writes Parquet", remedy="leave out --jsonl and --csv")
        _read_in_bulk(list(paths), output, ray, model, threshold)
        return
    if as_jsonl and as_csv:
        raise UsageError("--jsonl and --csv exclude each other", remedy="choose one")
    if paths.count(_STDIN) > 1:
        raise UsageError("standard input can be read only once", remedy="give - once")
    reader = open_reader(model, threshold)
    pictures = [picture for path in paths for picture in _pictures(path)]
    several = len(pictures) > 1
    tell = _print_json if as_jsonl else _csv() if as_csv else _Text(several).print
    failures = 0
    with _progress(len(pictures)) as advance:
        for picture in pictures:
            found = _read(reader, picture)
            tell(found)
            if found.error is not None:
                if not several:
                    raise found.error
                _say(f"mnistry: {found.error}")
                failures += 1
            advance()
    if failures:
        raise IncompleteError(
            f"{failures:,} of {len(pictures):,} pictures could not be read; "
            f"the other {len(pictures) - failures:,} were",
            remedy="repair or remove them",
        )


def _read_in_bulk(
    paths: list[str], output: Path, address: str, model: str | None, threshold: float | None
) -> None:
    """Read pictures on a Ray cluster into Parquet tables, and print how many."""
    from mnistry.cluster import bulk_reading, connection
    from mnistry.display.progress import counted

    if _STDIN in paths:
        raise UsageError("--ray cannot read standard input", remedy="write it to a file")
    open_reader(model, threshold)  # refuses a wrong model before a cluster is started
    network = _network_file(model)
    settings = bulk_reading.Settings(None if network is None else network.read_bytes(), threshold)
    with (
        common.quiet_libraries(),
        connection.connected(address) as cores,
        counted("reading") as show,
    ):
        done = bulk_reading.read(paths, output, settings, cores=cores, on_progress=show)
    now = done.pictures - done.before
    click.echo(f"{now:,} pictures read now, {done.before:,} before: {output}")
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


def open_reader(model: str | None, threshold: float | None) -> "Reader":
    """Make the reader for the options ``--model`` and ``--threshold``."""
    from mnistry.reading import Reader

    # Starting a thread for each core takes longer than running the network on one; the answers are
    # the same.
    return Reader(_network_file(model), threshold=threshold, threads=1)


def _network_file(model: str | None) -> Path | None:
    """Return the file of the network that ``--model`` names; None for the built-in one."""
    if model is None:
        return None
    from mnistry.datasets.dataset import DIGITS
    from mnistry.errors import ModelError
    from mnistry.runs.directory import Run, onnx_file

    if Run.exists(Path(model)) and Run.open(model).data.classes != DIGITS:
        raise ModelError(
            "its classes are not the ten digits",
            where=model,
            expected="a network trained on digits, to read numbers with",
            remedy=f"to label single images: mnistry predict {model} DATA",
        )
    return onnx_file(model)


@dataclass(frozen=True)
class _Picture:
    """A file with its reading, or with the error that prevented it."""

    name: str
    reading: "Reading | None" = None
    error: DataError | None = None


def _pictures(path: str) -> list[_Picture]:
    """Return a file itself, or all pictures in a folder."""
    if path == _STDIN or not Path(path).is_dir():
        return [_Picture(path)]
    found, passed_over = find_pictures(Path(path))
    if passed_over:
        _note(f"{path}: skipped {passed_over:,} files and links in it that are not pictures")
    if found:
        return [_Picture(str(file)) for file in found]
    endings = ", ".join(sorted(ENDINGS))
    return [_Picture(path, error=DataError("no pictures", where=path, expected=endings))]


def _read(reader: "Reader", picture: _Picture) -> _Picture:
    from mnistry.images import decode

    if picture.error is not None:
        return picture
    try:
        with notices():
            if picture.name == _STDIN:
                found = reader.read(sys.stdin.buffer.read(decode.MAX_BYTES + 1))
            else:
                found = reader.read(picture.name)
        return _Picture(picture.name, found)
    except DataError as error:
        if picture.name == _STDIN:
            error.where = "standard input"
        return _Picture(picture.name, error=error)


@contextlib.contextmanager
def notices() -> Iterator[None]:
    """Print the notices that the block issues to stderr."""
    with common.quiet_libraries(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", Notice)
        yield
    for warning in caught:
        _note(str(warning.message))


def _print_json(picture: _Picture) -> None:
    reading, error = picture.reading, picture.error
    value = {
        "file": picture.name,
        **({"lines": [], "text": "", "digits": []} if reading is None else reading.to_json()),
        "error": None if error is None else str(error),
    }
    # ASCII only: a file's name survives any encoding of the pipe.
    click.echo(json.dumps(value, allow_nan=False))


def _csv() -> Callable[[_Picture], None]:
    """Print a table's header, and return a function that prints a row, as in RFC 4180."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(newline="")  # lines end with CR LF on every system
    table = csv.writer(sys.stdout)
    table.writerow(["file", "text", "confidence", "error"])

    def print_row(picture: _Picture) -> None:
        reading, error = picture.reading, picture.error
        digits = () if reading is None else reading.digits
        # A number is as certain as its least certain digit.
        least = min((digit.confidence for digit in digits), default=None)
        text = "" if reading is None else reading.text
        confidence = "" if least is None else f"{least:.4f}"
        table.writerow([picture.name, text, confidence, "" if error is None else str(error)])
        sys.stdout.flush()  # each row as soon as it is known

    return print_row


class _Text:
    """Prints readings for people; explains the first ``?``."""

    def __init__(self, several: bool) -> None:
        self._several, self._explained = several, False

    def print(self, picture: _Picture) -> None:
        """Print a picture's lines; with several files, each after its file's name."""
        if picture.reading is None:
            return
        name = printable(picture.name)
        for line in picture.reading.lines:
            click.echo(f"{name}: {line}" if self._several else line)
        if not picture.reading.lines:
            _note(f"{name}: no digit found")
        if not self._explained and "?" in picture.reading.text:
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
