"""Pictures of tables that people fill in by hand, and of pages that hold no table.

A table is ruled, printed and written on a sheet, which is then scanned or photographed at an angle.
Its numbers are written by one writer with one pen. These pictures measure how well tables are read;
nothing is trained on them. Knows nothing of how tables are found.
"""

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mnistry.augmentation import hands, paper
from mnistry.augmentation.hands import Pen
from mnistry.augmentation.lines import SUPERSAMPLING, Digits, Layout, Part, write

Random = np.random.Generator
Grey = NDArray[np.uint8]
Floats = NDArray[np.float32]

# The longer side of a picture has at most this many pixels.
_LONGEST = 2400
_WORDS = ("Name", "Plot", "Total", "Class", "Date", "Week", "Team", "Item", "Round", "Notes")
_TITLES = ("Counts in the field", "Marks of the summer term", "Water samples", "Scores", "Group A")


@dataclasses.dataclass(frozen=True, eq=False)
class TablePicture:
    """A picture, and the table in it.

    Attributes
    ----------
    grey
        ``uint8``, shape ``(height, width)``.
    rows
        The correct text of each cell: empty for an empty cell, and with a ``?`` for each letter.
    merged
        For each group of merged cells: its first row, its first column, and how many rows and
        columns it spans. Its text is in its first cell.
    kind
        ``"scan"`` or ``"photo"``, and what is special about it.
    """

    grey: Grey = dataclasses.field(repr=False)
    rows: tuple[tuple[str, ...], ...]
    merged: tuple[tuple[int, int, int, int], ...] = ()
    kind: str = "scan"


@dataclasses.dataclass(frozen=True, eq=False)
class _Cell:
    """The ink of a cell, at `SUPERSAMPLING` times its final resolution, and its text."""

    ink: Grey
    text: str


def picture(
    digits: Digits, random: Random, *, size: tuple[int, int] | None = None, hard: bool = True
) -> TablePicture:
    """Write a table and take its picture.

    Parameters
    ----------
    digits
        What it is written with.
    size
        Rows and columns; by default 3 to 40 and 2 to 12.
    hard
        Whether it may be photographed at an angle, out of focus, with borders that are missing.
    """
    rows, columns = size or (
        int(np.exp(random.uniform(np.log(3), np.log(40.99)))), int(random.integers(2, 13))
    )  # fmt: skip
    high = random.uniform(20, min(32.0, _LONGEST / 2.2 / rows))
    digits = _one_writer(digits, random)
    pen = Pen.drawn_for(high * SUPERSAMPLING, random)
    # Decimal points stay visible: if a thin pencil lost them, the correct text would be wrong.
    pen = dataclasses.replace(
        pen,
        width=max(pen.width, 0.065 * high * SUPERSAMPLING),
        skips=0.0,
        grain=min(pen.grain, 0.3),
    )
    cells = _filled(rows, columns, digits, pen, high, random)
    pitch = high * SUPERSAMPLING * random.uniform(1.35, 2.1)
    widths = [
        max(
            max(cells[i][j].ink.shape[1] for i in range(rows)) * random.uniform(1.02, 1.3),
            pitch * random.uniform(0.8, 2),
        )
        for j in range(columns)
    ]
    most = _LONGEST * SUPERSAMPLING / 1.25
    widths = [w * min(1.0, most / sum(widths)) for w in widths]
    merged = _merged(rows, columns, random) if hard and random.random() < 0.15 else ()
    ink, rules, pen_strength, kind = _drawn(cells, pitch, widths, merged, random, hard=hard)
    grey, way = _captured(ink, rules, pen_strength, random, hard=hard)
    covered = {
        (i, j) for y, x, h, w in merged for i in range(y, y + h) for j in range(x, x + w)
    } - {(y, x) for y, x, _, _ in merged}
    text = tuple(
        tuple("" if (i, j) in covered else cell.text for j, cell in enumerate(row))
        for i, row in enumerate(cells)
    )
    return TablePicture(grey, text, merged, f"{way}{kind}")


def without_table(digits: Digits, random: Random) -> Grey:
    """Take a picture of a page without a table: lines of numbers, words, forms' boxes, shapes."""
    side = (
        int(random.uniform(700, 1500)) * SUPERSAMPLING,
        int(random.uniform(600, 1200)) * SUPERSAMPLING,
    )
    ink, rules = np.zeros(side, np.uint8), np.zeros(side, np.uint8)
    high = random.uniform(22, 40) * SUPERSAMPLING
    kind = random.choice(["numbers", "ruled", "print", "form", "shapes"])
    digits = _one_writer(digits, random)
    pen = Pen.drawn_for(high, random)
    rule = max(1, round(high * random.uniform(0.03, 0.08)))
    y = high
    while y < side[0] - 2 * high and kind != "shapes":
        x = high * random.uniform(0.5, 2)
        if kind == "print":
            words = " ".join(random.choice([*_WORDS, *_TITLES], 8))
            _paste(ink, _printed(words, 0.7 * high), x, y)
        elif kind == "form":
            _paste(ink, _printed(str(random.choice(_WORDS)), 0.6 * high), x, y)
            x += 5 * high
            number = _number(random)
            count = int(random.integers(1, 9)) if random.random() < 0.6 else 1
            wide = high * (1.3 if count > 1 else random.uniform(4, 10))
            for i in range(count + 1):
                cv2.line(rules, (int(x + i * wide), int(y - 0.3 * high)),
                         (int(x + i * wide), int(y + 1.2 * high)), 255, rule)  # fmt: skip
            for level in (y - 0.3 * high, y + 1.2 * high):
                cv2.line(
                    rules, (int(x), int(level)), (int(x + count * wide), int(level)), 255, rule
                )
            for i, digit in enumerate(number[:count]):
                _paste(ink, _written(digit, digits, pen, high / SUPERSAMPLING, random).ink,
                       x + i * wide, y - 0.2 * high)  # fmt: skip
        else:
            while x < side[1] - 5 * high:
                cell = _written(_number(random), digits, pen, high / SUPERSAMPLING, random)
                _paste(ink, cell.ink, x, y)
                x += cell.ink.shape[1] + high * random.uniform(0.3, 3)
            if kind == "ruled":
                cv2.line(rules, (0, int(y + 1.3 * high)), (side[1], int(y + 1.3 * high)), 255, rule)
        y += high * random.uniform(1.9, 2.6)
    if kind == "ruled" and random.random() < 0.5:
        x = int(random.uniform(0.5, 2) * high)
        cv2.line(rules, (x, 0), (x, side[0]), 255, rule)
    if kind == "shapes":
        for _ in range(int(random.integers(5, 40))):
            a, b = random.uniform(0, side[1], (2, 2)).astype(int)
            if random.random() < 0.5:
                cv2.line(rules, (int(a[0]), int(b[0])), (int(a[1]), int(b[1])), 255, rule)
            else:
                width = rule if random.random() < 0.5 else -1
                cv2.rectangle(rules, (int(a[0]), int(b[0])), (int(a[1]), int(b[1])),
                              int(random.uniform(40, 255)), width)  # fmt: skip
    return _captured(ink, rules, 0.8, random, hard=True)[0]


def _one_writer(digits: Digits, random: Random) -> Digits:
    if digits.written and (not digits.images or random.random() < 0.5):
        chosen = digits.written[int(random.integers(len(digits.written)))]
        return dataclasses.replace(digits, written=[chosen], images=[])
    return dataclasses.replace(digits, written=[])


def _filled(
    rows: int, columns: int, digits: Digits, pen: Pen, high: float, random: Random
) -> list[list[_Cell]]:
    """Choose and write the content of the cells: a kind of number for each column."""
    kinds = random.choice(
        ["digit", "whole", "decimal", "signed"], columns, p=[0.25, 0.4, 0.2, 0.15]
    )
    empty, lettered = random.choice([0.02, 0.1, 0.4]), random.choice([0, 0.03])
    heading, numbered = random.random() < 0.3, random.random() < 0.3
    nothing = _Cell(np.zeros((1, 1), np.uint8), "")
    cells = []
    for i in range(rows):
        row = []
        for j, kind in enumerate(kinds):
            if heading and i == 0:
                word = str(random.choice(_WORDS))
                row.append(_Cell(_printed(word, 0.75 * high * SUPERSAMPLING), "?"))
            elif numbered and j == 0:
                row.append(_Cell(_printed(str(i), 0.9 * high * SUPERSAMPLING), str(i)))
            elif random.random() < empty:
                row.append(nothing)
            elif random.random() < lettered:
                text = "?" * int(random.integers(1, 3))
                row.append(_written(text, digits, pen, high, random))
            else:
                row.append(_written(_number(random, str(kind)), digits, pen, high, random))
        cells.append(row)
    return cells


def _number(random: Random, kind: str = "whole") -> str:
    if kind == "digit":
        return str(random.integers(10))
    whole = str(random.integers(10 ** int(random.integers(1, 4 if kind == "whole" else 3))))
    if kind == "decimal":
        return f"{whole}.{random.integers(10 ** int(random.integers(1, 3)))}"
    if kind == "signed":
        return str(random.choice(["-", "-", "+", ""])) + whole
    return whole


def _written(text: str, digits: Digits, pen: Pen, high: float, random: Random) -> _Cell:
    line = write(Layout((Part(text),)), digits, high, random, pen=pen)
    rows, columns = np.flatnonzero(line.ink.max(1)), np.flatnonzero(line.ink.max(0))
    if not len(rows):
        return _Cell(np.zeros((1, 1), np.uint8), "")
    top, bottom = int(line.box[1] - 2), int(line.box[3] + 2)
    top, bottom = max(0, min(top, rows[0])), max(bottom, rows[-1] + 1)
    return _Cell(line.ink[top:bottom, columns[0] : columns[-1] + 1], text)


def _printed(text: str, high: float) -> Grey:
    """Print a text with digits of a height in pixels."""
    font = ImageFont.load_default(high * 1.4)
    left, top, right, bottom = map(int, font.getbbox(text))
    image = Image.new("L", (right - left + 2, bottom - top + 2))
    ImageDraw.Draw(image).text((1 - left, 1 - top), text, 255, font)
    return np.asarray(image, np.uint8)


def _paste(page: Grey, ink: Grey, x: float, y: float) -> None:
    left, top = max(0, int(x)), max(0, int(y))
    area = page[top : top + ink.shape[0], left : left + ink.shape[1]]
    np.maximum(area, ink[: area.shape[0], : area.shape[1]], out=area)


def _merged(rows: int, columns: int, random: Random) -> tuple[tuple[int, int, int, int], ...]:
    """Merge two or three neighbouring cells of a row or of a column."""
    count = int(random.integers(2, 4))
    if random.random() < 0.5 and columns > count:
        y, x = int(random.integers(rows)), int(random.integers(columns - count + 1))
        return ((y, x, 1, count),)
    if rows > count:
        y, x = int(random.integers(rows - count + 1)), int(random.integers(columns))
        return ((y, x, count, 1),)
    return ()


def _drawn(
    cells: Sequence[Sequence[_Cell]], pitch: float, widths: Sequence[float],
    merged: Sequence[tuple[int, int, int, int]], random: Random, *, hard: bool,
) -> tuple[Grey, Grey, float, str]:  # fmt: skip
    """Draw the sheet; return its ink, its rules, the rules' strength, and what is special."""
    rows, columns = len(cells), len(widths)
    margin = pitch * random.uniform(0.5, 2.5, 4)
    title = random.random() < 0.5
    if title:
        margin[1] += 2 * pitch
    x = margin[0] + np.concatenate([[0], np.cumsum(widths)])
    y = margin[1] + pitch * np.arange(rows + 1)
    size = (int(y[-1] + margin[3]), int(x[-1] + margin[2]))
    ink, rules = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
    thin = max(1.0, pitch * random.choice([0.012, 0.025, 0.045]))
    strength = float(random.choice([random.uniform(0.2, 0.5), random.uniform(0.5, 1.0)]))
    open_sides = np.zeros(4, bool)
    kind = ""
    if hard and random.random() < 0.2:
        open_sides[random.choice([[0], [1], [2], [3], [0, 2], [1, 3], [0, 1, 2, 3]][
            int(random.integers(7))])] = True  # fmt: skip
        kind += " open"
    # How far rules end before the table's edge; and of how many rules one is thick, 0 for none.
    short = pitch * random.uniform(0.02, 0.12) if hard and random.random() < 0.15 else 0.0
    thick = int(random.choice([0, 3])) if random.random() < 0.3 else 0
    in_merged = {(i, j) for t, s, h, w in merged for i in range(t, t + h) for j in range(s, s + w)}

    def rule(a: tuple[float, float], b: tuple[float, float], width: float) -> None:
        ends = [(int(p[0] * 16), int(p[1] * 16)) for p in (a, b)]
        cv2.line(rules, ends[0], ends[1], 255, hands.thickness_for(width), cv2.LINE_AA, 4)

    for i in range(rows + 1):
        if (i == 0 and open_sides[1]) or (i == rows and open_sides[3]):
            continue
        wide = 2.2 * thin if thick and i % thick == 0 else thin
        for j in range(columns):
            if (i - 1, j) in in_merged and (i, j) in in_merged:
                continue
            ends = (x[j] + short * (j == 0), x[j + 1] - short * (j == columns - 1))
            rule((ends[0], y[i]), (ends[1], y[i]), wide)
    for j in range(columns + 1):
        if (j == 0 and open_sides[0]) or (j == columns and open_sides[2]):
            continue
        wide = 2.2 * thin if thick and j % thick == 0 else thin
        for i in range(rows):
            if (i, j - 1) in in_merged and (i, j) in in_merged:
                continue
            ends = (y[i] + short * (i == 0), y[i + 1] - short * (i == rows - 1))
            rule((x[j], ends[0]), (x[j], ends[1]), wide)
    covered = in_merged - {(t, s) for t, s, _, _ in merged}
    spans = {(t, s): (h, w) for t, s, h, w in merged}
    across, down = random.uniform(0.2, 0.8, 2)
    for i in range(rows):
        for j in range(columns):
            drawn = cells[i][j].ink
            if (i, j) in covered or drawn.size < 4:
                continue
            tall, wide_span = spans.get((i, j), (1, 1))
            width, height = x[j + wide_span] - x[j], y[i + tall] - y[i]
            factor = min(1.0, 0.98 * width / drawn.shape[1], 0.98 * height / drawn.shape[0])
            if factor < 1:
                drawn = np.asarray(
                    cv2.resize(drawn, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA),
                    np.uint8,
                )
            free = max(0.0, width - drawn.shape[1]), max(0.0, height - drawn.shape[0])
            place = np.clip(np.array([across, down]) + random.normal(0, 0.12, 2), 0.02, 0.98)
            _paste(ink, drawn, x[j] + place[0] * free[0], y[i] + place[1] * free[1])
    if title:
        _paste(ink, _printed(str(random.choice(_TITLES)), 0.6 * pitch), x[0], 0.7 * pitch)
    return ink, rules, strength, kind


def _captured(
    ink: Grey, rules: Grey, strength: float, random: Random, *, hard: bool
) -> tuple[Grey, str]:
    """Scan the sheet, or photograph it on a table."""
    dark = random.uniform(0.5, 0.95)
    strength = max(strength, 0.15 / dark)
    sheet = np.asarray(
        np.minimum(1 - np.float32(dark / 255) * ink, 1 - np.float32(dark * strength / 255) * rules),
        np.float32,
    )
    is_photo = hard and random.random() < 0.6
    if not is_photo:
        values = _warped(sheet, random.uniform(-1.5, 1.5), 0.0, 0.0, random, edge=1.0)
        values = 250 * paper.blurred(values, random.uniform(0.3, 0.8))
        values += random.uniform(0, 4) * random.standard_normal(values.shape, np.float32)
        return np.clip(values, 0, 255).astype(np.uint8), "scan"
    turn, depth = random.uniform(-15, 15), random.uniform(0, 0.12)
    bend = random.choice([0.0, random.uniform(-0.008, 0.008)])
    around = float(random.uniform(0.25, 0.9))
    values = _warped(sheet, turn, depth, bend, random, edge=around)
    values = (
        random.uniform(140, 250) * paper.light(values.shape[0], values.shape[1], random) * values
    )
    values = paper.blurred(values, random.uniform(0.3, 2.0))
    values += random.uniform(0.5, 5) * random.standard_normal(values.shape, np.float32)
    grey = np.clip(values, 0, 255).astype(np.uint8)
    return paper.as_jpeg(grey, int(random.integers(50, 96))), "photo"


def _warped(
    sheet: Floats, turn: float, depth: float, bend: float, random: Random, *, edge: float
) -> Floats:
    """Look at a sheet that lies aslant.

    It is turned by `turn` degrees, one side is shorter by the fraction `depth`, and its rows are
    bent by the fraction `bend` of its width. `edge` is the light around it, 0 to 1.
    """
    rows, columns = sheet.shape
    corners = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float64)
    if depth:
        shorter = int(random.integers(4))
        a, b = corners[shorter], corners[(shorter + 1) % 4]
        aside = depth / 2 * (b - a)
        moved = corners.copy()
        moved[shorter] += aside
        moved[(shorter + 1) % 4] -= aside
    else:
        moved = corners
    angle = np.deg2rad(turn)
    moved = moved @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    moved = (moved - moved.min(0)) / SUPERSAMPLING
    margin = random.uniform(0.0, 0.06) * moved.max() if edge < 1 else 0.0
    moved += margin
    size = np.ceil(moved.max(0) + margin).astype(int)
    move = cv2.getPerspectiveTransform(corners.astype(np.float32), moved.astype(np.float32))
    if bend:  # the sheet is not flat
        y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
        y += np.float32(bend * columns) * np.sin(np.pi * x / columns)
        sheet = np.asarray(
            cv2.remap(sheet, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
        )
    smoothed = cv2.GaussianBlur(sheet, (0, 0), 0.4 * SUPERSAMPLING)  # against aliasing
    seen = cv2.warpPerspective(smoothed, move, tuple(map(int, size)), borderValue=edge)
    return np.asarray(seen, np.float32)
