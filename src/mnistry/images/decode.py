"""Decode one image file safely to grey values.

Knows nothing of digits, of ink, or of how large an image should be.
"""

import contextlib
import threading
import warnings
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnistry.errors import DataError, Notice

if TYPE_CHECKING:
    from PIL import Image

# Never all formats of Pillow: EPS would start Ghostscript, and each decoder can be attacked.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
MAX_BYTES = 10_000_000
MAX_PIXELS = 25_000_000

_warnings_lock = threading.Lock()


def read_image(path: Path) -> NDArray[np.uint8]:
    """Decode an image file; see `decode_image`.

    Raises
    ------
    DataError
        Also if the file cannot be read.
    """
    return decode_image(read_content(path), str(path))


def read_content(path: Path) -> bytes:
    """Read an image file, at most one byte more than `MAX_BYTES`."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=path) from error


def decode_image(content: bytes, where: str) -> NDArray[np.uint8]:
    """Decode an image to grey values.

    The image is turned upright by its EXIF data. Transparent pixels become white, colours become
    their luma (ITU-R 601), and 16 bits per pixel are scaled to 8. Of several frames the first is
    taken, with a `Notice`.

    Parameters
    ----------
    content
        A whole file in one of `FORMATS`, at most `MAX_BYTES` long.
    where
        Its name, for messages.

    Returns
    -------
    ndarray
        ``uint8``, shape ``(height, width)``, 0 for black to 255 for white, at most
        `MAX_PIXELS` in all.

    Raises
    ------
    DataError
        If it is too large, of another format, or damaged.

    Examples
    --------
    >>> decode_image(b"P2 3 1 255 0 128 255", "three greys")
    array([[  0, 128, 255]], dtype=uint8)
    """
    return decode_reduced(content, where, None)[0]


def decode_reduced(
    content: bytes, where: str, side: int | None
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Decode an image; a large JPEG is reduced; see `decode_image`.

    A JPEG whose longer side is twice `side` or more is decoded at a half, a quarter or an eighth of
    its size, which takes a fraction of the time and the memory. Other images are not reduced, and
    none is if `side` is None.

    Returns
    -------
    grey, size
        The grey values; the height and width of the upright image before it was reduced.
    """
    if not content:
        raise DataError("an empty file", where=where, expected="an image")
    if len(content) > MAX_BYTES:
        raise DataError(
            "too large a file",
            where=where,
            expected=f"at most {MAX_BYTES // 1_000_000} MB",
            remedy="save a smaller copy of it",
        )
    from PIL import Image, UnidentifiedImageError

    try:
        with _quiet():
            image = Image.open(BytesIO(content), formats=FORMATS)
    except UnidentifiedImageError:
        raise DataError(
            "no image of an accepted format",
            where=where,
            expected=", ".join(FORMATS),
            remedy="save it as PNG",
        ) from None
    except Image.DecompressionBombError:
        raise _too_many_pixels(where) from None
    except Exception as error:  # hostile bytes make decoders raise anything
        raise _damaged(error, where) from error
    with image:
        if image.width * image.height > MAX_PIXELS:
            raise _too_many_pixels(where)
        try:
            # MPO is a phone's JPEG with another view of the same picture behind it.
            several = getattr(image, "is_animated", False) and image.format != "MPO"
            width, height = image.size
            if image.format in ("JPEG", "MPO"):
                image.draft("L", image.size if side is None else _least(image.size, side))
            upright = _upright(image)
            if upright.size != image.size:
                width, height = height, width
            grey = _grey(upright, where)
        except DataError:
            raise
        except Exception as error:  # as above
            raise _damaged(error, where) from error
    if several:
        warnings.warn(f"{where}: several frames; the first is read", Notice, stacklevel=3)
    return grey, (height, width)


def decode_numbers(content: bytes, where: str) -> NDArray[Any]:
    """Decode an image to its numbers, without scaling those of more than 8 bits.

    Returns
    -------
    ndarray
        Shape ``(height, width)``: of a TIFF file with integers or floats of more than 8 bits these
        numbers; of others the grey values, as `decode_image` returns them.
    """
    if content[:4] in (b"II*\0", b"MM\0*") and len(content) <= MAX_BYTES:
        from PIL import Image

        try:
            with _quiet(), Image.open(BytesIO(content), formats=("TIFF",)) as image:
                pixels = image.width * image.height
                if pixels > MAX_PIXELS:
                    raise _too_many_pixels(where)
                if image.mode.startswith("I") or image.mode == "F":
                    return np.array(image)
        except DataError:
            raise
        except Exception as error:  # as in decode_reduced
            raise _damaged(error, where) from error
    return decode_image(content, where)


def _least(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return the size at which the longer side is `side`."""
    longer = max(size)
    return max(1, size[0] * side // longer), max(1, size[1] * side // longer)


def _upright(image: "Image.Image") -> "Image.Image":
    """Turn an image by its EXIF orientation; ignore one that is damaged."""
    from PIL import ImageOps

    image.load()
    try:
        with _quiet():
            return ImageOps.exif_transpose(image)
    except Exception:  # with damaged EXIF data the image is still read
        return image


def _grey(image: "Image.Image", where: str) -> NDArray[np.uint8]:
    from PIL import Image

    if image.mode.startswith("I"):
        return _grey_from_16_bits(image, where)
    if image.mode == "F":
        raise DataError(
            "floating-point pixels", where=where, expected="8 or 16 bits", remedy="save it as PNG"
        )
    if image.has_transparency_data:
        drawing = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, drawing)
    return np.array(image if image.mode == "L" else image.convert("L"))


def _grey_from_16_bits(image: "Image.Image", where: str) -> NDArray[np.uint8]:
    """Scale 0–65535 to 0–255 (65535 = 255 x 257); Pillow's own conversion would clip."""
    values = np.array(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise DataError("32-bit pixels", where=where, expected="8 or 16", remedy="save it as PNG")
    paper = image.info.get("transparency")
    if isinstance(paper, int):
        values[values == paper] = 65535
    return ((values + 128) // 257).astype(np.uint8)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence Pillow's warnings, under a lock because the filters are the whole process's."""
    with _warnings_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _too_many_pixels(where: str) -> DataError:
    return DataError(
        "too many pixels",
        where=where,
        expected=f"at most {MAX_PIXELS // 1_000_000} megapixels",
        remedy="save a smaller copy of it",
    )


def _damaged(error: Exception, where: str) -> DataError:
    return DataError(f"a damaged image: {error}", where=where, remedy="save it again")
