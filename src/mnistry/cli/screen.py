"""The sections of a story in a terminal, drawn with Rich."""

import numpy as np
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.text import Text

from mnistry.cli import report
from mnistry.errors import printable
from mnistry.explain.colours import Picture
from mnistry.explain.story import Drawing, Formula, Section, Table

_LINE = 100  # characters that are read with ease
_BAR = 20  # characters for a share of 1
_GAP = 2  # columns between two pictures

# Without colours, indexed by 2 * upper + lower pixel; as in mnistry.pictures.
_BLOCKS, _ASCII = " ▄▀█", " .'#"


def print_section(console: Console, number: int, section: Section) -> None:
    """Print a section's heading and its parts; curves are for pages alone."""
    console.print(f"\n{number}  {section.title}", style="bold")
    for part in section.parts:
        if isinstance(part, Drawing):
            continue
        console.print()
        if isinstance(part, Table):
            _print_table(console, part)
        elif isinstance(part, Formula):
            console.print(f"    {part.text}")
        elif isinstance(part, str):
            console.print(printable(part), width=width(console))
        else:
            _print_pictures(console, part)


def _print_table(console: Console, table: Table) -> None:
    headings = (*table.headings, "") if table.shares else table.headings
    made = report.table(*headings, left=len(headings) if table.words else 1)
    if table.shares:
        made.columns[-1].justify = "left"
    block = "#" if console.options.ascii_only else "█"
    for number, row in enumerate(table.rows):
        cells = [printable(cell) for cell in row]
        if table.shares:
            cells.append(f"{block * round(table.shares[number] * _BAR):{_BAR}}")
        made.add_row(*cells, style="bold" if number == table.marked else None)
    console.print(made)


def _print_pictures(console: Console, pictures: tuple[Picture, ...]) -> None:
    """Print as many pictures as stand side by side; without colours only what is black on white."""
    colours = console.color_system is not None and not console.no_color
    cell = max(max(p.pixels.shape[1], len(p.caption)) for p in pictures)
    shown = pictures[: max(1, (console.width + _GAP) // (cell + _GAP))]
    drawn = []
    for picture in shown:
        if colours and not console.options.ascii_only:
            lines = _half_blocks(picture)
        elif (picture.pixels[..., 0] == picture.pixels[..., 2]).all():
            lines = _ink(picture, _ASCII if console.options.ascii_only else _BLOCKS)
        else:
            console.print("(a picture in colour: -o PAGE.html draws it)", style="dim")
            return
        drawn.append([*lines, Text(picture.caption)])
    for row in zip(*drawn, strict=True):
        line = Text(no_wrap=True, overflow="crop")
        for part in row:
            part.align("center", cell)
            line.append_text(part).append(" " * _GAP)
        line.rstrip()
        console.print(line)


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
