"""Written lines as people write them: numbers, amounts, dates, times, fractions, sums.

A line is laid out and then written by one writer with one pen. Its text has the signs as written,
one space between separate numbers, and ``?`` for a mark that is neither digit nor sign. Lines for
evaluation have other digits, writers, signs and layouts than lines for training. Knows nothing of
paper and camera; see `mnistry.augmentation.paper`.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.augmentation import hands, signs, styles
from mnistry.augmentation.hands import Pen, PenDigit
from mnistry.datasets.dataset import Images, Labels

# Lines are drawn at this multiple of their final resolution.
SUPERSAMPLING = 2

Random = np.random.Generator


@dataclasses.dataclass(frozen=True, eq=False)
class Digits:
    """The digits that lines are written with.

    Attributes
    ----------
    written
        Each writer's digits: ``written[writer][digit]`` are pen digits.
    images
        Sets of images: ``images[set][digit]`` is ``uint8``, shape ``(n, side, side)``, 0 for
        paper. A line takes its digits from one set.
    judge
        Whether to use the signs and layouts for evaluation.
    """

    written: Sequence[Sequence[Sequence[PenDigit]]]
    images: Sequence[Sequence[Images]]
    judge: bool = False

    def by_one(self, random: Random) -> "Digits":
        """Return the digits of one writer, or one set of images."""
        if self.written and (not self.images or random.random() < 0.5):
            return Digits([self.written[int(random.integers(len(self.written)))]], [], self.judge)
        return Digits([], [self.images[int(random.integers(len(self.images)))]], self.judge)

    @classmethod
    def of(
        cls,
        written: Sequence[PenDigit],
        sets: Sequence[tuple[Images, Labels]],
        *,
        judge: bool = False,
    ) -> "Digits":
        """Sort digits by writer and by digit."""
        people = sorted({one.writer for one in written})
        by_writer = [
            [[one for one in written if (one.writer, one.digit) == (writer, d)] for d in range(10)]
            for writer in people
        ]
        whole = [writer for writer in by_writer if all(writer)]
        return cls(whole, [[x[y == d] for d in range(10)] for x, y in sets], judge)


@dataclasses.dataclass(frozen=True)
class Part:
    """A piece of a line: its text, and its size and how far it is raised, in digit heights."""

    text: str
    size: float = 1.0
    raised: float = 0.0


@dataclasses.dataclass(frozen=True)
class Layout:
    """The content of a line.

    Attributes
    ----------
    parts
        From left to right; a space is a gap between numbers.
    cells
        ``""`` for a line written freely, ``"comb"`` for one digit in each cell, ``"grid"`` for
        one number in each cell.
    """

    parts: tuple[Part, ...]
    cells: str = ""

    @property
    def text(self) -> str:
        """The correct text."""
        return "".join(part.text for part in self.parts)


@dataclasses.dataclass(frozen=True, eq=False)
class Written:
    """A written line on a page of its own, at `SUPERSAMPLING` times its final resolution.

    Attributes
    ----------
    ink
        ``uint8``, 0 for paper to 255 for ink, with a margin of a digit's height all round.
    text
        The correct text.
    height
        Height of its digits, in pixels.
    box
        Left, top, right and bottom of the writing, in pixels.
    slope
        How far the line falls for each pixel to the right, in pixels.
    walls
        Columns of the lines between cells.
    pen
        The pen.
    """

    ink: NDArray[np.uint8] = dataclasses.field(repr=False)
    text: str
    height: float
    box: tuple[float, float, float, float]
    slope: float
    walls: tuple[float, ...]
    pen: Pen


def lay_out(random: Random, *, judge: bool = False) -> Layout:
    """Choose what to write."""
    kinds = (
        (_number, 0.24), (_decimal, 0.13), (_negative, 0.09), (_amount, 0.07), (_date, 0.13),
        (_time, 0.04), (_fraction, 0.11), (_sum, 0.06), (_columns, 0.08), (_mixed, 0.07),
        (_words, 0.04),
    )  # fmt: skip
    shares = np.array([share for _, share in kinds])
    layout = kinds[random.choice(len(kinds), p=shares / shares.sum())][0](random, judge)
    if random.random() < 0.08:
        layout = _with_something(layout, random)
    return layout


def write(
    layout: Layout, digits: Digits, height: float, random: Random, *, pen: Pen | None = None
) -> Written:
    """Write a line as one writer would.

    Parameters
    ----------
    layout
        What to write.
    digits
        The digits to choose a writer from.
    height
        Final height of the digits, in pixels.
    pen
        What to write with; None chooses a pen.
    """
    high = height * SUPERSAMPLING
    pen = pen or Pen.drawn_for(high, random)
    hand = _Hand.drawn_from(digits, pen, random)
    slope = float(random.normal(0, 0.035) if random.random() < 0.7 else 0)
    places, walls = _places(layout, hand, high, random)
    margin = high
    last = max(place.x + place.size * place.glyph.width for place in places) if places else high
    fall = slope * last
    top = margin + max(0.0, -fall)
    canvas = np.zeros((int(2 * margin + high + abs(fall)), int(last + 2 * margin)), np.uint8)
    wave, phase = random.uniform(0, 0.05) * high, random.uniform(0, 6)
    jitter = random.uniform(0.01, 0.06)
    box = [np.inf, np.inf, -np.inf, -np.inf]
    for place in places:
        x = margin + place.x
        y = top + place.y + slope * place.x + wave * np.sin(phase + place.x / high)
        y += random.normal(0, jitter) * high
        hand.draw(canvas, place.glyph, (x, y), place.size, random)
        width = place.glyph.width * place.size
        upper, lower = (0.0, place.size) if place.is_digit else (0.4 * high, 0.6 * high)
        box = [min(box[0], x), min(box[1], y + upper),
               max(box[2], x + width), max(box[3], y + lower)]  # fmt: skip
    if pen.grain:
        canvas = hands.grained(canvas, pen.grain, random)
    edges = tuple(float(wall + margin) for wall in walls)
    return Written(canvas, layout.text, high, tuple(box), slope, edges, pen)  # type: ignore[arg-type]


@dataclasses.dataclass(frozen=True, eq=False)
class _Glyph:
    """Strokes or an image, and its width as a multiple of its height."""

    strokes: Sequence[NDArray[np.floating]] | None
    image: NDArray[np.uint8] | None
    width: float


@dataclasses.dataclass(frozen=True, eq=False)
class _Place:
    glyph: _Glyph
    x: float
    y: float
    size: float
    is_digit: bool


class _Hand:
    """One writer with one pen, who draws digits and signs in a style of their own."""

    def __init__(
        self, shapes: Sequence[Sequence[PenDigit]] | Sequence[Images], pen: Pen, judge: bool
    ) -> None:
        self._shapes, self.pen, self._judge = shapes, pen, judge
        self._slant = 0.0

    @classmethod
    def drawn_from(cls, digits: Digits, pen: Pen, random: Random) -> "_Hand":
        """Choose a writer: half of the time one whose strokes are known."""
        if digits.written and (not digits.images or random.random() < 0.5):
            shapes = digits.written[int(random.integers(len(digits.written)))]
            hand = cls(shapes, pen, digits.judge)
        else:
            # The first set is by far the largest, so it is chosen four times in five.
            count = len(digits.images)
            chosen = 0 if count == 1 or random.random() < 0.8 else int(random.integers(1, count))
            hand = cls(digits.images[chosen], pen, digits.judge)
        hand._slant = float(random.normal(0.03, 0.1))
        return hand

    def glyph(self, character: str, random: Random) -> _Glyph:
        if not character.isdigit():
            strokes = signs.draw_sign(character, random, judge=self._judge)
            left = min(float(stroke[:, 0].min()) for stroke in strokes)
            moved = [stroke - [left, 0] for stroke in strokes]
            if character not in "/.,:":
                moved = [self._slanted(stroke) for stroke in moved]
            return _Glyph(moved, None, max(float(stroke[:, 0].max()) for stroke in moved))
        shapes = self._shapes[int(character)]
        shape = shapes[int(random.integers(len(shapes)))]
        if isinstance(shape, PenDigit):
            strokes = [self._slanted(stroke) for stroke in shape.strokes]
            left = min(float(stroke[:, 0].min()) for stroke in strokes)
            strokes = [stroke - [left, 0] for stroke in strokes]
            return _Glyph(strokes, None, max(float(s[:, 0].max()) for s in strokes))
        rows, columns = np.flatnonzero(shape.max(1) > 99), np.flatnonzero(shape.max(0) > 99)
        part = shape[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        return _Glyph(None, part, part.shape[1] / part.shape[0])

    def _slanted(self, stroke: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.asarray(stroke + self._slant * (1 - stroke[:, 1:]) * [1, 0], np.float64)

    def draw(
        self,
        canvas: NDArray[np.uint8],
        glyph: _Glyph,
        corner: tuple[float, float],
        size: float,
        random: Random,
    ) -> None:
        if glyph.strokes is not None:
            hands.draw(canvas, [s * size + corner for s in glyph.strokes], self.pen, random)
            return
        if glyph.image is not None:
            self._draw_image(canvas, glyph.image, corner, size)

    def _draw_image(
        self, canvas: NDArray[np.uint8], image: NDArray[np.uint8],
        corner: tuple[float, float], size: float,
    ) -> None:  # fmt: skip
        """Draw an image enlarged and slanted, with strokes as wide as the pen's."""
        margin = int(self.pen.width) + 4
        factor = size / image.shape[0]
        slant = self._slant * 0.6
        lean = slant * size
        width = int(image.shape[1] * factor + abs(lean)) + 2 * margin
        rows = int(size) + 2 * margin
        move = np.array(
            [[factor, -slant * factor, margin + max(lean, 0)], [0, factor, margin]], np.float64
        )
        move[:, 2] += 0.5 * factor
        grey = cv2.warpAffine(image, move, (width, rows), flags=cv2.INTER_CUBIC)
        mask = (grey > 110).astype(np.uint8)
        inside = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
        if not mask.any():
            return
        # The present width: up to 1 pixel more than `mnist_form.stroke_width` gives. The edge moves
        # towards the pen's width, but only so far that the digit stays recognisable.
        stroke = 4 * float(inside[mask > 0].mean()) - 1
        shift = float(np.clip((self.pen.width - stroke) / 2, -0.3 * stroke, 0.4 * stroke))
        depths = np.where(
            mask > 0, inside - 0.5, 0.5 - cv2.distanceTransform(1 - mask, cv2.DIST_L2, 3)
        )
        ink = np.clip(255 * (depths + shift + 0.5), 0, 255).astype(np.uint8)
        x, y = int(corner[0]) - margin, int(corner[1]) - margin
        left, top = max(0, x), max(0, y)
        area = canvas[top : y + rows, left : x + width]
        np.maximum(area, ink[top - y :, left - x :][: area.shape[0], : area.shape[1]], out=area)


def _places(
    layout: Layout, hand: _Hand, high: float, random: Random
) -> tuple[list[_Place], list[float]]:
    """Put characters side by side, or into cells."""
    # Gaps between digits and between numbers, in parts of the digits' height.
    spacing = random.choice([random.uniform(0.0, 0.12), random.uniform(0.1, 0.35)], p=[0.4, 0.6])
    if random.random() < 0.14:
        spacing = random.uniform(-0.16, 0.0)  # digits touch
    elif " " not in layout.text and random.random() < (0.3 if layout.text.isdigit() else 0.1):
        spacing = random.uniform(0.35, 1.5)  # digits far apart, and yet one number
    # Standard deviations of the gaps and of the digits' heights.
    spread, uneven = random.uniform(0.01, 0.08), random.uniform(0.01, 0.09)
    word_gap = random.uniform(0.75, 2.2) if random.random() < 0.85 else random.uniform(2.2, 5)
    # The least widths of a comb's cell and of a grid's cell.
    pitch = high * random.uniform(1.0, 1.4)
    cell = high * random.uniform(1.9, 3.4)
    x, start = 0.0, 0.0
    places: list[_Place] = []
    walls = [0.0] if layout.cells else []
    before = ""
    run: list[_Place] = []
    cells = layout.cells

    def close_cell(width: float) -> float:
        """End a cell that is at least `width` wide; return the column of its right wall.

        The characters since the last wall are moved to near the cell's middle.
        """
        nonlocal run
        used = max((p.x + p.glyph.width * p.size for p in run), default=start) - start
        width = max(width, used + 0.12 * high)
        free = width - used
        aside = free * (random.uniform(0.2, 0.8) if cells == "grid" else random.uniform(0.3, 0.7))
        places.extend(dataclasses.replace(p, x=p.x + aside) for p in run)
        run = []
        walls.append(start + width)
        return start + width

    for part in layout.parts:
        for character in part.text:
            if character == " ":
                if cells == "grid":
                    x = start = close_cell(cell)
                elif _is_whole_number(part):  # its fraction follows closely
                    x += random.uniform(0.02, 0.7) * high
                else:
                    x += word_gap * high
                before = ""
                continue
            size = part.size * high * max(0.7, 1 + random.normal(0, uneven))
            glyph = hand.glyph(character, random)
            gap = (spacing + random.normal(0, spread)) * high * part.size
            if not before:
                gap = 0.0
            elif character in ".,:" or before in ".,:":
                gap = abs(gap) * 0.8 + 0.04 * high
            elif part.raised or part.size < 1:  # figures above and below a slash overlap it
                gap = random.uniform(-0.28, 0.12) * high
            elif not (character.isdigit() and before.isdigit()):
                gap = abs(gap) + random.uniform(0.02, 0.3) * high
            # A box bounds the centre line of the strokes: half the pen's width lies outside.
            x += gap + 0.8 * hand.pen.width
            y = high - size if character.isdigit() else high - part.size * high
            if part.raised:
                y = (1 - part.raised) * high - size
            run.append(_Place(glyph, x, y, size, character.isdigit()))
            x += glyph.width * size
            before = character
            if cells == "comb":
                x = start = close_cell(pitch)
                before = ""
    if cells == "grid":
        close_cell(cell)
    places.extend(run)
    return places, walls


def _is_whole_number(part: Part) -> bool:
    """Return whether a part is the whole number of a mixed number, such as ``"1 "`` of 1 1/2."""
    return part.text.endswith(" ") and part.text[:-1].isdigit()


def _figures(random: Random, low: int, high: int) -> str:
    """Return random digits; sometimes the last ones repeat, as in round numbers."""
    count = int(random.integers(low, high + 1))
    made = [str(d) for d in random.integers(0, 10, count)]
    if count > 1 and random.random() < 0.2:
        last = random.integers(1, count)
        made[-last:] = [random.choice(["0", made[-1]])] * last
    return "".join(made)


def _plain(text: str, cells: str = "") -> Layout:
    return Layout((Part(text),), cells)


def _number(random: Random, judge: bool) -> Layout:
    if random.random() < 0.25:
        return _plain(_figures(random, 1, 1))
    text = _figures(random, 2, 6 if random.random() < 0.8 else 10)
    return _plain(text, "comb" if random.random() < (0.22 if not judge else 0.15) else "")


def _decimal(random: Random, judge: bool) -> Layout:
    sign = random.choice(["", "-", "+"], p=[0.75, 0.2, 0.05])
    point = random.choice([".", ","], p=[0.65, 0.35])
    after = _figures(random, 0 if random.random() < 0.15 else 1, 3)
    if judge and random.random() < 0.2:
        return _plain(f"{point}{_figures(random, 1, 3)}")
    return _plain(f"{sign}{_figures(random, 1, 4)}{point}{after}")


def _negative(random: Random, _judge: bool) -> Layout:
    number = _figures(random, 1, 5)
    way = random.random()
    if way < 0.7:
        return _plain("-" + number)
    if way < 0.82:
        return _plain("+" + number)
    return _plain(number + "-")


def _amount(random: Random, _judge: bool) -> Layout:
    groups = [
        _figures(random, 1, 3),
        *(_figures(random, 3, 3) for _ in range(random.integers(1, 3))),
    ]
    between, point = (",", ".") if random.random() < 0.6 else (".", ",")
    cents = random.choice(["", point + _figures(random, 2, 2), point + "-"], p=[0.4, 0.5, 0.1])
    tail = random.choice(["", " ?", "?"], p=[0.85, 0.1, 0.05])
    return _plain(between.join(groups) + cents + tail)


def _date(random: Random, judge: bool) -> Layout:
    day, month = int(random.integers(1, 32)), int(random.integers(1, 13))
    year = str(int(random.integers(1930, 2035)))
    if random.random() < 0.5:
        year = year[2:]
    between = random.choice(["/", "-", "."], p=[0.5, 0.25, 0.25])
    padded = random.random() < 0.5
    a, b = (f"{n:02}" if padded else str(n) for n in (day, month))
    way = random.random()
    if judge and way < 0.4:
        return _plain(f"{year}{between}{a}{between}{b}")
    if way < 0.15:
        return _plain(f"{a}{between}{b}")
    if way < 0.2:
        return _plain(f"{a}{between} {b}{between} {year}")
    if random.random() < 0.15:
        a, b = b, a
    return _plain(f"{a}{between}{b}{between}{year}")


def _time(random: Random, judge: bool) -> Layout:
    def one() -> str:
        return f"{int(random.integers(0, 24)):02}:{int(random.integers(0, 60)):02}"

    way = random.random()
    if way < 0.6:
        return _plain(one())
    if way < 0.75:
        return _plain(one() + ":" + f"{int(random.integers(0, 60)):02}")
    return _plain(one() + ("-" if judge or random.random() < 0.5 else " - ") + one())


def _fraction(random: Random, _judge: bool) -> Layout:
    above = random.choice(["1", str(int(random.integers(1, 10)))])
    below = random.choice(["2", "2", "3", "4", "8", str(int(random.integers(2, 17)))])
    whole = [] if random.random() < 0.35 else [Part(_figures(random, 1, 2) + " ")]
    if random.random() < 0.3:  # all on the line
        return Layout((*whole, Part(above), Part("/"), Part(below)))
    size = random.uniform(0.45, 0.75)
    raised = random.uniform(0.75, 1.1) - size * 0.9
    return Layout(
        (*whole, Part(above, size, max(raised, 0.05)), Part("/", random.uniform(0.75, 0.99), 0),
         Part(below, size, -random.uniform(0.02, 0.3)))
    )  # fmt: skip


def _sum(random: Random, judge: bool) -> Layout:
    text = _figures(random, 1, 2)
    for _ in range(random.integers(1, 4)):
        text += random.choice(["+", "-", "?"], p=[0.35, 0.25, 0.4]) + _figures(random, 1, 2)
    if random.random() < (0.15 if not judge else 0.3):
        text += "?" + _figures(random, 1, 3)
    return _plain(text)


def _columns(random: Random, _judge: bool) -> Layout:
    grid = random.random() < 0.6
    count = random.integers(2, 7 if grid else 4)
    numbers = []
    for _ in range(count):
        number = _figures(random, 1, 3)
        if random.random() < 0.15:
            number = "-" + number
        elif random.random() < 0.12:
            number += "." + _figures(random, 1, 1)
        numbers.append(number)
    return _plain(" ".join(numbers), "grid" if grid else "")


def _mixed(random: Random, _judge: bool) -> Layout:
    """Mix digits and signs at random, so that only their shapes tell what they are."""
    count = random.integers(2, 8)
    drawn = random.choice(list("0123456789-+.,/:?"), count, p=[0.07] * 10 + [0.3 / 7] * 7)
    text = "".join(drawn)
    if count > 4 and random.random() < 0.3:
        text = text[:2] + " " + text[2:]
    if not any(c.isdigit() for c in text):
        text = str(random.integers(10)) + text
    return _plain(text)


def _words(random: Random, _judge: bool) -> Layout:
    """Write only letters, or letters before a number."""
    words = " ".join("?" * int(random.integers(2, 7)) for _ in range(random.integers(1, 3)))
    return _plain(words if random.random() < 0.4 else f"{words} {_figures(random, 1, 5)}")


def _with_something(layout: Layout, random: Random) -> Layout:
    """Add a mark that is neither digit nor sign before or after."""
    if layout.cells:
        return layout
    some = "?" * random.choice([1, 1, 2])
    gap = random.choice(["", " "])
    if random.random() < 0.5:
        return Layout((Part(some + gap), *layout.parts))
    return Layout((*layout.parts, Part(gap + some)))


def load_digits(
    folder: Path, images: Images, labels: Labels, writers: Sequence[int], *, scanned: bool = False,
    styled: int = 0, judge: bool = False,
) -> Digits:  # fmt: skip
    """Gather digits for lines: the given MNIST images, and some writers' digits in `folder`.

    Parameters
    ----------
    scanned
        Whether to include the scanned sets.
    styled
        How many of MNIST's digits to redraw in other countries' styles.
    """
    sets = [(images, labels)]
    if scanned:
        bitmaps = hands.load_scanned(folder)
        sets.append((bitmaps.images, np.asarray(bitmaps.labels)))
    if styled:
        more = styles.make(images, labels, styled, np.random.default_rng(0))
        sets[0] = (
            np.concatenate([images, more.images]),
            np.concatenate([labels, np.asarray(more.labels)]),
        )
    return Digits.of(hands.load_pen_digits(folder, writers), sets, judge=judge)
