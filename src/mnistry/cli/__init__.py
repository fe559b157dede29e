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

import click

from mnistry.cli.framework import LazyGroup
from mnistry.errors import MnistryError, ResourceError, UsageError
from mnistry.version import __version__

# Modules that the bare install lacks.
_TRAINING_EXTRA = {
    *("filelock", "h5py", "jax", "jaxlib", "keras", "matplotlib", "mlxtend", "onnx", "requests"),
    *("scipy", "tensorflow", "torch"),
}
# What the system says of a place that cannot take a file.
_DISK = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EACCES, errno.EPERM, errno.EROFS),
    *(errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ENOENT),
}
# What a shell says of a program that SIGPIPE ended; Windows lacks the signal.
_SIGPIPE = 128 + 13


@click.group(
    cls=LazyGroup,
    package="mnistry.cli",
    sections={
        "Look at data": ("data", "show"),
        "Train": ("train", "sweep", "runs"),
        "See what a network has learned": ("evaluate", "explain", "ledger", "plot"),
        "Use a network": ("read", "doctor", "predict", "export", "studio"),
    },
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
        "show_default": True,
    },
    epilog="Commands and options are completed by the shell after eval "
    '"$(_MNISTRY_COMPLETE=bash_source mnistry)"; in zsh zsh_source, in fish fish_source.',
)
@click.version_option(__version__, message="mnistry %(version)s", help="Print the version.")
def app() -> None:
    """Train, understand and use handwritten-digit networks with Keras."""


def main() -> NoReturn:
    """Run the command line and exit."""
    # Imports make many objects and no garbage, so Python need not search for it so often; nor at
    # the end, where the system takes all memory back at once.
    gc.set_threshold(50_000)
    atexit.register(gc.freeze)
    stdout = sys.stdout
    try:
        _run()
    except BrokenPipeError:
        _unread()
    except SystemExit as end:
        # Rich and Click end with code 1 where a pipe is closed; Click has replaced stdout by then.
        if isinstance(end.__context__, BrokenPipeError) or sys.stdout is not stdout:
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
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.message)
        sys.exit(2)
    except click.UsageError as error:
        _fail(_translate(error))
    except click.Abort:
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


def _translate(error: click.UsageError) -> UsageError:
    """Give Click's error in our form: what, where, and whose help says more."""
    program = "mnistry" if error.ctx is None else error.ctx.command_path
    where, what = program.removeprefix("mnistry").strip(), error.format_message()
    if isinstance(error, click.BadParameter) and error.message and error.param is not None:
        option = error.param.get_error_hint(error.ctx).replace("'", "")
        where, what = f"{where} {option}", error.message
    what = what[:1].lower() + what[1:].rstrip(".")
    return UsageError(what, where=where or None, remedy=f"see {program} --help")


def _fail(error: MnistryError) -> NoReturn:
    sys.stdout.flush()
    click.echo(f"mnistry: {error}", err=True)
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
