"""Tell from names what files, folders and arrays hold: splits, images, labels, classes.

Knows nothing of their content.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from mnistry.datasets.dataset import DIGITS, KERAS_NAMES, Origin
from mnistry.errors import DataError

_WORD = re.compile(r"t10k|[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_PARTS = {
    "train": ("train", "training", "tr"),
    "test": ("test", "testing", "t10k", "te"),
    "validation": ("validation", "valid", "val", "dev"),
}
_KINDS = {
    "x": ("x", "image", "images", "img", "imgs", "data", "pixels", "digits", "features"),
    "y": ("y", "label", "labels", "lbl", "target", "targets", "class"),
}
# Columns of a table that hold labels, in upper or lower case; the first one present is taken.
LABEL_COLUMNS = ("label", "labels", "class", "target", "digit", "y")
SPELLED = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_NUMBERED = re.compile(r"(\D*?)[ _-]*([0-9]{1,3})")
_NUMBER_AND_WORD = re.compile(r"([0-9]{1,2})[ _-]+[A-Za-z]+")
LETTERS = tuple("abcdefghijklmnopqrstuvwxyz")
CAPITALS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")

# Cohen, Afshar, Tapson, van Schaik, "EMNIST: an extension of MNIST to handwritten letters", 2017.
EMNIST = {
    "digits": DIGITS,
    "mnist": DIGITS,
    "letters": LETTERS,  # its labels are 1 to 26
    "balanced": (*DIGITS, *CAPITALS, *"abdefghnqrt"),
    "bymerge": (*DIGITS, *CAPITALS, *"abdefghnqrt"),
    "byclass": (*DIGITS, *CAPITALS, *LETTERS),
}
# Clanuwat and others, "Deep Learning for Classical Japanese Literature", 2018.
KMNIST = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
FASHION = (  # Xiao, Rasul, Vollgraf, arXiv:1708.07747
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


def words(name: str) -> list[str]:
    """Return the words and numbers of a name, in lower case.

    Examples
    --------
    >>> words("trainImages-idx3"), words("X_train"), words("t10k-labels")
    (['train', 'images', 'idx', '3'], ['x', 'train'], ['t10k', 'labels'])
    """
    return [word.lower() for word in _WORD.findall(name)]


def part(name: str) -> str | None:
    """Return the split that a name contains, else None.

    Examples
    --------
    >>> part("Training"), part("k-test-imgs"), part("val"), part("digits")
    ('train', 'test', 'validation', None)
    """
    found = [key for key, known in _PARTS.items() if set(words(name)) & set(known)]
    return found[0] if len(found) == 1 else None


def keras_name(name: str) -> str | None:
    """Return Keras's name for an array, ``x_`` or ``y_`` for one without a split, else None.

    Examples
    --------
    >>> keras_name("X_train"), keras_name("test_labels"), keras_name("images"), keras_name("notes")
    ('x_train', 'y_test', 'x_', None)
    """
    found = set(words(name))
    kinds = [kind for kind, known in _KINDS.items() if found & set(known)]
    if kinds == ["x", "y"] and found & {"images", "image", "img", "imgs"}:
        return None  # "image_labels" may hold either
    if not kinds:
        return None
    return f"{kinds[-1]}_{part(name) or ''}"


def label_column(columns: Sequence[str], where: object) -> tuple[str | None, tuple[str, ...]]:
    """Choose the column of labels by its name.

    Parameters
    ----------
    columns
        The names of the columns that are not images.
    where
        The table, for messages.

    Returns
    -------
    name, notices
        The column's name, or None; and a notice of other columns that might be meant.

    Raises
    ------
    DataError
        If several names could be those of labels, and none is in `LABEL_COLUMNS`.

    Examples
    --------
    >>> label_column(["id", "Label"], "my.csv")
    ('Label', ())
    >>> label_column(["fine_label"], "my.csv")
    ('fine_label', ())
    >>> label_column(["label", "target"], "my.csv")[1]
    ('labels are taken from the column label, not from target: --labels NAME chooses',)
    """
    lower = {name.lower(): name for name in reversed(columns)}
    usual = [lower[name] for name in LABEL_COLUMNS if name in lower]
    alike = [name for name in columns if set(words(name)) & set(LABEL_COLUMNS[:-1])]
    if usual:
        others = [name for name in alike if name != usual[0]]
        if not others:
            return usual[0], ()
        shown = " or ".join(others[:3])
        return usual[0], (
            f"labels are taken from the column {usual[0]}, not from {shown}: --labels NAME chooses",
        )
    if len(alike) > 1:
        raise DataError(
            f"{' and '.join(alike[:4])} could all be the labels",
            where=where,
            expected="one column of labels",
            remedy="choose with --labels NAME",
        )
    return (alike[0] if alike else None), ()


def choose_arrays(
    shapes: Mapping[str, tuple[int, ...]], how: Origin, where: object
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Choose a source's arrays by their names, and by how many there are.

    Parameters
    ----------
    shapes
        The shape of each array of numbers.
    how
        ``how.images`` and ``how.labels`` choose by name.
    where
        The source, for messages.

    Returns
    -------
    chosen, notices
        The source's name of each array, by Keras's name; and what the user should know.

    Raises
    ------
    DataError
        If no name shows which array holds images; the message lists names and shapes.

    Examples
    --------
    >>> choose_arrays({"images": (5, 28, 28), "labels": (5,)}, Origin(), "my.npz")
    ({'x_train': 'images', 'y_train': 'labels'}, ())
    """
    for option, name in (("--images", how.images), ("--labels", how.labels)):
        if name is not None and name not in shapes:
            raise DataError(
                f"{option} {name}: there is no such array", where=where, expected=listed(shapes)
            )
    if how.images is not None:
        if how.labels is None:
            return {"x_test": how.images}, ()
        return {"x_train": how.images, "y_train": how.labels}, ()
    chosen: dict[str, str] = {}
    for name in sorted(shapes, key=lambda name: name.lower() not in KERAS_NAMES):
        own = keras_name(name)
        if own is None:
            continue
        if own in chosen and chosen[own].lower() in KERAS_NAMES:
            continue
        if own in chosen:
            raise DataError(
                f"{chosen[own]} and {name} could both be {own.strip('_')}",
                where=where,
                expected=listed(shapes),
                remedy="choose with --images NAME --labels NAME",
            )
        chosen[own] = name
    alone = {key: chosen.pop(key) for key in ("x_", "y_") if key in chosen}
    if not any(key[0] == "x" for key in chosen) and "x_" in alone:
        split = "train" if "y_" in alone or how.labels else "test"
        chosen = {f"{key}{split}": name for key, name in alone.items()}
    if how.labels is not None and "x_train" in chosen:
        chosen["y_train"] = how.labels
    if chosen:
        return chosen, ()
    return _numbered_arrays(shapes, where)


def _numbered_arrays(
    shapes: Mapping[str, tuple[int, ...]], where: object
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Choose by shapes among ``arr_0``, ``arr_1``, …, as NumPy calls arrays without names."""
    names = [name for name in (f"arr_{i}" for i in range(4)) if name in shapes]
    images = [name for name in names if len(shapes[name]) > 1 and 1 not in shapes[name][1:2]]
    labels = [name for name in names if name not in images]
    complete = len(images) in (1, 2) and len(labels) in (0, len(images))
    if not complete or set(shapes) != set(names):
        raise DataError(
            "no array is named as images",
            where=where,
            expected=f"arrays x_train, y_train, x_test, y_test; it holds {listed(shapes)}",
            remedy="choose with --images NAME --labels NAME",
        )
    splits = ("train", "test")[: len(images)] if labels else ("test",)
    chosen = {f"x_{split}": name for split, name in zip(splits, images, strict=False)}
    chosen |= {f"y_{split}": name for split, name in zip(splits, labels, strict=False)}
    shown = ", ".join(f"{own} for {name}" for name, own in chosen.items())
    return chosen, (f"the arrays have no names; taken by their order and shape: {shown}",)


def listed(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """List arrays with their shapes, for a message.

    Examples
    --------
    >>> listed({"a": (5, 28, 28), "b": (5,)})
    'a (5, 28, 28), b (5,)'
    """
    shown = [f"{name[:40]} {shape}" for name, shape in list(shapes.items())[:12]]
    return ", ".join(shown) + (", …" if len(shapes) > 12 else "") or "nothing"


def classes_of(path: Path) -> tuple[str, ...] | None:
    """Return the classes of a published dataset that a path's last parts name, else None.

    Examples
    --------
    >>> classes_of(Path("data/FashionMNIST/raw"))[:2], classes_of(Path("mnist.npz"))
    (('T-shirt/top', 'Trouser'), None)
    """
    for name in (part.lower() for part in reversed(path.resolve().parts[-3:])):
        if "fashion" in name:
            return FASHION
        if "kmnist" in name or name.startswith(("k-train", "k-test")):
            return KMNIST
    return None


def folder_classes(folders: Sequence[str]) -> dict[str, str] | None:
    """Return the label of each folder, as text; None if they name no classes.

    Numbers, also after a common word or before one; digits spelled out; else the names themselves.

    Examples
    --------
    >>> folder_classes(["digit_3", "digit_7"]), folder_classes(["zero", "two"])
    ({'digit_3': '3', 'digit_7': '7'}, {'zero': '0', 'two': '2'})
    >>> folder_classes(["Sample001", "Sample011"]), folder_classes(["0 - zero", "1 - one"])
    ({'Sample001': '0', 'Sample011': 'A'}, {'0 - zero': '0', '1 - one': '1'})
    >>> folder_classes(["cat", "dog"]), folder_classes(["3", "cat"])
    ({'cat': 'cat', 'dog': 'dog'}, None)
    """
    numbered = {name: match for name in folders if (match := _NUMBERED.fullmatch(name))}
    if len(numbered) == len(folders) and len({m[1].lower() for m in numbered.values()}) == 1:
        found = {name: int(match[2]) for name, match in numbered.items()}
        if all(match[1].lower() == "sample" and len(match[2]) == 3 for match in numbered.values()):
            known = EMNIST["byclass"]  # Chars74K, whose Sample001 is 0
            if all(1 <= number <= len(known) for number in found.values()):
                return {name: known[number - 1] for name, number in found.items()}
        return {name: str(number) for name, number in found.items()}
    worded = {name: match[1] for name in folders if (match := _NUMBER_AND_WORD.fullmatch(name))}
    if len(worded) == len(folders):
        return {name: str(int(number)) for name, number in worded.items()}
    spelled = {name: SPELLED.index(name.lower()) for name in folders if name.lower() in SPELLED}
    if len(spelled) == len(folders):
        return {name: str(number) for name, number in spelled.items()}
    single = all(len(name) == 1 and name.isalnum() and name.isascii() for name in folders)
    if numbered and not single:
        return None
    return {name: name for name in folders}
