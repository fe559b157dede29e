"""Whole pages of numbers: several lines, in one column or more, scanned or photographed.

A scan shows the whole page, or a lid's dark edge beside it. A photo shows the page on a desk, seen
aslant, or the page alone, with a strip of the desk, a shadow or a thumb at an edge. Knows nothing
of training; see `mnistry.augmentation.paper` for single lines.
"""

import dataclasses

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.augmentation import lines
from mnistry.augmentation.hands import Pen
from mnistry.augmentation.lines import SUPERSAMPLING, Digits, Layout
from mnistry.augmentation.paper import as_jpeg, blurred, light, texture

Random = np.random.Generator
Grey = NDArray[np.uint8]
Floats = NDArray[np.float32]

KINDS = ("scan", "lid", "desk", "strip", "thumb", "shadow")


@dataclasses.dataclass(frozen=True, eq=False)
class Page:
    """A picture of a page.

    Attributes
    ----------
    grey
        ``uint8``, shape ``(height, width)``.
    lines
        The correct text of each line.
    corners
        ``float64``, shape ``(4, 2)``: x and y of the paper's corners in the picture, from the upper
        left one clockwise, as the page is read.
    kind
        One of `KINDS`.
    """

    grey: Grey = dataclasses.field(repr=False)
    lines: tuple[str, ...]
    corners: NDArray[np.float64]
    kind: str


def page(digits: Digits, random: Random, *, degrees: float = 0.0, kind: str | None = None) -> Page:
    """Write a page and take its picture.

    Parameters
    ----------
    digits
        What it is written with.
    degrees
        How far the page is turned in the picture, clockwise.
    kind
        One of `KINDS`; None chooses at random.
    """
    kind = kind or str(random.choice(KINDS, p=(0.25, 0.1, 0.35, 0.1, 0.1, 0.1)))
    ink, texts = _written(digits, random)
    rows, columns = ink.shape
    ruled = _ruled(ink, random) * np.float32(random.uniform(0.1, 0.5))
    dark = np.float32(random.uniform(0.45, 0.9))
    reflected = (1 - dark * ink.astype(np.float32) / 255) * (1 - ruled)
    values = np.asarray(random.uniform(170, 245) * reflected, np.float32)
    move, size = _view((rows, columns), kind, degrees, random)
    whole = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float64)
    corners = cv2.perspectiveTransform(whole[None], move)[0]
    around = _surroundings(size, kind, random)
    seen = np.asarray(cv2.warpPerspective(values, move, size), np.float32)
    on_paper = cv2.warpPerspective(np.ones_like(values), move, size)
    seen = np.asarray(seen * on_paper + around * (1 - on_paper), np.float32)
    if kind == "thumb":
        _put_thumb(seen, random)
    return Page(_captured(seen, kind, random), texts, np.asarray(corners, np.float64), kind)


def _written(digits: Digits, random: Random) -> tuple[Grey, tuple[str, ...]]:
    """Write the lines of a page: its ink, and their texts."""
    high = random.uniform(22, 60)
    digits, pen = digits.by_one(random), Pen.drawn_for(high, random)
    columns = int(random.choice([1, 1, 2, 3]))
    count = int(random.integers(2, 11)) if columns > 1 else int(random.integers(3, 13))
    pitch = high * random.uniform(1.5, 2.4)
    wide = high * random.uniform(5.5, 8)
    margin = high * random.uniform(0.7, 2)
    shape = (2 * margin + count * pitch, 2 * margin + columns * wide)
    ink = np.zeros([int(side) for side in shape], np.uint8)
    texts = []
    for row in range(count):
        there = []
        for column in range(columns):
            if column and random.random() < 0.1:
                continue
            layout = _number(random, digits.judge)
            one = lines.write(layout, digits, high / SUPERSAMPLING, random, pen=pen)
            if one.box[2] - one.box[0] > wide - 1.2 * high:
                continue
            x = margin + column * wide - one.box[0]
            y = margin + row * pitch - one.box[1] + random.normal(0, 0.02) * high
            _put(ink, one.ink, int(x), int(y))
            there.append(layout.text)
        if there:
            texts.append(" ".join(there))
    return ink, tuple(texts)


def _number(random: Random, judge: bool) -> Layout:
    while True:
        layout = lines.lay_out(random, judge=judge)
        if not layout.cells and len(layout.parts) == 1 and not set(layout.text) & set("? "):
            return layout


def _put(page: Grey, part: Grey, x: int, y: int) -> None:
    left, top = max(0, -x), max(0, -y)
    area = page[y + top : y + part.shape[0], x + left : x + part.shape[1]]
    np.maximum(area, part[top:, left:][: area.shape[0], : area.shape[1]], out=area)


def _ruled(ink: Grey, random: Random) -> Floats:
    """Return where rules are, 1 or 0: half of the pages are ruled or squared."""
    ruled = np.zeros(ink.shape, np.float32)
    if random.random() < 0.5:
        return ruled
    pitch = int(random.uniform(30, 110))
    for y in range(int(random.integers(pitch)), ink.shape[0], pitch):
        ruled[y : y + int(random.integers(1, 4))] = 1
    if random.random() < 0.3:  # squared
        for x in range(int(random.integers(pitch)), ink.shape[1], pitch):
            ruled[:, x : x + 2] = 1
    return ruled


def _view(
    shape: tuple[int, int], kind: str, degrees: float, random: Random
) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """Choose how the page lies in the picture: a homography, and the picture's width and height."""
    rows, columns = shape
    angle = np.deg2rad(degrees + random.normal(0, 1.5 if kind != "scan" else 0.7))
    corners = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float64)
    middle = corners.mean(0)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    seen = (corners - middle) @ turn
    if kind == "desk":
        seen += random.uniform(-0.06, 0.06, (4, 2)) * max(shape)
    low, high = seen.min(0), seen.max(0)
    if kind in ("desk", "lid"):
        room = random.uniform(0.03, 0.25, 4) * max(shape)
    elif kind == "strip":  # one or two sides show the desk
        room = random.uniform(-0.02, 0.0, 4) * max(shape)
        room[random.choice(4, random.integers(1, 3), replace=False)] = 0.1 * max(shape)
    else:
        room = np.zeros(4)
    start = low - room[:2]
    size = np.maximum(high + room[2:] - start, 32)
    scale = min(1.0, random.uniform(900, 1600) / size.max())
    move = cv2.getPerspectiveTransform(
        corners.astype(np.float32), ((seen - start) * scale).astype(np.float32)
    )
    return np.asarray(move, np.float64), (int(size[0] * scale), int(size[1] * scale))


def _surroundings(size: tuple[int, int], kind: str, random: Random) -> Floats:
    """Make what surrounds the page: a desk, a scanner's lid, or for other kinds more paper."""
    columns, rows = size
    if kind == "lid":
        return np.full((rows, columns), random.uniform(5, 90), np.float32)
    if kind not in ("desk", "strip"):
        return np.full((rows, columns), 235, np.float32)
    desk = np.full((rows, columns), random.uniform(25, 150), np.float32)
    grain = random.standard_normal((max(2, rows // 3), max(2, columns // 60)), np.float32)
    wide = cv2.resize(grain, (columns, rows), interpolation=cv2.INTER_CUBIC)
    desk += random.uniform(0, 14) * wide
    return np.asarray(desk + texture(rows, columns, random), np.float32)


def _put_thumb(seen: Floats, random: Random) -> None:
    """Draw a thumb that holds the page at an edge; `seen` is changed."""
    rows, columns = seen.shape
    long = random.uniform(0.06, 0.14) * max(seen.shape)
    sides = [(0, 0.5), (1, 0.5), (0.5, 1), (0.5, 0)]
    side = np.array(sides[int(random.integers(4))])
    side[side == 0.5] = random.uniform(0.3, 0.7)
    axes = (int(long), int(0.5 * long))
    centre = (int(side[0] * columns), int(side[1] * rows))
    angle = 0 if side[0] in (0, 1) else 90
    mask = np.zeros_like(seen)
    cv2.ellipse(mask, centre, axes, angle, 0, 360, 1, -1, cv2.LINE_AA)
    mask = blurred(mask, 1.5)
    seen[:] = seen * (1 - mask) + random.uniform(90, 170) * mask


def _captured(seen: Floats, kind: str, random: Random) -> Grey:
    rows, columns = seen.shape
    if kind in ("scan", "lid"):
        values = blurred(seen, random.uniform(0.3, 0.8))
        values += random.uniform(0, 3) * random.standard_normal(values.shape, np.float32)
    else:
        values = seen * light(rows, columns, random)
        if kind == "shadow":
            values = _shadowed(values, random)
        values = blurred(values, random.uniform(0.4, 1.3))
        values += random.uniform(0.5, 5) * random.standard_normal(values.shape, np.float32)
    grey = np.clip(values, 0, 255).astype(np.uint8)
    if kind != "scan" and random.random() < 0.7:
        grey = as_jpeg(grey, int(random.integers(45, 96)))
    return grey


def _shadowed(values: Floats, random: Random) -> Floats:
    """Let a hand's shadow fall on a side of the picture."""
    rows, columns = values.shape
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    angle = random.uniform(0, 2 * np.pi)
    far = (x - columns / 2) * np.cos(angle) + (y - rows / 2) * np.sin(angle)
    edge = random.uniform(0.1, 0.35) * max(rows, columns)
    soft = random.uniform(3, 40)
    shade = random.uniform(0.2, 0.5) / (1 + np.exp(-np.clip((far - edge) / soft, -50, 50)))
    return np.asarray(values * (1 - shade), np.float32)
