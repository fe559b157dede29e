"""Take a picture in whatever form a program has it: a path, bytes, an open file, Pillow, NumPy.

Knows nothing of what is read in it.
"""

import io
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mnistry.errors import DataError, Notice
from mnistry.images import decode
from mnistry.images.decode import Document, Page
from mnistry.images.formats import MAX_BYTES
from mnistry.images.levels import MAX_4_BIT
from mnistry.images.pixels import scaled, white_of

if TYPE_CHECKING:
    from PIL import Image

Source: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Image.Image"
    " | NDArray[Any] | Page"
)

_NAME = "the image"


def pages(source: Source, side: int | None = None) -> Iterator[Page]:
    """Decode every page of a picture, one after the other.

    Parameters
    ----------
    source
        As for `one_page`.
    side
        As for `Document.page`.

    Raises
    ------
    DataError
        If it, or the next page, cannot be decoded.
    """
    document = _document(source)
    if document is None:
        yield _from_memory(source)
        return
    with document:
        for number in range(1, document.count + 1):
            yield checked_page(document, number, side)


def one_page(source: Source, side: int | None = None, number: int | None = None) -> Page:
    """Decode one page of a picture.

    Parameters
    ----------
    source
        A path; the content of a picture file or a PDF; a binary file, open at its beginning; an
        image of Pillow; an array of ``uint8`` or other integers, or ``bool``, shape ``(height,
        width)``, or ``(height, width, channels)`` with 1 (grey), 2 (grey and alpha), 3 (red, green,
        blue) or 4 channels (and alpha); or a page that is decoded already.
    side
        As for `Document.page`.
    number
        The page's number, from 1; None takes the first, with a `Notice` if there are more.

    Raises
    ------
    DataError
        If it is none of these, cannot be decoded, or holds floating-point numbers or no value above
        15; the message says how to convert it.

    Examples
    --------
    >>> page = np.full((2, 3, 3), 200, np.uint8)
    >>> one_page(page).grey
    array([[200, 200, 200], [200, 200, 200]], dtype=uint8)
    >>> one_page(page / 255)
    Traceback (most recent call last):
    mnistry.errors.DataError: an array of float64, shape (2, 3, 3); expected uint8, 0 to 255; ...
    """
    document = _document(source)
    if document is None:
        if number not in (None, 1):
            raise DataError(
                f"there is no page {number}", where=_NAME, expected="1, its only page",
                remedy="leave the number out",
            )  # fmt: skip
        return _from_memory(source)
    with document:
        if number is None and document.count > 1:
            decode.note_other_pages(document)
        return checked_page(document, 1 if number is None else number, side)


def only_page(content: bytes, where: str, side: int | None, remedy: str) -> Page:
    """Decode a picture file's content; raise `DataError`, with this remedy, for several pages."""
    with decode.open_content(content, where) as document:
        if document.count > 1:
            what = f"{document.count} pages"
            raise DataError(what, where=where, expected="one picture", remedy=remedy)
        return checked_page(document, 1, side)


def checked_page(document: Document, number: int, side: int | None) -> Page:
    """Decode a page; raise `DataError` also if its values are only 0 and 1, which look black.

    See `Document.page`.
    """
    return _checked(document.page(number, side), document.where)


def _document(source: Source) -> Document | None:
    """Open a picture that is a file; None for what is decoded already."""
    if isinstance(source, str | os.PathLike):
        return decode.open_file(Path(source))
    if isinstance(source, bytes | bytearray | memoryview):
        return decode.open_content(bytes(source), _NAME)
    if isinstance(source, Page | np.ndarray) or _is_pillow(source):
        return None
    if not hasattr(source, "read"):
        remedy = "give one of these, such as numpy.asarray(image)"
        if isinstance(source, list | tuple):
            remedy = (
                "if it holds pictures: Reader.read_all(*pictures); if it holds numbers: "
                "numpy.asarray(image)"
            )
        raise DataError(
            f"a {type(source).__name__}",
            where=_NAME,
            expected="a path, bytes, an open file, an image of Pillow or an array of NumPy",
            remedy=remedy,
        )
    return decode.open_content(_content(source), _name(source))


def _content(file: Any) -> bytes:
    """Read an open file."""
    as_text = DataError(
        "a file that is open as text", where=_name(file), remedy='open it with mode "rb"'
    )
    if isinstance(file, io.TextIOBase):
        raise as_text
    try:
        content = file.read(MAX_BYTES + 1)
    except UnicodeDecodeError:
        raise as_text from None
    except (OSError, ValueError) as error:  # closed, or open only for writing
        raise DataError(
            f"cannot be read: {error}", where=_name(file), remedy='open it with mode "rb"'
        ) from error
    if not isinstance(content, bytes | bytearray | memoryview):
        raise as_text
    if not content:
        raise DataError(
            "an empty file, or one that was read to its end",
            where=_name(file),
            remedy="if it was read before: file.seek(0)",
        )
    return bytes(content)


def _name(file: Any) -> str:
    name = getattr(file, "name", None)
    return name if isinstance(name, str) else _NAME


def _is_pillow(source: object) -> bool:
    """Return whether it is an image of Pillow, without importing Pillow."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(source, module.Image)


def _from_memory(source: Any) -> Page:
    if isinstance(source, Page):
        return source
    if isinstance(source, np.ndarray):
        return _from_array(source)
    frames = getattr(source, "n_frames", 1)
    if frames > 1:
        what = f"{_NAME}: {frames} pages; Pillow's current one is read; for all, give the file"
        warnings.warn(what, Notice, stacklevel=4)
    return _checked(decode.page_of_image(source, _NAME), _NAME)


def _from_array(array: NDArray[Any]) -> Page:
    what = f"an array of {array.dtype}, shape {array.shape}"
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 2, 3, 4) or not array.size:
        raise DataError(
            what,
            expected="(height, width), or (height, width, channels) with 1 to 4 channels",
            remedy="give the axes in this order, and one picture at a time",
        )
    values = _bytes_of(array, what)
    if channels == 1:
        grey = np.ascontiguousarray(values.reshape(array.shape[:2]))
        return Page(1, grey, (grey.shape[0], grey.shape[1]), None)
    from PIL import Image

    return decode.page_of_image(Image.fromarray(np.ascontiguousarray(values)), _NAME)


def _bytes_of(array: NDArray[Any], what: str) -> NDArray[np.uint8]:
    """Convert an array's values to bytes; raise `DataError` unless it is clear what they mean."""
    if array.dtype == np.bool_:
        return np.where(array, np.uint8(255), np.uint8(0))
    if array.dtype.kind not in "iu":
        raise DataError(what, expected="uint8, 0 to 255", remedy=_as_bytes(array))
    most = int(array.max())
    if 0 < most <= MAX_4_BIT:
        raise DataError(
            f"{what}, with no value above {most}",
            expected="0 to 255",
            remedy=f"multiply it by {255 // most}"
            + (", or give array.astype(bool)" if most == 1 else ""),
        )
    if array.dtype == np.uint8:
        return array
    return scaled(array, white_of(int(array.min()), most, what))


def _as_bytes(array: NDArray[Any]) -> str:
    """Return the remedy for an array of other numbers: how to make bytes of it."""
    if array.dtype.kind != "f":
        return "give an array of numbers"
    if not np.isfinite(array).all():
        return "it holds NaN or infinity: correct what made them, or numpy.nan_to_num(array)"
    least, most = float(array.min()), float(array.max())
    if least >= 0 and 1 < most <= 255:
        return "give numpy.rint(array).astype(numpy.uint8)"
    if least >= 0 and most <= 1:
        given = "255 * array"
    elif least >= -1 and most <= 1:
        given = "127.5 * (array + 1)"
    else:
        given = "255 * (array - array.min()) / (array.max() - array.min())"
    return f"it holds {least:g} to {most:g}: give numpy.rint({given}).astype(numpy.uint8)"


def _checked(page: Page, where: str) -> Page:
    """Raise `DataError` for a picture whose values are 0 and 1: it would be read as black."""
    if page.grey.max() == 1:
        raise DataError(
            "no value above 1 in it",
            where=where,
            expected="0 to 255",
            remedy="multiply its values by 255 and save it again",
        )
    return page
