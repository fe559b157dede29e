"""The command line: one module a command, which parses, calls the library and prints.

Errors of the library become one line on stderr and the exit code of their class.
"""

import atexit
import errno
import gc
import io
import os
import signal
import sys
from typing import Any, NoReturn

import typer

from mnistry.cli.data import data
from mnistry.cli.doctor import doctor
from mnistry.cli.evaluate import evaluate
from mnistry.cli.explain import explain
from mnistry.cli.export import export
from mnistry.cli.ledger import ledger
from mnistry.cli.plot import plot
from mnistry.cli.predict import predict
from mnistry.cli.read import read
from mnistry.cli.runs import app as runs
from mnistry.cli.show import show
from mnistry.cli.studio import studio
from mnistry.cli.sweep import sweep
from mnistry.cli.train import train
from mnistry.errors import MnistryError, ResourceError, UsageError

# Modules that the bare install lacks.
_TRAINING_EXTRA = {
    *("filelock", "h5py", "jax", "jaxlib", "keras", "matplotlib", "mlxtend", "onnx", "pooch"),
    *("scipy", "tensorflow", "torch"),
}
# What the system says of a place that cannot take a file.
_DISK = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EACCES, errno.EPERM, errno.EROFS),
    *(errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ENOENT),
}
# What a shell says of a program that SIGPIPE ended; Windows lacks the signal.
_SIGPIPE = 128 + 13

app = typer.Typer(
    name="mnistry",
    help="Train, understand and use handwritten-digit networks with Keras.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(data)
app.command()(show)
app.command()(train)
app.command()(evaluate)
app.command()(predict)
app.command()(ledger)
app.command()(plot)
app.command()(explain)
app.command()(read)
app.command()(doctor)
app.command()(export)
app.command()(studio)
app.command()(sweep)
app.add_typer(runs, name="runs")


@app.callback(invoke_without_command=True)
def _version(
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    if version:
        from mnistry.version import __version__

        typer.echo(f"mnistry {__version__}")
        raise typer.Exit


def main() -> NoReturn:
    """Run the command line and exit."""
    # The system takes all memory back at once; Python would search it for garbage before, for as
    # long as reading a digit takes.
    atexit.register(gc.freeze)
    try:
        _run()
    except BrokenPipeError:
        _unread()
    except SystemExit as end:
        # What rich and typer make of a pipe that is closed: an end with code 1, without a word.
        if isinstance(end.__context__, BrokenPipeError):
            _unread()
        raise


def _run() -> NoReturn:
    # Turned into an exception, a termination lets a run say that it was interrupted.
    signal.signal(signal.SIGTERM, _terminated)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a "…" must not end a program in the C locale
    try:
        code = app(standalone_mode=False, prog_name="mnistry")
    except typer.TyperException as error:
        if not error.format_message():  # no command was given, and the help has been printed
            sys.exit(2)
        _fail(UsageError(error.format_message(), remedy="see mnistry --help"))
    except typer.Abort:
        sys.exit(130)
    except MnistryError as error:
        _fail(error)
    except ModuleNotFoundError as error:
        if error.name not in _TRAINING_EXTRA:
            raise
        _fail(
            UsageError(
                f"this command needs {error.name}, which is not installed",
                remedy="pip install 'mnistry[train]'",
            )
        )
    except OSError as error:
        if error.errno not in _DISK:
            raise
        _fail(
            ResourceError(
                error.strerror or "cannot be written",
                where=error.filename,
                remedy="choose another place, or free some space",
            )
        )
    except MemoryError:
        _fail(ResourceError("out of memory", remedy="use fewer images or a smaller batch"))
    sys.stdout.flush()  # a failure must be seen before the exit code is chosen
    sys.exit(code if isinstance(code, int) else 0)


def _fail(error: MnistryError) -> NoReturn:
    sys.stdout.flush()
    typer.echo(f"mnistry: {error}", err=True)
    sys.exit(error.exit_code)


def _unread() -> NoReturn:
    """End as a program does whose output is read no further, as in ``mnistry data | head -1``."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            os.dup2(nowhere, stream.fileno())  # for what Python flushes at its end
    sys.exit(_SIGPIPE)


def _terminated(*_: Any) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)
