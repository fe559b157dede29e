"""Find the files in a folder that may be pictures.

Knows nothing of their content.
"""

import os
from pathlib import Path

# How the names of pictures and documents end. A name may be wrong: the content decides.
ENDINGS = frozenset(
    {
        *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".tif", ".tiff", ".webp"),
        *(".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".heic", ".heif", ".hif", ".pdf"),
    }
)
# Windows makes these in folders of pictures, where they are hidden.
_HIDDEN = frozenset({"thumbs.db", "desktop.ini"})


def find_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """List the files in a folder and below it, sorted by path.

    A folder that cannot be listed is listed as a file, so that reading it reports the error.
    Hidden files and folders are left out: names that begin with a dot, ``Thumbs.db`` and
    ``desktop.ini``.

    Parameters
    ----------
    folder
        Where to look.

    Returns
    -------
    files, links
        The files; and what is not opened: links that lead to a folder, out of the folder, or
        nowhere, and pipes, sockets and devices.
    """
    root = folder.resolve()
    found: list[Path] = []
    links: list[Path] = []
    for below, folders, files in os.walk(folder, onerror=lambda e: found.append(Path(e.filename))):
        folders[:] = [name for name in folders if not _is_hidden(name)]
        links += [Path(below, name) for name in folders if Path(below, name).is_symlink()]
        for file in [Path(below, name) for name in files if not _is_hidden(name)]:
            (found if file.is_file() and _is_inside(file, root) else links).append(file)
    return sorted(found), sorted(links)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _HIDDEN


def _is_inside(path: Path, root: Path) -> bool:
    """Return whether a file, or what a link points to, lies in a folder."""
    try:
        return path.resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):  # a loop (RuntimeError up to Python 3.12), or nowhere
        return False
