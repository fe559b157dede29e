"""The sections of an explanation in a terminal, drawn with Rich."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from mnistry.cli import report
from mnistry.display import terminal
from mnistry.errors import printable
from mnistry.explain.colours import Picture
from mnistry.explain.narrative import Drawing, Formula, Section, Table

_LINE = 100  # characters; longer lines are hard to read
_BAR = 20  # characters for a share of 1

# The characters of an explanation, for encodings that have only ASCII.
_PLAIN = str.maketrans({"“": '"', "”": '"', "×": "x", "…": "...", "–": "-"})


def print_section(console: Console, number: int, section: Section) -> None:
    """Print a section's heading and its parts; curves are drawn only on pages."""
    console.print(f"\n{number}  {_text(console, section.title)}", style="bold")
    for part in section.parts:
        if isinstance(part, Drawing):
            continue
        console.print()
        if isinstance(part, Table):
            _print_table(console, part)
        elif isinstance(part, Formula):
            console.print(f"    {_text(console, part.text)}")
        elif isinstance(part, str):
            console.print(_text(console, part), width=width(console))
        else:
            _print_pictures(console, part)


def _text(console: Console, text: str) -> str:
    plain = printable(text)
    return plain.translate(_PLAIN) if console.options.ascii_only else plain


def _print_table(console: Console, table: Table) -> None:
    made = _lay_out(console, table)
    if table.shares:
        block = "#" if console.options.ascii_only else "█"
        bars = [f"{block * round(share * _BAR):{_BAR}}" for share in table.shares]
        wide = _lay_out(console, table, bars)
        # The bars only repeat the numbers: they are left out if there is no room.
        made = wide if wide.least_width <= console.width else made
    console.print(made)


def _lay_out(console: Console, table: Table, bars: Sequence[str] = ()) -> report.FittingTable:
    headings = [_text(console, heading) for heading in table.headings]
    if bars:
        headings.append("")
    made = report.table(*headings, left=len(headings) if table.words else 1)
    if bars:
        made.columns[-1].justify = "left"
    for number, row in enumerate(table.rows):
        cells = [_text(console, cell) for cell in row]
        made.add_row(
            *cells, *bars[number : number + 1], style="bold" if number == table.marked else None
        )
    return made


def _print_pictures(console: Console, pictures: tuple[Picture, ...]) -> None:
    """Print the pictures that fit side by side; without colours, only grey ones."""
    count = len(pictures)
    colours = terminal.has_colours(console)
    grey = (pictures[0].pixels[..., 0] == pictures[0].pixels[..., 2]).all()
    if not colours and not grey:
        console.print(f"({count} picture{'s' * (count > 1)} in colour)", style="dim")
        return
    cell = max(max(p.pixels.shape[1], len(p.caption)) for p in pictures)
    shown = pictures[: max(1, (console.width + terminal.GAP) // (cell + terminal.GAP))]
    drawn = []
    for picture in shown:
        if colours:
            lines = terminal.half_blocks(picture.pixels)
        else:
            dark = picture.pixels[..., 0] < 128
            lines = terminal.ink_blocks(dark, ascii_only=console.options.ascii_only)
        drawn.append([*lines, Text(picture.caption)])
    for row in zip(*drawn, strict=True):
        console.print(terminal.side_by_side(row, cell), no_wrap=True, overflow="crop")
    if len(shown) < count:
        console.print(f"({len(shown)} of the {count}: -o PAGE.html draws all)", style="dim")


def width(console: Console) -> int:
    """Return the length of a line of text, in characters."""
    return min(console.width, _LINE)
