"""Import scripts that belong to no package: those of the benchmarks and of the documentation."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

# Code for a process that imports Keras with nothing of ours. Packages that Keras imports only if
# they are installed are as if they were not: they take longer than Keras itself.
PLAIN_KERAS = (
    "import sys; "
    "sys.modules |= dict.fromkeys(('IPython', 'cv2', 'matplotlib', 'pandas', 'sklearn')); "
    "import keras"
)


def load(path: Path) -> ModuleType:
    """Import a script anew, and return its module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses look there for their module
    spec.loader.exec_module(module)
    return module
