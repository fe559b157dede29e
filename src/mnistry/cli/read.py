"""``mnistry read``: the digits in pictures, from files, folders and standard input."""

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
    help="Pictures, folders of them, or - for stdin.",
)
@options.MODEL
@options.THRESHOLD
@click.option(
    "--jsonl", "as_jsonl", is_flag=True, help="Print a JSON object for each file, on its own line."
)
@click.option(
    "--csv", "as_csv", is_flag=True, help="Print a row for each file: file,text,confidence,error."
)
@click.option(
    "--ray",
    metavar="ADDRESS",
    help="Read in bulk by all cores of a Ray cluster; local starts one on this machine.",
)
@click.option(
    "-o",
    "--output",
    metavar="OUT",
    type=options.PATH,
    help="With --ray: the folder for Parquet tables.",
)
def read(
    paths: tuple[str, ...],
    model: str | None,
    threshold: float | None,
    as_jsonl: bool,
    as_csv: bool,
    ray: str | None,
    output: Path | None,
) -> None:
    """Read the digits in pictures: photos, scans, drawings; one or many lines.

    What is no digit, or too uncertain to say which, is printed as ?. A folder
    is read with all that is below it, by name; in it, links that lead elsewhere
    and files that are not named like pictures are passed over.

    With --ray, Parquet tables with a column image and lists of paths (.txt) are
    taken too; what stands in OUT already is not read again.
    """
    if (ray is None) != (output is None):
        raise UsageError("--ray and -o go together", remedy="give both, or neither")
    if ray is not None and output is not None:
        if as_jsonl or as_csv:
            raise UsageError("--ray writes Parquet", remedy="leave out --jsonl and --csv")
        from mnistry.cli.bulk import read_in_bulk

        read_in_bulk(list(paths), output, ray, network_file(model), threshold)
        return
    if as_jsonl and as_csv:
        raise UsageError("--jsonl and --csv are two forms of the same", remedy="choose one")
    if paths.count(_STDIN) > 1:
        raise UsageError("standard input can be read once only", remedy="give - once")
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
            f"{failures:,} of {len(pictures):,} pictures could not be read; the rest was",
            remedy="mend or remove them",
        )


def open_reader(model: str | None, threshold: float | None) -> "Reader":
    """Make the reader that the options ask for."""
    from mnistry.reading import Reader

    # Starting a thread for each core takes longer than the network does; it answers the same.
    return Reader(network_file(model), threshold=threshold, threads=1)


def network_file(model: str | None) -> Path | None:
    """Give the file of the network that the option names; None for the one that ships."""
    if model is None:
        return None
    from mnistry.runs.directory import onnx_file

    return onnx_file(model)


@dataclass(frozen=True)
class _Picture:
    """A file, what was read in it, and why it could not be."""

    name: str
    reading: "Reading | None" = None
    error: DataError | None = None


def _pictures(path: str) -> list[_Picture]:
    """Give a file, or all pictures in a folder."""
    if path == _STDIN or not Path(path).is_dir():
        return [_Picture(path)]
    found, passed_over = find_pictures(Path(path))
    if passed_over:
        _note(f"{path}: passed over {passed_over:,} files and links that are no pictures in it")
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
    """Print the notices of the block to stderr."""
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
    # In ASCII alone: a file's name survives whatever encoding the pipe has.
    click.echo(json.dumps(value, allow_nan=False))


def _csv() -> Callable[[_Picture], None]:
    """Print a table's header, and give what prints its rows, as RFC 4180 has them."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(newline="")  # lines end with CR LF, on Windows too

    def echo(row: list[object]) -> None:
        line = io.StringIO(newline="")
        csv.writer(line).writerow(row)
        click.echo(line.getvalue(), nl=False)

    def print_row(picture: _Picture) -> None:
        reading, error = picture.reading, picture.error
        digits = () if reading is None else reading.digits
        # A number is as sure as its least sure digit.
        least = min((digit.confidence for digit in digits), default=None)
        echo(
            [
                picture.name,
                "" if reading is None else reading.text,
                "" if least is None else f"{least:.4f}",
                "" if error is None else str(error),
            ]
        )

    echo(["file", "text", "confidence", "error"])
    return print_row


class _Text:
    """Prints what was read for people, and explains itself once."""

    def __init__(self, several: bool) -> None:
        self._several, self._explained = several, False

    def print(self, picture: _Picture) -> None:
        """Print the lines; of several files, each line after its file's name."""
        if picture.reading is None:
            return
        name = printable(picture.name)
        for line in picture.reading.lines:
            click.echo(f"{name}: {line}" if self._several else line)
        if not picture.reading.lines:
            _note(f"{name}: no digit found")
        if not self._explained and "?" in picture.reading.text:
            self._explained = True
            _note("? is no digit, or too uncertain to say which; --jsonl has candidates")


def _note(text: str) -> None:
    _say(f"note: {printable(text)}")


def _say(text: str) -> None:
    # By way of sys.stderr, of which a bar takes hold while it is drawn: click.echo passes it by.
    sys.stderr.write(f"{text}\n")


@contextlib.contextmanager
def _progress(count: int) -> Iterator[Callable[[], None]]:
    """Show a bar where people wait: not where they see the results themselves come in."""
    if count < 2 or sys.stdout.isatty() or not sys.stderr.isatty():
        yield lambda: None
        return
    from mnistry.display.progress import counted

    done = itertools.count(1)
    with counted("reading") as show:
        yield lambda: show(next(done), count)
