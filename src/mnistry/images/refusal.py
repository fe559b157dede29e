"""Say what kind of file a rejected picture is, and how to convert it."""

import shlex
from pathlib import Path

from mnistry.errors import DataError
from mnistry.system.file_kinds import Kind, kind_of

_CONVERT = "convert it: magick {path} {png}; or save it as PNG in the program that made it"
_DATASET = (
    "if it holds a dataset, mnistry data {path} shows it, mnistry evaluate RUN --data {path} "
    "scores a run on it, and mnistry predict RUN {path} labels its images"
)
_TO_PDF = "save it as PDF, and read that: mnistry read {pdf}"
_DOWNLOAD = "download the picture itself"
_UNPACK = "unpack it, and read the folder that it was packed from"
_ADOPT = (
    "to read pictures with it: mnistry adopt {path} -o RUN; then mnistry read PICTURE --model RUN"
)

_REMEDIES = {
    Kind.EMPTY: "copy or save it again",
    Kind.ZEROS: "copy or download it again",
    Kind.POINTER: "fetch the file itself: git lfs pull",
    Kind.WEB_PAGE: _DOWNLOAD,
    Kind.SVG: "convert it: rsvg-convert -o {png} {path}; or export it as PNG",
    Kind.POSTSCRIPT: "convert it: ps2pdf {path} {pdf}; then mnistry read {pdf}",
    Kind.RAW: "export it as JPEG or PNG, in the camera or in a program for photos",
    Kind.DJVU: "convert it: ddjvu -format=pdf {path} {pdf}; then mnistry read {pdf}",
    Kind.BASE64: "decode it: cut -d, -f2 {path} | base64 -d > {png}; then mnistry read {png}",
    Kind.VIDEO: "save one picture of it: ffmpeg -i {path} -frames:v 1 {png}",
    Kind.TEXT_DOCUMENT: _TO_PDF,
    Kind.SLIDES: _TO_PDF,
    Kind.SPREADSHEET: _TO_PDF,
    **dict.fromkeys(
        (Kind.JPEG_2000, Kind.JPEG_XL, Kind.PHOTOSHOP, Kind.GIMP, Kind.ICON, Kind.OTHER_PICTURE,
         Kind.DICOM),
        _CONVERT,
    ),
    **dict.fromkeys(
        (Kind.NUMPY, Kind.IDX, Kind.PARQUET, Kind.ARROW, Kind.MATLAB, Kind.HDF5, Kind.ARFF,
         Kind.JSON, Kind.TEXT),
        _DATASET,
    ),
    Kind.GZIP: "if it is a picture: gzip -d {path}; " + _DATASET,
    Kind.ZSTANDARD: "decompress it: zstd -d {path}",
    Kind.COMPRESS: "decompress it: gzip -d {path}",
    Kind.COMPRESSED: "decompress it first",
    Kind.ARCHIVE: _UNPACK,
    Kind.KERAS: _ADOPT,
    Kind.ONNX: _ADOPT,
    Kind.TGA: _CONVERT.replace("magick ", "magick tga:"),  # told by the ending alone
    Kind.MAC_FORK: "give the file without ._ before its name",
}  # fmt: skip


def refusal(source: bytes | Path, where: str, accepted: str) -> DataError:
    """Return the error for a file that is not an accepted picture.

    Parameters
    ----------
    source
        Its content, or its path.
    where
        Its name, for the message.
    accepted
        The accepted formats, for the message.

    Examples
    --------
    >>> print(refusal(b"<html><title>404</title>", "a.png", "PNG, PDF"))
    a.png: a web page; expected PNG, PDF; download the picture itself
    """
    try:
        kind = kind_of(source)
    except OSError as error:
        return DataError(f"cannot be read: {error.strerror}", where=where)
    if kind is None:
        return DataError(
            "no image of an accepted format", where=where, expected=accepted,
            remedy="save it as PNG",
        )  # fmt: skip
    path = Path(where) if isinstance(source, Path) else Path("FILE")
    stem = str(path.with_suffix(""))
    png = f"{stem}-2.png" if path.suffix.lower() == ".png" else f"{stem}.png"
    names = {"path": str(path), "pdf": f"{stem}.pdf", "png": png}
    quoted = {key: shlex.quote(name) for key, name in names.items()}
    remedy = _REMEDIES.get(kind, "give a picture or a PDF").format(**quoted)
    return DataError(kind.value, where=where, expected=accepted, remedy=remedy)
