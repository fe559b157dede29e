"""A folder of picture files: a subfolder for each class, a table of names and labels, or no labels.

Knows nothing of image formats. Links that lead out of the folder are not followed.
"""

import csv as text_tables
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnistry.datasets import fit, names, text_files
from mnistry.datasets.assemble import PARTS, Source, assemble
from mnistry.datasets.dataset import AS_IS, DIGITS, Dataset, Images, Origin
from mnistry.errors import DataError
from mnistry.images.decode import decode_numbers, read_content, read_image
from mnistry.images.find import ENDINGS
from mnistry.images.formats import HEAD_BYTES, is_picture
from mnistry.images.levels import MAX_4_BIT

# Endings of other files that often lie beside pictures.
_JUNK = frozenset(
    (
        *(".txt", ".md", ".csv", ".tsv", ".json", ".xml", ".html", ".pdf", ".db", ".ini"),
        *(".zip", ".gz", ".tar", ".yml", ".yaml", ".py", ".ipynb", ".npz", ".h5", ".mat"),
    )
)
_JUNK_FOLDERS = frozenset(("__macosx", "@eadir", "__pycache__", "$recycle.bin"))
_SHOWN = 4  # names in a notice
_DEEPEST = 4  # levels of folders that hold nothing but one folder
# Folders that may hold the pictures that a table of a split names.
_OF_SPLITS = {
    "train": ("train", "training", "Train", "images/train"),
    "test": ("test", "testing", "Test", "images/test"),
    "validation": ("valid", "val", "validation", "images/val"),
}
_MAX_TABLE = 20_000_000  # bytes
_MAX_PICTURES = 1_000_000

Found = tuple[list[Path], list[str] | None]  # pictures, and their labels as text


def read(folder: Path, how: Origin = AS_IS) -> Dataset:
    """Read a folder of pictures; see `source`."""
    return assemble(source(folder, how), how)


def source(folder: Path, how: Origin = AS_IS) -> Source:
    """Read pictures in a folder for each class, alone or in ``train`` and ``test``.

    Classes are numbers, also as ``digit_3``, or names. ``training``, ``valid`` and other usual
    names are understood, above or below the classes; a folder that holds nothing but another folder
    is passed through. Pictures without any class folder are a test split, to be predicted.

    Images are in the order of their class and name. Images that cannot be read are listed among
    the dataset's failures. Links that lead out of the folder, folders within a class and files
    outside of one are counted in a notice. Names that begin with a dot are ignored.

    Raises
    ------
    DataError
        If a subfolder's name is not a class, no image can be read, or most do not have 28x28 pixels
        and ``how.fit`` is false.
    """
    scan = _Scan(folder.resolve(), how.fit)
    found = scan.find()
    return _source(folder, scan, found)


def table_source(path: Path, rows: Sequence[tuple[str, str]], how: Origin = AS_IS) -> Source:
    """Read the pictures that a table names.

    Parameters
    ----------
    path
        The table; pictures lie beside or below it.
    rows
        The name and the label of each; empty labels mean that there are none.
    """
    scan = _Scan(path.parent.resolve(), how.fit)
    pictures = []
    for number, (name, _) in enumerate(rows, start=1):
        picture = _beside(path, name)
        if picture is None:
            raise DataError(
                f"there is no picture {name[:80]}",
                where=f"{path}, picture {number}",
                expected=f"a file in {path.parent} or below it",
            )
        pictures.append(picture)
    labelled = any(label for _, label in rows)
    labels = [label for _, label in rows] if labelled else None
    return _source(path, scan, {"train" if labelled else "test": (pictures, labels)})


def table_of_files(path: Path) -> list[tuple[str, str]] | None:
    """Return the names and labels of the pictures that a text file lists, else None."""
    content = bytearray()
    for piece in text_files.pieces(path):
        content += piece
        if len(content) > _MAX_TABLE or b"\0" in piece:
            return None
    text = bytes(content).decode("utf-8-sig", errors="replace")
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    if separator not in first:
        return _list_of_files(text)
    try:
        rows = [row for row in text_tables.reader(io.StringIO(text), delimiter=separator) if row]
    except (text_tables.Error, ValueError):
        return None
    if len(rows) < 2 or not 1 <= len(rows[0]) <= 20:
        return None
    place = next((i for i, cell in enumerate(rows[1]) if _is_picture(cell)), None)
    if place is None:
        return _without_endings(path, rows)
    header = [cell.strip().lower() for cell in rows[0]]
    headed = not _is_picture(rows[0][place])
    label = None
    if headed:
        known = [i for i, name in enumerate(header) if name in names.LABEL_COLUMNS and i != place]
        label = known[0] if known else None
    if label is None and len(rows[0]) == 2:
        label = 1 - place
    listed = []
    for row in rows[1:] if headed else rows:
        if len(row) != len(rows[0]):
            return None
        listed.append((row[place].strip(), "" if label is None else row[label].strip()))
    return listed


def _list_of_files(text: str) -> list[tuple[str, str]] | None:
    """Parse lines that hold a picture's name, spaces and its label; else return None."""
    rows = [line.strip().rsplit(maxsplit=1) for line in text.splitlines() if line.strip()]
    if len(rows) > 1 and all(len(row) == 2 and _is_picture(row[0]) for row in rows):
        return [(name, label) for name, label in rows]
    return None


def _without_endings(path: Path, rows: Sequence[Sequence[str]]) -> list[tuple[str, str]] | None:
    """Parse a table that names pictures without their endings, or return None."""
    header = [cell.strip().lower() for cell in rows[0]]
    labels = [i for i, name in enumerate(header) if name in names.LABEL_COLUMNS]
    for place, cell in enumerate(rows[1]):
        if not cell.strip() or not labels or place == labels[0]:
            continue
        for ending in sorted(ENDINGS):
            if _beside(path, cell.strip() + ending) is not None and all(
                len(row) == len(header) for row in rows
            ):
                return [(row[place].strip() + ending, row[labels[0]].strip()) for row in rows[1:]]
    return None


def _is_picture(name: str) -> bool:
    name = name.replace("\\", "/")
    return Path(name.strip()).suffix.lower() in ENDINGS


def has_pictures(path: Path, rows: Sequence[tuple[str, str]]) -> bool:
    """Return whether the first picture that a table names is there."""
    return _beside(path, rows[0][0]) is not None


def _beside(table: Path, name: str) -> Path | None:
    """Find a picture that a table names, in the table's folder or in one below it.

    A folder of a split is looked into only if the table is of the same split, by its name.
    """
    root = table.parent.resolve()
    if "\0" in name or len(name) > 1000:
        return None
    part = names.part(table.name.partition(".")[0])
    below = ("images", "pictures", "imgs", *_OF_SPLITS[part or "train"])
    if "\\" in name and not (root / name).is_file():  # written on Windows
        name = name.replace("\\", "/")
    for place in (root, *(root / folder for folder in below)):
        picture = place / name
        try:
            if picture.resolve(strict=True).is_relative_to(root) and picture.is_file():
                return picture
        except (OSError, RuntimeError):  # missing, a loop (RuntimeError up to Python 3.12)
            continue
    return None


def _source(folder: Path, scan: "_Scan", found: Mapping[str, Found]) -> Source:
    arrays: dict[str, NDArray[np.generic]] = {}
    test_files: tuple[str, ...] = ()
    names_of: dict[str, list[str]] = {}
    for part in PARTS:
        pictures, labels = found.get(part, ([], None))
        images, kept = scan.images(pictures)
        if not images:
            continue
        arrays[f"x_{part}"] = np.stack(images)
        names_of[part] = [scan.name(pictures[i]) for i in kept]
        if labels is not None:
            arrays[f"y_{part}"] = np.array([labels[i] for i in kept])
        elif part == "test":
            test_files = tuple(names_of[part])
    scan.check(folder, bool(arrays))
    return Source(
        folder,
        arrays,
        classes=names.classes_of(folder) if _are_numbers(arrays) else None,
        place=lambda array, index: f"{folder}, {names_of[array[2:]][index]}",
        notices=scan.notices(),
        failures=tuple(scan.failures),
        test_files=test_files,
    )


def _are_numbers(arrays: Mapping[str, NDArray[np.generic]]) -> bool:
    labels = [array for name, array in arrays.items() if name.startswith("y_")]
    return all(np.char.isdigit(array.astype(str)).all() for array in labels)


class _Scan:
    """One walk through a folder, with a record of what was skipped or could not be read."""

    def __init__(self, root: Path, fit_pictures: bool) -> None:
        self.root = root
        self.fit = fit_pictures
        self.failures: list[str] = []  # a message for each picture that could not be read
        self.sizes = 0  # how many of the failures are pictures of another size
        self.tried = 0  # pictures, read or not
        self.links = 0  # links that were skipped
        self.others: list[Path] = []  # files and folders that were skipped
        # What `inside` has returned: folders and pictures.
        self.listed: dict[Path, tuple[list[Path], list[Path]]] = {}

    def entries(self, folder: Path) -> list[Path]:
        """List a folder by name, without links that lead out of the root or to a parent folder."""
        inside = []
        for path in sorted(folder.iterdir(), key=lambda path: path.name):
            if path.name.startswith(".") or path.name.lower() in _JUNK_FOLDERS:
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

    def find(self) -> dict[str, Found]:
        """Find pictures and their labels, by split."""
        folder = self.root
        for _ in range(_DEEPEST):
            folders, pictures = self.inside(folder)
            if len(folders) != 1 or pictures or names.part(folders[0].name):
                break
            below, others = self.inside(folders[0])
            name = folders[0].name
            if others and (name in DIGITS or names.folder_classes([name]) != {name: name}):
                break  # the only class
            if others and not below:
                return {"test": (others, None)}
            folder = folders[0]
        folders, pictures = self.inside(folder)
        parts = {path: part for path in folders if (part := names.part(path.name))}
        if not parts:
            return self.classes(folder, folders, pictures)
        for path in folders:
            if path not in parts and self.holds_pictures(path):
                raise DataError(
                    f"a folder is named {path.name!r}",
                    where=folder,
                    expected="only train and test, or only classes",
                    remedy="rename it, or move it elsewhere",
                )
        found: dict[str, Found] = {}
        for path, part in parts.items():
            inner = self.classes(path, *self.inside(path))
            if part in found or len(inner) != 1:
                raise DataError(
                    f"two folders are the {part} split" if part in found else f"splits in {path}",
                    where=folder,
                    expected="one folder for each split",
                    remedy="move the others elsewhere",
                )
            found[part] = next(iter(inner.values()))
        return found

    def classes(
        self, folder: Path, folders: Sequence[Path], pictures: Sequence[Path]
    ) -> dict[str, Found]:
        """Find pictures in class folders, which may hold folders for the splits."""
        holding = [path for path in folders if self.holds_pictures(path)]
        if not holding:
            return {"test": (list(pictures), None)}
        self.others += [*pictures, *(path for path in folders if path not in holding)]
        labels = names.folder_classes([path.name for path in holding])
        if labels is None or len(set(labels.values())) < len(labels):
            strange = [path.name for path in holding if path.name not in "0123456789"]
            raise DataError(
                f"a folder is named {(strange or [holding[0].name])[0]!r}",
                where=folder,
                expected="folders named 0 to 9, digit_0 to digit_9, or by the names of classes",
                remedy="rename it, or move it elsewhere",
            )
        found: dict[str, tuple[list[Path], list[str]]] = {}
        for path in sorted(holding, key=lambda path: _order(labels[path.name])):
            below, inside = self.inside(path)
            parts = {place: part for place in below if (part := names.part(place.name))}
            groups = {part: self.inside(place)[1] for place, part in parts.items()}
            if parts and inside:
                self.others += inside
            elif not parts:
                groups = {"train": inside}
                self.others += below
            for part, files in groups.items():
                paths, marks = found.setdefault(part, ([], []))
                paths += files
                marks += [labels[path.name]] * len(files)
        return dict(found)

    def inside(self, folder: Path) -> tuple[list[Path], list[Path]]:
        """List a folder's subfolders and pictures; other files are counted once."""
        if folder in self.listed:
            return self.listed[folder]
        folders, pictures = [], []
        for path in self.entries(folder):
            if path.is_dir():
                folders.append(path)
            elif path.suffix.lower() in ENDINGS or not _is_junk(path):
                pictures.append(path)
            else:
                self.others.append(path)
        if len(pictures) > _MAX_PICTURES:
            raise DataError(
                f"{len(pictures):,} pictures", where=folder, expected=f"at most {_MAX_PICTURES:,}"
            )
        self.listed[folder] = (folders, pictures)
        return folders, pictures

    def holds_pictures(self, folder: Path) -> bool:
        """Return whether a folder holds pictures, or folders for the splits that do."""
        folders, pictures = self.inside(folder)
        below = any(names.part(path.name) and self.inside(path)[1] for path in folders)
        return bool(pictures) or below

    def images(self, pictures: Sequence[Path]) -> tuple[list[Images], list[int]]:
        """Read pictures; return those that can be read, and their places in the list."""
        images, kept = [], []
        for place, path in enumerate(pictures):
            self.tried += 1
            image = self.image(path)
            if image is not None:
                images.append(image)
                kept.append(place)
        return images, kept

    def image(self, path: Path) -> Images | None:
        """Read one image, or note why it cannot be read."""
        try:
            image = read_image(path) if not self.fit else _read_scaled(path)
            if self.fit:
                if 0 < image.max() <= MAX_4_BIT:  # `as_images` would refuse it
                    image = image * np.uint8(255 // image.max())
                return fit.fit_image(image, str(path))
            if image.shape != (28, 28):
                self.sizes += 1
                height, width = image.shape
                raise DataError(f"{width}x{height} pixels", expected="28x28")
        except DataError as error:
            error.where = self.name(path)
            self.failures.append(str(error))
            return None
        return image

    def name(self, path: Path) -> str:
        """Return a picture's name below the root."""
        return path.relative_to(self.root).as_posix()

    def check(self, folder: Path, any_read: bool) -> None:
        """Raise `DataError` if no image could be read, or most have another size."""
        fit_remedy = "--fit brings each to MNIST's form, as mnistry read does"
        is_deep = bool(self.failures) and "floating-point pixels" in self.failures[0]
        if any_read and 2 * self.sizes > self.tried:
            raise DataError(
                f"{self.sizes:,} of {self.tried:,} pictures do not have 28x28 pixels; the first: "
                f"{self.failures[0]}",
                where=folder,
                remedy=fit_remedy,
            )
        if not any_read:
            raise DataError(
                f"none of {len(self.failures):,} images could be read; the first: "
                f"{self.failures[0]}"
                if self.failures
                else "no images",
                where=folder,
                expected="IDX files, or folders 0 to 9 of 28x28 images, alone or in train and test",
                remedy=fit_remedy if self.sizes or is_deep else None,
            )

    def notices(self) -> tuple[str, ...]:
        """Return which links and other files were skipped."""
        found = []
        if self.links:
            what = "links that are broken, circular or lead out of the folder"
            found.append(f"skipped {self.links:,} {what}")
        if self.others:
            names = ", ".join(self.name(path) for path in self.others[:_SHOWN])
            more = ", …" if len(self.others) > _SHOWN else ""
            what = "files and folders where no images are expected"
            found.append(f"skipped {len(self.others):,} {what}: {names}{more}")
        return tuple(found)


def _is_junk(path: Path) -> bool:
    """Return whether a file is no picture, by its name's ending; without one, by its content."""
    if path.suffix:
        return path.suffix.lower() in _JUNK
    try:
        with path.open("rb") as file:
            return not is_picture(file.read(HEAD_BYTES))
    except OSError:  # reading it reports the error
        return False


def _read_scaled(path: Path) -> Images:
    """Read an image; floating-point pixels of any range are scaled to 0 to 255."""
    try:
        return read_image(path)
    except DataError:
        numbers = decode_numbers(read_content(path), str(path))
        if numbers.dtype.kind != "f" or not np.isfinite(numbers).all():
            raise
        low, high = float(numbers.min()), float(numbers.max())
        return np.rint((numbers - low) * (255 / max(high - low, 1e-9))).astype(np.uint8)


def _order(label: str) -> tuple[int, str]:
    return (int(label), "") if label.isdigit() else (1000, label)
