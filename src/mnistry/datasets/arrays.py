"""What an array is: its axes, shape, dtype and range; an image as a matrix.

Knows nothing of where arrays come from and draws nothing.
"""

import dataclasses
import itertools
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mnistry.datasets.dataset import Images
from mnistry.errors import DataError, UsageError

_PAGE = 100  # characters: what a terminal or a page of code holds side by side

_SLICE = re.compile(r" *(-?[0-9]{1,9})? *: *(-?[0-9]{1,9})? *")


@dataclasses.dataclass(frozen=True)
class ArrayFacts:
    """What an array is, as `describe` found it.

    Attributes
    ----------
    name
        What the caller calls it: ``"x_train"``.
    ndim
        Number of axes, also called the rank of the tensor.
    axes
        What each axis counts, in order; empty where that is not known.
    shape
        Length of each axis.
    dtype
        Type of the numbers: ``"uint8"``.
    smallest, largest
        Range of the numbers; None in an empty array.
    nbytes
        Memory that the numbers take, in bytes.
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
    """Say what a numeric array is.

    The axes of a ``uint8`` array are known by their number: one axis holds labels, three hold
    images.

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
        If they are not.
    """
    expected = f"whole numbers from 0 to {classes - 1}, shape (n,)"
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"labels of dtype {labels.dtype}, shape {labels.shape}", expected=expected)
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        raise DataError(
            f"{labels[wrong[0]]} is no label", where=f"label {wrong[0]}", expected=expected
        )


def image_matrix(image: NDArray[np.integer]) -> str:
    """Write an image as the matrix of numbers that it is, within 100 characters a line.

    Each column is as wide as its longest number, so that a digit's empty margin takes little
    room. Above and at the left stand the numbers of columns (read downwards) and rows. An image
    too wide for the page (MNIST's never are) goes on below, with the next columns.

    Parameters
    ----------
    image
        Integers, shape ``(rows, columns)``.

    Raises
    ------
    DataError
        If it is not a single image of whole numbers.

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
            expected="a single image of whole numbers, shape (rows, columns)",
            remedy="give one image at a time: images[0]",
        )
    row_names = [str(row) for row in range(len(image))]
    margin = len(row_names[-1])
    columns = [[str(number) for number in column] for column in image.T.tolist()]
    widths = [1 + max(map(len, column)) for column in columns]
    lines: list[str] = []
    for page in _pages(widths, room=_PAGE - margin - 1):
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
    """Share the columns among as few pages as hold them, about equally many on each."""
    count = len(widths)
    for pages in range(1, count + 1):
        edges = [count * page // pages for page in range(pages + 1)]
        shares = [range(first, stop) for first, stop in itertools.pairwise(edges)]
        if all(sum(widths[column] for column in share) <= room for share in shares):
            break
    return shares


def crop(images: Images, window: str) -> Images:
    """Cut the same window out of every image.

    Parameters
    ----------
    images
        ``uint8``, shape ``(n, rows, columns)``.
    window
        Rows and columns as NumPy slices without steps: ``"14:,14:"`` is the quarter at the bottom
        right, ``"7:-7,7:-7"`` the middle.

    Returns
    -------
    A view of `images`, shape ``(n, rows left, columns left)``.

    Raises
    ------
    UsageError
        If `window` is no such pair of slices, or nothing is left.

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
            f"{window!r} is no crop",
            expected="two slices, start:stop,start:stop",
            remedy=remedy,
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
    """Check that each index names one of `count` images.

    Raises
    ------
    UsageError
        If one is below 0 or not below `count`.

    Examples
    --------
    >>> check_indices([0, 59_999], count=60_000)
    """
    for index in indices:
        if not 0 <= index < count:
            raise UsageError(f"there is no image {index}", expected=f"0 to {count - 1}")
