"""Reject marks that resemble digits if the rest of the page shows that they are not digits.

Noise, textures and words have dozens of marks, and by chance one of them looks like a digit. This
module is told whether the network is sure of each mark, not how sure.
"""

from collections import Counter
from collections.abc import Sequence

from mnistry.images.mnist_form import Box

# If at most this share of the marks looks like digits, they do so by chance.
_CHANCE = 0.25
# Fewer marks than this are not judged together.
_LEAST_JUDGED = 4
# A mark less high than this may be dirt, in pixels of the picture after its reduction by `scale`.
_LOWEST = 8
# A mark at the edge, alone in its line, is a stain if its height is less than this share of the
# picture's.
_AT_EDGE = 0.25
# A mark at the edge is a ruled line or the edge itself if its width is less than this share of its
# height.
_THIN = 0.125
# On a page with at least `_SEVERAL` sure digits, a stroke alone in its line is the paper's edge if
# it lies nearer to the picture's left or right edge than `_NEAR_EDGE` of the picture's width.
_SEVERAL, _NEAR_EDGE = 5, 0.02


def accepted(
    sure: Sequence[bool],
    boxes: Sequence[Box],
    lines: Sequence[int],
    size: tuple[int, int],
    scale: float = 1.0,
) -> list[bool]:
    """Decide for each mark whether it is accepted as a digit.

    Parameters
    ----------
    sure
        Whether the network is sure of it.
    boxes
        Where it is: x, y, width and height, in pixels of the picture.
    lines
        The number of its line.
    size
        Height and width of the picture.
    scale
        The factor by which the picture was reduced before it was read, at most 1.

    Examples
    --------
    >>> boxes = [(20, 20, 10, 30), (50, 20, 10, 30), (80, 20, 10, 30), (110, 20, 10, 30)]
    >>> accepted([True, True, False, True], boxes, [0] * 4, (100, 150))
    [True, True, False, True]
    >>> accepted([True, False, False, False], boxes, [0] * 4, (100, 150))
    [False, False, False, False]
    """
    if len(sure) >= _LEAST_JUDGED and sum(sure) <= _CHANCE * len(sure):
        return [False] * len(sure)
    in_line = Counter(lines)
    has_several = sum(sure) >= _SEVERAL
    has_stripes = sum(_crosses(box, size) for box in boxes) > 1
    return [
        is_sure
        and box[3] * scale >= _LOWEST
        and not (has_stripes and _crosses(box, size))
        and not (_is_at_edge(box, size) and _is_no_digit_at_edge(box, size, in_line[line] == 1))
        and not (has_several and in_line[line] == 1 and _is_thin_near_edge(box, size))
        for is_sure, box, line in zip(sure, boxes, lines, strict=True)
    ]


def _is_at_edge(box: Box, size: tuple[int, int]) -> bool:
    x, y, width, height = box
    return x <= 0 or y <= 0 or x + width >= size[1] or y + height >= size[0]


def _is_no_digit_at_edge(box: Box, size: tuple[int, int], alone: bool) -> bool:
    """Whether a mark at the picture's edge is a ruled line, the edge itself or a stain."""
    _, _, width, height = box
    return width < _THIN * height or (alone and height < _AT_EDGE * size[0])


def _is_thin_near_edge(box: Box, size: tuple[int, int]) -> bool:
    """Whether a mark is a stroke along the picture's left or right edge, such as the paper's."""
    x, _, width, height = box
    near = _NEAR_EDGE * size[1]
    return 2 * width < height and (x < near or x + width > size[1] - near)


def _crosses(box: Box, size: tuple[int, int]) -> bool:
    """Whether a mark goes from the picture's upper to its lower edge."""
    return box[1] <= 0 and box[1] + box[3] >= size[0]
