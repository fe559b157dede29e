"""What holds for every command."""

import errno
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import click
import pytest

from mnistry import cli, datasets, recipes
from mnistry.cli.advice import next_commands
from mnistry.errors import MnistryError
from mnistry.networks import names
from mnistry.recipes.recipe import OPTIMIZERS


def commands(
    group: click.Group = cli.app, above: tuple[str, ...] = ()
) -> dict[tuple[str, ...], click.Command]:
    context = click.Context(group)
    found: dict[tuple[str, ...], click.Command] = {}
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        below = (*above, name)
        found |= commands(command, below) if isinstance(command, click.Group) else {below: command}
    return found


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_and_option_has_help(mnistry_command, command) -> None:
    result = mnistry_command(*command, "--help")
    assert result.code == 0
    assert "Usage: mnistry" in result.out
    made = commands()[command]
    assert made.help
    for parameter in made.params:
        assert parameter.help, parameter.name


def test_the_version_is_printed(mnistry_command) -> None:
    assert mnistry_command("--version").out.startswith("mnistry 0.")


@pytest.mark.parametrize(
    "arguments",
    [("nonsense",), ("train", "--colour", "red"), ("train", "--epochs", "many"), ("runs", "show")],
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
        (OSError(errno.EFBIG, os.strerror(errno.EFBIG), "runs/x"), 7, "runs/x: File too large"),
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

    monkeypatch.setattr(datasets, "load_origin", fail)
    result = mnistry_command("data")
    assert result.code == code
    assert text in result.err
    assert result.err.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows reports a closed pipe differently")
@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("show", "--data", "sample", *map(str, range(400))),  # rich finds the pipe closed
        ("show", "--data", "sample", "--matrix", "0"),  # found when the last lines are flushed
        ("data", "sample", "--json"),  # found when click writes, or by the last flush
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
    monkeypatch.setattr(datasets, "load_origin", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("nonsense",), "mnistry: no such command 'nonsense'; see mnistry --help"),
        (
            ("trian",),
            "mnistry: no such command 'trian'. Did you mean 'train'?; see mnistry --help",
        ),
        (
            ("train", "--colour"),
            "mnistry: train: no such option '--colour'; see mnistry train --help",
        ),
        (
            ("runs", "show"),
            "mnistry: runs show: missing argument 'RUN'; see mnistry runs show --help",
        ),
        (
            ("train", "--epochs", "many"),
            "mnistry: train --epochs: 'many' is not a whole number; see mnistry train --help",
        ),
        (
            ("train", "--momentum", "much"),
            "mnistry: train --momentum: 'much' is not a number; see mnistry train --help",
        ),
        (
            ("train", "--seeds", "two"),
            "mnistry: train --seeds: 'two' is not a whole number; see mnistry train --help",
        ),
        (
            ("train", "--seeds", "0"),
            "mnistry: train --seeds: 0 is less than 1; see mnistry train --help",
        ),
        (
            ("train", "now"),
            "mnistry: train: more arguments than it takes: now; see mnistry train --help",
        ),
        (
            ("train", "--epochs"),
            "mnistry: train: option '--epochs' needs a value; see mnistry train --help",
        ),
        (
            ("train", "--epochs", "0"),
            "mnistry: epochs 0; expected a whole number from 1 to 1,000,000; "
            "see mnistry train --help",
        ),
        (
            ("show", "1", "--split", "tset"),
            "mnistry: show --split: 'tset' is not one of 'train', 'test'; see mnistry show --help",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_wrong_usage_points_to_the_help_of_its_command(mnistry_command, arguments, line) -> None:
    assert mnistry_command(*arguments).err == f"{line}\n"


def test_without_a_command_the_help_is_printed(mnistry_command) -> None:
    result = mnistry_command()
    assert result.code == 2
    assert result.out.startswith("Usage: mnistry")
    assert not result.err


def test_the_help_lists_every_command_with_the_first_sentence_of_its_help(mnistry_command) -> None:
    listed = " ".join(mnistry_command("--help").out.split())
    for (name, *below), command in commands().items():
        if not below:
            sentence = " ".join(command.help.split("\n\n")[0].split()).rstrip(".")
            assert f" {name} {sentence}. " in listed


def test_the_help_of_train_names_every_choice_and_default(mnistry_command) -> None:
    text = " ".join(mnistry_command("train", "--help").out.split())
    for choices in (recipes.NAMES, names.NAMES, OPTIMIZERS):
        assert ", ".join(choices) in text
    assert "categorical, sparse-categorical (the same loss) or binary" in text
    assert "mse, the mean squared error" in text
    assert "relu, tanh, sigmoid" in text
    for option, default in [
        ("--recipe", "classic"), ("--network", "dense"), ("--units", "512"), ("--depth", "1"),
        ("--optimizer", "rmsprop"), ("--loss", "categorical"), ("--epochs", "5"),
        ("--learning-rate", "Keras's for the optimizer; rmsprop: 0.001"),
        ("--batch-size", "128; less if there are few images"), ("--validation", "0.0"),
        ("--early-stopping", "never"),
        ("--seed", "0"), ("--seeds", "1"),
    ]:  # fmt: skip
        assert re.search(rf" {option} [^[]*\[default: \({re.escape(default)}\)", text), option


def test_the_shell_completes_commands_options_and_names() -> None:
    def completed(*words: str) -> list[str]:
        result = subprocess.run(
            [sys.executable, "-m", "mnistry"], check=True, capture_output=True, text=True,
            env={**os.environ, "_MNISTRY_COMPLETE": "bash_complete",
                 "COMP_WORDS": " ".join(("mnistry", *words)), "COMP_CWORD": str(len(words))},
        )  # fmt: skip
        return [line.removeprefix("plain,") for line in result.stdout.split()]

    assert completed("ex") == ["explain", "export"]
    assert completed("train", "--se") == ["--seed", "--seeds"]
    assert completed("train", "--network", "str") == ["strided", "strided-large"]


def test_help_is_in_colour_unless_no_color_is_set(monkeypatch) -> None:
    context = cli.app.make_context("mnistry", [], resilient_parsing=True)
    assert "\x1b[1m" in context.get_help()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in context.get_help()


def test_a_command_imports_no_other_command() -> None:
    every = {name for name, *_ in commands()}
    code = (
        "import sys; from mnistry import cli\n"
        "sys.argv = ['mnistry', 'read', '--help']\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        "loaded = {name.split('.')[2] for name in sys.modules if name.startswith('mnistry.cli.')}\n"
        f"assert loaded & {every} == {{'read'}}\n"
        "assert not {'rich', 'pydantic'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from mnistry import cli\n"
        "sys.argv = ['mnistry', '--help']\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'keras', 'jax', 'cv2', 'onnxruntime', 'rich', 'pydantic'}\n"
        "assert not heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_path_in_the_commands_after_a_training_is_quoted() -> None:
    run = SimpleNamespace(path=Path("my runs/a"), data=SimpleNamespace(classes=()))
    assert "mnistry evaluate 'my runs/a'  " in next_commands(run).plain
