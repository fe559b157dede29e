"""A run's network in eight bits, with notes on what that changed."""

import onnxruntime

from mnistry.datasets.dataset import Dataset, Split
from mnistry.datasets.splits import hold_out
from mnistry.errors import DataError
from mnistry.inference import metadata
from mnistry.networks import int8
from mnistry.networks.int8 import Quantized
from mnistry.percent import percent
from mnistry.runs.directory import Run

_ASIDE = 1 / 6  # of the training images, where the run held none out


def set_aside(run: Run, dataset: Dataset) -> tuple[Split, Split]:
    """Divide a run's training images, to measure on images that nothing was calibrated on.

    Returns
    -------
    kept, held_out
        `held_out` has the run's validation images; if it has none, a sixth of its training images.

    Raises
    ------
    DataError
        If there are no labelled training images.
    """
    if dataset.train is None or dataset.train.labels is None:
        raise DataError("no labelled training images to calibrate on", where=dataset.source)
    recipe = run.recipe
    part = recipe.validation if recipe is not None and recipe.validation else _ASIDE
    kept, aside = hold_out(dataset.train, part, run.seed or 0)
    return kept, dataset.train if aside is None else aside


def quantized(run: Run, dataset: Dataset) -> tuple[bytes, Quantized]:
    """Quantize a run's ONNX model, and compare it on the images of `set_aside`.

    Returns
    -------
    content, found
        The ONNX file with its notes, and the figures.

    Raises
    ------
    DataError
        If there are no labelled training images.
    ModelError
        As `mnistry.networks.int8.quantize` does.
    """
    kept, held_out = set_aside(run, dataset)
    source = run.checked(run.onnx_path)
    found = int8.quantize(source.read_bytes(), kept.images, held_out.images, str(source))
    notes = run.notes(run.scores())
    notes["accuracy"] += " before quantization"
    notes |= {
        "quantization": f"int8, static, QDQ, by ONNX Runtime {onnxruntime.__version__}, calibrated "
        f"on {min(len(kept.images), int8.CALIBRATED_ON):,} training images",
        "changed": f"{found.changed:,} of {found.count:,} held-out training images are answered "
        f"differently ({percent(found.changed / found.count)})",
        "speed": f"{found.speed:.2f} times that of float32, where it was exported, one thread",
    }
    return metadata.add(found.content, notes), found
