"""Digits as taught in other countries, made from MNIST's by adding one or two strokes.

MNIST was written in the United States: its 1 is usually a bare stroke, and its 7 usually has no
bar. Elsewhere a 1 has an upstroke, often nearly as long as the stem, and may stand on a foot; a 7
has a bar; and the hook of a 2 may curl until it is closed. Knows nothing of training.
"""

from collections.abc import Callable, Iterator

import numpy as np

from mnistry.augmentation import drawing
from mnistry.augmentation.drawing import Points, around, strokes
from mnistry.datasets.dataset import Images, Labels, Split
from mnistry.errors import UsageError
from mnistry.images.mnist_form import SIDE, normalise

Random = np.random.Generator

# A stem is straight if its ink lies around its axis with a standard deviation of at most _STRAIGHT
# pixels. With a stem that leans by more than _UPRIGHT radians, or an upstroke that leans by more
# than _MOST_LEAN radians, a 1 would become a 7 or a 2.
_STRAIGHT, _UPRIGHT, _MOST_LEAN = 1.3, 0.35, 1.1
# Paper that ink surrounds is a hole if it has at least this many pixels; otherwise it is a gap.
_HOLE = 5


def make(images: Images, labels: Labels, count: int, random: Random) -> Split:
    """Make digits in styles that MNIST lacks: half of them 1, a quarter each 7 and 2.

    Parameters
    ----------
    images, labels
        MNIST's: ``uint8``, shapes ``(n, 28, 28)`` and ``(n,)``.
    count
        How many to make.
    random
        Chooses the images, and the added strokes' places, angles and lengths.

    Returns
    -------
    Split
        Images, ``uint8``, shape ``(count, 28, 28)``, and their labels.

    Raises
    ------
    UsageError
        If strokes can be added to no image of one of these digits.
    """
    counts = {1: count - 2 * (count // 4), 7: count // 4, 2: count // 4}
    made = [
        styled
        for digit, draw in ((1, add_upstroke), (7, add_bar), (2, close_hook))
        for styled in _styled(draw, images[labels == digit], counts[digit], random)
    ]
    return Split(
        np.array(made, np.uint8).reshape(-1, SIDE, SIDE),
        np.repeat(np.array(list(counts), np.uint8), list(counts.values())),
    )


def add_upstroke(image: Images, random: Random) -> Images | None:
    """Give a 1 an upstroke and, with probability 1/3, a foot.

    Parameters
    ----------
    image
        ``uint8``, shape ``(28, 28)``.
    random
        Chooses the strokes' places, angles and lengths.

    Returns
    -------
    ndarray
        The new image, or None if it is not a bare, nearly upright stroke.
    """
    rows, columns = np.nonzero(image > 127)
    points = np.stack([columns, rows], -1) + 0.5
    middle = points.mean(0)
    spread, axes = np.linalg.eigh(np.cov((points - middle).T))
    down = axes[:, 1] * np.sign(axes[1, 1])
    if spread[0] > _STRAIGHT**2 or abs(np.arctan2(down[0], down[1])) > _UPRIGHT:
        return None
    places = (points - middle) @ down
    top, foot = middle + places.min() * down, middle + places.max() * down
    width = np.sqrt(12 * spread[0])  # ink spread evenly over a width w has the variance w^2 / 12
    top, foot = top + width / 2 * down, foot - width / 2 * down
    height = np.linalg.norm(foot - top)
    # The upstroke's angle is measured from the stem's own direction, towards the left.
    leaning = max(0.0, np.arctan2(-down[0], down[1]))
    angle = np.arctan2(down[1], down[0]) + random.uniform(0.4, _MOST_LEAN - leaning)
    added = [_bent(top, top + random.uniform(0.25, 0.75) * height * around(angle), random)]
    if random.random() < 1 / 3:
        reach = random.uniform(0.12, 0.4) * height * around(random.uniform(-0.15, 0.15))
        added.append(np.stack([foot - reach, foot + reach]))
    return normalise(strokes(added, width, drawing.enlarged(image)))


def add_bar(image: Images, random: Random) -> Images | None:
    """Give a 7 a bar through its stem.

    Parameters
    ----------
    image
        ``uint8``, shape ``(28, 28)``.
    random
        Chooses the strokes' places, angles and lengths.

    Returns
    -------
    ndarray
        The new image, or None if there is no bare stem, as in a 7 that has a bar.
    """
    rows = np.flatnonzero((image > 127).any(1))
    height = np.ptp(rows)
    row = rows[0] + round(random.uniform(0.5, 0.65) * height)
    columns = np.flatnonzero(image[row] > 127)
    if not columns.size or np.ptp(columns) > 5:
        return None
    middle = np.array([columns.mean(), row]) + 0.5
    reach = random.uniform(0.12, 0.28) * height * around(random.uniform(-0.4, 0.15))
    bar = np.stack([middle - reach, middle + reach])
    return normalise(strokes([bar], 0.8 * (np.ptp(columns) + 1), drawing.enlarged(image)))


def close_hook(image: Images, random: Random) -> Images | None:
    """Close the hook of a 2: extend it until it meets the stroke that goes down.

    Parameters
    ----------
    image
        ``uint8``, shape ``(28, 28)``.
    random
        Chooses the strokes' places, angles and lengths.

    Returns
    -------
    ndarray
        The new image, or None if there is no hook that is open to the left.
    """
    rows, columns = np.nonzero(image > 127)
    top, height = rows.min(), np.ptp(rows)
    upper = rows < top + 0.5 * height
    left = columns[upper].min()
    # The lowest ink at the far left of the upper half is the hook's end.
    end = np.array([left, rows[upper & (columns <= left + 1)].max()])
    row = top + round(random.uniform(0.42, 0.55) * height)
    inked = np.flatnonzero(image[row] > 127)
    if not inked.size or np.ptp(inked) > 5 or row - end[1] > 0.35 * height:
        return None
    meeting = np.array([inked.mean(), row])
    reach = np.linalg.norm(meeting - end)
    between = ((end + meeting) / 2).astype(int)
    if not 0.2 * height < reach < height or image[between[1], between[0]] > 127:
        return None
    sag = np.array([0, random.uniform(0.05, 0.3) * reach])
    curve = drawing.smooth(np.stack([end, (end + meeting) / 2 + sag, meeting]) + 0.5)
    width = random.uniform(0.5, 0.8) * (np.ptp(inked) + 1)
    closed = normalise(strokes([curve], width, drawing.enlarged(image)))
    return closed if _hollow(closed) > _hollow(image) else None


def _hollow(image: Images) -> int:
    """Count the pieces of paper that ink surrounds."""
    import cv2

    paper = (np.pad(image, 1) < 100).astype(np.uint8)
    areas = cv2.connectedComponentsWithStats(paper, connectivity=4)[2][1:, cv2.CC_STAT_AREA]
    return int((areas >= _HOLE).sum()) - 1  # the paper around it


def _styled(
    draw: Callable[[Images, Random], Images | None], images: Images, count: int, random: Random
) -> Iterator[Images]:
    """Draw on images in random order, repeatedly, until there are `count` new ones."""
    while count:
        before = count
        for image in random.permutation(images):
            styled = draw(image, random)
            if styled is not None:
                yield styled
                count -= 1
                if not count:
                    return
        if count == before:
            raise UsageError("no digit that a stroke could be added to", expected="MNIST's digits")


def _bent(start: Points, end: Points, random: Random) -> Points:
    """Return a line that sags a little, as drawn by hand."""
    aside = (end - start)[::-1] * [1, -1]
    return drawing.smooth(
        np.stack([start, (start + end) / 2 + random.uniform(-0.12, 0.12) * aside, end])
    )
