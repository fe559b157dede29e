"""Make the 28x28 images between a picture and a digit in MNIST's form, and name each one's faults.

Knows nothing of the network.
"""

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.images.mnist_form import (
    BOX,
    CENTRE,
    SIDE,
    SUPERSAMPLING,
    THICK,
    THIN,
    Box,
    stroke_width,
)
from mnistry.images.polarity import has_light_border
from mnistry.reading.ink import Ink

Image = NDArray[np.uint8]

_MARGIN = SIDE / BOX  # side of MNIST's images divided by that of their digits
_NOTICEABLE = 1.5  # pixels
# Levels of 0 to 255. Paper above `_GREY` is called grey, not black. If the brightest pixel beside
# a digit is above `_INK`, other marks are near.
_GREY, _INK = 12, 100


@dataclass(frozen=True, eq=False)
class Stage:
    """One image between a picture and MNIST's form.

    Attributes
    ----------
    name
        What was done to make it.
    ailment
        The fault of the previous image that this stage mends; empty for the first.
    image
        ``uint8``, shape ``(28, 28)``: a network's input.
    """

    name: str
    ailment: str
    image: Image = field(repr=False)


def naive(picture: Image) -> list[Stage]:
    """Prepare a picture as simple programs do: resize it, and invert it if its border is light.

    Parameters
    ----------
    picture
        ``uint8``, shape ``(height, width)``: grey values.
    """
    image = _resized(picture)
    inverted = 255 - image if has_light_border(image) else image
    return [
        Stage("resized to 28x28", "", image),
        Stage("inverted if its border is light", "ink and paper were swapped", inverted),
    ]


def of_digit(picture: Image, ink: Ink, box: Box, form: Image) -> list[Stage]:
    """Make the stages from one digit in a picture to MNIST's form.

    Parameters
    ----------
    picture
        ``uint8``, shape ``(height, width)``: grey values.
    ink
        The picture's ink.
    box
        The digit's ``(x, y, width, height)`` in the picture.
    form
        ``uint8``, shape ``(28, 28)``: the digit in MNIST's form.
    """
    dark_paper = 255 - picture if ink.paper_is_light else picture
    inked, ink_box = 255 * _strength_inside(ink, box), scaled(box, ink.scale)
    cut, alone = _squared(dark_paper, box), _squared(inked, ink_box)
    width = stroke_width(_squared(inked, ink_box, SUPERSAMPLING * SIDE) > 127) / SUPERSAMPLING
    down, right = _off_centre(alone)
    centred = np.roll(alone, (-down, -right), (0, 1))
    return [
        Stage("cut out", _out_of_place(box, picture.shape), cut),
        Stage("its ink alone", _paper_ailment(cut, alone), alone),
        Stage("its mass in the middle", _in_words([down, right]) or "its place", centred),
        Stage("strokes as MNIST has them", _stroke_ailment(width), form),
    ]


def _resized(values: NDArray[Any], side: int = SIDE) -> Image:
    """Scale to a square, whatever the shape."""
    method = cv2.INTER_AREA if min(values.shape) >= side else cv2.INTER_LINEAR
    scaled = cv2.resize(values, (side, side), interpolation=method)
    return np.asarray(np.rint(np.clip(scaled, 0, 255)), np.uint8)


def _squared(values: NDArray[Any], box: Box, size: int = SIDE) -> Image:
    """Cut out and scale a square in which the box is as large as a digit is in MNIST's images."""
    x, y, width, height = box
    side = max(4, round(_MARGIN * max(width, height)))
    left, top = round(x + (width - side) / 2), round(y + (height - side) / 2)
    padded = cv2.copyMakeBorder(values, side, side, side, side, cv2.BORDER_REPLICATE)
    return _resized(padded[top + side : top + 2 * side, left + side : left + 2 * side], size)


def scaled(box: Box, scale: float) -> Box:
    """Return a box in the pixels of a picture that is `scale` times as large."""
    x, y, width, height = (round(value * scale) for value in box)
    return x, y, max(1, width), max(1, height)


def _strength_inside(ink: Ink, box: Box) -> NDArray[np.float32]:
    x, y, width, height = scaled(box, ink.scale)
    inside = np.zeros_like(ink.strength)
    rows, columns = slice(max(0, y - 1), y + height + 1), slice(max(0, x - 1), x + width + 1)
    inside[rows, columns] = ink.strength[rows, columns]
    return inside


def _off_centre(image: Image) -> tuple[int, int]:
    """Return how many pixels the centre of mass is too low and too far to the right."""
    mass = float(image.sum())
    if not mass:
        return 0, 0
    down, right = (
        float(image.sum(axis=1 - axis) @ np.arange(SIDE)) / mass - CENTRE for axis in (0, 1)
    )
    return round(down), round(right)


def _out_of_place(box: Box, shape: tuple[int, ...]) -> str:
    """Describe how a digit's size and place differ from MNIST's if the whole picture is resized."""
    x, y, width, height = box
    rows, columns = shape
    down, right = SIDE * ((y + height / 2) / rows - 0.5), SIDE * ((x + width / 2) / columns - 0.5)
    long = SIDE * max(width / columns, height / rows)
    size = f"{long:.0f} pixels long, not {BOX}" if abs(long - BOX) > _NOTICEABLE else ""
    squeezed = "squeezed" if max(shape) > 1.1 * min(shape) else ""
    place = _in_words([down, right])
    return ", ".join(filter(None, [size, squeezed, place])) or "its surroundings"


def _in_words(off: list[float]) -> str:
    """Describe an offset of at least half a pixel, (down, right), in words."""
    words = (("too low", "too high"), ("too far right", "too far left"))
    return ", ".join(
        f"{abs(value):.0f} pixel{'s' if round(abs(value)) != 1 else ''} {way[value < 0]}"
        for value, way in zip(off, words, strict=True)
        if round(abs(value))
    )


def _paper_ailment(cut: Image, alone: Image) -> str:
    """Describe what was round the ink: grey paper, or other marks."""
    paper = cut[alone == 0]
    level = float(np.median(paper)) if paper.size else 0.0
    if level > _GREY:
        return f"its paper was grey ({level:.0f} of 255), not black (0)"
    return "other marks were near" if paper.size and paper.max() > _INK else "the paper was uneven"


def _stroke_ailment(width: float) -> str:
    if THIN <= width <= THICK:
        return "the edges of its strokes were rough"
    way = "thin" if width < THIN else "thick"
    usual = f"{THIN:.1f} to {THICK:.1f}"
    return f"strokes too {way}: {width:.1f} pixels, where half of MNIST's have {usual}"
