"""Find ruled lines in a mask, and remove them.

A rule is a long level stroke; the walls of boxes and cells are long upright strokes that meet one,
or go from one edge of the picture to the other. Knows nothing of digits.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.reading.components import Components, components

Mask = NDArray[np.uint8]

# Least length of a rule, in stroke widths.
_LENGTH = 11.0
# A rule is at least `_AS_WIDE` times as wide as the mark of which it is a part is high, or covers
# at least `_ACROSS` of the picture's width.
_AS_WIDE, _ACROSS = 0.9, 0.8


def without_rules(mask: Mask, stroke: float, *, frames: bool = False) -> Mask:
    """Remove ruled lines: level ones, and upright ones that meet a level one or reach both edges.

    Parameters
    ----------
    mask
        ``uint8``, shape ``(height, width)``, 1 for ink.
    stroke
        Width of the strokes, in pixels.
    frames
        Whether to remove frames alone: a level rule that no upright one meets stays.

    Returns
    -------
    ndarray
        Like `mask`; strokes that crossed a rule are mended.
    """
    rows, columns = mask.shape
    length, height = (
        int(min(max(_LENGTH * stroke, 12), max(0.8 * side, 8))) for side in (columns, rows)
    )
    gap = max(3, int(2 * stroke)) - 1
    _, _, width, tall = cv2.boundingRect(mask)
    level = long_runs(mask, length, gap) if width >= length else None
    if level is not None:
        level = _wide(level, mask)
    upright = long_runs(transposed(mask), height) if tall >= height else None
    walls = None if upright is None else _walls(transposed(upright), level)
    if frames and level is not None:
        level = None if walls is None else _meeting(level, walls)
    if level is None and walls is None:
        return mask
    rest = mask.copy()
    if level is not None:
        rest[cv2.dilate(level, np.ones((3, 1), np.uint8)) > 0] = 0
    if walls is not None:
        rest[cv2.dilate(walls, np.ones((1, 3), np.uint8)) > 0] = 0
    if level is not None:  # strokes that cross a rule have ink on both sides of it
        thick = int(np.ceil(np.count_nonzero(level) / np.count_nonzero(level.any(0)))) + 2
        rest |= closed(rest, 2 * (thick // 2 + 1) + 1, 3) & mask
    return rest


def _wide(level: Mask, mask: Mask) -> Mask | None:
    """Leave out level strokes that are parts of higher marks: the bar of a 4, feet of two 2s."""
    strokes, marks = components(level), components(mask | level)
    is_rule = _is_wide(strokes, marks)
    if not is_rule.any():
        return None
    # The touching feet of digits look like a rule. But a rule is made of dashes, or of pieces as
    # wide as a rule; touching feet are neither.
    pieces, own = components(level & mask), components(mask)
    stroke, widths = _containing(pieces, strokes), pieces.boxes[:, 2]
    in_rules = np.bincount(stroke, widths * _is_wide(pieces, own), len(strokes))
    is_rule &= 2 * in_rules >= np.bincount(stroke, widths, len(strokes))
    if not is_rule.any():
        return None
    return np.append(False, is_rule)[strokes.labels].view(np.uint8)


def _containing(parts: Components, wholes: Components) -> NDArray[np.intp]:
    """Return the number of the component in which each part lies."""
    at = np.flatnonzero(parts.labels)
    found = np.zeros(len(parts), np.intp)
    found[parts.labels.ravel()[at] - 1] = wholes.labels.ravel()[at] - 1
    return found


def _is_wide(strokes: Components, marks: Components) -> NDArray[np.bool_]:
    """Whether each stroke is as wide as a rule in the mark of which it is a part."""
    widths, heights = strokes.boxes[:, 2], marks.boxes[_containing(strokes, marks), 3]
    columns = marks.labels.shape[1]
    return np.asarray((widths >= _AS_WIDE * heights) | (widths >= _ACROSS * columns), np.bool_)


def _walls(upright: Mask, level: Mask | None) -> Mask | None:
    """Keep the upright strokes that meet a rule, or reach both edges."""
    _, labels = cv2.connectedComponents(upright)
    across = np.intersect1d(labels[:3], labels[-3:])
    walls = None if level is None else _meeting(upright, level)
    if not across.any():
        return walls
    both = np.isin(labels, across[across > 0]).view(np.uint8)
    return both if walls is None else both | walls


def _meeting(mask: Mask, other: Mask) -> Mask | None:
    """Keep the components that come within two pixels of another mask's."""
    count, labels = cv2.connectedComponents(mask)
    near = cv2.dilate(other, np.ones((5, 5), np.uint8)) > 0
    is_kept = np.zeros(count, bool)
    is_kept[labels[near & (mask > 0)]] = True
    return is_kept[labels].view(np.uint8) if is_kept.any() else None


def transposed(mask: Mask) -> Mask:
    """Swap rows and columns."""
    return np.asarray(cv2.transpose(mask), np.uint8)


def closed(mask: Mask, rows: int, columns: int) -> Mask:
    """Close gaps of fewer rows or columns."""
    box = np.ones((rows, columns), np.uint8)
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, box), np.uint8)


def long_runs(mask: Mask, length: int, gap: int = 0) -> Mask | None:
    """Keep the runs of ink along rows that are long enough, with their gaps filled.

    This is a morphological closing and opening along rows, in a fraction of the time.

    Parameters
    ----------
    mask
        ``uint8``, shape ``(height, width)``, 1 for ink.
    length
        The least length of a run, in pixels.
    gap
        Gaps up to this many pixels are filled first.

    Returns
    -------
    ndarray or None
        None if there is no such run.

    Examples
    --------
    >>> long_runs(np.array([[1, 1, 0, 1, 0, 0, 1]], np.uint8), 4, gap=1)
    array([[1, 1, 1, 1, 0, 0, 0]], dtype=uint8)
    """
    width = mask.shape[1] + gap + 1  # paper between the rows
    flat = cv2.copyMakeBorder(mask, 0, 0, 0, gap + 1, cv2.BORDER_CONSTANT).ravel()
    flat = np.append(np.uint8(0), flat)
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    starts, stops = edges[::2], edges[1::2]
    if gap and len(starts):
        apart = starts[1:] - stops[:-1] > gap
        starts = starts[np.append(True, apart)]
        stops = stops[np.append(apart, True)]
    long = stops - starts >= length
    if not long.any():
        return None
    starts, stops = starts[long], stops[long]
    lengths = stops - starts
    ends = np.cumsum(lengths)
    found = np.zeros((mask.shape[0], width), np.uint8)
    found.ravel()[np.arange(ends[-1]) + np.repeat(stops - ends, lengths)] = 1
    return np.ascontiguousarray(found[:, : mask.shape[1]])
