"""Decode picture files and PDFs safely, page by page, to grey values.

Knows nothing of digits, of ink, or of how large an image should be.
"""

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.errors import DataError, Notice
from mnistry.images.formats import (
    HEAD_BYTES,
    MAX_BYTES,
    MAX_DOCUMENT_BYTES,
    MAX_PIXELS,
    Decoder,
    Raster,
    damaged,
    is_document,
    is_picture,
    open_decoder,
    raster_of,
    too_large,
    too_many_pixels,
)
from mnistry.images.pixels import to_grey
from mnistry.images.wide_values import find_planes

if TYPE_CHECKING:
    from PIL import Image

# A picture whose resolutions across and down differ by a factor between these is stretched until
# its pixels are square. A larger factor is taken for an error in the file.
_OBLONG, _MISTAKEN = 1.1, 4.0
_DPI = (10.0, 10_000.0)  # other resolutions are taken for errors too


@dataclass(frozen=True, eq=False)
class Page:
    """A page of a document, or a picture: upright, with square pixels.

    Attributes
    ----------
    number
        From 1.
    grey
        ``uint8``, shape ``(height, width)``, 0 for black to 255 for white; a reduced copy if it
        was asked for.
    size
        Height and width in pixels before `grey` was reduced.
    dpi
        Dots per inch before `grey` was reduced; None if unknown.
    """

    number: int
    grey: NDArray[np.uint8] = field(repr=False)
    size: tuple[int, int]
    dpi: float | None


class Document:
    """An open picture file, with one page or several, each decoded when it is asked for.

    Made by `open_file` and `open_content`. Threads must not share it. It is a context manager that
    closes the file.

    Attributes
    ----------
    where
        Its name, for messages.
    count
        The number of its pages; an animation has one.
    """

    def __init__(self, where: str, decoder: Decoder) -> None:
        self.where, self.count = where, decoder.count
        self._decoder = decoder

    def page(self, number: int, side: int | None = None, *, luma: bool = False) -> Page:
        """Decode a page.

        Parameters
        ----------
        number
            From 1.
        side
            The least length in pixels that the longer side keeps. A JPEG, a HEIC or a page of a
            PDF that is at least twice as long is decoded at a half, a quarter or an eighth of its
            size, in a fraction of the memory. None reduces nothing.
        luma
            Whether colours always become their luma (ITU-R 601). Otherwise colours that differ
            mainly in their hue are told apart too; see `mnistry.images.pixels.to_grey`.

        Raises
        ------
        DataError
            If there is no such page, or it is too large or damaged.
        """
        if not 1 <= number <= self.count:
            raise DataError(
                f"there is no page {number}",
                where=self.where,
                expected=f"1 to {self.count}" if self.count > 1 else "1, its only page",
                remedy="choose among these",
            )
        where = self.where if self.count == 1 else f"{self.where}, page {number}"
        try:
            return _upright(self._decoder.decode(number, side), number, where, luma)
        except DataError:
            raise
        except Exception as error:  # hostile bytes make decoders raise anything
            raise damaged(error, where) from error

    def deep_numbers(self) -> NDArray[Any] | None:
        """Return the first page's numbers if these are floats or integers of more than 8 bits."""
        try:
            image = self._decoder.decode(1, None).image
            return np.array(image) if image.mode.startswith("I") or image.mode == "F" else None
        except DataError:
            raise
        except Exception as error:  # as in `page`
            raise damaged(error, self.where) from error

    def close(self) -> None:
        """Close the file and free the memory."""
        self._decoder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_image(path: Path) -> NDArray[np.uint8]:
    """Decode an image file; see `decode_image`.

    Raises
    ------
    DataError
        Also if the file cannot be read.
    """
    with open_file(path) as document:
        return _only_image(document)


def decode_image(content: bytes, where: str) -> NDArray[np.uint8]:
    """Decode an image to grey values.

    The image is turned upright. Colours become their luma (ITU-R 601); transparent pixels become
    white, or black around white ink; 16 bits per pixel are scaled to 8. Of several pages or frames
    the first is taken, with a `Notice`.

    Parameters
    ----------
    content
        A whole file in one of the `ACCEPTED` formats, at most `MAX_BYTES` long.
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
    with open_content(content, where) as document:
        return _only_image(document)


def read_content(path: Path) -> bytes:
    """Read an image file, at most one byte more than `MAX_BYTES`."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, error) from error


def open_file(path: Path) -> Document:
    """Open a picture file or a PDF; see `open_content`.

    A document of several pages may have `MAX_DOCUMENT_BYTES`.

    Raises
    ------
    DataError
        Also if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            if not path.is_file():  # a pipe
                return open_content(file.read(MAX_BYTES + 1), str(path))
            head = file.read(HEAD_BYTES)
            size = path.stat().st_size
            if not head:
                return open_content(head, str(path))
            if is_picture(head) and not is_document(head):
                return open_content(head + file.read(MAX_BYTES + 1 - len(head)), str(path))
    except OSError as error:
        raise _unreadable(path, error) from error
    if size > MAX_DOCUMENT_BYTES and is_document(head):
        raise too_large(str(path), MAX_DOCUMENT_BYTES, "split it into parts")
    return Document(str(path), open_decoder(path, head, str(path)))


def open_content(content: bytes, where: str) -> Document:
    """Open the content of a picture file or a PDF.

    Parameters
    ----------
    content
        A whole file in one of the `ACCEPTED` formats, at most `MAX_BYTES` long.
    where
        Its name, for messages.

    Raises
    ------
    DataError
        If it is too large, of another format, damaged or encrypted, or has more than `MAX_PAGES`.

    Examples
    --------
    >>> open_content(b"P2 3 1 255 0 128 255", "three greys").page(1).size
    (1, 3)
    """
    if not content:
        raise DataError("an empty file", where=where, expected="an image")
    if len(content) > MAX_BYTES:
        raise too_large(where, MAX_BYTES, "save a smaller copy of it")
    return Document(where, open_decoder(content, content[:HEAD_BYTES], where))


def page_count(path: Path) -> int:
    """Return the number of pages of a file; of a picture only the first bytes are read.

    Raises
    ------
    DataError
        If it cannot be read, or is a damaged document.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise _unreadable(path, error) from error
    if not is_document(head):
        return 1
    with open_file(path) as document:
        return document.count


def decode_numbers(content: bytes, where: str) -> NDArray[Any]:
    """Decode an image to its numbers, without scaling those of more than 8 bits.

    Returns
    -------
    ndarray
        Shape ``(height, width)``: a TIFF file's own numbers if they are integers or floats of more
        than 8 bits; otherwise the grey values that `decode_image` returns.

    Raises
    ------
    DataError
        As `decode_image`.
    """
    with open_content(content, where) as document:
        if content[:4] in (b"II*\0", b"MM\0*"):
            numbers = document.deep_numbers()
            if numbers is not None:
                return numbers
        return _only_image(document)


def page_of_image(image: "Image.Image", where: str) -> Page:
    """Make a page of an image of Pillow, which may not have been decoded yet.

    Raises
    ------
    DataError
        If it is too large or damaged.
    """
    if image.width * image.height > MAX_PIXELS:
        raise too_many_pixels(where, MAX_PIXELS)
    try:
        find_planes(image)
        return _upright(raster_of(image), 1, where, luma=False)
    except DataError:
        raise
    except Exception as error:  # as in Document.page
        raise damaged(error, where) from error


def _upright(raster: Raster, number: int, where: str, luma: bool) -> Page:
    """Convert a page to grey, make its pixels square, and turn it."""
    grey = to_grey(raster.image, where, luma=luma)
    height, width = raster.size
    across, down = raster.dpi
    is_known = all(_DPI[0] <= value <= _DPI[1] for value in raster.dpi)
    ratio = across / down if across > 0 and down > 0 else 1.0
    if _OBLONG < max(ratio, 1 / ratio) < _MISTAKEN:
        rows, columns = grey.shape
        stretched = (round(columns / min(ratio, 1)), round(rows * max(ratio, 1)))
        if stretched[0] * stretched[1] > MAX_PIXELS:
            raise too_many_pixels(where, MAX_PIXELS)
        grey = np.asarray(cv2.resize(grey, stretched, interpolation=cv2.INTER_LINEAR), np.uint8)
        height, width = round(height * max(ratio, 1)), round(width / min(ratio, 1))
    if raster.orientation > 4:
        height, width = width, height
    return Page(
        number,
        np.ascontiguousarray(_turned(grey, raster.orientation)),
        (height, width),
        round(max(across, down), 1) if is_known else None,
    )


def _turned(grey: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turn an image by EXIF's orientation, 1 to 8."""
    if orientation > 4:
        grey = grey.T
    if orientation in (2, 3, 6, 7):
        grey = grey[:, ::-1]
    if orientation in (3, 4, 7, 8):
        grey = grey[::-1]
    return grey


def _only_image(document: Document) -> NDArray[np.uint8]:
    if document.count > 1:
        note_other_pages(document)
    return document.page(1, luma=True).grey


def note_other_pages(document: Document) -> None:
    """Issue a notice that only the first page of a document is read."""
    warnings.warn(
        f"{document.where}: {document.count} pages; the first is read", Notice, stacklevel=3
    )


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(f"cannot be read: {error.strerror}", where=path)
