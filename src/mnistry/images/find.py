"""Which files of a folder are pictures, by their names.

Knows nothing of what is in them.
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
    """List the pictures in a folder and below it, by name.

    A folder that cannot be listed is given as a picture, which cannot be read.

    Parameters
    ----------
    folder
        Where to look.
    endings
        How names of pictures end, in lower case.

    Returns
    -------
    pictures, passed_over
        And how many others were passed over: links that lead out of the folder, files that are
        not named like pictures. Names that begin with a dot are not looked at.
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
    """Say whether a file lies in a folder even where it is a link."""
    try:
        return path.resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):  # a loop (RuntimeError up to Python 3.12), or nowhere
        return False
