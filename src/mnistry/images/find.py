"""Find the picture files in a folder by their names.

Knows nothing of their content.
"""

import os
from collections.abc import Collection
from pathlib import Path

ENDINGS = frozenset(
    {
        *(".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp"),
        *(".ppm", ".pgm", ".pbm", ".pnm"),
    }
)


def find_pictures(folder: Path, endings: Collection[str] = ENDINGS) -> tuple[list[Path], int]:
    """List the pictures in a folder and below it, sorted by path.

    A folder that cannot be listed is listed as a picture, so that reading it reports the error.

    Parameters
    ----------
    folder
        Where to look.
    endings
        The endings of pictures' names, in lower case.

    Returns
    -------
    pictures, passed_over
        The pictures, and how many other entries were passed over: links to folders, links that
        lead out of the folder, and files with other endings.
        Names that begin with a dot are not counted.
    """
    root = folder.resolve()
    found: list[Path] = []
    passed_over = 0
    for below, folders, files in os.walk(folder, onerror=lambda e: found.append(Path(e.filename))):
        passed_over += sum(Path(below, name).is_symlink() for name in folders)  # not entered
        folders[:] = [name for name in folders if not name.startswith(".")]
        for file in [Path(below, name) for name in files if not name.startswith(".")]:
            if file.suffix.lower() in endings and _is_inside(file, root):
                found.append(file)
            else:
                passed_over += 1
    return sorted(found), passed_over


def _is_inside(path: Path, root: Path) -> bool:
    """Whether a file, or what a link points to, lies in a folder."""
    try:
        return path.resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):  # a loop (RuntimeError up to Python 3.12), or nowhere
        return False
