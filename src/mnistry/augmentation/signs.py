"""Signs between digits, and marks that are neither, as pen strokes.

y is 0 at the top of the line's digits and 1 at their foot, downwards. There are two families of
shapes: one to train on and one for evaluation. Knows nothing of lines and paper.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Random = np.random.Generator
Strokes = list[NDArray[np.float64]]

SIGNS = "-+.,/:"
"""Signs that are read as themselves; every other mark is ``?``."""


def draw_sign(sign: str, random: Random, *, judge: bool = False) -> Strokes:
    """Draw one of `SIGNS`, or for ``?`` one of many other marks.

    Parameters
    ----------
    sign
        ``-``, ``+``, ``.``, ``,``, ``/``, ``:`` or ``?``.
    judge
        Whether to use the shapes for evaluation.
    """
    return _DRAW[sign](random, judge)


def _bent(start: tuple[float, float], end: tuple[float, float], bow: float) -> NDArray[np.float64]:
    """Return a stroke that bends by a fraction of its length."""
    a, b = np.array(start), np.array(end)
    t = np.linspace(0, 1, 7)[:, None]
    aside = np.array([-(b - a)[1], (b - a)[0]])
    return np.asarray(a + (b - a) * t + 4 * bow * t * (1 - t) * aside)


def _minus(random: Random, judge: bool) -> Strokes:
    width = random.uniform(0.14, 0.6) if not judge else random.uniform(0.18, 0.5)
    # Mostly half-way down, often low, sometimes on the baseline.
    y = random.choice([random.normal(0.52, 0.08), random.uniform(0.5, 0.98)])
    tilt = random.normal(0, 0.09 if not judge else 0.12) * width
    bow = random.normal(0, 0.06)
    stroke = _bent((0, y + tilt), (width, y - tilt), bow)
    if judge and random.random() < 0.25:  # with a small hook where the pen came down
        stroke = np.concatenate([[[-0.03, y + tilt - 0.05]], stroke])
    return [stroke]


def _plus(random: Random, judge: bool) -> Strokes:
    size = random.uniform(0.25, 0.75)
    y, tall = random.uniform(0.42, 0.62), random.uniform(0.7, 1.3)
    turn = random.normal(0, 0.1)
    level = _bent((0, y + turn * size / 2), (size, y - turn * size / 2), random.normal(0, 0.04))
    x = size * random.uniform(0.38, 0.62)
    lean = random.normal(0, 0.12) * size
    upright = _bent(
        (x + lean, y - size * tall / 2), (x - lean, y + size * tall / 2), random.normal(0, 0.04)
    )
    if judge and random.random() < 0.3:  # without lifting the pen
        return [np.concatenate([upright, level])]
    return [level, upright]


def _point(random: Random, judge: bool) -> Strokes:
    if random.random() < 0.15:  # a short upright stroke that ends on the baseline
        length, lean = random.uniform(0.08, 0.26), random.uniform(-0.25, 0.15)
        foot = random.uniform(0.95, 1.05)
        return [_bent((-lean * length, foot - length), (0, foot), random.normal(0, 0.05))]
    # On the baseline; sometimes half-way up, as some write dates.
    y = random.choice([random.uniform(0.88, 1.06), random.uniform(0.4, 0.9)], p=[0.86, 0.14])
    return [_dot(0.0, y, random, judge)]


def _dot(x: float, y: float, random: Random, judge: bool) -> NDArray[np.float64]:
    way = random.random()
    size = random.uniform(0.0, 0.06)
    if way < 0.45:  # where the pen touched the paper
        return np.array([[x, y], [x + 0.3 * size, y]])
    if way < 0.75:  # a short dash
        angle = random.uniform(-0.5, 1.8)
        return np.array([[x, y], [x + 1.6 * size * np.cos(angle), y + 1.6 * size * np.sin(angle)]])
    angles = np.linspace(0, (6.3 if not judge else 9), 9)
    return np.asarray([x, y] + size * 0.6 * np.stack([np.cos(angles), np.sin(angles)], -1))


def _comma(random: Random, judge: bool) -> Strokes:
    y = random.uniform(0.86, 1.02)
    length, lean = random.uniform(0.14, 0.36), random.uniform(0.05, 0.9)
    end = (-length * np.sin(lean), y + length * np.cos(lean))
    bow = random.uniform(-0.25, 0.05) if not judge else random.uniform(-0.35, 0.0)
    return [_bent((0, y), end, bow)]


def _slash(random: Random, judge: bool) -> Strokes:
    top, foot = random.uniform(-0.35, 0.08), random.uniform(0.95, 1.4)
    lean = random.choice([random.uniform(0.25, 0.9), random.uniform(-0.04, 0.25)], p=[0.7, 0.3])
    reach = lean * (foot - top)
    return [_bent((reach, top), (0, foot), random.normal(0, 0.03 if not judge else 0.045))]


def _colon(random: Random, judge: bool) -> Strokes:
    upper, lower = random.uniform(0.1, 0.5), random.uniform(0.72, 1.0)
    lean = random.normal(0, 0.04)
    return [_dot(lean, upper, random, judge), _dot(-lean, lower, random, judge)]


# Letters and signs that do not resemble digits: strokes of points "x,y" in tenths of the height.
_OTHERS = {
    "A": "0,10 3,0 6,10|1,6 5,6", "E": "5,0 0,0 0,10 5,10|0,5 4,5", "F": "5,0 0,0 0,10|0,5 4,5",
    "H": "0,0 0,10|5,0 5,10|0,5 5,5", "K": "0,0 0,10|5,0 0,5 5,10", "M": "0,10 1,0 4,7 7,0 8,10",
    "N": "0,10 0,0 5,10 5,0", "P": "0,10 0,0 3,0 5,1 5,4 3,5 0,5",
    "R": "0,10 0,0 3,0 5,1 5,4 3,5 0,5|3,5 6,10", "T": "0,0 6,0|3,0 3,10", "V": "0,0 3,10 6,0",
    "W": "0,0 2,10 4,3 6,10 8,0", "X": "0,0 6,10|6,0 0,10", "Y": "0,0 3,5 6,0|3,5 3,10",
    "U": "0,0 0,8 2,10 4,10 6,8 6,0", "C": "6,1 4,0 2,0 0,3 0,7 2,10 4,10 6,9",
    "m": "0,4 0,10|0,6 2,4 3,5 3,10|3,6 5,4 6,5 6,10", "n": "0,4 0,10|0,6 2,4 4,5 4,10",
    "k": "0,0 0,10|4,4 0,7 4,10", "x": "0,4 4,10|4,4 0,10", "w": "0,4 1,10 3,5 5,10 6,4",
    "r": "0,4 0,10|0,6 2,4 4,4", "e": "0,7 5,7 4,4 2,4 0,6 0,8 2,10 5,9", "v": "0,4 2,10 4,4",
    "h": "0,0 0,10|0,6 2,4 4,5 4,10", "a": "5,5 3,4 1,5 0,7 1,10 3,10 5,7|5,4 5,10 6,10",
    "times": "0,3 4,7|4,3 0,7", "divide": "0,5 5,5|2.4,2.4 2.6,2.6|2.4,7.8 2.6,8",
    "equals": "0,4 5,4|0,6.5 5,6.5", "percent": "6,0 0,10|1,0 2,1 1,2 0,1 1,0|5,8 6,9 5,10 4,9 5,8",
    "euro": "6,1 4,0 2,1 1,5 2,9 4,10 6,9|0,4 4,4|0,6 4,6",
    "(": "2,-1 0.5,2 0,5 0.5,8 2,11", ")": "0,-1 1.5,2 2,5 1.5,8 0,11",
    "#": "2,0 1,10|5,0 4,10|0,3 6,3|0,7 6,7", "tick": "0,6 2,10 7,-1",
    "tilde": "0,5 1,4 2,4 4,6 5,6 6,5", "star": "3,1 3,7|0.5,2.5 5.5,5.5|5.5,2.5 0.5,5.5",
    "up": "2.5,10 2.5,0|0.5,3 2.5,0 4.5,3", "right": "0,5 8,5|6,3 8,5 6,7",
    "dollar": "5,2 3,1 1,2 1,4 5,6 5,8 3,9 1,8|3,-1 3,11",
}  # fmt: skip
# For evaluation only.
_JUDGED_BY = ("K", "T", "e", "#", "star", "U", "right")
# In both families: the marks that are most common among digits.
_COMMON = ("times", "divide", "equals", "percent", "(", ")")
# Six in ten of the drawn letters and signs are chosen from these only.
_FREQUENT = (*_COMMON, "R", "A", "m", "k", "x", "euro")


def other_shapes(*, judge: bool) -> list[str]:
    """Return the letters and signs that ``?`` may be drawn as."""
    return [name for name in _OTHERS if (name in _JUDGED_BY) == judge or name in _COMMON]


def _other(random: Random, judge: bool) -> Strokes:
    if random.random() < 0.06:
        return _scrawl(random)
    names = other_shapes(judge=judge)
    if random.random() < 0.6:
        names = [name for name in names if name in _FREQUENT]
    name = names[random.integers(len(names))]
    turn, wide = random.normal(0, 0.08), random.uniform(0.7, 1.3)
    strokes = []
    for stroke in _OTHERS[name].split("|"):
        points = np.array([[float(v) for v in p.split(",")] for p in stroke.split()]) / 10
        points += random.normal(0, 0.03, points.shape)
        points = smooth(points)
        points[:, 0] = points[:, 0] * wide + turn * points[:, 1]
        strokes.append(points)
    return strokes


def _scrawl(random: Random) -> Strokes:
    """Cross something out, or scribble."""
    count = random.integers(5, 11)
    x = np.linspace(0, random.uniform(0.5, 1.2), count) + random.normal(0, 0.08, count)
    y = np.where(np.arange(count) % 2, random.uniform(0.6, 1.1), random.uniform(-0.1, 0.4))
    return [smooth(np.stack([x, y + random.normal(0, 0.08, count)], -1))]


def smooth(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round the corners of a stroke a little, as a hand does (G. Chaikin, 1974), once."""
    if len(points) < 3:
        return points
    a, b = points[:-1], points[1:]
    cut = np.stack([0.8 * a + 0.2 * b, 0.2 * a + 0.8 * b], 1).reshape(-1, 2)
    return np.concatenate([points[:1], cut, points[-1:]])


_DRAW: dict[str, Callable[[Random, bool], Strokes]] = {
    "-": _minus, "+": _plus, ".": _point, ",": _comma, "/": _slash, ":": _colon, "?": _other,
}  # fmt: skip
