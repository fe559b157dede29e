"""Click with help in colour, and with commands that are imported when they are needed.

Knows nothing of the commands themselves.
"""

import importlib
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from mnistry.errors import UsageError

_UNBROKEN = "\N{NON-BREAKING HYPHEN}"


class _Formatter(click.HelpFormatter):
    """Help with bold headings and coloured names; Click drops the colours outside a terminal."""

    def write_heading(self, heading: str) -> None:
        super().write_heading(_style(heading, bold=True))

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        # Lines must not end within a name: it could not be copied.
        coloured = [(_style(name, fg="cyan"), text.replace("-", _UNBROKEN)) for name, text in rows]
        super().write_dl(coloured, col_max, col_spacing)

    def getvalue(self) -> str:
        return super().getvalue().replace(_UNBROKEN, "-")


def _style(text: str, **style: Any) -> str:
    return text if os.environ.get("NO_COLOR") else click.style(text, **style)


class _Context(click.Context):
    formatter_class = _Formatter


class Command(click.Command):
    """A command whose help is in colour; errors in its use point to that help."""

    context_class = _Context

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; an error of Click's that names no command names this one."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a wrong value without another remedy points to its help."""
        try:
            return super().invoke(ctx)
        except UsageError as error:
            error.remedy = error.remedy or f"see {ctx.command_path} --help"
            raise


class Group(click.Group):
    """Commands under one name, with help in colour."""

    context_class = _Context
    command_class = Command

    def sections(self) -> Mapping[str, Sequence[str]]:
        """Return the headings of the help, each with the names of its commands."""
        return {"Commands": tuple(self.commands)}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (Click passes it)
        """Return the names of all commands, section by section."""
        return [name for names in self.sections().values() for name in names]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands of each section, each with the first sentence of its help."""
        for heading, names in self.sections().items():
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

    The command ``read`` is ``read`` in the module ``package.read``.
    """

    def __init__(
        self, *arguments: Any, package: str, sections: Mapping[str, Sequence[str]], **settings: Any
    ) -> None:
        super().__init__(*arguments, **settings)
        self._package, self._sections = package, sections

    def sections(self) -> Mapping[str, Sequence[str]]:
        """Return the sections that the constructor was given."""
        return self._sections

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; return None if there is none of this name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{self._package}.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command. Click's error suggests imported ones only; ours suggests any."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            raise click.NoSuchCommand(
                error.command_name, possibilities=self.list_commands(ctx), ctx=ctx
            ) from None
