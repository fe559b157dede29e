"""Fashion-MNIST: 70,000 small images of clothes in MNIST's shape, harder than digits.

H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
Learning Algorithms", arXiv:1708.07747; copyright Zalando SE, MIT licence.
"""

from pathlib import Path

from mnistry.datasets import caches, idx, names
from mnistry.datasets.dataset import Dataset, as_split
from mnistry.errors import DataError
from mnistry.system import files
from mnistry.system.downloads import Progress

ORIGINS = (
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
)
SHA256 = {
    "x_train": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "y_train": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "x_test": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "y_test": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}
MAX_BYTES = 40_000_000
CLASSES = names.FASHION


def load(progress: Progress | None = None) -> Dataset:
    """Load Fashion-MNIST from our cache or Keras's, or download it into ours.

    60,000 images to train and 10,000 to test, ``uint8``, 28x28, from 0 for the background to 255.
    Progress (for each of four files) and errors: see `mnistry.system.downloads.download`.
    """
    found = {name: _find_or_download(name, progress) for name in SHA256}
    arrays = {name: idx.read_array(path, idx.NDIM[name[0]]) for name, (path, _) in found.items()}
    train, test = (
        as_split(arrays[f"x_{part}"], arrays[f"y_{part}"], f"fashion-mnist, {part} split")
        for part in ("train", "test")
    )
    source = str(found["x_train"][0].parent)
    notices = tuple(notice for _, of_file in found.values() for notice in of_file)
    return Dataset("fashion-mnist", source, "MIT", train, test, CLASSES, notices)


def _find_or_download(array: str, progress: Progress | None) -> tuple[Path, tuple[str, ...]]:
    """Return the path of an array's verified file, and notices of files that were skipped."""
    name, sha256 = f"{idx.ORIGINAL_NAMES[array]}.gz", SHA256[array]

    def verified(path: Path) -> Path:
        if files.sha256(path) != sha256:
            raise DataError("damaged, or not Fashion-MNIST", where=path)
        return path

    return caches.find_or_download(
        f"fashion-mnist/{name}",
        verified,
        [origin + name for origin in ORIGINS],
        sha256=sha256,
        max_bytes=MAX_BYTES,
        progress=progress,
    )
