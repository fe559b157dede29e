"""Digits as other schools teach them, made from MNIST's by a stroke or two.

MNIST was written in the United States: its 1 is a bare stroke and its 7 has no bar. Elsewhere a 1
has an upstroke, often nearly as long as the stem, and may stand on a foot; a 7 has a bar. Knows
nothing of training.
"""

from collections.abc import Callable, Iterator

import numpy as np

from mnistry.additions import drawing
from mnistry.additions.drawing import Points, around, as_mnist, strokes
from mnistry.datasets.dataset import Images, Labels, Split
from mnistry.errors import UsageError

Random = np.random.Generator

# A stem whose ink lies further from its axis than this, in pixels, is no straight one; one that
# leans by more than this, in radians, would become a 7 or a 2.
_STRAIGHT, _UPRIGHT = 1.3, 0.35


def make(images: Images, labels: Labels, count: int, random: Random) -> Split:
    """Make digits in styles that MNIST lacks: two thirds are 1, the others 7.

    Parameters
    ----------
    images, labels
        MNIST's: ``uint8``, shapes ``(n, 28, 28)`` and ``(n,)``.
    count
        How many to make.

    Returns
    -------
    Split
        Images, ``uint8``, shape ``(count, 28, 28)``, and their labels.
    """
    bare = (2 * count // 3, count - 2 * count // 3)
    made = [
        list(_styled(draw, images[labels == digit], number, random))
        for digit, draw, number in zip((1, 7), (one, seven), bare, strict=True)
    ]
    return Split(
        np.array(made[0] + made[1], np.uint8).reshape(-1, drawing.SIDE, drawing.SIDE),
        np.repeat(np.array([1, 7], np.uint8), bare),
    )


def one(image: Images, random: Random) -> Images | None:
    """Give a 1 an upstroke, and every third one a foot.

    Parameters
    ----------
    image
        ``uint8``, shape ``(28, 28)``.

    Returns
    -------
    ndarray
        The same, or None where it is no bare, nearly upright stroke.
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
    width = 2 * np.sqrt(3 * spread[0])
    top, foot = top + width / 2 * down, foot - width / 2 * down
    height = np.linalg.norm(foot - top)
    # From the stem's own direction towards the left.
    angle = np.arctan2(down[1], down[0]) + random.uniform(0.4, 0.8)
    added = [_bent(top, top + random.uniform(0.25, 0.75) * height * around(angle), random)]
    if random.random() < 1 / 3:
        reach = random.uniform(0.12, 0.4) * height * around(random.uniform(-0.15, 0.15))
        added.append(np.stack([foot - reach, foot + reach]))
    return as_mnist(strokes(added, width, drawing.enlarged(image)))


def seven(image: Images, random: Random) -> Images | None:
    """Give a 7 a bar through its stem.

    Parameters
    ----------
    image
        ``uint8``, shape ``(28, 28)``.

    Returns
    -------
    ndarray
        The same, or None where no bare stem is to be seen, as in a 7 that has a bar.
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
    return as_mnist(strokes([bar], 0.8 * (np.ptp(columns) + 1), drawing.enlarged(image)))


def _styled(
    draw: Callable[[Images, Random], Images | None], images: Images, count: int, random: Random
) -> Iterator[Images]:
    """Draw on images in random order, again and again, until there are so many."""
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
    """Give a line that sags a little, as a hand draws it."""
    aside = (end - start)[::-1] * [1, -1]
    return drawing.smooth(
        np.stack([start, (start + end) / 2 + random.uniform(-0.12, 0.12) * aside, end])
    )
