"""What the commands share: consoles, messages, output files, and data with its notices."""

import dataclasses
import json
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnistry.errors import DataError, IncompleteError, Notice, UsageError, counted_noun

if TYPE_CHECKING:
    from rich.console import Console

    from mnistry.datasets import Dataset, Origin, Split
    from mnistry.runs.directory import Run

_PIPE_WIDTH = 120  # characters
_STDERR = 2  # the file descriptor


def stdout() -> "Console":
    """Make the console for results; a pipe, which has no width, gets enough for any table."""
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _PIPE_WIDTH
    return console


def stderr() -> "Console":
    """Make the console for progress and notices."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False)


def say(text: object, style: str | None = None) -> None:
    """Print a line to stderr, without wrapping it."""
    stderr().print(text, style=style, soft_wrap=True)


def note(text: str) -> None:
    """Print a notice to stderr."""
    say(f"note: {text}", style="yellow")


def print_json(value: Any) -> None:
    """Print a value to stdout as JSON, on one line."""
    click.echo(json.dumps(value, ensure_ascii=False, allow_nan=False))


def check_output(path: Path, *inputs: str | Path | None) -> None:
    """Raise `UsageError` if a file cannot be written at `path`, or must not be.

    It must not replace a file that belongs to a run, or one of the `inputs`, which may be files,
    names of datasets or None.
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
            raise UsageError("is also an input", where=path, remedy="choose another name")


def write_output(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, and print its name."""
    from mnistry.system import files

    files.write_bytes(path, content)
    say(f"wrote {path}")


@contextmanager
def hint_if_interrupted(folder: Path, hint: str) -> Iterator[None]:
    """Print how to resume if the block is interrupted after it has made `folder`."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        if folder.is_dir():
            say(f"\ninterrupted; {hint}")
        raise


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
        note(notice)
    return dataset


def load_own_data(run: "Run") -> "Dataset":
    """Load the data that a run was trained on, and check that it has not changed."""
    dataset = load_dataset(run.data.origin)
    run.data.check(dataset)
    return dataset


def load_other_data(run: "Run", origin: "Origin") -> "Dataset":
    """Load the data that a command was given for a run.

    Options of `origin` say how it is read. Without any, the file that the run was trained on is
    read with the options of the training; for any other data a notice, or the error, names them.
    """
    from mnistry.datasets import NAMES

    own = run.data.origin
    if origin.typed() or not own.typed() or origin.data in NAMES:
        return load_dataset(origin)
    if _is_same(origin.data, own.data):
        say(f"read as the run's own data: {own.typed()}")
        return load_dataset(own)
    hint = "the run's own data is read with {}: add that if this data needs it too"
    try:
        dataset = load_dataset(origin)
    except (DataError, UsageError) as error:
        error.remedy = "; ".join(filter(None, (error.remedy, hint.format(own.typed()))))
        raise
    if all(split.labels is None for split in dataset.splits().values()):
        # Data without labels needs none of the options for labels.
        own = dataclasses.replace(own, labels=None, relabel=(), labels_from=0)
    if own.typed():
        note(hint.format(own.typed()))
    return dataset


def _is_same(one: str | None, other: str | None) -> bool:
    """Return whether two paths lead to the same file or folder."""
    try:
        return one is not None and other is not None and Path(one).samefile(other)
    except (OSError, ValueError):  # there is none
        return False


def choose_split(dataset: "Dataset", name: str) -> "Split":
    """Return the split ``train`` or ``test`` of a dataset; raise `UsageError` if it has none."""
    split = dataset.test if name == "test" else dataset.train
    if split is None:
        other = "train" if name == "test" else "test"
        raise UsageError(
            f"this data has no {name} images", where=dataset.source, remedy=f"--split {other}"
        )
    return split


def class_number(classes: Sequence[str], name: str) -> int:
    """Return the number of a class; raise `UsageError` if none has this name."""
    if name not in classes:
        shown = ", ".join(classes[:12]) + (", …" if len(classes) > 12 else "")
        raise UsageError(f"no class is called {name!r}", expected=f"one of {shown}")
    return classes.index(name)


def finish(dataset: "Dataset") -> None:
    """Raise `IncompleteError` if items of a dataset could not be read, and list them."""
    for failure in dataset.failures:
        say(failure)
    if dataset.failures:
        failed = counted_noun(len(dataset.failures), "item")
        raise IncompleteError(
            f"{failed} could not be read; the others were used",
            where=dataset.source,
            remedy="the lines above say why",
        )


def network_content(model: str | None) -> bytes | None:
    """Return the ONNX file to read with on other machines; None for the built-in network."""
    from mnistry.inference import run_directory

    return None if model is None else run_directory.find_network(model).file.read_bytes()


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Drop what C libraries write to stderr, as libtiff does about damaged files."""
    plain = sys.stderr
    try:
        is_ours = plain.fileno() == _STDERR
    except (AttributeError, OSError, ValueError):  # in a notebook or a test: no file descriptor
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
