"""Decode colours of 16 bits and whole numbers of 32 bits where Pillow loses part of them.

Of a colour's 16 bits Pillow keeps the high byte: a picture whose values are 0 to 255 becomes black.
It reads the separate planes of an uncompressed TIFF of 16 bits as if they had 8, and unsigned
numbers of 32 bits as signed ones. Knows nothing of files.
"""

import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

_BITS, _SAMPLES, _PLANES = 0x0102, 0x0153, 0x011C  # TIFF's tags
_UNSIGNED, _SEPARATE = 1, 2  # a kind of samples, and an arrangement of planes
# Pillow's raw modes of colours of 16 bits, with the order of their bytes.
_SIXTEEN_BITS = re.compile(r"((?:RGB|CMYK|[RGBA]\b).*;16)([BLN])")
_LITTLE = {"L": True, "B": False, "N": sys.byteorder == "little"}
# If no high byte is larger, values reach at most 4095: scanners store 12 bits like that.
_FAINT = 15
_ROWS = 256  # combined at once


def find_planes(image: "Image.Image") -> None:
    """Make Pillow read separate planes of 16 bits as they are. The image is not loaded yet."""
    tags: Any = getattr(image, "tag_v2", {})
    if 16 in tags.get(_BITS, ()) and tags.get(_PLANES) == _SEPARATE:
        order = "L" if tags.prefix == b"II" else "B"
        _replace_modes(image, lambda mode: f"{mode};16{order}" if len(mode) == 1 else mode)


def byte_order(image: "Image.Image") -> str | None:
    """Return the order of the bytes of colours of 16 bits, of an image that is not loaded yet."""
    tiles = getattr(image, "tile", [])
    found = _SIXTEEN_BITS.fullmatch(_raw_mode(tiles[0])) if tiles else None
    return found[2] if found else None


def take_low_bytes(image: "Image.Image", order: str) -> None:
    """Make Pillow keep the low bytes of colours. The image is not loaded yet."""
    other = "B" if _LITTLE[order] else "L"
    _replace_modes(image, lambda mode: _SIXTEEN_BITS.sub(rf"\1{other}", mode))


def highest(image: "Image.Image") -> list[int]:
    """Return the highest value of each band; all bands but alpha get the highest of them all."""
    extrema: Any = image.getextrema()
    values = [int(high) for _, high in extrema]
    colours = len(values) - image.mode.endswith("A")
    return [max(values[:colours])] * colours + values[colours:]


def is_faint(image: "Image.Image") -> bool:
    """Return whether the high bytes show that values reach no higher than 4095."""
    return min(highest(image)) <= _FAINT


def combined(image: "Image.Image", low: "Image.Image") -> "Image.Image":
    """Combine an image of faint high bytes with one of low bytes to 8 bits; changes `image`.

    Bands that reach no higher than 255 are taken as they are; those up to 4095 are divided by 16.
    """
    from PIL import Image

    mosts = highest(image)
    if max(mosts) == 0:
        return low
    for top in range(0, image.height, _ROWS):
        box = (0, top, image.width, min(top + _ROWS, image.height))
        pairs = zip(image.crop(box).split(), low.crop(box).split(), mosts, strict=True)
        bands = [_scaled(np.asarray(high), np.asarray(other), most) for high, other, most in pairs]
        strip = Image.merge(image.mode, [Image.fromarray(band) for band in bands])
        image.paste(strip, box)
    return image


def _scaled(high: Any, low: Any, most: int) -> Any:
    """Convert one band's bytes to 8 bits, given the highest of its high bytes; see `combined`."""
    if most == 0:
        return low
    return (high << 4) | (low >> 4) if most <= _FAINT else high


def unsigned(image: "Image.Image") -> "Image.Image":
    """Keep the upper 16 bits of unsigned numbers of 32 bits if Pillow made one of them negative."""
    tags: Any = getattr(image, "tag_v2", {})
    if image.mode != "I" or tags.get(_BITS) != (32,) or tags.get(_SAMPLES, (1,)) != (_UNSIGNED,):
        return image
    numbers = np.asarray(image)
    if numbers.min() >= 0:
        return image
    from PIL import Image

    return Image.fromarray((numbers.view(np.uint32) >> 16).astype(np.uint16))


def _raw_mode(tile: Any) -> str:
    """Return Pillow's raw mode of a tile: how its pixels lie in the file."""
    return tile.args if isinstance(tile.args, str) else str((tile.args or ("",))[0])


def _replace_modes(image: Any, change: Callable[[str], str]) -> None:
    for i, tile in enumerate(image.tile):
        mode = change(_raw_mode(tile))
        args = mode if isinstance(tile.args, str) else (mode, *tile.args[1:])
        image.tile[i] = tile._replace(args=args)
