"""Read whole lines: cut the ink into strips of equal height, and read them with a network.

For each step along a strip the network returns the probability of each character and of "blank".
Equal neighbouring answers count once (connectionist temporal classification: A. Graves and others,
2006). Knows nothing of the digit network; see `mnistry.reading.combine`.
"""

import dataclasses
import functools
from collections.abc import Sequence

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from mnistry.images.mnist_form import stroke_width
from mnistry.images.pixels import percentile
from mnistry.inference import line_session
from mnistry.reading.components import components
from mnistry.reading.page import are_beside
from mnistry.reading.rules import closed, without_rules

# Rows of a strip; its width is a multiple of WIDTH_MULTIPLE columns.
HEIGHT, WIDTH_MULTIPLE = 48, 16
# The characters in the order of the network's outputs, which begin with the blank.
CHARACTERS = "0123456789-+.,/:? "

# Margin above and below the tall marks of a line, as a fraction of their height.
MARGIN = 0.25
# The height of the tall marks, in rows of a strip.
TALL = HEIGHT / (1 + 2 * MARGIN)
# A pixel of more strength than this belongs to a mark.
_MARK = 0.4
# The same for the pixels of a strip, which are 0 to 255.
_SOLID = 100
# Weaker ink than this is ignored when the gain of a strip is computed: the factor by which its ink
# is made darker.
_FAINT = 0.2
# Least height of a tall mark, as a fraction of the tallest.
_TALL = 0.3
# At most this many tall marks, the largest ones, are grouped into rows.
_MOST = 200
# Least height of a mark, in pixels.
_LOWEST = 6
_WIDEST = 2048  # columns of a strip
# Cells of a comb are at most this many times as high as what is written in them.
_HIGHEST_CELL = 2.5
# Written lines of at least so many marks tell how the picture slopes.
_COUNTED = 4
# Lines are made level if they fall or rise by so many rows for each column; more than 30 degrees
# are no slope.
_SLOPING, _STEEPEST = 0.06, 0.58
# The marks' middles are less than this part of their height away from a straight line.
_OFF_LINE = 0.35

Strength = NDArray[np.float32]
# Left, top, width and height of a mark.
MarkBox = tuple[int, int, int, int]


@dataclasses.dataclass(frozen=True, eq=False)
class Strip:
    """A line cut out of the ink.

    Attributes
    ----------
    image
        ``uint8``, shape ``(48, width)``, 0 for paper to 255 for ink.
    x, y
        The position of its upper left corner in the ink.
    scale
        Pixels of the strip for each pixel of the ink.
    slope
        How many rows the line falls in the ink for each column; the strip itself is level.
    frames
        What was taken out of the ink in the strip, like `image`; None if nothing was taken out of
        the picture.
    is_comb
        Whether `frames` may be the cells of one number: nothing taken out in the strip is much
        higher than the line.
    """

    image: NDArray[np.uint8] = dataclasses.field(repr=False)
    x: float
    y: float
    scale: float
    slope: float = 0.0
    frames: NDArray[np.uint8] | None = dataclasses.field(default=None, repr=False)
    is_comb: bool = False

    @functools.cached_property
    def frame_mask(self) -> NDArray[np.uint8]:
        """1 where a ring or a box was taken out of the ink, like `image`."""
        if self.frames is None:
            return np.zeros_like(self.image)
        return (self.frames > _SOLID).astype(np.uint8)

    @functools.cached_property
    def solid(self) -> NDArray[np.uint8]:
        """1 where there is ink, like `image`."""
        return (self.image > _SOLID).astype(np.uint8)

    @functools.cached_property
    def clean(self) -> NDArray[np.uint8]:
        """`solid` without ruled lines."""
        return without_rules(self.solid, max(1.5, stroke_width(self.solid > 0)))

    @functools.cached_property
    def walls(self) -> NDArray[np.bool_]:
        """Whether a line between two cells may stand in each column."""
        box = np.ones((int(0.9 * HEIGHT), 1), np.uint8)
        upright = cv2.morphologyEx(self.solid | self.frame_mask, cv2.MORPH_OPEN, box)
        return np.asarray(upright.any(0), bool)

    def box(self, left: float, right: float) -> tuple[float, float, float, float]:
        """Return the box ``(left, top, width, height)`` of some columns, in pixels of the ink."""
        whole = HEIGHT / self.scale
        falls = self.slope * left / self.scale, self.slope * right / self.scale
        top = self.y + min(falls) + whole * MARGIN / (1 + 2 * MARGIN)
        height = max(falls) - min(falls) + whole / (1 + 2 * MARGIN)
        return self.x + left / self.scale, top, (right - left) / self.scale, height


@dataclasses.dataclass(frozen=True)
class Character:
    """A character that was read.

    Attributes
    ----------
    text
        One of `CHARACTERS`.
    confidence
        Its probability, 0 to 1.
    left, right
        Its columns in the strip.
    is_sure
        Whether it is probable enough to be stated.
    """

    text: str
    confidence: float
    left: float
    right: float
    is_sure: bool = True

    def __str__(self) -> str:
        return self.text if self.is_sure else "?"

    @property
    def is_missed(self) -> bool:
        """Whether it stands for a character that may have been missed."""
        return self.left == self.right

    @property
    def middle(self) -> float:
        """The column of its middle."""
        return (self.left + self.right) / 2


def find_strips(strength: Strength, frames: Strength | None = None) -> list[Strip]:
    """Find written lines in ink and cut them out, from top to bottom.

    Ruled lines, the boxes of forms and the upright lines between their cells stay in the strips,
    as in the network's training. They are removed only to find the written lines.

    Parameters
    ----------
    strength
        ``float32``, shape ``(height, width)``, 0 for paper to 1 for full ink.
    frames
        What was taken out of the ink, like `strength`; each strip gets its part.
    """
    rows = _rows(strength > _MARK)
    if not rows:
        return []
    frames = None if frames is None or not frames.any() else frames
    slope, lift = _slope(rows), 0.0
    if slope:
        strength, lift = _levelled(strength, slope)
        frames = None if frames is None else _levelled(frames, slope)[0]
        rows = _rows(strength > _MARK)
    found = []
    for row in rows:
        highest = max(box[3] for box in row)
        high = [box for box in row if 2 * box[3] >= highest]
        found.append((min(b[1] for b in high), max(b[1] + b[3] for b in high)))
    strips = [cut(strength, *band, frames) for band in sorted(_kept(found, len(strength)))]
    return [
        dataclasses.replace(strip, y=strip.y + slope * strip.x - lift, slope=slope)
        for strip in strips
        if strip is not None
    ]


def _slope(rows: Sequence[Sequence[MarkBox]]) -> float:
    """Measure how many rows the written lines fall for each column; 0 if they are nearly level.

    Lines of few marks do not count, nor those whose marks do not lie on a straight line.
    """
    slopes: list[float] = []
    for row in rows:
        if len(row) < _COUNTED:
            continue
        x, y, width, height = np.array(row, float).T
        middles, usual = x + width / 2, float(np.median(height))
        if np.ptp(middles) < 2 * _COUNTED / 3 * usual:
            continue
        slope, start = np.polyfit(middles, y + height / 2, 1)
        if np.abs(y + height / 2 - start - slope * middles).max() < _OFF_LINE * usual:
            slopes += [float(slope)] * len(row)
    slope = float(np.median(slopes)) if slopes else 0.0
    return slope if _SLOPING <= abs(slope) <= _STEEPEST else 0.0


def _levelled(strength: Strength, slope: float) -> tuple[Strength, float]:
    """Move each column up or down so that lines are level.

    Returns
    -------
    tuple
        The ink, higher than before; and how far the first column moved down, in pixels.
    """
    rows, columns = strength.shape
    fall = slope * columns
    lift = max(fall, 0.0)
    move = np.array([[1, 0, 0], [-slope, 1, lift]], np.float64)
    size = (columns, rows + int(np.ceil(abs(fall))))
    return np.asarray(cv2.warpAffine(strength, move, size), np.float32), lift


def _rows(ink: NDArray[np.bool_]) -> list[list[MarkBox]]:
    """Find the boxes of the tall marks of each written line."""
    mask = ink.astype(np.uint8)
    if not mask.any():
        return []
    stroke = max(1.5, stroke_width(mask > 0))
    # Parts of a broken stroke belong together.
    rest = closed(without_rules(mask, stroke), int(1.2 * stroke) | 1, 3)
    boxes = _boxes(rest, stroke)
    if not len(boxes):
        boxes = _boxes(mask, stroke)
    if not len(boxes):
        return []
    is_beside = are_beside(np.array(boxes), mask.shape)
    boxes = [box for box, beside in zip(boxes, is_beside, strict=True) if not beside]
    tallest = _tallest(boxes)
    return _grouped([box for box in boxes if box[3] >= _TALL * tallest][:_MOST])


def _tallest(boxes: Sequence[MarkBox]) -> int:
    """Return the height of the tallest mark, or of the second if the first is far taller."""
    heights = sorted((box[3] for box in boxes), reverse=True)
    if len(heights) > 2 and heights[0] > 3 * heights[1]:
        return heights[1]
    return heights[0]


def _boxes(mask: NDArray[np.uint8], stroke: float) -> list[MarkBox]:
    """Return the marks' boxes, the largest mark first."""
    marks = components(mask)
    order = np.argsort(-marks.areas, kind="stable")[: 4 * _MOST]
    found = []
    for (x, y, width, height), area in zip(
        marks.boxes[order].tolist(), marks.areas[order].tolist(), strict=True
    ):
        if height >= _LOWEST and area > stroke**2 / 2:
            found.append((x, y, width, height))
    return found


def _grouped(boxes: Sequence[MarkBox]) -> list[list[MarkBox]]:
    """Group marks into rows: each joins the nearest on its right that overlaps it vertically."""
    boxes = sorted(boxes, key=lambda box: box[0] + box[2] / 2)
    row_of = list(range(len(boxes)))
    for i, (_, y, _, height) in enumerate(boxes):
        for j in range(i + 1, len(boxes)):
            _, other_y, _, other_height = boxes[j]
            overlap = min(y + height, other_y + other_height) - max(y, other_y)
            if overlap >= 0.3 * min(height, other_height):
                old, new = row_of[j], row_of[i]
                row_of = [new if row == old else row for row in row_of]
                break
    return [[box for box, row in zip(boxes, row_of, strict=True) if row == r] for r in set(row_of)]


def _kept(bands: list[tuple[int, int]], rows: int) -> list[tuple[int, int]]:
    """Drop bands that lie half inside another, and short ones.

    Short is less than 0.3 of the height of the tallest band, or 0.6 at an edge of the picture.
    """
    highest = max(bottom - top for top, bottom in bands)
    kept: list[tuple[int, int]] = []
    for top, bottom in sorted(bands, key=lambda band: band[0] - band[1]):
        height = bottom - top
        at_edge = top <= 1 or bottom >= rows - 1
        if height < (0.6 if at_edge and len(bands) > 1 else 0.3) * highest:
            continue
        overlap = max((min(bottom, b) - max(top, t) for t, b in kept), default=0)
        if overlap < 0.5 * height:
            kept.append((top, bottom))
    return kept


def cut(strength: Strength, top: int, bottom: int, frames: Strength | None = None) -> Strip | None:
    """Cut out a line and scale it to the height of a strip; None if there is no ink.

    Parameters
    ----------
    strength
        The ink.
    top, bottom
        The first row of the line's tall marks, and the row after their last.
    frames
        What was taken out of the ink.
    """
    height = max(bottom - top, 4)
    scale = HEIGHT / ((1 + 2 * MARGIN) * height)
    reach = strength[max(0, int(top - 0.1 * height)) : int(bottom + 0.25 * height) + 1]
    columns = np.flatnonzero((reach > _MARK).any(0))
    if not columns.size:
        return None
    left, right = columns[0] - 0.3 * height, columns[-1] + 1 + 0.3 * height
    width = int(min(_WIDEST, np.ceil((right - left) * scale / WIDTH_MULTIPLE) * WIDTH_MULTIPLE))
    image = _resampled(strength, left, top - MARGIN * height, scale, width)
    strip = Strip(image, float(left), float(top - MARGIN * height), scale)
    if frames is None:
        return strip
    own = _resampled(frames, left, top - MARGIN * height, scale, width)
    cells = components(frames[max(0, top - height) : bottom + height] > _MARK)
    is_low = bool((cells.boxes[:, 3] <= _HIGHEST_CELL * height).all())
    return dataclasses.replace(strip, frames=own, is_comb=is_low)


def _resampled(
    strength: Strength, left: float, top: float, scale: float, width: int
) -> NDArray[np.uint8]:
    y0, y1 = int(np.floor(top)), int(np.ceil(top + HEIGHT / scale))
    x0, x1 = int(np.floor(left)), int(np.ceil(left + width / scale))
    inside = strength[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)]
    if scale < 1:  # averaging first keeps thin strokes
        size = (max(1, round(inside.shape[1] * scale)), max(1, round(inside.shape[0] * scale)))
        inside = np.asarray(cv2.resize(inside, size, interpolation=cv2.INTER_AREA), np.float32)
        factor = 1.0
    else:
        factor = scale
    move = np.array(
        [[factor, 0, (max(0, x0) - left) * scale], [0, factor, (max(0, y0) - top) * scale]],
        np.float64,
    )
    move[:, 2] += (factor - 1) / 2
    strip = cv2.warpAffine(inside, move, (width, HEIGHT), flags=cv2.INTER_LINEAR)
    # A black rule above or below faint pencil would keep the gain too low, so only the middle rows
    # decide it.
    core = strip[HEIGHT // 6 : -HEIGHT // 6]
    marks = core[core > _FAINT]
    gain = min(max(0.75 / percentile(marks, 60), 1.0), 3.0) if marks.size else 1.0
    return np.asarray(np.rint(255 * np.clip(gain * strip, 0, 1)), np.uint8)


def spell(log_probabilities: NDArray[np.float32], columns: int) -> list[Character]:
    """Decode greedily: the most probable answer of each step, equal neighbours once, no blanks.

    Parameters
    ----------
    log_probabilities
        ``float32``, shape ``(steps, 1 + characters)``: natural logarithms, the blank first.
    columns
        Width of the strip.

    Returns
    -------
    list of Character
        The confidence of each is the highest probability among its steps.

    Examples
    --------
    >>> steps = np.log(np.full((4, 19), 1e-6, np.float32))
    >>> steps[[0, 1, 2, 3], [0, 2, 2, 0]] = 0
    >>> [character.text for character in spell(steps, 16)]
    ['1']
    """
    best = log_probabilities.argmax(1).tolist()
    each = columns / len(best)
    found = []
    start = 0
    for step in range(1, len(best) + 1):
        if step < len(best) and best[step] == best[start]:
            continue
        if best[start]:
            run = log_probabilities[start:step, best[start]]
            found.append(
                Character(
                    CHARACTERS[best[start] - 1], float(np.exp(run.max())), start * each, step * each
                )
            )
        start = step
    return found


def digit_probabilities(
    log_probabilities: NDArray[np.float32], characters: Sequence[Character], columns: int
) -> NDArray[np.float64]:
    """Return the probability of each digit for each character, ``(characters, 10)``.

    Parameters
    ----------
    log_probabilities
        The argument of `spell`.
    characters
        The result of `spell`.
    columns
        Width of the strip.
    """
    first = 1 + CHARACTERS.index("0")
    digits = np.exp(log_probabilities[:, first : first + 10].astype(np.float64))
    each = columns / len(digits)
    found = np.zeros((len(characters), 10))
    for row, one in zip(found, characters, strict=True):
        row[:] = _at_likeliest_step(digits, one, each)
    sums = np.maximum(found.sum(1, keepdims=True), np.finfo(float).tiny)
    return np.asarray(found / sums, np.float64)


def decimal_signs(
    log_probabilities: NDArray[np.float32], characters: Sequence[Character], columns: int
) -> NDArray[np.float64]:
    """Return how probable a point and a comma are, for each character that was read as one of them.

    Parameters
    ----------
    log_probabilities
        The argument of `spell`.
    characters
        The result of `spell`.
    columns
        Width of the strip.

    Returns
    -------
    ndarray
        ``(characters, 2)``; 0 for other characters.
    """
    each = columns / len(log_probabilities)
    signs = np.exp(log_probabilities[:, [1 + CHARACTERS.index(sign) for sign in ".,"]])
    found = np.zeros((len(characters), 2))
    for row, one in zip(found, characters, strict=True):
        if one.text in (".", ","):
            row[:] = _at_likeliest_step(signs, one, each)
    return found


def _at_likeliest_step(
    probabilities: NDArray[np.floating], one: Character, each: float
) -> NDArray[np.floating]:
    """Return a character's probabilities at the step at which their sum is largest.

    `each` is the number of columns of a step.
    """
    steps = probabilities[round(one.left / each) : round(one.right / each)]
    likeliest: NDArray[np.floating] = steps[steps.sum(1).argmax()]
    return likeliest


def hidden(
    log_probabilities: NDArray[np.float32], characters: Sequence[Character], columns: int
) -> list[float]:
    """Return the probability of a missed character before each character and after the last.

    Parameters
    ----------
    log_probabilities
        The argument of `spell`.
    characters
        The result of `spell`.
    columns
        Width of the strip.

    Returns
    -------
    list of float
        One for each gap, so one more than there are characters: the largest probability, among the
        gap's steps, of anything but the blank, a space and the characters beside the gap.
    """
    probabilities = np.exp(log_probabilities)
    each = columns / len(probabilities)
    classes = [1 + CHARACTERS.index(one.text) for one in characters]
    starts = [0, *(round(one.right / each) for one in characters)]
    ends = [*(round(one.left / each) for one in characters), len(probabilities)]
    space = 1 + CHARACTERS.index(" ")
    found = []
    for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
        usual = {0, space, *classes[max(0, i - 1) : i + 1]}
        others = [c for c in range(probabilities.shape[1]) if c not in usual]
        between = probabilities[start:end, others].sum(1)
        found.append(float(between.max()) if between.size else 0.0)
    return found


def read_strips(
    session: onnxruntime.InferenceSession, strips: Sequence[Strip]
) -> list[NDArray[np.float32]]:
    """Return the network's answer for each strip; strips of the same width form one batch.

    Returns
    -------
    list of ndarray
        ``float32``, shape ``(steps, 1 + characters)``: natural logarithms of probabilities.
    """
    answers: list[NDArray[np.float32] | None] = [None] * len(strips)
    widths = [strip.image.shape[1] for strip in strips]
    for width in set(widths):
        rows = [row for row, own in enumerate(widths) if own == width]
        images = np.stack([strips[row].image for row in rows])
        for row, answer in zip(rows, line_session.log_probabilities(session, images), strict=True):
            answers[row] = answer
    return [answer for answer in answers if answer is not None]
