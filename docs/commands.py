"""The reference of the commands: what ``--help`` says, as Markdown."""

import inspect
from collections.abc import Iterable, Iterator

import click

from mnistry import cli


def reference() -> str:
    """Return a section for each command, with all of its arguments and options."""
    root = click.Context(cli.app, info_name="mnistry", **cli.app.context_settings)
    return "\n".join(section(context) for context in walk(root))


def walk(context: click.Context) -> Iterator[click.Context]:
    """Yield the context of every command below this one, a group before its commands.

    Examples
    --------
    >>> next(walk(click.Context(cli.app, info_name="mnistry"))).command_path
    'mnistry data'
    """
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            assert command is not None  # noqa: S101 (the group has just named it)
            below = click.Context(command, parent=context, info_name=name)
            yield below
            yield from walk(below)


def section(context: click.Context) -> str:
    """Return a command's usage, help, arguments and options."""
    command = context.command
    depth = len(context.command_path.split())
    parameters = command.get_params(context)
    arguments = [one for one in parameters if isinstance(one, click.Argument)]
    options = [one for one in parameters if not isinstance(one, click.Argument)]
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    return (
        f"{'#' * depth} `{context.command_path}`\n\n{inspect.cleandoc(command.help or '')}\n\n"
        f"```text\n{usage}\n```\n\n{entries(arguments, context)}{entries(options, context)}"
    )


def entries(parameters: Iterable[click.Parameter], context: click.Context) -> str:
    """Return a list of parameters, each with its help."""
    records = [record for one in parameters if (record := one.get_help_record(context))]
    lines = [f"* `{name}`: {text}\n" for name, text in records]
    return "".join(lines) + "\n" if lines else ""
