"""The command line: one module a command, which parses, calls the library and prints.

Errors of the library become one line on stderr and the exit code of their class.
"""

import errno
import signal
import sys
from typing import Any, NoReturn

import typer

from mnistry.cli.data import data
from mnistry.cli.evaluate import evaluate
from mnistry.cli.export import export
from mnistry.cli.plot import plot
from mnistry.cli.predict import predict
from mnistry.cli.runs import app as runs
from mnistry.cli.show import show
from mnistry.cli.train import train
from mnistry.errors import MnistryError, ResourceError, UsageError

# Modules that the bare install lacks.
_TRAINING_EXTRA = {"filelock", "jax", "keras", "matplotlib", "mlxtend", "onnx", "pooch"}
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EACCES, errno.EPERM, errno.EROFS}

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
app.command()(plot)
app.command()(export)
app.add_typer(runs, name="runs")


@app.callback(invoke_without_command=True)
def _version(
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    if version:
        from mnistry import __version__

        typer.echo(f"mnistry {__version__}")
        raise typer.Exit


def main() -> NoReturn:
    """Run the command line and exit."""
    # Turned into an exception, a termination lets a run say that it was interrupted.
    signal.signal(signal.SIGTERM, _terminated)
    try:
        code = app(standalone_mode=False)
    except typer.TyperException as error:
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
        _fail(ResourceError(error.strerror or "cannot write", where=error.filename))
    except MemoryError:
        _fail(ResourceError("out of memory", remedy="use fewer images or a smaller batch"))
    sys.exit(code if isinstance(code, int) else 0)


def _fail(error: MnistryError) -> NoReturn:
    typer.echo(f"mnistry: {error}", err=True)
    sys.exit(error.exit_code)


def _terminated(*_: Any) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)
