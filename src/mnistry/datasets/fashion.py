"""Fashion-MNIST: 70,000 small pictures of clothes in MNIST's shape, harder than digits.

H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
Learning Algorithms", arXiv:1708.07747; copyright Zalando SE, MIT licence.
"""

from pathlib import Path

from mnistry.datasets import caches, idx
from mnistry.datasets.dataset import Dataset, as_splits
from mnistry.errors import DownloadError
from mnistry.system import files
from mnistry.system.downloads import Progress, download

ORIGINS = (
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
)
FILES = {
    "x_train": (
        "train-images-idx3-ubyte.gz",
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    ),
    "y_train": (
        "train-labels-idx1-ubyte.gz",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    ),
    "x_test": (
        "t10k-images-idx3-ubyte.gz",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    ),
    "y_test": (
        "t10k-labels-idx1-ubyte.gz",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
}
MAX_BYTES = 40_000_000
CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def load(progress: Progress | None = None) -> Dataset:
    """Give Fashion-MNIST from our cache, from Keras's, or downloaded into ours.

    60,000 images to train and 10,000 to test, ``uint8``, 28x28, 0 for the background to 255.

    Parameters
    ----------
    progress
        See `mnistry.system.downloads.download`; called for each of the four files.

    Raises
    ------
    DownloadError
        If a file is in no cache and cannot be downloaded.
    """
    notices: list[str] = []
    paths = {name: _file(*FILES[name], notices, progress) for name in FILES}
    arrays = {
        name: idx.read_array(path, 3 if name.startswith("x_") else 1)
        for name, path in paths.items()
    }
    train, test = as_splits(arrays, "fashion-mnist")
    source = str(paths["x_train"].parent)
    return Dataset("fashion-mnist", source, "MIT", train, test, CLASSES, tuple(notices))


def _file(name: str, sha256: str, notices: list[str], progress: Progress | None) -> Path:
    """Find one of the four files in a cache, or download it."""
    ours, keras = (folder / "fashion-mnist" / name for folder in (caches.own(), caches.keras()))
    for cached in (ours, keras):
        try:
            if cached.is_file():
                if files.sha256(cached) == sha256:
                    return cached
                notices.append(f"passed over {cached}: damaged, or not Fashion-MNIST")
        except OSError as error:
            notices.append(f"passed over {error}")
    origins = [origin + name for origin in ORIGINS]
    try:
        download(origins, sha256=sha256, path=ours, max_bytes=MAX_BYTES, progress=progress)
    except DownloadError as error:
        error.what = "; ".join([error.what, *notices])
        raise
    return ours
