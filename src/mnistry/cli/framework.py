"""Click as all commands use it: a command's module is imported when it is needed, help in colour.

It knows nothing of the commands themselves.
"""

import importlib
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class _Formatter(click.HelpFormatter):
    """Help with bold headings and coloured names; Click drops colours where nobody sees them."""

    def write_heading(self, heading: str) -> None:
        super().write_heading(_style(heading, bold=True))

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        coloured = [(_style(name, fg="cyan"), text) for name, text in rows]
        super().write_dl(coloured, col_max, col_spacing)


def _style(text: str, **style: Any) -> str:
    return text if os.environ.get("NO_COLOR") else click.style(text, **style)


class _Context(click.Context):
    formatter_class = _Formatter


class Command(click.Command):
    """A command whose help is in colour."""

    context_class = _Context


class Group(click.Group):
    """Commands under one name, in colour too."""

    context_class = _Context
    command_class = Command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, each with the first sentence of its help."""
        self._list(ctx, formatter, "Commands", self.list_commands(ctx))

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (Click passes it)
        """Give the names in the order in which the commands were added."""
        return list(self.commands)

    def _list(
        self,
        ctx: click.Context,
        formatter: click.HelpFormatter,
        heading: str,
        names: Iterable[str],
    ) -> None:
        found = {name: self.get_command(ctx, name) for name in names}
        with formatter.section(heading):
            formatter.write_dl(
                [
                    (name, command.get_short_help_str(limit=1000))
                    for name, command in found.items()
                    if command is not None
                ]
            )


class LazyGroup(Group):
    """Commands in sections; the module of a command is imported when the command is needed.

    Parameters
    ----------
    package
        Where the modules are: the command ``read`` is ``read`` in the module ``package.read``.
    sections
        Headings of the help, each with the names of its commands.
    """

    def __init__(
        self, *arguments: Any, package: str, sections: Mapping[str, Sequence[str]], **settings: Any
    ) -> None:
        super().__init__(*arguments, **settings)
        self._package = package
        self._sections = sections

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Give the names of all commands, section by section."""
        return [name for names in self._sections.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None if there is none of this name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{self._package}.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands of each section."""
        for heading, names in self._sections.items():
            self._list(ctx, formatter, heading, names)


class Names(click.ParamType[str]):
    """A name that the library checks; here it is only known for the shell to complete it."""

    name = "name"

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(names)

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> "list[CompletionItem]":
        """Give the names that begin like this."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(name) for name in self._names if name.startswith(incomplete)]
