"""Read a model file of any format, up to a limit of size, checked by its name and first bytes.

Knows nothing of what is inside a ``.keras`` or an ``.onnx`` file.
"""

import os
import re
import shlex
from pathlib import Path

from mnistry.errors import ModelError

MAX_ONNX_BYTES = 256 << 20
MAX_PARAMETERS = (MAX_ONNX_BYTES - (1 << 20)) // 4  # of float32, with room for the graph
MAX_KERAS_BYTES = 4 * MAX_ONNX_BYTES  # an optimizer keeps up to three numbers for each weight

# Two letters at least, so that a Windows drive is not a scheme; one slash, as Path leaves only one.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:[/\\]")

MAX_CLASSES = 62  # ten digits and the letters of both cases

# In these remedies {path} is the file's path, quoted for a shell, and {raw} the same as a Python
# string; `_filled` puts them in.
AGAIN = "get the file again from where it came from"
_ADOPT = "make a run of it, and give that: mnistry adopt {path} -o RUN"
_CONVERT = (
    "convert it where TensorFlow and tf2onnx are installed: python -m tf2onnx.convert "
    "{option} {{path}} --output model.onnx; then mnistry adopt model.onnx -o RUN"
)

# The exported file takes one image at a time; a run that is made of it takes any number.
_EXPORT = (
    "torch.onnx.export(model.eval(), (torch.zeros(1, 1, 28, 28),), 'model.onnx', "
    "external_data=False)"
)
_WEIGHTS, _DESCRIPTION = "weights without their network", "a network's description, or other JSON"
_HDF5, _ZIP, _PICKLE = "an HDF5 file (.h5)", "a zip archive", "a pickle"
_PICTURE, _LFS, _TFLITE = "a picture or a PDF", "a Git LFS pointer to a file", "a TFLite model"
# What is in a model file, by its ending. ONNX files have no first bytes of their own.
_CONTENT = {".keras": _ZIP, ".h5": _HDF5, ".hdf5": _HDF5, ".onnx": None}
_PICKLED = (".pkl", ".pickle", ".joblib", ".pt", ".pth")
_REMEDIES = {
    _HDF5: "if Keras saved it, give it the ending .h5",
    _ZIP: "if Keras saved it, give it the ending .keras",
    _PICKLE: "a pickle can run any code when it is opened, so it never is; export the network as "
    f"ONNX where it was made: {_EXPORT}; or skl2onnx.to_onnx",
    _WEIGHTS: "load them into their network where it was made: "
    "model.load_state_dict(safetensors.torch.load_file({raw})); "
    f"then {_EXPORT}",
    _DESCRIPTION: "join it with its weights in Keras: model = keras.models.model_from_json("
    "open({raw}).read()); model.load_weights('WEIGHTS.h5'); model.save('model.keras')",
    _PICTURE: "to read what is written on it: mnistry read {path}",
    _LFS: "get the file itself: git lfs pull",
    _TFLITE: _CONVERT.format(option="--tflite"),
}
_HEAD_BYTES = 512


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
    if _ADDRESS.match(os.fspath(path)) or Path(path).suffix.lower() != suffix:
        raise refusal(path, f"a {suffix} file")
    path = Path(path)
    content = _read_bounded(path, suffix, max_bytes)
    kind = _kind(content[:_HEAD_BYTES])
    if kind != _CONTENT[suffix]:
        raise ModelError(
            f"the content is {kind or 'something else'}",
            where=path,
            expected=f"a {suffix} model" + (f", {_CONTENT[suffix]}" if _CONTENT[suffix] else ""),
            remedy=_filled(_REMEDIES.get(kind or "", AGAIN), path),
        )
    return content


def refusal(path: str | os.PathLike[str], expected: str) -> ModelError:
    """Make the error for a path that is not what was expected: what it is, and what to do.

    Examples
    --------
    >>> print(refusal("no/such.onnx", "a run directory"))
    no/such.onnx: no such file or folder; expected a run directory
    """
    what, remedy = _described(os.fspath(path))
    return ModelError(what, where=path, expected=expected, remedy=_filled(remedy, path))


def _described(name: str) -> tuple[str, str | None]:
    """Say what a path is, and what to do where something else is expected."""
    if _ADDRESS.match(name):
        return "a remote address", "download it first, from a source that you trust"
    path = Path(name)
    ending = path.suffix.lower()
    if (path / "saved_model.pb").exists():
        return "a SavedModel, which only TensorFlow opens", _CONVERT.format(option="--saved-model")
    if path.is_dir():
        return "a folder", None
    if not path.is_file():
        return "not a regular file" if path.exists() else "no such file or folder", None
    if ending in _CONTENT:
        return f"a {ending} file", _ADOPT
    try:
        with path.open("rb") as file:
            kind = _kind(file.read(_HEAD_BYTES))
    except OSError as error:
        return f"it cannot be read: {error.strerror}", None
    if ending == ".safetensors":
        return _WEIGHTS, _REMEDIES[_WEIGHTS]
    if ending == ".json":
        return _DESCRIPTION, _REMEDIES[_DESCRIPTION]
    if ending in _PICKLED:
        return f"a {ending} file", _REMEDIES[_PICKLE]
    if kind is not None and kind != _ZIP:  # archives are of many kinds
        return kind, _REMEDIES.get(kind)
    return f"a {ending} file" if ending else "a file without an ending", None


def _filled(remedy: str | None, path: str | os.PathLike[str]) -> str | None:
    if remedy is None:
        return None
    name = os.fspath(path)
    return remedy.format(path=shlex.quote(name), raw=repr(name))


def onnx_content(
    model: str | os.PathLike[str] | bytes, name: str, max_bytes: int
) -> tuple[str, bytes]:
    """Return an ONNX model's name for errors, `name` if no file is given, and its bytes.

    Raises
    ------
    ModelError
        If the file cannot be read, or the model is larger than `max_bytes`.
    """
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
    starts = {
        b"\x89HDF\r\n\x1a\n": _HDF5,
        b"PK\x03\x04": _ZIP,
        b"version https://git-lfs": _LFS,
        **dict.fromkeys((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"), _PICKLE),
        **dict.fromkeys((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"%PDF-", b"II*\0"), _PICTURE),
    }
    named = (name for start, name in starts.items() if head.startswith(start))
    return next(named, _TFLITE if head[4:8] == b"TFL3" else None)
