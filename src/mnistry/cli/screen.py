"""The sections of a story in a terminal, drawn with Rich."""

from collections.abc import Sequence

import numpy as np
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.text import Text

from mnistry.cli import report
from mnistry.errors import printable
from mnistry.explain.colours import Picture
from mnistry.explain.narrative import Drawing, Formula, Section, Table

_LINE = 100  # characters that are read with ease
_BAR = 20  # characters for a share of 1
_GAP = 2  # columns between two pictures

# Without colours, indexed by 2 * upper + lower pixel; as in mnistry.display.terminal.
_BLOCKS, _ASCII = " ▄▀█", " .'#"
# What a story says, in encodings that have only ASCII.
_PLAIN = str.maketrans({"“": '"', "”": '"', "×": "x", "…": "...", "–": "-"})


def print_section(console: Console, number: int, section: Section) -> None:
    """Print a section's heading and its parts; curves are for pages alone."""
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


def has_colours(console: Console) -> bool:
    """Say whether pictures can be drawn in colour."""
    # A console whose colours are off keeps its colour system and drops the styles later.
    colours = console.color_system is not None and not console.no_color
    return colours and not console.options.ascii_only


def _text(console: Console, text: str) -> str:
    plain = printable(text)
    return plain.translate(_PLAIN) if console.options.ascii_only else plain


def _print_table(console: Console, table: Table) -> None:
    made = _lay_out(console, table)
    if table.shares:
        block = "#" if console.options.ascii_only else "█"
        bars = [f"{block * round(share * _BAR):{_BAR}}" for share in table.shares]
        wide = _lay_out(console, table, bars)
        # The bars repeat what the numbers say: where there is no room, they may go.
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
    """Print as many pictures as stand side by side; without colours only what is black on white."""
    count = len(pictures)
    grey = (pictures[0].pixels[..., 0] == pictures[0].pixels[..., 2]).all()
    if not has_colours(console) and not grey:
        console.print(f"({count} picture{'s' * (count > 1)} in colour)", style="dim")
        return
    cell = max(max(p.pixels.shape[1], len(p.caption)) for p in pictures)
    shown = pictures[: max(1, (console.width + _GAP) // (cell + _GAP))]
    drawn = []
    for picture in shown:
        if has_colours(console):
            lines = _half_blocks(picture)
        else:
            lines = _ink(picture, _ASCII if console.options.ascii_only else _BLOCKS)
        drawn.append([*lines, Text(picture.caption)])
    for row in zip(*drawn, strict=True):
        line = Text()
        for part in row:
            part.align("center", cell)
            line.append_text(part).append(" " * _GAP)
        line.rstrip()
        console.print(line, no_wrap=True, overflow="crop")  # too narrow a screen cuts it off
    if len(shown) < count:
        console.print(f"({len(shown)} of the {count}: -o PAGE.html draws all)", style="dim")


def _half_blocks(picture: Picture) -> list[Text]:
    """Draw two rows of pixels a line: the upper half block in one colour, on the other."""
    rows = [[Color.from_rgb(*pixel) for pixel in row] for row in picture.pixels.tolist()]
    lines = []
    for upper in range(0, len(rows), 2):
        line = Text()
        lower = rows[upper + 1] if upper + 1 < len(rows) else [None] * len(rows[upper])
        for above, below in zip(rows[upper], lower, strict=True):
            line.append("▀", Style.from_color(above, below))
        lines.append(line)
    return lines


def _ink(picture: Picture, glyphs: str) -> list[Text]:
    """Draw two rows of pixels a line, the dark ones as ink."""
    dark = np.pad(picture.pixels[..., 0] < 128, ((0, len(picture.pixels) % 2), (0, 0)))
    patterns = 2 * dark[0::2] + dark[1::2]
    return [Text("".join(glyphs[pattern] for pattern in row)) for row in patterns.tolist()]


def width(console: Console) -> int:
    """Give the length of a line of text, in characters."""
    return min(console.width, _LINE)
