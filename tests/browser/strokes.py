"""Random drawings of digits, as strokes of a pen: each digit's lines, distorted by chance."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 640, 480  # the pad, in its own units
# Each digit's strokes as points in a box that is 1 high and 0.7 wide.
_DIGITS = (
    [[(0.35, 0), (0.08, 0.25), (0.1, 0.75), (0.35, 1), (0.62, 0.75), (0.62, 0.3), (0.35, 0)]],
    [[(0.2, 0.2), (0.4, 0), (0.4, 1)]],
    [[(0.1, 0.25), (0.35, 0), (0.6, 0.25), (0.5, 0.5), (0.08, 1), (0.65, 1)]],
    [[(0.1, 0.1), (0.5, 0.05), (0.55, 0.3), (0.25, 0.48), (0.6, 0.65), (0.5, 0.95), (0.1, 0.95)]],
    [[(0.3, 0), (0.05, 0.6), (0.65, 0.6)], [(0.5, 0.3), (0.48, 1)]],
    [[(0.6, 0), (0.15, 0), (0.1, 0.45), (0.5, 0.45), (0.6, 0.8), (0.35, 1), (0.05, 0.9)]],
    [[(0.5, 0), (0.15, 0.4), (0.1, 0.8), (0.35, 1), (0.6, 0.8), (0.4, 0.55), (0.12, 0.75)]],
    [[(0.05, 0), (0.65, 0), (0.3, 1)]],
    [[(0.35, 0.45), (0.1, 0.25), (0.35, 0), (0.6, 0.25), (0.1, 0.75), (0.35, 1), (0.6, 0.75),
      (0.35, 0.45)]],
    [[(0.6, 0.3), (0.35, 0), (0.1, 0.25), (0.3, 0.5), (0.6, 0.3), (0.55, 1)]],
)  # fmt: skip


def drawings(count: int, seed: int) -> list[list[dict[str, Any]]]:
    """Return drawings as the studio keeps them: strokes of a width and points, in pad units.

    Digits are 60 to 440 units high, pens 4 to 40 wide.
    """
    random = np.random.default_rng(seed)
    made = []
    for number in range(count):
        height = random.uniform(60, 440)
        width = random.uniform(4, min(40, height / 5))
        bend = np.eye(2) + random.normal(0, 0.12, (2, 2))
        place = random.uniform(0.3, 0.7, 2) * (WIDTH, HEIGHT)
        strokes = []
        for points in _DIGITS[number % 10]:
            shaken = np.array(points) - (0.35, 0.5) + random.normal(0, 0.03, (len(points), 2))
            on_pad = (height * shaken @ bend + place).clip(0, (WIDTH, HEIGHT))
            strokes.append({"width": round(width, 1), "points": on_pad.round(1).tolist()})
        made.append(strokes)
    return made


def inked(strokes: list[dict[str, Any]]) -> NDArray[np.uint8]:
    """Draw strokes, 0 for paper to 255 for ink, with half as many pixels as the pad has units."""
    page = np.zeros((HEIGHT // 2, WIDTH // 2), np.uint8)
    for stroke in strokes:
        points = np.round(np.array(stroke["points"]) * 8).astype(np.int32)[:, None]
        thick = max(1, round(stroke["width"] / 2))
        cv2.polylines(page, [points], False, 255, thick, cv2.LINE_AA, 4)
    return page
