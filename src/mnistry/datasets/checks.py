"""What is suspicious in a dataset that somebody brought along.

Knows nothing of files; looks at arrays alone.
"""

import numpy as np

from mnistry.datasets.dataset import Dataset, Images, Labels
from mnistry.errors import DataError

SHOWN = 5  # of a long list of findings


def suspicions(dataset: Dataset) -> tuple[str, ...]:
    """Look a dataset over, and give a notice for each thing that is probably not meant.

    Raises
    ------
    DataError
        If its train and test splits are swapped, to judge by their numbers of images.
    """
    notices = []
    for part, split in (("train", dataset.train), ("test", dataset.test)):
        if split is None:
            continue
        if split.labels is not None:
            notices += _one_class(part, split.labels)
        notices += _light_paper(part, split.images)
    if dataset.train is not None and dataset.test is not None:
        _refuse_swapped(dataset)
        notices += in_both(dataset.train.images, dataset.test.images)
    return tuple(notices)


def _refuse_swapped(dataset: Dataset) -> None:
    train, test = dataset.train, dataset.test
    if train is None or test is None or train.labels is None or test.labels is None:
        return
    if len(test.labels) > len(train.labels):
        raise DataError(
            f"train and test look swapped: {len(train.labels):,} images to train, "
            f"{len(test.labels):,} to test",
            where=dataset.source,
            expected="more images to train than to test",
            remedy="exchange them; if it is meant, build a mnistry.datasets.Dataset in Python",
        )


def _one_class(part: str, labels: Labels) -> list[str]:
    if labels.min() < labels.max():
        return []
    return [f"all {len(labels):,} {part} images are of one class, {labels[0]}"]


def _light_paper(part: str, images: Images) -> list[str]:
    border = np.concatenate(
        [images[:, 0], images[:, -1], images[:, 1:-1, 0], images[:, 1:-1, -1]], axis=1
    )
    if np.mean(border > 127) <= 0.5:
        return []
    return [
        f"the {part} images seem to have light paper (255) and dark ink; "
        "MNIST's paper is 0 and its ink 255: invert them, 255 - image"
    ]


def in_both(train: Images, test: Images) -> list[str]:
    """Give a notice if images stand in both splits, byte for byte."""
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
        f"{len(pairs):,} of {len(test):,} test images stand among the training images too "
        f"({', '.join(first)}{more}): the test will flatter the network"
    ]
