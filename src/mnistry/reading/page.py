"""Find the page in a picture and bring it upright: flat, level, and the right way up.

A sheet of paper on a desk, or a canvas on a screen, is a region with four straight sides whose
surroundings are lighter or darker all round. Several sheets stay where they lie; what is between
them is painted over. Knows nothing of ink: `mnistry.reading.turn` tells from the marks of a page
how it is turned.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.images.pixels import reduced

# A sheet is looked for in a reduced copy with a long side of `_SIDE` pixels, but not in a picture
# whose own long side is less than `_LEAST_SIDE`.
_SIDE, _LEAST_SIDE = 320, 200
# Marks narrower than this many pixels of that copy are filled before the sheet is looked for.
_MARK = 15
# The darker and the lighter part of a picture differ by at least this part of the 255 grey levels.
_CONTRAST = 0.12
# A large sheet covers at least `_SMALLEST` of the picture; its short side is at least `_NARROWEST`
# of its long one. No sheet covers more than `_LARGEST` of the picture.
_SMALLEST, _LARGEST, _NARROWEST = 0.15, 0.97, 0.2
# A smaller sheet counts only if nothing is written beside it. It covers at least `_SMALLER` of the
# picture; its short side is at least `_NARROWER` of its long one, and `_LOW` pixels of the reduced
# copy.
_SMALLER, _NARROWER, _LOW = 0.005, 0.06, 12
# So many sheets of a picture are read at most: the largest ones.
MOST_SHEETS = 12
# At least `_OWN` of the four-sided shape has the sheet's brightness; with its holes filled, at
# least `_FULL`.
_OWN, _FULL = 0.7, 0.955
# A side may be bent by `_BENT` of its length. Its outer `_ROUND` at either end may be rounded off.
_BENT, _ROUND = 0.012, 0.08
# Least and greatest angle between two sides, in degrees.
_SHARPEST, _BLUNTEST = 55, 125
# Beside at least this part of each side the picture shows what surrounds the sheet.
_SEEN = 0.6
# What is taken off each side because it is half desk, in pixels of the reduced copy.
_SLIVER = 0.75
# A mark differs from what it is on by more than `_MARKED` of the 255 grey levels. A page has at
# least `_WRITTEN` pixels of marks. Up to `_BLANK` of a blank area may seem to be marks.
_MARKED, _WRITTEN, _BLANK = 0.05, 4, 0.002
# What is beside a page covers from `_LEAST_AROUND` to `_MOST_AROUND` of the picture.
_LEAST_AROUND, _MOST_AROUND = 0.004, 0.5
# A mark at the picture's edge is beside the page if it is more than `_FAR_HIGHER` times as high as
# the highest of at least `_SEVERAL` marks that are not at the edge.
_FAR_HIGHER, _SEVERAL = 1.5, 4
# At most `_UNCLEAR` of what lies along a side may be nearer to the sheet's brightness than `_CLEAR`
# of the difference between the sheet and its surroundings.
_CLEAR, _UNCLEAR = 0.5, 0.1

# What is taken off the sides of each of several sheets, as a part of the picture's width.
_EDGE = 0.005

Points = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Page:
    """A page, upright, and where it lies in the picture.

    Attributes
    ----------
    grey
        ``uint8``, shape ``(height, width)``.
    size
        Its height and width in pixels at the picture's scale; `grey` may be a reduced copy.
    to_picture
        ``float64``, shape ``(3, 3)``: the homography from its pixels, of `size`, to the picture's.
        None if the page is the picture.
    corners
        ``float64``, shape ``(4, 2)``: x and y in the picture of the page's corners, from the upper
        left one clockwise; None if it was not flattened.
    turned
        Degrees clockwise by which the picture was turned: 0, 90, 180 or 270.
    sheets
        How many sheets were found in the picture. One is flattened; several stay where they lie, at
        most `MOST_SHEETS` of them.
    """

    grey: NDArray[np.uint8] = field(repr=False)
    size: tuple[int, int]
    to_picture: NDArray[np.float64] | None = None
    corners: Points | None = None
    turned: int = 0
    sheets: int = 0

    def quad(self, box: tuple[float, float, float, float]) -> Points:
        """Return the corners of a box in the picture's pixels."""
        x, y, width, height = box
        around = np.array(
            [[x, y], [x + width, y], [x + width, y + height], [x, y + height]], np.float64
        )
        return around if self.to_picture is None else mapped(around, self.to_picture)


def flattened(grey: NDArray[np.uint8], size: tuple[int, int]) -> Page:
    """Find a sheet of paper or a canvas that lies whole in a picture, and bring it flat.

    Parameters
    ----------
    grey
        ``uint8``, shape ``(height, width)``.
    size
        Height and width of the picture, of which `grey` may be a reduced copy.

    Returns
    -------
    Page
        The picture itself if there is no such sheet; the picture with one shade of paper around
        the sheets if there are several.
    """
    small = _reduced(grey)
    if small is None:
        return Page(grey, size)
    found = find_sheets(grey, small)
    if not found:
        return Page(_without_surroundings(grey, small), size)
    if len(found) > 1:
        return Page(_sheets_alone(grey, found[:MOST_SHEETS]), size, sheets=len(found))
    (corners,) = found
    scale = max(grey.shape) / max(size)
    # Mean lengths of opposite sides: near enough if the sheet is not seen too much aslant.
    lengths = np.hypot(*(np.roll(corners, -1, axis=0) - corners).T)
    columns, rows = (max(8, round(float(lengths[i] + lengths[i + 2]) / 2)) for i in (0, 1))
    flat = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float32)
    to_grey = cv2.getPerspectiveTransform(flat, corners.astype(np.float32))
    seen = cv2.warpPerspective(
        grey, to_grey, (columns, rows), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    shrink = np.diag([scale, scale, 1])
    return Page(
        np.asarray(seen, np.uint8),
        (round(rows / scale), round(columns / scale)),
        np.linalg.inv(shrink) @ to_grey @ shrink,
        corners / scale,
        sheets=1,
    )


def levelled(page: Page, degrees: float) -> Page:
    """Turn a page so that lines that fall to the right by so many degrees are level."""
    scale = max(page.grey.shape) / max(page.size)
    rows, columns = page.grey.shape
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    ends = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]]) @ turn.T
    start = ends.min(0)
    width, height = np.ceil(ends.max(0) - start).astype(int).tolist()
    move = np.eye(3)
    move[:2] = np.column_stack([turn, -start])
    grey = cv2.warpAffine(page.grey, move[:2], (width, height))
    around = cv2.warpAffine(np.zeros_like(page.grey), move[:2], (width, height), borderValue=255)
    factor = min(1.0, _SIDE / max(grey.shape))
    rows, columns = (max(8, round(side * factor)) for side in grey.shape)
    outside = (reduced(around, (columns, rows)) > 0).astype(np.uint8)
    small = np.asarray(reduced(grey, (columns, rows)), np.uint8)
    grey = _painted(np.asarray(grey, np.uint8), small, outside)
    shrink = np.diag([scale, scale, 1])
    back = np.linalg.inv(shrink) @ np.linalg.inv(move) @ shrink
    to_picture = back if page.to_picture is None else page.to_picture @ back
    return Page(
        grey, (round(height / scale), round(width / scale)), to_picture, page.corners, page.turned
    )


def turned(page: Page, degrees: int) -> Page:
    """Turn a page clockwise by 90, 180 or 270 degrees more."""
    quarters = degrees // 90
    rows, columns = page.size
    grey = np.ascontiguousarray(np.rot90(page.grey, -quarters))
    back = np.array({
        1: [[0, 1, 0], [-1, 0, rows], [0, 0, 1]],
        2: [[-1, 0, columns], [0, -1, rows], [0, 0, 1]],
        3: [[0, -1, columns], [1, 0, 0], [0, 0, 1]],
    }[quarters], np.float64)  # fmt: skip
    size = (columns, rows) if quarters % 2 else (rows, columns)
    to_picture = back if page.to_picture is None else page.to_picture @ back
    corners = None if page.corners is None else np.roll(page.corners, quarters, axis=0)
    return Page(grey, size, to_picture, corners, (page.turned + degrees) % 360)


def are_beside(boxes: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Tell which marks are beside the page: at the edge, and far higher than all others.

    Parameters
    ----------
    boxes
        Shape ``(n, 4)``: left, top, width and height of each mark.
    shape
        Height and width of what they are on.

    Examples
    --------
    >>> digits = [(10 * i, 40, 8, 12) for i in range(1, 6)]
    >>> are_beside(np.array([*digits, (97, 0, 3, 100)]), (100, 100)).tolist()
    [False, False, False, False, False, True]
    """
    if len(boxes) < _SEVERAL:
        return np.zeros(len(boxes), bool)
    x, y, width, height = boxes.T
    at_edge = (x <= 0) | (y <= 0) | (x + width >= shape[1]) | (y + height >= shape[0])
    if (~at_edge).sum() < _SEVERAL:
        return np.zeros(len(boxes), bool)
    far_higher = at_edge & (height > _FAR_HIGHER * height[~at_edge].max())
    if 2 * far_higher.sum() > (~at_edge).sum():
        return np.zeros(len(boxes), bool)  # they are the digits; the others are signs
    return np.asarray(far_higher, bool)


def find_sheets(grey: NDArray[np.uint8], small: NDArray[np.uint8] | None = None) -> list[Points]:
    """Find the four-sided sheets that are lighter, or darker, than all that surrounds them.

    Small ones and long ones, such as a strip of paper, count only if nothing is written beside
    them.

    Parameters
    ----------
    grey
        ``uint8``, shape ``(height, width)``.
    small
        A reduced copy, if there is one.

    Returns
    -------
    list of ndarray
        For each sheet, the largest first, ``float64``, shape ``(4, 2)``: x and y of its corners,
        from the upper left one clockwise.

    Examples
    --------
    >>> picture = np.full((400, 300), 60, np.uint8)
    >>> picture[50:350, 40:260] = 220
    >>> picture[100:140, 100:106] = 30
    >>> [corners.round(-1).tolist() for corners in find_sheets(picture)]
    [[[40.0, 50.0], [260.0, 50.0], [260.0, 350.0], [40.0, 350.0]]]
    """
    small = _reduced(grey) if small is None else small
    if small is None:
        return []
    found: list[Points] = []
    for values in (small, 255 - small):
        own = _apart(_sheets(values))
        found = own if sum(map(_area, own)) > sum(map(_area, found)) else found
    large = [corners for corners in found if _is_large(corners, small)]
    if len(found) != len(large) and _is_written_beside(found, small):
        found = large[:1]  # the other regions are parts of what surrounds the sheet
    factors = np.array(grey.shape[::-1]) / small.shape[::-1]
    return [np.asarray((corners + 0.5) * factors - 0.5) for corners in found]


def _apart(sheets: Iterable[Points]) -> list[Points]:
    """Keep of overlapping sheets the largest one."""
    kept: list[Points] = []
    for corners in sorted(sheets, key=_area, reverse=True):
        middle = corners.mean(0)
        if not any(
            _is_within(middle, other) or _is_within(other.mean(0), corners) for other in kept
        ):
            kept.append(corners)
    return kept


def _is_within(point: Points, corners: Points) -> bool:
    outline = corners.astype(np.float32)
    return cv2.pointPolygonTest(outline, point.tolist(), measureDist=False) >= 0


def _area(corners: Points) -> float:
    return cv2.contourArea(corners.astype(np.float32))


def _is_large(corners: Points, small: NDArray[np.uint8]) -> bool:
    lengths = np.hypot(*(np.roll(corners, -1, axis=0) - corners).T)
    is_wide = lengths.min() >= _NARROWEST * lengths.max()
    return bool(is_wide and _area(corners) >= _SMALLEST * small.size)


def _is_written_beside(sheets: Sequence[Points], small: NDArray[np.uint8]) -> bool:
    """Whether something stands out that is on no sheet."""
    beside = _marks(small)
    for corners in sheets:
        cv2.fillConvexPoly(beside, np.rint(corners).astype(np.int32), 0)
        cv2.polylines(beside, [np.rint(corners).astype(np.int32)], True, 0, _MARK // 2)
    return bool(beside.mean() > _BLANK)


def _sheets_alone(grey: NDArray[np.uint8], sheets: Sequence[Points]) -> NDArray[np.uint8]:
    """Give all that is on no sheet, and the paper of every sheet, the first sheet's brightness."""
    page = np.zeros_like(grey)
    brightness = 0.0
    for corners in sheets:
        middle = corners.mean(0)
        inside = np.zeros_like(grey)
        lengths = np.hypot(*(corners - middle).T)
        inner = middle + (corners - middle) * (1 - _EDGE * grey.shape[1] / lengths[:, None])
        cv2.fillConvexPoly(inside, np.rint(inner).astype(np.int32), 1)
        own = float(np.median(grey[inside > 0]))
        if not brightness:
            brightness = max(own, 1.0)
            page[:] = round(brightness)
        scaled = np.clip(grey * (brightness / max(own, 1.0)), 0, 255)
        page = np.where(inside > 0, scaled.astype(np.uint8), page)
    return page


def _reduced(grey: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return a small copy; None if the picture itself is too small to show a sheet."""
    if max(grey.shape) < _LEAST_SIDE or min(grey.shape) < _LEAST_SIDE / 4:
        return None
    factor = min(1.0, _SIDE / max(grey.shape))
    rows, columns = (max(8, round(side * factor)) for side in grey.shape)
    small = reduced(grey, (columns, rows)) if factor < 1 else grey
    return np.asarray(small, np.uint8)


def _sheets(values: NDArray[np.uint8]) -> Iterator[Points]:
    """Yield the corners of four-sided regions that are lighter than their surroundings."""
    filled = _filled(values)
    for level in _levels(filled):
        mask = (filled > level).astype(np.uint8)
        outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        for outline in outlines:
            area = cv2.contourArea(outline)
            if not _SMALLER <= area / mask.size <= _LARGEST:
                continue
            corners = _corners(outline[:, 0])
            if corners is not None and _is_sheet(corners, outline, values, filled, level):
                yield corners


def _filled(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Fill dark marks."""
    closed = cv2.morphologyEx(values, cv2.MORPH_CLOSE, np.ones((_MARK, _MARK), np.uint8))
    return np.asarray(cv2.GaussianBlur(closed, (5, 5), 0), np.uint8)


def _levels(filled: NDArray[np.uint8]) -> list[int]:
    """Return brightnesses that may part a sheet from its surroundings; none in an even picture."""
    low, high, highest = np.percentile(filled[::2, ::2], (1, 97, 99.7))
    if high - low < _CONTRAST * 255:  # a small sheet on a large desk
        high = highest
    if high - low < _CONTRAST * 255:
        return []
    split, _ = cv2.threshold(filled, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return sorted({int(split), int((low + high) / 2), int(0.7 * low + 0.3 * high)})


def _corners(outline: NDArray[Any]) -> Points | None:
    """Fit four straight sides to an outline, a little inside; None if it has others."""
    hull = cv2.convexHull(outline)
    length = cv2.arcLength(hull, closed=True)
    for part in (0.02, 0.03, 0.045, 0.06):
        rough = cv2.approxPolyDP(hull, part * length, closed=True)[:, 0].astype(np.float64)
        if len(rough) == 4:
            break
    else:
        return None
    rough = _in_order(rough)
    sides = []
    for start, end in zip(rough, np.roll(rough, -1, axis=0), strict=True):
        along = end - start
        long = float(np.hypot(*along))
        if long < 8:
            return None
        along /= long
        off = outline - start
        at, away = off @ along, off @ np.array([-along[1], along[0]])
        near = (at > _ROUND * long) & (at < (1 - _ROUND) * long) & (np.abs(away) < 0.06 * long)
        if near.sum() < 0.6 * (1 - 2 * _ROUND) * long:
            return None
        slope, start_away = np.polyfit(at[near], away[near], 1)
        bent = np.abs(away[near] - start_away - slope * at[near])
        if np.percentile(bent, 95) > max(1.5, _BENT * long):
            return None
        inwards = np.array([-along[1], along[0]])  # the corners are in clockwise order
        sides.append((start + (start_away + _SLIVER) * inwards, along + slope * inwards))
    corners = [_crossing(sides[i - 1], sides[i]) for i in range(4)]
    return np.array(corners) if all(corner is not None for corner in corners) else None


def _in_order(corners: Points) -> Points:
    """Sort corners clockwise, the upper left one first."""
    middle = corners.mean(0)
    corners = corners[np.argsort(np.arctan2(*(corners - middle).T[::-1]))]
    return np.roll(corners, -int((corners - middle).sum(1).argmin()), axis=0)


def _crossing(one: tuple[Points, Points], other: tuple[Points, Points]) -> Points | None:
    a = np.stack([one[1], -other[1]], axis=1)
    if abs(np.linalg.det(a)) < 1e-6:
        return None
    return np.asarray(one[0] + np.linalg.solve(a, other[0] - one[0])[0] * one[1])


def _is_sheet(
    corners: Points,
    outline: NDArray[Any],
    values: NDArray[np.uint8],
    filled: NDArray[np.uint8],
    level: int,
) -> bool:
    """Whether a region is a sheet: four-sided, whole, apart from its surroundings, written on."""
    sides = np.roll(corners, -1, axis=0) - corners
    before = -np.roll(sides, 1, axis=0)
    lengths = np.hypot(*sides.T)
    if lengths.min() < max(_NARROWER * lengths.max(), _LOW):
        return False
    cosine = (sides * before).sum(1) / lengths / np.roll(lengths, 1)
    angles = np.rad2deg(np.arccos(np.clip(cosine, -1, 1)))
    if angles.min() < _SHARPEST or angles.max() > _BLUNTEST:
        return False
    area = cv2.contourArea(corners.astype(np.float32))
    quad = np.zeros_like(values)
    cv2.fillConvexPoly(quad, np.rint(corners).astype(np.int32), 1)
    own = (filled > level) & (quad > 0)
    if cv2.contourArea(outline) < _FULL * area or own.sum() < _OWN * area:
        return False
    return _is_apart(corners, values) and _is_written_on(quad, values)


def _is_apart(corners: Points, values: NDArray[np.uint8]) -> bool:
    """Whether `values` fall beyond each side, and stay low further out than a rule is wide."""
    blurred = cv2.blur(values, (3, 3)).astype(np.float32)
    rows, columns = values.shape
    middle = corners.mean(0)
    part = np.linspace(0.06, 0.94, 40)[:, None]
    sides = np.roll(corners, -1, axis=0) - corners
    depth = min(6.0, float(np.hypot(*sides.T).min()) / 4)
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        points = start + (end - start) * part
        out = np.array([(end - start)[1], -(end - start)[0]]) / np.hypot(*(end - start))
        out *= np.sign(out @ (start - middle))
        within = _at(blurred, points - depth * out)
        paper = float(np.median(within))
        for far in (3.0, 8.0):
            beyond = points + far * out
            room = ((beyond >= 0) & (beyond <= (columns - 1, rows - 1))).all(1)
            if room.mean() < _SEEN:
                return False
            there = _at(blurred, beyond[room])
            desk = float(np.median(there))
            if paper - desk < _CONTRAST / 2 * 255:
                return False
            if (there > paper - _CLEAR * (paper - desk)).mean() > _UNCLEAR:
                return False
    return True


def _at(values: NDArray[np.float32], points: Points) -> NDArray[np.float32]:
    x, y = np.clip(np.rint(points).astype(int), 0, np.array(values.shape[::-1]) - 1).T
    return np.asarray(values[y, x], np.float32)


def _is_written_on(quad: NDArray[np.uint8], values: NDArray[np.uint8]) -> bool:
    """Whether there is something darker or lighter on a sheet, well inside it."""
    reach = max(3, round(0.05 * np.sqrt(quad.sum())))
    inside = cv2.erode(quad, np.ones((reach, reach), np.uint8), borderValue=0)
    return bool((_marks(values) * inside).sum() >= _WRITTEN)


def _marks(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mark what stands out from its surroundings on both sides by more than the grain does."""
    window = np.ones((_MARK, _MARK), np.uint8)
    found = np.zeros_like(values)
    for way in (cv2.MORPH_BLACKHAT, cv2.MORPH_TOPHAT):
        off = cv2.morphologyEx(values, way, window)
        found |= off > max(_MARKED * 255, 3 * float(np.median(off)))
    return found


def _without_surroundings(grey: NDArray[np.uint8], small: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Paint over what is beside the page: a desk, a scanner's lid, a thumb.

    What is beside the page touches the picture's edge, is wider than strokes, has a sharp outline,
    and nothing is written on it.
    """
    both = [_filled(values) for values in (small, 255 - small)]
    levels = [_levels(filled) for filled in both]
    if not any(levels):
        return grey
    around, marks = np.zeros_like(small), _marks(small)
    # High at the outlines that stay both where dark marks are filled and where light ones are.
    steep = np.minimum(*(
        cv2.morphologyEx(filled, cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8)) for filled in both
    ))  # fmt: skip
    for values, filled, tried in zip((small, 255 - small), both, levels, strict=True):
        for level in tried:
            count, labels, stats, _ = cv2.connectedComponentsWithStats(
                (filled <= level).astype(np.uint8)
            )
            for i in range(1, count):
                x, y, width, height, area = stats[i]
                right, bottom = x + width, y + height
                is_inside = x > 0 and y > 0 and right < small.shape[1] and bottom < small.shape[0]
                if not is_inside and _LEAST_AROUND <= area / small.size <= _MOST_AROUND:
                    one = (labels == i).astype(np.uint8)
                    if _is_around(one, small, steep, marks):
                        around |= _with_tips(one, values <= level)
    if not around.any() or around.mean() > _MOST_AROUND:
        return grey
    return _painted(grey, small, around)


def _painted(
    grey: NDArray[np.uint8], small: NDArray[np.uint8], around: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Give part of a picture the brightness of the nearest paper.

    Parameters
    ----------
    grey
        ``uint8``, shape ``(height, width)``.
    small
        A reduced copy.
    around
        ``uint8``, like `small`: 1 where to paint.
    """
    # The paper's brightness is taken further away than the filling of marks may blur the outline.
    wide = cv2.dilate(around, np.ones((_MARK + 4, _MARK + 4), np.uint8))
    if wide.all():
        return grey
    _, nearest = cv2.distanceTransformWithLabels(
        wide, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    paper = np.zeros(int(nearest.max()) + 1, np.uint8)
    paper[nearest[wide == 0]] = cv2.medianBlur(small, _MARK)[wide == 0]
    painted = cv2.blur(paper[nearest], (9, 9))
    around = np.asarray(cv2.dilate(around, np.ones((5, 5), np.uint8)), np.uint8)
    size = grey.shape[::-1]
    soft = cv2.resize(around * np.uint8(255), size, interpolation=cv2.INTER_LINEAR)
    over = cv2.resize(painted, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.where(soft > 127, over, grey), np.uint8)


def _with_tips(one: NDArray[np.uint8], dark: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Add the narrow ends of a region, which were filled like marks."""
    near = (cv2.dilate(one, np.ones((_MARK, _MARK), np.uint8)) > 0) & dark
    _, labels = cv2.connectedComponents((near | (one > 0)).astype(np.uint8))
    return np.isin(labels, np.unique(labels[one > 0])).astype(np.uint8)


def _is_around(
    one: NDArray[np.uint8],
    small: NDArray[np.uint8],
    steep: NDArray[np.uint8],
    marks: NDArray[np.uint8],
) -> bool:
    """Whether a region at the picture's edge is beside the page: blank, with a sharp outline."""
    inner = cv2.erode(one, np.ones((9, 9), np.uint8)) > 0
    outline = cv2.dilate(one, np.ones((5, 5), np.uint8)) > one
    near, far = (cv2.dilate(one, np.ones((side, side), np.uint8)) for side in (_MARK, 3 * _MARK))
    page, beyond = far > near, near == 0
    if not inner.any() or not page.any():
        return False
    if np.percentile(steep[outline], 20) < _CONTRAST / 2 * 255:
        return False
    # A page is of another brightness for more than the width of a thick stroke.
    region = float(np.median(small[inner]))
    if np.percentile(np.abs(small[page] - np.float32(region)), 20) < _CONTRAST / 2 * 255:
        return False
    return marks[inner].mean() <= _BLANK and int(marks[beyond].sum()) >= _WRITTEN


def mapped(points: Points, homography: NDArray[np.float64]) -> Points:
    """Return where a homography, shape ``(3, 3)``, moves points, shape ``(n, 2)``."""
    across = points @ homography[:, :2].T + homography[:, 2]
    return np.asarray(across[:, :2] / across[:, 2:], np.float64)
