import io
import re

import numpy as np
import pytest
from rich.console import Console

from mnistry.cli import screen
from mnistry.explain.colours import Picture, grey, signed
from mnistry.explain.story import Section, Table


def printed(part, *, encoding="utf-8", **settings) -> str:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")
    console = Console(file=file, width=settings.pop("width", 80), **settings)
    screen.print_section(console, 1, Section("title", (part,)))
    file.flush()
    return file.buffer.getvalue().decode(encoding)


def coloured(part, **settings) -> str:
    return printed(part, force_terminal=True, color_system="truecolor", **settings)


def test_two_rows_of_pixels_are_one_line_in_their_colours() -> None:
    pixels = np.arange(3 * 2 * 3, dtype=np.uint8).reshape(3, 2, 3)
    text = coloured((Picture(pixels, "p"),))
    cells = re.findall(r"\x1b\[38;2;(\d+);(\d+);(\d+)(?:;48;2;(\d+);(\d+);(\d+))?m▀", text)
    assert [[int(n) for n in cell if n] for cell in cells] == [
        [0, 1, 2, 6, 7, 8], [3, 4, 5, 9, 10, 11], [12, 13, 14], [15, 16, 17],
    ]  # fmt: skip


@pytest.mark.parametrize(("width", "abreast"), [(80, 2), (120, 4), (20, 1)])
def test_as_many_pictures_stand_side_by_side_as_fit(width, abreast) -> None:
    pictures = signed([np.eye(28)] * 12, [f"node {n}" for n in range(12)])
    lines = coloured(pictures, width=width).splitlines()
    assert sum("node" in line for line in lines) == 1
    assert lines[-1].count("node") == abreast or width == 20


def test_without_colours_ink_keeps_its_shape_and_weights_are_left_out() -> None:
    ink = np.array([[255, 0, 0], [0, 0, 0], [0, 0, 255], [0, 0, 255]])
    assert "\n▀\n  █\nink\n" in printed((grey(ink, "ink", limit=255),))
    assert "\n'\n  #\nink\n" in printed((grey(ink, "ink", limit=255),), encoding="cp1252")
    assert "a picture in colour" in printed(signed([ink / 255], ["weights"]))


def test_bars_are_as_long_as_the_shares_and_the_answer_is_bold() -> None:
    table = Table(("class", "share"), (("0", "0.25"), ("1", "0.75")), (0.25, 0.75), marked=1)
    assert [line.count("█") for line in printed(table).splitlines() if "█" in line] == [5, 15]
    assert printed(table, encoding="ascii").count("#") == 20
    assert re.search(r"\x1b\[1m1 +", coloured(table))


def test_terminal_codes_from_elsewhere_are_not_printed() -> None:
    assert "\x1b" not in printed("a\x1b[31mb")
    assert "\x1b" not in printed(Table(("h",), (("a\x1b[31mb",),)))
