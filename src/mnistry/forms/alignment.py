"""Find a page of a form in a scan or a photo, and map its points to pixels.

The blank page is first found roughly, by its markers or by what is printed on it (SIFT features: D.
Lowe, 2004). Then small patches round its printed corners are looked for nearby, which gives a
homography and, for paper that is curled, a smooth correction. Positions on the page are in
millimetres from its upper left corner. Knows nothing of fields and of handwriting.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.reading.page import mapped

SCALE = 8  # pixels for each millimetre of a blank page: about 200 dpi
_ROUGH_SCALE = 4  # the same of the smaller pictures whose features are compared: about 100 dpi
# The maximum number of features of a page.
_FEATURES = 1500
# Two features match if their distance is less than this share of that to the second nearest (Lowe).
_RATIO = 0.8
_AGREEING = 12  # the least number of features (or corners) that must agree on a homography
_AGREE = 0.8  # a feature agrees if the homography places it at most so many millimetres off
_MARKER_SIDE = 1800  # pixels: long side of the reduced scan in which markers are looked for
_LEAST_MARKERS = 2  # so many of a page's markers must be found
# How many millimetres a marker's corner may lie from where the homography of all found markers
# places it. It lies further if the markers belong to two pages.
_MARKERS_OFF = 3.0
_CORNERS = 120  # the most corner points of the print that are looked for
_APART = 6.0  # millimetres: the least distance between two of these corners
_PATCH = 2.0  # millimetres: half of the side of the patch round a corner
# Millimetres: how far from its expected place a corner is looked for in the first round. Later
# rounds reach half as far.
_REACH = 1.5
# The same reach if the expected places come from four points that a person clicked.
BY_HAND = 5.0
# Three of a person's four points lie nearly in a line if their triangle has less than this share
# of the area of a square whose side is the extent of all four.
_SLIM = 0.005
# A corner whose patch correlates less than this was not found.
_FOUND = 0.5
_ENOUGH = 0.3  # the share of a page's corners that must be found
# The least median correlation of all corners: a wrong form has 0 to 0.1, the right one 0.6 to 0.95.
LEAST_SCORE = 0.35
# Rounds of looking for the corners; the correction is fitted from the second on.
_ROUNDS = 3
# At this distance from the fitted correction, in millimetres, a corner has half of its weight.
_HALF_WEIGHT = 0.15
# Spacing in millimetres of the points that are mapped exactly; between them, linear interpolation.
_MESH = 4.0
# Ridge penalty on the terms of the correction beyond the affine ones, so that it does not overfit.
_RIDGE = 0.3

MARKERS = cv2.aruco.DICT_4X4_50
_UNBENT = np.zeros((16, 2))  # `Alignment.bend` of a flat page

Grey = NDArray[np.uint8]
Points = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Blank:
    """A blank page, prepared to be found.

    Attributes
    ----------
    grey
        ``uint8``, shape ``(rows, columns)``, 0 for black to 255 for white.
    width, height
        In millimetres.
    corners
        ``float64``, shape ``(n, 2)``: x and y of corner points of the print, in millimetres.
    patches
        ``uint8``, shape ``(n, side, side)``: the page round each of them, `SCALE` pixels for each
        millimetre.
    holes
        Boxes in millimetres of print that differs from sheet to sheet.
    """

    grey: Grey = field(repr=False)
    width: float
    height: float
    corners: Points = field(repr=False)
    patches: Grey = field(repr=False)
    holes: Sequence[Sequence[float]] = field(repr=False)

    @functools.cached_property
    def features(self) -> tuple[Points, NDArray[np.float32]]:
        """The SIFT features: places in millimetres, ``(m, 2)``, and descriptors, ``(m, 128)``.

        A page that is found by its markers does not need them.
        """
        page = _resized(self.grey, self.width, self.height)
        places, descriptors = _features(page, _ROUGH_SCALE / SCALE)
        allowed = _outside(page, self.holes)
        is_allowed = np.array([_inside(allowed, place) for place in places], bool)
        return places[is_allowed] / SCALE, descriptors[is_allowed]

    @property
    def own_alignment(self) -> "Alignment":
        """Where the page lies in its own picture."""
        return flat(self.grey, self.width, self.height)


@dataclass(frozen=True, eq=False)
class Alignment:
    """Where a page lies in a scan.

    Attributes
    ----------
    homography
        ``float64``, shape ``(3, 3)``: from millimetres on the flat page to pixels of the scan.
    bend
        ``float64``, shape ``(16, 2)``: the smooth correction, in millimetres, which is added to a
        point of the page before the homography: the coefficients of `_terms`, for x and y.
    size
        Width and height of the page, in millimetres.
    score
        Median correlation of the patches round the corner points with the scan, -1 to 1.
    """

    homography: NDArray[np.float64]
    bend: NDArray[np.float64]
    size: tuple[float, float]
    score: float = 0.0

    def pixels(self, points: Points) -> Points:
        """Convert points of the page, in millimetres, to pixels of the scan; shape ``(n, 2)``."""
        moved = points + _terms(points, self.size) @ self.bend if self.bend.any() else points
        return mapped(moved, self.homography)

    @property
    def scale(self) -> float:
        """Pixels of the scan for each millimetre in the middle of the page."""
        middle = np.array(self.size) / 2
        here = self.pixels(middle + np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
        return float(np.sqrt(abs(np.linalg.det(here[1:] - here[0]))))

    @property
    def turned(self) -> int:
        """Degrees clockwise by which the scan must be turned to be upright: 0, 90, 180 or 270."""
        middle = np.array(self.size) / 2
        here = self.pixels(middle + np.array([[0.0, 0.0], [10.0, 0.0]]))
        x, y = here[1] - here[0]
        return int(-round(np.degrees(np.arctan2(y, x)) / 90)) % 4 * 90


def prepare(
    grey: Grey, width: float, height: float, holes: Sequence[Sequence[float]] = ()
) -> Blank:
    """Prepare a blank page.

    Parameters
    ----------
    grey
        Its picture, ``uint8``, at any resolution.
    width, height
        Its size in millimetres.
    holes
        Boxes in millimetres of print that differs from sheet to sheet, such as a code. No corners
        or features are taken from them.
    """
    page = _resized(grey, width, height)
    soft = cv2.GaussianBlur(page, (5, 5), 0)
    found = cv2.goodFeaturesToTrack(
        soft, _CORNERS, 0.02, _APART * SCALE, mask=_outside(page, holes), blockSize=SCALE
    )
    corners = np.zeros((0, 2)) if found is None else found.reshape(-1, 2) / SCALE
    patches = _patches(page, flat(page, width, height), corners, _PATCH)
    return Blank(grey, width, height, corners, patches, holes)


def _resized(grey: Grey, width: float, height: float) -> Grey:
    """Bring a blank page to `SCALE` pixels for each millimetre."""
    size = round(width * SCALE), round(height * SCALE)
    is_larger = grey.shape[1] > size[0]
    interpolation = cv2.INTER_AREA if is_larger else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(grey, size, interpolation=interpolation), np.uint8)


def _outside(page: Grey, holes: Sequence[Sequence[float]]) -> Grey:
    """Return 255 where corners and features may be: not in a hole, nor at the page's edge."""
    allowed = np.full(page.shape, 255, np.uint8)
    for x, y, wide, high in holes:
        left, top = (max(0, round(v * SCALE)) for v in (x, y))
        allowed[top : round((y + high) * SCALE), left : round((x + wide) * SCALE)] = 0
    edge = round(_PATCH * SCALE)
    allowed[:edge], allowed[-edge:], allowed[:, :edge], allowed[:, -edge:] = 0, 0, 0, 0
    return allowed


def flat(grey: Grey, width: float, height: float) -> Alignment:
    """Return where a page of this size in millimetres lies in a picture of nothing else."""
    scale = [grey.shape[1] / width, grey.shape[0] / height, 1.0]
    return Alignment(np.diag(scale), _UNBENT, (width, height))


def _inside(allowed: Grey, point: Points) -> bool:
    x, y = (int(v) for v in point)
    return bool(y < allowed.shape[0] and x < allowed.shape[1] and allowed[y, x])


def align(scan: Grey, blanks: Sequence[Blank]) -> tuple[int, Alignment] | None:
    """Find out which of several pages a scan shows, and where it lies.

    Parameters
    ----------
    scan
        ``uint8``, shape ``(height, width)``, 0 for black to 255 for white; turned in any way.
    blanks
        The pages, which are told apart by what is printed on them.

    Returns
    -------
    tuple or None
        The index of the page, and its alignment; None if the scan shows none of the pages.
    """
    long_side = _ROUGH_SCALE * max(max(blank.width, blank.height) for blank in blanks)
    places, descriptors = _features(scan, min(1.0, 1.15 * long_side / max(scan.shape)))
    best: tuple[int, Alignment] | None = None
    for index, blank in enumerate(blanks):
        rough = _by_features(blank, places, descriptors)
        found = None if rough is None else refine(scan, blank, rough)
        if found is not None and (best is None or found.score > best[1].score):
            best = index, found
    return best


def find_markers(scan: Grey) -> dict[int, Points]:
    """Find square markers, of OpenCV's dictionary `MARKERS`, in a scan.

    Returns
    -------
    dict
        By their numbers: the four corners, clockwise from the marker's own top left one, in pixels.
        A number that is found twice is left out.
    """
    factor = min(1.0, _MARKER_SIDE / max(scan.shape))
    rows, columns = (max(1, round(side * factor)) for side in scan.shape)
    if factor < 0.5:  # first to a half: that is ten times as fast as INTER_AREA by other factors
        scan = np.asarray(
            cv2.resize(scan, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8
        )
    small = cv2.resize(scan, (columns, rows), interpolation=cv2.INTER_AREA)
    dictionary = cv2.aruco.getPredefinedDictionary(MARKERS)
    corners, numbers, _ = cv2.aruco.ArucoDetector(dictionary).detectMarkers(small)
    found = [] if numbers is None else [int(number) for number in numbers.ravel()]
    return {
        number: (corner.reshape(4, 2).astype(np.float64) + 0.5) / factor
        for number, corner in zip(found, corners, strict=True)
        if found.count(number) == 1
    }


def by_markers(
    found: Mapping[int, Points], wanted: Mapping[int, Sequence[float]], size: tuple[float, float]
) -> Alignment | None:
    """Return where a page lies, from its markers.

    Return None if fewer than two are found, or if they do not fit one page.

    Parameters
    ----------
    found
        The result of `find_markers`.
    wanted
        The page's markers: their numbers and boxes in millimetres.
    size
        The page's width and height in millimetres.
    """
    shared = [number for number in wanted if number in found]
    if len(shared) < _LEAST_MARKERS:
        return None
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64)
    on_page = np.concatenate(
        [square * wanted[number][2:] + wanted[number][:2] for number in shared]
    )
    in_scan = np.concatenate([found[number] for number in shared])
    found_homography, _ = cv2.findHomography(on_page, in_scan)
    if found_homography is None:
        return None
    homography = np.asarray(found_homography, np.float64)
    if not _is_plausible(homography, on_page):
        return None
    off = np.hypot(*(mapped(on_page, homography) - in_scan).T)
    where = Alignment(homography, _UNBENT, size)
    return where if off.max() < _MARKERS_OFF * where.scale else None


def by_points(on_page: Points, in_scan: Points, size: tuple[float, float]) -> Alignment | None:
    """Return where a page lies, from four of its points that a person pointed at.

    Return None if they cannot be points of one flat page: because two were swapped, or because
    three of them lie nearly in a line.

    Parameters
    ----------
    on_page
        ``float64``, shape ``(4, 2)``: x and y in millimetres.
    in_scan
        Where the same points are in the scan, in pixels.
    size
        The page's width and height in millimetres.
    """
    if not (spread(on_page) and spread(in_scan)):
        return None
    homography = np.asarray(
        cv2.getPerspectiveTransform(on_page.astype(np.float32), in_scan.astype(np.float32)),
        np.float64,
    )
    return Alignment(homography, _UNBENT, size) if _is_plausible(homography, on_page) else None


def spread(points: Points) -> bool:
    """Whether no three of four points lie nearly in a line."""
    triangles = [np.delete(points, left_out, axis=0) for left_out in range(4)]
    least = min(abs(np.linalg.det(one[1:] - one[0])) / 2 for one in triangles)
    return bool(least > _SLIM * np.ptp(points, axis=0).max() ** 2)


def _features(grey: Grey, scale: float) -> tuple[Points, NDArray[np.float32]]:
    """Find features of a picture that is reduced by `scale`; their places in its own pixels."""
    rows, columns = (max(1, round(side * scale)) for side in grey.shape)
    small = cv2.resize(grey, (columns, rows), interpolation=cv2.INTER_AREA)
    points, descriptors = cv2.SIFT.create(_FEATURES).detectAndCompute(small, None)
    if descriptors is None:
        return np.zeros((0, 2)), np.zeros((0, 128), np.float32)
    places = (np.array([point.pt for point in points]) + 0.5) / scale
    return places, np.asarray(descriptors, np.float32)


def _by_features(
    blank: Blank, places: Points, descriptors: NDArray[np.float32]
) -> Alignment | None:
    """Find a homography on which the features of a scan agree."""
    own_places, own = blank.features
    if min(len(descriptors), len(own)) < _AGREEING:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(own, descriptors, k=2)
    good = [pair[0] for pair in pairs if pair[0].distance < _RATIO * pair[1].distance]
    if len(good) < _AGREEING:
        return None
    on_page = own_places[[match.queryIdx for match in good]]
    in_scan = places[[match.trainIdx for match in good]]
    # From the scan to the page: so the tolerance is in millimetres.
    back, mask = cv2.findHomography(
        in_scan, on_page, cv2.USAC_MAGSAC, _AGREE, maxIters=5000, confidence=0.9999
    )
    if (
        back is None
        or int(mask.sum()) < _AGREEING
        or not _is_plausible(np.asarray(back, np.float64), in_scan)
    ):
        return None
    homography = np.asarray(np.linalg.inv(back), np.float64)
    return Alignment(homography, _UNBENT, (blank.width, blank.height))


def _is_plausible(homography: NDArray[np.float64], points: Points) -> bool:
    """Whether a homography mirrors nothing, and sends none of the points to infinity."""
    depths = points @ homography[2, :2] + homography[2, 2]
    return bool(np.linalg.det(homography) * depths[0] > 0 and (depths * depths[0] > 0).all())


def refine(scan: Grey, blank: Blank, rough: Alignment, reach: float = _REACH) -> Alignment | None:
    """Improve an alignment that is right to a millimetre or two; None if the page is not there.

    Parameters
    ----------
    scan
        ``uint8``, shape ``(height, width)``.
    blank
        The page.
    rough
        Where it lies, roughly.
    reach
        How far it may be wrong, in millimetres.
    """
    if len(blank.corners) < _AGREEING:
        return None
    found, scores = rough, np.zeros(len(blank.corners))
    for number in range(_ROUNDS):
        shifts, scores = _shifts(scan, blank, found, reach if number == 0 else _REACH / 2)
        is_found = scores > _FOUND
        if is_found.sum() < max(_AGREEING, _ENOUGH * len(scores)):
            return None
        points, moves = blank.corners[is_found], shifts[is_found]
        if number == 0:
            goal = found.pixels(points + moves)
            homography, _ = cv2.findHomography(points, goal, cv2.RANSAC, 0.6 * found.scale)
            if homography is None:
                return None
            found = replace(found, homography=np.asarray(homography, np.float64))
        else:
            # From here on only the correction changes: its terms also approximate a small
            # homography.
            found = replace(found, bend=_fitted(points, moves, found, scores[is_found]))
    score = float(np.median(scores))
    return replace(found, score=score) if score >= LEAST_SCORE else None


def _fitted(
    points: Points, moves: Points, before: Alignment, weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fit the smooth correction to the corners.

    By iteratively reweighted least squares with Cauchy's weights and a ridge penalty.
    """
    terms = _terms(points, before.size)
    goal = terms @ before.bend + moves
    bend = before.bend
    penalty = _RIDGE * np.diag([0.0] * 3 + [1.0] * (terms.shape[1] - 3))
    for _ in range(6):
        off = np.hypot(*(goal - terms @ bend).T)
        weight = (weights / (1 + (off / _HALF_WEIGHT) ** 2))[:, None]
        bend = np.linalg.solve(terms.T @ (weight * terms) + penalty, terms.T @ (weight * goal))
    return bend


def _shifts(
    scan: Grey, blank: Blank, where: Alignment, reach: float
) -> tuple[Points, NDArray[np.float64]]:
    """Return each corner's shift from its expected place, in millimetres, and its correlation."""
    seen = _patches(scan, where, blank.corners, _PATCH + reach)
    shifts, scores = np.zeros((len(seen), 2)), np.zeros(len(seen))
    for i, (patch, area) in enumerate(zip(blank.patches, seen, strict=True)):
        if np.ptp(area) < 8:
            continue
        answer = cv2.matchTemplate(area, patch, cv2.TM_CCOEFF_NORMED)
        x, y, scores[i] = peak(answer)
        shifts[i] = (np.array([x, y]) - (answer.shape[0] - 1) / 2) / SCALE
    return shifts, scores


def peak(values: NDArray[np.float32]) -> tuple[float, float, float]:
    """Return the column and the row of the largest value, between pixels, and that value."""
    _, value, _, (column, row) = cv2.minMaxLoc(values)
    x, y = float(column), float(row)
    if 0 < column < values.shape[1] - 1:
        x += _vertex(*values[row, column - 1 : column + 2].tolist())
    if 0 < row < values.shape[0] - 1:
        y += _vertex(*values[row - 1 : row + 2, column].tolist())
    return x, y, float(value)


def _vertex(before: float, middle: float, after: float) -> float:
    """Return where the parabola through three neighbouring values has its largest one."""
    curve = before + after - 2 * middle
    return 0.5 * (before - after) / curve if curve < 0 else 0.0


def _patches(scan: Grey, where: Alignment, middles: Points, half: float) -> Grey:
    """Sample square patches of a scan round some points of the page."""
    side = 2 * round(half * SCALE)
    steps = (np.arange(side) - (side - 1) / 2) / SCALE
    # Over a few millimetres an affine map is exact enough.
    origins = where.pixels(middles)
    across, down = (
        (where.pixels(middles + step) - where.pixels(middles - step)) / (2 * half)
        for step in (np.array([half, 0]), np.array([0, half]))
    )
    places = (
        origins[:, None, None]
        + across[:, None, None] * steps[:, None]
        + down[:, None, None] * steps[:, None, None]
    )
    x, y = (places[..., i].reshape(-1, side).astype(np.float32) for i in (0, 1))
    if not len(middles):  # OpenCV refuses an empty map
        return np.zeros((0, side, side), np.uint8)
    return sample(scan, x, y).reshape(-1, side, side)


def cut(scan: Grey, where: Alignment, box: Sequence[float], scale: float) -> Grey:
    """Cut a box of the page, in millimetres, out of a scan.

    Parameters
    ----------
    scan
        ``uint8``, shape ``(height, width)``.
    where
        Where the page lies in it.
    box
        Left, top, width and height in millimetres; may reach over the page's edges.
    scale
        Pixels of the result for each millimetre.
    """
    left, top, width, height = box
    columns, rows = max(1, round(width * scale)), max(1, round(height * scale))
    # The map is smooth: points a few millimetres apart are enough, and straight lines between them.
    # One more on each side, because beyond the outermost OpenCV repeats their values. Their number
    # is that of the steps, rounded up, plus two: -(-count // step) rounds up.
    step = round(_MESH * scale)
    x, y = (
        start + (np.arange(-1, -(-count // step) + 1) + 0.5) * step / scale
        for start, count in ((left, columns), (top, rows))
    )
    points = np.stack(np.meshgrid(x, y), axis=-1)
    mesh = where.pixels(points.reshape(-1, 2)).reshape(points.shape).astype(np.float32)
    places = np.asarray(cv2.resize(mesh, None, fx=step, fy=step), np.float32)  # bilinear
    inside = places[step : step + rows, step : step + columns]
    return sample(scan, inside[..., 0], inside[..., 1])


def sample(scan: Grey, x: NDArray[np.float32], y: NDArray[np.float32]) -> Grey:
    """Interpolate a scan's values at some places; outside the scan it is white.

    Parameters
    ----------
    scan
        ``uint8``, shape ``(height, width)``.
    x, y
        The places: ``float32``, of the result's shape; 0 is the edge of the first pixel.
    """
    found = cv2.remap(
        scan, x - np.float32(0.5), y - np.float32(0.5), cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT, borderValue=255,
    )  # fmt: skip
    return np.asarray(found, np.uint8)


def _terms(points: Points, size: tuple[float, float]) -> NDArray[np.float64]:
    """Return the products of powers 0 to 3 of x and y: ``(n, 16)``.

    Here x and y go from -1 to 1 over the page. The affine terms 1, x and y come first.
    """
    x, y = (2 * points / np.array(size) - 1).T
    order = sorted(((i, j) for i in range(4) for j in range(4)), key=sum)
    return np.stack([x**i * y**j for i, j in order], axis=-1)
