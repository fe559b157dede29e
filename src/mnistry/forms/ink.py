"""Cut a field out of a scan, and take away what is printed: what is left was written by hand.

The blank page says where something is printed. It is laid over the scan once more for each field,
because a printed and folded sheet is no exact image of its blank. Strokes that cross a printed line
are mended. Knows nothing of what is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.forms.alignment import Alignment, Blank, cut, peak

PIXELS_PER_MM = 12  # resolution at which a field is cut out of a scan: about 300 dpi
# Millimetres round a box that are looked at: digits reach over their frame.
MARGIN = 3.0
# How far a field may lie from where the page's alignment puts it, in millimetres.
_SHIFT = 0.6
# Least correlation of the print round a field at which its shift is believed.
_ALIKE = 0.5
_PRINTED = 0.12  # what is darker than the blank's paper by more than this share is print
_HALO = 0.25  # millimetres: the margin round print that is treated as print
# A mark that reaches no further than this from print, in millimetres, is the print's blurred edge.
_EDGE = 0.45
# Such a mark may be a stroke after all if it is darker than the share `_STRONG` of full ink or, in
# a field without other ink, absorbs more than the share `_VISIBLE` of the light. It must also be
# longer than `_STROKE`, and larger than a stroke of that length and of `_STROKE_WIDTH`, both in mm.
_STRONG, _VISIBLE, _STROKE, _STROKE_WIDTH = 0.7, 0.15, 2.5, 0.25
# Standard deviation of the blur against the grain of paper, in millimetres.
_SOFT = 0.08
_LIGHT = 0.4  # print is light if it absorbs less than this share of the light
# Ink is seen on light print if print and ink together absorb more than `_LIGHTER` times what the
# print alone does, by more than the share `_CLEAR` of full ink.
_LIGHTER, _CLEAR = 1.25, 0.4
# Side of the window that must show some paper, in millimetres: wider than any stroke.
_WINDOW = 2.0
# Ink absorbs more than the share `_FAINTEST` of the light, and more than `_GRAIN` times the grain,
# which is the standard deviation of the paper's own grey.
_FAINTEST, _GRAIN = 0.02, 5.0
# This percentile of the ink's own pixels counts as full ink.
_LEVEL = 60
# Area of a mark, in square millimetres: smaller ones are dirt.
_SPECK = 0.06
# Angles at which strokes that cross print are mended, in degrees.
_ANGLES = (90, 60, 120, 35, 145, 0)

Grey = NDArray[np.uint8]
Strength = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class FieldInk:
    """What was written in a box of a form, and round it.

    Attributes
    ----------
    strength
        ``float32``, shape ``(rows, columns)``, at `PIXELS_PER_MM`: 0 for paper to 1
        for full ink. It reaches `MARGIN` over the box on each side.
    printed
        ``bool``: where something is printed, with a margin; ink there is a guess.
    is_hidden
        Whether a stroke may run along the print, where it cannot be told from the print's edge.
    level
        The part of the light that full ink absorbs here; 0 without ink.
    """

    strength: Strength = field(repr=False)
    printed: Mask = field(repr=False)
    is_hidden: bool
    level: float = 0.0

    def inside(self) -> tuple[slice, slice]:
        """Return the rows and columns of the box itself."""
        edge = round(MARGIN * PIXELS_PER_MM)
        rows, columns = self.strength.shape
        return slice(edge, rows - edge), slice(edge, columns - edge)


@dataclass(frozen=True, eq=False)
class Print:
    """What is printed in a box of the blank page, and round it; the same for all sheets.

    Attributes
    ----------
    box
        Left, top, width and height in millimetres, with the margin.
    mask
        ``bool``: where something is printed, with a margin; at `PIXELS_PER_MM`.
    dark
        ``float32``: the share of the light that the darkest print nearby absorbs.
    small
        ``float32``: the blank page's picture of this box, at half of `PIXELS_PER_MM`.
    near
        ``float32``, of the shape of `small`: 1 near what is printed, 0 elsewhere; None if nothing
        is printed.
    """

    box: tuple[float, float, float, float]
    mask: Mask = field(repr=False)
    dark: Strength = field(repr=False)
    small: Strength = field(repr=False)
    near: Strength | None = field(repr=False)


def print_in(blank: Blank, box: Sequence[float]) -> Print:
    """Return what is printed in a box of a blank page, given in millimetres, and round it."""
    x, y, width, height = box
    wide = (x - MARGIN, y - MARGIN, width + 2 * MARGIN, height + 2 * MARGIN)
    there = cut(blank.grey, blank.own_alignment, wide, PIXELS_PER_MM)
    small = cv2.resize(there, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    is_dark = (small < 0.9 * float(np.percentile(small, 90))).astype(np.uint8)
    side = 2 * round(_HALO * PIXELS_PER_MM) + 1
    near = cv2.dilate(is_dark, np.ones((side, side), np.uint8)).astype(np.float32)
    dark = _darkest(there)
    return Print(
        wide, dark > _PRINTED, dark, small.astype(np.float32), near if is_dark.any() else None
    )


def field_ink(scan: Grey, where: Alignment, there: Print) -> FieldInk:
    """Return the handwriting in a box of a page that lies `where` in a scan."""
    shift = _shift(scan, where, there)
    x, y, width, height = there.box
    grey = cut(scan, where, (x + shift[0], y + shift[1], width, height), PIXELS_PER_MM)
    printed = there.mask
    contrast, plain, grain = _contrast(grey, printed)
    floor = max(_FAINTEST, _GRAIN * grain)
    seen = np.where(printed, np.float32(0), contrast)
    ink = _marks(seen > floor, printed)
    lost = (seen > floor) & ~ink  # dirt, or the edges of print
    marks = seen[ink]
    level = float(np.percentile(marks, _LEVEL)) if marks.size else 0.0
    if not level:
        hidden = _is_stroke(lost & (seen > _VISIBLE))
        return FieldInk(np.zeros_like(seen), printed, hidden)
    near = cv2.dilate(ink.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    strength = np.asarray(np.clip(np.where(near, seen, 0) / level, 0, 1), np.float32)
    hidden = _is_stroke(lost & (seen > _STRONG * level))
    mended = _mended(strength, printed)
    # Where print is light, as in the frames of our own forms, dark ink is seen on it.
    over = np.clip((plain - _LIGHTER * there.dark) / level, 0, 1)
    over = np.where(printed & (there.dark < _LIGHT) & (near | (mended > 0)), over, 0)
    strength = np.maximum(mended, over * (over > _CLEAR)).astype(np.float32)
    return FieldInk(strength, printed, hidden, level)


def _shift(scan: Grey, where: Alignment, there: Print) -> tuple[float, float]:
    """Find how far the print of a field lies from its place, by correlation near print."""
    if there.near is None:
        return 0.0, 0.0
    scale = PIXELS_PER_MM / 2
    reach = round(_SHIFT * scale) / scale
    x, y, _, _ = there.box
    width, height = (side / scale + 2 * reach for side in there.small.shape[::-1])
    area = cut(scan, where, (x - reach, y - reach, width, height), scale).astype(np.float32)
    answer = cv2.matchTemplate(area, there.small, cv2.TM_CCOEFF_NORMED, mask=there.near)
    answer = np.where(np.isfinite(answer), answer, -1)
    column, row, value = peak(answer.astype(np.float32))
    if value < _ALIKE:
        return 0.0, 0.0
    middle_x, middle_y = (answer.shape[1] - 1) / 2, (answer.shape[0] - 1) / 2
    return (column - middle_x) / scale, (row - middle_y) / scale


def _darkest(print_there: Grey) -> Strength:
    """Return the share of the light that the darkest print close by absorbs."""
    values = print_there.astype(np.float32)
    paper = max(float(np.percentile(values, 95)), 1.0)
    side = 2 * round(_HALO * PIXELS_PER_MM) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.dilate(np.maximum(1 - values / paper, 0), disc), np.float32)


def _contrast(grey: Grey, printed: Mask) -> tuple[Strength, Strength, float]:
    """Compute which share of the paper's light each pixel absorbs, in two ways; and the grain.

    In the first array a pixel's neighbourhood counts only where nothing is printed; in the second
    everywhere, so that there it shows print too. The grain is the paper's standard deviation.
    """
    # Averages over unprinted pixels only: print is ten times as dark as faint pencil.
    clear = (~printed).astype(np.float32)
    soft = _averages(grey * clear, clear, _SOFT * PIXELS_PER_MM)
    few_values, few = (_quarter(one) for one in (grey * clear, clear))
    is_clear = (few > 0.5).astype(np.float32)
    small = few_values / np.maximum(few, 0.5) * is_clear
    side = 2 * round(_WINDOW * PIXELS_PER_MM / 8) + 1
    # Closing: dark marks that are narrower than the window are filled with the paper beside them.
    closed = cv2.morphologyEx(small, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    paper = _averages(np.asarray(closed * is_clear, np.float32), is_clear, 2)
    size = grey.shape[1], grey.shape[0]
    light = cv2.resize(paper, size, interpolation=cv2.INTER_LINEAR)
    contrast = np.asarray(1 - soft / np.maximum(light, 1), np.float32)
    values = contrast[~printed]
    # The grain is measured in the lighter half of all pixels, because the darker half has the ink.
    # The 10th percentile of a normal distribution lies 1.28 standard deviations below the median.
    light_paper, middle = np.percentile(values, (10, 50)) if values.size else (0.0, 0.0)
    plain = np.asarray(
        1 - cv2.GaussianBlur(grey, (0, 0), _SOFT * PIXELS_PER_MM) / np.maximum(light, 1)
    )
    grain = float(middle - light_paper) / 1.28
    offset = np.float32(middle)
    return contrast - offset, np.asarray(plain, np.float32) - offset, grain


def _quarter(values: Strength) -> Strength:
    """Average 4 by 4 pixels."""
    small = cv2.resize(values, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def _is_stroke(lost: Mask) -> bool:
    """Whether ink that was left out as the edge of print may be a stroke of a digit."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(lost.astype(np.uint8))
    long = stats[1:count, cv2.CC_STAT_WIDTH : cv2.CC_STAT_HEIGHT + 1].max(initial=0)
    wide = (
        stats[1:count, cv2.CC_STAT_AREA].max(initial=0)
        > _STROKE * PIXELS_PER_MM * _STROKE_WIDTH * PIXELS_PER_MM
    )
    return bool(long > _STROKE * PIXELS_PER_MM and wide)


def _averages(values: Strength, weights: Strength, sigma: float) -> Strength:
    """Blur values that are already multiplied by their weights; 255 where there are none near."""
    sums, all_weights = (cv2.GaussianBlur(v, (0, 0), sigma) for v in (values, weights))
    return np.where(all_weights > 0.02, sums / np.maximum(all_weights, 0.02), np.float32(255))


def _marks(ink: Mask, printed: Mask) -> Mask:
    """Leave out marks that are too small to be written, and the blurred edges of print.

    What lies close to print counts only near ink that is further away.
    """
    away = cv2.distanceTransform((~printed).astype(np.uint8), cv2.DIST_L2, 3)
    side = 2 * round(_EDGE * PIXELS_PER_MM) + 1
    clear = cv2.dilate(
        (ink & (away > _EDGE * PIXELS_PER_MM)).astype(np.uint8), np.ones((side, side), np.uint8)
    )
    ink = ink & (clear > 0)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8))
    is_mark = stats[:, cv2.CC_STAT_AREA] >= _SPECK * PIXELS_PER_MM**2
    is_mark[0] = False
    return np.asarray(is_mark[labels] if count > 1 else ink, bool)


def _mended(strength: Strength, printed: Mask) -> Strength:
    """Fill strokes across what is printed: where there is ink on both sides of it."""
    if not strength.any():
        return strength
    # Half of the thickness of printed lines: their largest distance to unprinted paper.
    depth = cv2.distanceTransform(printed.astype(np.uint8), cv2.DIST_L2, 3)
    half = float(np.percentile(depth[printed], 95)) if printed.any() else 0.0
    length = 2 * round(min(half, PIXELS_PER_MM)) + 5  # of the kernel; bridges lines of up to 2 mm
    filled = np.zeros_like(strength)
    for angle in _ANGLES:
        kernel = _line(length if angle in (0, 90) else round(1.2 * length), angle)
        closed = cv2.morphologyEx(strength, cv2.MORPH_CLOSE, kernel)
        filled = np.maximum(filled, closed)
    return np.asarray(np.where(printed, filled, strength), np.float32)


def _line(length: int, angle: float) -> NDArray[np.uint8]:
    """Draw a line through the middle of a square; the angle is in degrees."""
    side = length | 1
    kernel = np.zeros((side, side), np.uint8)
    middle = side // 2
    reach = middle * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    start, stop = (tuple(np.rint(middle + sign * reach).astype(int).tolist()) for sign in (-1, 1))
    cv2.line(kernel, start, stop, 1)
    return kernel
