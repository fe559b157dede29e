"""Other people's digits: pen strokes by 30 writers, and scanned bitmaps; and pens to draw with.

E. Alpaydin, F. Alimoglu: Pen-Based Recognition of Handwritten Digits; E. Alpaydin, C. Kaynak:
Optical Recognition of Handwritten Digits; Tactile Srl: Semeion Handwritten Digit. All three from
the UCI Machine Learning Repository, CC BY 4.0. A writer's digits stay together, so that whole
writers can be held out. Knows nothing of lines, paper and training.
"""

import dataclasses
import functools
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnistry.datasets.dataset import Images, Split
from mnistry.errors import DataError

# Writers of pendigits for training, for validation and calibration, and for the final test.
TRAIN, CHOOSE, JUDGE = range(1, 21), range(21, 25), range(25, 31)

Points = NDArray[np.float32]
Random = np.random.Generator


@dataclasses.dataclass(frozen=True, eq=False)
class PenDigit:
    """A digit as a pen wrote it.

    Attributes
    ----------
    strokes
        The points along each stroke, shape ``(n, 2)``: x and y in a box that is 1 high, y
        downwards.
    digit
        0 to 9.
    writer
        1 to 30.
    """

    strokes: tuple[Points, ...]
    digit: int
    writer: int

    @property
    def width(self) -> float:
        """Width of its box divided by its height."""
        return float(max(stroke[:, 0].max() for stroke in self.strokes))


def load_pen_digits(folder: Path, writers: Sequence[int] = range(1, 31)) -> list[PenDigit]:
    """Read the pen strokes of some writers from ``pendigits.npz``.

    Parameters
    ----------
    folder
        Where the file is.
    writers
        The writers, 1 to 30.

    Raises
    ------
    DataError
        If the file is missing or does not have the expected arrays.
    """
    arrays = _arrays(folder / "pendigits.npz", "points", "stroke_lengths", "strokes_per_digit")
    points = arrays["points"].astype(np.float32) * np.array([1, -1], np.float32)
    strokes = np.split(points, np.cumsum(arrays["stroke_lengths"])[:-1])
    ends = np.cumsum(arrays["strokes_per_digit"]).tolist()
    wanted = set(writers)
    found = []
    for start, end, digit, writer in zip(
        [0, *ends], ends, arrays["labels"].tolist(), arrays["writers"].tolist(), strict=False
    ):
        if writer in wanted:
            found.append(PenDigit(_boxed(strokes[start:end]), digit, writer))
    return found


def load_scanned(folder: Path) -> Split:
    """Read the bitmaps of optdigits and semeion, as ink on 32x32 pixels.

    Semeion's digits were stretched to a square; they are narrowed to three quarters again.

    Returns
    -------
    Split
        Images, ``uint8``, shape ``(n, 32, 32)``, 0 or 255, and their labels.
    """
    optical = _arrays(folder / "optdigits.npz", "images", "labels")
    semeion = _arrays(folder / "semeion.npz", "images", "labels")
    stretched = np.repeat(semeion["images"], 2, axis=1)
    columns = np.rint(np.linspace(0, 15, 24)).astype(int)
    narrow = np.pad(stretched[:, :, columns], ((0, 0), (0, 0), (4, 4)))
    return Split(
        255 * np.concatenate([optical["images"], narrow]).astype(np.uint8),
        np.concatenate([optical["labels"], semeion["labels"]]).astype(np.uint8),
    )


@dataclasses.dataclass(frozen=True)
class Pen:
    """A pen that draws strokes.

    Attributes
    ----------
    width
        Width of its strokes, in pixels.
    pressure
        How much the width changes along a stroke, as a fraction of it: 0 for a felt pen.
    nib
        Length of a broad nib, in pixels: strokes along it stay thin.
    grain
        Fraction of the ink that the paper's grain leaves out, 0 to 1: more than 0 for a pencil.
    skips
        Fraction of stroke pieces left out, 0 to 1.
    """

    width: float
    pressure: float = 0.0
    nib: float = 0.0
    grain: float = 0.0
    skips: float = 0.0

    @classmethod
    def drawn_for(cls, height: float, random: Random) -> "Pen":
        """Choose a pen for digits `height` pixels high: ballpoint, felt, pencil or broad nib."""
        kind = random.choice(4, p=(0.45, 0.2, 0.25, 0.1))
        low, high = ((0.04, 0.1), (0.1, 0.18), (0.045, 0.1), (0.05, 0.09))[kind]
        return cls(
            width=max(1.0, height * random.uniform(low, high)),
            pressure=random.uniform(0, 0.35) if kind != 1 else 0.0,
            nib=height * random.uniform(0.03, 0.1) if kind == 3 else 0.0,
            grain=random.uniform(0.2, 0.7) if kind == 2 else random.choice([0, 0, 0.15]),
            skips=random.choice([0, 0, 0, 0.04]),
        )


def draw(
    page: NDArray[np.uint8], strokes: Sequence[NDArray[np.floating]], pen: Pen, random: Random
) -> None:
    """Draw strokes onto a page in place.

    Parameters
    ----------
    page
        ``uint8``, shape ``(height, width)``, 0 for paper to 255 for ink.
    strokes
        The points along each, shape ``(n, 2)``: column and row of the page.
    pen
        Its grain is not applied; `grained` applies it to the whole page.

    Examples
    --------
    >>> page = np.zeros((40, 40), np.uint8)
    >>> draw(page, [np.array([[20, 5], [20, 35]])], Pen(3), np.random.default_rng(0))
    >>> int((page[20] > 127).sum())
    3
    """
    import cv2

    for stroke in strokes:
        points = np.rint(np.asarray(stroke) * 16).astype(np.int32)
        pieces = [points]
        if pen.pressure or pen.skips:
            count = min(len(points) - 1, 1 + len(points) // 6, 8)
            at = np.linspace(0, len(points) - 1, count + 1).astype(int)
            pieces = [points[a : b + 1] for a, b in pairwise(at)]
        for piece in pieces:
            if pen.skips and len(pieces) > 2 and random.random() < pen.skips:
                continue
            factor = 1 + random.uniform(-pen.pressure, pen.pressure) if pen.pressure else 1.0
            width = pen.width * factor
            thickness = thickness_for(width)
            if len(piece) == 1 or np.ptp(piece, axis=0).max() < 4:
                middle = tuple(int(v) for v in piece.mean(0))
                # People press harder on a dot, so it is wider than the pen.
                radius = max(10, round(width * 8 * random.uniform(1.0, 1.6)))
                cv2.circle(page, middle, radius, 255, -1, cv2.LINE_AA, 4)
                continue
            cv2.polylines(page, [piece], False, 255, thickness, cv2.LINE_AA, 4)
            if pen.nib:
                for part in (-0.5, -0.25, 0.25, 0.5):
                    aside = np.rint([16 * part * pen.nib, -8 * part * pen.nib]).astype(np.int32)
                    cv2.polylines(page, [piece + aside], False, 255, thickness, cv2.LINE_AA, 4)


@functools.cache
def _drawn_widths() -> NDArray[np.float64]:
    """Measure how wide OpenCV draws each thickness: up to 2 pixels wider, by version."""
    import cv2

    widths = []
    for thickness in range(1, 40):
        page = np.zeros((3, 100), np.uint8)
        cv2.line(page, (50, -50), (50, 50), 255, thickness, cv2.LINE_AA)
        widths.append(float(page[1].sum()) / 255)
    return np.array(widths)


def thickness_for(width: float) -> int:
    """Return the OpenCV thickness whose line is nearest to a width in pixels."""
    return 1 + int(np.abs(_drawn_widths() - width).argmin())


def grained(page: NDArray[np.uint8], grain: float, random: Random) -> NDArray[np.uint8]:
    """Leave out ink where a pencil misses the hollows of the paper."""
    import cv2

    coarse = random.random((page.shape[0] // 2 + 1, page.shape[1] // 2 + 1), np.float32)
    noise = cv2.resize(coarse, page.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(page * np.clip(1 - grain * (1.6 * noise - 0.2), 0, 1), np.uint8)


def as_images(
    digits: Sequence[PenDigit], random: Random, *, high: int = 56, bend: float = 0.0
) -> list[Images]:
    """Draw single digits, each with its own pen and slant.

    Parameters
    ----------
    high
        Their height, in pixels.
    bend
        0 leaves the strokes as they are. 1 slants, stretches and bends them about as far as one
        writer's digits differ from another's.

    Returns
    -------
    list of ndarray
        ``uint8``, about `high` pixels high with a margin, 0 for paper to 255 for ink.
    """
    images = []
    for digit in digits:
        pen = Pen.drawn_for(high, random)
        slant, margin = random.normal(0, 0.12 + 0.13 * bend), 8 + int(pen.width + pen.nib)
        strokes = _bent(digit.strokes, bend, random) if bend else digit.strokes
        turned = [stroke + slant * (0.5 - stroke[:, 1:]) * [1, 0] for stroke in strokes]
        left = min(stroke[:, 0].min() for stroke in turned)
        right = max(stroke[:, 0].max() for stroke in turned)
        page = np.zeros((high + 2 * margin, int((right - left) * high) + 2 * margin), np.uint8)
        draw(page, [(stroke - [left, 0]) * high + margin for stroke in turned], pen, random)
        images.append(grained(page, pen.grain, random) if pen.grain else page)
    return images


def _bent(strokes: Sequence[Points], bend: float, random: Random) -> tuple[Points, ...]:
    """Stretch strokes sideways, and bend them: sine waves of y move x, and sine waves of x move y.

    There are two waves in each direction: half a wave, and a whole one, over a digit's height.
    """
    wide = float(np.exp(random.normal(0, 0.18 * bend)))
    heights = random.normal(0, 0.04 * bend, (2, 2))
    phases = random.uniform(0, 2 * np.pi, (2, 2))
    bent = []
    for stroke in strokes:
        moved = stroke * [wide, 1]
        for axis in (0, 1):
            for half_waves in (1, 2):
                at = np.pi * half_waves * stroke[:, 1 - axis] + phases[axis, half_waves - 1]
                moved[:, axis] += heights[axis, half_waves - 1] * np.sin(at)
        bent.append(moved.astype(np.float32))
    return _boxed(bent)


def _boxed(strokes: Sequence[Points]) -> tuple[Points, ...]:
    points = np.concatenate(strokes)
    corner, height = points.min(0), max(float(np.ptp(points[:, 1])), 1.0)
    return tuple(np.asarray((stroke - corner) / height, np.float32) for stroke in strokes)


def _arrays(path: Path, *names: str) -> dict[str, NDArray[np.generic]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError) as error:
        raise DataError(f"it cannot be read: {error}", where=path) from error
    missing = [name for name in names if name not in arrays]
    if missing:
        raise DataError(f"no array {missing[0]}", where=path, expected=", ".join(names))
    return arrays
