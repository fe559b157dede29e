"""A quick start for a process that trains: import less of Keras, keep compiled programs.

Only mnistry's own processes import less. A program that imports mnistry keeps its Keras and its
JAX settings; while `mnistry.train` compiles, it uses the same cache.
"""

import contextlib
import gc
import hashlib
import importlib.metadata
import logging
import os
import platform
import sys
import types
import warnings
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from mnistry.errors import UsageError
from mnistry.system import cores, files
from mnistry.system.signals import put_off

log = logging.getLogger(__name__)

# Keras imports these if they are installed: for data frames, scikit-learn, plots, notebooks
# and reports over the network. They take longer to import than Keras and JAX together.
_EXTRAS = ("IPython", "cv2", "matplotlib", "pandas", "requests", "sklearn")

# Keras and JAX import these unconditionally, for sparse matrices and TPUs. We use neither. They
# take 0.26 of 1.08 s of processor time (median of 6, Keras 3.15.1, JAX 0.10.2, two cores of an
# AMD EPYC).
_SPLASH = "jax.experimental.pallas.ops.tpu.splash_attention"
_LAZY = (
    "jax.experimental.sparse.linalg",
    _SPLASH,
    f"{_SPLASH}.splash_attention_kernel",
    f"{_SPLASH}.splash_attention_mask",
)

_M_ARENA_MAX = -8  # glibc's malloc.h
_MAX_BYTES = 200_000_000  # of compiled programs in the cache folder
_CACHE_WARNING = ".*persistent compilation cache"
# How file names in the cache folder end: JAX writes a compiled program and the time of its last
# use, and we the program's SHA-256.
_PROGRAM, _USED, _DIGEST = "-cache", "-atime", "-sha256"


def import_keras() -> None:
    """Import Keras without the packages that it does not need.

    They can still be imported afterwards.

    Raises
    ------
    UsageError
        If Keras does not know the backend in ``KERAS_BACKEND``, or it is not installed.
    """
    if "keras" not in sys.modules:
        _share_memory_among_threads()
        _import_keras()
    cores.divide_processor()


def _share_memory_among_threads() -> None:
    """Make all threads allocate memory from one pool: a pool for each stays mostly empty.

    A training takes 20 MB less. Does nothing but on glibc.
    """
    if sys.platform != "linux":
        return
    import ctypes

    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def _import_keras() -> None:
    backend = os.environ.get("KERAS_BACKEND", "jax")
    # A module that is None in sys.modules cannot be imported.
    stand_ins: dict[str, Any] = dict.fromkeys(_EXTRAS) | {name: _LazyModule(name) for name in _LAZY}
    stand_ins = {name: module for name, module in stand_ins.items() if name not in sys.modules}
    sys.modules |= stand_ins
    try:
        # Some libraries swallow an interrupt in the middle of their import, others crash.
        with put_off(), _without_garbage():
            import keras  # noqa: F401
    except (ValueError, ModuleNotFoundError) as error:
        if backend == "jax" or getattr(error, "name", backend) != backend:
            raise
        raise UsageError(
            f"KERAS_BACKEND is {backend!r}, which "
            + ("is not installed" if isinstance(error, ImportError) else "Keras does not know"),
            expected="jax, the default; torch or tensorflow, where they are installed",
        ) from error
    finally:
        for name in stand_ins:
            del sys.modules[name]


class _LazyModule(types.ModuleType):
    """Imports the module of the same name when an attribute is first used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        full = f"{self.__name__}.{name}"
        return _LazyModule(full) if full in _LAZY else getattr(import_module(self.__name__), name)


@contextlib.contextmanager
def _without_garbage() -> Iterator[None]:
    """Run the block without garbage collection, then exclude all objects so far from it.

    Modules stay until the process ends. Searching them for garbage takes a quarter of Keras's
    import time, and a third of a second when the process ends.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collecting:
            gc.enable()


@contextlib.contextmanager
def compiled_programs() -> Iterator[None]:
    """Let JAX cache its compiled programs in our cache folder.

    Enter it before JAX is imported; its end restores the environment. JAX limits the folder's size
    and locks it, but never replaces a damaged program, and a program for another processor may
    crash: so there is a folder for each version of JAX and kind of processor, and programs are used
    only if their SHA-256, written when the block ends, is correct. Does nothing if
    ``JAX_COMPILATION_CACHE_DIR`` is set already, if JAX is imported already, or if the folder
    cannot be written.
    """
    if "JAX_COMPILATION_CACHE_DIR" in os.environ or "jax" in sys.modules:
        yield
        return
    folder = _prepared_folder()
    if folder is None:
        yield
        return
    settings = {name.upper(): str(value) for name, value in _settings(folder).items()}
    before = {name: os.environ.get(name) for name in settings}
    os.environ |= settings  # JAX reads them when it is imported
    # If the disk fills up meanwhile, only time is lost.
    warnings.filterwarnings("ignore", message=_CACHE_WARNING)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        with contextlib.suppress(OSError):  # without digests they are only compiled again
            _write_digests(folder)


@contextlib.contextmanager
def cached_programs() -> Iterator[None]:
    """Let JAX, imported already, use our cache of compiled programs during the block.

    For a program that imports mnistry: its own JAX settings are the same afterwards, and what it
    compiles itself is not cached. Does nothing if JAX has a cache folder already.
    """
    jax = sys.modules.get("jax")
    if jax is None or jax.config.jax_compilation_cache_dir is not None:
        yield
        return
    folder = _prepared_folder()
    if folder is None:
        yield
        return
    from jax.experimental.compilation_cache.compilation_cache import reset_cache

    settings = _settings(folder)
    before = {name: getattr(jax.config, name) for name in settings}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=_CACHE_WARNING)
        try:
            for name, value in settings.items():
                jax.config.update(name, value)
            reset_cache()  # JAX looks at the settings once
            yield
        finally:
            for name, value in before.items():
                jax.config.update(name, value)
            reset_cache()
            with contextlib.suppress(OSError):  # without digests they are only compiled again
                _write_digests(folder)


def _settings(folder: Path) -> dict[str, Any]:
    """Return JAX's settings for a cache in this folder."""
    return {
        "jax_compilation_cache_dir": str(folder),
        "jax_compilation_cache_max_size": _MAX_BYTES,
        # A start compiles many small programs, all below JAX's thresholds.
        "jax_persistent_cache_min_compile_time_secs": 0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }


def _prepared_folder() -> Path | None:
    """Return the folder for compiled programs, without damaged ones; None if it has no use."""
    try:
        folder = files.cache_dir() / "compiled" / _machine()
        folder.mkdir(parents=True, exist_ok=True)
        _drop_damaged(folder)
        files.write_bytes(folder / "in-use", b"")  # fails if the disk is full or read-only
    except (OSError, importlib.metadata.PackageNotFoundError) as error:
        log.info("compiled programs are not cached: %s", error)
        return None
    return folder


def _drop_damaged(folder: Path) -> None:
    """Delete every program that is damaged or lacks one of its companion files."""
    for program in folder.glob(f"*{_PROGRAM}"):
        used, digest = _companions(program)
        if not used.is_file() or not digest.is_file() or digest.read_text() != _sha256(program):
            for path in (program, used, digest):
                path.unlink(missing_ok=True)
    for digest in folder.glob(f"*{_DIGEST}"):
        if not digest.with_name(digest.name.removesuffix(_DIGEST) + _PROGRAM).is_file():
            digest.unlink(missing_ok=True)  # JAX has dropped the program


def _write_digests(folder: Path) -> None:
    """Write the digest of every program that has none."""
    for program in folder.glob(f"*{_PROGRAM}"):
        _, digest = _companions(program)
        if not digest.is_file():
            files.write_bytes(digest, _sha256(program).encode())


def _companions(program: Path) -> tuple[Path, Path]:
    key = program.name.removesuffix(_PROGRAM)
    return program.with_name(key + _USED), program.with_name(key + _DIGEST)


def _sha256(path: Path) -> str:
    return files.sha256(path) if path.is_file() else ""


def _machine() -> str:
    """Name the version of the compiler and the kind of processor that it compiles for."""
    features = [platform.machine(), platform.processor(), str(os.cpu_count())]
    with contextlib.suppress(OSError):  # only Linux has it
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        features += sorted({line for line in lines if line.startswith(("flags", "model name"))})
    digest = hashlib.sha256("\n".join(features).encode()).hexdigest()[:12]
    return f"jaxlib-{importlib.metadata.version('jaxlib')}-{digest}"
