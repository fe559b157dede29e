"""Images in a terminal, drawn with Rich: two pixels in one character.

Knows nothing of files or of where the images come from.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style
from rich.text import Text

from mnistry.datasets.arrays import check_indices
from mnistry.datasets.dataset import DIGITS, Images, Labels

GAP = 2  # columns between two images

# Without colours a pixel is ink or paper. Indexed by 2 * upper + lower pixel.
_BLOCKS = " ▄▀█"
_ASCII = " .'#"
_INK = 128  # the middle of 0 to 255


@dataclasses.dataclass(frozen=True)
class DigitPictures:
    r"""Images side by side, each above its index and label, to be printed by a Rich console.

    Pixels are drawn in grey, from 0 (white) to 255 (black), on a white background, so they look
    the same in light and in dark terminals. If the output has no colours (a pipe, ``NO_COLOR``),
    pixels of 128 and more are drawn as ink.

    Parameters
    ----------
    images
        ``uint8``, shape ``(n, rows, columns)``, 28x28 or cropped.
    labels
        Integers, shape ``(n,)``; None if there are none.
    indices
        The images to draw, in this order.
    classes
        The name of each class.

    Raises
    ------
    UsageError
        If an index is out of range.

    Examples
    --------
    >>> cross = np.array([[[0, 255, 0], [255, 255, 255], [0, 255, 0]]], np.uint8)
    >>> print(*DigitPictures(cross, None, [0]).lines(width=80, colours=False), sep="\n")
      ▄█▄
       ▀
    image 0
    """

    images: Images
    labels: Labels | None
    indices: Sequence[int]
    classes: Sequence[str] = DIGITS

    def __post_init__(self) -> None:
        check_indices(self.indices, len(self.images))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from self.lines(
            width=options.max_width, colours=has_colours(console), ascii_only=options.ascii_only
        )

    def lines(self, *, width: int, colours: bool, ascii_only: bool = False) -> list[Text]:
        """Draw the images, as many side by side as fit into `width` characters.

        `ascii_only` is for encodings without block characters; it does not go with `colours`.
        """
        captions = [self._caption(index) for index in self.indices]
        cell = max(self.images.shape[2], *map(len, captions), 0)
        per_row = max(1, (width + GAP) // (cell + GAP))
        lines: list[Text] = []
        for first in range(0, len(captions), per_row):
            if lines:
                lines.append(Text())
            chosen = slice(first, first + per_row)
            pictures = [
                half_blocks(np.stack([255 - self.images[index]] * 3, axis=-1))
                if colours
                else ink_blocks(self.images[index] >= _INK, ascii_only=ascii_only)
                for index in self.indices[chosen]
            ]
            lines += [side_by_side(row, cell) for row in zip(*pictures, strict=True)]
            lines.append(side_by_side([Text(caption) for caption in captions[chosen]], cell))
        return lines

    def _caption(self, index: int) -> str:
        if self.labels is None:
            return f"image {index}"
        return f"image {index}, label {self.classes[self.labels[index]]}"


def halved(images: Images, indices: Sequence[int]) -> Images:
    """Return images of half the size: means of four pixels, for these indices; others are blank.

    Parameters
    ----------
    images
        ``uint8``, shape ``(n, 28, 28)``.
    indices
        The images that are needed.

    Examples
    --------
    >>> halved(np.full((3, 28, 28), 8, np.uint8), [1])[:, 0, 0]
    array([0, 8, 0], dtype=uint8)
    """
    rows, columns = (side // 2 for side in images.shape[1:])
    small = np.zeros((len(images), rows, columns), np.uint8)
    quarters = images[list(indices)].reshape(-1, rows, 2, columns, 2)
    small[list(indices)] = quarters.mean(axis=(2, 4)).round()
    return small


def has_colours(console: Console) -> bool:
    """Return whether the console can draw images in colour."""
    # A console whose colours are off keeps its colour system and drops the styles later.
    colours = console.color_system is not None and not console.no_color
    return colours and not console.options.ascii_only


def half_blocks(pixels: NDArray[np.uint8]) -> list[Text]:
    """Draw an image in colour, two rows of pixels in one line.

    The character is the upper half block, in the colour of the upper pixel, on a background of
    the colour of the lower pixel. `pixels` are red, green and blue: ``uint8``, shape
    ``(rows, columns, 3)``.
    """
    rows = [[Color.from_rgb(*pixel) for pixel in row] for row in pixels.tolist()]
    lines = []
    for upper in range(0, len(rows), 2):
        line = Text()
        lower = rows[upper + 1] if upper + 1 < len(rows) else [None] * len(rows[upper])
        for above, below in zip(rows[upper], lower, strict=True):
            line.append("▀", Style.from_color(above, below))
        lines.append(line)
    return lines


def ink_blocks(ink: NDArray[np.bool_], *, ascii_only: bool) -> list[Text]:
    """Draw the pixels that are ink, shape ``(rows, columns)``, two rows of them in one line."""
    padded = np.pad(ink, ((0, len(ink) % 2), (0, 0))).astype(int)
    glyphs = _ASCII if ascii_only else _BLOCKS
    patterns = 2 * padded[0::2] + padded[1::2]
    return [Text("".join(glyphs[pattern] for pattern in row)) for row in patterns.tolist()]


def side_by_side(parts: Sequence[Text], width: int) -> Text:
    """Join one line of each image, each centred in `width` characters.

    A terminal that is too narrow cuts the line off.
    """
    line = Text(no_wrap=True, overflow="crop")
    for part in parts:
        centred = part.copy()
        centred.align("center", width)
        line.append_text(centred).append(" " * GAP)
    line.rstrip()
    return line
