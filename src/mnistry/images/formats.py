"""Recognise picture formats by their first bytes, and decode their pages as they are stored.

Every format has limits of bytes, pixels and pages, which are checked before anything is decoded.
Knows nothing of what a page shows.
"""

import contextlib
import dataclasses
import re
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from mnistry.errors import DataError, Notice
from mnistry.images import isolated, wide_values
from mnistry.images.pdf import Pdf
from mnistry.images.refusal import refusal
from mnistry.system.file_kinds import kind_of

if TYPE_CHECKING:
    from PIL import Image

# Never all formats of Pillow: EPS would start Ghostscript, and each decoder can be attacked.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "AVIF")
ACCEPTED = (*FORMATS, "HEIC", "PDF")
# Bytes of a picture, which is read whole.
MAX_BYTES = 60_000_000
# Bytes of a document, which is read from the disk a page at a time.
MAX_DOCUMENT_BYTES = 1_000_000_000
MAX_PAGES = 5000
# Pixels of a picture: A3 at 600 dpi has 70 million. Decoded, it takes 300 MB at most.
MAX_PIXELS = 75_000_000
# A JPEG is decoded reduced. Cameras have up to 200 megapixels.
MAX_JPEG_PIXELS = 250_000_000
# A HEIC's pixels are held in memory three times, once of these in another process.
MAX_HEIC_PIXELS = 50_000_000
# Pillow reads PPM of decimal numbers a thousand times slower than other formats.
_MAX_PLAIN_BYTES = 4_000_000
# A progressive JPEG is held in memory as at most `_MAX_COEFFICIENTS` coefficients of two bytes.
# Each of its scans passes through all of them: all scans together through `_MAX_PASSED` at most.
_MAX_COEFFICIENTS, _MAX_PASSED = 150_000_000, 4_000_000_000
HEAD_BYTES = 1024  # bytes that show a file's format
_JPEG, _JPEG_LS = b"\xff\xd8\xff", b"\xff\xd8\xff\xf7"
_AS_PNG = "save it as PNG with 8 bits a pixel"

_ORIENTATION, _SUBFILE = 0x0112, 0x00FE  # tags of EXIF and TIFF
_REDUCED_OR_MASK = 0b101  # of a TIFF's page: a smaller copy of another, or its transparency

_warnings_lock = threading.Lock()


@dataclass(frozen=True, eq=False)
class Raster:
    """A decoded page, as it is stored.

    Attributes
    ----------
    image
        Its pixels, perhaps reduced.
    size
        Its height and width before that.
    dpi
        Its dots per inch across and down; zeros if they are not known.
    orientation
        How it is to be turned: 1 to 8, as in EXIF.
    """

    image: "Image.Image"
    size: tuple[int, int]
    dpi: tuple[float, float] = (0.0, 0.0)
    orientation: int = 1


class Decoder(Protocol):
    """Decodes the pages of one format."""

    count: int

    def decode(self, number: int, side: int | None) -> Raster:
        """Decode a page."""

    def close(self) -> None:
        """Free the memory."""


def open_decoder(source: bytes | Path, head: bytes, where: str) -> Decoder:
    """Return the decoder for a file, given as its content or its path, by its first bytes."""
    decoder: Decoder
    if is_pdf(head):
        decoder = _PdfPages(source, where)
    elif not is_picture(head):
        raise refusal(source, where, ", ".join(ACCEPTED))
    elif _is_heic(head):
        decoder = _Heic(source, where)
    else:
        decoder = _PillowPages(source, head, where)
    if decoder.count > MAX_PAGES:
        decoder.close()
        raise DataError(
            f"more than {MAX_PAGES:,} pages",
            where=where,
            expected=f"at most {MAX_PAGES:,}",
            remedy="split it into parts",
        )
    return decoder


def is_document(head: bytes) -> bool:
    """Return whether a file begins as a PDF or a TIFF does, which may have many pages."""
    return is_pdf(head) or _is_tiff(head)


def is_pdf(head: bytes) -> bool:
    """Return whether a file begins as a PDF does, perhaps after other bytes."""
    return head.startswith(b"%PDF-") or (b"%PDF-" in head and not is_picture(head))


def _is_tiff(head: bytes) -> bool:
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def _is_heic(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and not _brands(head) & {b"avif", b"avis"}


def _brands(head: bytes) -> set[bytes]:
    """Return the brands, which are names of formats, that a file of the HEIF family states."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return {head[at : at + 4] for at in range(8, end, 4)}


def is_picture(head: bytes) -> bool:
    """Return whether a file begins as one of the accepted picture formats does."""
    if head[4:8] == b"ftyp":
        known = {b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1"}
        return bool(_brands(head) & known)
    if head.startswith(_JPEG_LS):
        return False
    return (
        head.startswith((b"\x89PNG\r\n\x1a\n", _JPEG, b"GIF87a", b"GIF89a", b"BM"))
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or (head[:1] == b"P" and head[1:2] in b"123456" and head[2:3] in b" \t\r\n#")
        or _is_tiff(head)
    )


class _PillowPages:
    """The pages of a TIFF, or the one of a picture file of another format."""

    def __init__(self, source: bytes | Path, head: bytes, where: str) -> None:
        self._where, self._source, self._head = where, source, head
        # Given a path, Pillow 13.0 maps the file, and then turns an uncompressed TIFF wrongly.
        self._file = source.open("rb") if isinstance(source, Path) else BytesIO(source)
        try:
            self._image, self._is_decoded = self._open(), False
        except BaseException:
            self._file.close()
            raise
        self._frames = self._pages_of_tiff() if self._image.format == "TIFF" else [0]
        self.count = len(self._frames)
        # MPO is a phone's JPEG with another view of the same picture behind it.
        many = self._image.format not in ("TIFF", "MPO")
        if many and self._is_animated():
            warnings.warn(f"{where}: several frames; the first is read", Notice, stacklevel=4)

    def _open(self) -> "Image.Image":
        from PIL import Image, JpegImagePlugin, UnidentifiedImageError

        try:
            with _quiet():
                if self._content.startswith(_JPEG):  # Image.open would refuse 200 megapixels
                    return JpegImagePlugin.jpeg_factory(BytesIO(self._content))
                self._file.seek(0)
                return Image.open(self._file, formats=FORMATS)
        except UnidentifiedImageError:
            if self._content[4:8] == b"ftyp":  # Pillow recognises only whole AVIF files
                raise damaged(ValueError("it is incomplete"), self._where) from None
            if kind_of(self._source) is None:
                name = "TIFF" if _is_tiff(self._head) else "picture"
                raise DataError(
                    f"a {name} that is damaged, or has pixels of a rare kind",
                    where=self._where,
                    remedy=_AS_PNG,
                ) from None
            raise refusal(self._source, self._where, ", ".join(ACCEPTED)) from None
        except Image.DecompressionBombError:
            raise too_many_pixels(self._where, MAX_PIXELS) from None
        except Exception as error:  # as in Document.page
            raise damaged(error, self._where) from error

    def _is_animated(self) -> bool:
        try:
            return bool(getattr(self._image, "is_animated", False))
        except Exception:  # a damaged second frame
            return False

    def close(self) -> None:
        self._image.close()
        self._file.close()

    def decode(self, number: int, side: int | None) -> Raster:
        if self._is_decoded and self.count == 1:  # perhaps at another size
            self._image = self._open()
        image, self._is_decoded = self._image, True
        self._seek(image, number)
        most = MAX_JPEG_PIXELS if self._is_jpeg and side is not None else MAX_PIXELS
        if image.width * image.height > most:
            raise too_many_pixels(self._where, most)
        size = image.height, image.width
        if self._is_jpeg:
            self._check_scans()
            image.draft("YCbCr", image.size if side is None else _least(image.size, side))
        self._check_plain()
        wide_values.find_planes(image)
        order = wide_values.byte_order(image)
        raster = raster_of(image, size)
        # Pillow kept the high bytes of 16 bits. If these are small, the low bytes are needed too.
        if order is not None and wide_values.is_faint(image):
            low = self._open()
            self._seek(low, number)
            wide_values.find_planes(low)
            wide_values.take_low_bytes(low, order)
            low.load()
            image = wide_values.combined(image, low)
        return dataclasses.replace(raster, image=wide_values.unsigned(image))

    def _seek(self, image: "Image.Image", number: int) -> None:
        if self.count > 1 or self._frames != [0]:
            image.seek(self._frames[number - 1])

    @property
    def _content(self) -> bytes:
        """The whole file; nothing for one that is read in parts."""
        return self._source if isinstance(self._source, bytes) else b""

    @property
    def _is_jpeg(self) -> bool:
        return self._image.format in ("JPEG", "MPO")

    def _pages_of_tiff(self) -> list[int]:
        """Return the numbers of a TIFF's frames, without smaller copies of them and masks."""
        pages = []
        try:
            with _quiet():
                for frame in range(MAX_PAGES + 1):
                    self._image.seek(frame)
                    tags = getattr(self._image, "tag_v2", {})
                    if not int(tags.get(_SUBFILE, 0)) & _REDUCED_OR_MASK:
                        pages.append(frame)
        except EOFError:
            pass
        except Exception:  # a damaged page ends the list, unless it is the first
            pages.append(frame)
        return pages or [0]

    def _check_scans(self) -> None:
        """Raise `DataError` for a progressive JPEG that would take too much memory or time."""
        image = self._image
        if not image.info.get("progressive"):
            return
        layers = [(across, down) for _, across, down, _ in getattr(image, "layer", [])]
        widest = max(across for across, _ in layers) * max(down for _, down in layers)
        samples = image.width * image.height * sum(a * d for a, d in layers) / widest
        if samples > _MAX_COEFFICIENTS or samples * _scans(self._content) > _MAX_PASSED:
            raise DataError(
                "too large a progressive JPEG",
                where=self._where,
                remedy="save it as a baseline JPEG, without the option progressive",
            )

    def _check_plain(self) -> None:
        is_plain = any(tile[0] == "ppm_plain" for tile in getattr(self._image, "tile", []))
        if is_plain and len(self._content) > _MAX_PLAIN_BYTES:
            raise too_large(self._where, _MAX_PLAIN_BYTES, "save it as PNG")


class _Heic:
    """The main picture of a HEIC file: what a phone took."""

    count = 1

    def __init__(self, source: bytes | Path, where: str) -> None:
        self._where = where
        with self._our_errors():
            self._file = isolated.Opened("heic", source)
        if self._file.facts["count"] > 1:
            notice = f"{where}: {self._file.facts['count']} pictures in one; the main one is read"
            warnings.warn(notice, Notice, stacklevel=4)

    def close(self) -> None:
        self._file.close()

    def decode(self, number: int, side: int | None) -> Raster:  # noqa: ARG002 (there is one)
        width, height = self._file.facts["size"]
        if width * height > MAX_HEIC_PIXELS:
            raise too_many_pixels(self._where, MAX_HEIC_PIXELS)
        if width * height == 0:
            raise damaged(ValueError("no pixels"), self._where)
        from PIL import Image

        # libheif has turned it upright; its EXIF orientation says how it was.
        with self._our_errors():
            answer, content = self._file.ask()
        # A damaged file may have announced another size when it was opened.
        mode, (width, height) = answer["mode"], answer["size"]
        channels = len(mode)
        pixels = np.frombuffer(content, np.uint8).reshape(height, -1)[:, : answer["stride"]]
        pixels = pixels.reshape(height, -1, channels)[:, :width]
        height, width = pixels.shape[:2]
        factor = 1
        while side is not None and factor < 8 and max(width, height) >= 2 * factor * side:
            factor *= 2
        if factor > 1:
            small = max(1, width // factor), max(1, height // factor)
            pixels = np.asarray(cv2.resize(pixels, small, interpolation=cv2.INTER_AREA), np.uint8)
        image = Image.frombytes(mode, pixels.shape[1::-1], pixels.tobytes())
        return Raster(image, (height, width))

    @contextlib.contextmanager
    def _our_errors(self) -> Iterator[None]:
        try:
            yield
        except isolated.DecodingError as error:
            raise damaged(error, self._where) from None


class _PdfPages:
    """The pages of a PDF."""

    def __init__(self, source: bytes | Path, where: str) -> None:
        self._pdf = Pdf(source, where, MAX_PIXELS)
        self.count = self._pdf.count

    def close(self) -> None:
        self._pdf.close()

    def decode(self, number: int, side: int | None) -> Raster:
        from PIL import Image

        pixels, size, dpi = self._pdf.draw(number, side)
        return Raster(Image.fromarray(pixels), size, (dpi, dpi))


def _scans(content: bytes) -> int:
    """Count the scans of a JPEG, up to its end: phones append more pictures and videos."""
    count, at = 0, 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        kind = content[at + 1]
        if kind == 0xD9:
            break
        at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        if kind == 0xDA:
            count += 1
            found = _MARKER.search(content, at)
            at = found.start() if found else len(content)
    return count


_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # a marker that ends a scan's data


def _least(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return the size at which the longer side is `side`."""
    longer = max(size)
    return max(1, size[0] * side // longer), max(1, size[1] * side // longer)


def raster_of(image: "Image.Image", size: tuple[int, int] | None = None) -> Raster:
    """Load an image of Pillow, and find its resolution and its orientation.

    Damaged EXIF data are ignored.
    """
    size = size or (image.height, image.width)
    dpi = image.info.get("dpi") or image.info.get("resolution") or (0, 0)
    is_tiff = image.format == "TIFF"
    if is_tiff and _orientation(image) > 4:  # Pillow turns a TIFF when it loads it
        size, dpi = size[::-1], dpi[::-1]
    image.load()
    try:
        across, down = (float(value) for value in dpi)
    except (TypeError, ValueError, ZeroDivisionError, ArithmeticError):
        across = down = 0.0
    return Raster(image, size, (across, down), 1 if is_tiff else _orientation(image))


def _orientation(image: "Image.Image") -> int:
    try:
        with _quiet():
            value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # with damaged EXIF data the image is still read
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence Pillow's warnings, under a lock because the filters are the whole process's."""
    with _warnings_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def too_many_pixels(where: str, most: int) -> DataError:
    """Return the error about a picture of more than `most` pixels."""
    return DataError(
        "too many pixels",
        where=where,
        expected=f"at most {most // 1_000_000} megapixels",
        remedy="save a smaller copy of it",
    )


def too_large(where: str, most: int, remedy: str) -> DataError:
    """Return the error about a file of more than `most` bytes."""
    return DataError(
        "too large a file",
        where=where,
        expected=f"at most {most // 1_000_000} MB",
        remedy=remedy,
    )


def damaged(error: Exception, where: str) -> DataError:
    """Return the error about a file that a decoder cannot decode."""
    return DataError(
        f"a damaged image: {error}", where=where, remedy=f"copy it again, or {_AS_PNG}"
    )
