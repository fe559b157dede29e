"""Describe arrays by axes, shape, dtype and range, and print an image as a matrix of numbers.

Knows nothing of where arrays come from.
"""

import dataclasses
import itertools
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mnistry.datasets.dataset import Images
from mnistry.errors import DataError, UsageError

_PAGE_WIDTH = 100  # characters; as wide as a terminal or a page of code
_SLICE = re.compile(r" *(-?[0-9]{1,9})? *: *(-?[0-9]{1,9})? *")


@dataclasses.dataclass(frozen=True)
class ArrayFacts:
    """The shape and content of an array, as `describe` returns them.

    Attributes
    ----------
    name
        The caller's name for it, such as ``"x_train"``.
    ndim
        Number of axes, also called the rank of the tensor.
    axes
        What each axis counts, in order; empty if that is unknown.
    shape
        Length of each axis.
    dtype
        Type of the numbers, such as ``"uint8"``.
    smallest, largest
        Range of the numbers; None for an empty array.
    nbytes
        Size of the numbers in memory, in bytes.
    """

    name: str
    ndim: int
    axes: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    smallest: int | float | None
    largest: int | float | None
    nbytes: int


def describe(name: str, array: NDArray[np.generic]) -> ArrayFacts:
    """Describe a numeric array.

    A ``uint8`` array with one axis is taken to be labels, one with three axes to be images.

    Examples
    --------
    >>> facts = describe("x_train", np.zeros((60, 28, 28), np.uint8))
    >>> facts.ndim, facts.axes, facts.shape
    (3, ('image', 'row', 'column'), (60, 28, 28))
    >>> facts.dtype, facts.smallest, facts.largest, facts.nbytes
    ('uint8', 0, 0, 47040)
    """
    known = {1: ("image",), 3: ("image", "row", "column")} if array.dtype == np.uint8 else {}
    return ArrayFacts(
        name=name,
        ndim=array.ndim,
        axes=known.get(array.ndim, ()),
        shape=array.shape,
        dtype=str(array.dtype),
        smallest=np.min(array).item() if array.size else None,
        largest=np.max(array).item() if array.size else None,
        nbytes=array.nbytes,
    )


def check_labels(labels: NDArray[np.integer], classes: int = 10) -> None:
    """Check that labels are integers from 0 to ``classes - 1``, of shape ``(n,)``.

    Raises
    ------
    DataError
        If they are of another shape or type, or out of range.
    """
    expected = f"whole numbers from 0 to {classes - 1}, shape (n,)"
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"labels of dtype {labels.dtype}, shape {labels.shape}", expected=expected)
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        raise DataError(
            f"{labels[wrong[0]]} is not a label", where=f"label {wrong[0]}", expected=expected
        )


def image_matrix(image: NDArray[np.integer]) -> str:
    """Return an image as a matrix of numbers, in lines of at most 100 characters.

    Each column is as wide as its longest number, so a digit's empty margin takes little room.
    Column numbers are above, to be read downwards; row numbers are at the left. The columns of an
    image that is too wide for a line (MNIST's never are) continue below.

    Parameters
    ----------
    image
        Integers, shape ``(rows, columns)``.

    Raises
    ------
    DataError
        If it is not one image of whole numbers.

    Examples
    --------
    >>> print(image_matrix(np.array([[0, 12, 255], [0, 7, 0]], np.uint8)))
       0  1   2
    0| 0 12 255
    1| 0  7   0
    """
    if image.ndim != 2 or not image.size or not np.issubdtype(image.dtype, np.integer):
        raise DataError(
            f"an array of dtype {image.dtype}, shape {image.shape}",
            expected="one image of whole numbers, shape (rows, columns)",
            remedy="give one image at a time: images[0]",
        )
    row_names = [str(row) for row in range(len(image))]
    margin = len(row_names[-1])
    columns = [[str(number) for number in column] for column in image.T.tolist()]
    widths = [1 + max(map(len, column)) for column in columns]
    lines: list[str] = []
    for page in _pages(widths, room=_PAGE_WIDTH - margin - 1):
        names = [str(column) for column in page]
        names = [name.rjust(len(names[-1])) for name in names]
        for place in range(len(names[-1])):
            heading = (name[place].rjust(widths[c]) for c, name in zip(page, names, strict=True))
            lines.append(" " * (margin + 1) + "".join(heading))
        for row, name in enumerate(row_names):
            numbers = (columns[column][row].rjust(widths[column]) for column in page)
            lines.append(f"{name:>{margin}}|" + "".join(numbers))
        lines.append("")
    return "\n".join(lines[:-1])


def _pages(widths: Sequence[int], *, room: int) -> list[range]:
    """Divide the columns among as few pages as possible, with about equally many on each."""
    count = len(widths)
    for pages in range(1, count + 1):
        edges = [count * page // pages for page in range(pages + 1)]
        shares = [range(first, stop) for first, stop in itertools.pairwise(edges)]
        if all(sum(widths[column] for column in share) <= room for share in shares):
            break
    return shares


def crop(images: Images, window: str) -> Images:
    """Crop every image to the same window.

    Parameters
    ----------
    images
        ``uint8``, shape ``(n, rows, columns)``.
    window
        Rows and columns as NumPy slices without steps: ``"14:,14:"`` is the quarter at the bottom
        right, ``"7:-7,7:-7"`` the middle.

    Returns
    -------
    ndarray
        A view of `images`, shape ``(n, remaining rows, remaining columns)``.

    Raises
    ------
    UsageError
        If `window` is not two such slices, or no pixel remains.

    Examples
    --------
    >>> crop(np.zeros((5, 28, 28), np.uint8), "14:,7:-7").shape
    (5, 14, 14)
    """
    remedy = "give rows and columns, for example 14:,14: for the quarter at the bottom right"
    matches = [_SLICE.fullmatch(part) for part in window.split(",")]
    slices = [
        slice(*(None if bound is None else int(bound) for bound in match.groups()))
        for match in matches
        if match is not None
    ]
    if len(matches) != 2 or len(slices) != 2:
        raise UsageError(
            f"{window!r} is not a crop", expected="two slices, start:stop,start:stop", remedy=remedy
        )
    left: Images = images[:, slices[0], slices[1]]
    if 0 in left.shape[1:]:
        rows, columns = images.shape[1:]
        raise UsageError(
            f"the crop {window!r} leaves {left.shape[1]} rows and {left.shape[2]} columns",
            expected=f"a part of {rows} rows and {columns} columns",
            remedy=remedy,
        )
    return left


def check_indices(indices: Sequence[int], count: int) -> None:
    """Check that each index is in range for `count` images.

    Raises
    ------
    UsageError
        If an index is negative, or `count` or more.

    Examples
    --------
    >>> check_indices([0, 59_999], count=60_000)
    """
    for index in indices:
        if not 0 <= index < count:
            raise UsageError(f"there is no image {index}", expected=f"0 to {count - 1}")
