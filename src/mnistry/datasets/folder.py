"""A folder of image files, with one subfolder per class.

Knows nothing of image formats. Links that lead out of the folder are not followed.
"""

from pathlib import Path

import numpy as np

from mnistry.datasets.dataset import DIGITS, Dataset, Images, Split
from mnistry.errors import DataError
from mnistry.images.decode import read_image

PARTS = ("train", "test")


def read(folder: Path) -> Dataset:
    """Read ``0/…9/`` with 28x28 images as a training split, or ``train/0…9`` and ``test/0…9``.

    Images are in the order of their class and name. Images that cannot be read are listed among
    the dataset's failures. Links that lead out of the folder, folders within a class and files
    outside of one are counted in a notice. Names that begin with a dot are ignored.

    Raises
    ------
    DataError
        If a subfolder's name is not a class, or no image can be read.
    """
    root = folder.resolve()
    scan = _Scan(root)
    if any((root / part).is_dir() for part in PARTS):
        parts = {path.name: path for path in scan.folders(root, PARTS)}
    else:
        parts = {"train": root}
    train, test = (scan.split(parts[part]) if part in parts else None for part in PARTS)
    if train is None and test is None:
        raise DataError(
            f"none of {len(scan.failures):,} images could be read; the first: {scan.failures[0]}"
            if scan.failures
            else "no images",
            where=folder,
            expected="IDX files, or folders 0 to 9 of 28x28 images, alone or in train and test",
        )
    return Dataset(
        root.name, str(folder), "not stated", train, test,
        notices=scan.notices(), failures=tuple(scan.failures),
    )  # fmt: skip


class _Scan:
    """One walk through a folder, with a record of what was skipped or could not be read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.failures: list[str] = []
        self.links = 0
        self.others = 0

    def entries(self, folder: Path) -> list[Path]:
        """List a folder by name, without links that lead out of the root or to a parent folder."""
        inside = []
        for path in sorted(folder.iterdir(), key=lambda path: path.name):
            if path.name.startswith("."):
                continue
            try:
                leads_out = not path.resolve(strict=True).is_relative_to(self.root)
            except (OSError, RuntimeError):  # broken, or circular (RuntimeError up to Python 3.12)
                leads_out = True
            # A link to a folder above it is circular too.
            if leads_out or (path.is_dir() and folder.is_relative_to(path.resolve())):
                self.links += 1
            else:
                inside.append(path)
        return inside

    def folders(self, folder: Path, names: tuple[str, ...]) -> list[Path]:
        """List the subfolders. Each must have one of `names`."""
        found = []
        for path in self.entries(folder):
            if not path.is_dir():
                self.others += 1
            elif path.name not in names:
                raise DataError(
                    f"a folder is named {path.name!r}",
                    where=folder,
                    expected="folders named 0 to 9" if names == DIGITS else "only train and test",
                    remedy="rename it, or move it elsewhere",
                )
            else:
                found.append(path)
        return found

    def split(self, folder: Path) -> Split | None:
        """Read the images in class folders; return None if there are none."""
        images: list[Images] = []
        labels: list[int] = []
        for class_folder in self.folders(folder, DIGITS):
            for path in self.entries(class_folder):
                if path.is_dir():
                    self.others += 1
                elif (image := self.image(path)) is not None:
                    images.append(image)
                    labels.append(DIGITS.index(class_folder.name))
        return Split(np.stack(images), np.array(labels, np.uint8)) if images else None

    def image(self, path: Path) -> Images | None:
        """Read one 28x28 image, or note why it cannot be read."""
        try:
            image = read_image(path)
            if image.shape != (28, 28):
                height, width = image.shape
                raise DataError(f"{width}x{height} pixels", expected="28x28")
        except DataError as error:
            error.where = path.relative_to(self.root).as_posix()
            self.failures.append(str(error))
            return None
        return image

    def notices(self) -> tuple[str, ...]:
        """Return how many links and other files were skipped."""
        counts = (
            (self.links, "links that are broken, circular or lead out of the folder"),
            (self.others, "files and folders where no images are expected"),
        )
        return tuple(f"skipped {count:,} {what}" for count, what in counts if count)
