"""Find probable mistakes in a user's own dataset.

Knows nothing of files; looks only at arrays.
"""

from mnistry.datasets.dataset import Dataset, Images, Split
from mnistry.errors import DataError
from mnistry.images.polarity import has_light_border

SHOWN = 5  # examples in a notice


def probable_mistakes(dataset: Dataset) -> tuple[str, ...]:
    """Return a notice for each probable mistake in a dataset.

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
        if has_light_border(images):
            notices.append(
                f"the {part} images seem to be dark ink (0) on light paper (255); "
                "MNIST has paper 0 and ink 255: invert them, 255 - image"
            )
    if dataset.train is not None and dataset.test is not None:
        _refuse_swapped(dataset.train, dataset.test, dataset.source)
        notices += in_both(dataset.train.images, dataset.test.images)
    return tuple(notices)


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
