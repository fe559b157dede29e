"""Pictures of a written line: paper with rules or boxes, taken by a scanner or a phone.

Rules (ruled lines) of any strength, dotted or crooked, some near the digits or touching them;
squared paper; combs and grids; parts of the lines above and below; shadow, blur, noise, one-bit
images, JPEG. Knows nothing of training.
"""

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.augmentation import hands
from mnistry.augmentation.lines import SUPERSAMPLING, Digits, Layout, Written, lay_out, write

Random = np.random.Generator
Grey = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclasses.dataclass(frozen=True, eq=False)
class Picture:
    """A picture of one written line.

    Attributes
    ----------
    grey
        ``uint8``, shape ``(height, width)``.
    text
        The correct text.
    rows
        First and last row of the digits.
    stroke
        Width of the pen, in pixels.
    is_light
        Whether the paper is lighter than the ink.
    kind
        What is around the line: ``"plain"``, ``"underline"``, ``"box"``, ``"comb"``, ``"grid"``,
        ``"ruled"``, ``"squared"``.
    """

    grey: Grey = dataclasses.field(repr=False)
    text: str
    rows: tuple[float, float]
    stroke: float
    is_light: bool
    kind: str


def picture(digits: Digits, random: Random, *, severity: float = 1.0) -> Picture:
    """Write a line, put it on paper and take its picture.

    Parameters
    ----------
    digits
        What it is written with.
    severity
        0 to 1: how small the digits may be, and how much is wrong with the picture.
    """
    layout = lay_out(random, judge=digits.judge)
    smallest = 17 + 13 * (1 - severity)
    height = float(np.exp(random.uniform(np.log(smallest), np.log(75))))
    if len(layout.text) > 8:
        height = min(height, 40)
    written = write(layout, digits, height, random)
    return photograph(written, layout, random, severity=severity)


def photograph(
    written: Written, layout: Layout, random: Random, *, severity: float = 1.0
) -> Picture:
    """Put a written line on paper and take its picture; `severity` as in `picture`."""
    high = written.height
    kind = _kind(layout, random)
    rules = np.zeros_like(written.ink)
    left, top, right, bottom = written.box
    rows, columns = written.ink.shape
    # The part of the page in the picture: close to the line, or with a margin.
    near = random.random(4) < 0.25 * severity
    near[0] |= layout.text.startswith("-") and random.random() < 0.4 * severity
    sides = np.where(near, random.uniform(-0.06, 0.1, 4), random.uniform(0.05, 0.95, 4)) * high
    window = [left - sides[0], top - sides[1], right + sides[2], bottom + sides[3]]
    pen = _RulePen.drawn(high, random)
    if kind == "underline" and random.random() < 0.25:
        pen = dataclasses.replace(pen, dash=0.0, gap=pen.width * random.uniform(1.6, 4))
    if kind in ("comb", "grid"):
        _cells(rules, written, pen, window, random)
    elif kind == "box":
        _box(rules, written, pen, random)
    elif kind == "underline":
        _underline(rules, written, pen, random)
    elif kind in ("ruled", "squared"):
        _ruled(rules, written, pen, kind == "squared", random)
    ink = written.ink
    if random.random() < 0.25 * severity:
        ink = _with_neighbours(written, random)
    if random.random() < 0.2 * severity:
        _specks(ink, written, random)
    x0, y0 = (int(np.clip(v, 0, 1e9)) for v in window[:2])
    x1, y1 = int(min(columns, window[2])), int(min(rows, window[3]))
    seen, ruled = (_coarse(layer[y0:y1, x0:x1]) for layer in (ink, rules))
    grey, is_light = _captured(seen, ruled, pen.strength, random, severity)
    edges = ((top - y0) / SUPERSAMPLING, (bottom - y0) / SUPERSAMPLING)
    return Picture(grey, written.text, edges, written.pen.width / SUPERSAMPLING, is_light, kind)


def _kind(layout: Layout, random: Random) -> str:
    if layout.cells:
        return layout.cells
    kinds = ("plain", "underline", "box", "ruled", "squared")
    return str(random.choice(kinds, p=(0.36, 0.24, 0.15, 0.17, 0.08)))


@dataclasses.dataclass(frozen=True)
class _RulePen:
    """A pen for rules.

    Attributes
    ----------
    width, dash, gap
        In pixels. Without a gap the rule is whole; with a gap and no dash it is dotted.
    strength
        Relative to full ink.
    shake
        How crooked it is; 0 for straight.
    """

    width: int
    dash: float
    gap: float
    strength: float
    shake: float

    @classmethod
    def drawn(cls, high: float, random: Random) -> "_RulePen":
        width = max(1, round(high * random.choice([0.025, 0.045, 0.07, 0.1])))
        way = random.random()
        dash, gap = 0.0, 0.0
        if way < 0.18:  # dotted
            dash, gap = 0.0, width * random.uniform(1.6, 4)
        elif way < 0.23:
            dash, gap = high * random.uniform(0.1, 0.3), high * random.uniform(0.05, 0.2)
        strength = random.choice([random.uniform(0.15, 0.6), random.uniform(0.6, 1.3)])
        return cls(width, dash, gap, strength, random.choice([0, 0, random.uniform(0, 0.03)]))


def _rule(
    page: Grey, start: Sequence[float], end: Sequence[float], pen: _RulePen, random: Random
) -> None:
    """Draw a straight or crooked rule, whole, dashed or dotted."""
    a, b = np.asarray(start, float), np.asarray(end, float)
    length = float(np.hypot(*(b - a)))
    if length < 2:
        return
    if pen.gap:
        step = max(pen.dash + pen.gap + (pen.width if not pen.dash else 0), 2.0)
        for at in np.arange(0, length, step)[:400]:
            p = a + (b - a) * at / length
            if not pen.dash:
                cv2.circle(page, (int(p[0] * 16), int(p[1] * 16)),
                           max(10, int(pen.width * 9)), 255, -1, cv2.LINE_AA, 4)  # fmt: skip
                continue
            q = a + (b - a) * min(at + pen.dash, length) / length
            cv2.line(
                page, _fixed(p), _fixed(q), 255, hands.thickness_for(pen.width), cv2.LINE_AA, 4
            )
        return
    points = [a, b]
    if pen.shake:
        t = np.linspace(0, 1, 7)[:, None]
        points = a + (b - a) * t + random.normal(0, pen.shake * 40, (7, 2)) * [0.3, 1] * 0.6
    cv2.polylines(page, [np.rint(np.asarray(points) * 16).astype(np.int32)], False, 255,
                  hands.thickness_for(pen.width), cv2.LINE_AA, 4)  # fmt: skip


def _fixed(point: NDArray[np.floating]) -> tuple[int, int]:
    return int(point[0] * 16), int(point[1] * 16)


def _underline(page: Grey, written: Written, pen: _RulePen, random: Random) -> None:
    """Draw a rule below the line, near, sloping or touching; sometimes one above too."""
    left, top, right, bottom = written.box
    high = written.height
    slope = written.slope * (random.random() < 0.5) + random.normal(0, 0.012)
    reach = random.uniform(-0.3, 1.0, 2) * high
    near = random.choice([random.uniform(-0.08, 0.1), random.uniform(0.08, 0.6)], p=[0.3, 0.7])
    y = bottom + near * high
    if random.random() < 0.25:  # across the whole picture
        reach = np.array([9.0, 9.0]) * high
    x0, x1 = left - reach[0], right + reach[1]
    middle = (left + right) / 2
    for offset in [0.0] + [random.uniform(0.08, 0.15) * high] * (random.random() < 0.06):
        _rule(page, (x0, y + offset + slope * (x0 - middle)),
              (x1, y + offset + slope * (x1 - middle)), pen, random)  # fmt: skip
    if random.random() < 0.25:
        y = top - random.uniform(0.05, 0.6) * high
        _rule(page, (x0, y + slope * (x0 - middle)), (x1, y + slope * (x1 - middle)), pen, random)


def _box(page: Grey, written: Written, pen: _RulePen, random: Random) -> None:
    """Draw all or some sides of a box around the line; some may be outside the picture."""
    left, top, right, bottom = written.box
    high = written.height
    x0, y0 = left - random.uniform(0.02, 0.7) * high, top - random.uniform(0.02, 0.45) * high
    x1, y1 = right + random.uniform(0.02, 0.9) * high, bottom + random.uniform(0.02, 0.45) * high
    lean = random.normal(0, 0.01, 2) * high
    sides = random.random(4) < 0.85
    far = random.random(4) < 0.35  # continue into the sides of other boxes
    reach = np.where(far, 9 * high, random.uniform(-0.03, 0.1) * high)
    if sides[0]:
        _rule(page, (x0 - reach[0], y0 + lean[0]), (x1 + reach[1], y0 - lean[0]), pen, random)
    if sides[1]:
        _rule(page, (x0 - reach[0], y1 + lean[0]), (x1 + reach[1], y1 - lean[0]), pen, random)
    if sides[2]:
        _rule(page, (x0 + lean[1], y0 - reach[2]), (x0 - lean[1], y1 + reach[3]), pen, random)
    if sides[3]:
        _rule(page, (x1 + lean[1], y0 - reach[2]), (x1 - lean[1], y1 + reach[3]), pen, random)


def _cells(
    page: Grey, written: Written, pen: _RulePen, window: list[float], random: Random
) -> None:
    """Draw the cells of a comb or of a row of a grid.

    The left and right side of `window`, the part of the page in the picture, are moved to near the
    outermost walls.
    """
    left, top, right, bottom = written.box
    high, walls = written.height, written.walls
    y0 = top - random.uniform(0.03, 0.4) * high
    y1 = bottom + random.uniform(0.03, 0.4) * high
    lean = random.normal(0, 0.015)
    slope = written.slope * (random.random() < 0.5)
    open_top = random.random() < 0.2  # a comb of ticks
    far = random.random() < 0.5
    up, down = random.uniform(0, 1.5, 2) * high if far else (0.0, 0.0)
    first = walls[0]
    for wall in walls:
        at = slope * (wall - first)
        start = y0 - up + at if not open_top else y1 - random.uniform(0.15, 0.5) * high + at
        _rule(page, (wall + lean * high, start), (wall - lean * high, y1 + down + at), pen, random)
    x0, x1 = walls[0] - 9 * high * far, walls[-1] + 9 * high * far
    for y in [y1] + [y0] * (not open_top and random.random() < 0.9):
        _rule(page, (x0, y + slope * (x0 - first)), (x1, y + slope * (x1 - first)), pen, random)
    window[0] = min(walls[0] + random.uniform(-0.2, 0.15) * high, left - 0.05 * high)
    window[2] = max(walls[-1] + random.uniform(-0.15, 0.2) * high, right + 0.05 * high)


def _ruled(page: Grey, written: Written, pen: _RulePen, squared: bool, random: Random) -> None:
    """Draw ruled or squared paper across the whole picture."""
    high = written.height
    rows, columns = page.shape
    if squared:
        faint = random.uniform(0.1, 0.6)
        pen = dataclasses.replace(pen, width=max(1, round(high * 0.02)),
                                  strength=min(0.6 * pen.strength, faint))  # fmt: skip
    pitch = high * (random.uniform(0.4, 1.3) if squared else random.uniform(1.2, 2.4))
    slope = random.normal(0, 0.01)
    below = (
        written.box[3]
        + random.choice([random.normal(0.05, 0.08), random.uniform(-0.9, 0.5)]) * high
    )
    for y in np.arange(below - 8 * pitch, rows + pitch, pitch):
        if -high < y < rows + high:
            _rule(page, (0, y), (columns, y + slope * columns), pen, random)
    if squared:
        for x in np.arange(random.uniform(0, pitch), columns, pitch):
            _rule(page, (x, 0), (x - slope * rows, rows), pen, random)
    elif random.random() < 0.3:  # a vertical margin line
        x = written.box[0] - random.uniform(0.08, 0.8) * high
        _rule(page, (x, 0), (x - slope * rows, rows), pen, random)


def _with_neighbours(written: Written, random: Random) -> Grey:
    """Add parts of the lines above and below."""
    ink = written.ink.copy()
    _, top, _, bottom = written.box
    other = written.ink
    for above in (True, False):
        if random.random() < 0.6:
            continue
        gap = int(random.uniform(0.3, 0.7) * written.height)
        moved = np.roll(other, int(random.uniform(0.3, 3) * written.height), axis=1)[:, ::-1]
        if above:
            stop = max(0, int(top) - gap)  # the row where the line above ends
            last = int(bottom)
            part = moved[max(0, last - stop) : last]
            area = ink[stop - len(part) : stop]
        else:
            first = min(len(ink), int(bottom) + gap)
            part = moved[int(top) : int(top) + len(ink) - first]
            area = ink[first : first + len(part)]
        np.maximum(area, part[: len(area)], out=area)
    return ink


def _specks(ink: Grey, written: Written, random: Random) -> None:
    """Put dirt on the paper: clearly thinner than the pen, or where no decimal point would be."""
    left, top, right, bottom = written.box
    high = written.height
    for _ in range(random.integers(1, 5)):
        x = random.uniform(left - 0.8 * high, right + 0.8 * high)
        far = random.random() < 0.4
        y = top - random.uniform(0.3, 0.6) * high if far else random.uniform(top, bottom)
        size = written.pen.width * (random.uniform(0.2, 0.7) if far else random.uniform(0.1, 0.22))
        cv2.circle(ink, (int(x * 16), int(y * 16)), max(4, int(size * 8)),
                   int(random.uniform(60, 255)), -1, cv2.LINE_AA, 4)  # fmt: skip


def _coarse(layer: Grey) -> Floats:
    rows, columns = (max(8, side // SUPERSAMPLING) for side in layer.shape)
    small = cv2.resize(layer, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255)


def _captured(
    ink: Floats, rules: Floats, rule_strength: float, random: Random, severity: float
) -> tuple[Grey, bool]:
    """Take the picture: light, contrast, blur, noise, one bit, JPEG, sometimes light on dark.

    Return it, and whether its paper is lighter than its ink.
    """
    faint = random.random() < 0.5 * severity
    dark = random.uniform(0.25, 0.6) if faint else random.uniform(0.55, 0.95)
    rule_dark = np.float32(min(0.95, dark * rule_strength))
    reflected = np.asarray((1 - np.float32(dark) * ink) * (1 - rule_dark * rules), np.float32)
    way = random.choice(4, p=(0.5, 0.25, 0.15, 0.1))
    rows, columns = ink.shape
    paper = random.uniform(130, 250)
    if way == 0:  # a phone
        values = paper * light(rows, columns, random) * reflected
        values = blurred(values, random.uniform(0.3, 0.4 + 0.8 * severity))
        values += random.uniform(0.5, 1 + 6 * severity) * random.standard_normal(
            values.shape, np.float32
        )
        if random.random() < 0.5:
            values += texture(rows, columns, random)
        grey = np.clip(values, 0, 255).astype(np.uint8)
        if random.random() < 0.7:
            quality = int(random.integers(35, 96))
            grey = as_jpeg(grey, quality)
    elif way == 1:  # a scanner
        values = 250 * blurred(reflected, random.uniform(0.3, 0.7))
        values += random.uniform(0, 3) * random.standard_normal(values.shape, np.float32)
        grey = np.clip(values, 0, 255).astype(np.uint8)
    elif way == 2:  # a one-bit scanner
        values = reflected + dark * random.uniform(0.02, 0.1) * random.standard_normal(
            reflected.shape, np.float32
        )
        grey = np.where(values > 1 - dark * random.uniform(0.3, 0.55), 255, 0).astype(np.uint8)
    else:  # drawn on a screen
        clean = 1 - np.maximum(ink, rules * min(1.0, rule_strength))
        grey = np.asarray(255 * clean, np.uint8)
    if random.random() < 0.08:
        return 255 - grey, False
    return grey, True


def blurred(values: Floats, sigma: float) -> Floats:
    """Blur by a Gaussian of this standard deviation, in pixels."""
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma), np.float32)


def as_jpeg(grey: Grey, quality: int) -> Grey:
    """Return a picture as it looks after it was stored as a JPEG."""
    coded = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)


def light(rows: int, columns: int, random: Random) -> Floats:
    """Return the light on each pixel, about 1: a gradient, and sometimes the edge of a shadow."""
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    along = (x / columns - 0.5) * random.normal(0, 0.12) + (y / rows - 0.5) * random.normal(0, 0.08)
    lit = 1 + along
    if random.random() < 0.15:  # a shadow's edge
        angle = random.uniform(0, 6.28)
        edge = (x - columns * random.random()) * np.cos(angle) + (
            y - rows * random.random()
        ) * np.sin(angle)
        soft = rows * random.uniform(0.1, 0.6)
        lit = lit * (1 - random.uniform(0.1, 0.35) / (1 + np.exp(-edge / soft)))
    return np.asarray(np.minimum(lit, 1.15), np.float32)


def texture(rows: int, columns: int, random: Random) -> Floats:
    """Make the texture of paper or of a desk, to be added to grey values."""
    size = random.uniform(1.0, 4.0)
    small = random.standard_normal((int(rows / size) + 2, int(columns / size) + 2), np.float32)
    return np.asarray(
        random.uniform(0.5, 5) * cv2.resize(small, (columns, rows), interpolation=cv2.INTER_CUBIC),
        np.float32,
    )
