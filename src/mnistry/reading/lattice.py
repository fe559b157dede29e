"""Choose the most probable way to split a line of pieces into digits.

This is a lattice of an over-segmented line and its Viterbi path (LeCun, Bottou, Bengio and Haffner,
1998, section V). A span is a run of neighbouring pieces that may be one digit; a network says which
digit, and how probable it is. The probability of a path is a product over its spans, their
shapes, its cuts and the ink that it leaves unread. Knows neither pictures nor the network.
"""

import statistics
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mnistry.reading.segment import WIDEST, Line, Piece, joined

# The number of a span's first piece, and the number after its last.
Span = tuple[int, int]

# Width by height of each digit, 0 to 9, in MNIST's training images: the geometric mean, and the
# standard deviation of the logarithm.
_ASPECT = np.array([0.89, 0.37, 0.92, 0.77, 0.76, 0.92, 0.70, 0.75, 0.73, 0.65])
_SPREAD = np.array([0.22, 0.49, 0.24, 0.23, 0.23, 0.29, 0.23, 0.23, 0.24, 0.21])
# Prior probability that two digits touch: in a number some do; a single mark is hardly ever two.
_TOUCHING, _TOUCHING_ALONE = 0.05, 0.001
# Unread ink, as a fraction x of a digit's ink, multiplies a path's probability by exp(-7 x): a
# tenth of a digit halves it.
_UNREAD = 7.0
# The most pieces of one digit: cuts are a fifth of its height apart, and no digit is wider than
# WIDEST allows. A few more may be parts of a broken digit.
_MOST_PARTS = 12
# The most runs of pieces that are tried on a page, and the most pixels of their boxes: the longest
# runs are dropped first.
_MOST_RUNS, _MOST_PIXELS = 400, 1 << 24
_NO_PATH = (-np.inf, 0, None)


def spans(
    line: Line, settled: Mapping[Span, Piece] | None = None, longest: int = _MOST_PARTS
) -> dict[Span, Piece]:
    """Return every run of neighbouring pieces that may be one digit, each joined into one piece.

    Parameters
    ----------
    line
        The line.
    settled
        Those of `wholes` that are one digit: no cut of these is tried.
    longest
        The most pieces of a run.
    """
    found = dict(settled or {})
    for first, end in runs(line, found):
        if end - first <= longest:
            found[first, end] = joined(line.pieces[first:end])
    return found


def runs(line: Line, settled: Mapping[Span, Piece] | None = None) -> dict[Span, int]:
    """Return the runs of `spans` that are not settled, much quicker: only each box's pixels."""
    done = {i for first, end in settled or {} for i in range(first, end)}
    pieces = line.pieces
    found = {}
    for first in range(len(pieces)):
        if first in done:
            continue
        x, y, right, bottom = _edges(pieces[first])
        for end in range(first + 1, min(first + _MOST_PARTS, len(pieces)) + 1):
            if end - first > 1 and not _may_join(pieces[end - 2], pieces[end - 1], line):
                break
            left, top, far, low = _edges(pieces[end - 1])
            x, y, right, bottom = min(x, left), min(y, top), max(right, far), max(bottom, low)
            if end - first > 1 and right - x > WIDEST * max(bottom - y, line.height):
                break
            found[first, end] = (right - x) * (bottom - y)
    return found


def longest_run(lines: Sequence[Mapping[Span, int]]) -> int:
    """Return how many pieces a run may have, 1 at least, so that a page has not too many runs.

    Parameters
    ----------
    lines
        From `runs`, for each line of a page.

    Examples
    --------
    >>> longest_run([{(0, 1): 40, (0, 2): 80, (1, 2): 40}])
    12
    >>> longest_run([{(0, 1): 40, (0, 2): _MOST_PIXELS, (1, 2): 40}])
    1
    """
    sizes = sorted((end - first, size) for line in lines for (first, end), size in line.items())
    pixels = 0
    for count, (length, size) in enumerate(sizes, 1):
        pixels += size
        if count > _MOST_RUNS or pixels > _MOST_PIXELS:
            return max(1, length - 1)
    return _MOST_PARTS


def _edges(piece: Piece) -> tuple[int, int, int, int]:
    return piece.x, piece.y, piece.right, piece.bottom


def wholes(line: Line) -> dict[Span, Piece]:
    """Return the marks that have cuts, each joined into one span.

    Left out are marks that a neighbour may be joined to, and marks too wide for a digit.
    """
    pieces = line.pieces
    starts = [i for i, piece in enumerate(pieces) if not piece.cut_before]
    found = {}
    for first, end in pairwise([*starts, len(pieces)]):
        if end - first == 1 or (first and _may_join(pieces[first - 1], pieces[first], line)):
            continue
        if end < len(pieces) and _may_join(pieces[end - 1], pieces[end], line):
            continue
        piece = joined(pieces[first:end])
        if piece.width <= WIDEST * max(piece.height, line.height):
            found[first, end] = piece
    return found


def is_best(line: Line, piece: Piece, probabilities: NDArray[np.float32]) -> bool:
    """Whether a mark is surely more probable as one digit than with any cut.

    A path with a cut has at most the prior probability of one cut, whatever its digits are: a mark
    as probable as that need not be cut. A less probable mark may be best uncut, too.

    Parameters
    ----------
    line
        The line.
    piece
        One of `wholes`.
    probabilities
        ``float32``, shape ``(10,)``: of each digit, by the network.
    """
    return bool(_log_fit(piece, probabilities) >= _log_touching(line))


def best(line: Line, found: Mapping[Span, Piece], probabilities: NDArray[np.float32]) -> list[int]:
    """Choose the most probable path through a line.

    Parameters
    ----------
    line
        The line.
    found
        From `spans`.
    probabilities
        ``float32``, shape ``(len(found), 10)``: of each digit, for each span in `found`'s order.

    Returns
    -------
    list of int
        The positions in `found` of the spans on the path, from left to right.
    """
    pieces = line.pieces
    cut = _log_touching(line)
    digit_area = statistics.median([p.area for p in pieces if 2 * p.height >= line.height] or [1])
    # The best path up to each piece: its log probability, where its last step began, what it read.
    paths: list[tuple[float, int, int | None]] = [(0.0, 0, None)]
    ending: list[list[tuple[int, int]]] = [[] for _ in range(len(pieces) + 1)]
    for i, (first, end) in enumerate(found):
        ending[end].append((i, first))
    for end in range(1, len(pieces) + 1):
        steps: list[tuple[float, int, int | None]] = [
            (
                paths[first][0]
                + _log_fit(found[first, end], probabilities[i])
                + (cut if pieces[first].cut_before else 0.0),
                first,
                i,
            )
            for i, first in ending[end]
        ]
        if _may_be_left(line, end - 1):
            unread = _UNREAD * pieces[end - 1].area / digit_area
            steps.append((paths[end - 1][0] - unread, end - 1, None))
        paths.append(max(steps, key=lambda step: step[0], default=_NO_PATH))
    chosen: list[int] = []
    end = len(pieces)
    while end:
        _, end, read = paths[end]
        if read is not None:
            chosen.append(read)
    return chosen[::-1]


def _log_touching(line: Line) -> float:
    """Return the log prior probability of a cut: that two digits touch there."""
    alone = sum(not piece.cut_before for piece in line.pieces) == 1
    return float(np.log(_TOUCHING_ALONE if alone else _TOUCHING))


def _log_fit(piece: Piece, probabilities: NDArray[np.float32]) -> float:
    """Return the log probability of a span as a digit, by the network and by its shape."""
    digit = int(probabilities.argmax())
    off = (np.log(piece.width / piece.height / _ASPECT[digit])) / _SPREAD[digit]
    return float(np.log(probabilities[digit]) - off**2 / 2)


def _may_join(left: Piece, right: Piece, line: Line) -> bool:
    """Whether neighbours may be one digit: cut from one stroke, or close to each other."""
    if right.cut_before:
        return True
    is_part = min(left.height, right.height) < 0.6 * line.height
    return right.x - left.right < line.stroke * (2 if is_part else 1)


def _may_be_left(line: Line, index: int) -> bool:
    """Whether a piece may be left unread: only a low stroke that was not cut."""
    pieces = line.pieces
    cut = pieces[index].cut_before or (index + 1 < len(pieces) and pieces[index + 1].cut_before)
    return not cut and 2 * pieces[index].height < line.height
