"""Numbers as colours: small pictures of pixels, weights and feature maps.

Knows nothing of what the numbers mean.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mnistry.explain.dense import Floats

# Both ends of C. Brewer's colour map RdBu (colorbrewer2.org), and black.
_RED, _BLUE, _INK = (178, 24, 43), (33, 102, 172), (0, 0, 0)


@dataclasses.dataclass(frozen=True, eq=False)
class Picture:
    """A small picture with square pixels.

    Attributes
    ----------
    pixels
        ``uint8``, shape ``(rows, columns, 3)``: red, green and blue.
    caption
        A few words.
    """

    pixels: NDArray[np.uint8]
    caption: str


def grey(values: NDArray[np.generic], caption: str, limit: float) -> Picture:
    """Draw numbers from 0 (white) to `limit` (black)."""
    return Picture(_blend(np.asarray(values, np.float64), limit, _INK, _INK), caption)


def signed(images: Sequence[Floats], captions: Sequence[str]) -> tuple[Picture, ...]:
    """Draw numbers above 0 in red and below 0 in blue, on the same scale in all pictures."""
    # The largest 0.5 % of the numbers share one colour: otherwise a few extreme weights would make
    # all others pale.
    limit = float(np.quantile(np.abs(np.stack(images)), 0.995))
    return tuple(
        Picture(_blend(image, limit, _RED, _BLUE), caption)
        for image, caption in zip(images, captions, strict=True)
    )


def _blend(
    values: Floats, limit: float, above: tuple[int, int, int], below: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Blend from white at 0 to `above` at `limit` and to `below` at minus `limit`."""
    part = np.clip(values / limit if limit else values, -1, 1)[..., np.newaxis]
    ends = np.where(part > 0, above, below)
    pixels: NDArray[np.uint8] = np.round(255 + np.abs(part) * (ends - 255.0)).astype(np.uint8)
    return pixels
