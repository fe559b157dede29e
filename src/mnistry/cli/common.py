"""What the commands share: consoles, checks of outputs, loading data with its notices."""

import json
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnistry.errors import IncompleteError, Notice, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from mnistry.datasets import Dataset, Origin
    from mnistry.runs.directory import Run

_PIPE_WIDTH = 120
_STDERR = 2  # the number of the file


def stdout() -> "Console":
    """Make the console for results; a pipe, which has no width, gets room for any table."""
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _PIPE_WIDTH
    return console


def stderr() -> "Console":
    """Make the console for progress and notices."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False)


def print_json(value: Any) -> None:
    """Print a value as the one JSON object of stdout."""
    click.echo(json.dumps(value, ensure_ascii=False, allow_nan=False))


def check_output(path: Path, *inputs: str | Path | None) -> None:
    """Raise `UsageError` if a file cannot or must not be written at `path`.

    It must not where it would replace a file that belongs to a run, or one of `inputs`, from
    which it is made; None stands for no input, and the name of a dataset for no file.
    """
    if path.is_dir() or not path.name:
        raise UsageError("is a folder", where=path, expected="the name of a file")
    if not path.parent.is_dir():
        raise UsageError("no such folder", where=path.parent, remedy="make it first")
    from mnistry.runs.directory import is_own_file

    if is_own_file(path.resolve()):
        raise UsageError("is a run's own file", where=path, remedy="choose another name")
    for given in inputs:
        if given is not None and path.exists() and Path(given).exists() and path.samefile(given):
            raise UsageError("is what it is made from", where=path, remedy="choose another name")


def load_dataset(origin: "Origin") -> "Dataset":
    """Load a dataset with a progress bar, and print its notices to stderr."""
    from mnistry import datasets
    from mnistry.display.progress import counted

    with (
        warnings.catch_warnings(),
        quiet_libraries(),
        counted("downloading", in_bytes=True) as progress,
    ):
        warnings.simplefilter("ignore", Notice)
        dataset = datasets.load_origin(origin, progress=progress)
    for notice in dataset.notices:
        stderr().print(f"note: {notice}", style="yellow", soft_wrap=True)
    return dataset


def load_own_data(run: "Run") -> "Dataset":
    """Load the data that a run was trained on, and make sure that it is the same."""
    dataset = load_dataset(run.data.origin)
    run.data.check(dataset)
    return dataset


def finish(dataset: "Dataset") -> None:
    """List the items of a dataset that could not be read, if any, and end with exit code 8."""
    if dataset.failures:
        for failure in dataset.failures:
            stderr().print(failure, soft_wrap=True)
        raise IncompleteError(
            f"{len(dataset.failures):,} items could not be read; the rest was used",
            where=dataset.source,
            remedy="mend or remove them",
        )


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Drop what libraries in C write to stderr meanwhile, as libtiff does of a damaged file."""
    plain = sys.stderr
    try:
        is_ours = plain.fileno() == _STDERR
    except (AttributeError, OSError, ValueError):  # a notebook's or a test's, that has no number
        is_ours = False
    if not is_ours:
        yield
        return
    plain.flush()
    kept, nowhere = os.dup(_STDERR), os.open(os.devnull, os.O_WRONLY)
    with os.fdopen(kept, "w", 1, encoding=plain.encoding, errors=plain.errors) as ours:
        os.dup2(nowhere, _STDERR)
        os.close(nowhere)
        sys.stderr = ours
        try:
            yield
        finally:
            sys.stderr = plain
            ours.flush()
            os.dup2(kept, _STDERR)
