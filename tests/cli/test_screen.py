import io
import re

import numpy as np
import pytest
from rich.console import Console

from mnistry.cli import screen
from mnistry.explain.colours import Picture, grey, signed
from mnistry.explain.narrative import Formula, Section, Table


def printed(part, *, encoding="utf-8", **settings) -> str:
    errors = settings.pop("errors", "strict")
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors=errors, newline="")
    console = Console(file=file, width=settings.pop("width", 80), **settings)
    screen.print_section(console, 1, Section("title", (part,)))
    file.flush()
    return file.buffer.getvalue().decode(encoding)


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[\d;]*m", "", text)


def coloured(part, **settings) -> str:
    return printed(part, force_terminal=True, color_system="truecolor", **settings)


def test_two_rows_of_pixels_are_one_line_in_their_colours() -> None:
    pixels = np.arange(3 * 2 * 3, dtype=np.uint8).reshape(3, 2, 3)
    text = coloured((Picture(pixels, "p"),))
    cells = re.findall(r"\x1b\[38;2;(\d+);(\d+);(\d+)(?:;48;2;(\d+);(\d+);(\d+))?m▀", text)
    assert [[int(n) for n in cell if n] for cell in cells] == [
        [0, 1, 2, 6, 7, 8], [3, 4, 5, 9, 10, 11], [12, 13, 14], [15, 16, 17],
    ]  # fmt: skip


@pytest.mark.parametrize(("width", "abreast"), [(80, 2), (120, 4)])
def test_as_many_pictures_stand_side_by_side_as_fit(width, abreast) -> None:
    pictures = signed([np.eye(28)] * 12, [f"node {n}" for n in range(12)])
    lines = plain(coloured(pictures, width=width)).splitlines()
    assert sum("node" in line for line in lines) == 1
    assert lines[-2].count("node") == abreast
    assert f"({abreast} of the 12: -o PAGE.html draws all)" in lines[-1]


def test_a_picture_wider_than_the_screen_is_cut_off_and_alone() -> None:
    pictures = signed([np.eye(28)] * 12, [f"node {n}" for n in range(12)])
    text = plain(coloured(pictures, width=20))
    assert {line.count("▀") for line in text.splitlines()} == {0, 20}
    assert "(1 of the 12:" in text


def test_pictures_that_all_fit_come_without_a_hint_to_write_a_page() -> None:
    assert "PAGE.html" not in plain(coloured(signed([np.eye(28)] * 2, ["a", "b"])))


def test_without_colours_ink_keeps_its_shape_and_weights_are_left_out() -> None:
    ink = np.array([[255, 0, 0], [0, 0, 0], [0, 0, 255], [0, 0, 255]])
    assert "\n▀\n  █\nink\n" in printed((grey(ink, "ink", limit=255),))
    assert "\n'\n  #\nink\n" in printed((grey(ink, "ink", limit=255),), encoding="cp1252")
    assert "(1 picture in colour)" in printed(signed([ink / 255], ["weights"]))
    assert "(3 pictures in colour)" in printed(signed([ink / 255] * 3, ["weights"] * 3))


def test_bars_are_as_long_as_the_shares_and_the_answer_is_bold() -> None:
    table = Table(("class", "share"), (("0", "0.25"), ("1", "0.75")), (0.25, 0.75), marked=1)
    assert [line.count("█") for line in printed(table).splitlines() if "█" in line] == [5, 15]
    assert printed(table, encoding="ascii").count("#") == 20
    assert re.search(r"\x1b\[1m1 +", coloured(table))


WIDE = Table(
    ("class", "logit v", "less largest"),
    (("Ankle boot", "-13.8470", "1.5e-06"), ("Bag", "1 - 1.5e-05", "-26.8844")),
    (0.25, 0.75),
    marked=1,
)


@pytest.mark.parametrize("width", [20, 30, 45, 50, 70, 80])
def test_names_and_numbers_are_whole_at_any_width(width) -> None:
    text = printed(WIDE, width=width)
    assert max(map(len, text.splitlines())) <= width
    for cell in (cell for row in WIDE.rows for cell in row):
        assert cell in text
    for heading in WIDE.headings[1:]:
        assert heading in text


def test_a_narrow_screen_drops_the_bars_before_the_columns() -> None:
    assert "█" in printed(WIDE, width=62)
    narrow = printed(WIDE, width=61)
    assert "█" not in narrow
    assert "\nclass" in narrow
    assert "less largest: -26.8844" in printed(WIDE, width=30)


def test_a_table_row_by_row_keeps_its_marks() -> None:
    assert "\x1b[1mBag" in coloured(WIDE, width=30)


def test_in_ascii_nothing_of_ours_becomes_a_question_mark() -> None:
    said = "784 × 512: the layer “hidden”, e = 2.718…, 26 × 26 – no"
    expected = '784 x 512: the layer "hidden", e = 2.718..., 26 x 26 - no'
    parts = (said, Formula(said), Table((said,), ((said,),), words=True))
    for part in parts:
        text = printed(part, encoding="ascii", errors="replace")
        assert "?" not in text
        assert expected in " ".join(text.split())


def test_terminal_codes_from_elsewhere_are_not_printed() -> None:
    assert "\x1b" not in printed("a\x1b[31mb")
    assert "\x1b" not in printed(Table(("h",), (("a\x1b[31mb",),)))
