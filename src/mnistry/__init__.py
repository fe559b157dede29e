"""mnistry: train, understand and use handwritten-digit networks with Keras.

Public names are imported at their first use: importing mnistry is quick, and reading digits never
imports Keras.

Examples
--------
>>> import mnistry
>>> (x_train, y_train), (x_test, y_test) = mnistry.load("sample")
>>> x_train.shape
(4000, 28, 28)
"""

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

from mnistry.version import __version__ as __version__

# Keras chooses its backend at its first import. Its keras.json does not count as the user's choice:
# Keras writes one by itself, with another backend in it.
if "keras" not in sys.modules:
    os.environ.setdefault("KERAS_BACKEND", "jax")
# Otherwise ONNX Runtime keeps telemetry in the user's home, with names of programs and models, to
# send it. It must be set before its import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from mnistry.augmentation.distort import Distortion
    from mnistry.datasets import Dataset, Split, load
    from mnistry.display.progress import ProgressBar
    from mnistry.evaluation.scorecard import Scorecard
    from mnistry.evaluation.statistics import mcnemar, spread, wilson
    from mnistry.forms.definition import Form
    from mnistry.networks.zoo import build
    from mnistry.reading import Reader
    from mnistry.recipes import Recipe
    from mnistry.runs.directory import Run
    from mnistry.runs.experiment import evaluate
    from mnistry.training.fit import train
    from mnistry.training.history import History

_HOMES = {
    "Dataset": "mnistry.datasets",
    "Distortion": "mnistry.augmentation.distort",
    "Form": "mnistry.forms.definition",
    "History": "mnistry.training.history",
    "ProgressBar": "mnistry.display.progress",
    "Reader": "mnistry.reading",
    "Recipe": "mnistry.recipes",
    "Run": "mnistry.runs.directory",
    "Scorecard": "mnistry.evaluation.scorecard",
    "Split": "mnistry.datasets",
    "build": "mnistry.networks.zoo",
    "evaluate": "mnistry.runs.experiment",
    "load": "mnistry.datasets",
    "mcnemar": "mnistry.evaluation.statistics",
    "spread": "mnistry.evaluation.statistics",
    "train": "mnistry.training.fit",
    "wilson": "mnistry.evaluation.statistics",
}
__all__ = [
    "Dataset", "Distortion", "Form", "History", "ProgressBar", "Reader", "Recipe", "Run",
    "Scorecard", "Split", "build", "evaluate", "load", "mcnemar", "spread", "train", "wilson",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mnistry' has no attribute {name!r}")
    try:
        module = importlib.import_module(_HOMES[name])
    except ModuleNotFoundError as error:
        from mnistry.errors import MissingAttributeError, MissingImportError

        # For ``from mnistry import name`` Python calls hasattr, and replaces an AttributeError
        # with an ImportError of its own, without the remedy.
        imported = sys._getframe(1).f_code.co_name == "_handle_fromlist"
        raise (MissingImportError if imported else MissingAttributeError)(
            f"mnistry.{name} needs {error.name}, which is not installed",
            remedy="pip install 'mnistry[train]'",
        ) from error
    return getattr(module, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
