"""Seeded distortions of ``uint8`` images: the same digits as other people might write them.

P. Simard, D. Steinkraus, J. Platt: Best Practices for Convolutional Neural Networks Applied to
Visual Document Analysis, 2003, section 2. Knows nothing of labels and training.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mnistry.augmentation import strokes
from mnistry.augmentation.strokes import Pen
from mnistry.datasets.dataset import Images, as_images
from mnistry.errors import UsageError
from mnistry.images.mnist_form import SIDE
from mnistry.system import cores

CENTRE = (SIDE - 1) / 2
# OpenCV distorts a strip at once: this many images side by side, with a blank column between them.
# It can read from at most 32,767 columns. Changing STRIP would change the result of every seed.
STRIP = 500
PITCH = SIDE + 1

Floats = NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Distortion:
    """Limits of the distortion.

    Each image draws its own rotation, scale, shear and shift, uniformly, within these limits.

    Attributes
    ----------
    rotation
        Degrees to either side, about the centre.
    scale
        Fraction by which width and height grow or shrink, independently.
    shear
        Pixels by which a row moves sideways, for each row of distance from the middle.
    shift
        Pixels to either side and up or down.
    elastic
        Standard deviation, in pixels, of each pixel's normally distributed displacement along each
        axis. In the paper's terms ``alpha / (sigma * sqrt(12 * pi))``: 1.4 for its alpha of 34 and
        sigma of 4.
    sigma
        Pixels: the standard deviation of the Gaussian that smooths the displacement. The larger,
        the gentler the bends.
    pen
        Effects of pen, paper and camera, applied afterwards; None leaves the strokes as they are.

    Raises
    ------
    UsageError
        If a value is negative or not a number, `scale` is not below 1 or `sigma` is below 1.
    """

    rotation: float = 10.0
    scale: float = 0.1
    shear: float = 0.1
    shift: float = 1.0
    elastic: float = 1.0
    sigma: float = 4.0
    pen: Pen | None = None

    def __post_init__(self) -> None:
        for name in ("rotation", "scale", "shear", "shift", "elastic", "sigma"):
            value = getattr(self, name)
            low = 1 if name == "sigma" else 0
            high = 1 if name == "scale" else math.inf
            if not low <= value < high:
                wanted = f"from {low}" + (f" to below {high}" if high < math.inf else "")
                raise UsageError(f"{name} {value}", expected=f"a number {wanted}")

    def times(self, factor: float) -> Self:
        """Return a distortion that goes `factor` times as far; sigma and pen stay.

        Examples
        --------
        >>> Distortion().times(0.5).rotation
        5.0
        """
        limits = ("rotation", "scale", "shear", "shift", "elastic")
        return dataclasses.replace(self, **{one: factor * getattr(self, one) for one in limits})


def distort(
    images: Images, distortion: Distortion, *, seed: int | Sequence[int], threads: int | None = None
) -> Images:
    """Distort each image in its own way.

    Parameters
    ----------
    images
        ``uint8``, shape ``(n, 28, 28)``, 0 for paper.
    distortion
        The limits.
    seed
        A whole number from 0, or several, where zeros at the end make no difference. The same
        seed gives the same bytes on any number of threads.
    threads
        None uses as many as there are processors.

    Returns
    -------
    ndarray
        ``uint8``, shape ``(n, 28, 28)``. Ink that leaves the image is lost.

    Raises
    ------
    DataError
        If `images` are not images.

    Examples
    --------
    >>> dot = np.zeros((1, 28, 28), np.uint8)
    >>> dot[0, 14, 14] = 255
    >>> moved = distort(dot, Distortion(), seed=1)
    >>> moved.shape, bool((moved == dot).all())
    ((1, 28, 28), False)
    """
    images = as_images(images, "images to distort")
    distorted = np.empty_like(images)

    def distort_strip(number: int) -> None:
        part = slice(number * STRIP, (number + 1) * STRIP)
        count = len(images[part])
        sequence = np.random.SeedSequence(seed, spawn_key=(number,))
        random = np.random.Generator(np.random.SFC64(sequence))
        matrices = _matrices(distortion, count, random)
        bends = _bends(distortion.sigma)
        modes = bends.shape[1]
        pulls = random.standard_normal((2, count, modes, modes), np.float32)
        warped = _warped(images[part], matrices, pulls * distortion.elastic, bends)
        pen = distortion.pen
        distorted[part] = warped if pen is None else strokes.write(warped, pen, random)

    with ThreadPoolExecutor(threads or cores.cores()) as pool:
        list(pool.map(distort_strip, range(math.ceil(len(images) / STRIP))))
    return distorted


def epochs(
    images: Images, distortion: Distortion, count: int, *, seed: int, start: int = 0
) -> Generator[Images, None, None]:
    """Yield newly distorted images for each epoch, made one epoch ahead, in the background.

    Parameters
    ----------
    images, distortion
        As in `distort`.
    count
        How many epochs, at least 1.
    seed
        A whole number from 0. An epoch's images depend only on it and the number of the epoch.
    start
        The first epoch to yield, from 0, for a training that resumes.

    Yields
    ------
    ndarray
        The images of one epoch after another, as `distort` gives them. Closing the generator ends
        its thread.
    """
    pool = ThreadPoolExecutor(1, "distortions")

    def prepare(epoch: int) -> Future[Images]:
        return pool.submit(distort, images, distortion, seed=(seed, epoch))

    # The first epoch is started here, because a generator's body begins only when the first images
    # are asked for.
    return _one_ahead(pool, prepare, prepare(start), range(start + 1, start + count))


def _one_ahead(
    pool: ThreadPoolExecutor,
    prepare: Callable[[int], Future[Images]],
    first: Future[Images],
    others: Iterable[int],
) -> Generator[Images, None, None]:
    with pool:
        ready = first
        for epoch in others:
            images = ready.result()
            ready = prepare(epoch)
            yield images
        yield ready.result()


def _matrices(distortion: Distortion, count: int, random: np.random.Generator) -> Floats:
    """Draw for each image the matrix that finds a pixel's place in the undistorted image.

    Places are ``(column, row, 1)``, counted from the centre. Where ``R`` rotates, ``H`` shears,
    ``S`` scales and ``t`` shifts, ink goes from ``p`` to ``R H S p + t``; the matrix is the
    inverse. Shape ``(count, 2, 3)``.
    """
    angle = np.radians(distortion.rotation) * random.uniform(-1, 1, count)
    width, height = 1 + distortion.scale * random.uniform(-1, 1, (2, count))
    shear = distortion.shear * random.uniform(-1, 1, count)
    shift = distortion.shift * random.uniform(-1, 1, (count, 2, 1))
    cosine, sine = np.cos(angle), np.sin(angle)
    back = np.array([
        [(cosine + shear * sine) / width, (sine - shear * cosine) / width],
        [-sine / height, cosine / height],
    ]).transpose(2, 0, 1)  # fmt: skip
    return np.concatenate([back, -back @ shift], axis=2).astype(np.float32)


@functools.cache
def _bends(sigma: float) -> Floats:
    """Return the basis curves of smooth random curves of 28 points; shape ``(28, modes)``.

    White noise smoothed by a Gaussian is normal with covariance ``exp(-d**2 / (4 * sigma**2))`` at
    distance ``d``. The covariance's eigenvectors with the largest eigenvalues (Karhunen-Loève),
    enough for 99 % of the variance, are scaled by the roots of the eigenvalues. Multiplied by
    standard normal numbers and added up, they give such noise without smoothing. A Gaussian is a
    product of one along the rows and one along the columns, so this works in two dimensions too.
    """
    distance = np.subtract.outer(np.arange(SIDE), np.arange(SIDE))
    values, vectors = np.linalg.eigh(np.exp(-(distance**2) / (4 * sigma**2)))
    values, vectors = values[::-1], vectors[:, ::-1]
    modes = 1 + np.searchsorted(np.cumsum(values), 0.99 * values.sum())
    bends = vectors[:, :modes] * np.sqrt(values[:modes])
    # Make up for the modes left out, so that every point has variance 1.
    bends /= np.linalg.norm(bends, axis=1, keepdims=True)
    return np.asarray(bends, np.float32)


def _warped(images: Images, matrices: Floats, pulls: Floats, bends: Floats) -> Images:
    """Look up each pixel at ``matrix @ (column, row, 1)`` plus its displacement, bilinearly.

    Parameters
    ----------
    images
        At most `STRIP`.
    matrices
        As `_matrices` gives them.
    pulls
        Weights of the products of two basis curves: shape ``(2, n, modes, modes)``; ``pulls[0]``
        displaces along the columns' axis, ``pulls[1]`` along the rows' axis.
    bends
        Shape ``(28, modes)``.
    """
    import cv2

    count, modes = len(images), bends.shape[1]
    # One pair of matrix products gives the places of a whole strip. The basis curves are extended
    # by a constant and by the distance from the centre; the entries of the matrices are their
    # weights.
    shapes = np.column_stack([bends, np.ones(SIDE), np.arange(SIDE) - CENTRE]).astype(np.float32)
    weights = np.zeros((2, count, modes + 2, modes + 2), np.float32)
    weights[:, :, :modes, :modes] = pulls
    across, down, constant = matrices.transpose(2, 1, 0)
    weights[:, :, modes, modes + 1] = across
    weights[:, :, modes + 1, modes] = down
    weights[:, :, modes, modes] = constant + CENTRE
    left = PITCH * np.arange(count, dtype=np.float32)
    weights[0, :, modes, modes] += left
    places = np.empty((2, SIDE, count, SIDE), np.float32)
    np.matmul(shapes, weights @ shapes.T, out=places.transpose(0, 2, 1, 3))

    # No place may lie beyond the blank column on either side.
    columns, rows = places.reshape(2, SIDE, -1)
    np.maximum(columns, np.repeat(left - 1, SIDE), out=columns)
    np.minimum(columns, np.repeat(left + SIDE, SIDE), out=columns)
    strip = np.zeros((SIDE, count, PITCH), np.uint8)
    strip[:, :, :SIDE] = images.transpose(1, 0, 2)
    warped = cv2.remap(
        strip.reshape(SIDE, -1), columns, rows, cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT, borderValue=0,
    )  # fmt: skip
    return np.asarray(warped.reshape(SIDE, count, SIDE).transpose(1, 0, 2), np.uint8)
