"""Find probable mistakes in a user's own dataset.

Knows nothing of files; looks only at arrays.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mnistry.datasets.dataset import AS_IS, DIGITS, Dataset, Images, Labels, Origin, Split
from mnistry.errors import DataError
from mnistry.images.polarity import has_light_border
from mnistry.percent import percent

SHOWN = 5  # examples in a notice
_ENOUGH = 100  # images among which a class should not be missing
_RARE = 0.01  # a class with less than this part of the largest one's images is rare
_DIM = 192  # ink that reaches no higher is probably scaled
_SMALLEST = 20  # images; fewer are not compared with the built-in network's answers
_SAMPLE = 200  # images that the built-in network reads
# The built-in network reads nearly all upright digits as labelled, but rarely more than a third of
# turned ones. Something is wrong if it reads less than _LIES_WRONG of the images as labelled. They
# were turned if it reads more than _LIES_RIGHT after a turn. They are no digits if it reads less
# than _NO_DIGITS whichever way they are turned.
_LIES_RIGHT, _LIES_WRONG, _NO_DIGITS = 0.75, 0.5, 0.3
_CERTAIN = 0.9  # an answer of this probability


def probable_mistakes(dataset: Dataset, how: Origin = AS_IS) -> tuple[str, ...]:
    """Return a notice for each probable mistake in a dataset that was loaded as `how` says.

    Raises
    ------
    DataError
        If there are more test images than training images: the splits are probably swapped.
    """
    notices = []
    for part, split in (("train", dataset.train), ("test", dataset.test)):
        if split is None:
            continue
        images, labels = split
        if labels is not None and labels.min() == labels.max():
            notices.append(f"all {len(labels):,} {part} images are of the same class, {labels[0]}")
        highest = images.max(axis=(1, 2))
        usual = int(np.percentile(highest, 90))
        if usual < _DIM:
            notices.append(
                f"the {part} images reach no higher than {usual}; MNIST's ink is 255: "
                f"scale them, np.rint(255 / {usual} * images)"
            )
        blank = np.flatnonzero(highest == images.min(axis=(1, 2)))
        if blank.size:
            notices.append(
                f"{blank.size:,} of {len(images):,} {part} images are blank; the first: {blank[0]}"
            )
        if has_light_border(images):
            notices.append(
                f"the {part} images seem to be dark ink (0) on light paper (255); "
                "MNIST has paper 0 and ink 255: invert them, 255 - image"
            )
    if dataset.train is not None and dataset.test is not None:
        _refuse_swapped(dataset.train, dataset.test, dataset.source)
        notices += in_both(dataset.train.images, dataset.test.images)
    notices += _rare_classes(dataset)
    labelled = [s for s in dataset.splits().values() if s.labels is not None]
    if labelled and dataset.classes == DIGITS:
        notices += _not_as_labelled(labelled[0], how)
    return tuple(notices)


def _rare_classes(dataset: Dataset) -> list[str]:
    """Return notices of classes with no, or very few, training images."""
    if dataset.train is None or dataset.train.labels is None:
        return []
    counts = np.bincount(dataset.train.labels, minlength=len(dataset.classes))
    tested = np.zeros_like(counts)
    if dataset.test is not None and dataset.test.labels is not None:
        tested = np.bincount(dataset.test.labels, minlength=len(dataset.classes))
    expected = (tested > 0) | (len(dataset.train.labels) >= _ENOUGH)
    missing = np.flatnonzero((counts == 0) & expected)
    rare = np.flatnonzero((counts > 0) & (counts < _RARE * max(counts)))
    notices = []
    if missing.size and missing.size < len(counts) - 1:
        shown = ", ".join(dataset.classes[k] for k in missing[:12])
        several = missing.size > 1
        also = f"; {int(tested[missing].sum()):,} test images are" if tested[missing].any() else ""
        notices.append(
            f"no training image is of {'the classes' if several else 'class'} {shown}{also}: "
            f"{'they' if several else 'it'} cannot be learned"
        )
    if rare.size:
        shown = ", ".join(f"{dataset.classes[k]} ({counts[k]:,})" for k in rare[:12])
        notices.append(f"classes with very few training images: {shown}")
    return notices


def _not_as_labelled(split: Split, how: Origin) -> list[str]:
    """Return a notice if the built-in network does not read the images as they are labelled."""
    from mnistry.errors import ModelError
    from mnistry.inference import onnx_session
    from mnistry.reading.built_in import SHIPPED

    images, labels = split
    if labels is None or len(images) < _SMALLEST:
        return []
    chosen = np.linspace(0, len(images) - 1, min(len(images), _SAMPLE)).astype(int)
    some, own = images[chosen], labels[chosen]
    if has_light_border(some):
        some = 255 - some
    try:
        session = onnx_session.open_session(SHIPPED, threads=1)
    except ModelError:
        return []

    def answers(images: Images) -> NDArray[np.float32]:
        return onnx_session.probabilities(session, np.ascontiguousarray(images))

    given = answers(some)
    right = float(np.mean(given.argmax(axis=1) == own))
    if right >= _LIES_WRONG:
        return []
    others = [np.mean(answers(turn(some)).argmax(axis=1) == own) for _, turn, _ in _TURNS]
    best = int(np.argmax(others))
    if others[best] > _LIES_RIGHT:
        lie, _, remedy = _TURNS[best]
        return [
            f"the images seem to {lie}: {percent(others[best], places=0)} of {len(some)} are read "
            f"as labelled when that is undone, {percent(right, places=0)} as they are; {remedy}"
        ]
    if len(images) < _ENOUGH or len(np.unique(labels)) <= 2:
        return []
    if float(np.mean(given.max(axis=1) > _CERTAIN)) > _LIES_RIGHT:
        return [_relabelled(given.argmax(axis=1), own, right, how)]
    if max(right, *others) < _NO_DIGITS:
        return [
            f"the built-in network reads {percent(right, places=0)} of {len(some)} images as "
            "labelled: if the classes are not the digits 0 to 9, give their names as labels"
        ]
    return []


# What may have been done to images; how to undo it; and what to tell the user.
_TURNS: tuple[tuple[str, Callable[[Images], Images], str], ...] = (
    (
        "have rows and columns swapped, as EMNIST's files have them",
        lambda images: images.swapaxes(1, 2),
        "give --transpose",
    ),
    ("be mirrored", lambda images: images[:, :, ::-1], "mirror them: images[:, :, ::-1]"),
    ("be flipped from top to bottom", lambda images: images[:, ::-1], "flip them: images[:, ::-1]"),
    (
        "be turned by 180 degrees",
        lambda images: images[:, ::-1, ::-1],
        "turn them: images[:, ::-1, ::-1]",
    ),
    *(
        (
            f"be turned by 90 degrees {way}",
            lambda images, times=times: np.rot90(images, times, (1, 2)),
            f"turn them: np.rot90(images, {times}, (1, 2))",
        )
        for way, times in (("clockwise", 1), ("counter-clockwise", 3))
    ),
)


def _relabelled(read: NDArray[np.intp], labels: Labels, right: float, how: Origin) -> str:
    """Return a notice: the network is sure of the digits, and they are labelled otherwise."""
    usual = {
        int(label): np.bincount(read[labels == label], minlength=10) for label in np.unique(labels)
    }
    pairs = {label: int(counts.argmax()) for label, counts in usual.items()}
    agree = sum(int(counts.max()) for counts in usual.values()) / len(read)
    if agree > _LIES_RIGHT and len(set(pairs.values())) == len(pairs):
        given = [f"--relabel {change}" for change in how.relabel]
        given += [f"--labels-from {how.labels_from}"] * bool(how.labels_from)
        if given:
            return f"the labels do not fit the images: leave out {' '.join(given)}"
        shown = " ".join(f"--relabel {old}={new}" for old, new in pairs.items() if old != new)
        return f"the labels seem to be renumbered: give {shown}"
    return (
        f"the labels look shuffled, or belong to other images: the built-in network is sure of the "
        f"digits, and reads {percent(right)} of {len(read)} as labelled; check that images and "
        "labels are in the same order"
    )


def _refuse_swapped(train: Split, test: Split, source: str) -> None:
    if train.labels is None or test.labels is None:
        return
    if len(test.labels) > len(train.labels):
        raise DataError(
            f"train and test look swapped: {len(train.labels):,} images to train, "
            f"{len(test.labels):,} to test",
            where=source,
            expected="more images to train than to test",
            remedy="swap them; if this is intended, build a mnistry.datasets.Dataset in Python",
        )


def in_both(train: Images, test: Images) -> list[str]:
    """Return a notice if test images are also training images, byte for byte."""
    places: dict[bytes, list[int]] = {}
    for index, image in enumerate(test):
        places.setdefault(image.tobytes(), []).append(index)
    pairs: dict[int, int] = {}
    for index, image in enumerate(train):
        for place in places.get(image.tobytes(), ()):
            pairs.setdefault(place, index)
    if not pairs:
        return []
    first = [f"test {place} = train {pairs[place]}" for place in sorted(pairs)[:SHOWN]]
    more = ", …" if len(pairs) > SHOWN else ""
    return [
        f"{len(pairs):,} of {len(test):,} test images are also training images "
        f"({', '.join(first)}{more}): the test accuracy will be too high"
    ]
