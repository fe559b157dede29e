"""The command line: each command is a module that parses, calls the library and prints.

The library's errors become one line on stderr and the exit code of their class.
"""

import atexit
import errno
import gc
import io
import os
import re
import signal
import sys
from typing import Any, NoReturn

import click

from mnistry.cli.framework import LazyGroup
from mnistry.errors import MnistryError, ResourceError, UsageError
from mnistry.version import __version__

# The modules of each extra, which the bare install lacks.
_EXTRAS = {
    "train": """
        filelock h5py jax jaxlib keras matplotlib mlxtend onnx requests scipy tensorflow torch
        """,
    "forms": "defusedxml fontTools fpdf pyarrow re2 stdnum uharfbuzz xlsxwriter",
    "serve": "anyio h11 python_multipart starlette uvicorn",
    "studio": "fastapi pydantic",
}
# The system's error numbers for places where no file can be written.
_DISK = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EACCES, errno.EPERM, errno.EROFS),
    *(errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ENOENT),
}
# Click's words for wrong values, as patterns, and the words that replace them.
_IN_OUR_WORDS = {
    r"is not a valid integer( range)?": "is not a whole number",
    r"is not a valid float( range)?": "is not a number",
    r"is not in the range (\S+?)<=x<=(\S+)": r"is not from \1 to \2",
    r"is not in the range x>=(\S+)": r"is less than \1",
    r"got unexpected extra arguments? \((.*)\)": r"more arguments than it takes: \1",
    r"requires an argument": "needs a value",
    r"requires (\d+) arguments": r"needs \1 values",
}
# A shell's exit code for a program that SIGPIPE ended; Windows lacks the signal.
_SIGPIPE = 128 + 13


@click.group(
    cls=LazyGroup,
    package="mnistry.cli",
    sections={
        "Look at data": ("data", "show"),
        "Train": ("train", "sweep", "runs"),
        "See what a network has learned": ("evaluate", "explain", "ledger", "plot"),
        "Use a network": (
            "read",
            "form",
            "doctor",
            "predict",
            "teach",
            "adopt",
            "export",
            "serve",
            "studio",
        ),
    },
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
        "show_default": True,
    },
    epilog='For completion in the shell: eval "$(_MNISTRY_COMPLETE=bash_source mnistry)"; '
    "zsh_source in zsh, fish_source in fish.",
)
@click.version_option(__version__, message="mnistry %(version)s", help="Print the version.")
def app() -> None:
    """Train, understand and use handwritten-digit networks with Keras."""


def main() -> NoReturn:
    """Run the command line and exit."""
    # Imports make many objects and no garbage, so Python should search for garbage less often. At
    # the end it need not search at all: the system takes back all memory.
    gc.set_threshold(50_000)
    atexit.register(gc.freeze)
    stdout = sys.stdout
    try:
        _run()
    except BrokenPipeError:
        _end_unread()
    except SystemExit as end:
        # Rich and Click end with code 1 if a pipe is closed. Click replaces sys.stdout before that:
        # another sys.stdout means that Click found a closed pipe.
        if isinstance(end.__context__, BrokenPipeError) or sys.stdout is not stdout:
            _end_unread()
        raise


def _run() -> NoReturn:
    # Raise on termination, so that a training can record that it was interrupted.
    signal.signal(signal.SIGTERM, _terminated)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # the C locale cannot encode "…"
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
        extras = [extra for extra, modules in _EXTRAS.items() if error.name in modules.split()]
        if not extras:
            raise
        what = f"this command needs {error.name}, which is not installed"
        _fail(UsageError(what, remedy=f"pip install 'mnistry[{extras[0]}]'"))
    except OSError as error:
        if error.errno not in _DISK:
            raise
        what = error.strerror or "cannot be written"
        remedy = "choose another place, or free some space"
        _fail(ResourceError(what, where=error.filename, remedy=remedy))
    except MemoryError:
        _fail(ResourceError("out of memory", remedy="use fewer images or a smaller batch"))
    sys.stdout.flush()  # if this fails, the exit code must say so
    sys.exit(code if isinstance(code, int) else 0)


def _translate(error: click.UsageError) -> UsageError:
    """Turn Click's error into ours: what, where, and which command's help to read."""
    program = "mnistry" if error.ctx is None else error.ctx.command_path
    where, what = program.removeprefix("mnistry").strip(), error.format_message()
    if isinstance(error, click.BadParameter) and error.message and error.param is not None:
        option = error.param.get_error_hint(error.ctx).replace("'", "")
        where, what = f"{where} {option}", error.message
    what = what[:1].lower() + what[1:].rstrip(".")
    for theirs, ours in _IN_OUR_WORDS.items():
        what = re.sub(theirs, ours, what)
    return UsageError(what, where=where or None, remedy=f"see {program} --help")


def _fail(error: MnistryError) -> NoReturn:
    sys.stdout.flush()
    click.echo(f"mnistry: {error}", err=True)
    sys.exit(error.exit_code)


def _end_unread() -> NoReturn:
    """End as programs do when nobody reads their output any more: ``mnistry data | head -1``."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            os.dup2(nowhere, stream.fileno())  # Python flushes both when it ends
    sys.exit(_SIGPIPE)


def _terminated(*_: Any) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)
