"""Teach a network one hand, or a few, from some tens of labelled digits.

The hand is learned in two steps. First a smooth bend of the whole image is found that turns the
hand's digits into digits as MNIST's writers wrote them: some twenty numbers, which twenty examples
can determine. Then the network sees each image twice, as it is and bent, and gives each digit two
logits, "as before" and "in this hand". Only the second ten are trained, together with MNIST's own
images and with marks that are no digit, so that nothing is forgotten. The rest of the network stays
as it is. Last, each answer is mixed with a little of "any digit": a network that was trained on
other hands is surer than it may be.

Registering images to a class's principal components follows B. Moghaddam, A. Pentland:
Probabilistic Visual Learning for Object Representation, 1997; for the Gauss-Newton method see
S. Baker, I. Matthews: Lucas-Kanade 20 Years On, 2004. Knows nothing of files, runs and scores.
"""

import dataclasses
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.augmentation.distort import Distortion, distort
from mnistry.concepts import one_hot, softmax
from mnistry.datasets.dataset import CLASSES, Images, Split
from mnistry.images.mnist_form import SIDE

Floats = NDArray[np.float32]

FOLDS = 4  # parts that the examples are divided into for cross-validation
# How far examples are distorted: less than one writer's digits differ from each other.
# Twice as much is better for digits that people wrote; but more digits that were all bent in one
# way are misread, and more of MNIST is forgotten.
_DISTORTION = Distortion(rotation=9, scale=0.09, shear=0.1, shift=0.9, elastic=0.8)
# Distorted copies are added to the examples: until there are about `_COPIES` images in all, but at
# most `_MOST_COPIES` of each example, the original included.
_COPIES, _MOST_COPIES = 600, 12
# The bend is a polynomial of degree `_DEGREE`; the higher `_STIFFNESS`, the weaker the bend.
_DEGREE, _STIFFNESS = 3, 0.005
_STEPS = (4, 4, 6)  # Gauss-Newton's steps with polynomials of degree 1, 2 and 3
_BENT_BY = 300  # the most examples that the bend is found from
_RANK = 20  # the most dimensions of a class's subspace
_BLUR = 1.0  # pixels: the standard deviation of the Gaussian that blurs images for the bend
_DESCRIBED = 250  # images that a subspace is made from
# The last layer's loss: all examples together weigh `_WEIGHT` times as much as all images of the
# rehearsal, and `_COST` is the L2 penalty on changes of weights. The optimizer takes at most
# `_ITERATIONS`.
_WEIGHT, _COST, _ITERATIONS = 1.0, 3e-4, 30
# The last layer's change may use this many principal components of the features that the network
# had before. With 160 of 1,536, learning takes a tenth of the time, and is no worse.
_COMPONENTS = 160
# Afterwards the odds of "in this hand" are halved. Over four hands, taught with 20 and with 100
# digits, 7 more of 12,000 readings of training images that the built-in network had not seen were
# wrong than before teaching; without this 15 more. Of the hands' own digits 31 were misread in both
# ways.
_CAUTION = np.float32(np.log(2))
# The part of each answer that says "any digit": one digit in 500 is not what it looks like. Where
# the built-in network is surely wrong, it is sure beyond 10,000 to 1. This part makes its loss
# smaller on unseen hands, and by a seventh on training images of MNIST that it had not seen.
DOUBT = 0.002


class TeachableNetwork(Protocol):
    """A network whose last layer can be taught: ``features @ kernel + bias`` are its logits."""

    kernel: Floats
    bias: Floats

    def features(self, pixels: Floats) -> Floats:
        """Return the input of the last layer: from ``(n, 28, 28)``, 0 to 255, to ``(n, d)``."""


@dataclasses.dataclass(frozen=True, eq=False)
class Bend:
    """A bend of the image: where each pixel's value is taken from.

    Attributes
    ----------
    places
        Shape ``(4, 784)``: the four pixels around that place.
    shares
        ``float32``, shape ``(4, 784)``: the share of each of them; 0 outside the image.
    """

    places: NDArray[np.int64]
    shares: Floats

    @classmethod
    def of(cls, columns: Floats, rows: Floats) -> "Bend":
        """Make a bend from the columns and rows, ``(784,)``, that pixels are taken from."""
        left, top = np.floor(columns).astype(np.int64), np.floor(rows).astype(np.int64)
        right_part, lower_part = columns - left, rows - top
        places, shares = [], []
        for down, across in ((0, 0), (0, 1), (1, 0), (1, 1)):
            row, column = top + down, left + across
            inside = (row >= 0) & (row < SIDE) & (column >= 0) & (column < SIDE)
            share = (lower_part if down else 1 - lower_part) * (
                right_part if across else 1 - right_part
            )
            places.append(row.clip(0, SIDE - 1) * SIDE + column.clip(0, SIDE - 1))
            shares.append(np.where(inside, share, 0))
        return cls(np.array(places), np.array(shares, np.float32))

    def apply(self, pixels: Floats) -> Floats:
        """Bend images, shape ``(n, 28, 28)``."""
        flat = pixels.reshape(len(pixels), -1)
        bent = np.zeros_like(flat)
        for place, share in zip(self.places, self.shares, strict=True):
            bent += flat[:, place] * share
        return bent.reshape(pixels.shape)


@dataclasses.dataclass(frozen=True, eq=False)
class Rehearsal:
    """Images that must be read as before: MNIST's digits and non-digits.

    "The start" is the network before it is taught.

    Attributes
    ----------
    pixels
        ``float32``, shape ``(n, 28, 28)``, 0 to 255.
    targets
        ``float32``, shape ``(n, 10)``: the probabilities to keep.
    features
        The start's features of them, shape ``(n, d)``.
    basis
        Principal components of the features, as orthonormal columns, shape ``(d, r)``.
    subspaces
        The mean and the principal components of each digit's blurred images.
    """

    pixels: Floats
    targets: Floats
    features: Floats
    basis: Floats
    subspaces: Mapping[int, tuple[Floats, Floats]]

    @classmethod
    def of(cls, start: TeachableNetwork, digits: Split, non_digits: Images) -> "Rehearsal":
        """Prepare labelled images of all ten digits, and images that show none."""
        pixels = np.concatenate([digits.images, non_digits]).astype(np.float32)
        features = start.features(pixels)
        known = softmax(features[: len(digits.images)] @ start.kernel + start.bias)
        nothing = np.full((len(non_digits), CLASSES), 1 / CLASSES, np.float32)
        labels = np.asarray(digits.labels)
        subspaces = {
            int(digit): _subspace(_blurred(digits.images[labels == digit][:_DESCRIBED]))
            for digit in np.unique(labels)
        }
        targets = np.concatenate([known, nothing]).astype(np.float32)
        return cls(pixels, targets, features, _basis(features), subspaces)

    def half(self) -> "Rehearsal":
        """Return every second image."""
        return dataclasses.replace(
            self, pixels=self.pixels[::2], targets=self.targets[::2], features=self.features[::2]
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Taught:
    """What was learned of a hand: its bend, and the new last layer.

    Attributes
    ----------
    bend
        Turns the hand's digits into digits like MNIST's.
    kernel, bias
        Shapes ``(2 d, 20)`` and ``(20,)``: from the features of the image and of the bent image to
        the logits of ten digits as before, and of ten in this hand.
    """

    bend: Bend
    kernel: Floats
    bias: Floats

    def views(
        self, start: TeachableNetwork, pixels: Floats, features: Floats | None = None
    ) -> Floats:
        """Return the features of images and of bent images, shape ``(n, 2 d)``."""
        own = start.features(pixels) if features is None else features
        return np.concatenate([own, start.features(self.bend.apply(pixels))], axis=1)

    def probabilities(self, views: Floats) -> Floats:
        """Return each digit's probability, shape ``(n, 10)``."""
        both = softmax(views @ self.kernel + self.bias).astype(np.float32)
        digits = both[:, :CLASSES] + both[:, CLASSES:]
        return digits * np.float32(1 - DOUBT) + np.float32(DOUBT / CLASSES)


def teach(
    start: TeachableNetwork, examples: Split, rehearsal: Rehearsal, *, seed: int = 0
) -> Taught:
    """Learn a hand.

    Parameters
    ----------
    start
        The network to begin with; it is not changed.
    examples
        Labelled digits of the hand, in MNIST's form.
    rehearsal
        Images that must be read as before.
    seed
        Decides how the examples are distorted.
    """
    labels = np.asarray(examples.labels)
    bend = find_bend(examples.images, labels, rehearsal.subspaces)
    copies = min(_MOST_COPIES, max(1, _COPIES // len(labels)))
    seen = [examples.images] + [
        distort(examples.images, _DISTORTION, seed=[seed, copy]) for copy in range(1, copies)
    ]
    new = Taught(bend, *_both_views(start))
    of_examples = new.views(start, np.concatenate(seen).astype(np.float32))
    of_others = new.views(start, rehearsal.pixels, rehearsal.features)
    counts = len(of_examples), len(of_others)
    kernel, bias = _fit(
        np.concatenate([of_examples, of_others]),
        np.concatenate([np.tile(one_hot(labels), (copies, 1)), rehearsal.targets]),
        np.repeat(np.array([_WEIGHT / counts[0], 1 / counts[1]], np.float32), counts),
        new,
        rehearsal.basis,
    )
    return Taught(bend, kernel, bias)


def cross_validate(
    start: TeachableNetwork,
    examples: Split,
    rehearsal: Rehearsal,
    *,
    seed: int = 0,
    threads: int = 1,
) -> Floats:
    """Read each example with a network that was taught without it.

    The examples are divided into four parts with the same share of every digit; `threads` of them
    are computed at once. Half of the rehearsal is enough here: with 1,500 or 4,000 images nearly as
    many digits of a hand are misread; the others are needed to forget less.

    Returns
    -------
    ndarray
        The probabilities of each example's digits, shape ``(n, 10)``.
    """
    labels = np.asarray(examples.labels)
    found = np.empty((len(labels), CLASSES), np.float32)
    part = _folds(labels, seed)
    half = rehearsal.half()

    def read_part(number: int) -> None:
        aside, kept = part == number, part != number
        taught = teach(start, Split(examples.images[kept], labels[kept]), half, seed=seed)
        views = taught.views(start, examples.images[aside].astype(np.float32))
        found[aside] = taught.probabilities(views)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(read_part, range(FOLDS)))  # raises what a part raises
    return found


def _folds(labels: NDArray[Any], seed: int) -> NDArray[np.int64]:
    """Return the part of each example, from 0."""
    mixed = np.random.default_rng([seed, 3]).permutation(len(labels))
    ordered = mixed[np.argsort(labels[mixed], kind="stable")]
    part = np.empty(len(labels), np.int64)
    part[ordered] = np.arange(len(labels)) % FOLDS
    return part


# The bend


def find_bend(
    images: Images, labels: NDArray[Any], subspaces: Mapping[int, tuple[Floats, Floats]]
) -> Bend:
    """Find the bend that turns a hand's digits into digits as others write them.

    Displacements are polynomials of the place, along each axis. They are chosen so that the bent
    images of each digit lie as near as possible to the subspace of that digit; the bend's size
    counts too, and more so with few examples.

    Parameters
    ----------
    images
        ``uint8``, shape ``(n, 28, 28)``.
    labels
        Shape ``(n,)``.
    subspaces
        As in `Rehearsal`.
    """
    chosen = np.linspace(0, len(images) - 1, min(len(images), _BENT_BY)).astype(int)
    images, labels = images[chosen], labels[chosen]
    count = len(images)
    blurred = _blurred(images)
    down, across = (np.asarray(part) for part in np.gradient(blurred, axis=(1, 2)))
    degrees = np.array([i + j for i, j in _POWERS])
    degrees = np.concatenate([degrees, degrees])
    # A shift costs hardly anything: MNIST's form has taken it away already.
    cost = _STIFFNESS * (degrees**2 + 0.1) / np.sqrt(count)
    terms = len(_POWERS)
    coefficients = np.zeros(2 * terms, np.float32)
    for degree, steps in enumerate(_STEPS, start=1):
        free = np.flatnonzero(degrees <= degree)
        for _ in range(steps):
            bend = _bend(coefficients)
            values, downs, acrosses = (
                bend.apply(part).reshape(count, -1) for part in (blurred, down, across)
            )
            squares = np.zeros((2 * terms, 2 * terms), np.float32)
            slope = np.zeros(2 * terms, np.float32)
            for digit in np.unique(labels):
                mean, components = subspaces[int(digit)]
                own = labels == digit
                # What the subspace does not explain of each image.
                missing = values[own] - mean
                missing -= (missing @ components.T) @ components
                # How each coefficient changes each image, and the part within the subspace, which
                # costs nothing: it is subtracted from the squares.
                moved = np.concatenate(
                    [acrosses[own][:, None] * _TERMS, downs[own][:, None] * _TERMS], axis=1
                )
                within = moved @ components.T
                for flat, sign in ((moved, 1), (within, -1)):
                    rows = flat.transpose(1, 0, 2).reshape(2 * terms, -1)
                    squares += sign * (rows @ rows.T)
                slope += np.einsum("ntp,np->t", moved, missing)
            hessian = squares / count + np.diag(cost + 1e-3)
            gradient = slope / count + cost * coefficients
            step = np.linalg.solve(hessian[np.ix_(free, free)], gradient[free])
            coefficients[free] -= step.clip(-1, 1).astype(np.float32)
    return _bend(coefficients)


# A term is x to the power i times y to the power j; x and y go from -1.35 to 1.35 over the image.
_POWERS = [(i, j) for i in range(_DEGREE + 1) for j in range(_DEGREE + 1 - i)]
_ROWS, _COLUMNS = (place.ravel().astype(np.float32) for place in np.mgrid[:SIDE, :SIDE])
_TERMS = np.array(
    [
        ((_COLUMNS - (SIDE - 1) / 2) / 10) ** i * ((_ROWS - (SIDE - 1) / 2) / 10) ** j
        for i, j in _POWERS
    ],
    np.float32,
)


def _bend(coefficients: Floats) -> Bend:
    columns, rows = coefficients.reshape(2, -1) @ _TERMS
    return Bend.of(_COLUMNS + columns, _ROWS + rows)


def _blurred(images: Images) -> Floats:
    """Blur images, so that they change gradually when they are bent; 0 to 1."""
    return np.stack(
        [cv2.GaussianBlur(image.astype(np.float32) / 255, (0, 0), _BLUR) for image in images]
    )


def _subspace(blurred: Floats) -> tuple[Floats, Floats]:
    """Return the mean of images and their first principal components, as rows."""
    flat = blurred.reshape(len(blurred), -1)
    mean = flat.mean(axis=0)
    rest = flat - mean
    # Images are fewer than pixels, so the components are found from the images' products with each
    # other. `eigh` gives the eigenvalues in rising order.
    sizes, vectors = np.linalg.eigh(rest @ rest.T)
    largest = slice(-1, -1 - min(_RANK, len(flat) - 1), -1)
    return mean, (vectors[:, largest].T @ rest) / np.sqrt(sizes[largest, None])


# The last layer


def _both_views(start: TeachableNetwork) -> tuple[Floats, Floats]:
    """Return the last layer before it is taught: each view is read as the start reads it."""
    size = len(start.kernel)
    kernel = np.zeros((2 * size, 2 * CLASSES), np.float32)
    kernel[:size, :CLASSES] = kernel[size:, CLASSES:] = start.kernel
    return kernel, np.concatenate([start.bias, start.bias])


def _basis(features: Floats) -> Floats:
    """Return about the first principal components of features, by subspace iteration."""
    basis = np.linalg.qr(features[:_COMPONENTS].T)[0]
    for _ in range(2):
        basis = np.linalg.qr(features.T @ (features @ basis))[0]
    return np.ascontiguousarray(basis, np.float32)


def _fit(
    views: Floats, targets: Floats, weights: Floats, new: Taught, basis: Floats
) -> tuple[Floats, Floats]:
    """Change the second ten outputs so that the cross-entropy falls, at a cost for each change.

    A digit's probability is the sum over both ways to write it. The kernel changes only along the
    columns of `basis`.
    """
    from scipy import optimize

    before = views @ new.kernel + new.bias
    own, of_bent = np.split(views, 2, axis=1)
    seen = np.concatenate([own @ basis, of_bent @ basis], axis=1)
    shape = (seen.shape[1] + 1, CLASSES)

    def objective(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        change = values.reshape(shape).astype(np.float32)
        second = before[:, CLASSES:] + seen @ change[:-1] + change[-1]
        both = softmax(np.concatenate([before[:, :CLASSES], second], axis=1)).astype(np.float32)
        digits = np.maximum(both[:, :CLASSES] + both[:, CLASSES:], 1e-9)
        loss = -(weights * (targets * np.log(digits)).sum(axis=1)).sum()
        loss += _COST / 2 * (change[:-1] ** 2).sum()
        slope = weights[:, None] * both[:, CLASSES:] * (1 - targets / digits)
        gradient = np.concatenate([seen.T @ slope + _COST * change[:-1], [slope.sum(axis=0)]])
        return float(loss), gradient.ravel().astype(np.float64)

    found = optimize.minimize(
        objective, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B",
        options={"maxiter": _ITERATIONS},
    ).x.reshape(shape).astype(np.float32)  # fmt: skip
    kernel, bias = new.kernel.copy(), new.bias.copy()
    kernel[:, CLASSES:] += np.concatenate([basis @ part for part in np.split(found[:-1], 2)])
    bias[CLASSES:] += found[-1] - _CAUTION
    return kernel, bias
