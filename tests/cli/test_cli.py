"""What holds for every command."""

import errno
import os
import signal
import subprocess
import sys

import pytest
import typer.main

from mnistry import cli, datasets
from mnistry.errors import MnistryError


def commands() -> list[tuple[str, ...]]:
    group = typer.main.get_command(cli.app)
    found: list[tuple[str, ...]] = []
    for name, command in group.commands.items():
        inner = getattr(command, "commands", None)
        found += [(name, sub) for sub in inner] if inner else [(name,)]
    return found


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_and_option_has_help(mnistry_command, command) -> None:
    result = mnistry_command(*command, "--help")
    assert result.code == 0
    assert "Usage: mnistry" in result.out
    made = typer.main.get_command(cli.app)
    for name in command:
        made = made.commands[name]
    assert made.help
    for parameter in made.params:
        assert getattr(parameter, "help", None), parameter.name


def test_the_version_is_printed(mnistry_command) -> None:
    assert mnistry_command("--version").out.startswith("mnistry 0.")


@pytest.mark.parametrize(
    "arguments",
    [("nonsense",), ("train", "--colour", "red"), ("train", "--epochs", "many"), ("show",)],
    ids=" ".join,
)
def test_a_wrong_usage_is_one_line_and_exit_code_2(mnistry_command, arguments) -> None:
    result = mnistry_command(*arguments)
    assert result.code == 2
    assert result.err.startswith("mnistry: ")
    assert result.err.count("\n") == 1
    assert not result.out


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (MnistryError("odd"), 1, "odd"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "runs/x"), 7, "runs/x: No space left"),
        (MemoryError(), 7, "out of memory"),
        (ModuleNotFoundError("No module named 'keras'", name="keras"), 2, "mnistry[train]"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_each_kind_of_failure_has_its_exit_code(
    mnistry_command, monkeypatch, error: Exception, code: int, text: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(datasets, "load", fail)
    result = mnistry_command("data")
    assert result.code == code
    assert text in result.err
    assert result.err.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="its pipes tell a closed reader otherwise")
@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("show", "--data", "sample", *map(str, range(400))),  # rich finds the pipe closed
        ("show", "--data", "sample", "--matrix", "0"),  # found when the last lines are flushed
        ("data", "sample", "--json"),  # typer finds it closed, or the last flush
    ],
    ids=lambda value: " ".join(value[:4]),
)
@pytest.mark.parametrize("buffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_a_reader_that_has_gone_ends_a_command_quietly(arguments, buffered, mnist_home) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        result = subprocess.run(
            [sys.executable, "-c", "from mnistry import cli; cli.main()", *arguments],
            stdout=write, stderr=subprocess.PIPE, text=True, timeout=60,
            env={**os.environ, "PYTHONUNBUFFERED": buffered},
        )  # fmt: skip
    finally:
        os.close(write)
    assert (result.returncode, result.stderr) == (128 + signal.SIGPIPE, "")


def test_a_bug_shows_its_traceback(monkeypatch) -> None:
    monkeypatch.setattr(sys, "argv", ["mnistry", "data"])
    monkeypatch.setattr(datasets, "load", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main()


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from mnistry import cli\n"
        "sys.argv = ['mnistry', '--help']\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        "assert not {'numpy', 'keras', 'jax', 'cv2', 'onnxruntime'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
