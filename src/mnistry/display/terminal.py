"""Digits as pictures in a terminal, drawn with Rich: two pixels a character.

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

_GAP = 2  # columns between two pictures

# Without colours a pixel is ink or paper; indexed by 2 * upper + lower pixel.
_BLOCKS = " ▄▀█"
_ASCII = " .'#"
_INK = 128  # the middle of 0 to 255


@dataclasses.dataclass(frozen=True)
class DigitPictures:
    r"""Images side by side, each with its index and label beneath: print it with a Rich console.

    Pixels are grey on explicit white paper (binary colour map: 0 white, 255 black), so that they
    look the same in light and in dark terminals. Where the output has no colours (a pipe,
    ``NO_COLOR``) pixels from 128 up are drawn as ink and keep the digit's shape.

    Parameters
    ----------
    images
        ``uint8``, shape ``(n, rows, columns)``, 28x28 or cropped.
    labels
        Integers, shape ``(n,)``; None where there are none.
    indices
        Which of the images, in the order of drawing.
    classes
        The name of each label.

    Raises
    ------
    UsageError
        If there is no image of that index.

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
        # A console whose colours are off keeps its colour system and drops the styles later.
        colours = console.color_system is not None and not console.no_color
        yield from self.lines(
            width=options.max_width,
            colours=colours and not options.ascii_only,
            ascii_only=options.ascii_only,
        )

    def lines(self, *, width: int, colours: bool, ascii_only: bool = False) -> list[Text]:
        """Draw the images, as many side by side as `width` characters hold.

        With `ascii_only`, where the output's encoding has no block characters, there are no
        colours either.
        """
        captions = [self._caption(index) for index in self.indices]
        cell = max(self.images.shape[2], *map(len, captions), 0)
        abreast = max(1, (width + _GAP) // (cell + _GAP))
        lines: list[Text] = []
        for first in range(0, len(captions), abreast):
            if lines:
                lines.append(Text())
            pictures = [
                _grey_lines(self.images[index])
                if colours
                else _ink_lines(self.images[index], _ASCII if ascii_only else _BLOCKS)
                for index in self.indices[first : first + abreast]
            ]
            lines += [_beside(row, cell) for row in zip(*pictures, strict=True)]
            lines.append(_beside([Text(c) for c in captions[first : first + abreast]], cell))
        return lines

    def _caption(self, index: int) -> str:
        if self.labels is None:
            return f"image {index}"
        return f"image {index}, label {self.classes[self.labels[index]]}"


def _grey_lines(image: NDArray[np.uint8]) -> list[Text]:
    """Two rows of pixels a line: the upper half block in one grey on the other as background."""
    greys = 255 - image.astype(int)
    lines = []
    for row in range(0, len(greys), 2):
        line = Text()
        upper = greys[row]
        lower = greys[row + 1] if row + 1 < len(greys) else None
        for column, grey in enumerate(upper.tolist()):
            below = None if lower is None else Color.from_rgb(*[int(lower[column])] * 3)
            line.append("▀", Style.from_color(Color.from_rgb(grey, grey, grey), below))
        lines.append(line)
    return lines


def _ink_lines(image: NDArray[np.uint8], glyphs: str) -> list[Text]:
    ink = np.pad(image >= _INK, ((0, len(image) % 2), (0, 0))).astype(int)
    patterns = 2 * ink[0::2] + ink[1::2]
    return [Text("".join(glyphs[pattern] for pattern in row)) for row in patterns.tolist()]


def _beside(parts: Sequence[Text], cell: int) -> Text:
    """Join one line of each picture, centred in cells; too narrow a terminal cuts it off."""
    line = Text(no_wrap=True, overflow="crop")
    for number, part in enumerate(parts):
        indent = (cell - len(part)) // 2
        line.append(" " * (indent + (_GAP if number else 0)))
        line.append_text(part)
        line.append(" " * (cell - len(part) - indent))
    line.rstrip()
    return line
