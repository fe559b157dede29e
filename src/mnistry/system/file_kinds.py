"""Recognise the kind of a file, for messages about files that a command does not read.

The first bytes of a file tell its kind; in a zip archive, the names in it do. Knows nothing of what
was expected instead.
"""

import enum
import io
import re
import zipfile
from pathlib import Path

HEAD_BYTES = 1024  # this many bytes at the beginning of a file tell its kind


class Kind(enum.Enum):
    """A kind of file; its value is what a message calls it."""

    EMPTY = "an empty file"
    ZEROS = "only zero bytes, as after an unfinished copy"
    POINTER = "a Git LFS pointer to a file"
    WEB_PAGE = "a web page"
    SVG = "an SVG drawing"
    POSTSCRIPT = "a PostScript or EPS file"
    JPEG_2000 = "a JPEG 2000 picture"
    JPEG_XL = "a JPEG XL picture"
    PHOTOSHOP = "a Photoshop file"
    GIMP = "a GIMP file"
    TGA = "a TGA picture"
    ICON = "an icon"
    OTHER_PICTURE = "a picture of a rare format"
    RAW = "a camera's raw picture"
    DICOM = "a DICOM picture"
    DJVU = "a DjVu document"
    BASE64 = "a picture or PDF as base64 text"
    VIDEO = "a video"
    SOUND = "a sound file"
    TEXT_DOCUMENT = "a word processor's document"
    SLIDES = "a presentation"
    SPREADSHEET = "a spreadsheet"
    NUMPY = "NumPy arrays"
    IDX = "an IDX file, MNIST's own format"
    PARQUET = "a Parquet table"
    ARROW = "an Arrow table"
    MATLAB = "a MATLAB file"
    HDF5 = "an HDF5 file"
    ARFF = "an ARFF table"
    KERAS = "a Keras model"
    ONNX = "an ONNX model"
    SAFETENSORS = "a safetensors file, which holds weights without their network"
    TORCH = "a PyTorch file, with a pickle in it"
    PICKLE = "a pickle, which could run any code when it is opened"
    GZIP = "a file compressed with gzip"
    ARCHIVE = "an archive"
    ZSTANDARD = "a file compressed with Zstandard"
    COMPRESS = "a file compressed with compress"
    COMPRESSED = "a compressed file"
    R = "an R data file"
    FEATHER_1 = "a Feather file of version 1"
    DATABASE = "an SQLite database"
    PROGRAM = "a program"
    MAC_FORK = "a Mac's AppleDouble file, with notes on another file"
    JSON = "JSON"
    TEXT = "a text file"


_START = rb"(?:\xef\xbb\xbf)?\s*(?:(?i:<\?xml)[^>]*>\s*)?(?:<!--.*?-->\s*)*"
# The first pattern that fits a file's first bytes decides.
_BEGINNINGS = (
    (Kind.ZEROS, rb"\0{64,}$"),
    (Kind.POINTER, rb"version https://git-lfs"),
    (Kind.SVG, _START + rb"(?i:(?:<!doctype svg[^>]*>\s*)?<svg)"),
    (Kind.WEB_PAGE, _START + rb"(?i:<(?:!doctype|html|head|body|!--|\?xml|\w+[\s>]))"),
    (Kind.POSTSCRIPT, rb"%!PS|\xc5\xd0\xd3\xc6"),
    (Kind.JPEG_2000, rb"\0\0\0\x0cjP|\xff\x4f\xff\x51"),
    (Kind.JPEG_XL, rb"\xff\x0a|\0\0\0\x0cJXL "),
    (Kind.PHOTOSHOP, rb"8BPS"),
    (Kind.GIMP, rb"gimp xcf"),
    (Kind.ICON, rb"\0\0\x01\0.\0|icns"),
    (Kind.OTHER_PICTURE,
     rb"\xff\xd8\xff\xf7|"
     rb"DDS |/\* XPM|#\?RADIANCE|\x76\x2f\x31\x01|SIMPLE  =|FLIF|BPG\xfb|qoif|P[7Ff][\r\n ]"
     rb"|\x01\xda[\0\x01][\x01\x02]|\x0a[\0-\x05]\x01[\x01\x02\x04\x08]|\x59\xa6\x6a\x95|.{40} EMF"
     rb"|\xd7\xcd\xc6\x9a|#define \w+_width|id=ImageMagick|.{4}ftyp(?:heif|mif2|jxl|vvc)"),
    (Kind.RAW, rb"FUJIFILMCCD-RAW|.{4}ftypcrx|IIRO|IIRS|MMOR|IIU\0|\0MRM|FOVb"),
    (Kind.DICOM, rb".{128}DICM"),
    (Kind.DJVU, rb"AT&TFORM"),
    (Kind.BASE64, rb"\s*(?:data:[\w/+;-]+;base64,|iVBORw0KGgo|/9j/[A-Za-z0-9+/]{20}|JVBERi0)"),
    (Kind.VIDEO,
     rb".{4}ftyp(?:isom|iso[2-9]|mp4|avc1|M4V|qt  |3g|MSNV|dash)|.{4}(?:moov|mdat|wide)"
     rb"|\x1aE\xdf\xa3|RIFF.{4}AVI |FLV\x01|\0\0\x01[\xba\xb3]|\x30\x26\xb2\x75"),
    (Kind.SOUND, rb"RIFF.{4}WAVE|ID3|OggS|fLaC|MThd|.{4}ftypM4A"),
    (Kind.TEXT_DOCUMENT, rb"\{\\rtf|\xd0\xcf\x11\xe0"),
    (Kind.NUMPY, rb"\x93NUMPY"),
    (Kind.IDX, rb"\0\0[\x08-\x0e][\x01-\x04]"),
    (Kind.PARQUET, rb"PAR1"),
    (Kind.ARROW, rb"ARROW1\0\0|\xff\xff\xff\xff.{3}\0"),
    (Kind.MATLAB, rb"MATLAB [57]\."),
    (Kind.HDF5, rb"\x89HDF\r\n"),
    (Kind.ARFF, rb"(?:\s|%[^\n]*\n)*(?i:@relation)"),
    (Kind.SAFETENSORS, rb".{6}\0\0\{\""),
    (Kind.ONNX, rb"\x08[\x03-\x0f][\x12\x3a\x42]"),
    (Kind.PICKLE, rb"\x80[\x02-\x05]"),
    (Kind.GZIP, rb"\x1f\x8b"),
    (Kind.ZSTANDARD, rb"\x28\xb5\x2f\xfd"),
    (Kind.COMPRESS, rb"\x1f\x9d"),
    (Kind.COMPRESSED, rb"BZh[1-9]|\xfd7zXZ"),
    (Kind.R, rb"RD[AX][2-4]\n|[XA]\n\0\0\0"),
    (Kind.FEATHER_1, rb"FEA1"),
    (Kind.ARCHIVE, rb"7z\xbc\xaf|Rar!|.{257}ustar"),
    (Kind.DATABASE, rb"SQLite format 3"),
    (Kind.PROGRAM, rb"MZ.|\x7fELF|\xcf\xfa\xed\xfe|#!/"),
    (Kind.MAC_FORK, rb"\0\x05\x16\x07"),
    (Kind.JSON, rb"\s*[\[{]\s*[\"\[{}\]0-9-]"),
    (Kind.TEXT, rb"[^\0-\x08\x0e-\x1a\x1c-\x1f\x7f]+$"),
    # TGA has no signature: these bytes say whether it has a palette, its type and bits per pixel.
    (Kind.TGA, rb".[\0\x01][\x01-\x03\x09-\x0b].{13}[\x08\x0f\x10\x18\x20]"),
)  # fmt: skip


def kind_of(source: bytes | Path) -> Kind | None:
    """Return a file's kind, from its content or its path; None if it is unknown.

    Examples
    --------
    >>> kind_of(b"<!DOCTYPE html><html>"), kind_of(b"8BPS"), kind_of(bytes(range(99, 200)))
    (<Kind.WEB_PAGE: 'a web page'>, <Kind.PHOTOSHOP: 'a Photoshop file'>, None)
    """
    if isinstance(source, Path):
        with source.open("rb") as file:
            head = file.read(HEAD_BYTES)
    else:
        head = source[:HEAD_BYTES]
    if not head:
        return Kind.EMPTY
    if head.startswith(b"PK\x03\x04"):
        document = _OPEN_DOCUMENT.search(head)
        if document:
            return _OPEN_DOCUMENTS.get(document[1], Kind.TEXT_DOCUMENT)
        return _zip_kind(source)
    return next((kind for kind, begins in _BEGINNINGS if re.match(begins, head, re.DOTALL)), None)


def _zip_kind(source: bytes | Path) -> Kind:
    """Return the kind of a zip archive, by the names in it."""
    try:
        with zipfile.ZipFile(io.BytesIO(source) if isinstance(source, bytes) else source) as file:
            names = file.namelist()[:1000]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return Kind.ARCHIVE
    for kind, pattern in _INSIDE:
        if any(re.search(pattern, name) for name in names):
            return kind
    return Kind.ARCHIVE


_OPEN_DOCUMENT = re.compile(rb"opendocument\.(spreadsheet|presentation|text)|epub\+zip")
_OPEN_DOCUMENTS = {b"spreadsheet": Kind.SPREADSHEET, b"presentation": Kind.SLIDES}
_INSIDE = (
    (Kind.TORCH, r"(^|/)data\.pkl$"),
    (Kind.KERAS, r"^model\.weights\.h5$"),
    (Kind.SPREADSHEET, r"^xl/|^content\.xml$"),
    (Kind.SLIDES, r"^ppt/"),
    (Kind.TEXT_DOCUMENT, r"^word/|^OEBPS/|^Documents/1/"),
    (Kind.NUMPY, r"\.npy$"),
)
