"""Read a model file of any format, up to a limit of size, checked by its name and first bytes.

Knows nothing of what is inside a ``.keras`` or an ``.onnx`` file.
"""

import os
import re
from pathlib import Path

from mnistry.errors import ModelError

MAX_ONNX_BYTES = 256 << 20
MAX_PARAMETERS = (MAX_ONNX_BYTES - (1 << 20)) // 4  # of float32, with room for the graph
MAX_KERAS_BYTES = 4 * MAX_ONNX_BYTES  # an optimizer keeps up to three numbers for each weight

# Two letters at least, so that a Windows drive is not a scheme; one slash, as Path leaves only one.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:[/\\]")

MAX_CLASSES = 62  # ten digits and the letters of both cases

AGAIN = "get the file again from where it came from"
_HDF5 = "an HDF5 file (.h5)"
_CONTENT = {".keras": "a zip archive", ".onnx": None, ".h5": _HDF5, ".hdf5": _HDF5}

SAVED_MODEL = (
    "convert it where TensorFlow is installed: python -m tf2onnx.convert --saved-model {path} "
    "--output model.onnx; then mnistry adopt model.onnx -o RUN"
)
ADOPT = "make a run of it, and give that: mnistry adopt {path} -o RUN"
ENDINGS = tuple(_CONTENT)
_REMEDIES = {
    **dict.fromkeys(ENDINGS, ADOPT),
    **dict.fromkeys(
        (".pkl", ".pickle", ".joblib", ".pt", ".pth"),
        "a pickle can run any code when it is opened, so it never is",
    ),
}


def read(path: str | os.PathLike[str], suffix: str, max_bytes: int) -> bytes:
    """Read a model file whole, if its name and its first bytes can be of that format.

    Parameters
    ----------
    path
        A local, regular file.
    suffix
        ``".keras"``, ``".onnx"``, ``".h5"`` or ``".hdf5"``.
    max_bytes
        The largest size that is accepted.

    Raises
    ------
    ModelError
        If it is a remote address, has another ending, cannot be read, is empty or too large, or
        has the first bytes of another format: a web page, a pickle, an HDF5 file.

    Examples
    --------
    >>> read("https://example.org/model.onnx", ".onnx", 10)
    Traceback (most recent call last):
    ...
    mnistry.errors.ModelError: https://example.org/model.onnx: a remote address; expected a ...
    """
    if _ADDRESS.match(os.fspath(path)):
        raise ModelError(
            "a remote address",
            where=path,
            expected=f"a local {suffix} file",
            remedy="download it first, from a source that you trust",
        )
    path = Path(path)
    if path.suffix.lower() != suffix:
        ending = f"a {path.suffix} file" if path.suffix else "a name without an ending"
        remedy = _REMEDIES.get(path.suffix.lower(), "").format(path=path) or None
        raise ModelError(ending, where=path, expected=f"a {suffix} file", remedy=remedy)
    content = _read_bounded(path, suffix, max_bytes)
    kind = _kind(content[:512])
    if kind != _CONTENT[suffix]:
        raise ModelError(
            f"the content is {kind or 'something else'}",
            where=path,
            expected=f"a {suffix} model" + (f", {_CONTENT[suffix]}" if _CONTENT[suffix] else ""),
            remedy=AGAIN,
        )
    return content


def onnx_content(
    model: str | os.PathLike[str] | bytes, name: str, max_bytes: int
) -> tuple[str, bytes]:
    """Return an ONNX model's name for errors, `name` if no file is given, and its bytes."""
    if not isinstance(model, bytes):
        return os.fspath(model), read(model, ".onnx", max_bytes)
    if len(model) > max_bytes:
        raise ModelError(
            f"it has {len(model) >> 20} MiB", where=name, expected=f"{max_bytes >> 20} at most"
        )
    return name, model


def _read_bounded(path: Path, suffix: str, max_bytes: int) -> bytes:
    if not path.is_file():
        what = "not a regular file" if path.exists() else "no such file"
        raise ModelError(what, where=path, expected=f"a {suffix} file")
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise ModelError(f"it cannot be read: {error.strerror}", where=path) from error
    if not content:
        raise ModelError("an empty file", where=path, expected=f"a {suffix} model", remedy=AGAIN)
    if len(content) > max_bytes:
        raise ModelError(
            "the file is too large", where=path, expected=f"at most {max_bytes >> 20} MiB"
        )
    return content


def _kind(head: bytes) -> str | None:
    """Name a file's format by its first bytes; None if it is not known here."""
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return "a web page"
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return _HDF5
    if head.startswith((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")):
        return "a pickle"
    if head.startswith(b"PK\x03\x04"):
        return "a zip archive"
    return None
