"""Find the homography that makes the ruled lines of a picture level and upright.

Each thin line shows its direction. Lines that are parallel on the paper meet in a vanishing point;
two of these give the perspective. Knows nothing of tables.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.images.pixels import sampled
from mnistry.reading.page import mapped
from mnistry.tables.ruled_lines import FAINTEST

# Directions are measured where the structure tensor's coherence is at least this.
_COHERENT = 0.85
# Fewer than twice this many places are measured.
_SAMPLES = 30_000
# The ratio of scales between the middle and the sides of a picture is at most 1 + this.
_MOST_PERSPECTIVE = 0.35

Floats = NDArray[np.float64]


def rectification(contrast: NDArray[np.float32]) -> tuple[Floats, tuple[int, int]] | None:
    """Return a homography that makes the lines level and upright, and the size of its result.

    None if there are too few lines, or if their perspective is stronger than that of a photo.
    """
    rows, columns = contrast.shape
    middle, half = np.array([columns / 2, rows / 2]), np.hypot(rows, columns) / 2
    places, angles = _directions(contrast)
    if len(angles) < 100:
        return None
    first = _main_direction(angles)
    places = (places - middle) / half
    level = _vanishing_point(places, angles, first)
    upright = _vanishing_point(places, angles, first + np.pi / 2)
    horizon = np.cross(level, upright)
    if abs(horizon[2]) < 1e-6:
        return None
    horizon = horizon / horizon[2]
    if np.abs(horizon[:2]).max() > _MOST_PERSPECTIVE:
        return None
    straight = np.array([[1, 0, 0], [0, 1, 0], horizon])
    x, y = (straight @ level)[:2], (straight @ upright)[:2]
    axes = np.stack([x / np.hypot(*x), y / np.hypot(*y)], 1)
    if axes[0, 0] < 0:
        axes[:, 0] *= -1
    if axes[1, 1] < 0:
        axes[:, 1] *= -1
    affine = np.eye(3)
    affine[:2, :2] = np.linalg.inv(axes)
    normalised = np.array([[1, 0, -middle[0]], [0, 1, -middle[1]], [0, 0, half]]) / half
    matrix = np.diag([half, half, 1]) @ affine @ straight @ normalised
    corners = mapped(np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], float), matrix)
    low, high = corners.min(0), corners.max(0)
    if (high - low).max() > 3 * max(rows, columns):
        return None
    matrix = np.array([[1, 0, -low[0]], [0, 1, -low[1]], [0, 0, 1]]) @ matrix
    width, height = np.ceil(high - low).astype(int).tolist()
    return matrix, (width, height)


def _directions(contrast: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Return places on thin lines, ``(n, 2)``, and the direction of the line at each, in radians.

    The direction is that of the structure tensor (W. Förstner and E. Gülch, 1987).
    """
    soft = np.asarray(cv2.GaussianBlur(contrast, (0, 0), 1.0), np.float32)
    gx, gy = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    xx, yy, xy = (cv2.blur(one, (11, 11)) for one in (gx * gx, gy * gy, gx * gy))
    # The difference of the tensor's eigenvalues; their sum is xx + yy.
    difference = cv2.magnitude(xx - yy, 2 * xy)
    on_line = (soft > max(FAINTEST, 3 * _deviation(soft))) & (difference > _COHERENT * (xx + yy))
    y, x = np.nonzero(on_line)
    step = max(1, len(y) // _SAMPLES)
    y, x = y[::step], x[::step]
    angles = 0.5 * np.arctan2(2 * xy[y, x], xx[y, x] - yy[y, x]) + np.pi / 2
    return np.stack([x, y], 1).astype(np.float64), angles.astype(np.float64)


def _deviation(values: NDArray[np.float32]) -> float:
    """Estimate the standard deviation of the noise."""
    part = sampled(values)
    return 1.4826 * float(np.median(np.abs(part - np.median(part))))


def _main_direction(angles: Floats) -> float:
    """Return the direction that most lines have or are perpendicular to, within 45° of level."""
    bins = np.floor(np.rad2deg(angles)).astype(int) % 180
    counts = np.bincount(bins, minlength=180).astype(np.float64)
    window = np.array([1, 2, 3, 4, 3, 2, 1]) / 16
    counts = np.convolve(np.concatenate([counts[-3:], counts, counts[:3]]), window, "valid")
    both = np.sqrt(counts * np.roll(counts, 90))[:90]
    best = int(both.argmax())
    return float(np.deg2rad(best + 0.5 if best < 45 else best + 0.5 - 90))


def _vanishing_point(places: Floats, angles: Floats, first: float) -> Floats:
    """Fit the point at which lines of about one direction meet, in homogeneous coordinates.

    By iteratively reweighted least squares with Geman and McClure's weights.

    Parameters
    ----------
    places
        Points on the lines, ``(n, 2)``, within the unit circle.
    angles
        The lines' directions, in radians.
    first
        The direction near which theirs are, in radians.
    """
    off = (angles - first + np.pi / 2) % np.pi - np.pi / 2
    near = np.abs(off) < np.deg2rad(14)
    point = np.array([np.cos(first), np.sin(first), 0])
    if near.sum() < 30:
        return point
    x, y = places[near].T
    cos, sin = np.cos(angles[near]), np.sin(angles[near])
    lines = np.stack([-sin, cos, x * sin - y * cos], 1)
    for width in np.deg2rad([8, 6, 4, 3, 2, 2, 1, 1, 1, 1, 1]):
        weights = 1 / (1 + (lines @ point / width) ** 2) ** 2
        moments = (lines * weights[:, None]).T @ lines / weights.sum()
        # This prior means "no perspective". It decides where few lines show any.
        moments[2, 2] += 1e-4
        point = np.linalg.eigh(moments)[1][:, 0]
        point = point * np.sign(point[0] * np.cos(first) + point[1] * np.sin(first))
        point = point / np.hypot(point[0], point[1])
    return np.asarray(point, np.float64)
