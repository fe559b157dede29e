"""Where datasets are kept: our own cache, and Keras's, which is read and never written.

Knows nothing of what is in them.
"""

import os
from pathlib import Path

from mnistry.system.files import cache_dir


def own() -> Path:
    """Give our folder of datasets; it is not created here."""
    return cache_dir() / "datasets"


def keras() -> Path:
    """Give Keras's folder of datasets: below ``$KERAS_HOME``, else ``~/.keras``."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path("~/.keras")).expanduser() / "datasets"
